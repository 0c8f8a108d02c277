// links: rpc codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <grpc/reflection/v1/reflection.pb-c.h>
#include <symbols.pb-c.h>

#include "node/rpc/reflection.h"
#include "proto/base/limits.h"
#include "proto/codec/message.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

#define ASK(field) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##field
#define ANSWER(field) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##field

static struct arena arena;
static struct buffer reply;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, MIB);
    buffer_init(&reply, MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_close(&arena);
    buffer_close(&reply);
    return 0;
}

static ProtobufCMessage *decode(const ProtobufCMessageDescriptor *descriptor, struct span bytes)
{
    ProtobufCMessage *message;
    assert_int_equal(message_decode(descriptor, MESSAGE_LENIENT, bytes, &arena, &message), TALLY_OK);
    return message;
}

static const Response *ask(unsigned what, const char *name)
{
    Request request;
    struct buffer bytes;
    grpc__reflection__v1__server_reflection_request__init(&request);
    request.host = (char *)(uintptr_t) "here";
    request.message_request_case = what;
    request.file_by_filename = (char *)(uintptr_t)name;
    buffer_init(&bytes, KIB);
    message_encode(&request.base, &bytes);
    buffer_clear(&reply);
    assert_int_equal(reflection_answer(buffer_span(&bytes), &reply), TALLY_OK);
    assert_false(reply.failed);
    const Response *response = (const Response *)decode(
        &grpc__reflection__v1__server_reflection_response__descriptor, buffer_span(&reply));
    assert_string_equal(response->valid_host, "here");
    assert_int_equal(response->original_request->message_request_case, what);
    buffer_close(&bytes);
    return response;
}

/* The names of the files that come for a symbol, one behind the other. */
static const char *files_of(unsigned what, const char *name)
{
    static char names[512];
    const Response *response = ask(what, name);
    names[0] = '\0';
    assert_int_equal(response->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
    for (size_t i = 0; i < response->file_descriptor_response->n_file_descriptor_proto; i++) {
        ProtobufCBinaryData bytes = response->file_descriptor_response->file_descriptor_proto[i];
        const Tallystick__V1__SymbolFile *file = (const Tallystick__V1__SymbolFile *)decode(
            &tallystick__v1__symbol_file__descriptor, span_of(bytes.data, bytes.len));
        strcat(strcat(names, names[0] != '\0' ? " " : ""), file->name);
    }
    return names;
}

static void every_public_service_is_listed_and_found(void **state)
{
    (void)state;
    static const char *const expected[] = {"tallystick.v1.Ledger", "tallystick.v1.Credit",
        "tallystick.v1.Node", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection"};
    const Response *response = ask(ASK(LIST_SERVICES), "*");
    assert_int_equal(response->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
    size_t count = response->list_services_response->n_service;
    char names[16][64];
    assert_true(count >= sizeof expected / sizeof expected[0] && count <= 16);
    for (size_t i = 0; i < count; i++)
        snprintf(names[i], sizeof names[i], "%s", response->list_services_response->service[i]->name);
    for (size_t e = 0; e < sizeof expected / sizeof expected[0]; e++) {
        size_t at = 0;
        while (at < count && strcmp(names[at], expected[e]) != 0)
            at++;
        assert_true(at < count);
    }
    for (size_t i = 0; i < count; i++)
        assert_true(strlen(files_of(ASK(FILE_CONTAINING_SYMBOL), names[i])) > 0);
}

static void a_file_comes_with_all_it_imports(void **state)
{
    (void)state;
    assert_string_equal(files_of(ASK(FILE_BY_FILENAME), "credit.proto"), "credit.proto");
    assert_string_equal(files_of(ASK(FILE_BY_FILENAME), "ledger.proto"), "ledger.proto credit.proto");
    assert_string_equal(
        files_of(ASK(FILE_BY_FILENAME), "rpc.proto"), "rpc.proto credit.proto governance.proto ledger.proto");
    assert_string_equal(files_of(ASK(FILE_BY_FILENAME), "grpc/reflection/v1alpha/reflection.proto"),
        "grpc/reflection/v1alpha/reflection.proto");
}

static void a_symbol_is_found_in_the_file_that_declares_it(void **state)
{
    (void)state;
    unsigned what = ASK(FILE_CONTAINING_SYMBOL);
    assert_string_equal(files_of(what, "tallystick.v1.Batch"), "credit.proto");
    assert_string_equal(files_of(what, "tallystick.v1.EventType"), "credit.proto");
    assert_string_equal(files_of(what, "tallystick.v1.Ledger.Follow"),
        "rpc.proto credit.proto governance.proto ledger.proto");
    assert_string_equal(
        files_of(what, "grpc.health.v1.HealthCheckResponse.ServingStatus"), "grpc/health/v1/health.proto");
}

static void what_is_not_known_is_answered_so(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", ".", "tallystick", "tallystick.v1", "tallystick.v1.", "Batch",
        "tallystick.v1.Batc", "tallystick.v1.Batches", "tallystick.v1.Batch.", "tallystick.v1.Batch.Batch",
        "tallystick.v1.Ledger.Forge", "tallystick.v1.Ledger.Follow.x", "tallystick.v1.Hello",
        "grpc.health.v1.HealthCheckResponse.Servin", "grpc.health.v1.ServingStatus"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const Response *response = ask(ASK(FILE_CONTAINING_SYMBOL), unknown[i]);
        assert_int_equal(response->message_response_case, ANSWER(ERROR_RESPONSE));
        assert_int_equal(response->error_response->error_code, 5);
    }
    /* What is not public is not told. */
    assert_int_equal(ask(ASK(FILE_BY_FILENAME), "peer.proto")->error_response->error_code, 5);
    assert_int_equal(
        ask(ASK(ALL_EXTENSION_NUMBERS_OF_TYPE), "tallystick.v1.Batch")->error_response->error_code, 5);
    assert_int_equal(ask(0, "")->error_response->error_code, 3);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    assert_int_equal(reflection_answer(span_of("\x0a\xff", 2), &reply), TALLY_EFORM);
    assert_int_equal(reply.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_public_service_is_listed_and_found, begin, end),
        cmocka_unit_test_setup_teardown(a_file_comes_with_all_it_imports, begin, end),
        cmocka_unit_test_setup_teardown(a_symbol_is_found_in_the_file_that_declares_it, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_answered_so, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_request_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
