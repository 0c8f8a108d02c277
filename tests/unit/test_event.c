// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credit.pb-c.h"

#include "proto/codec/event.h"
#include "proto/codec/message.h"
#include "tests/vectors/samples.h"

static const enum event_type supported[] = {
    EVENT_ACCOUNT_OPEN, EVENT_DISBURSE, EVENT_PERIOD_REPORT, EVENT_PAYMENT, EVENT_CHARGE_OFF, EVENT_CLOSE};
#define SUPPORTED_COUNT (sizeof supported / sizeof supported[0])

static struct event_header header_of(enum event_type type)
{
    struct digest subject = sample_digest("subject");
    struct event_header header = sample_header(3, &subject, 2);
    header.type = type;
    header.period = type == EVENT_PERIOD_REPORT ? 200509 : 0;
    header.account_type = type == EVENT_ACCOUNT_OPEN ? ACCOUNT_INSTALMENT : 0;
    header.product = type == EVENT_ACCOUNT_OPEN ? 17 : 0;
    header.currency = type == EVENT_ACCOUNT_OPEN ? 156 : 0;
    header.close_kind = type == EVENT_CLOSE ? 3 : 0;
    header.body_commitment = sample_digest("commitment");
    return header;
}

static int decode(const struct event_header *header, struct event_header *read)
{
    struct buffer bytes;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    assert_false(bytes.failed);
    int error = event_header_decode(buffer_span(&bytes), read);
    buffer_close(&bytes);
    return error;
}

static void expect(const struct event_header *header, int expected)
{
    struct event_header read;
    memset(&read, 0xEE, sizeof read);
    struct event_header before = read;
    assert_int_equal(decode(header, &read), expected);
    if (expected != TALLY_OK) assert_memory_equal(&read, &before, sizeof read);
}

static void every_supported_header_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORTED_COUNT; i++) {
        struct event_header header = header_of(supported[i]), read;
        assert_int_equal(decode(&header, &read), TALLY_OK);
        assert_int_equal(read.type, header.type);
        assert_int_equal(read.member_id, 3);
        assert_int_equal(read.subject_scheme, 1);
        assert_true(digest_equal(&read.subject_id, &header.subject_id));
        assert_int_equal(read.event_date, header.event_date);
        assert_true(digest_equal(&read.body_commitment, &header.body_commitment));
        assert_true(read.has_account);
        assert_memory_equal(read.account_ref, header.account_ref, ACCOUNT_REF_SIZE);
        assert_int_equal(read.account_seq, 2);
        assert_true(digest_equal(&read.account_prev, &header.account_prev));
        assert_int_equal(read.account_type, header.account_type);
        assert_int_equal(read.product, header.product);
        assert_int_equal(read.currency, header.currency);
        assert_int_equal(read.period, header.period);
        assert_int_equal(read.close_kind, header.close_kind);
    }
}

static void a_header_has_one_encoding_for_good(void **state)
{
    (void)state;
    /* These bytes are signed in every ledger there is: whatever changes them breaks them all. */
    static const char expected[] = "0801100f18032001";
    struct event_header header = header_of(EVENT_PAYMENT);
    struct buffer bytes;
    char text[2 * EVENT_HEADER_SIZE_MAX + 1];
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, &bytes);
    hex_encode(buffer_span(&bytes), text);
    assert_memory_equal(text, expected, sizeof expected - 1);
    assert_int_equal(bytes.size, 8 + 34 + 4 + 34 + 2 + 18 + 2 + 34);
    struct digest chain = sample_digest("chain");
    struct digest id = event_id(&chain, buffer_span(&bytes));
    hex_encode(span_of(id.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, "b4ac8d8a7cc12f9a5f80dce47427de5158566d582ea4e6bf886f455ba7999deb");
    buffer_close(&bytes);
}

static void a_number_that_is_no_type_is_malformed(void **state)
{
    (void)state;
    struct event_header header = header_of((enum event_type)4);
    expect(&header, TALLY_EFORM);
    header = header_of((enum event_type)0);
    expect(&header, TALLY_EFORM);
}

static void fields_out_of_their_form_are_malformed(void **state)
{
    (void)state;
    struct event_header header = header_of(EVENT_ACCOUNT_OPEN);
    header.member_id = 0;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_ACCOUNT_OPEN);
    header.subject_scheme = 2;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_ACCOUNT_OPEN);
    header.event_date = INT32_MAX;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_ACCOUNT_OPEN);
    header.event_date = INT32_MIN;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_ACCOUNT_OPEN);
    header.currency = 1;
    expect(&header, TALLY_EFORM);
    header.currency = 0;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_ACCOUNT_OPEN);
    header.account_type = 0;
    expect(&header, TALLY_EFORM);
    header.account_type = 3;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_PERIOD_REPORT);
    header.period = 200513;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_CLOSE);
    header.close_kind = 0;
    expect(&header, TALLY_EFORM);
    header.close_kind = 5;
    expect(&header, TALLY_EFORM);
    header = header_of(EVENT_PAYMENT);
    header.has_account = false;
    expect(&header, TALLY_EFORM);
}

static void a_date_before_1970_is_allowed(void **state)
{
    (void)state;
    struct event_header header = header_of(EVENT_PAYMENT), read;
    header.event_date = -1;
    assert_int_equal(decode(&header, &read), TALLY_OK);
    assert_int_equal(read.event_date, -1);
}

/* Unpacks a good header, lets `spoil` change it, and packs it again. */
static int decode_spoiled(enum event_type type, void (*spoil)(Tallystick__V1__EventHeader *message))
{
    struct event_header header = header_of(type), read;
    struct buffer bytes;
    struct arena arena;
    ProtobufCMessage *message;
    buffer_init(&bytes, 2 * EVENT_HEADER_SIZE_MAX);
    arena_init(&arena, 64 * KIB);
    event_header_encode(&header, &bytes);
    assert_int_equal(message_decode(&tallystick__v1__event_header__descriptor, MESSAGE_CANONICAL,
                         buffer_span(&bytes), &arena, &message),
        TALLY_OK);
    spoil((Tallystick__V1__EventHeader *)message);
    buffer_clear(&bytes);
    message_encode(message, &bytes);
    int error = event_header_decode(buffer_span(&bytes), &read);
    arena_close(&arena);
    buffer_close(&bytes);
    return error;
}

static void shorten_subject(Tallystick__V1__EventHeader *message)
{
    message->subject_id.len = 31;
}

static void drop_commitment(Tallystick__V1__EventHeader *message)
{
    message->body_commitment.len = 0;
}

static void shorten_ref(Tallystick__V1__EventHeader *message)
{
    message->account->ref.len = 15;
}

static void shorten_prev(Tallystick__V1__EventHeader *message)
{
    message->account->prev.len = 8;
}

static void drop_public_fields(Tallystick__V1__EventHeader *message)
{
    message->public_fields_case = TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS__NOT_SET;
}

static Tallystick__V1__PeriodReportPublic stray_report;

static void add_public_fields(Tallystick__V1__EventHeader *message)
{
    tallystick__v1__period_report_public__init(&stray_report);
    stray_report.period = 200501;
    message->public_fields_case = TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS_PERIOD_REPORT;
    message->period_report = &stray_report;
}

static void raise_version(Tallystick__V1__EventHeader *message)
{
    message->version = 2;
}

static void drop_version(Tallystick__V1__EventHeader *message)
{
    message->version = 0;
}

static uint8_t long_bytes[EVENT_HEADER_SIZE_MAX];

static void lengthen_ref(Tallystick__V1__EventHeader *message)
{
    message->account->ref.len = sizeof long_bytes;
    message->account->ref.data = long_bytes;
}

static void sizes_and_public_fields_are_those_of_the_type(void **state)
{
    (void)state;
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, shorten_subject), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, drop_commitment), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, shorten_ref), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, shorten_prev), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, lengthen_ref), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, add_public_fields), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_ACCOUNT_OPEN, add_public_fields), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_ACCOUNT_OPEN, drop_public_fields), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_PERIOD_REPORT, drop_public_fields), TALLY_EFORM);
    assert_int_equal(decode_spoiled(EVENT_CLOSE, drop_public_fields), TALLY_EFORM);
}

static void another_version_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, raise_version), TALLY_EVERSION);
    assert_int_equal(decode_spoiled(EVENT_PAYMENT, drop_version), TALLY_EFORM);
}

static void type_names_go_both_ways(void **state)
{
    (void)state;
    size_t count = 0;
    for (uint32_t type = 0; type < 100; type++) {
        const char *name = event_type_name(type);
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(&tallystick__v1__event_type__descriptor, (int)type);
        if (type == 0) assert_null(name);
        if (name == NULL) continue;
        assert_non_null(value);
        assert_string_equal(value->name, name);
        assert_int_equal(event_type_by_name(name), type);
        count++;
    }
    assert_int_equal(count, tallystick__v1__event_type__descriptor.n_values - 1);
    assert_int_equal(event_type_by_name("PAYMENTS"), 0);
    assert_int_equal(event_type_by_name(""), 0);
}

static void id_and_commitment_bind_all_they_are_made_of(void **state)
{
    (void)state;
    struct digest chain = sample_digest("chain"), other = sample_digest("other chain");
    struct digest salt = sample_digest("salt");
    struct digest a = event_id(&chain, span_of("ab", 2)), b = event_id(&other, span_of("ab", 2));
    struct digest c = event_id(&chain, span_of("ac", 2));
    assert_false(digest_equal(&a, &b));
    assert_false(digest_equal(&a, &c));
    struct digest with_body = event_body_commitment(salt.bytes, span_of("x", 1));
    struct digest without = event_body_commitment(salt.bytes, span_of(NULL, 0));
    struct digest other_salt = event_body_commitment(other.bytes, span_of("x", 1));
    assert_false(digest_equal(&with_body, &without));
    assert_false(digest_equal(&with_body, &other_salt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_supported_header_comes_back_as_it_was),
        cmocka_unit_test(a_header_has_one_encoding_for_good),
        cmocka_unit_test(a_number_that_is_no_type_is_malformed),
        cmocka_unit_test(fields_out_of_their_form_are_malformed),
        cmocka_unit_test(a_date_before_1970_is_allowed),
        cmocka_unit_test(sizes_and_public_fields_are_those_of_the_type),
        cmocka_unit_test(another_version_is_told_apart),
        cmocka_unit_test(type_names_go_both_ways),
        cmocka_unit_test(id_and_commitment_bind_all_they_are_made_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
