// links: rpc codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/rpc/message_json.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

static struct arena arena;
static struct buffer out;
static char why[128];

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, MIB);
    buffer_init(&out, MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_close(&arena);
    buffer_close(&out);
    return 0;
}

static int read_json(
    const char *json, const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **message)
{
    return message_from_json(span_of(json, strlen(json)), descriptor, &arena, message, why, sizeof why);
}

/* The message as text, which holds until the next. */
static const char *json_of(const ProtobufCMessage *message)
{
    buffer_clear(&out);
    assert_int_equal(message_to_json(message, &out), TALLY_OK);
    buffer_u8(&out, '\0');
    return (const char *)out.data;
}

static void a_message_is_written_without_its_defaults(void **state)
{
    (void)state;
    Tallystick__V1__EventResult result;
    tallystick__v1__event_result__init(&result);
    assert_string_equal(json_of(&result.base), "{}");
    result.result_name = (char *)(uintptr_t) "a\"\\\n\x01ä";
    result.event_id = message_bytes(span_of("\xfb\xff\x01\x02", 4));
    result.height = UINT64_MAX;
    result.index = UINT32_MAX;
    assert_string_equal(json_of(&result.base),
        "{\"resultName\":\"a\\\"\\\\\\u000a\\u0001ä\",\"eventId\":\"+/8BAg==\","
        "\"height\":\"18446744073709551615\",\"index\":4294967295}");
}

static void a_member_of_a_oneof_is_written_though_it_is_empty(void **state)
{
    (void)state;
    Tallystick__V1__GetReceiptRequest request = TALLYSTICK__V1__GET_RECEIPT_REQUEST__INIT;
    request.by_case = TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_EVENT_ID;
    assert_string_equal(json_of(&request.base), "{\"eventId\":\"\"}");
}

static void what_was_read_is_written_as_the_mapping_says(void **state)
{
    (void)state;
    ProtobufCMessage *message;
    assert_int_equal(
        read_json(" {\"wait_for\": 2, \"batch\": {\"member_id\": \"7\", \"chainId\": \"-_8\", "
                  "\"expiresAtMs\": 12.0, \"events\": [{}, {\"plain\": {}}], \"signature\": null}}\n",
            &tallystick__v1__submit_batch_request__descriptor, &message),
        TALLY_OK);
    assert_string_equal(json_of(message),
        "{\"batch\":{\"chainId\":\"+/8=\",\"memberId\":7,\"expiresAtMs\":\"12\",\"events\":[{},"
        "{\"plain\":{}}]},\"waitFor\":\"FINAL\"}");
}

static void a_complaint_says_where_and_repeats_no_value(void **state)
{
    (void)state;
    ProtobufCMessage *message;
    assert_int_equal(read_json("{\"batch\":{\"events\":[{},{\"header\":\"secret!\"}]}}",
                         &tallystick__v1__submit_batch_request__descriptor, &message),
        TALLY_EFORM);
    assert_string_equal(why, "batch.events[1].header: not base64");
    assert_int_equal(
        read_json("{\"height\":secret}", &tallystick__v1__get_block_request__descriptor, &message),
        TALLY_EFORM);
    assert_null(strstr(why, "secret"));
}

/* A key as long as the text may be neither overruns a path nor a complaint. */
static void a_long_key_is_cut(void **state)
{
    (void)state;
    ProtobufCMessage *message;
    char json[2048] = "{\"";
    memset(json + 2, 'k', 2000);
    memcpy(json + 2002, "\":1}", 5);
    assert_int_equal(read_json(json, &tallystick__v1__get_block_request__descriptor, &message), TALLY_EFORM);
    assert_true(strlen(why) < 64);
}

/* Returns what comes of a value that is `count` times the text `part`. */
static int read_repeated(const char *part, size_t count)
{
    ProtobufCMessage *message;
    struct buffer json;
    buffer_init(&json, 16 * MIB);
    for (size_t i = 0; i < count; i++)
        buffer_append(&json, part, strlen(part));
    int error = message_from_json(buffer_span(&json), &tallystick__v1__get_block_request__descriptor, &arena,
        &message, why, sizeof why);
    buffer_close(&json);
    return error;
}

static void hostile_texts_end_at_a_bound(void **state)
{
    (void)state;
    assert_int_equal(read_repeated("[", MESSAGE_JSON_DEPTH_MAX), TALLY_EFORM);
    assert_int_equal(read_repeated("[", MESSAGE_JSON_DEPTH_MAX + 1), TALLY_ELIMIT);
    assert_int_equal(read_repeated("[", MIB), TALLY_ELIMIT);
    assert_int_equal(read_repeated("{\"a\":", MIB / 8), TALLY_ELIMIT);
    assert_int_equal(read_repeated("[]", MESSAGE_JSON_VALUES_MAX - 1), TALLY_EFORM);
    assert_int_equal(read_repeated("[]", MESSAGE_JSON_VALUES_MAX), TALLY_ELIMIT);
    assert_int_equal(read_repeated(" ", MESSAGE_JSON_SIZE_MAX), TALLY_EFORM);
    assert_int_equal(read_repeated(" ", MESSAGE_JSON_SIZE_MAX + 1), TALLY_ELIMIT);
    /* What looks like depth inside a string is none. */
    assert_int_equal(read_repeated("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"", 1), TALLY_EFORM);
}

static void a_message_without_room_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    Tallystick__V1__GetBlockRequest request = TALLYSTICK__V1__GET_BLOCK_REQUEST__INIT;
    request.height = 123;
    struct buffer small;
    for (size_t size_max = 2; size_max < 18; size_max++) {
        buffer_init(&small, size_max);
        buffer_append(&small, "ab", 2);
        assert_int_equal(message_to_json(&request.base, &small), TALLY_ELIMIT);
        assert_int_equal(small.size, 2);
        buffer_close(&small);
    }
    buffer_init(&small, 18);
    assert_int_equal(message_to_json(&request.base, &small), TALLY_OK);
    assert_int_equal(small.size, strlen("{\"height\":\"123\"}"));
    buffer_close(&small);
}

/* Whatever the budget, a message is there whole or the reading says so. */
static void a_spent_budget_is_told_and_never_passed(void **state)
{
    (void)state;
    static const char json[] = "{\"batch\":{\"chainId\":\"AAAA\",\"events\":[{\"plain\":{\"salt\":\"AAAA\"}},"
                               "{\"header\":\"AAAA\"}]}}";
    ProtobufCMessage *message;
    bool read = false;
    for (size_t budget = 0; budget < 4096 && !read; budget += 16) {
        struct arena small;
        arena_init(&small, budget);
        int error = message_from_json(span_of(json, strlen(json)),
            &tallystick__v1__submit_batch_request__descriptor, &small, &message, why, sizeof why);
        read = error == TALLY_OK;
        assert_true(read || error == TALLY_ENOMEM);
        if (read) assert_string_equal(json_of(message), json);
        arena_close(&small);
    }
    assert_true(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_is_written_without_its_defaults, begin, end),
        cmocka_unit_test_setup_teardown(a_member_of_a_oneof_is_written_though_it_is_empty, begin, end),
        cmocka_unit_test_setup_teardown(what_was_read_is_written_as_the_mapping_says, begin, end),
        cmocka_unit_test_setup_teardown(a_complaint_says_where_and_repeats_no_value, begin, end),
        cmocka_unit_test_setup_teardown(a_long_key_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(hostile_texts_end_at_a_bound, begin, end),
        cmocka_unit_test_setup_teardown(a_message_without_room_leaves_the_buffer_as_it_was, begin, end),
        cmocka_unit_test_setup_teardown(a_spent_budget_is_told_and_never_passed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
