// links: credit codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/credit/subject_state.h"
#include "proto/base/date.h"

/* A small generator with a fixed seed: the same cases in every run. */
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

static struct account sample_account(uint32_t member_id, uint8_t ref_last)
{
    struct account account = {
        .member_id = member_id,
        .ref = {0xA0, [ACCOUNT_REF_SIZE - 1] = ref_last},
        .state = ACCOUNT_STATE_OPEN,
        .previous_state = ACCOUNT_STATE_NONE,
        .type = ACCOUNT_REVOLVING,
        .product = 7,
        .currency = 901,
        .next_seq = 1,
        .head = {{0x11, 0x22}},
        .ids = {{0x33, 0x44}},
    };

    return account;
}

static void encode(const struct subject_state *subject, struct buffer *out)
{
    buffer_clear(out);
    subject_state_encode(subject, out);
    assert_false(out->failed);
}

static void an_empty_file_is_its_version_alone(void **context)
{
    (void)context;
    struct subject_state subject;
    struct buffer out;

    subject_state_init(&subject);
    buffer_init(&out, SUBJECT_STATE_SIZE_MAX);
    encode(&subject, &out);
    assert_int_equal(out.size, 1);
    assert_int_equal(out.data[0], SUBJECT_STATE_VERSION);
    assert_int_equal(subject_state_decode(buffer_span(&out), &subject), TALLY_OK);
    assert_int_equal(subject.account_count, 0);
    buffer_close(&out);
    subject_state_close(&subject);
}

static void one_account_encodes_to_these_bytes(void **context)
{
    (void)context;
    static const char expected[] = "02"
                                   "01"
                                   "0000006a"
                                   "0001"
                                   "00000003"
                                   "a0000000000000000000000000000005"
                                   "03"
                                   "01"
                                   "01"
                                   "01"
                                   "00000007"
                                   "0385"
                                   "00000004"
                                   "1122000000000000000000000000000000000000000000000000000000000000"
                                   "3344000000000000000000000000000000000000000000000000000000000000"
                                   "000004ef"
                                   "01"
                                   "c0";
    struct subject_state subject;
    struct buffer out;
    struct account account = sample_account(3, 5);
    char text[2 * SUBJECT_STATE_SIZE_MAX / 256 + 1024];

    account.state = ACCOUNT_STATE_CHARGED_OFF;
    account.previous_state = ACCOUNT_STATE_OPEN;
    account.type = ACCOUNT_INSTALMENT;
    account.disbursed = true;
    account.next_seq = 4;
    assert_int_equal(account_period_set(&account, 200504), TALLY_OK);
    assert_int_equal(account_period_set(&account, 200505), TALLY_OK);
    subject_state_init(&subject);
    buffer_init(&out, SUBJECT_STATE_SIZE_MAX);
    assert_int_equal(subject_state_add(&subject, &account), TALLY_OK);
    encode(&subject, &out);
    hex_encode(buffer_span(&out), text);
    assert_string_equal(text, expected);
    buffer_close(&out);
    subject_state_close(&subject);
}

/* A state that the rules could have made. */
static void random_fill(struct subject_state *subject)
{
    static const enum account_state previous[ACCOUNT_STATE_COUNT] = {
        [ACCOUNT_STATE_CHARGED_OFF] = ACCOUNT_STATE_OPEN,
        [ACCOUNT_STATE_CLOSED] = ACCOUNT_STATE_OPEN,
        [ACCOUNT_STATE_SETTLED] = ACCOUNT_STATE_CHARGED_OFF,
    };
    static const enum account_state states[] = {
        ACCOUNT_STATE_OPEN, ACCOUNT_STATE_CHARGED_OFF, ACCOUNT_STATE_CLOSED, ACCOUNT_STATE_SETTLED};
    uint32_t count = random_below(7);

    subject_state_clear(subject);
    for (uint32_t i = 0; i < count; i++) {
        struct account account = sample_account(1 + random_below(3), (uint8_t)random_below(6));
        if (subject_state_account(subject, account.member_id, account.ref)) continue;
        account.state = states[random_below(4)];
        account.previous_state = previous[account.state];
        account.type = random_below(2) ? ACCOUNT_INSTALMENT : ACCOUNT_REVOLVING;
        account.disbursed = random_below(2) == 1;
        account.next_seq = 1 + random_below(1000);
        account.head.bytes[3] = (uint8_t)random_below(256);
        for (uint32_t periods = random_below(20); periods > 0; periods--) {
            uint32_t period = period_from_index(1200 + random_below(PERIODS_PER_ACCOUNT_MAX));
            if (!account_period_is_set(&account, period)) {
                assert_int_equal(account_period_set(&account, period), TALLY_OK);
            }
        }
        assert_int_equal(subject_state_add(subject, &account), TALLY_OK);
    }
}

static void what_is_encoded_decodes_to_the_same(void **context)
{
    (void)context;
    struct subject_state subject, again;
    struct buffer first, second;

    subject_state_init(&subject);
    subject_state_init(&again);
    buffer_init(&first, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&second, SUBJECT_STATE_SIZE_MAX);
    random_state = 1;
    for (int round = 0; round < 2000; round++) {
        random_fill(&subject);
        encode(&subject, &first);
        assert_int_equal(subject_state_decode(buffer_span(&first), &again), TALLY_OK);
        assert_int_equal(again.account_count, subject.account_count);
        for (uint32_t i = 0; i < again.account_count; i++) {
            const struct account *a = &subject.accounts[i], *b = &again.accounts[i];
            assert_int_equal(a->state, b->state);
            assert_int_equal(a->period_span, b->period_span);
            assert_memory_equal(a->periods, b->periods, sizeof(a->periods));
        }
        encode(&again, &second);
        assert_true(span_equal(buffer_span(&first), buffer_span(&second)));
    }
    buffer_close(&first);
    buffer_close(&second);
    subject_state_close(&subject);
    subject_state_close(&again);
}

static void the_order_of_adding_does_not_show(void **context)
{
    (void)context;
    struct subject_state forward, backward;
    struct buffer first, second;

    subject_state_init(&forward);
    subject_state_init(&backward);
    buffer_init(&first, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&second, SUBJECT_STATE_SIZE_MAX);
    for (uint32_t i = 0; i < 40; i++) {
        struct account one = sample_account(1 + i % 5, (uint8_t)i),
                       other = sample_account(1 + (39 - i) % 5, (uint8_t)(39 - i));
        assert_int_equal(subject_state_add(&forward, &one), TALLY_OK);
        assert_int_equal(subject_state_add(&backward, &other), TALLY_OK);
    }
    encode(&forward, &first);
    encode(&backward, &second);
    assert_true(span_equal(buffer_span(&first), buffer_span(&second)));
    for (uint32_t i = 0; i < 40; i++) {
        struct account account = sample_account(1 + i % 5, (uint8_t)i);
        struct account *found = subject_state_account(&forward, account.member_id, account.ref);
        assert_non_null(found);
        assert_memory_equal(found->ref, account.ref, ACCOUNT_REF_SIZE);
        assert_null(subject_state_account(&forward, 6, account.ref));
        assert_true(subject_state_ref_elsewhere(&forward, 6, account.ref));
        assert_false(subject_state_ref_elsewhere(&forward, account.member_id, account.ref));
    }
    buffer_close(&first);
    buffer_close(&second);
    subject_state_close(&forward);
    subject_state_close(&backward);
}

/* Whatever a damaged byte makes of an encoding: it is refused, or it is the one encoding of another state. */
static void no_state_has_two_encodings(void **context)
{
    (void)context;
    struct subject_state subject;
    struct buffer bytes, again;
    unsigned accepted = 0, refused = 0;

    subject_state_init(&subject);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&again, SUBJECT_STATE_SIZE_MAX);
    random_state = 2;
    for (int round = 0; round < 60; round++) {
        random_fill(&subject);
        encode(&subject, &bytes);
        for (size_t at = 0; at < bytes.size; at++) {
            for (int bit = 0; bit < 8; bit++) {
                bytes.data[at] = (uint8_t)(bytes.data[at] ^ 1u << bit);
                int error = subject_state_decode(buffer_span(&bytes), &subject);
                if (error == TALLY_OK) {
                    encode(&subject, &again);
                    assert_true(span_equal(buffer_span(&bytes), buffer_span(&again)));
                    accepted++;
                } else {
                    assert_int_equal(error, TALLY_EFORM);
                    assert_int_equal(subject.account_count, 0);
                    refused++;
                }
                bytes.data[at] = (uint8_t)(bytes.data[at] ^ 1u << bit);
            }
            /* A prefix is never a state, but for the version alone. */
            int error = subject_state_decode(span_of(bytes.data, at), &subject);
            assert_int_equal(error, at == 1 ? TALLY_OK : TALLY_EFORM);
        }
        buffer_u8(&bytes, 0);
        assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    }
    assert_true(accepted > 1000 && refused > 1000);
    buffer_close(&bytes);
    buffer_close(&again);
    subject_state_close(&subject);
}

/* Encodes two accounts as given, right or wrong, by splicing two files of one account. */
static void splice(const struct account *first, const struct account *second, struct buffer *out)
{
    const struct account *accounts[] = {first, second};
    struct subject_state subject;
    struct buffer one;
    size_t header_size = 1 + 1 + 4 + 2;

    buffer_init(&one, SUBJECT_STATE_SIZE_MAX);
    buffer_clear(out);
    buffer_u8(out, SUBJECT_STATE_VERSION);
    buffer_u8(out, 1);
    buffer_u32(out, 0);
    buffer_u16(out, 2);
    for (int i = 0; i < 2; i++) {
        subject_state_init(&subject);
        assert_int_equal(subject_state_add(&subject, accounts[i]), TALLY_OK);
        encode(&subject, &one);
        buffer_append(out, one.data + header_size, one.size - header_size);
        subject_state_close(&subject);
    }
    put_u32(out->data + 2, (uint32_t)(out->size - 6));
    buffer_close(&one);
}

static void accounts_out_of_order_or_twice_are_refused(void **context)
{
    (void)context;
    struct account low = sample_account(1, 9), high = sample_account(2, 1), next = sample_account(2, 2);
    struct subject_state subject;
    struct buffer bytes;

    subject_state_init(&subject);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    splice(&low, &high, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_OK);
    splice(&high, &next, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_OK);
    splice(&high, &low, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    splice(&next, &high, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    splice(&high, &high, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    buffer_close(&bytes);
    subject_state_close(&subject);
}

static void what_the_rules_never_make_is_refused(void **context)
{
    (void)context;
    /* A section of no accounts, and no section at all where one is announced. */
    static const uint8_t none[] = {2, 1, 0, 0, 0, 2, 0, 0}, cut[] = {2, 1, 0, 0, 0, 0},
                         other[] = {2, 2, 0, 0, 0, 0};
    static const uint8_t version[] = {1};
    struct account account = sample_account(1, 1);
    struct subject_state subject;
    struct buffer bytes;

    subject_state_init(&subject);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    assert_int_equal(subject_state_decode(span_of(NULL, 0), &subject), TALLY_EFORM);
    assert_int_equal(subject_state_decode(span_of(none, sizeof(none)), &subject), TALLY_EFORM);
    assert_int_equal(subject_state_decode(span_of(cut, sizeof(cut)), &subject), TALLY_EFORM);
    assert_int_equal(subject_state_decode(span_of(other, sizeof(other)), &subject), TALLY_EFORM);
    assert_int_equal(subject_state_decode(span_of(version, sizeof(version)), &subject), TALLY_EFORM);
    /* An account without an event, and one of no member. */
    account.next_seq = 0;
    assert_int_equal(subject_state_add(&subject, &account), TALLY_OK);
    encode(&subject, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    account = sample_account(0, 1);
    assert_int_equal(subject_state_add(&subject, &account), TALLY_OK);
    encode(&subject, &bytes);
    assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), TALLY_EFORM);
    buffer_close(&bytes);
    subject_state_close(&subject);
}

static void a_period_bitmap_has_one_form(void **context)
{
    (void)context;
    static const struct {
        uint32_t first;
        uint8_t size;
        uint8_t bits[3];
        int error;
    } cases[] = {
        {1263, 1, {0x80}, TALLY_OK},
        {1263, 2, {0x80, 0x01}, TALLY_OK},
        {0, 0, {0}, TALLY_OK},
        {0, 1, {0x80}, TALLY_OK},
        {1263, 0, {0}, TALLY_EFORM},          /* a first period of nothing */
        {1263, 1, {0x40}, TALLY_EFORM},       /* does not begin with its first period */
        {1263, 2, {0x80, 0x00}, TALLY_EFORM}, /* an empty byte at the end */
        {97199, 1, {0x80}, TALLY_OK},         /* 9999-12 */
        {97199, 1, {0xC0}, TALLY_EFORM},      /* the month after */
        {97200, 1, {0x80}, TALLY_EFORM},
        {UINT32_MAX, 1, {0x80}, TALLY_EFORM},
    };
    struct subject_state subject;
    struct account account = sample_account(1, 1);
    struct buffer bytes;

    subject_state_init(&subject);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        subject_state_clear(&subject);
        assert_int_equal(subject_state_add(&subject, &account), TALLY_OK);
        encode(&subject, &bytes);
        bytes.size -= 5;
        buffer_u32(&bytes, cases[i].first);
        buffer_u8(&bytes, cases[i].size);
        buffer_append(&bytes, cases[i].bits, cases[i].size);
        put_u32(bytes.data + 2, (uint32_t)(bytes.size - 6));
        assert_int_equal(subject_state_decode(buffer_span(&bytes), &subject), cases[i].error);
    }
    buffer_close(&bytes);
    subject_state_close(&subject);
}

static void periods_are_noted_in_any_order_within_their_bound(void **context)
{
    (void)context;
    struct account account = sample_account(1, 1);
    struct account before;
    uint32_t middle = period_index(200504);

    assert_false(account_period_is_set(&account, 200504));
    assert_int_equal(account_period_set(&account, 200504), TALLY_OK);
    assert_int_equal(account_period_set(&account, 200503), TALLY_OK);
    assert_int_equal(account_period_set(&account, 200412), TALLY_OK);
    assert_int_equal(account_period_set(&account, 200512), TALLY_OK);
    assert_true(account_period_is_set(&account, 200412) && account_period_is_set(&account, 200503));
    assert_true(account_period_is_set(&account, 200504) && account_period_is_set(&account, 200512));
    assert_false(account_period_is_set(&account, 200501) || account_period_is_set(&account, 200411));
    assert_false(account_period_is_set(&account, 200601) || account_period_is_set(&account, 200505));

    account = sample_account(1, 1);
    assert_int_equal(account_period_set(&account, 200504), TALLY_OK);
    before = account;
    assert_int_equal(
        account_period_set(&account, period_from_index(middle + PERIODS_PER_ACCOUNT_MAX)), TALLY_ELIMIT);
    assert_int_equal(
        account_period_set(&account, period_from_index(middle - PERIODS_PER_ACCOUNT_MAX)), TALLY_ELIMIT);
    assert_memory_equal(&account, &before, sizeof(account));
    assert_int_equal(
        account_period_set(&account, period_from_index(middle - PERIODS_PER_ACCOUNT_MAX + 1)), TALLY_OK);
    assert_int_equal(account.period_span, PERIODS_PER_ACCOUNT_MAX);
    assert_true(account_period_is_set(&account, 200504));
    assert_int_equal(account_period_set(&account, 200505), TALLY_ELIMIT);
    account = before;
    assert_int_equal(
        account_period_set(&account, period_from_index(middle + PERIODS_PER_ACCOUNT_MAX - 1)), TALLY_OK);
    assert_int_equal(account_period_set(&account, 200503), TALLY_ELIMIT);
}

static void the_largest_file_fits_and_one_account_more_is_refused(void **context)
{
    (void)context;
    struct subject_state subject, again;
    struct buffer out;

    subject_state_init(&subject);
    subject_state_init(&again);
    buffer_init(&out, SUBJECT_STATE_SIZE_MAX);
    for (uint32_t i = 0; i < ACCOUNTS_PER_SUBJECT_MAX; i++) {
        struct account account = sample_account(1 + i / 200, (uint8_t)(i % 200));
        assert_int_equal(account_period_set(&account, 200001), TALLY_OK);
        assert_int_equal(
            account_period_set(&account, period_from_index(1200 + PERIODS_PER_ACCOUNT_MAX - 1)), TALLY_OK);
        assert_int_equal(subject_state_add(&subject, &account), TALLY_OK);
    }
    struct account more = sample_account(9, 0);
    assert_int_equal(subject_state_add(&subject, &more), TALLY_ELIMIT);
    assert_int_equal(subject.account_count, ACCOUNTS_PER_SUBJECT_MAX);
    encode(&subject, &out);
    assert_int_equal(out.size, SUBJECT_STATE_SIZE_MAX);
    assert_int_equal(subject_state_decode(buffer_span(&out), &again), TALLY_OK);
    assert_int_equal(again.account_count, ACCOUNTS_PER_SUBJECT_MAX);
    buffer_close(&out);
    subject_state_close(&subject);
    subject_state_close(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_its_version_alone),
        cmocka_unit_test(one_account_encodes_to_these_bytes),
        cmocka_unit_test(what_is_encoded_decodes_to_the_same),
        cmocka_unit_test(the_order_of_adding_does_not_show),
        cmocka_unit_test(no_state_has_two_encodings),
        cmocka_unit_test(accounts_out_of_order_or_twice_are_refused),
        cmocka_unit_test(what_the_rules_never_make_is_refused),
        cmocka_unit_test(a_period_bitmap_has_one_form),
        cmocka_unit_test(periods_are_noted_in_any_order_within_their_bound),
        cmocka_unit_test(the_largest_file_fits_and_one_account_more_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
