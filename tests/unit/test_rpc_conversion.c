// links: rpc net client codec crypto base
/* Requests in JSON that are too long for the loop: a worker converts them, which here is told when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/rpc_handlers.h"

#define MEMORY_MAX (4u * MIB)
#define SESSIONS 2
#define JOBS_MAX 4
#define BYTES_MAX (60u * KIB)

struct bench {
    struct rpc_shared shared;
    struct rpc_session *sessions[SESSIONS];
    struct buffer seen;
    struct job *jobs[JOBS_MAX];
    size_t job_count;
    unsigned handled;
    uint64_t now_ms;
};

static struct bench bench;
static char text[2 * RPC_TURN_TEXT_SIZE_MAX];

static uint64_t bench_now_ms(void *clock)
{
    return ((struct bench *)clock)->now_ms;
}

static void bench_submit(struct worker *worker, struct job *job)
{
    assert_null(worker);
    assert_true(bench.job_count < JOBS_MAX);
    bench.jobs[bench.job_count++] = job;
}

/* Does what was given to the worker. */
static void work(void)
{
    size_t count = bench.job_count;
    bench.job_count = 0;
    for (size_t i = 0; i < count; i++) {
        bench.jobs[i]->run(bench.jobs[i]);
        bench.jobs[i]->done(bench.jobs[i]);
    }
}

static void count_and_echo(void *context, struct rpc_call *call)
{
    bench.handled++;
    echo(context, call);
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 1 * MIB, .handle = count_and_echo, OF_HEIGHTS},
    {.path = "/t.T/Block",
        .request_size_max = BYTES_MAX,
        .handle = count_and_echo,
        .request = &tallystick__v1__get_block_reply__descriptor,
        .reply = &tallystick__v1__get_block_reply__descriptor},
};

static int bench_start(void **state)
{
    (void)state;
    static const struct rpc_caller caller = {.name = "tester", .roles = RPC_ROLE_READ};
    memset(&bench, 0, sizeof bench);
    bench.now_ms = 1000000;
    bench.shared = (struct rpc_shared){
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .memory_max = MEMORY_MAX,
        .stream_backlog_max = 32 * KIB,
        .request_timeout_ms = 15000,
        .stall_timeout_ms = 20000,
        .now_ms = bench_now_ms,
        .clock = &bench,
        .submit = bench_submit,
    };
    buffer_init(&bench.seen, 16 * MIB);
    for (size_t i = 0; i < SESSIONS; i++)
        assert_int_equal(rpc_session_open(&bench.shared, RPC_HTTP_1, &caller, "test:1", no_output, NULL,
                             &bench.sessions[i]),
            TALLY_OK);
    memset(text, ' ', sizeof text);
    return 0;
}

static void session_end(size_t i)
{
    rpc_session_close(bench.sessions[i]);
    bench.sessions[i] = NULL;
}

static int bench_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < SESSIONS; i++)
        session_end(i);
    work();
    assert_int_equal(bench.shared.counts.calls, 0);
    assert_int_equal(bench.shared.counts.memory, 0);
    assert_int_equal(bench.shared.deadlines, 0);
    buffer_close(&bench.seen);
    return 0;
}

static void bench_pull(size_t session)
{
    static uint8_t bytes[64 * KIB];
    size_t pulled = 0;
    do {
        assert_int_equal(rpc_session_pull(bench.sessions[session], bytes, sizeof bytes, &pulled), TALLY_OK);
        buffer_append(&bench.seen, bytes, pulled);
    } while (pulled > 0);
}

static void post(size_t session, const char *path, const char *headers, struct span body)
{
    char head[512];
    const char *why = "";
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", path, headers,
        body.size);
    struct span bytes = span_of(head, strlen(head));
    assert_int_equal(rpc_session_receive(bench.sessions[session], bytes, &why), TALLY_OK);
    assert_int_equal(rpc_session_receive(bench.sessions[session], body, &why), TALLY_OK);
    bench_pull(session);
}

#define JSON "Content-Type: application/json\r\n"
#define PROTO "Content-Type: application/proto\r\n"

/* A text that is just long enough for the worker, and ends with spaces. */
static struct span long_text(const char *json)
{
    memcpy(text, json, strlen(json));
    return span_of(text, RPC_TURN_TEXT_SIZE_MAX + 1);
}

static struct span short_text(const char *json)
{
    return span_of(json, strlen(json));
}

/* What was seen has this in it; nothing has been seen then. */
static void assert_saw(const char *what)
{
    buffer_u8(&bench.seen, 0);
    assert_false(bench.seen.failed);
    if (strstr((const char *)bench.seen.data, what) == NULL)
        fail_msg("no %s in: %s", what, (const char *)bench.seen.data);
    buffer_clear(&bench.seen);
}

static void a_long_text_waits_for_the_worker_and_holds_up_nobody(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    assert_int_equal(bench.job_count, 1);
    assert_int_equal(bench.handled, 0);
    assert_int_equal(bench.shared.turn_spent, RPC_TURN_CALL_SIZE);
    assert_int_equal(bench.shared.counts.memory, RPC_TURN_TEXT_SIZE_MAX + 1);
    assert_int_equal(bench.seen.size, 0);
    /* It waits for no turn of the loop. */
    assert_false(rpc_session_has_work(bench.sessions[0]));
    post(1, "/t.T/Echo", JSON, short_text("{\"height\":\"8\"}"));
    assert_saw("\r\n\r\n{\"height\":\"8\"}");
    work();
    assert_int_equal(bench.handled, 2);
    bench_pull(0);
    assert_saw(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"height\":\"7\"}");
    assert_int_equal(bench.shared.counts.memory, 0);
}

static void a_text_at_the_bound_is_converted_at_once(void **state)
{
    (void)state;
    struct span body = long_text("{\"height\":\"7\"}");
    body.size--;
    post(0, "/t.T/Echo", JSON, body);
    assert_int_equal(bench.job_count, 0);
    assert_saw("{\"height\":\"7\"}");
}

static void those_that_wait_are_answered_in_their_order(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    post(1, "/t.T/Echo", JSON, long_text("{\"height\":\"8\"}"));
    assert_int_equal(bench.job_count, 2);
    work();
    bench_pull(0);
    assert_saw("{\"height\":\"7\"}");
    bench_pull(1);
    assert_saw("{\"height\":\"8\"}");
}

static void a_long_text_is_refused_with_the_place(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"x\"}"));
    work();
    bench_pull(0);
    assert_saw("\"reason\":\"MALFORMED\"");
    assert_int_equal(bench.handled, 0);
    /* The connection goes on. */
    post(0, "/t.T/Echo", JSON, short_text("{\"height\":\"8\"}"));
    assert_saw("{\"height\":\"8\"}");
}

static void a_long_text_is_refused_above_the_messages_bound(void **state)
{
    (void)state;
    static char block[BYTES_MAX / 3 * 4 + 64];
    int head = snprintf(block, sizeof block, "{\"block\":\"");
    memset(block + head, 'A', BYTES_MAX / 3 * 4);
    size_t end = (size_t)head + BYTES_MAX / 3 * 4;
    memcpy(block + end, "\"}", 2);
    post(0, "/t.T/Block", JSON, span_of(block, end + 2));
    assert_int_equal(bench.job_count, 1);
    work();
    bench_pull(0);
    assert_saw("\"reason\":\"REQUEST_TOO_LARGE\"");
    assert_int_equal(bench.handled, 0);
}

static void a_client_that_leaves_is_not_worked_for(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    session_end(0);
    assert_int_equal(bench.shared.counts.calls, 0);
    /* Its bytes are here until the worker has let go of them. */
    assert_int_equal(bench.shared.counts.memory, RPC_TURN_TEXT_SIZE_MAX + 1);
    work();
    assert_int_equal(bench.shared.counts.memory, 0);
    assert_int_equal(bench.handled, 0);
}

static void a_client_may_leave_between_the_work_and_its_end(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    bench.jobs[0]->run(bench.jobs[0]);
    session_end(0);
    bench.jobs[0]->done(bench.jobs[0]);
    bench.job_count = 0;
    assert_int_equal(bench.shared.counts.memory, 0);
    assert_int_equal(bench.handled, 0);
}

static void a_deadline_passes_before_the_call_begins(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON "Connect-Timeout-Ms: 50\r\n", long_text("{\"height\":\"7\"}"));
    bench.now_ms += 50;
    work();
    bench_pull(0);
    assert_saw("\"message\":\"the deadline passed before the call began\"");
    assert_int_equal(bench.handled, 0);
}

static void a_request_is_not_late_because_it_waits(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    bench.now_ms += 60000;
    rpc_session_sweep(bench.sessions[0]);
    bench_pull(0);
    assert_int_equal(bench.seen.size, 0);
    work();
    bench_pull(0);
    assert_saw("{\"height\":\"7\"}");
}

static void a_stop_is_told_to_those_that_wait(void **state)
{
    (void)state;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    rpc_session_stop(bench.sessions[0]);
    bench_pull(0);
    assert_saw("\"reason\":\"SHUTTING_DOWN\"");
    work();
    bench_pull(0);
    assert_int_equal(bench.seen.size, 0);
    assert_int_equal(bench.handled, 0);
}

static void what_waits_counts_as_memory(void **state)
{
    (void)state;
    bench.shared.memory_max = RPC_TURN_TEXT_SIZE_MAX + 100;
    post(0, "/t.T/Echo", JSON, long_text("{\"height\":\"7\"}"));
    post(1, "/t.T/Echo", JSON, long_text("{\"height\":\"8\"}"));
    assert_saw("\"reason\":\"BUSY\"");
    assert_int_equal(bench.job_count, 1);
    work();
    bench_pull(0);
    assert_saw("{\"height\":\"7\"}");
}

static void a_turn_begins_one_large_request_and_small_ones_pass_it(void **state)
{
    (void)state;
    static uint8_t large[RPC_TURN_SIZE_MAX + 1];
    memset(large, 0, sizeof large);
    /* As protobuf: one field that nobody knows. */
    large[0] = 15 << 3 | 2;
    size_t rest = sizeof large - 4;
    for (size_t i = 1; i < 4; i++, rest >>= 7)
        large[i] = (uint8_t)((rest & 127) | (i < 3 ? 128 : 0));
    post(0, "/t.T/Echo", PROTO, span_of(large, sizeof large));
    assert_int_equal(bench.handled, 1);
    post(0, "/t.T/Echo", PROTO, span_of("\x08\x01", 2));
    assert_int_equal(bench.handled, 2);
    post(1, "/t.T/Echo", PROTO, span_of(large, sizeof large));
    rpc_session_work(bench.sessions[1]);
    assert_true(rpc_session_has_work(bench.sessions[1]));
    assert_int_equal(bench.handled, 2);
    bench.shared.turn_large = false;
    rpc_session_work(bench.sessions[1]);
    assert_false(rpc_session_has_work(bench.sessions[1]));
    assert_int_equal(bench.handled, 3);
}

#define on_bench(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(a_long_text_waits_for_the_worker_and_holds_up_nobody),
        on_bench(a_text_at_the_bound_is_converted_at_once),
        on_bench(those_that_wait_are_answered_in_their_order),
        on_bench(a_long_text_is_refused_with_the_place),
        on_bench(a_long_text_is_refused_above_the_messages_bound),
        on_bench(a_client_that_leaves_is_not_worked_for),
        on_bench(a_client_may_leave_between_the_work_and_its_end),
        on_bench(a_deadline_passes_before_the_call_begins),
        on_bench(a_request_is_not_late_because_it_waits),
        on_bench(a_stop_is_told_to_those_that_wait),
        on_bench(what_waits_counts_as_memory),
        on_bench(a_turn_begins_one_large_request_and_small_ones_pass_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
