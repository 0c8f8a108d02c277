// links: rpc net client codec crypto base
/* Memory runs out, at the n-th allocation for every n, while a session of HTTP/1.1 answers: an error or an
 * end, never a crash, and nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/unit/rpc_handlers.h"
#include "tests/unit/short_memory.h"

static uint64_t still_ms(void *clock)
{
    (void)clock;
    return 5000;
}

static void refuse(void *context, struct rpc_call *call)
{
    (void)context;
    const struct grpc_error_detail detail = {.reason = "NO", .event_index = 3, .has_event_index = true};
    rpc_call_fail(call, GRPC_ABORTED, "not today", &detail);
}

static void stream_cancel(void *context, struct rpc_call *call)
{
    (void)context;
    (void)call;
}

static void stream(void *context, struct rpc_call *call)
{
    rpc_call_watch(call, context, NULL, stream_cancel);
    for (unsigned i = 0; i < 3; i++) {
        if (rpc_call_write(call, span_of("\x08\x01", 2)) == TALLY_OK) continue;
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "full", NULL);
        return;
    }
    rpc_call_fail(call, GRPC_ABORTED, "enough", NULL);
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 20000, .handle = echo, OF_HEIGHTS},
    {.path = "/t.T/Refuse", .request_size_max = 100, .handle = refuse, OF_HEIGHTS},
    {.path = "/t.T/Stream", .request_size_max = 100, .handle = stream, .streams = true, OF_HEIGHTS},
    {.path = "/t.T/Twice", .request_size_max = 100, .answer = twice, .streams = true},
};

static const struct rpc_page pages[] = {{"/page", "text/plain", 0, page}};

static int feed_ask(const char *query, const char *last_id, struct buffer *request, const char **why)
{
    (void)query;
    (void)last_id;
    *why = "";
    buffer_append(request, "\x08\x02", 2);
    return TALLY_OK;
}

static const struct rpc_feed feeds[] = {{"/events", "/t.T/Stream", feed_ask, height_tell}};

/* Sends all in pieces that cut heads and bodies; false when the session broke. */
static bool talk(struct rpc_session *session, struct span bytes, struct buffer *seen)
{
    static uint8_t answer[CARRIER_PULL_SIZE_MIN];
    const char *why = "";
    while (bytes.size > 0) {
        size_t part = bytes.size < 41 ? bytes.size : 41, pulled = 0;
        int error = rpc_session_receive(session, span_of(bytes.data, part), &why);
        do {
            if (rpc_session_pull(session, answer, sizeof answer, &pulled) != TALLY_OK) return false;
            if (pulled > seen->size_max - seen->size) return false;
            memcpy(seen->data + seen->size, answer, pulled);
            seen->size += pulled;
        } while (pulled > 0);
        if (error != TALLY_OK || rpc_session_is_finished(session)) return false;
        bytes = span_of(bytes.data + part, bytes.size - part);
    }
    return true;
}

/* One whole conversation. Returns whether everything in it went well. */
static bool converse(void)
{
#define POST(path, type, size)                                                                               \
    "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Type: application/" type "\r\nContent-Length: " size       \
    "\r\n\r\n"
    static const char requests[] =
        "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" POST("/t.T/Echo", "json", "13") "{\"height\": 7}" POST(
            "/t.T/Echo", "json", "2") "[]" POST("/t.T/Echo", "proto", "2") "\x08\x01" POST("/t.T/Refuse",
            "json", "2") "{}" POST("/t.T/Stream", "connect+json",
            "7") "\0\0\0\0\2{}"
                 "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
                 "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /t.T/Twice HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+proto\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n7\r\n\0\0\0\0\2ab\r\n0\r\n\r\n";
    static const struct rpc_caller caller = {.name = "tester"};
    static uint8_t room[64 * KIB];
    struct rpc_shared shared = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .pages = pages,
        .page_count = 1,
        .feeds = feeds,
        .feed_count = 1,
        .memory_max = MIB,
        .stream_backlog_max = 64 * KIB,
        .request_timeout_ms = 1000,
        .stall_timeout_ms = 1000,
        .now_ms = still_ms,
    };
    struct buffer seen = {.data = room, .size_max = sizeof room};
    struct rpc_session *session = NULL;
    bool well =
        rpc_session_open(&shared, RPC_HTTP_1, &caller, "test:1", no_output, NULL, &session) == TALLY_OK;
    if (well) {
        /* The last of them is answered before it ends, and so ends the connection. */
        (void)talk(session, span_of(requests, sizeof requests - 1), &seen);
        well = seen.size > 9 && memcmp(seen.data + seen.size - 9, "{}\r\n0\r\n\r\n", 9) == 0;
    }
    if (seen.size > 0) assert_memory_equal(seen.data, "HTTP/1.1 ", 9);
    rpc_session_close(session);
    assert_int_equal(shared.counts.calls, 0);
    assert_int_equal(shared.counts.memory, 0);
    return well;
}

static void with_memory_everything_is_answered(void **state)
{
    (void)state;
    assert_true(converse());
}

static void without_memory_nothing_breaks(void **state)
{
    (void)state;
    short_of_memory(converse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_memory_everything_is_answered),
        cmocka_unit_test(without_memory_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
