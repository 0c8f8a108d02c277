// links: credit codec crypto base
/* An account's periods and changes of state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/date.h"
#include "tests/unit/subject_samples.h"

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

static void a_period_taken_back_leaves_the_one_form_of_the_rest(void **context)
{
    (void)context;
    static const uint32_t periods[] = {200501, 200504, 200512};
    static const uint32_t first[] = {1263, 1260, 1260}, span[] = {9, 12, 4};

    for (size_t out = 0; out < 3; out++) {
        struct account account = sample_account(1, 1), afresh = sample_account(1, 1);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(account_period_set(&account, periods[i]), TALLY_OK);
            if (i != out) assert_int_equal(account_period_set(&afresh, periods[i]), TALLY_OK);
        }
        account_period_clear(&account, periods[out]);
        assert_false(account_period_is_set(&account, periods[out]));
        assert_int_equal(account.period_first, first[out]);
        assert_int_equal(account.period_span, span[out]);
        assert_memory_equal(account.periods, afresh.periods, sizeof(account.periods));
        account_period_clear(&account, periods[(out + 1) % 3]);
        account_period_clear(&account, periods[(out + 2) % 3]);
        assert_int_equal(account.period_span + account.period_first, 0);
    }
}

static void changes_of_state_are_remembered_up_to_their_bound(void **context)
{
    (void)context;
    struct account account = sample_account(1, 1);

    for (uint32_t turn = 0; turn < ACCOUNT_TURNS_MAX + 3; turn++) {
        struct digest id = {{(uint8_t)(turn + 1)}};
        account_turn_take(&account, turn % 2 == 0 ? ACCOUNT_STATE_FROZEN : ACCOUNT_STATE_OPEN, &id);
    }
    assert_int_equal(account.turn_count, ACCOUNT_TURNS_MAX);
    for (uint32_t turn = ACCOUNT_TURNS_MAX + 3; turn > 3; turn--) {
        assert_int_equal(account_turn_newest(&account)->event_id.bytes[0], turn);
        account_turn_back(&account);
        assert_int_equal(account.state, turn % 2 == 1 ? ACCOUNT_STATE_OPEN : ACCOUNT_STATE_FROZEN);
    }
    assert_null(account_turn_newest(&account));
    assert_int_equal(account.state, ACCOUNT_STATE_FROZEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_are_noted_in_any_order_within_their_bound),
        cmocka_unit_test(a_period_taken_back_leaves_the_one_form_of_the_rest),
        cmocka_unit_test(changes_of_state_are_remembered_up_to_their_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
