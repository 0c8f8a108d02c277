// links: rpc net client codec crypto base
/* Calls in Connect's protocol, and plain pages, over HTTP/1.1: byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "proto/base/check.h"
#include "tests/unit/rpc_handlers.h"

#define MEMORY_MAX (256u * KIB)

struct bench {
    struct rpc_shared shared;
    struct rpc_session *session;
    struct buffer seen;
    uint64_t now_ms;
    unsigned cancelled, begun, ended;
    struct rpc_call *held;
};

static struct bench bench;

static uint64_t bench_now_ms(void *clock)
{
    return ((struct bench *)clock)->now_ms;
}

static void refuse(void *context, struct rpc_call *call)
{
    (void)context;
    const struct grpc_error_detail detail = {.reason = "CONFLICT",
        .field = "seq",
        .event_index = 7,
        .has_event_index = true,
        .retry_after_ms = 250};
    rpc_call_fail(call, GRPC_FAILED_PRECONDITION, "not \"so\" at all\\", &detail);
}

/* A height of 1, and one of 2. */
static const uint8_t one[] = {8, 1}, two[] = {8, 2};

static void hold_cancel(void *context, struct rpc_call *call)
{
    struct bench *owner = context;
    assert_ptr_equal(owner->held, call);
    owner->held = NULL;
    owner->cancelled++;
}

static void hold(void *context, struct rpc_call *call)
{
    bench.held = call;
    rpc_call_watch(call, context, NULL, hold_cancel);
}

static void stream(void *context, struct rpc_call *call)
{
    rpc_call_watch(call, context, NULL, hold_cancel);
    assert_int_equal(rpc_call_write(call, span_of(one, sizeof one)), TALLY_OK);
    assert_int_equal(rpc_call_write(call, span_of(two, sizeof two)), TALLY_OK);
    if (rpc_call_request(call).size == 0)
        rpc_call_end(call);
    else
        rpc_call_fail(call, GRPC_ABORTED, "enough", NULL);
}

/* An answer of the wrong kind: bytes that are no message. */
static void garble(void *context, struct rpc_call *call)
{
    (void)context;
    rpc_call_reply(call, span_of("\xff\xff", 2));
}

/* The same three, by handlers that write their text themselves, as those do that read on another thread. */
static void reply_text(struct rpc_call *call, struct span reply)
{
    const struct rpc_form form = rpc_call_form(call);
    struct buffer text;
    assert_true(form.is_json);
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    int error = rpc_form_write(&form, reply, &text);
    rpc_call_reply_text(call, error, buffer_span(&text));
    buffer_close(&text);
}

static void echo_text(void *context, struct rpc_call *call)
{
    (void)context;
    reply_text(call, rpc_call_request(call));
}

static void garble_text(void *context, struct rpc_call *call)
{
    (void)context;
    reply_text(call, span_of("\xff\xff", 2));
}

static void stream_text(void *context, struct rpc_call *call)
{
    const struct rpc_form form = rpc_call_form(call);
    struct buffer text;
    rpc_call_watch(call, context, NULL, hold_cancel);
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    assert_int_equal(rpc_form_write(&form, span_of(one, sizeof one), &text), TALLY_OK);
    assert_int_equal(rpc_call_write_text(call, buffer_span(&text)), TALLY_OK);
    buffer_clear(&text);
    assert_int_equal(rpc_form_write(&form, span_of(two, sizeof two), &text), TALLY_OK);
    assert_int_equal(rpc_call_write_text(call, buffer_span(&text)), TALLY_OK);
    buffer_close(&text);
    if (rpc_call_request(call).size == 0)
        rpc_call_end(call);
    else
        rpc_call_fail(call, GRPC_ABORTED, "enough", NULL);
}

/* A block's hash of so many bytes, which as JSON is RPC_TEXT_SIZE_MAX in all, or four bytes more. */
static void swell(void *context, struct rpc_call *call)
{
    (void)context;
    static const size_t framing = sizeof "{\"block\":\"\"}" - 1;
    bool too_large = rpc_call_request(call).size > 0;
    size_t size = (RPC_TEXT_SIZE_MAX - framing) / 4 * 3 + (too_large ? 3 : 0);
    struct buffer reply;
    buffer_init(&reply, RPC_REPLY_SIZE_MAX);
    buffer_u8(&reply, 2 << 3 | 2);
    for (size_t rest = size; rest > 0; rest >>= 7)
        buffer_u8(&reply, (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0)));
    for (size_t i = 0; i < size; i++)
        buffer_u8(&reply, (uint8_t)i);
    assert_false(reply.failed);
    rpc_call_reply(call, buffer_span(&reply));
    buffer_close(&reply);
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 64, .handle = echo, OF_HEIGHTS},
    {.path = "/t.T/Refuse", .request_size_max = 64, .handle = refuse, OF_HEIGHTS},
    {.path = "/t.T/Stream", .request_size_max = 64, .handle = stream, .streams = true, OF_HEIGHTS},
    {.path = "/t.T/Hold", .request_size_max = 64, .handle = hold, OF_HEIGHTS},
    {.path = "/t.T/Admin", .roles = RPC_ROLE_ADMIN, .request_size_max = 64, .handle = echo, OF_HEIGHTS},
    {.path = "/t.T/Bytes", .request_size_max = 64, .handle = echo},
    {.path = "/t.T/Wait", .request_size_max = 64, .handle = hold, .streams = true, OF_HEIGHTS},
    {.path = "/t.T/AdminWait",
        .roles = RPC_ROLE_ADMIN,
        .request_size_max = 64,
        .handle = hold,
        .streams = true,
        OF_HEIGHTS},
    {.path = "/t.T/Twice", .request_size_max = 8, .answer = twice, .streams = true},
    {.path = "/t.T/Swell",
        .request_size_max = 64,
        .handle = swell,
        .request = &tallystick__v1__get_block_request__descriptor,
        .reply = &tallystick__v1__get_block_reply__descriptor},
    {.path = "/t.T/Garble", .request_size_max = 64, .handle = garble, OF_HEIGHTS},
    {.path = "/t.T/EchoText", .request_size_max = 64, .handle = echo_text, OF_HEIGHTS},
    {.path = "/t.T/GarbleText", .request_size_max = 64, .handle = garble_text, OF_HEIGHTS},
    {.path = "/t.T/StreamText", .request_size_max = 64, .handle = stream_text, .streams = true, OF_HEIGHTS},
};

/* A stream of events: "n=1" or "n=2", or what comes behind one's id. */
static int feed_ask(const char *query, const char *last_id, struct buffer *request, const char **why)
{
    *why = "not like this";
    if (strcmp(query, "bad") == 0) return TALLY_EFORM;
    if (last_id[0] != '\0') query = last_id;
    if (query[0] != '\0') buffer_append(request, strcmp(query, "n=1") == 0 ? one : two, sizeof one);
    return TALLY_OK;
}

static const char *feed_tell(struct span message, uint64_t *id)
{
    static const char height[] = "height";
    assert_int_equal(message.size, 2);
    *id = message.data[1] == 1 ? 0 : message.data[1];
    return height;
}

static const struct rpc_feed feeds[] = {
    {"/follow", "/t.T/Stream", feed_ask, feed_tell},
    {"/follow-text", "/t.T/StreamText", feed_ask, feed_tell},
    {"/wait", "/t.T/Wait", feed_ask, feed_tell},
    {"/watch", "/t.T/AdminWait", feed_ask, feed_tell},
};

static unsigned page_open(void *context, struct buffer *out)
{
    assert_ptr_equal(context, &bench);
    buffer_append(out, "fine\n", 5);
    return 200;
}

static unsigned page_down(void *context, struct buffer *out)
{
    (void)context;
    buffer_append(out, "not yet\n", 8);
    return 503;
}

static unsigned page_large(void *context, struct buffer *out)
{
    (void)context;
    (void)buffer_reserve(out, RPC_PAGE_SIZE_MAX);
    buffer_u8(out, 0);
    return 200;
}

static const struct rpc_page pages[] = {
    {"/open", "text/plain", 0, page_open},
    {"/down", "text/plain", 0, page_down},
    {"/read", "text/x", RPC_ROLE_READ, page_open},
    {"/admin", "text/x", RPC_ROLE_ADMIN, page_open},
    {"/large", "text/x", 0, page_large},
};

static int call_begin(void *context, const char *caller, uint32_t *retry_after_ms)
{
    assert_ptr_equal(context, &bench);
    assert_string_equal(caller, "tester");
    *retry_after_ms = 0;
    bench.begun++;
    return TALLY_OK;
}

static void call_end_count(void *context, const char *caller)
{
    (void)context;
    (void)caller;
    bench.ended++;
}

static void session_begin(enum rpc_http http, bool known)
{
    static const struct rpc_caller caller = {.name = "tester", .roles = RPC_ROLE_READ};
    rpc_session_close(bench.session);
    assert_int_equal(rpc_session_open(&bench.shared, http, known ? &caller : NULL, "test:1", no_output, NULL,
                         &bench.session),
        TALLY_OK);
}

static int bench_start(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof bench);
    bench.now_ms = 1000000;
    bench.shared = (struct rpc_shared){
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .pages = pages,
        .page_count = sizeof pages / sizeof *pages,
        .feeds = feeds,
        .feed_count = sizeof feeds / sizeof *feeds,
        .context = &bench,
        .call_begin = call_begin,
        .call_end = call_end_count,
        .memory_max = MEMORY_MAX,
        .stream_backlog_max = 32 * KIB,
        .request_timeout_ms = 15000,
        .stall_timeout_ms = 20000,
        .now_ms = bench_now_ms,
        .clock = &bench,
    };
    buffer_init(&bench.seen, 16 * MIB);
    session_begin(RPC_HTTP_1, true);
    return 0;
}

static int bench_stop(void **state)
{
    (void)state;
    rpc_session_close(bench.session);
    assert_int_equal(bench.shared.counts.calls, 0);
    assert_int_equal(bench.shared.counts.memory, 0);
    assert_int_equal(bench.shared.deadlines, 0);
    assert_int_equal(bench.begun, bench.ended);
    buffer_close(&bench.seen);
    return 0;
}

static void bench_pull(void)
{
    static uint8_t bytes[64 * KIB];
    size_t pulled = 0;
    do {
        assert_int_equal(rpc_session_pull(bench.session, bytes, sizeof bytes, &pulled), TALLY_OK);
        buffer_append(&bench.seen, bytes, pulled);
    } while (pulled > 0);
}

static void bench_send(const void *bytes, size_t size)
{
    const char *why = "";
    bench.shared.turn_spent = 0;
    bench.shared.turn_large = false;
    assert_int_equal(rpc_session_receive(bench.session, span_of(bytes, size), &why), TALLY_OK);
    bench_pull();
}

/* POSTs a body with these headers, each ended by CR and LF. */
static void post(const char *path, const char *type, const char *headers, struct span body)
{
    char head[512];
    snprintf(head, sizeof head,
        "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n", path, type,
        headers, body.size);
    bench_send(head, strlen(head));
    if (body.size > 0) bench_send(body.data, body.size);
}

static void post_text(const char *path, const char *headers, const char *body)
{
    post(path, "application/json", headers, span_of(body, strlen(body)));
}

static void ask(const char *method, const char *path)
{
    char head[256];
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path);
    bench_send(head, strlen(head));
}

static void get(const char *path)
{
    ask("GET", path);
}

static void assert_seen_bytes(const void *bytes, size_t size)
{
    assert_int_equal(bench.seen.size, size);
    assert_memory_equal(bench.seen.data, bytes, size);
    buffer_clear(&bench.seen);
}

static void assert_seen(const char *text)
{
    buffer_u8(&bench.seen, 0);
    assert_string_equal((const char *)bench.seen.data, text);
    buffer_clear(&bench.seen);
}

/* An answer with a body of JSON. */
static void assert_json(const char *status, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text,
        "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", status,
        strlen(body), body);
    assert_seen(text);
}

/* The answer's line and the error's beginning are these. */
static void assert_error(const char *status, const char *code, const char *reason)
{
    char line[128], text[256];
    buffer_u8(&bench.seen, 0);
    const char *seen = (const char *)bench.seen.data;
    snprintf(line, sizeof line, "HTTP/1.1 %s\r\n", status);
    assert_memory_equal(seen, line, strlen(line));
    snprintf(text, sizeof text, "\r\n\r\n{\"code\":\"%s\",\"message\":\"", code);
    assert_non_null(strstr(seen, text));
    snprintf(text, sizeof text, "\"debug\":{\"reason\":\"%s\"", reason);
    assert_non_null(strstr(seen, text));
    buffer_clear(&bench.seen);
}

static void text_takes_more_of_a_turn(void **state)
{
    (void)state;
    post_text("/t.T/Echo", "", "{\"height\":\"1\"}");
    assert_int_equal(
        bench.shared.turn_spent, RPC_TURN_CALL_SIZE + RPC_TURN_TEXT_FACTOR * strlen("{\"height\":\"1\"}"));
    post("/t.T/Echo", "application/proto", "", span_of("\x08\x01", 2));
    assert_int_equal(bench.shared.turn_spent, RPC_TURN_CALL_SIZE + 2);
}

static void a_call_in_json_is_answered_in_json(void **state)
{
    (void)state;
    post_text("/t.T/Echo", "Connect-Protocol-Version: 1\r\n", "{\"height\": \"12345678901234567890\"}");
    assert_json("200 OK", "{\"height\":\"12345678901234567890\"}");
    post("/t.T/Echo", "application/json; charset=utf-8", "", span_of("{}", 2));
    assert_json("200 OK", "{}");
    assert_int_equal(bench.begun, 2);
}

static void a_call_in_protobuf_is_answered_in_protobuf(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 2\r\n\r\n\x08\x02";
    post("/t.T/Echo", "application/proto", "", span_of(two, sizeof two));
    assert_seen_bytes(answer, sizeof answer - 1);
    static const char empty[] =
        "HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 0\r\n\r\n";
    post("/t.T/Echo", "application/proto", "", span_of(NULL, 0));
    assert_seen(empty);
}

static void an_error_has_its_status_code_message_and_detail(void **state)
{
    (void)state;
    static const char error[] =
        "{\"code\":\"failed_precondition\",\"message\":\"not \\\"so\\\" at all\\\\\",\"details\":["
        "{\"type\":\"tallystick.v1.ErrorDetail\",\"value\":\"CghDT05GTElDVBIDc2VxGAcgASj6AQ\",\"debug\":"
        "{\"reason\":\"CONFLICT\",\"field\":\"seq\",\"eventIndex\":7,\"hasEventIndex\":true,"
        "\"retryAfterMs\":250}}]}";
    post_text("/t.T/Refuse", "", "{}");
    assert_json("400 Bad Request", error);
    /* The error is JSON where the messages are not, too. */
    post("/t.T/Refuse", "application/proto", "", span_of(NULL, 0));
    assert_json("400 Bad Request", error);
}

static void a_request_that_is_not_its_message_is_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *json, *place;
    } bad[] = {
        {"{\"height\": \"x\"}", "height"},
        {"{\"weight\": 1}", "weight"},
        {"{\"height\": 1,}", ""},
        {"{\"height\": 1, \"height\": 1}", ""},
        {"[]", ""},
        {"", ""},
        {"{} {}", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        post_text("/t.T/Echo", "", bad[i].json);
        buffer_u8(&bench.seen, 0);
        assert_non_null(strstr((const char *)bench.seen.data, bad[i].place));
        bench.seen.size--;
        assert_error("400 Bad Request", "invalid_argument", "MALFORMED");
    }
}

static void a_request_above_its_bound_is_refused(void **state)
{
    (void)state;
    char text[4 * 64 + 2];
    /* As JSON it may take four times as much; what it says must fit. */
    memset(text, ' ', sizeof text);
    memcpy(text, "{}", 2);
    post("/t.T/Echo", "application/json", "", span_of(text, 4 * 64));
    assert_json("200 OK", "{}");
    post("/t.T/Echo", "application/proto", "", span_of(text, 64 + 1));
    buffer_u8(&bench.seen, 0);
    assert_non_null(strstr((const char *)bench.seen.data, "resource_exhausted"));
    bench.seen.size--;
    assert_error("429 Too Many Requests", "resource_exhausted", "REQUEST_TOO_LARGE");
    session_begin(RPC_HTTP_1, true);
    post("/t.T/Echo", "application/json", "", span_of(text, 4 * 64 + 1));
    assert_error("429 Too Many Requests", "resource_exhausted", "REQUEST_TOO_LARGE");
}

static void what_is_no_call_gets_a_bare_status(void **state)
{
    (void)state;
    post("/t.T/Echo", "text/plain", "", span_of("{}", 2));
    assert_seen("HTTP/1.1 415 Unsupported Media Type\r\naccept-post: application/json, application/proto, "
                "application/grpc\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    session_begin(RPC_HTTP_1, true);
    get("/t.T/Echo");
    assert_seen("HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 0\r\n\r\n");
    get("/nothing");
    assert_seen("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    post("/t.T/Echo", "application/grpc", "", span_of("\0\0\0\0\0", 5));
    assert_seen("HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    session_begin(RPC_HTTP_1, true);
    /* A stream's content type belongs to streams, and no other to them. */
    post("/t.T/Echo", "application/connect+json", "", span_of(NULL, 0));
    assert_seen("HTTP/1.1 415 Unsupported Media Type\r\naccept-post: application/json, application/proto\r\n"
                "content-length: 0\r\n\r\n");
    post("/t.T/Stream", "application/json", "", span_of(NULL, 0));
    assert_seen("HTTP/1.1 415 Unsupported Media Type\r\naccept-post: application/connect+json, "
                "application/connect+proto\r\ncontent-length: 0\r\n\r\n");
}

static void headers_that_cannot_be_met_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *status, *code, *reason;
    } bad[] = {
        {"Content-Encoding: gzip\r\n", "501 Not Implemented", "unimplemented", "COMPRESSED"},
        {"Connect-Timeout-Ms: 1s\r\n", "400 Bad Request", "invalid_argument", "TIMEOUT_FORM"},
        {"Connect-Timeout-Ms: 12345678901\r\n", "400 Bad Request", "invalid_argument", "TIMEOUT_FORM"},
        {"Connect-Timeout-Ms: -1\r\n", "400 Bad Request", "invalid_argument", "TIMEOUT_FORM"},
        {"Connect-Protocol-Version: 2\r\n", "400 Bad Request", "invalid_argument", "PROTOCOL_VERSION"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        session_begin(RPC_HTTP_1, true);
        post_text("/t.T/Echo", bad[i].header, "{}");
        assert_error(bad[i].status, bad[i].code, bad[i].reason);
    }
    session_begin(RPC_HTTP_1, true);
    post_text("/t.T/Echo", "Content-Encoding: identity\r\nConnect-Timeout-Ms: 1234567890\r\n", "{}");
    assert_json("200 OK", "{}");
}

static void calls_that_may_not_be_made_are_refused(void **state)
{
    (void)state;
    post_text("/t.T/Admin", "", "{}");
    assert_error("403 Forbidden", "permission_denied", "ROLE");
    session_begin(RPC_HTTP_1, true);
    post_text("/t.T/None", "", "{}");
    assert_error("501 Not Implemented", "unimplemented", "UNKNOWN_METHOD");
    session_begin(RPC_HTTP_1, true);
    post_text("/t.T/Bytes", "", "{}");
    assert_error("501 Not Implemented", "unimplemented", "NO_JSON");
    session_begin(RPC_HTTP_1, true);
    post("/t.T/Bytes", "application/proto", "", span_of("\xff", 1));
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 1\r\n\r\n\xff");
}

static void a_stream_is_messages_in_envelopes_and_an_end(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\ncontent-type: application/connect+json\r\ntransfer-encoding: chunked\r\n\r\n"
        "002d\r\n"
        "\0\0\0\0\x0e{\"height\":\"1\"}"
        "\0\0\0\0\x0e{\"height\":\"2\"}"
        "\2\0\0\0\2{}\r\n0\r\n\r\n";
    post("/t.T/Stream", "application/connect+json", "", span_of("\0\0\0\0\2{}", 7));
    assert_seen_bytes(answer, sizeof answer - 1);
    static const char binary[] =
        "HTTP/1.1 200 OK\r\ncontent-type: application/connect+proto\r\ntransfer-encoding: chunked\r\n\r\n"
        "0015\r\n"
        "\0\0\0\0\2\x08\x01"
        "\0\0\0\0\2\x08\x02"
        "\2\0\0\0\2{}\r\n0\r\n\r\n";
    post("/t.T/Stream", "application/connect+proto", "", span_of("\0\0\0\0\0", 5));
    assert_seen_bytes(binary, sizeof binary - 1);
}

static void a_streams_error_is_in_its_end(void **state)
{
    (void)state;
    static const char tail[] =
        "\2\0\0\0\x33{\"error\":{\"code\":\"aborted\",\"message\":\"enough\"}}\r\n0\r\n\r\n";
    post("/t.T/Stream", "application/connect+proto", "", span_of("\0\0\0\0\2\x08\x01", 7));
    assert_true(bench.seen.size > sizeof tail);
    /* The size is that of the text: */
    size_t text_size = sizeof tail - 1 - 5 - 7;
    const uint8_t *end = bench.seen.data + bench.seen.size - (sizeof tail - 1);
    assert_int_equal(end[0], 2);
    assert_int_equal(get_u32(end + 1), text_size);
    assert_memory_equal(end + 5, tail + 5, sizeof tail - 1 - 5);
    buffer_clear(&bench.seen);
    /* What is refused before the first message is told likewise, with HTTP status 200. */
    post("/t.T/Stream", "application/connect+json", "", span_of("\0\0\0\0\2[]", 7));
    buffer_u8(&bench.seen, 0);
    assert_memory_equal(bench.seen.data, "HTTP/1.1 200 OK\r\n", 17);
    const char *error = memchr(bench.seen.data, '{', bench.seen.size);
    assert_non_null(error);
    assert_memory_equal(error, "{\"error\":{\"code\":\"invalid_argument\"", 35);
    buffer_clear(&bench.seen);
}

static void a_stream_takes_one_message_uncompressed(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t size;
        const char *reason;
    } bad[] = {
        {"\1\0\0\0\2{}", 7, "COMPRESSED"},
        {"\2\0\0\0\2{}", 7, "REQUEST_FORM"},
        {"\0\0\0\0\2{", 6, "REQUEST_FORM"},
        {"\0\0\0\0\2{}\0\0\0\0\2{}", 14, "REQUEST_FORM"},
        {"\0\0\0", 3, "REQUEST_FORM"},
        {"\0\0\1\0\0", 5, "REQUEST_TOO_LARGE"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        session_begin(RPC_HTTP_1, true);
        post("/t.T/Stream", "application/connect+json", "", span_of(bad[i].body, bad[i].size));
        buffer_u8(&bench.seen, 0);
        const char *text = memchr(bench.seen.data, '{', bench.seen.size);
        assert_non_null(text);
        assert_non_null(strstr(text, bad[i].reason));
        buffer_clear(&bench.seen);
    }
}

static void a_deadline_ends_a_call(void **state)
{
    (void)state;
    post_text("/t.T/Hold", "Connect-Timeout-Ms: 50\r\n", "{}");
    assert_non_null(bench.held);
    assert_int_equal(rpc_call_time_left_ms(bench.held), 50);
    bench.now_ms += 50;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 1);
    bench_pull();
    assert_json(
        "504 Gateway Timeout", "{\"code\":\"deadline_exceeded\",\"message\":\"the deadline passed\"}");
}

static void a_slow_head_ends_the_connection(void **state)
{
    (void)state;
    bench_send("GET /o", 6);
    bench.now_ms += 14999;
    rpc_session_sweep(bench.session);
    assert_false(rpc_session_is_finished(bench.session));
    bench.now_ms += 1;
    rpc_session_sweep(bench.session);
    assert_true(rpc_session_is_finished(bench.session));
}

static void a_slow_body_is_refused_and_the_connection_ends(void **state)
{
    (void)state;
    static const char head[] = "POST /t.T/Echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\n\r\n{";
    bench_send(head, sizeof head - 1);
    bench.now_ms += 15000;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_error("504 Gateway Timeout", "deadline_exceeded", "SLOW_REQUEST");
    assert_false(rpc_session_is_finished(bench.session));
    bench.now_ms += 15000;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_true(rpc_session_is_finished(bench.session));
}

static void closing_cancels_what_is_open(void **state)
{
    (void)state;
    post_text("/t.T/Hold", "", "{}");
    rpc_session_close(bench.session);
    bench.session = NULL;
    assert_int_equal(bench.cancelled, 1);
}

static void a_stop_is_told_to_what_is_open(void **state)
{
    (void)state;
    post_text("/t.T/Hold", "", "{}");
    rpc_session_stop(bench.session);
    bench_pull();
    assert_int_equal(bench.cancelled, 1);
    buffer_u8(&bench.seen, 0);
    assert_non_null(strstr((const char *)bench.seen.data, "\r\nconnection: close\r\n"));
    bench.seen.size--;
    assert_error("503 Service Unavailable", "unavailable", "SHUTTING_DOWN");
    assert_true(rpc_session_is_finished(bench.session));
}

static void a_reply_that_is_no_message_is_an_error_and_not_shown(void **state)
{
    (void)state;
    post_text("/t.T/Garble", "", "{}");
    assert_json("500 Internal Server Error",
        "{\"code\":\"internal\",\"message\":\"the reply cannot be told as JSON\"}");
}

/* What was seen of the one is what is seen of the other. */
static void assert_seen_alike(struct buffer *of_message)
{
    assert_true(of_message->size > 0);
    assert_seen_bytes(of_message->data, of_message->size);
    buffer_close(of_message);
}

static struct buffer seen_take(void)
{
    struct buffer seen = bench.seen;
    buffer_init(&bench.seen, 16 * MIB);
    return seen;
}

static void a_text_is_answered_as_the_message_it_was_written_from(void **state)
{
    (void)state;
    static const char *const unary[][2] = {
        {"/t.T/Echo", "/t.T/EchoText"}, {"/t.T/Garble", "/t.T/GarbleText"}};
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
        post_text(unary[i][0], "", "{\"height\":\"7\"}");
        struct buffer seen = seen_take();
        post_text(unary[i][1], "", "{\"height\":\"7\"}");
        assert_seen_alike(&seen);
    }
    static const struct span bodies[] = {
        {(const uint8_t *)"\0\0\0\0\2{}", 7}, {(const uint8_t *)"\0\0\0\0\x0c{\"height\":1}", 17}};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        post("/t.T/Stream", "application/connect+json", "", bodies[i]);
        struct buffer seen = seen_take();
        post("/t.T/StreamText", "application/connect+json", "", bodies[i]);
        assert_seen_alike(&seen);
    }
    get("/follow");
    struct buffer seen = seen_take();
    session_begin(RPC_HTTP_1, true);
    get("/follow-text");
    assert_seen_alike(&seen);
}

static void a_reply_that_is_too_large_as_json_is_refused(void **state)
{
    (void)state;
    static const char fine[] = "HTTP/1.1 200 OK\r\n";
    bench.shared.memory_max = RPC_MEMORY_MAX;
    post_text("/t.T/Swell", "", "{}");
    assert_memory_equal(bench.seen.data, fine, sizeof fine - 1);
    assert_true(bench.seen.size > RPC_TEXT_SIZE_MAX - 4);
    buffer_clear(&bench.seen);
    post_text("/t.T/Swell", "", "{\"height\":\"1\"}");
    assert_error("429 Too Many Requests", "resource_exhausted", "REPLY_TOO_LARGE");
    post("/t.T/Swell", "application/proto", "", span_of(one, sizeof one));
    assert_memory_equal(bench.seen.data, fine, sizeof fine - 1);
}

static void a_page_is_for_whom_it_is(void **state)
{
    (void)state;
    static const char fine[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nfine\n";
    get("/open");
    assert_seen(fine);
    get("/open?verbose");
    assert_seen(fine);
    get("/down");
    assert_seen(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nnot yet\n");
    get("/read");
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ncontent-length: 5\r\n\r\nfine\n");
    get("/admin");
    assert_seen("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    get("/large");
    assert_seen("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
    post("/open", "application/json", "", span_of(NULL, 0));
    assert_seen("HTTP/1.1 405 Method Not Allowed\r\nallow: GET, HEAD\r\ncontent-length: 0\r\n\r\n");
}

static void a_page_is_asked_for_without_its_body(void **state)
{
    (void)state;
    ask("HEAD", "/open");
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n");
    ask("HEAD", "/down");
    assert_seen("HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\n");
    ask("HEAD", "/admin");
    assert_seen("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    get("/open");
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nfine\n");
}

static void a_stranger_gets_open_pages_and_nothing_else(void **state)
{
    (void)state;
    static const char gone[] = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    session_begin(RPC_HTTP_1, false);
    get("/open");
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nfine\n");
    assert_false(rpc_session_is_finished(bench.session));
    static const char *const paths[] = {"/read", "/admin", "/nothing", "/t.T/Echo", "/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        session_begin(RPC_HTTP_1, false);
        get(paths[i]);
        assert_seen(gone);
        assert_true(rpc_session_is_finished(bench.session));
    }
    static const char *const calls[] = {"/t.T/Echo", "/t.T/Admin", "/t.T/None"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        session_begin(RPC_HTTP_1, false);
        post(calls[i], "application/json", "", span_of(NULL, 0));
        assert_error("401 Unauthorized", "unauthenticated", "CERTIFICATE");
        assert_true(rpc_session_is_finished(bench.session));
    }
    assert_int_equal(bench.begun, 0);
}

#define EVENTS                                                                                               \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"                      \
    "transfer-encoding: chunked\r\n\r\n"

static void a_stream_may_be_told_as_events(void **state)
{
    (void)state;
    get("/follow");
    assert_seen(EVENTS "004e\r\nevent: height\ndata: {\"height\":\"1\"}\n\n"
                       "id: 2\nevent: height\ndata: {\"height\":\"2\"}\n\n\r\n0\r\n\r\n");
    get("/follow?n=1");
    buffer_u8(&bench.seen, 0);
    assert_non_null(strstr((const char *)bench.seen.data,
        "\n\nevent: error\ndata: {\"code\":\"aborted\",\"message\":\"enough\"}\n\n\r\n0\r\n\r\n"));
    buffer_clear(&bench.seen);
}

static void events_begin_at_once_and_are_kept_alive(void **state)
{
    (void)state;
    static const char request[] = "GET /wait HTTP/1.1\r\nHost: x\r\nLast-Event-ID: n=1\r\n\r\n";
    bench_send(request, sizeof request - 1);
    assert_non_null(bench.held);
    assert_int_equal(rpc_call_request(bench.held).size, 2);
    assert_memory_equal(rpc_call_request(bench.held).data, one, 2);
    assert_seen(EVENTS);
    bench.now_ms += RPC_KEEPALIVE_MS - 1;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_seen("");
    bench.now_ms += 1;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_seen("0003\r\n:\n\n\r\n");
    bench.now_ms += 1000;
    assert_int_equal(rpc_call_write(bench.held, span_of(two, sizeof two)), TALLY_OK);
    bench_pull();
    assert_seen("002a\r\nid: 2\nevent: height\ndata: {\"height\":\"2\"}\n\n\r\n");
    bench.now_ms += RPC_KEEPALIVE_MS - 1000;
    rpc_session_sweep(bench.session);
    bench_pull();
    assert_seen("");
    rpc_call_end(bench.held);
    bench_pull();
    assert_seen("0\r\n\r\n");
}

static void events_that_cannot_be_are_refused_with_a_status(void **state)
{
    (void)state;
    get("/follow?bad");
    buffer_u8(&bench.seen, 0);
    assert_non_null(strstr((const char *)bench.seen.data, "\"message\":\"not like this\""));
    bench.seen.size--;
    assert_error("400 Bad Request", "invalid_argument", "MALFORMED");
    get("/watch");
    assert_error("403 Forbidden", "permission_denied", "ROLE");
    post_text("/follow", "", "{}");
    assert_seen("HTTP/1.1 405 Method Not Allowed\r\nallow: GET\r\ncontent-length: 0\r\nconnection: "
                "close\r\n\r\n");
    session_begin(RPC_HTTP_1, false);
    get("/follow");
    assert_seen("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
}

static void a_reader_of_events_that_takes_nothing_is_cut(void **state)
{
    (void)state;
    get("/wait");
    assert_seen(EVENTS);
    assert_int_equal(rpc_call_write(bench.held, span_of(two, sizeof two)), TALLY_OK);
    bench.now_ms += 20000;
    rpc_session_sweep(bench.session);
    assert_int_equal(bench.cancelled, 1);
    bench_pull();
    assert_true(rpc_session_is_finished(bench.session));
    assert_seen("");
}

static void each_message_of_a_client_that_streams_is_answered(void **state)
{
    (void)state;
    static const char head[] = "POST /t.T/Twice HTTP/1.1\r\nHost: x\r\nContent-Type: "
                               "application/connect+proto\r\nTransfer-Encoding: chunked\r\n\r\n";
    bench_send(head, sizeof head - 1);
    assert_seen("");
    /* Two messages and the head of a third, then the rest of it. */
    static const char first[] = "11\r\n\0\0\0\0\2ab\0\0\0\0\0\0\0\0\0\3\r\n";
    static const char second[] = "3\r\ncde\r\n";
    bench_send(first, sizeof first - 1);
    static const char answers[] = "HTTP/1.1 200 OK\r\ncontent-type: application/connect+proto\r\n"
                                  "transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
                                  "000e\r\n\0\0\0\0\4abab\0\0\0\0\0\r\n";
    assert_seen_bytes(answers, sizeof answers - 1);
    bench_send(second, sizeof second - 1);
    assert_seen_bytes("000b\r\n\0\0\0\0\6cdecde\r\n", 19);
    bench_send("0\r\n\r\n", 5);
    assert_seen_bytes("0007\r\n\2\0\0\0\2{}\r\n0\r\n\r\n", 20);
    assert_true(rpc_session_is_finished(bench.session));
}

static void a_message_that_cannot_be_answered_ends_the_stream(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t size;
        const char *reason;
    } bad[] = {
        {"\0\0\0\0\1x", 6, "MALFORMED"},
        {"\0\0\0\0\x09", 5, "REQUEST_TOO_LARGE"},
        {"\1\0\0\0\2ab", 7, "COMPRESSED"},
        {"\0\0\0\0\2a", 6, "REQUEST_FORM"},
        {"\0\0", 2, "REQUEST_FORM"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        session_begin(RPC_HTTP_1, true);
        post("/t.T/Twice", "application/connect+proto", "", span_of(bad[i].body, bad[i].size));
        buffer_u8(&bench.seen, 0);
        const char *text = memchr(bench.seen.data, '{', bench.seen.size);
        assert_non_null(text);
        assert_non_null(strstr(text, bad[i].reason));
        buffer_clear(&bench.seen);
    }
}

#define on_bench(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(a_call_in_json_is_answered_in_json),
        on_bench(text_takes_more_of_a_turn),
        on_bench(a_call_in_protobuf_is_answered_in_protobuf),
        on_bench(an_error_has_its_status_code_message_and_detail),
        on_bench(a_request_that_is_not_its_message_is_refused_with_the_place),
        on_bench(a_request_above_its_bound_is_refused),
        on_bench(what_is_no_call_gets_a_bare_status),
        on_bench(headers_that_cannot_be_met_are_refused),
        on_bench(calls_that_may_not_be_made_are_refused),
        on_bench(a_stream_is_messages_in_envelopes_and_an_end),
        on_bench(a_streams_error_is_in_its_end),
        on_bench(a_stream_takes_one_message_uncompressed),
        on_bench(a_deadline_ends_a_call),
        on_bench(a_slow_head_ends_the_connection),
        on_bench(a_slow_body_is_refused_and_the_connection_ends),
        on_bench(closing_cancels_what_is_open),
        on_bench(a_stop_is_told_to_what_is_open),
        on_bench(a_reply_that_is_no_message_is_an_error_and_not_shown),
        on_bench(a_text_is_answered_as_the_message_it_was_written_from),
        on_bench(a_reply_that_is_too_large_as_json_is_refused),
        on_bench(a_page_is_for_whom_it_is),
        on_bench(a_page_is_asked_for_without_its_body),
        on_bench(a_stranger_gets_open_pages_and_nothing_else),
        on_bench(a_stream_may_be_told_as_events),
        on_bench(events_begin_at_once_and_are_kept_alive),
        on_bench(events_that_cannot_be_are_refused_with_a_status),
        on_bench(a_reader_of_events_that_takes_nothing_is_cut),
        on_bench(each_message_of_a_client_that_streams_is_answered),
        on_bench(a_message_that_cannot_be_answered_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
