// links: rpc net client codec crypto base
/* A client's bytes into a server's HTTP/2 session with calls: no input may crash it, leak, or hold more than
 * its bounds. The first byte chooses whether the preface and a call's headers are put before the input, so
 * that mutations reach the frames behind them; the second how large the pieces are in which it arrives. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http2_frames.h"
#include "tests/unit/rpc_handlers.h"

#define MEMORY_MAX (64u * KIB)

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

static void held_drain(void *context, struct rpc_call *call)
{
    (void)context;
    (void)rpc_call_pending(call);
}

/* Streams a few messages, and keeps one call open at most. */
static void hold(void *context, struct rpc_call *call)
{
    static const uint8_t message[3000];
    rpc_call_watch(call, context, held_drain, held_cancel);
    for (unsigned i = 0; i < 5; i++) {
        if (rpc_call_write(call, span_of(message, sizeof message)) != TALLY_OK) break;
    }
    if (held == NULL) {
        held = call;
    } else {
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "one is enough", NULL);
    }
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo",
        .request_size_max = 4 * KIB,
        .handle = echo,
        .request = &tallystick__v1__get_block_request__descriptor,
        .reply = &tallystick__v1__get_block_request__descriptor},
    {.path = "/t.T/Hold", .request_size_max = 64, .handle = hold},
    {.path = "/t.T/Admin", .roles = RPC_ROLE_ADMIN, .request_size_max = 64, .handle = echo},
};

static bool pull(struct rpc_session *session)
{
    static uint8_t bytes[CARRIER_PULL_SIZE_MIN];
    size_t pulled = 0;
    do {
        if (rpc_session_pull(session, bytes, sizeof bytes, &pulled) != TALLY_OK) return false;
    } while (pulled > 0);
    return true;
}

static void opening_put(struct buffer *out, uint8_t how)
{
    if ((how & 1) != 0) preface_put(out);
    if ((how & 2) != 0) call_headers_put(out, 1, (struct call_headers){.path = "/t.T/Echo"}, false);
    if ((how & 4) != 0) {
        call_headers_put(out, 3, (struct call_headers){.path = "/t.T/Hold", .timeout = "5m"}, false);
        message_put(out, 3, span_of("x", 1), true);
    }
}

static void feed(struct rpc_shared *shared, struct rpc_session *session, struct span bytes, size_t piece)
{
    const char *why = "";
    while (bytes.size > 0) {
        size_t part = piece < bytes.size ? piece : bytes.size;
        if (rpc_session_receive(session, span_of(bytes.data, part), &why) != TALLY_OK) {
            (void)pull(session);
            return;
        }
        if (!pull(session)) return;
        shared->turn_spent = 0;
        shared->turn_large = false;
        rpc_session_work(session);
        clock_ms += 3;
        rpc_session_sweep(session);
        bytes.data += part;
        bytes.size -= part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rpc_caller caller = {.name = "fuzz", .roles = RPC_ROLE_READ};
    if (size < 2) return 0;
    log_set_level(LOG_LEVEL_BROKEN);
    clock_ms = 1000;
    held = NULL;
    struct rpc_shared shared = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .memory_max = MEMORY_MAX,
        .stream_backlog_max = 8 * KIB,
        .request_timeout_ms = 60,
        .stall_timeout_ms = 90,
        .now_ms = fuzz_now_ms,
        .clock = &clock_ms,
    };
    struct rpc_session *session = NULL;
    if (rpc_session_open(&shared, RPC_HTTP_2, (data[0] & 8) != 0 ? NULL : &caller, "fuzz", no_output, NULL,
            &session) != TALLY_OK) {
        return 0;
    }
    struct buffer bytes;
    buffer_init(&bytes, 16 * MIB);
    opening_put(&bytes, data[0]);
    buffer_append(&bytes, data + 2, size - 2);
    if (!bytes.failed) feed(&shared, session, buffer_span(&bytes), (size_t)data[1] * 16 + 1);
    CHECK(shared.counts.memory <= MEMORY_MAX);
    if (held != NULL && (data[0] & 16) != 0) {
        struct rpc_call *call = held;
        held = NULL;
        rpc_call_end(call);
        (void)pull(session);
    }
    if ((data[0] & 32) != 0) rpc_session_stop(session);
    rpc_session_close(session);
    CHECK(held == NULL && shared.counts.memory == 0 && shared.counts.calls == 0 && shared.deadlines == 0);
    buffer_close(&bytes);
    return 0;
}

static void sample_put(struct buffer *out, uint32_t number)
{
    static const uint8_t half[] = {0, 0, 0, 0, 50, 'x'};
    switch (number) {
    case 0:
        message_put(out, 1, span_of("hello", 5), true);
        break;
    case 1:
        frame_put(out, NGHTTP2_DATA, 0, 1, span_of(half, sizeof half));
        break;
    case 2:
        frame_put(out, NGHTTP2_RST_STREAM, 0, 3, span_of("\0\0\0\10", 4));
        break;
    case 3:
        frame_put(out, NGHTTP2_WINDOW_UPDATE, 0, 0, span_of("\0\1\0\0", 4));
        frame_put(out, NGHTTP2_SETTINGS, 0, 0, span_of("\0\4\0\0\0\1", 6));
        frame_put(out, NGHTTP2_PING, 0, 0, span_of("12345678", 8));
        break;
    case 4:
        for (uint32_t id = 5; id < 25; id += 2) {
            call_headers_put(out, id, (struct call_headers){.path = "/t.T/Hold", .timeout = "1S"}, false);
            message_put(out, id, span_of("x", 1), true);
        }
        break;
    case 5:
        call_headers_put(out, 5, (struct call_headers){.path = "/t.T/Admin", .filler = 150}, true);
        call_headers_put(out, 7, (struct call_headers){.path = "/t.T/Echo", .encoding = "gzip"}, false);
        break;
    case 7:
        call_headers_put(
            out, 5, (struct call_headers){.path = "/t.T/Echo", .content_type = "application/json"}, false);
        frame_put(out, NGHTTP2_DATA, END_STREAM, 5, span_of("{\"height\": \"7\"}", 15));
        call_headers_put(
            out, 7, (struct call_headers){.path = "/t.T/Echo", .content_type = "application/proto"}, false);
        frame_put(out, NGHTTP2_DATA, 0, 7, span_of("\x08\x01", 2));
        call_headers_put(
            out, 9, (struct call_headers){.path = "/t.T/None", .content_type = "application/json"}, false);
        frame_put(out, NGHTTP2_DATA, 0, 9, span_of("{}", 2));
        break;
    case 6:
        frame_put(out, NGHTTP2_GOAWAY, 0, 0, span_of("\0\0\0\0\0\0\0\0", 8));
        break;
    default:
        break;
    }
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const uint8_t openings[] = {7, 7, 7, 7, 23, 7, 39, 1};
    if (number >= sizeof openings) return 0;
    struct buffer out;
    buffer_init(&out, size_max);
    buffer_u8(&out, openings[number]);
    buffer_u8(&out, 0xFF);
    sample_put(&out, number);
    size_t size = out.failed ? 0 : out.size;
    if (size > 0) memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
