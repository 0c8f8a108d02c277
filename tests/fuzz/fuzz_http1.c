// links: rpc net client codec crypto base
/* A client's bytes into a server's HTTP/1.1 session: pages, calls in Connect's protocol, events. No input may
 * crash it, leak, or hold more than its bounds; and what it answers does not depend on how the bytes are cut
 * into pieces. The first byte chooses who calls and what is checked; the second how large the pieces are. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/rpc_handlers.h"

#define MEMORY_MAX (64u * KIB)
/* No more than may wait for an answer: beyond that, pieces do make a difference. */
#define INPUT_SIZE_MAX (16u * KIB)

enum { STRANGER = 1, HURRIES = 2, STOPS = 4 };

static struct rpc_call *held;
static uint64_t clock_ms;

static uint64_t fuzz_now_ms(void *clock)
{
    return *(uint64_t *)clock;
}

static void held_cancel(void *context, struct rpc_call *call)
{
    (void)context;
    if (held == call) held = NULL;
}

/* Streams what was asked a few times, and stays open where nothing was asked. */
static void stream(void *context, struct rpc_call *call)
{
    struct span request = rpc_call_request(call);
    (void)context;
    rpc_call_watch(call, NULL, NULL, held_cancel);
    for (unsigned i = 0; i < 3; i++)
        if (rpc_call_write(call, request) != TALLY_OK) break;
    if (request.size > 0)
        rpc_call_fail(call, GRPC_ABORTED, "enough", NULL);
    else
        held = call;
}

/* The last answers as bytes come, so that pieces show. */
static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 4 * KIB, .handle = echo, OF_HEIGHTS},
    {.path = "/t.T/Stream", .request_size_max = 64, .handle = stream, .streams = true, OF_HEIGHTS},
    {.path = "/t.T/Admin", .roles = RPC_ROLE_ADMIN, .request_size_max = 64, .handle = echo, OF_HEIGHTS},
    {.path = "/t.T/Twice", .request_size_max = 64, .answer = twice, .streams = true},
};

static const struct rpc_page pages[] = {
    {"/open", "text/plain", 0, page},
    {"/read", "text/plain", RPC_ROLE_READ, page},
};

static int feed_ask(const char *query, const char *last_id, struct buffer *request, const char **why)
{
    *why = "no";
    if (query[0] == '!') return TALLY_EFORM;
    if (last_id[0] != '\0') buffer_append(request, "\x08\x07", 2);
    return TALLY_OK;
}

static const struct rpc_feed feeds[] = {{"/events", "/t.T/Stream", feed_ask, height_tell}};

static void pull(struct rpc_session *session, struct buffer *seen)
{
    static uint8_t bytes[CARRIER_PULL_SIZE_MIN];
    size_t pulled = 0;
    do {
        CHECK(rpc_session_pull(session, bytes, sizeof bytes, &pulled) == TALLY_OK);
        buffer_append(seen, bytes, pulled);
    } while (pulled > 0);
}

static void send_bytes(struct rpc_shared *shared, struct rpc_session *session, struct span bytes,
    size_t piece, bool hurries, struct buffer *seen)
{
    const char *why = "";
    while (bytes.size > 0 && !rpc_session_is_finished(session)) {
        size_t part = piece < bytes.size ? piece : bytes.size;
        int error = rpc_session_receive(session, span_of(bytes.data, part), &why);
        pull(session, seen);
        if (error != TALLY_OK) return;
        do {
            shared->turn_spent = 0;
            shared->turn_large = false;
            rpc_session_work(session);
            pull(session, seen);
        } while (rpc_session_has_work(session));
        if (hurries) {
            clock_ms += 3;
            rpc_session_sweep(session);
        }
        bytes = span_of(bytes.data + part, bytes.size - part);
    }
}

static void run(uint8_t how, struct span bytes, size_t piece, struct buffer *seen)
{
    static const struct rpc_caller caller = {.name = "fuzz", .roles = RPC_ROLE_READ};
    struct rpc_shared shared = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods - ((how & HURRIES) != 0 ? 0 : 1),
        .pages = pages,
        .page_count = sizeof pages / sizeof *pages,
        .feeds = feeds,
        .feed_count = 1,
        .memory_max = MEMORY_MAX,
        .stream_backlog_max = 8 * KIB,
        .request_timeout_ms = 60,
        .stall_timeout_ms = 90,
        .now_ms = fuzz_now_ms,
        .clock = &clock_ms,
    };
    struct rpc_session *session = NULL;
    clock_ms = 1000;
    held = NULL;
    if (rpc_session_open(&shared, RPC_HTTP_1, (how & STRANGER) != 0 ? NULL : &caller, "fuzz", no_output, NULL,
            &session) != TALLY_OK) {
        return;
    }
    send_bytes(&shared, session, bytes, piece, (how & HURRIES) != 0, seen);
    CHECK(shared.counts.memory <= MEMORY_MAX);
    if ((how & STOPS) != 0) {
        rpc_session_stop(session);
        pull(session, seen);
    }
    rpc_session_close(session);
    CHECK(held == NULL && shared.counts.memory == 0 && shared.counts.calls == 0 && shared.deadlines == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole, pieces;
    if (size < 2 || size > INPUT_SIZE_MAX) return 0;
    log_set_level(LOG_LEVEL_BROKEN);
    buffer_init(&whole, 16 * MIB);
    buffer_init(&pieces, 16 * MIB);
    struct span bytes = span_of(data + 2, size - 2);
    run(data[0], bytes, (size_t)data[1] + 1, &pieces);
    if ((data[0] & HURRIES) == 0) {
        run(data[0], bytes, size, &whole);
        CHECK(span_equal(buffer_span(&whole), buffer_span(&pieces)));
        if (whole.size > 0) CHECK(whole.size > 9 && memcmp(whole.data, "HTTP/1.1 ", 9) == 0);
    }
    buffer_close(&whole);
    buffer_close(&pieces);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
#define POST(path, type) "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Type: application/" type "\r\n"
    static const struct {
        uint8_t how;
        const char *text;
        size_t size;
    } samples[] = {
#define SAMPLE(how, text) {how, text, sizeof(text) - 1}
        SAMPLE(0, "GET /open HTTP/1.1\r\nHost: x\r\n\r\nGET /read HTTP/1.1\r\nHost: x\r\n\r\n"),
        SAMPLE(STRANGER, "GET /open HTTP/1.0\r\n\r\n"),
        SAMPLE(STRANGER, POST("/t.T/Echo", "json") "Content-Length: 2\r\n\r\n{}"),
        SAMPLE(0, POST("/t.T/Echo", "json") "Content-Length: 15\r\n\r\n{\"height\": \"7\"}" POST(
                      "/t.T/Echo", "proto") "Content-Length: 2\r\n\r\n\x08\x01"
                                            "GET /open HTTP/1.1\r\nHost: x\r\n\r\n"),
        SAMPLE(0, POST("/t.T/Echo",
                      "json") "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\nT: t\r\n\r\n"),
        SAMPLE(0, POST("/t.T/Echo", "json") "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"),
        SAMPLE(STOPS, POST("/t.T/Stream", "connect+json") "Content-Length: 7\r\n\r\n\0\0\0\0\2{}"),
        SAMPLE(0, POST("/t.T/Stream", "connect+proto") "Content-Length: 7\r\n\r\n\0\0\0\0\2\x08\x01"),
        SAMPLE(0, "GET /events?from=1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 3\r\n\r\n"),
        SAMPLE(HURRIES, "GET /events HTTP/1.1\r\nHost: x\r\n\r\nGET /open HTTP/1.1\r\nHost: x\r\n\r\n"),
        SAMPLE(HURRIES, POST("/t.T/Twice", "connect+proto") "Transfer-Encoding: chunked\r\n\r\n"
                                                            "c\r\n\0\0\0\0\2ab\0\0\0\0\0\r\n0\r\n\r\n"),
        SAMPLE(0,
            POST("/t.T/Admin", "json") "Content-Length: 4\r\n\r\n    GET /open HTTP/1.1\r\nHost: x\r\n\r\n"),
        SAMPLE(
            0, POST("/t.T/Echo",
                   "json") "Connect-Timeout-Ms: 5\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        SAMPLE(
            0, POST("/t.T/Echo", "json") "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    };
    if (number >= sizeof samples / sizeof *samples || samples[number].size + 2 > size_max) return 0;
    bytes[0] = samples[number].how;
    bytes[1] = 6;
    memcpy(bytes + 2, samples[number].text, samples[number].size);
    return samples[number].size + 2;
}
