// links: policies credit codec crypto base
#include "tests/unit/rules_world.h"

/* ---- The table of states and types ---- */

static const enum account_state states[] = {ACCOUNT_STATE_NONE, ACCOUNT_STATE_OPEN, ACCOUNT_STATE_FROZEN,
    ACCOUNT_STATE_CHARGED_OFF, ACCOUNT_STATE_CLOSED, ACCOUNT_STATE_SETTLED, ACCOUNT_STATE_TRANSFERRED,
    ACCOUNT_STATE_VOID};
#define STATE_COUNT (sizeof(states) / sizeof(states[0]))
_Static_assert(STATE_COUNT == ACCOUNT_STATE_COUNT, "every state has its row");

/* Written from the design, not from the code: where each type leads a line from each state, an instalment
 * loan that was paid out where that differs; "-" where it is refused, and "" where it stays. */
static const char *const design[STATE_COUNT][TYPE_COUNT] = {
    /* OPEN, DISBURSE, REPORT, PAYMENT, LIMIT, STATUS, CHARGE_OFF, RECOVERY, TRANSFER, CLOSE, CORRECT, RETRACT
     */
    /* NONE */ {"OPEN", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
    /* OPEN */
    {"-", "", "", "", "", "FROZEN", "CHARGED_OFF", "-", "TRANSFERRED", "CLOSED", "", ""},
    /* FROZEN */
    {"-", "-", "", "", "", "OPEN", "CHARGED_OFF", "-", "TRANSFERRED", "CLOSED", "", ""},
    /* CHARGED_OFF */ {"-", "-", "", "", "-", "-", "-", "", "TRANSFERRED", "SETTLED", "", ""},
    /* CLOSED */ {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "", ""},
    /* SETTLED */ {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "", ""},
    /* TRANSFERRED */ {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "", ""},
    /* VOID: all there was is taken back, and nothing is left to put right */
    {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
};

/* The id of the account's newest event of a type. */
static struct digest newest(const struct world *world, uint8_t ref, enum event_type type)
{
    struct digest id = {{0}};

    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        if (header->has_account && header->account_ref[0] == ref && header->type == type) {
            id = world->applied[i].id;
        }
    }
    return id;
}

/* Brings a fresh account of subject 1 into a state; it has a payment, where it can have one. */
static void account_bring(struct world *world, uint8_t ref, enum account_type type, enum account_state state)
{
    if (state == ACCOUNT_STATE_NONE) return;
    struct event_header open = next_event(world, LENDER, 1, ref, EVENT_ACCOUNT_OPEN);
    open.account_type = type;
    assert_int_equal(world_apply(world, &open).code, RESULT_OK);
    if (state == ACCOUNT_STATE_VOID) {
        struct event_header retract = next_event(world, LENDER, 1, ref, EVENT_RETRACT);
        retract.target = id_of(&open);
        assert_int_equal(world_apply(world, &retract).code, RESULT_OK);
    } else {
        if (type == ACCOUNT_INSTALMENT) must_apply(world, ref, EVENT_DISBURSE);
        must_apply(world, ref, EVENT_PAYMENT);
    }
    if (state == ACCOUNT_STATE_FROZEN) must_apply(world, ref, EVENT_STATUS);
    if (state == ACCOUNT_STATE_CHARGED_OFF || state == ACCOUNT_STATE_SETTLED)
        must_apply(world, ref, EVENT_CHARGE_OFF);
    if (state == ACCOUNT_STATE_CLOSED || state == ACCOUNT_STATE_SETTLED) must_apply(world, ref, EVENT_CLOSE);
    if (state == ACCOUNT_STATE_TRANSFERRED) must_apply(world, ref, EVENT_TRANSFER);
    assert_int_equal(account_at(world, 1, LENDER, ref)->state, state);
}

/* Does what a cell says, and holds the result against the design. */
static void try_cell(struct world *world, uint8_t ref, enum account_type type, size_t s, size_t t)
{
    const struct credit_rule *rule = credit_rule(states[s], types[t]);
    bool frozen = states[s] == ACCOUNT_STATE_FROZEN, remedy = t >= 10, line = type == ACCOUNT_REVOLVING;

    account_bring(world, ref, type, states[s]);
    struct event_header header = next_event(world, LENDER, 1, ref, types[t]);
    if (types[t] == EVENT_STATUS) header.new_state = frozen ? ACCOUNT_STATE_OPEN : ACCOUNT_STATE_FROZEN;
    if (remedy) header.target = newest(world, ref, EVENT_PAYMENT);
    if (remedy && states[s] == ACCOUNT_STATE_VOID) header.target = newest(world, ref, EVENT_ACCOUNT_OPEN);
    struct event_result result = world_apply(world, &header);
    const struct account *account = account_at(world, 1, LENDER, ref);
    bool refused = design[s][t][0] == '-' || (types[t] == EVENT_STATUS && !line);
    const char *next = refused || design[s][t][0] == '\0' ? account_state_name(states[s]) : design[s][t];
    bool stale = remedy && states[s] == ACCOUNT_STATE_VOID;

    assert_non_null(rule);
    assert_true(strlen(rule->why) > 10);
    assert_int_equal(rule->code == RESULT_OK, stale || design[s][t][0] != '-');
    assert_int_equal(result.code, stale ? RESULT_STALE_TARGET : refused ? RESULT_WRONG_STATE : RESULT_OK);
    assert_string_equal(account_state_name(account ? account->state : ACCOUNT_STATE_NONE), next);
    assert_int_equal(result.detail_size, 0);
}

static void every_type_in_every_state_does_what_the_design_says(void **context)
{
    (void)context;
    unsigned cells = 0;

    for (uint32_t type = ACCOUNT_INSTALMENT; type <= ACCOUNT_REVOLVING; type++) {
        for (size_t s = 0; s < STATE_COUNT; s++) {
            struct world world;
            uint8_t ref = 1;
            if (states[s] == ACCOUNT_STATE_FROZEN && type == ACCOUNT_INSTALMENT) continue;
            world_open(&world);
            for (size_t t = 0; t < TYPE_COUNT; t++, ref++, cells++)
                try_cell(&world, ref, (enum account_type)type, s, t);
            world_close(&world);
        }
    }
    assert_int_equal(cells, (2 * STATE_COUNT - 1) * TYPE_COUNT);
}

static void the_table_has_a_cell_for_each_type_of_an_account_and_no_other(void **context)
{
    (void)context;
    for (uint32_t state = 0; state < 10; state++) {
        for (uint32_t type = 0; type < 64; type++) {
            bool expected = account_state_name(state) && event_type_has_account(type);
            bool found = credit_rule((enum account_state)state, (enum event_type)type) != NULL;
            assert_int_equal(found, expected);
        }
    }
}

static void an_instalment_loan_is_paid_out_before_it_is_paid_back(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    open.account_type = ACCOUNT_INSTALMENT;
    assert_int_equal(world_apply(&world, &open).code, RESULT_OK);
    struct event_header payment = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    assert_int_equal(world_apply(&world, &payment).code, RESULT_WRONG_STATE);
    struct event_header report = next_event(&world, LENDER, 1, 1, EVENT_PERIOD_REPORT);
    assert_int_equal(world_apply(&world, &report).code, RESULT_WRONG_STATE);
    must_apply(&world, 1, EVENT_DISBURSE);
    must_apply(&world, 1, EVENT_PAYMENT);
    must_apply(&world, 1, EVENT_PERIOD_REPORT);
    must_apply(&world, 1, EVENT_DISBURSE);

    /* A loan that was never paid out can still be closed. */
    open = next_event(&world, LENDER, 1, 2, EVENT_ACCOUNT_OPEN);
    open.account_type = ACCOUNT_INSTALMENT;
    assert_int_equal(world_apply(&world, &open).code, RESULT_OK);
    must_apply(&world, 2, EVENT_CLOSE);
    world_close(&world);
}

/* ---- The account's chain ---- */

static void the_same_event_again_is_a_duplicate(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    assert_int_equal(world_apply(&world, &open).code, RESULT_OK);
    assert_int_equal(world_apply(&world, &open).code, RESULT_DUPLICATE);
    struct event_header payment = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    assert_int_equal(world_apply(&world, &payment).code, RESULT_OK);
    must_apply(&world, 1, EVENT_CLOSE);
    assert_int_equal(world_apply(&world, &open).code, RESULT_DUPLICATE);
    assert_int_equal(world_apply(&world, &payment).code, RESULT_DUPLICATE);
    assert_int_equal(account_at(&world, 1, LENDER, 1)->next_seq, 3);
    world_close(&world);
}

static void another_event_at_a_taken_seq_names_the_winner(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header winner = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    struct event_header loser = winner;
    loser.body_commitment.bytes[0] = 0x77;
    assert_int_equal(world_apply(&world, &winner).code, RESULT_OK);
    struct event_result result = world_apply(&world, &loser);
    struct digest id = id_of(&winner);
    assert_int_equal(result.code, RESULT_CONFLICT);
    assert_int_equal(result.detail_size, DIGEST_SIZE);
    assert_memory_equal(result.detail, id.bytes, DIGEST_SIZE);
    world_close(&world);
}

static void assert_gap(struct event_result result, uint32_t seq, const struct digest *head)
{
    assert_int_equal(result.code, RESULT_GAP);
    assert_int_equal(result.detail_size, 4 + DIGEST_SIZE);
    assert_int_equal(get_u32(result.detail), seq);
    assert_memory_equal(result.detail + 4, head->bytes, DIGEST_SIZE);
}

static void a_gap_says_what_is_expected(void **context)
{
    (void)context;
    struct digest nothing = {{0}};
    struct world world;

    world_open(&world);
    struct event_header early = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    early.account_seq = 3;
    assert_gap(world_apply(&world, &early), 0, &nothing);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    open.account_prev.bytes[0] = 1;
    assert_gap(world_apply(&world, &open), 0, &nothing);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);

    struct digest head = account_at(&world, 1, LENDER, 1)->head;
    struct event_header ahead = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    ahead.account_seq++;
    assert_gap(world_apply(&world, &ahead), 1, &head);
    struct event_header astray = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    astray.account_prev.bytes[31] ^= 1;
    assert_gap(world_apply(&world, &astray), 1, &head);
    must_apply(&world, 1, EVENT_PAYMENT);
    world_close(&world);
}

static void a_refused_event_uses_no_seq_and_holds_back_only_its_own_account(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 2, EVENT_ACCOUNT_OPEN);
    struct event_header refused = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    assert_int_equal(world_apply(&world, &refused).code, RESULT_WRONG_STATE);
    struct event_header after = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    after.account_seq++;
    after.account_prev = id_of(&refused);
    assert_int_equal(world_apply(&world, &after).code, RESULT_GAP);
    must_apply(&world, 2, EVENT_PAYMENT);
    must_apply(&world, 1, EVENT_PAYMENT);
    world_close(&world);
}

/* ---- Who, whose, when, what again ---- */

static void only_lenders_and_bureaus_furnish(void **context)
{
    (void)context;
    static const struct {
        uint32_t member_id;
        enum result_code code;
    } cases[] = {{LENDER, RESULT_OK}, {BUREAU, RESULT_OK}, {REGULATOR, RESULT_NOT_ALLOWED},
        {OPERATOR, RESULT_NOT_ALLOWED}, {STRANGER, RESULT_NOT_ALLOWED}};
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_header open = next_event(&world, cases[i].member_id, 1, 1, EVENT_ACCOUNT_OPEN);
        assert_int_equal(world_apply(&world, &open).code, cases[i].code);
    }
    world_close(&world);
}

static void a_number_that_is_no_type_and_a_type_with_the_wrong_key_are_not_allowed(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    const struct credit_read read = world_read(&world);
    for (uint32_t type = 0; type < 40; type++) {
        struct event_header header = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
        struct digest id = {{1}};
        struct event_result result;
        header.type = (enum event_type)type;
        header.has_account = !event_type_has_account(type);
        world.reads = 0;
        assert_int_equal(
            credit_apply(&read, &world.files[1], &header, &id, BLOCK_TIME_MS, &result), TALLY_OK);
        assert_int_equal(result.code, RESULT_NOT_ALLOWED);
        assert_int_equal(world.reads, 0);
    }
    world_close(&world);
}

static void an_account_stays_with_its_subject(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        struct event_header astray = next_event(&world, LENDER, 1, 1, types[t]);
        astray.subject_id.bytes[0] = 2;
        assert_int_equal(world_apply(&world, &astray).code, RESULT_WRONG_SUBJECT);
    }
    assert_int_equal(world.files[2].account_count, 0);
    world_close(&world);
}

static void an_event_on_another_members_account_is_not_the_holders(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header payment = next_event(&world, LENDER, 1, 1, EVENT_PAYMENT);
    payment.member_id = BUREAU;
    assert_int_equal(world_apply(&world, &payment).code, RESULT_NOT_HOLDER);
    /* A reference is the furnisher's own: another member may open an account that happens to bear the same
     * one. */
    struct event_header open = next_event(&world, BUREAU, 1, 1, EVENT_ACCOUNT_OPEN);
    assert_int_equal(world_apply(&world, &open).code, RESULT_OK);
    assert_int_equal(world.files[1].account_count, 2);
    world_close(&world);
}

static void an_event_is_dated_at_most_one_day_ahead(void **context)
{
    (void)context;
    struct world world;
    const uint64_t midnight_ms = (uint64_t)BLOCK_DAY * MS_PER_DAY;

    world_open(&world);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    open.event_date = BLOCK_DAY + 1;
    assert_int_equal(world_apply_at(&world, &open, midnight_ms - 1).code, RESULT_FUTURE_DATE);
    assert_int_equal(world_apply_at(&world, &open, midnight_ms).code, RESULT_OK);
    struct event_header late = next_event(&world, LENDER, 1, 2, EVENT_ACCOUNT_OPEN);
    late.event_date = BLOCK_DAY + 2;
    assert_int_equal(world_apply_at(&world, &late, midnight_ms + MS_PER_DAY - 1).code, RESULT_FUTURE_DATE);
    late.event_date = DATE_MIN;
    assert_int_equal(world_apply_at(&world, &late, midnight_ms).code, RESULT_OK);
    struct event_header last = next_event(&world, LENDER, 1, 3, EVENT_ACCOUNT_OPEN);
    last.event_date = DATE_MAX;
    assert_int_equal(world_apply_at(&world, &last, UINT64_MAX - 1).code, RESULT_OK);
    world_close(&world);
}

static void a_period_is_reported_once(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 1, EVENT_PERIOD_REPORT);
    struct event_header again = next_event(&world, LENDER, 1, 1, EVENT_PERIOD_REPORT);
    assert_int_equal(world_apply(&world, &again).code, RESULT_PERIOD_TAKEN);
    again.period = 200503;
    assert_int_equal(world_apply(&world, &again).code, RESULT_OK);
    must_apply(&world, 2, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 2, EVENT_PERIOD_REPORT);
    world_close(&world);
}

static void bounds_of_a_file_are_refusals_not_failures(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 0, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 0, EVENT_PERIOD_REPORT);
    struct event_header far = next_event(&world, LENDER, 1, 0, EVENT_PERIOD_REPORT);
    far.period = period_from_index(period_index(200504) + PERIODS_PER_ACCOUNT_MAX);
    assert_int_equal(world_apply(&world, &far).code, RESULT_ACCOUNT_LIMIT);
    far.period = period_from_index(period_index(200504) + PERIODS_PER_ACCOUNT_MAX - 1);
    assert_int_equal(world_apply(&world, &far).code, RESULT_OK);

    static const uint32_t holders[] = {LENDER, BUREAU, OTHER_LENDER, THIRD_LENDER};
    assert_true(4 * ACCOUNTS_PER_HOLDER_MAX >= ACCOUNTS_PER_SUBJECT_MAX);
    for (uint8_t holder = 0; holder < 4; holder++) {
        uint32_t member = holders[holder];
        for (uint8_t ref = holder == 0 ? 1 : 0; ref < ACCOUNTS_PER_HOLDER_MAX; ref++) {
            struct event_header open = next_event(&world, member, 1, ref, EVENT_ACCOUNT_OPEN);
            assert_int_equal(world_apply(&world, &open).code, RESULT_OK);
        }
        struct event_header more = next_event(&world, member, 1, 200, EVENT_ACCOUNT_OPEN);
        assert_int_equal(world_apply(&world, &more).code, RESULT_ACCOUNT_LIMIT);
        assert_int_equal(world.files[1].account_count, (holder + 1u) * ACCOUNTS_PER_HOLDER_MAX);
    }
    assert_int_equal(world.files[1].account_count, ACCOUNTS_PER_SUBJECT_MAX);
    struct event_header more = next_event(&world, BUREAU, 1, 201, EVENT_ACCOUNT_OPEN);
    more.subject_id.bytes[0] = 2;
    assert_int_equal(world_apply(&world, &more).code, RESULT_OK);

    uint8_t ref[ACCOUNT_REF_SIZE] = {0};
    subject_state_account(&world.files[1], LENDER, ref)->next_seq = UINT32_MAX;
    struct event_header last = next_event(&world, LENDER, 1, 0, EVENT_PAYMENT);
    assert_int_equal(world_apply(&world, &last).code, RESULT_ACCOUNT_LIMIT);
    world_close(&world);
}

static void of_several_reasons_the_first_in_the_documented_order_wins(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 1, EVENT_PERIOD_REPORT);
    must_apply(&world, 1, EVENT_CLOSE);

    /* Wrong in every way, then put right one way at a time. */
    struct event_header header = next_event(&world, LENDER, 1, 1, EVENT_PERIOD_REPORT);
    uint32_t next_seq = header.account_seq;
    struct digest head = header.account_prev;
    header.member_id = REGULATOR;
    header.subject_id.bytes[0] = 2;
    header.account_seq = next_seq + 1;
    header.event_date = BLOCK_DAY + 2;
    assert_int_equal(world_apply(&world, &header).code, RESULT_NOT_ALLOWED);
    header.member_id = LENDER;
    assert_int_equal(world_apply(&world, &header).code, RESULT_WRONG_SUBJECT);
    header.subject_id.bytes[0] = 1;
    header.member_id = BUREAU;
    assert_int_equal(world_apply(&world, &header).code, RESULT_NOT_HOLDER);
    header.member_id = LENDER;
    header.account_seq = 0;
    assert_int_equal(world_apply(&world, &header).code, RESULT_CONFLICT);
    header.account_seq = next_seq;
    header.account_prev = (struct digest){{0}};
    assert_int_equal(world_apply(&world, &header).code, RESULT_GAP);
    header.account_prev = head;
    assert_int_equal(world_apply(&world, &header).code, RESULT_FUTURE_DATE);
    header.event_date = BLOCK_DAY;
    assert_int_equal(world_apply(&world, &header).code, RESULT_WRONG_STATE);
    world_close(&world);
}

static void a_failed_read_changes_nothing(void **context)
{
    (void)context;
    struct world world;
    const struct credit_read read = world_read(&world);
    struct event_result result = {.code = 777};
    struct digest id = {{1}};

    world_open(&world);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    world.fail_with = TALLY_EIO;
    assert_int_equal(credit_apply(&read, &world.files[1], &open, &id, BLOCK_TIME_MS, &result), TALLY_EIO);
    assert_int_equal(result.code, 777);
    assert_int_equal(world.files[1].account_count, 0);
    world.fail_with = 0;
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    world.fail_with = TALLY_EDAMAGED;
    assert_int_equal(
        credit_apply(&read, &world.files[1], &open, &id, BLOCK_TIME_MS, &result), TALLY_EDAMAGED);
    assert_int_equal(result.code, 777);

    /* The index knows an account that its own file has lost. */
    world.fail_with = 0;
    subject_state_clear(&world.files[1]);
    assert_int_equal(
        credit_apply(&read, &world.files[1], &open, &id, BLOCK_TIME_MS, &result), TALLY_EDAMAGED);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_in_every_state_does_what_the_design_says),
        cmocka_unit_test(the_table_has_a_cell_for_each_type_of_an_account_and_no_other),
        cmocka_unit_test(an_instalment_loan_is_paid_out_before_it_is_paid_back),
        cmocka_unit_test(the_same_event_again_is_a_duplicate),
        cmocka_unit_test(another_event_at_a_taken_seq_names_the_winner),
        cmocka_unit_test(a_gap_says_what_is_expected),
        cmocka_unit_test(a_refused_event_uses_no_seq_and_holds_back_only_its_own_account),
        cmocka_unit_test(only_lenders_and_bureaus_furnish),
        cmocka_unit_test(a_number_that_is_no_type_and_a_type_with_the_wrong_key_are_not_allowed),
        cmocka_unit_test(an_account_stays_with_its_subject),
        cmocka_unit_test(an_event_on_another_members_account_is_not_the_holders),
        cmocka_unit_test(an_event_is_dated_at_most_one_day_ahead),
        cmocka_unit_test(a_period_is_reported_once),
        cmocka_unit_test(bounds_of_a_file_are_refusals_not_failures),
        cmocka_unit_test(of_several_reasons_the_first_in_the_documented_order_wins),
        cmocka_unit_test(a_failed_read_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
