// links: rpc codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "node/rpc/limits.h"
#include "node/rpc/message_json.h"
#include "node/rpc/transcode.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

/* What JSON costs the loop, where it is read and written: printed, and not judged. */

#define BATCH tallystick__v1__submit_batch_request__descriptor
#define ROUNDS 5u

/* Of this thread's CPU, since others run meanwhile. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double ms_since(uint64_t start_ns)
{
    return (double)(cpu_ns() - start_ns) / 1e6;
}

/* The request that SubmitBatch takes at most: as many events as may be, with headers that fill it. */
static void largest_put(struct buffer *out)
{
    static uint8_t header[BATCH_SIZE_MAX / BATCH_EVENTS_MAX - 8];
    static Tallystick__V1__CreditEvent events[BATCH_EVENTS_MAX];
    static Tallystick__V1__CreditEvent *pointers[BATCH_EVENTS_MAX];
    Tallystick__V1__Batch batch = TALLYSTICK__V1__BATCH__INIT;
    Tallystick__V1__SubmitBatchRequest request = TALLYSTICK__V1__SUBMIT_BATCH_REQUEST__INIT;
    for (size_t i = 0; i < sizeof header; i++)
        header[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < BATCH_EVENTS_MAX; i++) {
        tallystick__v1__credit_event__init(&events[i]);
        events[i].header = message_bytes(span_of(header, sizeof header));
        pointers[i] = &events[i];
    }
    batch.events = pointers;
    batch.n_events = BATCH_EVENTS_MAX;
    request.batch = &batch;
    message_encode(&request.base, out);
    assert_false(out->failed);
}

static void the_largest_batch_is_converted_and_back(void **state)
{
    (void)state;
    struct buffer message, text, again;
    char why[160];
    buffer_init(&message, RPC_REQUEST_SIZE_MAX);
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    buffer_init(&again, RPC_REQUEST_SIZE_MAX);
    largest_put(&message);
    double written_ms = 1e9, read_ms = 1e9;
    for (unsigned i = 0; i < ROUNDS; i++) {
        buffer_clear(&text);
        uint64_t start_ns = cpu_ns();
        assert_int_equal(transcode_to_json(&BATCH, buffer_span(&message), &text), TALLY_OK);
        if (ms_since(start_ns) < written_ms) written_ms = ms_since(start_ns);
        buffer_clear(&again);
        start_ns = cpu_ns();
        assert_int_equal(transcode_from_json(&BATCH, buffer_span(&text), &again, why, sizeof why), TALLY_OK);
        if (ms_since(start_ns) < read_ms) read_ms = ms_since(start_ns);
        assert_true(span_equal(buffer_span(&message), buffer_span(&again)));
    }
    print_message("%zu bytes are %zu of JSON: written in %.1f ms, read in %.1f ms\n", message.size, text.size,
        written_ms, read_ms);
    buffer_close(&message);
    buffer_close(&text);
    buffer_close(&again);
}

static void the_largest_reply_is_converted(void **state)
{
    (void)state;
    struct buffer message, text;
    Tallystick__V1__GetHistoryReply reply = TALLYSTICK__V1__GET_HISTORY_REPLY__INIT;
    size_t size = RPC_TEXT_SIZE_MAX / 4u * 3u - 64u;
    uint8_t *proof = calloc(1, size);
    assert_non_null(proof);
    buffer_init(&message, RPC_REPLY_SIZE_MAX);
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    reply.proof = message_bytes(span_of(proof, size));
    message_encode(&reply.base, &message);
    assert_false(message.failed);
    uint64_t start_ns = cpu_ns();
    assert_int_equal(
        transcode_to_json(&tallystick__v1__get_history_reply__descriptor, buffer_span(&message), &text),
        TALLY_OK);
    print_message("%zu bytes of JSON: written in %.1f ms\n", text.size, ms_since(start_ns));
    buffer_close(&message);
    buffer_close(&text);
    free(proof);
}

static void hostile(const char *name, const char *head, const char *part)
{
    struct buffer text, message;
    char why[160];
    buffer_init(&text, MESSAGE_JSON_SIZE_MAX);
    buffer_init(&message, BATCH_SIZE_MAX + 64u * KIB);
    buffer_append(&text, head, strlen(head));
    while (text.size + strlen(part) <= text.size_max)
        buffer_append(&text, part, strlen(part));
    assert_false(text.failed);
    uint64_t start_ns = cpu_ns();
    int error = transcode_from_json(&BATCH, buffer_span(&text), &message, why, sizeof why);
    print_message("%s: %zu bytes refused in %.1f ms: %s\n", name, text.size, ms_since(start_ns), why);
    assert_int_not_equal(error, TALLY_OK);
    buffer_close(&text);
    buffer_close(&message);
}

static void hostile_texts_are_refused_soon(void **state)
{
    (void)state;
    hostile("empty events", "{\"batch\":{\"events\":[{}", ",{}");
    hostile("numbers", "{\"batch\":{\"events\":[0", ",0");
    hostile("a string", "{\"batch\":{\"chainId\":\"", "AAAAAAAA");
    hostile("escapes", "{\"batch\":{\"chainId\":\"", "\\u0041");
    hostile("arrays", "", "[");
    hostile("blanks", "", " ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_batch_is_converted_and_back),
        cmocka_unit_test(the_largest_reply_is_converted),
        cmocka_unit_test(hostile_texts_are_refused_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
