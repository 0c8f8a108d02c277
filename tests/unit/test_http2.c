// links: rpc net client codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/rpc/http2.h"
#include "tests/unit/http2_frames.h"

#define STREAMS_MAX 10u
#define RESETS_MAX 50u
#define CONTROL_FRAMES_MAX 200u

/* Streams are taken, and answered only when a test says so. */
struct bench {
    struct carrier *carrier;
    struct frames_seen seen;
    struct buffer out;
    unsigned taken, gone, ended;
    size_t body_size;
    struct exchange *last;
    bool refuses, bare;
};

static struct bench bench;

static bool on_request(void *context, struct exchange *exchange)
{
    (void)context;
    bench.last = exchange;
    if (bench.refuses) return false;
    bench.taken++;
    return true;
}

static void on_body(void *context, struct exchange *exchange, struct span bytes)
{
    (void)context;
    (void)exchange;
    bench.body_size += bytes.size;
}

static void on_request_end(void *context, struct exchange *exchange)
{
    (void)context;
    (void)exchange;
    bench.ended++;
}

static size_t on_fill(void *context, struct exchange *exchange, uint8_t *to, size_t size, bool *last)
{
    (void)context;
    (void)exchange;
    memset(to, 'x', size);
    *last = true;
    return size;
}

static size_t on_trailers(void *context, struct exchange *exchange, struct exchange_field *trailers)
{
    (void)context;
    (void)exchange;
    trailers[0] = (struct exchange_field){"grpc-status", "0"};
    return bench.bare ? 0 : 1;
}

static void on_gone(void *context, struct exchange *exchange)
{
    (void)context;
    (void)exchange;
    bench.gone++;
}

static void on_output(void *context)
{
    (void)context;
}

static int bench_start(void **state)
{
    (void)state;
    static const struct exchange_hooks hooks = {
        on_request, on_body, on_request_end, on_fill, on_trailers, on_gone, on_output};
    static const struct http2_limits limits = {STREAMS_MAX, 16 * KIB, RESETS_MAX, CONTROL_FRAMES_MAX};
    memset(&bench, 0, sizeof bench);
    frames_seen_init(&bench.seen);
    buffer_init(&bench.out, 4 * MIB);
    assert_int_equal(http2_open(&limits, &hooks, NULL, &bench.carrier), TALLY_OK);
    preface_put(&bench.out);
    return 0;
}

static int bench_stop(void **state)
{
    (void)state;
    carrier_close(bench.carrier);
    assert_int_equal(bench.taken, bench.gone);
    frames_seen_close(&bench.seen);
    buffer_close(&bench.out);
    return 0;
}

static int bench_send_at(uint64_t now_ms, const char **why)
{
    static uint8_t bytes[CARRIER_PULL_SIZE_MIN];
    int error = carrier_receive(bench.carrier, buffer_span(&bench.out), now_ms, why);
    buffer_clear(&bench.out);
    size_t pulled = 0;
    do {
        assert_int_equal(carrier_pull(bench.carrier, bytes, sizeof bytes, &pulled), TALLY_OK);
        frames_see(&bench.seen, span_of(bytes, pulled));
    } while (pulled > 0);
    return error;
}

static int bench_send(void)
{
    const char *why = "";
    return bench_send_at(1000, &why);
}

static void call_put(uint32_t id, bool last)
{
    call_headers_put(&bench.out, id, (struct call_headers){.path = "/x"}, last);
}

static void reset_put(uint32_t id)
{
    frame_put(&bench.out, NGHTTP2_RST_STREAM, 0, id, span_of("\0\0\0\10", 4));
}

static void ping_put(void)
{
    frame_put(&bench.out, NGHTTP2_PING, 0, 0, span_of("12345678", 8));
}

static void what_is_not_http2_is_refused(void **state)
{
    (void)state;
    const char *why = "";
    buffer_clear(&bench.out);
    static const char http1[] = "POST /x HTTP/1.1\r\nHost: a\r\n\r\n";
    buffer_append(&bench.out, http1, sizeof http1 - 1);
    assert_int_equal(bench_send_at(1, &why), TALLY_EFORM);
    assert_string_equal(why, "not HTTP/2");
}

static void a_request_is_told_in_parts(void **state)
{
    (void)state;
    call_put(1, false);
    frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of("abc", 3));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.taken, 1);
    assert_string_equal(bench.last->request.path, "/x");
    assert_string_equal(bench.last->request.method, "POST");
    assert_string_equal(bench.last->request.content_type, "application/grpc");
    assert_int_equal(bench.body_size, 3);
    assert_int_equal(bench.ended, 0);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 1, span_of("de", 2));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.body_size, 5);
    assert_int_equal(bench.ended, 1);
}

static void an_answer_has_headers_body_and_trailers(void **state)
{
    (void)state;
    static const struct exchange_field headers[] = {{"content-type", "application/grpc"}};
    call_put(1, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(exchange_respond(bench.last, 200, headers, 1), TALLY_OK);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].http_status, 200);
    assert_int_equal(bench.seen.streams[0].grpc_status, 0);
    assert_true(bench.seen.streams[0].data_size > 1000);
    assert_true(bench.seen.streams[0].ended);
    assert_int_equal(bench.gone, 1);
}

static void without_trailers_the_body_ends_the_stream(void **state)
{
    (void)state;
    bench.bare = true;
    call_put(1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(exchange_respond(bench.last, 404, NULL, 0), TALLY_OK);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].http_status, 404);
    assert_true(bench.seen.streams[0].data_size > 1000);
    assert_true(bench.seen.streams[0].ended);
    /* The client was still sending. */
    assert_int_equal(bench.seen.streams[0].reset, NGHTTP2_NO_ERROR);
    assert_int_equal(bench.gone, 1);
}

static void a_patient_answer_lets_the_client_end_its_request(void **state)
{
    (void)state;
    bench.bare = true;
    call_put(1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    bench.last->patient = true;
    assert_int_equal(exchange_respond(bench.last, 404, NULL, 0), TALLY_OK);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_true(bench.seen.streams[0].ended);
    assert_int_equal(bench.seen.streams[0].reset, -1);
    assert_int_equal(bench.gone, 0);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 1, span_of("abc", 3));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].reset, -1);
    assert_int_equal(bench.body_size, 0);
    assert_int_equal(bench.gone, 1);
}

static void a_client_that_goes_on_after_the_answer_is_reset(void **state)
{
    (void)state;
    static const uint8_t part[16 * KIB];
    bench.bare = true;
    call_put(1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    bench.last->patient = true;
    assert_int_equal(exchange_refuse(bench.last, 404, NULL, 0), TALLY_OK);
    for (unsigned i = 0; i < EXCHANGE_DISCARD_SIZE_MAX / sizeof part; i++) {
        assert_int_equal(bench_send(), TALLY_OK);
        assert_int_equal(bench.seen.streams[0].reset, -1);
        frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of(part, sizeof part));
    }
    frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of(part, 1));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].reset, NGHTTP2_NO_ERROR);
    assert_int_equal(bench.gone, 1);
}

static void a_target_is_a_path_and_a_query(void **state)
{
    (void)state;
    static const char long_query[] =
        "/x?"
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789";
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/x?from=7?8"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_string_equal(bench.last->request.path, "/x");
    assert_string_equal(bench.last->request.query, "from=7?8");
    call_headers_put(&bench.out, 3, (struct call_headers){.path = long_query}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_string_equal(bench.last->request.query, long_query + 3);
}

static void a_refused_stream_brings_no_more_of_its_request(void **state)
{
    (void)state;
    call_put(1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(exchange_refuse(bench.last, 403, NULL, 0), TALLY_OK);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 1, span_of("abc", 3));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.body_size, 0);
    assert_int_equal(bench.ended, 0);
    assert_int_equal(bench.seen.streams[0].http_status, 403);
}

static void a_stream_the_owner_has_no_memory_for_is_reset(void **state)
{
    (void)state;
    bench.refuses = true;
    call_put(1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].reset, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(bench.taken, 0);
    assert_int_equal(bench.gone, 0);
}

static void streams_at_once_are_bounded(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= STREAMS_MAX; i++)
        call_put(2 * i + 1, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.taken, STREAMS_MAX);
    assert_int_equal(bench.seen.streams[STREAMS_MAX].reset, NGHTTP2_REFUSED_STREAM);
}

static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    const char *why = "";
    for (uint32_t i = 0; i < RESETS_MAX; i++) {
        call_put(2 * i + 1, false);
        reset_put(2 * i + 1);
    }
    assert_int_equal(bench_send_at(1000, &why), TALLY_OK);
    assert_int_equal(bench.taken, RESETS_MAX);
    for (uint32_t i = RESETS_MAX; i < RESETS_MAX + 100; i++) {
        call_put(2 * i + 1, false);
        reset_put(2 * i + 1);
    }
    assert_int_equal(bench_send_at(2000, &why), TALLY_ELIMIT);
    assert_int_equal(bench.seen.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    /* It stopped at the first that was too many. */
    assert_int_equal(bench.taken, RESETS_MAX + 1);
}

static void resets_over_a_long_time_are_fine(void **state)
{
    (void)state;
    const char *why = "";
    for (uint32_t i = 0; i < 5 * RESETS_MAX; i++) {
        call_put(2 * i + 1, false);
        reset_put(2 * i + 1);
        assert_int_equal(bench_send_at(1000 + 300 * i, &why), TALLY_OK);
    }
}

static void a_flood_of_pings_ends_the_connection(void **state)
{
    (void)state;
    const char *why = "";
    for (uint32_t i = 0; i < CONTROL_FRAMES_MAX - 1; i++)
        ping_put();
    assert_int_equal(bench_send_at(1000, &why), TALLY_OK);
    assert_int_equal(bench.seen.ping_acks, CONTROL_FRAMES_MAX - 1);
    for (uint32_t i = 0; i < 10; i++)
        ping_put();
    assert_int_equal(bench_send_at(2000, &why), TALLY_ELIMIT);
    assert_int_equal(bench.seen.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void floods_of_other_frames_end_the_connection_too(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        if (kind > 0) {
            assert_int_equal(bench_stop(state), 0);
            assert_int_equal(bench_start(state), 0);
        }
        call_put(1, false);
        for (uint32_t i = 0; i <= CONTROL_FRAMES_MAX; i++) {
            if (kind == 0) frame_put(&bench.out, NGHTTP2_SETTINGS, 0, 0, span_of(NULL, 0));
            if (kind == 1) frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of(NULL, 0));
            if (kind == 2) frame_put(&bench.out, NGHTTP2_WINDOW_UPDATE, 0, 1, span_of("\0\0\0\1", 4));
            if (kind == 3) frame_put(&bench.out, NGHTTP2_PRIORITY, 0, 1, span_of("\0\0\0\3\1", 5));
        }
        assert_int_equal(bench_send(), TALLY_ELIMIT);
    }
}

static void pings_beside_work_are_fine(void **state)
{
    (void)state;
    call_put(1, false);
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < CONTROL_FRAMES_MAX; i++) {
            ping_put();
            frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of("x", 1));
        }
        assert_int_equal(bench_send(), TALLY_OK);
    }
    assert_int_equal(bench.body_size, 10 * CONTROL_FRAMES_MAX);
}

static void headers_without_end_do_not_grow(void **state)
{
    (void)state;
    /* CONTINUATION upon CONTINUATION, never the last. */
    static uint8_t block[16384];
    memset(block, 0x82, sizeof block);
    frame_put(&bench.out, NGHTTP2_HEADERS, 0, 1, span_of(block, 100));
    for (unsigned i = 0; i < 100; i++)
        frame_put(&bench.out, NGHTTP2_CONTINUATION, 0, 1, span_of(block, sizeof block));
    (void)bench_send();
    assert_true(bench.seen.goaway > 0 || bench.seen.streams[0].reset > 0);
    assert_int_equal(bench.taken, 0);
}

static void finishing_lets_the_last_stream_end(void **state)
{
    (void)state;
    call_put(1, true);
    assert_int_equal(bench_send(), TALLY_OK);
    carrier_finish(bench.carrier);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.goaway, NGHTTP2_NO_ERROR);
    assert_false(carrier_is_finished(bench.carrier));
    exchange_reset(bench.last);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.seen.streams[0].reset, NGHTTP2_CANCEL);
    assert_true(carrier_is_finished(bench.carrier));
}

#define on_bench(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(what_is_not_http2_is_refused),
        on_bench(a_request_is_told_in_parts),
        on_bench(an_answer_has_headers_body_and_trailers),
        on_bench(without_trailers_the_body_ends_the_stream),
        on_bench(a_patient_answer_lets_the_client_end_its_request),
        on_bench(a_client_that_goes_on_after_the_answer_is_reset),
        on_bench(a_target_is_a_path_and_a_query),
        on_bench(a_refused_stream_brings_no_more_of_its_request),
        on_bench(a_stream_the_owner_has_no_memory_for_is_reset),
        on_bench(streams_at_once_are_bounded),
        on_bench(rapid_resets_end_the_connection),
        on_bench(resets_over_a_long_time_are_fine),
        on_bench(a_flood_of_pings_ends_the_connection),
        on_bench(floods_of_other_frames_end_the_connection_too),
        on_bench(pings_beside_work_are_fine),
        on_bench(headers_without_end_do_not_grow),
        on_bench(finishing_lets_the_last_stream_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
