// links: credit codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/date.h"
#include "tests/unit/subject_samples.h"

/* A small generator with a fixed seed: the same cases in every run. */
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
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
    static const char expected[] = "03"
                                   "01"
                                   "000000a3"
                                   "0001"
                                   "00000003"
                                   "a0000000000000000000000000000005"
                                   "03"
                                   "01"
                                   "00000007"
                                   "0385"
                                   "000032c8"
                                   "00000000000001f4"
                                   "00000004"
                                   "00000003"
                                   "00000002"
                                   "1122000000000000000000000000000000000000000000000000000000000000"
                                   "3344000000000000000000000000000000000000000000000000000000000000"
                                   "00000000"
                                   "00"
                                   "01"
                                   "01"
                                   "5566000000000000000000000000000000000000000000000000000000000000"
                                   "000004ef"
                                   "01"
                                   "c0";
    struct subject_state subject;
    struct buffer out;
    struct account account = sample_account(3, 5);
    char text[2 * SUBJECT_STATE_SIZE_MAX / 256 + 1024];

    struct digest lost = {{0x55, 0x66}};
    account.type = ACCOUNT_INSTALMENT;
    account.opened_day = 13000;
    account.reserved_minor = 500;
    account.disbursements = 2;
    account.next_seq = 4;
    account.in_force = 3;
    account_turn_take(&account, ACCOUNT_STATE_CHARGED_OFF, &lost);
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

/* An id that begins with a random byte: few of them, so that some meet. */
static struct digest random_id(void)
{
    return (struct digest){{(uint8_t)random_below(9), 0x77}};
}

/* Leads an account from one state to the next, as far as `steps` go. */
static void random_life(struct account *account, uint32_t steps)
{
    static const enum account_state ways[ACCOUNT_STATE_COUNT][4] = {
        [ACCOUNT_STATE_OPEN] = {ACCOUNT_STATE_FROZEN, ACCOUNT_STATE_CHARGED_OFF, ACCOUNT_STATE_CLOSED,
            ACCOUNT_STATE_TRANSFERRED},
        [ACCOUNT_STATE_FROZEN] = {ACCOUNT_STATE_OPEN, ACCOUNT_STATE_OPEN, ACCOUNT_STATE_CLOSED,
            ACCOUNT_STATE_CHARGED_OFF},
        [ACCOUNT_STATE_CHARGED_OFF] = {ACCOUNT_STATE_SETTLED, ACCOUNT_STATE_SETTLED,
            ACCOUNT_STATE_TRANSFERRED, ACCOUNT_STATE_TRANSFERRED},
    };

    while (steps-- > 0 && ways[account->state][0] != ACCOUNT_STATE_NONE) {
        struct digest id = random_id();
        enum account_state next = ways[account->state][random_below(4)];
        if (next == ACCOUNT_STATE_FROZEN) account->type = ACCOUNT_REVOLVING;
        account_turn_take(account, next, &id);
    }
    if (account->state == ACCOUNT_STATE_OPEN && account->turn_count == 0 && random_below(9) == 0) {
        account->state = ACCOUNT_STATE_VOID;
        account->in_force = 0;
    }
    if (account->state == ACCOUNT_STATE_TRANSFERRED) {
        account->transferee = 1 + random_below(9);
        account->taken_over = random_below(2) == 1;
    }
}

static void random_records(struct subject_state *subject)
{
    for (uint32_t i = random_below(4); i > 0; i--) {
        struct consent consent = {random_id(), 1 + random_below(9), 1 + random_below(63), 13000, 13001,
            random_below(3), 1 + random_below(9)};
        struct reservation reservation = {random_id(), 1 + random_below(9), ACCOUNT_INSTALMENT, 156,
            i % 2 == 0, i % 2 == 0 ? random_below(9) : 0, 1 + random_below(99)};
        struct dispute dispute = {random_id(), 1 + random_below(9), 1 + random_below(9)};
        if (!record_list_find(&subject->consents, sizeof(consent), &consent.id, NULL)) {
            assert_int_equal(record_list_add(&subject->consents, sizeof(consent), 9, &consent), TALLY_OK);
        }
        if (!record_list_find(&subject->reservations, sizeof(reservation), &reservation.id, NULL)) {
            assert_int_equal(
                record_list_add(&subject->reservations, sizeof(reservation), 9, &reservation), TALLY_OK);
        }
        if (!record_list_find(&subject->disputes, sizeof(dispute), &dispute.id, NULL)) {
            assert_int_equal(record_list_add(&subject->disputes, sizeof(dispute), 9, &dispute), TALLY_OK);
        }
    }
    subject->item_count = random_below(3);
    if (subject->item_count > 0) subject->item_ids = random_id();
}

/* A state that the rules could have made. */
static void random_fill(struct subject_state *subject)
{
    uint32_t count = random_below(5);

    subject_state_clear(subject);
    for (uint32_t i = 0; i < count; i++) {
        struct account account = sample_account(1 + random_below(3), (uint8_t)random_below(6));
        if (subject_state_account(subject, account.member_id, account.ref)) continue;
        account.type = random_below(2) ? ACCOUNT_INSTALMENT : ACCOUNT_REVOLVING;
        account.next_seq = 1 + random_below(1000);
        account.in_force = 1 + random_below(account.next_seq);
        account.disbursements = random_below(account.next_seq);
        account.opened_day = (int32_t)random_below(20000) - 5000;
        account.reserved_minor = random_below(2) ? 0 : random_below(1000);
        random_life(&account, random_below(12));
        account.head.bytes[3] = (uint8_t)random_below(256);
        for (uint32_t periods = random_below(20); periods > 0; periods--) {
            uint32_t period = period_from_index(1200 + random_below(PERIODS_PER_ACCOUNT_MAX));
            if (!account_period_is_set(&account, period)) {
                assert_int_equal(account_period_set(&account, period), TALLY_OK);
            }
        }
        assert_int_equal(subject_state_add(subject, &account), TALLY_OK);
    }
    random_records(subject);
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

/* Whether a section, or the version, ends before byte `at`. */
static bool ends_section(const struct buffer *bytes, size_t at)
{
    size_t end = 1;

    while (end < at)
        end += SECTION_HEADER_SIZE + get_u32(bytes->data + end + 1);
    return end == at;
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
            /* A prefix is a state only where a section ends. */
            int error = subject_state_decode(span_of(bytes.data, at), &subject);
            assert_int_equal(error, ends_section(&bytes, at) ? TALLY_OK : TALLY_EFORM);
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
    static const uint8_t none[] = {3, 1, 0, 0, 0, 2, 0, 0}, cut[] = {3, 1, 0, 0, 0, 0},
                         other[] = {3, 6, 0, 0, 0, 0};
    static const uint8_t version[] = {2};
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

/* A file whose every list is full. */
static void fill_up(struct subject_state *subject)
{
    for (uint32_t i = 0; i < ACCOUNTS_PER_SUBJECT_MAX; i++) {
        struct account account = sample_account(1 + i / 200, (uint8_t)(i % 200));
        assert_int_equal(account_period_set(&account, 200001), TALLY_OK);
        assert_int_equal(
            account_period_set(&account, period_from_index(1200 + PERIODS_PER_ACCOUNT_MAX - 1)), TALLY_OK);
        for (uint32_t turn = 0; turn <= ACCOUNT_TURNS_MAX; turn++) {
            struct digest id = {{(uint8_t)turn}};
            account_turn_take(&account,
                account.state == ACCOUNT_STATE_OPEN ? ACCOUNT_STATE_FROZEN : ACCOUNT_STATE_OPEN, &id);
        }
        assert_int_equal(subject_state_add(subject, &account), TALLY_OK);
    }
    for (uint32_t i = 0; i < CONSENTS_PER_SUBJECT_MAX; i++) {
        struct consent consent = {{{(uint8_t)i, (uint8_t)(i >> 8)}}, 1, 1, 0, 0, 1, 0};
        assert_int_equal(
            record_list_add(&subject->consents, sizeof(consent), CONSENTS_PER_SUBJECT_MAX, &consent),
            TALLY_OK);
    }
    for (uint32_t i = 0; i < RESERVATIONS_PER_SUBJECT_MAX; i++) {
        struct reservation reservation = {{{(uint8_t)i}}, 1, ACCOUNT_REVOLVING, 901, false, 0, 1};
        assert_int_equal(record_list_add(&subject->reservations, sizeof(reservation),
                             RESERVATIONS_PER_SUBJECT_MAX, &reservation),
            TALLY_OK);
    }
    for (uint32_t i = 0; i < DISPUTES_PER_SUBJECT_MAX; i++) {
        struct dispute dispute = {{{(uint8_t)i}}, 1, 1};
        assert_int_equal(
            record_list_add(&subject->disputes, sizeof(dispute), DISPUTES_PER_SUBJECT_MAX, &dispute),
            TALLY_OK);
    }
    subject->item_count = 1;
}

static void the_largest_file_fits_and_one_record_more_is_refused(void **context)
{
    (void)context;
    struct subject_state subject, again;
    struct buffer out;

    subject_state_init(&subject);
    subject_state_init(&again);
    buffer_init(&out, SUBJECT_STATE_SIZE_MAX);
    fill_up(&subject);
    struct account more = sample_account(9, 0);
    struct consent consent = {{{1, 2, 3}}, 1, 1, 0, 0, 1, 0};
    assert_int_equal(subject_state_add(&subject, &more), TALLY_ELIMIT);
    assert_int_equal(subject.account_count, ACCOUNTS_PER_SUBJECT_MAX);
    assert_int_equal(record_list_add(&subject.consents, sizeof(consent), CONSENTS_PER_SUBJECT_MAX, &consent),
        TALLY_ELIMIT);
    encode(&subject, &out);
    assert_int_equal(out.size, SUBJECT_STATE_SIZE_MAX);
    assert_int_equal(subject_state_decode(buffer_span(&out), &again), TALLY_OK);
    assert_int_equal(again.account_count, ACCOUNTS_PER_SUBJECT_MAX);
    assert_int_equal(again.consents.count, CONSENTS_PER_SUBJECT_MAX);
    buffer_close(&out);
    subject_state_close(&subject);
    subject_state_close(&again);
}

/* What the fields of an account say of each other, one contradiction at a time. */
static void an_account_that_contradicts_itself_is_refused(void **context)
{
    (void)context;
    struct digest id = {{1}};
    struct account good = sample_account(1, 1);
    struct subject_state subject;
    struct buffer bytes;
    struct account wrong[12];
    size_t count = 0;

    for (size_t i = 0; i < 12; i++) {
        wrong[i] = good;
        wrong[i].next_seq = 9;
    }
    wrong[count++].in_force = 10;              /* more in force than there were */
    wrong[count++].in_force = 0;               /* open, and all taken back */
    wrong[count++].state = ACCOUNT_STATE_VOID; /* void, and in force */
    wrong[count++].disbursements = 10;         /* more than there were events */
    wrong[count++].reserved_minor = -1;
    wrong[count++].opened_day = DATE_MAX + 1;
    wrong[count++].transferee = 3;               /* of an account that was not transferred */
    wrong[count++].taken_over = true;            /* the same */
    wrong[count++].state = ACCOUNT_STATE_CLOSED; /* without the event that closed it */
    wrong[count].type = ACCOUNT_INSTALMENT;      /* a frozen loan */
    account_turn_take(&wrong[count++], ACCOUNT_STATE_FROZEN, &id);
    account_turn_take(&wrong[count++], ACCOUNT_STATE_TRANSFERRED, &id); /* to nobody */
    account_turn_take(&wrong[count], ACCOUNT_STATE_CLOSED, &id);
    wrong[count].turns[0].before = ACCOUNT_STATE_CHARGED_OFF; /* settled, then */
    count++;
    assert_int_equal(count, 12);

    subject_state_init(&subject);
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    for (size_t i = 0; i <= count; i++) {
        subject_state_clear(&subject);
        assert_int_equal(subject_state_add(&subject, i < count ? &wrong[i] : &good), TALLY_OK);
        encode(&subject, &bytes);
        int error = subject_state_decode(buffer_span(&bytes), &subject);
        if (error != (i < count ? TALLY_EFORM : TALLY_OK)) fail_msg("case %zu: %d", i, error);
    }
    buffer_close(&bytes);
    subject_state_close(&subject);
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
        cmocka_unit_test(the_largest_file_fits_and_one_record_more_is_refused),
        cmocka_unit_test(an_account_that_contradicts_itself_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
