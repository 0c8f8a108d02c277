// links: policies credit codec crypto base
#include "tests/unit/rules_world.h"

static enum result_code code_of(struct world *world, struct event_header header)
{
    return (enum result_code)world_apply(world, &header).code;
}

/* Applies the next event of LENDER's account and returns it. */
static struct event_header apply_next(struct world *world, uint8_t ref, enum event_type type)
{
    struct event_header header = next_event(world, LENDER, 1, ref, type);

    assert_int_equal(world_apply(world, &header).code, RESULT_OK);
    return header;
}

static struct event_header remedy_of(
    const struct world *world, uint8_t ref, enum event_type type, const struct event_header *target)
{
    struct event_header header = next_event(world, LENDER, 1, ref, type);

    header.target = id_of(target);
    return header;
}

static enum account_state state_of(const struct world *world, uint8_t ref)
{
    return account_at(world, 1, LENDER, ref)->state;
}

/* ---- CORRECT and RETRACT ---- */

static void a_correction_aims_at_the_version_in_force(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header report = apply_next(&world, 1, EVENT_PERIOD_REPORT);
    struct event_header first = remedy_of(&world, 1, EVENT_CORRECT, &report);
    assert_int_equal(code_of(&world, first), RESULT_OK);
    assert_int_equal(account_at(&world, 1, LENDER, 1)->next_seq, 3);
    /* The version it replaced is stale, and the refusal says which one to aim at. */
    struct event_header stale = remedy_of(&world, 1, EVENT_CORRECT, &report);
    struct event_result result = world_apply(&world, &stale);
    struct digest id = id_of(&first);
    assert_int_equal(result.code, RESULT_STALE_TARGET);
    assert_int_equal(result.detail_size, DIGEST_SIZE);
    assert_memory_equal(result.detail, id.bytes, DIGEST_SIZE);
    stale.type = EVENT_RETRACT;
    assert_int_equal(code_of(&world, stale), RESULT_STALE_TARGET);
    struct event_header second = remedy_of(&world, 1, EVENT_CORRECT, &first);
    assert_int_equal(code_of(&world, second), RESULT_OK);
    /* A correction that is taken back leaves the one before it in force. */
    struct event_header retract = remedy_of(&world, 1, EVENT_RETRACT, &second);
    assert_int_equal(code_of(&world, retract), RESULT_OK);
    struct event_header gone = remedy_of(&world, 1, EVENT_CORRECT, &second);
    result = world_apply(&world, &gone);
    assert_int_equal(result.code, RESULT_STALE_TARGET);
    assert_int_equal(result.detail_size, 0);
    struct event_header third = remedy_of(&world, 1, EVENT_CORRECT, &first);
    assert_int_equal(code_of(&world, third), RESULT_OK);
    world_close(&world);
}

static void a_target_is_an_event_of_the_same_account(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header payment = apply_next(&world, 1, EVENT_PAYMENT);
    must_apply(&world, 2, EVENT_ACCOUNT_OPEN);
    struct event_header other = apply_next(&world, 2, EVENT_PAYMENT);
    struct event_header elsewhere = next_event(&world, LENDER, 2, 3, EVENT_ACCOUNT_OPEN);
    assert_int_equal(code_of(&world, elsewhere), RESULT_OK);
    struct event_header statement = next_item(&world, LENDER, 1, EVENT_STATEMENT);
    assert_int_equal(code_of(&world, statement), RESULT_OK);
    struct event_header never = payment;
    never.event_date--;
    const struct event_header *wrong[] = {&other, &elsewhere, &statement, &never};
    for (size_t i = 0; i < 4; i++) {
        struct event_header header = remedy_of(&world, 1, EVENT_CORRECT, wrong[i]);
        assert_int_equal(code_of(&world, header), RESULT_NO_TARGET);
        header.type = EVENT_RETRACT;
        assert_int_equal(code_of(&world, header), RESULT_NO_TARGET);
    }
    struct event_header retract = remedy_of(&world, 1, EVENT_RETRACT, &payment);
    assert_int_equal(code_of(&world, retract), RESULT_OK);
    struct event_header again = remedy_of(&world, 1, EVENT_RETRACT, &retract);
    assert_int_equal(code_of(&world, again), RESULT_NO_TARGET);
    again.type = EVENT_CORRECT;
    assert_int_equal(code_of(&world, again), RESULT_NO_TARGET);
    world_close(&world);
}

static void the_last_change_of_state_is_taken_back_first(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header frozen = apply_next(&world, 1, EVENT_STATUS);
    struct event_header lost = apply_next(&world, 1, EVENT_CHARGE_OFF);
    must_apply(&world, 1, EVENT_PAYMENT);
    struct event_header closed = apply_next(&world, 1, EVENT_CLOSE);
    const struct event_header *held[] = {&open, &frozen, &lost};
    for (size_t i = 0; i < 3; i++) {
        struct event_header header = remedy_of(&world, 1, EVENT_RETRACT, held[i]);
        assert_int_equal(code_of(&world, header), RESULT_WRONG_STATE);
    }
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_SETTLED);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &closed)), RESULT_OK);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_CHARGED_OFF);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &lost)), RESULT_OK);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_FROZEN);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &frozen)), RESULT_OK);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_OPEN);
    /* And its life goes on from there. */
    must_apply(&world, 1, EVENT_CHARGE_OFF);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_CHARGED_OFF);
    world_close(&world);
}

static void a_lone_opening_is_taken_back_and_the_account_is_void(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header payment = apply_next(&world, 1, EVENT_PAYMENT);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &open)), RESULT_WRONG_STATE);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &payment)), RESULT_OK);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &open)), RESULT_OK);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_VOID);
    assert_false(account_is_active(account_at(&world, 1, LENDER, 1)));
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &open)), RESULT_STALE_TARGET);
    assert_int_equal(
        code_of(&world, next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN)), RESULT_WRONG_STATE);
    world_close(&world);
}

static void what_is_taken_back_no_longer_counts(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    open.account_type = ACCOUNT_INSTALMENT;
    assert_int_equal(code_of(&world, open), RESULT_OK);
    struct event_header paid_out = apply_next(&world, 1, EVENT_DISBURSE);
    struct event_header report = apply_next(&world, 1, EVENT_PERIOD_REPORT);
    struct event_header twice = next_event(&world, LENDER, 1, 1, EVENT_PERIOD_REPORT);
    assert_int_equal(code_of(&world, twice), RESULT_PERIOD_TAKEN);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &report)), RESULT_OK);
    must_apply(&world, 1, EVENT_PERIOD_REPORT);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &paid_out)), RESULT_OK);
    assert_int_equal(code_of(&world, next_event(&world, LENDER, 1, 1, EVENT_PAYMENT)), RESULT_WRONG_STATE);
    must_apply(&world, 1, EVENT_DISBURSE);
    must_apply(&world, 1, EVENT_PAYMENT);
    world_close(&world);
}

static void a_state_forgotten_long_ago_is_not_brought_back(void **context)
{
    (void)context;
    struct event_header turns[ACCOUNT_TURNS_MAX + 1];
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    for (uint32_t i = 0; i <= ACCOUNT_TURNS_MAX; i++) {
        turns[i] = next_event(&world, LENDER, 1, 1, EVENT_STATUS);
        turns[i].new_state = i % 2 == 0 ? ACCOUNT_STATE_FROZEN : ACCOUNT_STATE_OPEN;
        assert_int_equal(code_of(&world, turns[i]), RESULT_OK);
    }
    for (uint32_t i = ACCOUNT_TURNS_MAX; i > 0; i--) {
        assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &turns[i])), RESULT_OK);
    }
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &turns[0])), RESULT_WRONG_STATE);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_FROZEN);
    world_close(&world);
}

static void a_status_is_a_lines_and_says_another_state(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header same = next_event(&world, LENDER, 1, 1, EVENT_STATUS);
    same.new_state = ACCOUNT_STATE_OPEN;
    assert_int_equal(code_of(&world, same), RESULT_WRONG_STATE);
    must_apply(&world, 1, EVENT_STATUS);
    assert_int_equal(code_of(&world, next_event(&world, LENDER, 1, 1, EVENT_STATUS)), RESULT_WRONG_STATE);
    must_apply(&world, 1, EVENT_CHARGE_OFF);
    struct event_header back = next_event(&world, LENDER, 1, 1, EVENT_STATUS);
    back.new_state = ACCOUNT_STATE_OPEN;
    assert_int_equal(code_of(&world, back), RESULT_WRONG_STATE);
    world_close(&world);
}

/* ---- Transfers ---- */

static struct event_header take_over(
    const struct world *world, uint32_t member_id, uint8_t ref, const struct event_header *transfer)
{
    struct event_header header = next_event(world, member_id, 1, ref, EVENT_ACCOUNT_OPEN);

    header.has_transfer_of = true;
    header.transfer_of = id_of(transfer);
    return header;
}

static void a_transfer_is_taken_up_once_by_its_transferee(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.authorization_from_ms = BLOCK_TIME_MS + 1;
    struct event_header reserve = next_item(&world, LENDER, 1, EVENT_RESERVE);
    reserve.has_amount = true;
    reserve.amount_minor = 700;
    assert_int_equal(code_of(&world, reserve), RESULT_OK);
    struct event_header open = next_event(&world, LENDER, 1, 1, EVENT_ACCOUNT_OPEN);
    open.has_authorization = true;
    open.authorization = id_of(&reserve);
    assert_int_equal(code_of(&world, open), RESULT_OK);
    struct event_header transfer = apply_next(&world, 1, EVENT_TRANSFER);
    assert_true(account_is_active(account_at(&world, 1, LENDER, 1)));
    world.policy.authorization_from_ms = 0; /* an opening needs an authorization, and this one does not */
    struct event_header linked = take_over(&world, OTHER_LENDER, 9, &transfer), wrong = linked;
    wrong.currency = 840;
    assert_int_equal(code_of(&world, wrong), RESULT_AUTHORIZATION_MISMATCH);
    wrong = linked;
    wrong.subject_id.bytes[0] = 2;
    assert_int_equal(code_of(&world, wrong), RESULT_NO_TARGET);
    wrong = linked;
    wrong.transfer_of = id_of(&open);
    assert_int_equal(code_of(&world, wrong), RESULT_NO_TARGET);
    assert_int_equal(code_of(&world, take_over(&world, THIRD_LENDER, 9, &transfer)), RESULT_NO_TARGET);
    assert_int_equal(code_of(&world, linked), RESULT_OK);
    assert_false(account_is_active(account_at(&world, 1, LENDER, 1)));
    assert_int_equal(account_at(&world, 1, OTHER_LENDER, 9)->reserved_minor, 700);
    assert_int_equal(account_at(&world, 1, OTHER_LENDER, 9)->opened_day, BLOCK_DAY);
    assert_int_equal(code_of(&world, take_over(&world, OTHER_LENDER, 8, &transfer)), RESULT_STALE_TARGET);
    /* What was taken up is not taken back. */
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &transfer)), RESULT_WRONG_STATE);
    world_close(&world);
}

/* Else a small reservation would shrink what a large loan counts for. */
static void a_linked_opening_names_no_authorization(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header transfer = apply_next(&world, 1, EVENT_TRANSFER);
    struct event_header reserve = next_item(&world, OTHER_LENDER, 1, EVENT_RESERVE);
    assert_int_equal(code_of(&world, reserve), RESULT_OK);
    struct event_header linked = take_over(&world, OTHER_LENDER, 9, &transfer);
    linked.has_authorization = true;
    linked.authorization = id_of(&reserve);
    assert_int_equal(code_of(&world, linked), RESULT_AUTHORIZATION_MISMATCH);
    assert_int_equal(world.files[1].reservations.count, 1);
    linked.has_authorization = false;
    assert_int_equal(code_of(&world, linked), RESULT_OK);
    world_close(&world);
}

/* Else the loan would count for nobody, and its holder could never mend a mistake. */
static void a_linked_opening_taken_back_gives_the_transfer_back(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 2, EVENT_ACCOUNT_OPEN);
    struct event_header other = apply_next(&world, 2, EVENT_TRANSFER);
    assert_int_equal(code_of(&world, take_over(&world, OTHER_LENDER, 2, &other)), RESULT_OK);
    struct event_header transfer = apply_next(&world, 1, EVENT_TRANSFER);
    struct event_header linked = take_over(&world, OTHER_LENDER, 9, &transfer);
    assert_int_equal(code_of(&world, linked), RESULT_OK);
    struct event_header retract = next_event(&world, OTHER_LENDER, 1, 9, EVENT_RETRACT);
    retract.target = id_of(&linked);
    assert_int_equal(code_of(&world, retract), RESULT_OK);
    assert_int_equal(account_at(&world, 1, OTHER_LENDER, 9)->state, ACCOUNT_STATE_VOID);
    assert_true(account_is_active(account_at(&world, 1, LENDER, 1)));
    assert_false(account_is_active(account_at(&world, 1, LENDER, 2)));
    assert_int_equal(code_of(&world, take_over(&world, OTHER_LENDER, 8, &transfer)), RESULT_OK);
    assert_false(account_is_active(account_at(&world, 1, LENDER, 1)));
    world_close(&world);
}

static void a_transfer_taken_back_was_none(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header nobody = next_event(&world, LENDER, 1, 1, EVENT_TRANSFER);
    nobody.transferee = REGULATOR;
    assert_int_equal(code_of(&world, nobody), RESULT_NOT_ALLOWED);
    nobody.transferee = STRANGER;
    assert_int_equal(code_of(&world, nobody), RESULT_NOT_ALLOWED);
    struct event_header transfer = apply_next(&world, 1, EVENT_TRANSFER);
    assert_int_equal(account_at(&world, 1, LENDER, 1)->transferee, OTHER_LENDER);
    assert_int_equal(code_of(&world, remedy_of(&world, 1, EVENT_RETRACT, &transfer)), RESULT_OK);
    assert_int_equal(state_of(&world, 1), ACCOUNT_STATE_OPEN);
    assert_int_equal(account_at(&world, 1, LENDER, 1)->transferee, 0);
    assert_int_equal(code_of(&world, take_over(&world, OTHER_LENDER, 9, &transfer)), RESULT_NO_TARGET);
    must_apply(&world, 1, EVENT_PAYMENT);
    world_close(&world);
}

static void a_loan_taken_over_was_paid_out_before(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    for (uint8_t ref = 1; ref <= 2; ref++) {
        struct event_header open = next_event(&world, LENDER, 1, ref, EVENT_ACCOUNT_OPEN);
        open.account_type = ACCOUNT_INSTALMENT;
        assert_int_equal(code_of(&world, open), RESULT_OK);
        if (ref == 1) must_apply(&world, ref, EVENT_DISBURSE);
        struct event_header transfer = apply_next(&world, ref, EVENT_TRANSFER);
        struct event_header linked = take_over(&world, OTHER_LENDER, ref, &transfer);
        linked.account_type = ACCOUNT_INSTALMENT;
        assert_int_equal(code_of(&world, linked), RESULT_OK);
        struct event_header payment = next_event(&world, OTHER_LENDER, 1, ref, EVENT_PAYMENT);
        assert_int_equal(code_of(&world, payment), ref == 1 ? RESULT_OK : RESULT_WRONG_STATE);
    }
    world_close(&world);
}

/* ---- Disputes and statements ---- */

static struct event_header dispute_by(
    struct world *world, uint32_t member_id, const struct event_header *target)
{
    struct event_header header = next_item(world, member_id, 1, EVENT_DISPUTE_OPEN);

    header.target = id_of(target);
    return header;
}

/* The member inquires of the subject under a consent of two uses, which is then one that it was answered
 * under. */
static struct event_header be_answered(struct world *world, uint32_t member_id)
{
    struct event_header grant = next_item(world, member_id, 1, EVENT_CONSENT_GRANT);
    struct event_header inquiry = next_item(world, member_id, 1, EVENT_INQUIRY);

    assert_int_equal(code_of(world, grant), RESULT_OK);
    inquiry.consent = id_of(&grant);
    assert_int_equal(code_of(world, inquiry), RESULT_OK);
    return grant;
}

static enum result_code speak(
    struct world *world, uint32_t member_id, enum event_type type, const struct event_header *dispute)
{
    struct event_header header = next_item(world, member_id, 1, type);

    header.dispute = id_of(dispute);
    return code_of(world, header);
}

static void the_author_answers_and_the_opener_or_a_bureau_closes(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    be_answered(&world, OTHER_LENDER);
    be_answered(&world, THIRD_LENDER);
    for (int closer = 0; closer < 2; closer++) {
        struct event_header dispute = dispute_by(&world, OTHER_LENDER, &open);
        assert_int_equal(code_of(&world, dispute), RESULT_OK);
        assert_int_equal(speak(&world, OTHER_LENDER, EVENT_DISPUTE_ANSWER, &dispute), RESULT_NOT_ALLOWED);
        assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_ANSWER, &dispute), RESULT_NOT_ALLOWED);
        assert_int_equal(speak(&world, LENDER, EVENT_DISPUTE_ANSWER, &dispute), RESULT_OK);
        assert_int_equal(speak(&world, LENDER, EVENT_DISPUTE_ANSWER, &dispute), RESULT_OK);
        assert_int_equal(speak(&world, LENDER, EVENT_DISPUTE_CLOSE, &dispute), RESULT_NOT_ALLOWED);
        assert_int_equal(speak(&world, THIRD_LENDER, EVENT_DISPUTE_CLOSE, &dispute), RESULT_NOT_ALLOWED);
        assert_int_equal(speak(&world, REGULATOR, EVENT_DISPUTE_CLOSE, &dispute), RESULT_NOT_ALLOWED);
        uint32_t by = closer == 0 ? OTHER_LENDER : BUREAU;
        assert_int_equal(speak(&world, by, EVENT_DISPUTE_CLOSE, &dispute), RESULT_OK);
        assert_int_equal(speak(&world, by, EVENT_DISPUTE_CLOSE, &dispute), RESULT_STALE_TARGET);
        assert_int_equal(speak(&world, LENDER, EVENT_DISPUTE_ANSWER, &dispute), RESULT_STALE_TARGET);
    }
    assert_int_equal(account_at(&world, 1, LENDER, 1)->next_seq, 1);
    assert_int_equal(world.files[1].disputes.count, 0);
    world_close(&world);
}

static void an_author_never_closes_what_is_said_against_it(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = next_event(&world, BUREAU, 1, 1, EVENT_ACCOUNT_OPEN);
    assert_int_equal(code_of(&world, open), RESULT_OK);
    /* Not as the bureau that it is, nor as the opener. */
    struct event_header dispute = dispute_by(&world, BUREAU, &open);
    assert_int_equal(code_of(&world, dispute), RESULT_OK);
    assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_CLOSE, &dispute), RESULT_NOT_ALLOWED);
    assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_ANSWER, &dispute), RESULT_OK);
    world_close(&world);
}

static void a_dispute_is_about_an_event_of_the_subject(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN), never = open;
    never.event_date--;
    assert_int_equal(code_of(&world, dispute_by(&world, BUREAU, &never)), RESULT_NO_TARGET);
    struct event_header astray = dispute_by(&world, BUREAU, &open);
    astray.subject_id.bytes[0] = 2;
    assert_int_equal(code_of(&world, astray), RESULT_NO_TARGET);
    assert_int_equal(code_of(&world, dispute_by(&world, OPERATOR, &open)), RESULT_NOT_ALLOWED);
    /* Also about who asked. */
    struct event_header inquiry = next_item(&world, LENDER, 1, EVENT_INQUIRY);
    inquiry.has_consent = false;
    inquiry.legal_basis = LEGAL_STATUTE;
    assert_int_equal(code_of(&world, inquiry), RESULT_OK);
    assert_int_equal(code_of(&world, dispute_by(&world, REGULATOR, &inquiry)), RESULT_OK);
    assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_CLOSE, &open), RESULT_NO_TARGET);
    world_close(&world);
}

static enum result_code aim(
    struct world *world, uint32_t member_id, enum event_type type, const struct digest *target)
{
    struct event_header header = next_item(world, member_id, 1, type);

    header.has_target = true;
    header.target = *target;
    return code_of(world, header);
}

/* Ids of others' events are seen by all: what is said of one must not tell in whose file it is. */
static void what_stands_in_a_file_is_not_told_to_who_was_not_answered(void **context)
{
    (void)context;
    static const enum event_type aiming[] = {EVENT_DISPUTE_OPEN, EVENT_STATEMENT};
    struct world world;
    struct digest seen, never = {{7}};

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    seen = id_of(&open);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(aim(&world, OTHER_LENDER, aiming[i], &seen), RESULT_NO_TARGET);
        assert_int_equal(aim(&world, OTHER_LENDER, aiming[i], &never), RESULT_NO_TARGET);
        assert_int_equal(aim(&world, LENDER, aiming[i], &seen), RESULT_OK);
        assert_int_equal(aim(&world, BUREAU, aiming[i], &seen), RESULT_OK);
        assert_int_equal(aim(&world, REGULATOR, aiming[i], &seen), RESULT_OK);
    }
    /* A consent is not enough that nothing was asked under; one that was revoked neither. */
    struct event_header grant = next_item(&world, OTHER_LENDER, 1, EVENT_CONSENT_GRANT);
    assert_int_equal(code_of(&world, grant), RESULT_OK);
    assert_int_equal(aim(&world, OTHER_LENDER, EVENT_STATEMENT, &seen), RESULT_NO_TARGET);
    grant = be_answered(&world, OTHER_LENDER);
    assert_int_equal(aim(&world, OTHER_LENDER, EVENT_STATEMENT, &seen), RESULT_OK);
    struct event_header revoke = next_item(&world, OTHER_LENDER, 1, EVENT_CONSENT_REVOKE);
    revoke.consent = id_of(&grant);
    assert_int_equal(code_of(&world, revoke), RESULT_OK);
    assert_int_equal(aim(&world, OTHER_LENDER, EVENT_STATEMENT, &seen), RESULT_NO_TARGET);
    world_close(&world);
}

static void what_one_was_answered_is_spoken_of_until_the_consent_is_spent(void **context)
{
    (void)context;
    struct world world;
    uint64_t lapsed_ms = BLOCK_TIME_MS + 11 * MS_PER_DAY;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    be_answered(&world, OTHER_LENDER);
    struct event_header dispute = dispute_by(&world, OTHER_LENDER, &open);
    assert_int_equal(world_apply_at(&world, &dispute, lapsed_ms - 2 * MS_PER_DAY).code, RESULT_OK);
    struct event_header late = dispute_by(&world, OTHER_LENDER, &open);
    assert_int_equal(world_apply_at(&world, &late, lapsed_ms).code, RESULT_NO_TARGET);
    /* What it opened is its own. */
    struct event_header close = next_item(&world, OTHER_LENDER, 1, EVENT_DISPUTE_CLOSE);
    close.dispute = id_of(&dispute);
    assert_int_equal(world_apply_at(&world, &close, lapsed_ms).code, RESULT_OK);
    world_close(&world);
}

static void a_dispute_is_not_there_for_who_has_no_part_in_it(void **context)
{
    (void)context;
    static const enum event_type spoken[] = {EVENT_DISPUTE_ANSWER, EVENT_DISPUTE_CLOSE};
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header dispute = dispute_by(&world, BUREAU, &open);
    assert_int_equal(code_of(&world, dispute), RESULT_OK);
    for (int closed = 0; closed < 2; closed++) {
        for (size_t i = 0; i < 2; i++) {
            enum result_code known = closed ? RESULT_STALE_TARGET : RESULT_NOT_ALLOWED;
            assert_int_equal(speak(&world, THIRD_LENDER, spoken[i], &dispute), RESULT_NO_TARGET);
            assert_int_equal(speak(&world, REGULATOR, spoken[i], &dispute), known);
        }
        if (!closed) assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_CLOSE, &dispute), RESULT_OK);
    }
    /* A furnisher to the file may name its disputes in a remedy, and so it hears of them here. */
    assert_int_equal(speak(&world, LENDER, EVENT_DISPUTE_ANSWER, &dispute), RESULT_STALE_TARGET);
    world_close(&world);
}

static void a_remedy_may_name_a_dispute_open_or_closed(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header payment = apply_next(&world, 1, EVENT_PAYMENT);
    struct event_header dispute = dispute_by(&world, BUREAU, &payment);
    assert_int_equal(code_of(&world, dispute), RESULT_OK);
    struct event_header correct = remedy_of(&world, 1, EVENT_CORRECT, &payment);
    correct.has_dispute = true;
    correct.dispute = id_of(&payment);
    assert_int_equal(code_of(&world, correct), RESULT_NO_TARGET);
    correct.dispute.bytes[0] ^= 1;
    assert_int_equal(code_of(&world, correct), RESULT_NO_TARGET);
    correct.dispute = id_of(&dispute);
    assert_int_equal(code_of(&world, correct), RESULT_OK);
    assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_CLOSE, &dispute), RESULT_OK);
    struct event_header retract = remedy_of(&world, 1, EVENT_RETRACT, &correct);
    retract.has_dispute = true;
    retract.dispute = id_of(&dispute);
    assert_int_equal(code_of(&world, retract), RESULT_OK);
    world_close(&world);
}

static void one_member_cannot_fill_a_file_with_disputes(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN), last = open;
    for (uint32_t i = 0; i < DISPUTES_PER_OPENER_MAX; i++) {
        last = dispute_by(&world, BUREAU, &open);
        assert_int_equal(code_of(&world, last), RESULT_OK);
    }
    assert_int_equal(code_of(&world, dispute_by(&world, BUREAU, &open)), RESULT_ACCOUNT_LIMIT);
    assert_int_equal(code_of(&world, dispute_by(&world, REGULATOR, &open)), RESULT_OK);
    assert_int_equal(speak(&world, BUREAU, EVENT_DISPUTE_CLOSE, &last), RESULT_OK);
    assert_int_equal(code_of(&world, dispute_by(&world, BUREAU, &open)), RESULT_OK);
    world_close(&world);
}

static void a_statement_may_be_about_an_event_or_the_whole_file(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header statement = next_item(&world, BUREAU, 1, EVENT_STATEMENT);
    assert_int_equal(code_of(&world, statement), RESULT_OK);
    assert_int_equal(code_of(&world, statement), RESULT_DUPLICATE);
    struct event_header about = next_item(&world, BUREAU, 1, EVENT_STATEMENT);
    about.has_target = true;
    assert_int_equal(code_of(&world, about), RESULT_NO_TARGET);
    about.target = id_of(&open);
    assert_int_equal(code_of(&world, about), RESULT_OK);
    world_close(&world);
}

/* ---- Failures ---- */

static void a_read_that_fails_changes_nothing(void **context)
{
    (void)context;
    static const enum event_type items[] = {EVENT_DISPUTE_OPEN, EVENT_DISPUTE_CLOSE, EVENT_STATEMENT,
        EVENT_RESERVE, EVENT_INQUIRY, EVENT_CONSENT_GRANT, EVENT_CONSENT_REVOKE, EVENT_RESERVE_CANCEL};
    struct world world;

    world_open(&world);
    struct event_header open = apply_next(&world, 1, EVENT_ACCOUNT_OPEN);
    struct buffer before, after;
    buffer_init(&before, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&after, SUBJECT_STATE_SIZE_MAX);
    subject_state_encode(&world.files[1], &before);
    const struct credit_read read = world_read(&world);
    struct event_result result = {.code = 777};
    struct digest id = {{1}};
    world.fail_with = TALLY_EIO;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct event_header header = next_item(&world, LENDER, 1, items[i]);
        assert_int_equal(
            credit_apply(&read, &world.files[1], &header, &id, BLOCK_TIME_MS, &result), TALLY_EIO);
    }
    struct event_header correct = remedy_of(&world, 1, EVENT_CORRECT, &open);
    assert_int_equal(credit_apply(&read, &world.files[1], &correct, &id, BLOCK_TIME_MS, &result), TALLY_EIO);
    assert_int_equal(result.code, 777);
    subject_state_encode(&world.files[1], &after);
    assert_true(span_equal(buffer_span(&before), buffer_span(&after)));
    buffer_close(&before);
    buffer_close(&after);
    world_close(&world);
}

/* The index says that an event was applied which its account's file says was not. */
static void a_target_that_the_file_contradicts_is_damage(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    must_apply(&world, 1, EVENT_PAYMENT);
    struct event_header report = apply_next(&world, 1, EVENT_PERIOD_REPORT);
    struct event_header paid_out = apply_next(&world, 1, EVENT_DISBURSE);
    uint8_t ref[ACCOUNT_REF_SIZE] = {1};
    struct account *account = subject_state_account(&world.files[1], LENDER, ref);
    account_period_clear(account, report.period);
    account->disbursements = 0;
    const struct credit_read read = world_read(&world);
    const struct event_header *lost[] = {&report, &paid_out};
    for (size_t i = 0; i < 2; i++) {
        struct event_header retract = remedy_of(&world, 1, EVENT_RETRACT, lost[i]);
        struct event_result result = {.code = 777};
        struct digest id = {{1}};
        struct account kept = *account;
        assert_int_equal(
            credit_apply(&read, &world.files[1], &retract, &id, BLOCK_TIME_MS, &result), TALLY_EDAMAGED);
        assert_int_equal(result.code, 777);
        assert_memory_equal(account, &kept, sizeof(kept));
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_correction_aims_at_the_version_in_force),
        cmocka_unit_test(a_target_is_an_event_of_the_same_account),
        cmocka_unit_test(the_last_change_of_state_is_taken_back_first),
        cmocka_unit_test(a_lone_opening_is_taken_back_and_the_account_is_void),
        cmocka_unit_test(what_is_taken_back_no_longer_counts),
        cmocka_unit_test(a_state_forgotten_long_ago_is_not_brought_back),
        cmocka_unit_test(a_status_is_a_lines_and_says_another_state),
        cmocka_unit_test(a_transfer_is_taken_up_once_by_its_transferee),
        cmocka_unit_test(a_linked_opening_names_no_authorization),
        cmocka_unit_test(a_linked_opening_taken_back_gives_the_transfer_back),
        cmocka_unit_test(a_transfer_taken_back_was_none),
        cmocka_unit_test(a_loan_taken_over_was_paid_out_before),
        cmocka_unit_test(the_author_answers_and_the_opener_or_a_bureau_closes),
        cmocka_unit_test(an_author_never_closes_what_is_said_against_it),
        cmocka_unit_test(a_dispute_is_about_an_event_of_the_subject),
        cmocka_unit_test(what_stands_in_a_file_is_not_told_to_who_was_not_answered),
        cmocka_unit_test(what_one_was_answered_is_spoken_of_until_the_consent_is_spent),
        cmocka_unit_test(a_dispute_is_not_there_for_who_has_no_part_in_it),
        cmocka_unit_test(a_remedy_may_name_a_dispute_open_or_closed),
        cmocka_unit_test(one_member_cannot_fill_a_file_with_disputes),
        cmocka_unit_test(a_statement_may_be_about_an_event_or_the_whole_file),
        cmocka_unit_test(a_read_that_fails_changes_nothing),
        cmocka_unit_test(a_target_that_the_file_contradicts_is_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
