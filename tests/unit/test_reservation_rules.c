// links: policies credit codec crypto base
#include "tests/unit/rules_world.h"

#define HOUR_MS 3600000u

static struct event_header reserve_by(struct world *world, uint32_t member_id, int64_t amount_minor)
{
    struct event_header header = next_item(world, member_id, 1, EVENT_RESERVE);

    header.has_amount = amount_minor >= 0;
    header.amount_minor = amount_minor >= 0 ? amount_minor : 0;
    return header;
}

/* Reserves, and holds the code and the reason against what is expected. */
static void assert_reserve(
    struct world *world, uint32_t member_id, int64_t amount_minor, enum result_code code, uint32_t reason)
{
    struct event_header header = reserve_by(world, member_id, amount_minor);
    struct event_result result = world_apply(world, &header);

    assert_int_equal(result.code, code);
    assert_int_equal(result.detail_size, code == RESULT_REFUSED_CAP ? 1 : 0);
    assert_int_equal(result.detail[0], reason);
}

static struct event_header open_by(
    const struct world *world, uint32_t member_id, uint8_t ref, const struct event_header *reserve)
{
    struct event_header header = next_event(world, member_id, 1, ref, EVENT_ACCOUNT_OPEN);

    if (reserve) {
        header.has_authorization = true;
        header.authorization = id_of(reserve);
    }
    return header;
}

static enum result_code code_of(struct world *world, struct event_header header)
{
    return (enum result_code)world_apply(world, &header).code;
}

static void of_two_that_race_for_the_last_slot_the_first_in_order_wins(void **context)
{
    (void)context;

    for (int turn = 0; turn < 2; turn++) {
        struct world world;
        world_open(&world);
        world.policy.live_reservations_max = 1;
        struct event_header a = reserve_by(&world, LENDER, -1), b = reserve_by(&world, OTHER_LENDER, -1);
        assert_int_equal(code_of(&world, turn ? b : a), RESULT_OK);
        assert_int_equal(code_of(&world, turn ? a : b), RESULT_REFUSED_CAP);
        assert_reserve(&world, turn ? OTHER_LENDER : LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_RESERVATIONS);
        assert_int_equal(world.files[1].reservations.count, 1);
        assert_int_equal(reservation_at(&world.files[1], 0)->member_id, turn ? OTHER_LENDER : LENDER);
        /* Another subject is another matter. */
        struct event_header other = next_item(&world, THIRD_LENDER, 2, EVENT_RESERVE);
        assert_int_equal(code_of(&world, other), RESULT_OK);
        world_close(&world);
    }
}

static void a_refused_reservation_uses_up_its_item_and_is_never_granted_later(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.live_reservations_max = 1;
    struct event_header first = reserve_by(&world, LENDER, -1), second = reserve_by(&world, OTHER_LENDER, -1);
    assert_int_equal(code_of(&world, first), RESULT_OK);
    assert_int_equal(code_of(&world, second), RESULT_REFUSED_CAP);
    assert_int_equal(world.files[1].item_count, 2);
    struct event_header cancel = next_item(&world, LENDER, 1, EVENT_RESERVE_CANCEL);
    cancel.reservation = id_of(&first);
    assert_int_equal(code_of(&world, cancel), RESULT_OK);
    struct event_result again = world_apply(&world, &second);
    struct digest id = id_of(&second);
    assert_int_equal(again.code, RESULT_ITEM_TAKEN);
    assert_memory_equal(again.detail, id.bytes, DIGEST_SIZE);
    /* The granted one, though cancelled, was applied. */
    assert_int_equal(code_of(&world, first), RESULT_DUPLICATE);
    assert_int_equal(world.files[1].item_count, 3);
    assert_int_equal(world.files[1].reservations.count, 0);
    world_close(&world);
}

static void a_reservation_lives_until_its_very_millisecond(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.live_reservations_max = 1;
    struct event_header first = reserve_by(&world, LENDER, -1);
    uint64_t end_ms = first.expires_ms;
    assert_int_equal(code_of(&world, first), RESULT_OK);
    struct event_header early = reserve_by(&world, OTHER_LENDER, -1);
    early.expires_ms = end_ms + HOUR_MS;
    struct event_header in_time = early;
    in_time.item_id[5] = 1;
    assert_int_equal(world_apply_at(&world, &early, end_ms - 1).code, RESULT_REFUSED_CAP);
    struct event_header open = open_by(&world, LENDER, 1, &first);
    assert_int_equal(world_apply_at(&world, &open, end_ms).code, RESULT_NO_AUTHORIZATION);
    struct event_header cancel = next_item(&world, LENDER, 1, EVENT_RESERVE_CANCEL);
    cancel.reservation = id_of(&first);
    assert_int_equal(world_apply_at(&world, &cancel, end_ms).code, RESULT_NO_TARGET);
    assert_int_equal(world_apply_at(&world, &in_time, end_ms).code, RESULT_OK);
    /* The lapsed one made room. */
    assert_int_equal(world.files[1].reservations.count, 1);
    world_close(&world);
}

static void a_reservation_lives_no_longer_than_the_policy_lets_it(void **context)
{
    (void)context;
    static const struct {
        int64_t life_ms;
        enum result_code code;
    } cases[] = {{0, RESULT_REFUSED_CAP}, {-1, RESULT_REFUSED_CAP}, {1, RESULT_OK}, {24 * HOUR_MS, RESULT_OK},
        {24 * (int64_t)HOUR_MS + 1, RESULT_REFUSED_CAP}};
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_header header = reserve_by(&world, LENDER, -1);
        header.expires_ms = BLOCK_TIME_MS + (uint64_t)cases[i].life_ms;
        struct event_result result = world_apply(&world, &header);
        assert_int_equal(result.code, cases[i].code);
        assert_int_equal(result.detail[0], cases[i].code == RESULT_OK ? 0 : REFUSAL_LIFE);
    }
    world_close(&world);
}

static void lenders_and_accounts_are_counted_with_those_about_to_be(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.lenders_max = 2;
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    assert_reserve(&world, OTHER_LENDER, -1, RESULT_OK, 0);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_LENDERS);
    /* Those that lend already, or reserved, are no lenders more. */
    assert_reserve(&world, LENDER, -1, RESULT_OK, 0);
    assert_reserve(&world, OTHER_LENDER, -1, RESULT_OK, 0);
    /* A closed account makes room, once its holder's reservation is gone too. */
    must_apply(&world, 1, EVENT_CLOSE);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_LENDERS);
    world.policy.lenders_max = 0;
    world.policy.accounts_max = 4;
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_OK, 0);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_ACCOUNTS);
    world.policy.accounts_max = 5;
    must_apply(&world, 2, EVENT_ACCOUNT_OPEN);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_ACCOUNTS);
    must_apply(&world, 2, EVENT_CHARGE_OFF);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_ACCOUNTS);
    must_apply(&world, 2, EVENT_CLOSE);
    assert_reserve(&world, THIRD_LENDER, -1, RESULT_OK, 0);
    world_close(&world);
}

static void an_amount_is_capped_by_currency_over_reservations_and_what_they_became(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.amount_cap_count = 1;
    world.policy.amount_caps[0] = (struct amount_cap){901, 1000};
    assert_reserve(&world, LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    assert_reserve(&world, LENDER, 1001, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    assert_reserve(&world, LENDER, INT64_MAX, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    struct event_header used = reserve_by(&world, LENDER, 600);
    assert_int_equal(code_of(&world, used), RESULT_OK);
    assert_reserve(&world, OTHER_LENDER, 401, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    /* Another currency is not capped. */
    struct event_header foreign = reserve_by(&world, OTHER_LENDER, INT64_MAX);
    foreign.currency = 840;
    assert_int_equal(code_of(&world, foreign), RESULT_OK);
    /* What was opened under it counts by what it says, or by all that was reserved. */
    struct event_header open = open_by(&world, LENDER, 1, &used);
    open.has_amount = true;
    open.amount_minor = 500;
    assert_int_equal(code_of(&world, open), RESULT_OK);
    assert_reserve(&world, OTHER_LENDER, 501, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    struct event_header rest = reserve_by(&world, OTHER_LENDER, 500);
    assert_int_equal(code_of(&world, rest), RESULT_OK);
    assert_int_equal(code_of(&world, open_by(&world, OTHER_LENDER, 1, &rest)), RESULT_OK);
    assert_reserve(&world, THIRD_LENDER, 1, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    assert_reserve(&world, THIRD_LENDER, 0, RESULT_OK, 0);
    /* Once it is paid back, and closed, it counts no more. */
    must_apply(&world, 1, EVENT_CLOSE);
    assert_reserve(&world, THIRD_LENDER, 500, RESULT_OK, 0);
    world_close(&world);
}

static void sums_that_overflow_are_over_any_cap(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    assert_reserve(&world, LENDER, INT64_MAX, RESULT_OK, 0);
    assert_reserve(&world, LENDER, INT64_MAX, RESULT_OK, 0);
    world.policy.amount_cap_count = 1;
    world.policy.amount_caps[0] = (struct amount_cap){901, INT64_MAX - 1};
    assert_reserve(&world, LENDER, 0, RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    world_close(&world);
}

static void a_subject_cools_off_from_the_day_of_the_last_opening(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.cooling_off_days = 7;
    /* Without an authorization by the date it bears: long ago. */
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    struct event_header used = reserve_by(&world, LENDER, -1);
    assert_int_equal(code_of(&world, used), RESULT_OK);
    struct event_header open = open_by(&world, LENDER, 2, &used);
    open.event_date = BLOCK_DAY - 400; /* a date that its lender chose does not shorten it */
    assert_int_equal(code_of(&world, open), RESULT_OK);
    uint64_t end_ms = (uint64_t)(BLOCK_DAY + 7) * MS_PER_DAY;
    struct event_header early = reserve_by(&world, OTHER_LENDER, -1), late;
    early.expires_ms = end_ms + HOUR_MS;
    late = early;
    late.item_id[5] = 1;
    struct event_result result = world_apply_at(&world, &early, end_ms - 1);
    assert_int_equal(result.code, RESULT_REFUSED_COOLING_OFF);
    assert_int_equal(result.detail_size, 0);
    assert_int_equal(world_apply_at(&world, &late, end_ms).code, RESULT_OK);
    world_close(&world);
}

static void cooling_off_is_asked_before_the_amount_and_after_all_counts(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.cooling_off_days = 60;
    world.policy.amount_cap_count = 1;
    world.policy.amount_caps[0] = (struct amount_cap){901, 10};
    must_apply(&world, 1, EVENT_ACCOUNT_OPEN);
    assert_reserve(&world, LENDER, 11, RESULT_REFUSED_COOLING_OFF, 0);
    world.policy.accounts_max = 1;
    assert_reserve(&world, LENDER, 11, RESULT_REFUSED_CAP, REFUSAL_ACCOUNTS);
    world_close(&world);
}

static void an_opening_taken_back_needs_no_cooling_off(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.cooling_off_days = 7;
    struct event_header open = open_by(&world, LENDER, 1, NULL);
    open.event_date = BLOCK_DAY - 6;
    assert_int_equal(code_of(&world, open), RESULT_OK);
    assert_reserve(&world, OTHER_LENDER, -1, RESULT_REFUSED_COOLING_OFF, 0);
    struct event_header retract = next_event(&world, LENDER, 1, 1, EVENT_RETRACT);
    retract.target = id_of(&open);
    assert_int_equal(code_of(&world, retract), RESULT_OK);
    assert_reserve(&world, OTHER_LENDER, -1, RESULT_OK, 0);
    world_close(&world);
}

static void an_opening_names_an_authorization_once_the_window_is_closed(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    world.policy.authorization_from_ms = BLOCK_TIME_MS;
    struct event_header open = open_by(&world, LENDER, 1, NULL);
    assert_int_equal(world_apply_at(&world, &open, BLOCK_TIME_MS).code, RESULT_NO_AUTHORIZATION);
    assert_int_equal(world_apply_at(&world, &open, BLOCK_TIME_MS - 1).code, RESULT_OK);
    struct event_header used = reserve_by(&world, LENDER, -1);
    assert_int_equal(code_of(&world, used), RESULT_OK);
    assert_int_equal(code_of(&world, open_by(&world, LENDER, 2, &used)), RESULT_OK);
    /* It is used up by it. */
    assert_int_equal(code_of(&world, open_by(&world, LENDER, 3, &used)), RESULT_NO_AUTHORIZATION);
    world_close(&world);
}

static void an_authorization_is_for_what_it_was_made_for(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header used = reserve_by(&world, LENDER, 600);
    assert_int_equal(code_of(&world, used), RESULT_OK);
    struct event_header open = open_by(&world, LENDER, 1, &used), wrong = open;
    wrong.account_type = ACCOUNT_INSTALMENT;
    assert_int_equal(code_of(&world, wrong), RESULT_AUTHORIZATION_MISMATCH);
    wrong = open;
    wrong.currency = 840;
    assert_int_equal(code_of(&world, wrong), RESULT_AUTHORIZATION_MISMATCH);
    wrong = open;
    wrong.has_amount = true;
    wrong.amount_minor = 601;
    assert_int_equal(code_of(&world, wrong), RESULT_AUTHORIZATION_MISMATCH);
    /* To another member, and in another subject's file, it does not exist. */
    assert_int_equal(code_of(&world, open_by(&world, OTHER_LENDER, 1, &used)), RESULT_NO_AUTHORIZATION);
    wrong = open;
    wrong.subject_id.bytes[0] = 2;
    assert_int_equal(code_of(&world, wrong), RESULT_NO_AUTHORIZATION);
    wrong = open;
    wrong.authorization.bytes[0] ^= 1;
    assert_int_equal(code_of(&world, wrong), RESULT_NO_AUTHORIZATION);
    assert_int_equal(world.files[1].reservations.count, 1);
    open.has_amount = true;
    open.amount_minor = 600;
    open.product = 77; /* not part of it */
    assert_int_equal(code_of(&world, open), RESULT_OK);
    assert_int_equal(account_at(&world, 1, LENDER, 1)->reserved_minor, 600);
    world_close(&world);
}

static void only_its_member_cancels_a_reservation_and_only_once(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header made = reserve_by(&world, LENDER, -1);
    assert_int_equal(code_of(&world, made), RESULT_OK);
    struct event_header cancel = next_item(&world, OTHER_LENDER, 1, EVENT_RESERVE_CANCEL);
    cancel.reservation = id_of(&made);
    assert_int_equal(code_of(&world, cancel), RESULT_NO_TARGET);
    cancel.member_id = LENDER;
    assert_int_equal(code_of(&world, cancel), RESULT_OK);
    struct event_header again = next_item(&world, LENDER, 1, EVENT_RESERVE_CANCEL);
    again.reservation = cancel.reservation;
    assert_int_equal(code_of(&world, again), RESULT_NO_TARGET);
    assert_int_equal(code_of(&world, cancel), RESULT_DUPLICATE);
    world_close(&world);
}

static void an_item_id_is_its_members_own_whatever_the_subject(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header made = reserve_by(&world, LENDER, -1);
    assert_int_equal(code_of(&world, made), RESULT_OK);
    struct event_header other = made;
    other.subject_id.bytes[0] = 2;
    struct event_result result = world_apply(&world, &other);
    struct digest id = id_of(&made);
    assert_int_equal(result.code, RESULT_ITEM_TAKEN);
    assert_memory_equal(result.detail, id.bytes, DIGEST_SIZE);
    other.member_id = OTHER_LENDER;
    assert_int_equal(code_of(&world, other), RESULT_OK);
    /* One that is refused for its date uses nothing up. */
    struct event_header early = reserve_by(&world, LENDER, -1);
    early.event_date = BLOCK_DAY + 2;
    assert_int_equal(code_of(&world, early), RESULT_FUTURE_DATE);
    early.event_date = BLOCK_DAY + 1;
    assert_int_equal(code_of(&world, early), RESULT_OK);
    world_close(&world);
}

static void a_file_holds_so_many_live_reservations_and_no_more(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    for (uint32_t i = 0; i < RESERVATIONS_PER_SUBJECT_MAX; i++)
        assert_reserve(&world, LENDER, -1, RESULT_OK, 0);
    assert_reserve(&world, LENDER, -1, RESULT_REFUSED_CAP, REFUSAL_RESERVATIONS);
    world_close(&world);
}

static void reserving_is_for_those_who_lend(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    assert_reserve(&world, BUREAU, -1, RESULT_OK, 0);
    assert_reserve(&world, REGULATOR, -1, RESULT_NOT_ALLOWED, 0);
    assert_reserve(&world, OPERATOR, -1, RESULT_NOT_ALLOWED, 0);
    assert_reserve(&world, STRANGER, -1, RESULT_NOT_ALLOWED, 0);
    assert_int_equal(world.files[1].item_count, 1);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_that_race_for_the_last_slot_the_first_in_order_wins),
        cmocka_unit_test(a_refused_reservation_uses_up_its_item_and_is_never_granted_later),
        cmocka_unit_test(a_reservation_lives_until_its_very_millisecond),
        cmocka_unit_test(a_reservation_lives_no_longer_than_the_policy_lets_it),
        cmocka_unit_test(lenders_and_accounts_are_counted_with_those_about_to_be),
        cmocka_unit_test(an_amount_is_capped_by_currency_over_reservations_and_what_they_became),
        cmocka_unit_test(sums_that_overflow_are_over_any_cap),
        cmocka_unit_test(a_subject_cools_off_from_the_day_of_the_last_opening),
        cmocka_unit_test(cooling_off_is_asked_before_the_amount_and_after_all_counts),
        cmocka_unit_test(an_opening_taken_back_needs_no_cooling_off),
        cmocka_unit_test(an_opening_names_an_authorization_once_the_window_is_closed),
        cmocka_unit_test(an_authorization_is_for_what_it_was_made_for),
        cmocka_unit_test(only_its_member_cancels_a_reservation_and_only_once),
        cmocka_unit_test(an_item_id_is_its_members_own_whatever_the_subject),
        cmocka_unit_test(a_file_holds_so_many_live_reservations_and_no_more),
        cmocka_unit_test(reserving_is_for_those_who_lend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
