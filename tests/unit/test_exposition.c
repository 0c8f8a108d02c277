// links: metrics
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/metrics/exposition.h"
#include "node/metrics/process.h"

static struct buffer out;
static struct exposition exposition;

static int begin(void **state)
{
    (void)state;
    buffer_init(&out, 1u << 20);
    exposition = (struct exposition){.out = &out};
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_close(&out);
    return 0;
}

static const char *text(void)
{
    buffer_u8(&out, '\0');
    assert_false(out.failed);
    return (const char *)out.data;
}

static void a_family_has_its_meaning_its_kind_and_its_samples(void **state)
{
    (void)state;
    exposition_family(&exposition, "tallystick_a_total", EXPOSITION_COUNTER, "So many.");
    exposition_value(&exposition, EXPOSITION_PLAIN, 3);
    exposition_family(&exposition, "tallystick_b_bytes", EXPOSITION_GAUGE, "So much.");
    exposition_value(&exposition, EXPOSITION_LABELS({"x", "1"}), UINT64_MAX);
    exposition_value(&exposition, EXPOSITION_LABELS({"x", "2"}, {"y", ""}), 0);
    assert_string_equal(text(), "# HELP tallystick_a_total So many.\n"
                                "# TYPE tallystick_a_total counter\n"
                                "tallystick_a_total 3\n"
                                "# HELP tallystick_b_bytes So much.\n"
                                "# TYPE tallystick_b_bytes gauge\n"
                                "tallystick_b_bytes{x=\"1\"} 18446744073709551615\n"
                                "tallystick_b_bytes{x=\"2\",y=\"\"} 0\n");
}

static void a_label_value_cannot_end_its_line(void **state)
{
    (void)state;
    exposition_family(&exposition, "a", EXPOSITION_GAUGE, "A.");
    exposition_value(&exposition, EXPOSITION_LABELS({"n", "q\" b\\ n\n e\xc3\xa9"}), 1);
    assert_string_equal(text(), "# HELP a A.\n# TYPE a gauge\na{n=\"q\\\" b\\\\ n\\n e\xc3\xa9\"} 1\n");
}

static void seconds_are_exact(void **state)
{
    static const struct {
        uint64_t ns;
        const char *said;
    } cases[] = {
        {0, "a 0\n"},
        {1, "a 0.000000001\n"},
        {100000, "a 0.0001\n"},
        {1000000000, "a 1\n"},
        {10000000000, "a 10\n"},
        {12345678900, "a 12.3456789\n"},
        {UINT64_MAX, "a 18446744073.709551615\n"},
    };
    (void)state;
    exposition_family(&exposition, "a", EXPOSITION_GAUGE, "A.");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        exposition_seconds(&exposition, EXPOSITION_PLAIN, cases[i].ns);
        assert_string_equal(text(), cases[i].said);
    }
}

static void buckets_are_cumulative_and_end_at_infinity(void **state)
{
    struct timing timing = {0};
    (void)state;
    timing_add(&timing, 50000);                 /* 0.00005 */
    timing_add(&timing, 200000);                /* 0.0002 */
    timing_add(&timing, 200000);                /* the same */
    timing_add(&timing, UINT64_C(60000000000)); /* a minute */
    exposition_family(&exposition, "a_seconds", EXPOSITION_HISTOGRAM, "A.");
    exposition_timing(&exposition, EXPOSITION_LABELS({"f", "x"}), &timing);
    assert_string_equal(text(), "# HELP a_seconds A.\n"
                                "# TYPE a_seconds histogram\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.0001\"} 1\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.00025\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.0005\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.001\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.0025\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.005\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.01\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.025\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.05\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.1\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.25\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"0.5\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"1\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"2.5\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"5\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"10\"} 3\n"
                                "a_seconds_bucket{f=\"x\",le=\"+Inf\"} 4\n"
                                "a_seconds_sum{f=\"x\"} 60.00045\n"
                                "a_seconds_count{f=\"x\"} 4\n");
}

static void a_histogram_without_labels_has_bounds_alone(void **state)
{
    struct timing timing = {0};
    (void)state;
    exposition_family(&exposition, "a_seconds", EXPOSITION_HISTOGRAM, "A.");
    exposition_timing(&exposition, EXPOSITION_PLAIN, &timing);
    assert_non_null(strstr(text(), "\na_seconds_bucket{le=\"0.0001\"} 0\n"));
    assert_non_null(strstr(text(), "\na_seconds_sum 0\na_seconds_count 0\n"));
}

static void a_full_buffer_says_so(void **state)
{
    struct buffer small;
    (void)state;
    buffer_init(&small, 40);
    exposition.out = &small;
    exposition_family(&exposition, "a", EXPOSITION_GAUGE, "Longer than there is room for.");
    exposition_value(&exposition, EXPOSITION_PLAIN, 1);
    assert_true(small.failed);
    buffer_close(&small);
}

/* The value of a sample without labels. */
static double sample(const char *said, const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(said, line);
    assert_non_null(at);
    return strtod(at + strlen(line), NULL);
}

static void the_process_is_told_of_as_the_system_sees_it(void **state)
{
    (void)state;
    process_metrics(&exposition, 1700000000123);
    const char *said = text();
    assert_true(sample(said, "process_start_time_seconds") == 1700000000.123);
    assert_true(sample(said, "process_resident_memory_bytes") > 100000);
    assert_true(
        sample(said, "process_virtual_memory_bytes") >= sample(said, "process_resident_memory_bytes"));
    assert_true(sample(said, "process_open_fds") >= 3);
    assert_true(sample(said, "process_max_fds") >= sample(said, "process_open_fds"));
    assert_true(sample(said, "process_cpu_seconds_total") >= 0);
    assert_non_null(strstr(said, "tallystick_thread_cpu_seconds_total{thread=\"test_exposition\"} "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_family_has_its_meaning_its_kind_and_its_samples, begin, end),
        cmocka_unit_test_setup_teardown(a_label_value_cannot_end_its_line, begin, end),
        cmocka_unit_test_setup_teardown(seconds_are_exact, begin, end),
        cmocka_unit_test_setup_teardown(buckets_are_cumulative_and_end_at_infinity, begin, end),
        cmocka_unit_test_setup_teardown(a_histogram_without_labels_has_bounds_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_full_buffer_says_so, begin, end),
        cmocka_unit_test_setup_teardown(the_process_is_told_of_as_the_system_sees_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
