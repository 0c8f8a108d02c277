// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/vote_watch.h"

static void who_has_voted_by_the_next_block_is_not_missing(void **state)
{
    struct vote_watch watch = {.validators = 4};
    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        assert_false(vote_watch_came(&watch, i, 7));
    assert_int_equal(vote_watch_final(&watch, 7), 0);
    assert_true(vote_watch_came(&watch, 3, 7));
    for (uint32_t i = 0; i < 3; i++)
        assert_false(vote_watch_came(&watch, i, 8));
    assert_int_equal(vote_watch_final(&watch, 8), 0);
    assert_int_equal(vote_watch_final(&watch, 9), 1u << 3);
    assert_int_equal(vote_watch_final(&watch, 12), 0xf);
}

static void a_view_is_final_once(void **state)
{
    struct vote_watch watch = {.validators = 64};
    (void)state;
    assert_int_equal(vote_watch_final(&watch, 5), 0);
    assert_int_equal(vote_watch_final(&watch, 5), 0);
    assert_int_equal(vote_watch_final(&watch, 4), 0);
    assert_true(vote_watch_final(&watch, 6) == UINT64_MAX);
}

static void views_far_away_push_nothing_out(void **state)
{
    struct vote_watch watch = {.validators = 4};
    (void)state;
    assert_int_equal(vote_watch_final(&watch, 1000), 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_false(vote_watch_came(&watch, i, 1001));
    for (uint64_t view = 1000 + VOTE_WATCH_VIEWS; view < 1000 + 8 * VOTE_WATCH_VIEWS; view++)
        assert_false(vote_watch_came(&watch, 3, view));
    for (uint64_t view = 1; view <= 1000 - VOTE_WATCH_VIEWS; view++)
        assert_true(vote_watch_came(&watch, 3, view));
    assert_false(vote_watch_came(&watch, 3, UINT64_MAX));
    assert_int_equal(vote_watch_final(&watch, 1001), 0xf);
    assert_int_equal(vote_watch_final(&watch, 1002), 0);
}

static void an_older_view_does_not_count_for_a_newer_one_in_its_place(void **state)
{
    struct vote_watch watch = {.validators = 1};
    (void)state;
    assert_int_equal(vote_watch_final(&watch, 10), 0);
    assert_true(vote_watch_came(&watch, 0, 10));
    assert_int_equal(vote_watch_final(&watch, 10 + 2 * VOTE_WATCH_VIEWS), 0);
    assert_int_equal(vote_watch_final(&watch, 11 + 2 * VOTE_WATCH_VIEWS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_voted_by_the_next_block_is_not_missing),
        cmocka_unit_test(a_view_is_final_once),
        cmocka_unit_test(views_far_away_push_nothing_out),
        cmocka_unit_test(an_older_view_does_not_count_for_a_newer_one_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
