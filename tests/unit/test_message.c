// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credit.pb-c.h"
#include "ledger.pb-c.h"
#include "peer.pb-c.h"
#include "rpc.pb-c.h"

#include "proto/base/limits.h"
#include "proto/codec/message.h"

static const ProtobufCMessageDescriptor *const hello = &tallystick__v1__hello__descriptor;
static const ProtobufCMessageDescriptor *const header = &tallystick__v1__event_header__descriptor;
static const ProtobufCMessageDescriptor *const close_body = &tallystick__v1__close_body__descriptor;
static const ProtobufCMessageDescriptor *const block_header = &tallystick__v1__block_header__descriptor;
static const ProtobufCMessageDescriptor *const vote = &tallystick__v1__vote__descriptor;
static const ProtobufCMessageDescriptor *const accounts = &tallystick__v1__own_accounts_request__descriptor;
static const ProtobufCMessageDescriptor *const receipt_request =
    &tallystick__v1__get_receipt_request__descriptor;
static const ProtobufCMessageDescriptor *const open_body = &tallystick__v1__account_open_body__descriptor;

/* Decodes, and where that goes well encodes again: a canonical message must come out as it went in. */
static int decode(
    const ProtobufCMessageDescriptor *descriptor, enum message_form form, const char *bytes, size_t size)
{
    struct arena arena;
    ProtobufCMessage *message = NULL;
    arena_init(&arena, 64 * KIB);
    int error = message_decode(descriptor, form, span_of(bytes, size), &arena, &message);
    if (error == TALLY_OK && form == MESSAGE_CANONICAL) {
        struct buffer out;
        buffer_init(&out, 64 * KIB);
        message_encode(message, &out);
        assert_int_equal(out.size, size);
        if (size > 0) assert_memory_equal(out.data, bytes, size);
        buffer_close(&out);
    }
    arena_close(&arena);
    return error;
}

#define canonical(descriptor, bytes) decode(descriptor, MESSAGE_CANONICAL, bytes, sizeof bytes - 1)
#define lenient(descriptor, bytes) decode(descriptor, MESSAGE_LENIENT, bytes, sizeof bytes - 1)
#define both_refuse(descriptor, bytes)                                                                       \
    do {                                                                                                     \
        assert_int_equal(canonical(descriptor, bytes), TALLY_EFORM);                                         \
        assert_int_equal(lenient(descriptor, bytes), TALLY_EFORM);                                           \
    } while (0)
#define only_lenient(descriptor, bytes)                                                                      \
    do {                                                                                                     \
        assert_int_equal(canonical(descriptor, bytes), TALLY_EFORM);                                         \
        assert_int_equal(lenient(descriptor, bytes), TALLY_OK);                                              \
    } while (0)
#define both_accept(descriptor, bytes)                                                                       \
    do {                                                                                                     \
        assert_int_equal(canonical(descriptor, bytes), TALLY_OK);                                            \
        assert_int_equal(lenient(descriptor, bytes), TALLY_OK);                                              \
    } while (0)

static void an_empty_message_is_canonical(void **state)
{
    (void)state;
    both_accept(hello, "");
    assert_int_equal(decode(hello, MESSAGE_CANONICAL, NULL, 0), TALLY_OK);
}

static void fields_keep_their_order_in_a_canonical_message(void **state)
{
    (void)state;
    both_accept(hello, "\x08\x01\x12\x01\x61\x2a\x01\x62");
    only_lenient(hello, "\x12\x01\x61\x08\x01");
}

static void a_scalar_given_twice_is_not_canonical_and_the_last_one_counts(void **state)
{
    (void)state;
    only_lenient(hello, "\x08\x01\x08\x02");
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, 4 * KIB);
    assert_int_equal(
        message_decode(hello, MESSAGE_LENIENT, span_of("\x08\x01\x08\x02", 4), &arena, &message), TALLY_OK);
    assert_int_equal(((Tallystick__V1__Hello *)message)->version, 2);
    arena_close(&arena);
}

static void varints_are_minimal_in_a_canonical_message(void **state)
{
    (void)state;
    only_lenient(hello, "\x08\x81\x00");
    only_lenient(hello, "\x88\x00\x01");                                /* the key */
    only_lenient(hello, "\x12\x81\x00\x61");                            /* the length */
    both_refuse(hello, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"); /* past 64 bits */
    both_refuse(hello, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    both_refuse(hello, "\x88\x80\x80\x80\x80\x00\x01"); /* a key of six bytes */
}

static void a_default_is_not_written_in_a_canonical_message(void **state)
{
    (void)state;
    only_lenient(hello, "\x08\x00");
    only_lenient(hello, "\x12\x00");
    only_lenient(hello, "\x2a\x00");
    only_lenient(block_header, "\x58\x00");
    only_lenient(&tallystick__v1__certificate__descriptor, "\x29\x00\x00\x00\x00\x00\x00\x00\x00");
}

static void a_default_in_a_oneof_differs_from_an_absent_one(void **state)
{
    (void)state;
    both_accept(close_body, "");
    both_accept(close_body, "\x08\x00");
    both_accept(receipt_request, "\x0a\x00"); /* an empty event id is still by event id */
    both_accept(header, "\x4a\x00");
}

static void one_member_of_a_oneof_at_most(void **state)
{
    (void)state;
    both_refuse(header, "\x4a\x00\x52\x01\x61");
    both_refuse(receipt_request, "\x0a\x01\x61\x12\x00");
    both_refuse(receipt_request, "\x12\x00\x0a\x01\x61");
    both_accept(open_body, "\x08\x01\x10\x02"); /* two oneofs */
}

static void a_submessage_is_never_merged(void **state)
{
    (void)state;
    both_refuse(&tallystick__v1__ledger_block__descriptor, "\x0a\x02\x10\x01\x0a\x02\x18\x01");
}

static void unknown_fields_are_skipped_by_the_lenient_form_only(void **state)
{
    (void)state;
    only_lenient(hello, "\xf8\x01\x05");
    only_lenient(hello, "\xf9\x01\x01\x02\x03\x04\x05\x06\x07\x08");
    only_lenient(hello, "\xfa\x01\x02xy");
    only_lenient(hello, "\xfd\x01\x01\x02\x03\x04");
    both_refuse(hello, "\xfb\x01"); /* groups */
    both_refuse(hello, "\xfc\x01");
    both_refuse(hello, "\xfe\x01");
    both_refuse(hello, "\xff\x01");
    both_refuse(hello, "\xfa\x01\x05xy");
    both_refuse(hello, "\xf9\x01\x01");
}

static void field_numbers_start_at_one_and_end(void **state)
{
    (void)state;
    both_refuse(hello, "\x00\x01");
    both_refuse(hello, "\x80\x80\x80\x80\x10\x01");
    only_lenient(hello, "\xf8\xff\xff\xff\x0f\x01");
}

static void a_wire_type_is_the_fields_own(void **state)
{
    (void)state;
    both_refuse(hello, "\x0a\x01\x61");
    both_refuse(hello, "\x10\x01");
    both_refuse(hello, "\x0d\x01\x00\x00\x00");
}

static void integers_fit_their_type_in_a_canonical_message(void **state)
{
    (void)state;
    both_accept(hello, "\x08\xff\xff\xff\xff\x0f");
    only_lenient(hello, "\x08\x80\x80\x80\x80\x10");
    only_lenient(block_header, "\x58\x02"); /* a bool */
    both_accept(block_header, "\x58\x01");
    both_accept(header, "\x38\xff\xff\xff\xff\x0f"); /* sint32 */
    only_lenient(header, "\x38\x80\x80\x80\x80\x10");
    both_accept(open_body, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* int32 -1 */
    only_lenient(open_body, "\x18\xff\xff\xff\xff\x0f");                    /* the same, not sign-extended */
}

static void enums_are_those_of_the_schema(void **state)
{
    (void)state;
    both_accept(vote, "\x08\x03");
    both_refuse(vote, "\x08\x04");
    both_refuse(vote, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    both_refuse(vote, "\x08\x81\x80\x80\x80\x10"); /* 1, past 32 bits */
    both_refuse(header, "\x10\x04");
}

static void text_is_utf8_without_nul(void **state)
{
    (void)state;
    both_accept(hello, "\x2a\x02\xc3\xa4");
    both_accept(hello, "\x2a\x03\xe4\xb8\xad");
    both_accept(hello, "\x2a\x04\xf0\x9f\x98\x80");
    both_accept(hello, "\x2a\x04\xf4\x8f\xbf\xbf");
    both_refuse(hello, "\x2a\x01\x80");
    both_refuse(hello, "\x2a\x02\xc0\x80");
    both_refuse(hello, "\x2a\x02\xc1\xbf");
    both_refuse(hello, "\x2a\x01\xc3");
    both_refuse(hello, "\x2a\x02\xc3\x28");
    both_refuse(hello, "\x2a\x03\xe0\x9f\xbf");
    both_refuse(hello, "\x2a\x03\xed\xa0\x80");
    both_refuse(hello, "\x2a\x04\xf0\x8f\xbf\xbf");
    both_refuse(hello, "\x2a\x04\xf4\x90\x80\x80");
    both_refuse(hello, "\x2a\x04\xf5\x80\x80\x80");
    both_refuse(hello, "\x2a\x03\x61\x00\x62");
}

static void empty_elements_of_a_list_are_kept(void **state)
{
    (void)state;
    both_accept(accounts, "\x0a\x00\x0a\x01\x61\x0a\x00");
}

static void lengths_end_within_the_message(void **state)
{
    (void)state;
    both_refuse(hello, "\x12");
    both_refuse(hello, "\x12\x01");
    both_refuse(hello, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    both_refuse(hello, "\x08");
    both_refuse(hello, "\x08\x80");
}

static void submessages_are_checked_as_their_parent_is(void **state)
{
    (void)state;
    only_lenient(header, "\x4a\x02\x10\x00");
    both_refuse(header, "\x4a\x02\x10");
    /* A range's block's batch's event's body's salt, twice: six levels down. */
    only_lenient(&tallystick__v1__block_range__descriptor,
        "\x0a\x0e\x2a\x0c\x2a\x0a\x12\x08\x0a\x01\x61\x0a\x01\x62\x12\x00");
}

static void the_arena_bounds_what_is_unpacked(void **state)
{
    (void)state;
    /* A quarter of a mebibyte of empty events would take tens of mebibytes. */
    struct buffer bytes;
    struct arena arena;
    ProtobufCMessage *message = NULL;
    buffer_init(&bytes, MIB);
    for (int i = 0; i < 131072; i++)
        buffer_append(&bytes, "\x2a\x00", 2);
    arena_init(&arena, 2 * MIB);
    assert_int_equal(message_decode(&tallystick__v1__batch__descriptor, MESSAGE_LENIENT, buffer_span(&bytes),
                         &arena, &message),
        TALLY_ENOMEM);
    assert_true(arena.used <= 2 * MIB);
    assert_null(message);
    arena_close(&arena);
    buffer_close(&bytes);
}

static void every_budget_ends_cleanly(void **state)
{
    (void)state;
    /* Two events with bodies in a batch, and an unknown field: each kind of allocation fails in its turn. */
    static const char bytes[] =
        "\x0a\x02xy\x2a\x09\x0a\x01h\x12\x04\x0a\x02ss\x2a\x05\x0a\x03hhh\x32\x01s\xfa\x07\x01u";
    bool succeeded = false;
    for (size_t budget = 0; budget < 4 * KIB; budget += 16) {
        struct arena arena;
        ProtobufCMessage *message;
        arena_init(&arena, budget);
        int error = message_decode(&tallystick__v1__batch__descriptor, MESSAGE_LENIENT,
            span_of(bytes, sizeof bytes - 1), &arena, &message);
        assert_true(error == TALLY_OK || error == TALLY_ENOMEM);
        assert_false(succeeded && error != TALLY_OK);
        succeeded = error == TALLY_OK;
        arena_close(&arena);
    }
    assert_true(succeeded);
}

static void a_full_buffer_fails_and_keeps_its_content(void **state)
{
    (void)state;
    struct buffer out;
    Tallystick__V1__Hello message;
    tallystick__v1__hello__init(&message);
    message.node_key = message_bytes(span_of("0123456789", 10));
    buffer_init(&out, 11);
    message_encode(&message.base, &out);
    assert_true(out.failed);
    assert_int_equal(out.size, 0);
    buffer_close(&out);
}

static void another_version_is_told_apart_from_junk(void **state)
{
    (void)state;
    assert_false(message_version_differs(span_of("\x08\x01", 2), 1));
    assert_true(message_version_differs(span_of("\x08\x02", 2), 1));
    assert_false(message_version_differs(span_of("\x08\x00", 2), 1));
    assert_false(message_version_differs(span_of("\x08", 1), 1));
    assert_false(message_version_differs(span_of("\x10\x02", 2), 1));
}

/* The scan has no rules for floating point and repeated scalars; nothing in the schema may need them. */
static void visit(const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    assert_true(depth <= MESSAGE_DEPTH_MAX);
    assert_true(descriptor->n_fields <= 64);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool sized = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_BYTES ||
                     field->type == PROTOBUF_C_TYPE_STRING;
        assert_true(field->type != PROTOBUF_C_TYPE_FLOAT && field->type != PROTOBUF_C_TYPE_DOUBLE);
        assert_true(field->label != PROTOBUF_C_LABEL_REPEATED || sized);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) visit(field->descriptor, depth + 1);
    }
}

static void the_schema_needs_no_rule_the_scan_lacks(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *const roots[] = {&tallystick__v1__block_range__descriptor,
        &tallystick__v1__proposal__descriptor, &tallystick__v1__history_proof__descriptor,
        &tallystick__v1__receipt__descriptor, &tallystick__v1__checkpoint_vote__descriptor, hello, vote,
        &tallystick__v1__submit_batch_request__descriptor, &tallystick__v1__submit_batch_reply__descriptor,
        &tallystick__v1__get_receipt_reply__descriptor, &tallystick__v1__follow_reply__descriptor,
        &tallystick__v1__get_checkpoint_reply__descriptor, &tallystick__v1__get_history_reply__descriptor,
        &tallystick__v1__inquire_request__descriptor, &tallystick__v1__inquire_reply__descriptor,
        &tallystick__v1__own_events_request__descriptor, &tallystick__v1__own_events_reply__descriptor,
        &tallystick__v1__get_event_reply__descriptor, &tallystick__v1__own_account__descriptor,
        &tallystick__v1__get_status_reply__descriptor, &tallystick__v1__error_detail__descriptor, header,
        open_body, close_body, receipt_request, accounts, &tallystick__v1__disburse_body__descriptor,
        &tallystick__v1__period_report_body__descriptor, &tallystick__v1__payment_body__descriptor,
        &tallystick__v1__charge_off_body__descriptor};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        visit(roots[i], 1);
}

/* A message that nests in itself, which the schema has none of: the depth must be bounded all the same. */
struct nested {
    ProtobufCMessage base;
    struct nested *child;
};

static const ProtobufCMessageDescriptor nested_descriptor;
static const ProtobufCFieldDescriptor nested_fields[] = {{
    .name = "child",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .offset = offsetof(struct nested, child),
    .descriptor = &nested_descriptor,
}};
static const unsigned nested_by_name[] = {0};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor nested_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "nested",
    .short_name = "nested",
    .c_name = "nested",
    .package_name = "",
    .sizeof_message = sizeof(struct nested),
    .n_fields = 1,
    .fields = nested_fields,
    .fields_sorted_by_name = nested_by_name,
    .n_field_ranges = 1,
    .field_ranges = nested_ranges,
};

static int decode_nested(unsigned levels)
{
    /* Written from the innermost outwards, at the end of the array. */
    static char bytes[128 * 1024];
    size_t start = sizeof bytes;
    for (unsigned i = 1; i < levels; i++) {
        size_t size = sizeof bytes - start;
        uint8_t length[10];
        size_t used = 0;
        for (; size >= 0x80; size >>= 7)
            length[used++] = (uint8_t)(size | 0x80);
        length[used++] = (uint8_t)size;
        start -= used;
        memcpy(bytes + start, length, used);
        bytes[--start] = 0x0a;
    }
    return decode(&nested_descriptor, MESSAGE_LENIENT, bytes + start, sizeof bytes - start);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(decode_nested(1), TALLY_OK);
    assert_int_equal(decode_nested(MESSAGE_DEPTH_MAX), TALLY_OK);
    assert_int_equal(decode_nested(MESSAGE_DEPTH_MAX + 1), TALLY_EFORM);
    assert_int_equal(decode_nested(20000), TALLY_EFORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_message_is_canonical),
        cmocka_unit_test(fields_keep_their_order_in_a_canonical_message),
        cmocka_unit_test(a_scalar_given_twice_is_not_canonical_and_the_last_one_counts),
        cmocka_unit_test(varints_are_minimal_in_a_canonical_message),
        cmocka_unit_test(a_default_is_not_written_in_a_canonical_message),
        cmocka_unit_test(a_default_in_a_oneof_differs_from_an_absent_one),
        cmocka_unit_test(one_member_of_a_oneof_at_most),
        cmocka_unit_test(a_submessage_is_never_merged),
        cmocka_unit_test(unknown_fields_are_skipped_by_the_lenient_form_only),
        cmocka_unit_test(field_numbers_start_at_one_and_end),
        cmocka_unit_test(a_wire_type_is_the_fields_own),
        cmocka_unit_test(integers_fit_their_type_in_a_canonical_message),
        cmocka_unit_test(enums_are_those_of_the_schema),
        cmocka_unit_test(text_is_utf8_without_nul),
        cmocka_unit_test(empty_elements_of_a_list_are_kept),
        cmocka_unit_test(lengths_end_within_the_message),
        cmocka_unit_test(submessages_are_checked_as_their_parent_is),
        cmocka_unit_test(the_arena_bounds_what_is_unpacked),
        cmocka_unit_test(every_budget_ends_cleanly),
        cmocka_unit_test(a_full_buffer_fails_and_keeps_its_content),
        cmocka_unit_test(another_version_is_told_apart_from_junk),
        cmocka_unit_test(the_schema_needs_no_rule_the_scan_lacks),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
