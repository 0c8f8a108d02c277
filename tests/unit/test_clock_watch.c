// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/clock_watch.h"

#define UTC 1700000000000ull

static int64_t ahead_ms;

/* A proposal of `leader`, whose clock is `off_ms` ahead of this node's, at `now_ms`. */
static enum clock_verdict proposed(
    struct clock_watch *watch, uint32_t leader, int64_t off_ms, uint64_t now_ms)
{
    uint64_t wall_ms = UTC + now_ms;
    return clock_watch_proposal(watch, leader, wall_ms + (uint64_t)off_ms, wall_ms, now_ms, &ahead_ms);
}

static void clocks_that_agree_are_not_told_of(void **state)
{
    (void)state;
    struct clock_watch watch = {.validators = 4, .self = 0};
    for (uint64_t now = 0; now < 100000; now += 100)
        assert_int_equal(
            proposed(&watch, (uint32_t)(now / 100 % 4), now % 200 ? CLOCK_OFF_MS : -CLOCK_OFF_MS, now),
            CLOCK_FINE);
}

static void one_leader_that_is_ahead_is_told_of_once_a_minute(void **state)
{
    (void)state;
    struct clock_watch watch = {.validators = 4, .self = 0};
    uint32_t told = 0;
    for (uint64_t now = 0; now < 2 * CLOCK_TOLD_EVERY_MS; now += 1000)
        for (uint32_t leader = 1; leader < 4; leader++) {
            enum clock_verdict verdict = proposed(&watch, leader, leader == 2 ? 5000 : -50, now);
            assert_int_not_equal(verdict, CLOCK_OWN_OFF);
            if (verdict != CLOCK_LEADER_OFF) continue;
            assert_int_equal(leader, 2);
            assert_int_equal(ahead_ms, 5000);
            told++;
        }
    assert_int_equal(told, 2);
}

/* Up to f may be wrong, or lie: they do not make a node doubt itself, and neither does a backlog. */
static void few_leaders_or_a_short_while_make_no_doubt(void **state)
{
    (void)state;
    struct clock_watch watch = {.validators = 7, .self = 6};
    for (uint64_t now = 0; now < 60000; now += 1000)
        for (uint32_t leader = 0; leader < 6; leader++)
            assert_int_not_equal(proposed(&watch, leader, leader < 2 ? -9000 : 0, now), CLOCK_OWN_OFF);
    for (uint64_t now = 60000; now < 60000 + CLOCK_DOUBT_MS; now += 1000)
        for (uint32_t leader = 0; leader < 6; leader++)
            assert_int_equal(proposed(&watch, leader, -30000, now), CLOCK_FINE);
    for (uint64_t now = 80000; now < 120000; now += 1000)
        for (uint32_t leader = 0; leader < 6; leader++)
            assert_int_equal(proposed(&watch, leader, 0, now), CLOCK_FINE);
}

static void more_than_f_leaders_that_differ_alike_mean_the_own_clock(void **state)
{
    (void)state;
    for (int64_t off = -3600000; off <= 3600000; off += 7200000) {
        struct clock_watch watch = {.validators = 4, .self = 3};
        uint32_t told = 0;
        for (uint64_t now = 0; now < CLOCK_DOUBT_MS + CLOCK_TOLD_EVERY_MS; now += 500)
            for (uint32_t leader = 0; leader < 2; leader++) {
                enum clock_verdict verdict = proposed(&watch, leader, off, now);
                if (verdict != CLOCK_OWN_OFF) continue;
                assert_true(now >= CLOCK_DOUBT_MS);
                assert_int_equal(ahead_ms, off);
                told++;
            }
        assert_int_equal(told, 1);
    }
}

static void what_a_liar_writes_is_only_a_number(void **state)
{
    (void)state;
    struct clock_watch watch = {.validators = 4, .self = 0};
    assert_int_equal(clock_watch_proposal(&watch, 1, UINT64_MAX, 0, 1, &ahead_ms), CLOCK_LEADER_OFF);
    assert_int_equal(ahead_ms, INT64_MAX);
    assert_int_equal(clock_watch_proposal(&watch, 1, 0, UINT64_MAX, 2, &ahead_ms), CLOCK_FINE);
    assert_int_equal(ahead_ms, -INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_that_agree_are_not_told_of),
        cmocka_unit_test(one_leader_that_is_ahead_is_told_of_once_a_minute),
        cmocka_unit_test(few_leaders_or_a_short_while_make_no_doubt),
        cmocka_unit_test(more_than_f_leaders_that_differ_alike_mean_the_own_clock),
        cmocka_unit_test(what_a_liar_writes_is_only_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
