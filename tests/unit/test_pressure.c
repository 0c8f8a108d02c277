// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/pressure.h"

/* Looks once a second for so long at something that moves evenly; returns what was seen last. */
static struct pressure_counts run(struct pressure *pressure, uint32_t seconds, struct pressure_counts step)
{
    struct pressure_counts counts = pressure->seen;
    for (uint32_t i = 0; i < seconds; i++) {
        counts.batches += step.batches;
        counts.applied_height += step.applied_height;
        counts.certified_height += step.certified_height;
        pressure_look(pressure, pressure->looked_ms + 1000, &counts);
    }
    return counts;
}

static void a_node_that_keeps_up_takes_batches(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    struct pressure_counts counts = {.applied_height = 1000, .certified_height = 1000};
    uint32_t retry_ms = 0;
    assert_int_equal(pressure_judge(&pressure, 1000, &counts, &retry_ms), PRESSURE_NONE);
    assert_int_equal(
        pressure_judge(&pressure, 1000 + PRESSURE_UNAPPLIED_MAX, &counts, &retry_ms), PRESSURE_NONE);
    counts.certified_height -= PRESSURE_UNCERTIFIED_MAX;
    assert_int_equal(pressure_judge(&pressure, 1000, &counts, &retry_ms), PRESSURE_NONE);
    /* A node that catches up may know a checkpoint of what it has not applied. */
    counts.certified_height = 2000;
    assert_int_equal(pressure_judge(&pressure, 0, &counts, &retry_ms), PRESSURE_NONE);
}

static void one_block_more_than_may_lag_is_too_much(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    struct pressure_counts counts = {.applied_height = 1000, .certified_height = 1000};
    uint32_t retry_ms = 0;
    assert_int_equal(
        pressure_judge(&pressure, 1001 + PRESSURE_UNAPPLIED_MAX, &counts, &retry_ms), PRESSURE_STATE);
    counts.certified_height -= PRESSURE_UNCERTIFIED_MAX + 1;
    assert_int_equal(pressure_judge(&pressure, 1000, &counts, &retry_ms), PRESSURE_CERTIFICATION);
}

static void the_hint_is_the_lag_by_the_pace_of_late(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    uint32_t retry_ms = 0;
    struct pressure_counts counts = run(&pressure, 20,
        (struct pressure_counts){.batches = 400, .applied_height = 20, .certified_height = 10});
    /* 40 unapplied: 24 of them to go, 20 a second. */
    assert_int_equal(
        pressure_judge(&pressure, counts.applied_height + 40, &counts, &retry_ms), PRESSURE_STATE);
    assert_in_range(retry_ms, 1190, 1210);
    assert_int_equal(
        pressure_judge(&pressure, counts.applied_height + 80, &counts, &retry_ms), PRESSURE_STATE);
    assert_in_range(retry_ms, 3180, 3220);
    /* 200 uncertified, 10 a second. */
    assert_int_equal(
        pressure_judge(&pressure, counts.applied_height, &counts, &retry_ms), PRESSURE_CERTIFICATION);
    assert_int_equal(retry_ms, PRESSURE_RETRY_MS_MAX);
    counts.certified_height = counts.applied_height - 50; /* 26 of them to go */
    assert_int_equal(
        pressure_judge(&pressure, counts.applied_height, &counts, &retry_ms), PRESSURE_CERTIFICATION);
    assert_in_range(retry_ms, 2590, 2620);
    /* 4,000 waiting: an eighth is 501 batches, 400 a second. */
    assert_in_range(pressure_full_retry_ms(&pressure, 4000), 1240, 1260);
    assert_int_equal(pressure_full_retry_ms(&pressure, 10), PRESSURE_RETRY_MS_MIN);
}

static void what_does_not_move_is_asked_for_again_late(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    uint32_t retry_ms = 0;
    struct pressure_counts counts = {.applied_height = 10};
    assert_int_equal(pressure_full_retry_ms(&pressure, 4000), PRESSURE_RETRY_MS_MAX);
    assert_int_equal(pressure_judge(&pressure, 100, &counts, &retry_ms), PRESSURE_STATE);
    assert_int_equal(retry_ms, PRESSURE_RETRY_MS_MAX);
    counts = run(&pressure, 20, (struct pressure_counts){.batches = 400, .applied_height = 20});
    uint32_t before = pressure_full_retry_ms(&pressure, 4000);
    for (uint32_t i = 0; i < 30; i++) {
        run(&pressure, 1, (struct pressure_counts){0});
        uint32_t now = pressure_full_retry_ms(&pressure, 4000);
        assert_true(now >= before);
        before = now;
    }
    assert_int_equal(before, PRESSURE_RETRY_MS_MAX);
}

static void counts_that_begin_again_are_no_pace(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    run(&pressure, 20,
        (struct pressure_counts){.batches = 400, .applied_height = 20, .certified_height = 20});
    uint32_t before = pressure_full_retry_ms(&pressure, 4000);
    pressure_look(&pressure, pressure.looked_ms + 1000, &(struct pressure_counts){.applied_height = 3});
    assert_int_equal(pressure_full_retry_ms(&pressure, 4000), before);
    pressure_look(&pressure, pressure.looked_ms, &(struct pressure_counts){.applied_height = 300});
    assert_int_equal(pressure_full_retry_ms(&pressure, 4000), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_keeps_up_takes_batches),
        cmocka_unit_test(one_block_more_than_may_lag_is_too_much),
        cmocka_unit_test(the_hint_is_the_lag_by_the_pace_of_late),
        cmocka_unit_test(what_does_not_move_is_asked_for_again_late),
        cmocka_unit_test(counts_that_begin_again_are_no_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
