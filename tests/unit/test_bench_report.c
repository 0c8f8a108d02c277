// links: tools
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/bench_report.h"
#include "tools/bench_usage.h"

#define MS UINT64_C(1000000)

static double figure(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void is_about(double value, double expected)
{
    if (fabs(value - expected) > 1e-9) fail_msg("%f was expected, and is %f", expected, value);
}

static void percentiles_are_samples_by_nearest_rank(void **state)
{
    (void)state;
    uint64_t samples[1000];
    /* 1000 ms down to 1 ms. */
    for (uint64_t i = 0; i < 1000; i++)
        samples[i] = (1000 - i) * MS;
    json_t *latency = report_latency(samples, 1000);
    is_about(figure(latency, "p50"), 500);
    is_about(figure(latency, "p99"), 990);
    is_about(figure(latency, "p999"), 999);
    is_about(figure(latency, "max"), 1000);
    json_decref(latency);

    samples[0] = 7 * MS;
    latency = report_latency(samples, 1);
    is_about(figure(latency, "p50"), 7);
    is_about(figure(latency, "p999"), 7);
    json_decref(latency);
    latency = report_latency(NULL, 0);
    assert_true(json_is_null(json_object_get(latency, "p50")));
    json_decref(latency);
}

static void the_least_rate_is_of_the_emptiest_second(void **state)
{
    (void)state;
    /* 100 events every 100 ms for 3 s, but nothing between 1.2 s and 1.9 s. */
    struct report_moment moments[32];
    size_t count = 0;
    for (uint64_t ms = 100; ms <= 3000; ms += 100)
        if (ms <= 1200 || ms >= 1900) moments[count++] = (struct report_moment){ms * MS, 100};
    /* Behind 1.2 s: 1.9, 2.0, 2.1 and 2.2 s. */
    is_about(report_rate_min(moments, count), 400);
    assert_int_equal(report_gap_max(moments, count), 700 * MS);
}

static void a_slow_start_counts(void **state)
{
    (void)state;
    const struct report_moment moments[] = {{900 * MS, 5}, {950 * MS, 5}, {1900 * MS, 100}};
    is_about(report_rate_min(moments, 3), 10);
    assert_int_equal(report_gap_max(moments, 3), 950 * MS);
}

static void less_than_a_second_has_no_least_rate(void **state)
{
    (void)state;
    const struct report_moment moments[] = {{500 * MS, 5}, {999 * MS, 5}};
    assert_true(report_rate_min(moments, 2) < 0);
    assert_true(report_rate_min(NULL, 0) < 0);
    assert_int_equal(report_gap_max(NULL, 0), 0);
}

static void a_report_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct context context = {.home = NULL};
    char path[] = "bench-report-XXXXXX";
    json_t *report = json_pack("{s:s, s:{s:f, s:n}}", "bench", "storage", "latency_ms", "p50", 1.5, "p99");
    json_t *read = NULL;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(report_write(&context, path, report), TOOL_DONE);
    assert_int_equal(report_read(&context, path, &read), TOOL_DONE);
    assert_true(json_equal(report, read));
    json_decref(read);
    json_decref(report);

    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("[1]", file);
    fclose(file);
    assert_int_equal(report_read(&context, path, &read), TOOL_REFUSED);
    assert_string_equal(context.reason, "FORM");
    unlink(path);
    assert_int_equal(report_read(&context, path, &read), TOOL_REFUSED);
    assert_string_equal(context.reason, "FILE");
}

static void a_process_that_works_uses_cpu_and_memory(void **state)
{
    (void)state;
    struct usage before, after;
    volatile double sum = 0;
    assert_int_equal(usage_read(getpid(), &before), TALLY_OK);
    assert_string_equal(before.threads[0].name, "loop");
    assert_true(before.memory_bytes > 0 && before.memory_peak_bytes >= before.memory_bytes);
    do {
        for (int i = 0; i < 1000000; i++)
            sum = sum + i;
        assert_int_equal(usage_read(getpid(), &after), TALLY_OK);
    } while (after.threads[0].ticks < before.threads[0].ticks + 5);
    json_t *cpu = usage_cpu(&before, &after);
    assert_true(figure(cpu, "loop") > 0);
    is_about(figure(cpu, "loop"), figure(cpu, "total"));
    json_decref(cpu);
    assert_int_equal(usage_read(0x7FFFFFFF, &before), TALLY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_samples_by_nearest_rank),
        cmocka_unit_test(the_least_rate_is_of_the_emptiest_second),
        cmocka_unit_test(a_slow_start_counts),
        cmocka_unit_test(less_than_a_second_has_no_least_rate),
        cmocka_unit_test(a_report_is_read_back_as_it_was_written),
        cmocka_unit_test(a_process_that_works_uses_cpu_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
