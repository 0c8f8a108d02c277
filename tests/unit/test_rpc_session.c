// links: rpc net client codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/http2_frames.h"
#include "tests/unit/rpc_handlers.h"

#define MEMORY_MAX (256u * KIB)

/* A session without a connection, a clock that stands still until it is told, and two methods. */
struct bench {
    struct rpc_shared shared;
    struct rpc_session *session;
    struct frames_seen seen;
    struct buffer out;
    uint64_t now_ms;
    unsigned cancelled, drained;
    struct rpc_call *held;
    int begin_error; /* what call_begin says */
    unsigned open;   /* calls it counts */
};

static struct bench bench;

static uint64_t bench_now_ms(void *clock)
{
    return ((struct bench *)clock)->now_ms;
}

static void held_cancel(void *context, struct rpc_call *call)
{
    struct bench *owner = context;
    assert_ptr_equal(owner->held, call);
    owner->held = NULL;
    owner->cancelled++;
}

static void held_drain(void *context, struct rpc_call *call)
{
    struct bench *owner = context;
    assert_ptr_equal(owner->held, call);
    owner->drained++;
}

static void hold(void *context, struct rpc_call *call)
{
    bench.held = call;
    rpc_call_watch(call, context, held_drain, held_cancel);
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 64 * KIB, .handle = echo},
    {.path = "/t.T/Hold", .request_size_max = 100, .handle = hold},
};

static int begin(void *context, const char *caller, uint32_t *retry_after_ms)
{
    struct bench *owner = context;
    assert_string_equal(caller, "tester");
    *retry_after_ms = 70;
    if (owner->begin_error == TALLY_OK) owner->open++;
    return owner->begin_error;
}

static void end(void *context, const char *caller)
{
    struct bench *owner = context;
    assert_string_equal(caller, "tester");
    assert_true(owner->open > 0);
    owner->open--;
}

static int bench_start(void **state)
{
    (void)state;
    static const struct rpc_caller caller = {.name = "tester", .roles = RPC_ROLE_READ};
    memset(&bench, 0, sizeof bench);
    bench.now_ms = 1000000;
    bench.shared = (struct rpc_shared){
        .methods = methods,
        .method_count = 2,
        .context = &bench,
        .call_begin = begin,
        .call_end = end,
        .memory_max = MEMORY_MAX,
        .stream_backlog_max = 32 * KIB,
        .request_timeout_ms = 15000,
        .stall_timeout_ms = 20000,
        .now_ms = bench_now_ms,
        .clock = &bench,
    };
    frames_seen_init(&bench.seen);
    buffer_init(&bench.out, 4 * MIB);
    assert_int_equal(
        rpc_session_open(&bench.shared, RPC_HTTP_2, &caller, "test:1", no_output, NULL, &bench.session),
        TALLY_OK);
    preface_put(&bench.out);
    return 0;
}

static int bench_stop(void **state)
{
    (void)state;
    rpc_session_close(bench.session);
    assert_int_equal(bench.shared.counts.calls, 0);
    assert_int_equal(bench.open, 0);
    assert_int_equal(bench.shared.counts.memory, 0);
    assert_int_equal(bench.shared.deadlines, 0);
    frames_seen_close(&bench.seen);
    buffer_close(&bench.out);
    return 0;
}

static void bench_pull(void)
{
    static uint8_t bytes[64 * KIB];
    size_t pulled = 0;
    do {
        assert_int_equal(rpc_session_pull(bench.session, bytes, sizeof bytes, &pulled), TALLY_OK);
        frames_see(&bench.seen, span_of(bytes, pulled));
    } while (pulled > 0);
}

/* Sends what was put, and reads what comes back. */
static int bench_send(void)
{
    const char *why = "";
    assert_false(bench.out.failed);
    bench.shared.turn_spent = 0;
    int error = rpc_session_receive(bench.session, buffer_span(&bench.out), &why);
    buffer_clear(&bench.out);
    bench_pull();
    return error;
}

static const struct stream_seen *stream(uint32_t id)
{
    return &bench.seen.streams[id / 2];
}

static struct span text(const char *string)
{
    return span_of(string, strlen(string));
}

static void a_call_may_arrive_byte_by_byte(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 1, text("hello"), true);
    const char *why = "";
    for (size_t i = 0; i < bench.out.size; i++) {
        assert_int_equal(rpc_session_receive(bench.session, span_of(bench.out.data + i, 1), &why), TALLY_OK);
    }
    buffer_clear(&bench.out);
    bench_pull();
    assert_int_equal(stream(1)->http_status, 200);
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_int_equal(stream(1)->data_size, GRPC_PREFIX_SIZE + 5);
    assert_true(stream(1)->ended);
    assert_int_equal(stream(1)->reset, -1);
    assert_int_equal(rpc_session_call_count(bench.session), 0);
}

static void a_message_may_be_split_over_frames(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    static const uint8_t body[] = {0, 0, 0, 0, 3, 'a', 'b', 'c'};
    for (size_t i = 0; i < sizeof body; i++)
        frame_put(&bench.out, NGHTTP2_DATA, 0, 1, span_of(body + i, 1));
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 1, span_of(NULL, 0));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_int_equal(stream(1)->data_size, sizeof body);
}

static void what_is_no_grpc_gets_an_http_status(void **state)
{
    (void)state;
    call_headers_put(
        &bench.out, 1, (struct call_headers){.path = "/t.T/Echo", .content_type = "text/plain"}, true);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo", .method = "GET"}, true);
    call_headers_put(&bench.out, 5,
        (struct call_headers){.path = "/t.T/Echo", .content_type = "application/grpc+json"}, true);
    call_headers_put(&bench.out, 7,
        (struct call_headers){.path = "/t.T/Echo", .content_type = "application/grpcweb"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->http_status, 415);
    assert_int_equal(stream(3)->http_status, 405);
    assert_int_equal(stream(5)->http_status, 415);
    assert_int_equal(stream(7)->http_status, 415);
    call_headers_put(&bench.out, 9,
        (struct call_headers){.path = "/t.T/Echo", .content_type = "application/grpc+proto"}, false);
    message_put(&bench.out, 9, text(""), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(9)->grpc_status, GRPC_OK);
}

static void compressed_messages_are_unimplemented(void **state)
{
    (void)state;
    static const uint8_t compressed[] = {1, 0, 0, 0, 1, 'x'};
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo", .encoding = "gzip"}, false);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, false);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 3, span_of(compressed, sizeof compressed));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_UNIMPLEMENTED);
    assert_int_equal(stream(3)->grpc_status, GRPC_UNIMPLEMENTED);
}

static void a_call_refused_early_is_reset_without_error(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/None"}, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_UNIMPLEMENTED);
    assert_true(stream(1)->ended);
    assert_int_equal(stream(1)->reset, NGHTTP2_NO_ERROR);
    assert_int_equal(rpc_session_call_count(bench.session), 0);
    /* What was under way meanwhile is let pass. */
    message_put(&bench.out, 1, text("late"), true);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 3, text("next"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(3)->grpc_status, GRPC_OK);
}

static void a_request_that_is_not_one_message_is_invalid(void **state)
{
    (void)state;
    static const uint8_t half[] = {0, 0, 0, 0, 9, 'x'};
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, true);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, false);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 3, span_of(half, 3));
    call_headers_put(&bench.out, 5, (struct call_headers){.path = "/t.T/Echo"}, false);
    frame_put(&bench.out, NGHTTP2_DATA, END_STREAM, 5, span_of(half, sizeof half));
    call_headers_put(&bench.out, 7, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 7, text("one"), false);
    message_put(&bench.out, 7, text("two"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    for (uint32_t id = 1; id <= 7; id += 2)
        assert_int_equal(stream(id)->grpc_status, GRPC_INVALID_ARGUMENT);
}

static void a_malformed_timeout_is_invalid(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo", .timeout = "1s"}, false);
    call_headers_put(
        &bench.out, 3, (struct call_headers){.path = "/t.T/Echo", .timeout = "1000000000000000000S"}, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_INVALID_ARGUMENT);
    assert_int_equal(stream(3)->grpc_status, GRPC_INVALID_ARGUMENT);
}

static void headers_above_their_bound_are_refused(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo", .filler = 115}, false);
    message_put(&bench.out, 1, text("x"), true);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo", .filler = 140}, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_int_equal(stream(3)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
}

static void a_slow_sender_is_cut(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    assert_int_equal(bench_send(), TALLY_OK);
    bench.now_ms += 14999;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, -1);
    bench.now_ms += 1;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(stream(1)->reset, NGHTTP2_NO_ERROR);
}

static void a_deadline_cancels_the_handler_and_answers_the_client(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold", .timeout = "50m"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_non_null(bench.held);
    assert_int_equal(rpc_call_time_left_ms(bench.held), 50);
    assert_int_equal(bench.shared.deadlines, 1);
    bench.now_ms += 49;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 0);
    bench.now_ms += 1;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 1);
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(rpc_session_call_count(bench.session), 0);
}

static void a_reset_cancels_the_handler(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(rpc_call_time_left_ms(bench.held), UINT64_MAX);
    frame_put(&bench.out, NGHTTP2_RST_STREAM, 0, 1, span_of("\0\0\0\10", 4));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.cancelled, 1);
    assert_int_equal(rpc_session_call_count(bench.session), 0);
}

static void closing_cancels_what_is_open(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    rpc_session_close(bench.session);
    bench.session = NULL;
    assert_int_equal(bench.cancelled, 1);
}

static void a_stream_has_a_backlog_and_tells_when_it_drained(void **state)
{
    (void)state;
    static const uint8_t message[10 * KIB];
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rpc_call_write(bench.held, span_of(message, sizeof message)), TALLY_OK);
    }
    size_t pending = rpc_call_pending(bench.held);
    assert_int_equal(pending, 3 * (sizeof message + GRPC_PREFIX_SIZE));
    assert_int_equal(rpc_call_write(bench.held, span_of(message, sizeof message)), TALLY_EFULL);
    assert_int_equal(rpc_call_pending(bench.held), pending);
    bench_pull();
    assert_int_equal(bench.drained, 1);
    assert_int_equal(rpc_call_pending(bench.held), 0);
    assert_int_equal(stream(1)->data_size, pending);
    assert_int_equal(rpc_call_write(bench.held, span_of(message, 1)), TALLY_OK);
    rpc_call_end(bench.held);
    bench_pull();
    assert_int_equal(bench.drained, 1);
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_int_equal(stream(1)->data_size, pending + 6);
}

static void one_message_above_the_backlog_still_goes(void **state)
{
    (void)state;
    static const uint8_t message[100 * KIB];
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    frame_put(&bench.out, NGHTTP2_WINDOW_UPDATE, 0, 0, span_of("\0\20\0\0", 4));
    frame_put(&bench.out, NGHTTP2_WINDOW_UPDATE, 0, 1, span_of("\0\20\0\0", 4));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(rpc_call_write(bench.held, span_of(message, sizeof message)), TALLY_OK);
    rpc_call_fail(bench.held, GRPC_ABORTED, "enough", NULL);
    bench_pull();
    assert_int_equal(stream(1)->data_size, sizeof message + GRPC_PREFIX_SIZE);
    assert_int_equal(stream(1)->grpc_status, GRPC_ABORTED);
    assert_string_equal(stream(1)->detail, "enough");
}

static void a_reader_that_takes_nothing_is_cut(void **state)
{
    (void)state;
    static const uint8_t message[100 * KIB];
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(rpc_call_write(bench.held, span_of(message, sizeof message)), TALLY_OK);
    bench_pull();
    /* The client's window, 65,535 bytes, is used up. */
    assert_int_equal(stream(1)->data_size, 65535);
    bench.now_ms += 19999;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 0);
    bench.now_ms += 1;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 1);
    bench_pull();
    assert_int_equal(stream(1)->reset, NGHTTP2_CANCEL);
    assert_int_equal(bench.shared.counts.memory, 0);
}

static void requests_held_are_bounded(void **state)
{
    (void)state;
    /* Six calls that each send 60 of 64 KiB and no end: 256 KiB hold four of them. */
    static uint8_t half[15 * KIB + GRPC_PREFIX_SIZE];
    put_u32(half + 1, 60 * KIB);
    for (uint32_t id = 1; id <= 11; id += 2) {
        call_headers_put(&bench.out, id, (struct call_headers){.path = "/t.T/Echo"}, false);
        frame_put(&bench.out, NGHTTP2_DATA, 0, id, span_of(half, sizeof half));
        for (unsigned i = 0; i < 3; i++)
            frame_put(&bench.out, NGHTTP2_DATA, 0, id, span_of(half + 5, 15 * KIB));
        assert_int_equal(bench_send(), TALLY_OK);
        assert_true(bench.shared.counts.memory <= MEMORY_MAX);
    }
    assert_int_equal(stream(7)->grpc_status, -1);
    assert_int_equal(stream(9)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(stream(11)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    for (uint32_t id = 1; id <= 7; id += 2)
        frame_put(&bench.out, NGHTTP2_RST_STREAM, 0, id, span_of("\0\0\0\10", 4));
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.shared.counts.memory, 0);
}

static void replies_held_are_bounded(void **state)
{
    (void)state;
    /* Ten replies of 60 KiB to a client that opens no window. */
    static uint8_t part[15 * KIB + GRPC_PREFIX_SIZE];
    put_u32(part + 1, 60 * KIB);
    unsigned refused = 0;
    for (uint32_t id = 1; id <= 19; id += 2) {
        call_headers_put(&bench.out, id, (struct call_headers){.path = "/t.T/Echo"}, false);
        frame_put(&bench.out, NGHTTP2_DATA, 0, id, span_of(part, sizeof part));
        for (unsigned i = 0; i < 3; i++) {
            frame_put(&bench.out, NGHTTP2_DATA, i == 2 ? END_STREAM : 0, id, span_of(part + 5, 15 * KIB));
        }
        assert_int_equal(bench_send(), TALLY_OK);
        assert_true(bench.shared.counts.memory <= MEMORY_MAX);
        if (stream(id)->grpc_status == GRPC_RESOURCE_EXHAUSTED) refused++;
    }
    assert_in_range(refused, 4, 7);
}

static unsigned answered_count(uint32_t count)
{
    unsigned answered = 0;
    for (uint32_t i = 0; i < count; i++)
        if (stream(2 * i + 1)->grpc_status == GRPC_OK) answered++;
    return answered;
}

static void a_turn_begins_no_more_than_its_share(void **state)
{
    (void)state;
    const unsigned share = RPC_TURN_SIZE_MAX / (RPC_TURN_CALL_SIZE + GRPC_PREFIX_SIZE + 1) + 1;
    _Static_assert(RPC_TURN_SIZE_MAX / RPC_TURN_CALL_SIZE < RPC_STREAMS_MAX, "one connection reaches it");
    for (uint32_t i = 0; i < RPC_STREAMS_MAX; i++) {
        call_headers_put(&bench.out, 2 * i + 1, (struct call_headers){.path = "/t.T/Echo"}, false);
        message_put(&bench.out, 2 * i + 1, text("x"), true);
    }
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(answered_count(RPC_STREAMS_MAX), share);
    assert_true(rpc_session_has_work(bench.session));
    rpc_session_work(bench.session); /* still the same turn */
    bench_pull();
    assert_int_equal(answered_count(RPC_STREAMS_MAX), share);
    /* They have arrived, so time is no matter; and one is given up. */
    bench.now_ms += 15000;
    rpc_session_sweep(bench.session);
    frame_put(&bench.out, NGHTTP2_RST_STREAM, 0, 2 * RPC_STREAMS_MAX - 1, span_of("\0\0\0\10", 4));
    assert_int_equal(bench_send(), TALLY_OK);
    rpc_session_work(bench.session);
    bench_pull();
    assert_int_equal(answered_count(RPC_STREAMS_MAX), RPC_STREAMS_MAX - 1);
    assert_false(rpc_session_has_work(bench.session));
    assert_int_equal(rpc_session_call_count(bench.session), 0);
}

static void a_turns_share_is_that_of_all_connections(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 1, text("one"), true);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 3, text("two"), true);
    const char *why = "";
    bench.shared.turn_spent = RPC_TURN_SIZE_MAX - 1; /* by another connection */
    assert_int_equal(rpc_session_receive(bench.session, buffer_span(&bench.out), &why), TALLY_OK);
    buffer_clear(&bench.out);
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_int_equal(stream(3)->grpc_status, -1);
    bench.shared.turn_spent = 0;
    rpc_session_work(bench.session);
    bench_pull();
    assert_int_equal(stream(3)->grpc_status, GRPC_OK);
}

static void a_reply_above_its_bound_is_refused(void **state)
{
    (void)state;
    bench.shared.memory_max = RPC_MEMORY_MAX;
    uint8_t *reply = calloc(1, RPC_REPLY_SIZE_MAX + 1);
    assert_non_null(reply);
    for (uint32_t id = 1; id <= 5; id += 2) {
        call_headers_put(&bench.out, id, (struct call_headers){.path = "/t.T/Hold"}, false);
        message_put(&bench.out, id, text("x"), true);
        assert_int_equal(bench_send(), TALLY_OK);
        if (id == 1) rpc_call_reply(bench.held, span_of(reply, RPC_REPLY_SIZE_MAX));
        if (id == 3) rpc_call_reply(bench.held, span_of(reply, RPC_REPLY_SIZE_MAX + 1));
    }
    assert_int_equal(rpc_call_write(bench.held, span_of(reply, RPC_REPLY_SIZE_MAX + 1)), TALLY_ELIMIT);
    rpc_call_fail(bench.held, GRPC_ABORTED, "as it stands", NULL);
    bench_pull();
    free(reply);
    /* As much as the client's window holds. */
    assert_int_equal(stream(1)->http_status, 200);
    assert_int_equal(stream(1)->data_size, 65535);
    assert_int_equal(stream(3)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(stream(3)->detail, "the reply is too large");
}

static void an_unknown_client_is_answered_once_and_sent_away(void **state)
{
    (void)state;
    rpc_session_close(bench.session);
    assert_int_equal(
        rpc_session_open(&bench.shared, RPC_HTTP_2, NULL, "test:2", no_output, NULL, &bench.session),
        TALLY_OK);
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_UNAUTHENTICATED);
    assert_int_equal(bench.seen.goaway, NGHTTP2_NO_ERROR);
    assert_true(rpc_session_is_finished(bench.session));
}

static void a_session_that_finishes_lets_open_calls_end(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    rpc_session_finish(bench.session);
    bench_pull();
    assert_int_equal(bench.seen.goaway, NGHTTP2_NO_ERROR);
    assert_false(rpc_session_is_finished(bench.session));
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(3)->http_status, 0);
    rpc_call_reply(bench.held, text("done"));
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
    assert_true(rpc_session_is_finished(bench.session));
}

static void a_caller_over_its_limits_is_refused_and_not_counted(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(bench.open, 1);
    bench.begin_error = TALLY_EFULL;
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(3)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(stream(3)->detail, "this client makes more calls than its rate");
    bench.begin_error = TALLY_EBUSY;
    call_headers_put(&bench.out, 5, (struct call_headers){.path = "/t.T/Echo"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(5)->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(stream(5)->detail, "as many calls of this client are open as may be");
    assert_int_equal(bench.open, 1);
    rpc_call_reply(bench.held, text("done"));
    bench_pull();
    assert_int_equal(bench.open, 0);
}

static void roles_that_change_hold_for_the_next_call(void **state)
{
    (void)state;
    struct rpc_method changed[2] = {methods[0], methods[1]};
    changed[0].roles = RPC_ROLE_SUBMIT;
    bench.shared.methods = changed;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Echo"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(1)->grpc_status, GRPC_PERMISSION_DENIED);
    rpc_session_set_roles(bench.session, RPC_ROLE_SUBMIT);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, false);
    message_put(&bench.out, 3, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(3)->grpc_status, GRPC_OK);
}

static void a_session_that_drains_refuses_what_comes_and_lets_open_calls_end(void **state)
{
    (void)state;
    call_headers_put(&bench.out, 1, (struct call_headers){.path = "/t.T/Hold"}, false);
    message_put(&bench.out, 1, text("x"), true);
    assert_int_equal(bench_send(), TALLY_OK);
    bench.shared.draining = true;
    rpc_session_drain(bench.session);
    bench_pull();
    assert_int_equal(bench.seen.goaway, NGHTTP2_NO_ERROR);
    call_headers_put(&bench.out, 3, (struct call_headers){.path = "/t.T/Echo"}, true);
    assert_int_equal(bench_send(), TALLY_OK);
    assert_int_equal(stream(3)->grpc_status, GRPC_UNAVAILABLE);
    assert_string_equal(stream(3)->detail, "the node is stopping");
    rpc_call_reply(bench.held, text("done"));
    bench_pull();
    assert_int_equal(stream(1)->grpc_status, GRPC_OK);
}

#define on_bench(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(a_call_may_arrive_byte_by_byte),
        on_bench(a_message_may_be_split_over_frames),
        on_bench(what_is_no_grpc_gets_an_http_status),
        on_bench(compressed_messages_are_unimplemented),
        on_bench(a_call_refused_early_is_reset_without_error),
        on_bench(a_request_that_is_not_one_message_is_invalid),
        on_bench(a_malformed_timeout_is_invalid),
        on_bench(headers_above_their_bound_are_refused),
        on_bench(a_slow_sender_is_cut),
        on_bench(a_deadline_cancels_the_handler_and_answers_the_client),
        on_bench(a_reset_cancels_the_handler),
        on_bench(closing_cancels_what_is_open),
        on_bench(a_stream_has_a_backlog_and_tells_when_it_drained),
        on_bench(one_message_above_the_backlog_still_goes),
        on_bench(a_reader_that_takes_nothing_is_cut),
        on_bench(requests_held_are_bounded),
        on_bench(replies_held_are_bounded),
        on_bench(a_turn_begins_no_more_than_its_share),
        on_bench(a_turns_share_is_that_of_all_connections),
        on_bench(a_reply_above_its_bound_is_refused),
        on_bench(an_unknown_client_is_answered_once_and_sent_away),
        on_bench(a_session_that_finishes_lets_open_calls_end),
        on_bench(a_caller_over_its_limits_is_refused_and_not_counted),
        on_bench(roles_that_change_hold_for_the_next_call),
        on_bench(a_session_that_drains_refuses_what_comes_and_lets_open_calls_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
