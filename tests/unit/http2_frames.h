/* HTTP/2 frames by hand: what a client may send, well-formed or not, and what a server answered. For tests.
 */
#ifndef TALLY_TESTS_HTTP2_FRAMES_H
#define TALLY_TESTS_HTTP2_FRAMES_H

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"

#define FRAMES_STREAMS_MAX 600u

enum { END_STREAM = 1, END_HEADERS = 4, ACK = 1 };

static inline void frame_put(
    struct buffer *out, uint8_t type, uint8_t flags, uint32_t stream, struct span payload)
{
    uint8_t size[4];
    put_u32(size, (uint32_t)payload.size);
    buffer_append(out, size + 1, 3);
    buffer_u8(out, type);
    buffer_u8(out, flags);
    buffer_u32(out, stream);
    buffer_append(out, payload.data, payload.size);
}

static inline void preface_put(struct buffer *out)
{
    buffer_append(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    frame_put(out, NGHTTP2_SETTINGS, 0, 0, span_of(NULL, 0));
}

/* One header, never indexed, without Huffman's code; each text at most 126 bytes, or `value_size` given
 * apart. */
static inline void header_put(struct buffer *out, const char *name, const char *value)
{
    CHECK(strlen(name) < 127 && strlen(value) < 127);
    buffer_u8(out, 0x10);
    buffer_u8(out, (uint8_t)strlen(name));
    buffer_append(out, name, strlen(name));
    buffer_u8(out, (uint8_t)strlen(value));
    buffer_append(out, value, strlen(value));
}

/* The headers of a call; NULL leaves out the optional ones. */
struct call_headers {
    const char *method, *path, *content_type, *timeout, *encoding;
    size_t filler; /* so many more headers of about 100 bytes */
};

static inline void call_headers_put(
    struct buffer *out, uint32_t stream, struct call_headers headers, bool last)
{
    static const char filler[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890";
    struct buffer block;
    buffer_init(&block, 64 * KIB);
    header_put(&block, ":method", headers.method != NULL ? headers.method : "POST");
    header_put(&block, ":scheme", "https");
    header_put(&block, ":path", headers.path);
    header_put(&block, ":authority", "test");
    header_put(
        &block, "content-type", headers.content_type != NULL ? headers.content_type : "application/grpc");
    if (headers.timeout != NULL) header_put(&block, "grpc-timeout", headers.timeout);
    if (headers.encoding != NULL) header_put(&block, "grpc-encoding", headers.encoding);
    for (size_t i = 0; i < headers.filler; i++)
        header_put(&block, "x-filler", filler);
    CHECK(!block.failed);
    /* In pieces: a frame holds at most 16 KiB. */
    size_t at = 0;
    do {
        size_t part = block.size - at < 16384 ? block.size - at : 16384;
        uint8_t flags =
            (uint8_t)((at + part == block.size ? END_HEADERS : 0) | (at == 0 && last ? END_STREAM : 0));
        frame_put(out, at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION, flags, stream,
            span_of(block.data + at, part));
        at += part;
    } while (at < block.size);
    buffer_close(&block);
}

/* A gRPC message as DATA. */
static inline void message_put(struct buffer *out, uint32_t stream, struct span message, bool last)
{
    struct buffer body;
    buffer_init(&body, 32 * KIB);
    buffer_u8(&body, 0);
    buffer_u32(&body, (uint32_t)message.size);
    buffer_append(&body, message.data, message.size);
    CHECK(!body.failed && body.size <= 16384);
    frame_put(out, NGHTTP2_DATA, last ? END_STREAM : 0, stream, buffer_span(&body));
    buffer_close(&body);
}

/* What the server said of a stream. */
struct stream_seen {
    int http_status, grpc_status; /* 0 and -1: none */
    size_t data_size;
    bool ended;
    int reset; /* -1: none */
    char detail[400];
};

struct frames_seen {
    nghttp2_hd_inflater *inflater;
    struct buffer bytes; /* not yet parsed */
    struct stream_seen streams[FRAMES_STREAMS_MAX];
    int goaway; /* its code; -1: none */
    unsigned ping_acks;
};

static inline void frames_seen_init(struct frames_seen *seen)
{
    memset(seen, 0, sizeof *seen);
    CHECK(nghttp2_hd_inflate_new(&seen->inflater) == 0);
    buffer_init(&seen->bytes, 64 * MIB);
    seen->goaway = -1;
    for (size_t i = 0; i < FRAMES_STREAMS_MAX; i++) {
        seen->streams[i].grpc_status = -1;
        seen->streams[i].reset = -1;
    }
}

static inline void frames_seen_close(struct frames_seen *seen)
{
    nghttp2_hd_inflate_del(seen->inflater);
    buffer_close(&seen->bytes);
}

static inline void headers_see(struct frames_seen *seen, struct stream_seen *stream, struct span block)
{
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(seen->inflater, &field, &flags, block.data, block.size, 1);
        CHECK(used >= 0);
        block.data += used;
        block.size -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            struct span name = span_of(field.name, field.namelen);
            char value[512] = {0};
            CHECK(field.valuelen < sizeof value);
            memcpy(value, field.value, field.valuelen);
            if (span_equal(name, span_of(":status", 7))) stream->http_status = atoi(value);
            if (span_equal(name, span_of("grpc-status", 11))) stream->grpc_status = atoi(value);
            if (span_equal(name, span_of("grpc-message", 12)))
                memcpy(stream->detail, value, sizeof stream->detail - 1);
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    CHECK(nghttp2_hd_inflate_end_headers(seen->inflater) == 0);
}

static inline void frame_see(
    struct frames_seen *seen, uint8_t type, uint8_t flags, uint32_t id, struct span payload)
{
    CHECK(id / 2 < FRAMES_STREAMS_MAX);
    struct stream_seen *stream = &seen->streams[id / 2];
    if (type == NGHTTP2_HEADERS) headers_see(seen, stream, payload);
    if (type == NGHTTP2_DATA) stream->data_size += payload.size;
    if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && (flags & END_STREAM) != 0) stream->ended = true;
    if (type == NGHTTP2_RST_STREAM) stream->reset = (int)get_u32(payload.data);
    if (type == NGHTTP2_GOAWAY) seen->goaway = (int)get_u32(payload.data + 4);
    if (type == NGHTTP2_PING && (flags & ACK) != 0) seen->ping_acks++;
}

static inline void frames_see(struct frames_seen *seen, struct span bytes)
{
    buffer_append(&seen->bytes, bytes.data, bytes.size);
    CHECK(!seen->bytes.failed);
    size_t at = 0;
    while (seen->bytes.size - at >= 9) {
        const uint8_t *head = seen->bytes.data + at;
        size_t size = (size_t)head[0] << 16 | get_u16(head + 1);
        if (seen->bytes.size - at < 9 + size) break;
        frame_see(seen, head[3], head[4], get_u32(head + 5), span_of(head + 9, size));
        at += 9 + size;
    }
    memmove(seen->bytes.data, seen->bytes.data + at, seen->bytes.size - at);
    seen->bytes.size -= at;
}

#endif
