// links: net keys codec crypto base
/* The first byte chooses how the rest is split; the frames that come out must not depend on it, parts
 * included. */
#include <stdlib.h>

#include "node/net/frame.h"
#include "node/net/hello.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"

#define KINDS_ALL 0xFFFEu
#define KINDS_IN_PARTS (1u << FRAME_BATCH | 1u << FRAME_RANGE)

struct run {
    struct frame_parser parts;
    uint64_t mix;
};

static int on_part_frame(void *context, enum frame_kind kind, struct span payload)
{
    struct run *run = context;
    CHECK(frame_is_bulk(kind) && payload.size <= frame_size_max(kind));
    run->mix = run->mix * 1099511628211u + payload.size * 31u + kind;
    return TALLY_OK;
}

static int on_frame(void *context, enum frame_kind kind, struct span payload)
{
    struct run *run = context;
    CHECK(payload.size <= frame_size_max(kind));
    run->mix = run->mix * 1099511628211u + payload.size * 31u + kind;
    for (size_t i = 0; i < payload.size; i++)
        run->mix = run->mix * 1099511628211u + payload.data[i];
    if (kind == FRAME_PART) return frame_parser_feed(&run->parts, payload, on_part_frame, run);
    if (kind == FRAME_HELLO) {
        struct hello hello;
        int error = hello_decode(payload, &hello);
        run->mix = run->mix * 1099511628211u + (uint64_t)(int64_t)error;
    }
    return TALLY_OK;
}

static uint64_t parse(struct span bytes, size_t step, int *error)
{
    struct run run = {.mix = 14695981039346656037u};
    struct frame_parser wire;
    frame_parser_init(&wire, KINDS_ALL);
    frame_parser_init(&run.parts, KINDS_IN_PARTS);
    *error = TALLY_OK;
    for (size_t at = 0; at < bytes.size && *error == TALLY_OK; at += step) {
        size_t size = bytes.size - at < step ? bytes.size - at : step;
        *error = frame_parser_feed(&wire, span_of(bytes.data + at, size), on_frame, &run);
        CHECK(wire.partial.capacity <= 2 * (bytes.size + 64));
    }
    frame_parser_close(&wire);
    frame_parser_close(&run.parts);
    return run.mix;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int whole_error, split_error;
    if (size < 1) return 0;
    struct span bytes = span_of(data + 1, size - 1);
    uint64_t whole = parse(bytes, bytes.size + 1, &whole_error);
    uint64_t split = parse(bytes, (size_t)data[0] + 1, &split_error);
    CHECK(whole == split && whole_error == split_error);
    return 0;
}

static void put_frame(struct buffer *out, enum frame_kind kind, const void *payload, size_t size)
{
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header_put(header, kind, size);
    buffer_append(out, header, sizeof header);
    buffer_append(out, payload, size);
}

/* A Hello as a node sends it, of a fixed key. */
static void put_hello(struct buffer *out)
{
    struct secret_key secret = {{[SECRET_KEY_SIZE - 1] = 1}};
    const struct node_signer signer = node_signer_of(&secret);
    const struct link_identity identity = {.signer = &signer, .software = "tallyd"};
    struct digest exporter = {{0}};
    struct buffer payload;
    buffer_init(&payload, HELLO_SIZE_MAX);
    CHECK(hello_encode(&identity, &exporter, HELLO_SIDE_CONNECTED, &payload) == TALLY_OK);
    put_frame(out, FRAME_HELLO, payload.data, payload.size);
    buffer_close(&payload);
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    /* A batch of three bytes, in two parts with a vote between them. */
    static const uint8_t first_part[] = {0, 0, 0}, second_part[] = {3, FRAME_BATCH, 7, 7, 7};
    struct buffer out;
    if (number > 2) return 0;
    buffer_init(&out, size_max);
    buffer_u8(&out, (uint8_t)(number * 3));
    if (number != 1) put_hello(&out);
    if (number != 0) {
        put_frame(&out, FRAME_PART, first_part, sizeof first_part);
        put_frame(&out, FRAME_VOTE, "vote", 4);
        put_frame(&out, FRAME_PART, second_part, sizeof second_part);
        put_frame(&out, FRAME_KEEPALIVE, NULL, 0);
    }
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
