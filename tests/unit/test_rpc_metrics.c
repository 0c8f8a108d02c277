// links: rpc
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "node/metrics/meters.h"
#include "node/rpc/rpc_metrics.h"

static const struct rpc_method methods[] = {
    {.path = "/toy.Toy/First"},
    {.path = "/toy.Toy/Second"},
};

static struct buffer out;

static int begin(void **state)
{
    (void)state;
    memset(&meters, 0, sizeof meters);
    buffer_init(&out, 1u << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_close(&out);
    return 0;
}

static const char *page(const struct rpc_server_counts *counts)
{
    rpc_metrics_render(methods, 2, counts, &out);
    buffer_u8(&out, '\0');
    assert_false(out.failed);
    return (const char *)out.data;
}

static void calls_are_told_by_method_and_status(void **state)
{
    (void)state;
    rpc_metrics_call(1, "0", 1000);
    rpc_metrics_call(1, "0", 2000);
    rpc_metrics_call(1, "16", 1);
    rpc_metrics_call(0, "", 1); /* cut off */
    rpc_metrics_call(RPC_METHODS_MAX, "12", 1);
    const char *said = page(&(struct rpc_server_counts){0});
    assert_non_null(
        strstr(said, "\n# TYPE tallystick_rpc_calls_total counter\n"
                     "tallystick_rpc_calls_total{method=\"/toy.Toy/First\",code=\"OK\"} 0\n"
                     "tallystick_rpc_calls_total{method=\"/toy.Toy/First\",code=\"CANCELLED\"} 1\n"
                     "tallystick_rpc_calls_total{method=\"/toy.Toy/Second\",code=\"OK\"} 2\n"
                     "tallystick_rpc_calls_total{method=\"/toy.Toy/Second\","
                     "code=\"UNAUTHENTICATED\"} 1\n"
                     "tallystick_rpc_calls_total{method=\"unknown\",code=\"OK\"} 0\n"
                     "tallystick_rpc_calls_total{method=\"unknown\",code=\"UNIMPLEMENTED\"} 1\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_call_seconds_count{method=\"/toy.Toy/Second\"} 3\n"));
    assert_non_null(
        strstr(said, "\ntallystick_rpc_call_seconds_sum{method=\"/toy.Toy/Second\"} 0.000003001\n"));
}

static void a_status_that_grpc_does_not_have_is_unknown(void **state)
{
    (void)state;
    rpc_metrics_call(0, "17", 1);
    assert_non_null(strstr(page(&(struct rpc_server_counts){0}),
        "\ntallystick_rpc_calls_total{method=\"/toy.Toy/First\",code=\"UNKNOWN\"} 1\n"));
}

static void the_largest_page_fits_its_bound(void **state)
{
    static struct rpc_method many[RPC_METHODS_MAX];
    static char paths[RPC_METHODS_MAX][97];
    (void)state;
    for (size_t i = 0; i < RPC_METHODS_MAX; i++) {
        memset(paths[i], 'x', 96);
        many[i].path = paths[i];
    }
    memset(&meters, 0x7f, sizeof meters);
    rpc_metrics_render(many, RPC_METHODS_MAX, &(struct rpc_server_counts){0}, &out);
    assert_false(out.failed);
    assert_true(out.size > RPC_METRICS_SIZE_MAX / 2);
    assert_true(out.size <= RPC_METRICS_SIZE_MAX);
}

static void errors_are_told_by_the_reason_they_name(void **state)
{
    (void)state;
    rpc_metrics_reason("BUSY");
    rpc_metrics_reason("BUSY");
    rpc_metrics_reason("SIGNATURE");
    rpc_metrics_reason("");
    const char *said = page(&(struct rpc_server_counts){0});
    assert_non_null(strstr(said, "\ntallystick_rpc_errors_total{reason=\"BUSY\"} 2\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_errors_total{reason=\"RATE\"} 0\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_errors_total{reason=\"OTHER\"} 2\n"));
}

static void what_the_server_has_open_is_told(void **state)
{
    (void)state;
    const char *said =
        page(&(struct rpc_server_counts){.connections = 3, .calls = 4, .memory = 5, .refused = 6});
    assert_non_null(strstr(said, "\ntallystick_rpc_connections 3\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_open_calls 4\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_memory_bytes 5\n"));
    assert_non_null(strstr(said, "\ntallystick_rpc_refused_total 6\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_told_by_method_and_status, begin, end),
        cmocka_unit_test_setup_teardown(a_status_that_grpc_does_not_have_is_unknown, begin, end),
        cmocka_unit_test_setup_teardown(the_largest_page_fits_its_bound, begin, end),
        cmocka_unit_test_setup_teardown(errors_are_told_by_the_reason_they_name, begin, end),
        cmocka_unit_test_setup_teardown(what_the_server_has_open_is_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
