// links: rpc net client codec crypto base
/* A node's bytes into a client's session with calls under way, and the texts that travel in trailers. The
 * first byte is the size of the pieces they arrive in. Each call must end at most once, and nothing may be
 * left. */
#include "node/client/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http2_frames.h"

#define CALLS 4u

static bool on_message(void *context, struct span message)
{
    unsigned *count = context;
    return message.size < 1000 && ++*count < 50;
}

static void send_all(struct session *session)
{
    struct span bytes;
    do {
        if (session_send(session, &bytes) != TALLY_OK) return;
    } while (bytes.size > 0);
}

static void texts_read(struct span text)
{
    struct grpc_error_detail detail;
    char message[GRPC_MESSAGE_SIZE_MAX + 1];
    char escaped[GRPC_MESSAGE_ESCAPED_SIZE];
    uint64_t timeout_ms;
    (void)!grpc_timeout_parse(text, &timeout_ms);
    grpc_message_unescape(text, message);
    grpc_message_escape(message, escaped);
    if (grpc_detail_read(text, &detail) == TALLY_OK) {
        /* What was read is written and read again the same: texts were cut, numbers stand. */
        char written[GRPC_DETAIL_TEXT_SIZE];
        struct grpc_error_detail again;
        grpc_detail_write(&detail, written);
        CHECK(grpc_detail_read(span_of(written, strlen(written)), &again) != TALLY_ELIMIT);
    }
}

static void feed(struct session *session, struct span bytes, size_t piece)
{
    while (bytes.size > 0) {
        size_t part = piece < bytes.size ? piece : bytes.size;
        if (session_receive(session, span_of(bytes.data, part)) != TALLY_OK) return;
        send_all(session);
        bytes.data += part;
        bytes.size -= part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    texts_read(span_of(data + 1, size - 1));
    struct session *session = NULL;
    struct session_call *calls[CALLS] = {0};
    unsigned count = 0;
    if (session_open(&session) != TALLY_OK) return 0;
    static const enum call_kind kinds[CALLS] = {CALL_WAITED, CALL_STREAM, CALL_POOLED, CALL_POOLED};
    for (unsigned i = 0; i < CALLS; i++) {
        calls[i] = session_call_make(kinds[i], span_of("request", 7));
        CHECK(calls[i] != NULL);
        calls[i]->on_message = on_message;
        calls[i]->context = &count;
        CHECK(session_call_start(session, calls[i], "/t.T/Call", 1000) == TALLY_OK);
    }
    send_all(session);
    feed(session, span_of(data + 1, size - 1), (size_t)data[0] * 16 + 1);
    unsigned pooled = 0;
    while (session_done_take(session) != NULL)
        pooled++;
    CHECK(pooled <= 2);
    for (unsigned i = 0; i < CALLS; i++) {
        CHECK(!calls[i]->done || calls[i]->result != TALLY_OK || calls[i]->messages <= 50);
        session_call_free(calls[i]);
    }
    session_close(session);
    return 0;
}

static void headers_put(
    struct buffer *out, uint32_t stream, const char *status, const char *grpc_status, bool last)
{
    struct buffer block;
    buffer_init(&block, 4 * KIB);
    if (status != NULL) {
        header_put(&block, ":status", status);
        header_put(&block, "content-type", "application/grpc");
    }
    if (grpc_status != NULL) {
        header_put(&block, "grpc-status", grpc_status);
        header_put(&block, "grpc-message", "100%25 wr%C3%B6ng");
        header_put(&block, GRPC_DETAIL_TRAILER, "CghDT05GTElDVBILYWNjb3VudF9zZXEYByABKPoB");
    }
    frame_put(
        out, NGHTTP2_HEADERS, (uint8_t)(END_HEADERS | (last ? END_STREAM : 0)), stream, buffer_span(&block));
    buffer_close(&block);
}

static void sample_put(struct buffer *out, uint32_t number)
{
    frame_put(out, NGHTTP2_SETTINGS, 0, 0, span_of(NULL, 0));
    switch (number) {
    case 0:
        headers_put(out, 1, "200", NULL, false);
        message_put(out, 1, span_of("reply", 5), false);
        headers_put(out, 1, NULL, "0", true);
        break;
    case 1:
        headers_put(out, 3, "200", NULL, false);
        for (unsigned i = 0; i < 8; i++)
            message_put(out, 3, span_of("message", i), false);
        headers_put(out, 3, NULL, "0", true);
        break;
    case 2:
        headers_put(out, 5, "200", "9", true);
        break;
    case 3:
        headers_put(out, 7, "415", NULL, true);
        break;
    case 4:
        frame_put(out, NGHTTP2_GOAWAY, 0, 0, span_of("\0\0\0\3\0\0\0\0", 8));
        frame_put(out, NGHTTP2_RST_STREAM, 0, 3, span_of("\0\0\0\7", 4));
        break;
    default:
        break;
    }
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    if (number >= 5) return 0;
    struct buffer out;
    buffer_init(&out, size_max);
    buffer_u8(&out, 0xFF);
    sample_put(&out, number);
    size_t size = out.failed ? 0 : out.size;
    if (size > 0) memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
