// links: metrics
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "node/metrics/meters.h"

#define THREADS 4u
#define ROUNDS 50000u

static uint64_t count_of(const struct timing *timing)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= TIMING_BOUNDS; i++)
        count += meter_get(&timing->buckets[i]);
    return count;
}

static void bounds_ascend(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < TIMING_BOUNDS; i++)
        assert_true(timing_bounds_ns[i] > timing_bounds_ns[i - 1]);
}

static void what_takes_as_long_as_a_bound_is_within_it(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TIMING_BOUNDS; i++) {
        struct timing timing = {0};
        timing_add(&timing, timing_bounds_ns[i]);
        timing_add(&timing, timing_bounds_ns[i] + 1);
        assert_int_equal(meter_get(&timing.buckets[i]), 1);
        assert_int_equal(meter_get(&timing.buckets[i + 1]), 1);
        assert_int_equal(meter_get(&timing.sum_ns), 2 * timing_bounds_ns[i] + 1);
    }
    struct timing timing = {0};
    timing_add(&timing, 0);
    assert_int_equal(meter_get(&timing.buckets[0]), 1);
}

struct shared {
    struct meter meter;
    struct timing timing;
};

static void *count_up(void *context)
{
    struct shared *shared = context;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        meter_add(&shared->meter, 2);
        timing_add(&shared->timing, i * 1000u);
    }
    return NULL;
}

static void threads_that_count_at_once_lose_nothing(void **state)
{
    struct shared shared = {0};
    pthread_t threads[THREADS];
    uint64_t seen = 0;
    (void)state;
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
    /* Read meanwhile, it never goes back. */
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t now = meter_get(&shared.meter) + count_of(&shared.timing);
        assert_true(now >= seen);
        seen = now;
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(meter_get(&shared.meter), 2u * THREADS * ROUNDS);
    assert_int_equal(count_of(&shared.timing), THREADS * ROUNDS);
    assert_int_equal(meter_get(&shared.timing.sum_ns), UINT64_C(1000) * THREADS * ROUNDS * (ROUNDS - 1) / 2);
}

static void who_takes_over_a_slot_begins_with_nothing(void **state)
{
    (void)state;
    meter_add(&meters_of_validator(3, 7)->votes_late, 2);
    meter_add(&meters_of_validator(3, 7)->votes_late, 2);
    assert_int_equal(meter_get(&meters_of_validator(3, 7)->votes_late), 4);
    assert_int_equal(meter_get(&meters_of_validator(4, 7)->votes_late), 0);
    assert_int_equal(meter_get(&meters_of_validator(3, 8)->votes_late), 0);
    assert_int_equal(meter_get(&meters_of_validator(3, 7)->votes_late), 0);
}

static void a_reason_has_its_own_place_and_others_share_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < METER_REASONS; i++)
        assert_int_equal(meter_reason(meter_reason_words[i]), i);
    assert_string_equal(meter_reason_words[meter_reason("NOT A REASON")], "OTHER");
    assert_string_equal(meter_reason_words[meter_reason("")], "OTHER");
}

static void every_label_has_its_word(void **state)
{
    static const struct {
        const char *const *words;
        uint32_t count;
    } lists[] = {
        {meter_entered_words, METER_ENTERED_CAUSES},
        {meter_nullify_words, METER_NULLIFY_CAUSES},
        {meter_evidence_words, METER_EVIDENCE_KINDS},
        {meter_source_words, METER_SOURCE_COUNT},
        {meter_submission_words, METER_SUBMISSION_OUTCOMES},
        {meter_file_words, METER_FILE_COUNT},
        {meter_reason_words, METER_REASONS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (uint32_t j = 0; j < lists[i].count; j++) {
            assert_non_null(lists[i].words[j]);
            for (uint32_t k = 0; k < j; k++)
                assert_string_not_equal(lists[i].words[j], lists[i].words[k]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_ascend),
        cmocka_unit_test(what_takes_as_long_as_a_bound_is_within_it),
        cmocka_unit_test(threads_that_count_at_once_lose_nothing),
        cmocka_unit_test(who_takes_over_a_slot_begins_with_nothing),
        cmocka_unit_test(a_reason_has_its_own_place_and_others_share_one),
        cmocka_unit_test(every_label_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
