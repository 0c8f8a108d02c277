// links: commit
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/commit/flush_pace.h"

#define LAG_BEHIND (STATE_FLUSH_LAG_MAX - 1)
/* About what a block of 2000 events adds. */
#define BLOCK_SIZE (3u * MIB / 4)

static void blocks_of_a_disk_that_keeps_up_are_not_slowed(void **state)
{
    (void)state;
    assert_int_equal(flush_pause_us(0, 0, 0), 0);
    assert_int_equal(flush_pause_us(FLUSH_SIZE_FINE, STATE_FREEZE_SIZE, 4), 0);
    assert_int_equal(flush_pause_us(STATE_FREEZE_SIZE, BLOCK_SIZE, STATE_FLUSH_LAG_MAX / 2), 0);
}

static void the_further_behind_the_longer_the_pause(void **state)
{
    (void)state;
    uint32_t last = 0;
    for (size_t size = FLUSH_SIZE_FINE + 8u * MIB; size <= FLUSH_SIZE_MAX; size += 8u * MIB) {
        uint32_t pause_us = flush_pause_us(size, BLOCK_SIZE / 2, 0);
        assert_in_range(pause_us, last + 1, 69999);
        last = pause_us;
    }
    last = 0;
    for (uint32_t lag = STATE_FLUSH_LAG_MAX - 3; lag <= STATE_FLUSH_LAG_MAX; lag++) {
        uint32_t pause_us = flush_pause_us(0, BLOCK_SIZE / 2, lag);
        assert_in_range(pause_us, last + 1, 69999);
        last = pause_us;
    }
}

static void the_worse_of_both_counts(void **state)
{
    (void)state;
    uint32_t by_size = flush_pause_us(FLUSH_SIZE_FINE * 4 / 3, BLOCK_SIZE, 0);
    uint32_t by_lag = flush_pause_us(0, BLOCK_SIZE, LAG_BEHIND);
    assert_true(by_size < by_lag);
    assert_int_equal(flush_pause_us(FLUSH_SIZE_FINE * 4 / 3, BLOCK_SIZE, LAG_BEHIND), by_lag);
}

/* A stream of small blocks is slowed by what it writes, not by how many they are. */
static void a_pause_is_for_what_was_added(void **state)
{
    (void)state;
    assert_int_equal(flush_pause_us(FLUSH_SIZE_MAX, 0, STATE_FLUSH_LAG_MAX), 0);
    uint32_t small = flush_pause_us(FLUSH_SIZE_MAX, 1000, STATE_FLUSH_LAG_MAX);
    assert_in_range(small, 1, 100);
    assert_in_range(flush_pause_us(FLUSH_SIZE_MAX, 10000, STATE_FLUSH_LAG_MAX), 9 * small, 11 * small);
}

static void no_pause_is_longer_than_70_ms(void **state)
{
    (void)state;
    assert_int_equal(flush_pause_us(FLUSH_SIZE_MAX, 4u * MIB, STATE_FLUSH_LAG_MAX), 70000);
    assert_int_equal(flush_pause_us(SIZE_MAX, SIZE_MAX, UINT32_MAX), 70000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_a_disk_that_keeps_up_are_not_slowed),
        cmocka_unit_test(the_further_behind_the_longer_the_pause),
        cmocka_unit_test(the_worse_of_both_counts),
        cmocka_unit_test(a_pause_is_for_what_was_added),
        cmocka_unit_test(no_pause_is_longer_than_70_ms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
