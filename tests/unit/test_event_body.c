// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/vectors/event_samples.h"

static struct buffer bytes;

static int make_buffer(void **state)
{
    (void)state;
    buffer_init(&bytes, 2 * EVENT_BODY_SIZE_MAX);
    return 0;
}

static int drop_buffer(void **state)
{
    (void)state;
    buffer_close(&bytes);
    return 0;
}

static void encode(const struct event_body *body)
{
    buffer_clear(&bytes);
    event_body_encode(body, &bytes);
    assert_false(bytes.failed);
}

static int decode(const struct event_body *body, struct event_body *read)
{
    encode(body);
    return event_body_decode(body->type, buffer_span(&bytes), read);
}

static void expect(const struct event_body *body, int expected)
{
    struct event_body read;
    memset(&read, 0xEE, sizeof read);
    const struct event_body before = read;
    assert_int_equal(decode(body, &read), expected);
    if (expected != TALLY_OK) assert_memory_equal(&read, &before, sizeof read);
}

static void assert_same_amount(const struct optional_amount *a, const struct optional_amount *b)
{
    assert_int_equal(a->present, b->present);
    assert_true(a->minor == b->minor);
}

/* Field by field: padding says nothing. */
static void assert_same(const struct event_body *a, const struct event_body *b)
{
#define SAME(field) assert_memory_equal(&a->field, &b->field, sizeof a->field)
    SAME(type);
    SAME(corrected);
    assert_same_amount(&a->limit, &b->limit);
    assert_same_amount(&a->principal, &b->principal);
    assert_same_amount(&a->scheduled, &b->scheduled);
    assert_same_amount(&a->past_due, &b->past_due);
    assert_same_amount(&a->interest, &b->interest);
    assert_same_amount(&a->fee, &b->fee);
    assert_same_amount(&a->recovery, &b->recovery);
    assert_same_amount(&a->balance, &b->balance);
    assert_same_amount(&a->fees_deducted, &b->fees_deducted);
    SAME(amount_minor);
    SAME(balance_minor);
    SAME(paid_minor);
    SAME(old_limit_minor);
    SAME(new_limit_minor);
    SAME(days_past_due);
    SAME(code_only);
    SAME(has_rate);
    SAME(has_apr);
    SAME(has_terms);
    SAME(has_first_delinquency);
    SAME(rate_ppm);
    SAME(apr_ppm);
    SAME(term_count);
    SAME(first_delinquency_date);
    SAME(term_unit);
    SAME(security);
    SAME(payer);
    SAME(reported_code);
    SAME(channel);
    SAME(notice_version);
    SAME(reason);
    SAME(text);
#undef SAME
}

static void a_full_body_of_each_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_body body = full_body(event_types[i]), read;
        memset(&read, 0xEE, sizeof read);
        assert_int_equal(decode(&body, &read), TALLY_OK);
        assert_same(&read, &body);
    }
}

static void a_bare_body_of_each_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_body body = {.type = event_types[i]}, read;
        if (body.type == EVENT_CORRECT) body.corrected = EVENT_CLOSE;
        assert_int_equal(decode(&body, &read), TALLY_OK);
        assert_same(&read, &body);
        if (body.type != EVENT_CORRECT) assert_int_equal(bytes.size, 0);
    }
}

static void a_correction_holds_a_body_of_any_type_with_amounts_and_of_no_other(void **state)
{
    (void)state;
    size_t allowed = 0;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (!event_type_has_amounts((uint32_t)event_types[i])) continue;
        struct event_body body = full_body(event_types[i]), read;
        body.type = EVENT_CORRECT;
        body.corrected = event_types[i];
        assert_int_equal(decode(&body, &read), TALLY_OK);
        assert_same(&read, &body);
        allowed++;
    }
    assert_int_equal(allowed, 9);
    struct event_body read;
    for (uint8_t number = 1; number < 16; number++) {
        const uint8_t other[] = {(uint8_t)(number << 3 | 2), 0};
        bool is_type = number >= EVENT_ACCOUNT_OPEN && number <= EVENT_PAYMENT;
        assert_int_equal(
            event_body_decode(EVENT_CORRECT, span_of(other, 2), &read), is_type ? TALLY_OK : TALLY_EFORM);
    }
    /* STATUS, under its own number; nothing at all; and two bodies. */
    assert_int_equal(event_body_decode(EVENT_CORRECT, span_of("\x8a\x01\x00", 3), &read), TALLY_EFORM);
    assert_int_equal(event_body_decode(EVENT_CORRECT, span_of(NULL, 0), &read), TALLY_EFORM);
    assert_int_equal(event_body_decode(EVENT_CORRECT, span_of("\x6a\x00\x72\x00", 4), &read), TALLY_EFORM);
}

static void a_report_of_a_code_alone_holds_nothing_else(void **state)
{
    (void)state;
    const struct event_body bare = {.type = EVENT_PERIOD_REPORT, .code_only = true, .reported_code = "L"};
    struct event_body body = bare, read;
    assert_int_equal(decode(&body, &read), TALLY_OK);
    assert_same(&read, &body);
    body.reported_code[0] = '\0';
    expect(&body, TALLY_EFORM);
    body = bare;
    body.balance_minor = -1;
    expect(&body, TALLY_EFORM);
    body = bare;
    body.paid_minor = 1;
    expect(&body, TALLY_EFORM);
    body = bare;
    body.days_past_due = 1;
    expect(&body, TALLY_EFORM);
    body = bare;
    body.has_first_delinquency = true;
    expect(&body, TALLY_EFORM);
    struct optional_amount *const optional[] = {&body.limit, &body.scheduled, &body.past_due};
    for (size_t i = 0; i < 3; i++) {
        body = bare;
        optional[i]->present = true;
        expect(&body, TALLY_EFORM);
    }
}

static void an_absent_amount_differs_from_zero(void **state)
{
    (void)state;
    struct event_body body = {.type = EVENT_CLOSE}, read;
    assert_int_equal(decode(&body, &read), TALLY_OK);
    assert_false(read.balance.present);
    body.balance.present = true;
    assert_int_equal(decode(&body, &read), TALLY_OK);
    assert_true(read.balance.present);
}

static void bodies_out_of_range_are_malformed(void **state)
{
    (void)state;
    struct event_body body = full_body(EVENT_PERIOD_REPORT);
    body.days_past_due = 65536;
    expect(&body, TALLY_EFORM);
    body.type = EVENT_CORRECT;
    body.corrected = EVENT_PERIOD_REPORT;
    expect(&body, TALLY_EFORM);
    body = full_body(EVENT_PERIOD_REPORT);
    body.first_delinquency_date = DATE_MAX + 1;
    expect(&body, TALLY_EFORM);
    body = full_body(EVENT_CHARGE_OFF);
    body.first_delinquency_date = DATE_MIN - 1;
    expect(&body, TALLY_EFORM);
    body.first_delinquency_date = DATE_MIN;
    expect(&body, TALLY_OK);
}

/* Every text field, by its type, its key on the wire and its bound. */
static const struct {
    enum event_type type;
    uint8_t key;
    size_t size_max;
} texts[] = {
    {EVENT_CONSENT_GRANT, 0x0a, 256},
    {EVENT_CONSENT_GRANT, 0x12, 256},
    {EVENT_CONSENT_REVOKE, 0x0a, 256},
    {EVENT_ACCOUNT_OPEN, 0x32, 256},
    {EVENT_ACCOUNT_OPEN, 0x3a, 256},
    {EVENT_PERIOD_REPORT, 0x42, 256},
    {EVENT_PAYMENT, 0x32, 256},
    {EVENT_DISPUTE_OPEN, 0x0a, 2048},
    {EVENT_DISPUTE_ANSWER, 0x0a, 2048},
    {EVENT_DISPUTE_CLOSE, 0x0a, 2048},
    {EVENT_STATEMENT, 0x0a, 2048},
};

static int decode_text(size_t which, const char *text, size_t size)
{
    struct event_body read;
    buffer_clear(&bytes);
    buffer_u8(&bytes, texts[which].key);
    if (size >= 0x80) buffer_u8(&bytes, (uint8_t)(size | 0x80));
    buffer_u8(&bytes, (uint8_t)(size >= 0x80 ? size >> 7 : size));
    buffer_append(&bytes, text, size);
    return event_body_decode(texts[which].type, buffer_span(&bytes), &read);
}

static void texts_are_bounded_utf8(void **state)
{
    (void)state;
    static char text[2049];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(decode_text(i, text, texts[i].size_max), TALLY_OK);
        assert_int_equal(decode_text(i, text, texts[i].size_max + 1), TALLY_EFORM);
        assert_int_equal(decode_text(i, "\xf0\x9f\x92\xb3", 4), TALLY_OK);
        assert_int_equal(decode_text(i, "a\xff", 2), TALLY_EFORM);        /* no UTF-8 */
        assert_int_equal(decode_text(i, "\xc0\xaf", 2), TALLY_EFORM);     /* overlong */
        assert_int_equal(decode_text(i, "\xed\xa0\x80", 3), TALLY_EFORM); /* a surrogate */
        assert_int_equal(decode_text(i, "\xf0\x9f\x92", 3), TALLY_EFORM); /* cut short */
        assert_int_equal(decode_text(i, "a\0b", 3), TALLY_EFORM);         /* a C string would end */
        assert_int_equal(decode_text(i, "", 0), TALLY_EFORM);             /* absent has one form */
    }
}

static void a_type_without_a_body_has_no_bytes(void **state)
{
    (void)state;
    static const enum event_type bare[] = {
        EVENT_INQUIRY, EVENT_RESERVE, EVENT_RESERVE_CANCEL, EVENT_STATUS, EVENT_RETRACT};
    struct event_body read;
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
        assert_int_equal(event_body_decode(bare[i], span_of(NULL, 0), &read), TALLY_OK);
        assert_int_equal(event_body_decode(bare[i], span_of("\x08\x01", 2), &read), TALLY_EFORM);
        assert_int_equal(event_body_decode(bare[i], span_of("", 1), &read), TALLY_EFORM);
    }
}

static void a_body_of_another_type_or_over_its_size_is_malformed(void **state)
{
    (void)state;
    static uint8_t large[EVENT_BODY_SIZE_MAX + 1];
    struct event_body read;
    assert_int_equal(event_body_decode(EVENT_CLOSE, span_of("\x10\x05", 2), &read), TALLY_EFORM);
    assert_int_equal(event_body_decode((enum event_type)4, span_of(NULL, 0), &read), TALLY_EFORM);
    assert_int_equal(event_body_decode((enum event_type)36, span_of(NULL, 0), &read), TALLY_EFORM);
    assert_int_equal(event_body_decode(EVENT_CLOSE, span_of(large, sizeof large), &read), TALLY_EFORM);
}

/* Whatever bytes are read, they are the only ones that say it. */
static void a_changed_body_is_malformed_or_says_something_else(void **state)
{
    (void)state;
    struct event_body read;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_body body = full_body(event_types[i]);
        struct buffer changed;
        encode(&body);
        buffer_init(&changed, EVENT_BODY_SIZE_MAX);
        buffer_append(&changed, bytes.data, bytes.size);
        for (size_t bit = 0; bit < 8 * changed.size; bit++) {
            changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (event_body_decode(body.type, buffer_span(&changed), &read) == TALLY_OK) {
                encode(&read);
                assert_true(span_equal(buffer_span(&bytes), buffer_span(&changed)));
            }
            changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        buffer_append(&changed, "\xf8\x07\x01", 3); /* a field that no body has */
        assert_int_equal(event_body_decode(body.type, buffer_span(&changed), &read), TALLY_EFORM);
        buffer_close(&changed);
    }
}

/* These bytes are committed to in every ledger there is: whatever changes them breaks them all. */
static void a_body_has_one_encoding_for_good(void **state)
{
    (void)state;
    static const uint8_t salt[SALT_SIZE] = {0};
    static const char *const expected[EVENT_TYPE_COUNT] = {
        "72867aef0a40e3d0",
        "cc5d92c4f65bd48f",
        "7324b5c72b51bb5d",
        "7324b5c72b51bb5d",
        "7324b5c72b51bb5d",
        "a13b1da02fe7fd0a",
        "da59d741d9848dce",
        "4e68f3d1d37d35b8",
        "dbeba7a0dff08678",
        "a51c987ec3dcdf30",
        "7324b5c72b51bb5d",
        "f88429f02e7b53a2",
        "490af923c1229c61",
        "554435efb2c83fb1",
        "554435efb2c83fb1",
        "5891fbe45d82b065",
        "7324b5c72b51bb5d",
        "0b627180cb687f25",
        "0b627180cb687f25",
        "0b627180cb687f25",
        "0b627180cb687f25",
    };
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_body body = full_body(event_types[i]);
        char text[17];
        encode(&body);
        struct digest commitment = event_body_commitment(salt, buffer_span(&bytes));
        hex_encode(span_of(commitment.bytes, 8), text);
        assert_string_equal(text, expected[i]);
    }
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, make_buffer, drop_buffer)
    const struct CMUnitTest tests[] = {
        test(a_full_body_of_each_type_comes_back_as_it_was),
        test(a_bare_body_of_each_type_comes_back_as_it_was),
        test(a_correction_holds_a_body_of_any_type_with_amounts_and_of_no_other),
        test(a_report_of_a_code_alone_holds_nothing_else),
        test(an_absent_amount_differs_from_zero),
        test(bodies_out_of_range_are_malformed),
        test(texts_are_bounded_utf8),
        test(a_type_without_a_body_has_no_bytes),
        test(a_body_of_another_type_or_over_its_size_is_malformed),
        test(a_changed_body_is_malformed_or_says_something_else),
        test(a_body_has_one_encoding_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
