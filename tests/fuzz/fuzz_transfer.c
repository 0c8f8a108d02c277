// links: codec crypto base
/* What nodes that join send and are sent. The first byte picks the message. */
#include "proto/base/check.h"
#include "proto/codec/transfer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

enum { OFFER, CHUNK_REQUEST, CHUNK, BACKFILL_REQUEST, BACKFILL, MESSAGES };

static int take_backfill(struct span bytes, struct arena *arena, struct buffer *out)
{
    struct digest chain_id = sample_digest("fuzz");
    struct backfill backfill;
    int error = backfill_decode(bytes, &chain_id, arena, &backfill);
    if (error != TALLY_OK) return error;
    struct buffer parts[2];
    struct span *blocks = calloc(backfill.count + 1, sizeof *blocks);
    struct span *results = calloc(backfill.count + 1, sizeof *results);
    CHECK(blocks != NULL && results != NULL && backfill.count <= BACKFILL_BLOCKS_MAX);
    buffer_init(&parts[0], 16u * MIB);
    buffer_init(&parts[1], 16u * MIB);
    size_t starts[2][BACKFILL_BLOCKS_MAX + 1] = {0};
    for (uint32_t i = 0; i < backfill.count; i++) {
        const struct block *block = &backfill.blocks[i];
        (void)block_results_root(block, backfill.results[i]);
        block_encode(block, true, &parts[0]);
        block_results_encode(backfill.results[i], block->header.payload_events, &parts[1]);
        starts[0][i + 1] = parts[0].size;
        starts[1][i + 1] = parts[1].size;
    }
    for (uint32_t i = 0; i < backfill.count; i++) {
        blocks[i] = span_of(parts[0].data + starts[0][i], starts[0][i + 1] - starts[0][i]);
        results[i] = span_of(parts[1].data + starts[1][i], starts[1][i + 1] - starts[1][i]);
    }
    backfill_encode(blocks, results, backfill.count, out);
    buffer_close(&parts[0]);
    buffer_close(&parts[1]);
    free(blocks);
    free(results);
    return TALLY_OK;
}

/* Decodes, and encodes again what decodes. */
static int take(uint8_t message, struct span bytes, struct arena *arena, struct buffer *out)
{
    struct snapshot_offer offer;
    struct chunk_place place;
    struct span chunk;
    uint64_t height;
    int error;
    switch (message) {
    case OFFER:
        error = snapshot_offer_decode(bytes, arena, &offer);
        if (error == TALLY_OK) snapshot_offer_encode(&offer, out);
        return error;
    case CHUNK_REQUEST:
        error = chunk_request_decode(bytes, &place);
        if (error == TALLY_OK) chunk_request_encode(&place, out);
        return error;
    case CHUNK:
        error = chunk_decode(bytes, arena, &place, &chunk);
        if (error == TALLY_OK) chunk_encode(&place, chunk, out);
        return error;
    case BACKFILL_REQUEST:
        error = backfill_request_decode(bytes, &height);
        if (error == TALLY_OK) backfill_request_encode(height, out);
        return error;
    default:
        return take_backfill(bytes, arena, out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buffer out;
    if (size == 0) return 0;
    struct span bytes = span_of(data + 1, size - 1);
    arena_init(&arena, 16u * MIB);
    buffer_init(&out, FRAME_SIZE_MAX);
    if (take(data[0] % MESSAGES, bytes, &arena, &out) == TALLY_OK)
        CHECK(!out.failed && span_equal(buffer_span(&out), bytes));
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}

static void sample_backfill(struct buffer *out)
{
    static const uint8_t justification[] = "any bytes";
    struct digest chain_id = sample_digest("fuzz");
    struct sample_batch batch;
    struct event_result results[4] = {{.code = RESULT_OK}, {.code = RESULT_GAP, .detail_size = 3}};
    struct buffer parts[2];
    sample_batch_init(&batch, &chain_id, 1, "subject", 4);
    struct block block = {
        .justification = span_of(justification, sizeof justification),
        .batch_count = 1,
        .batches = &batch.batch,
        .header = {.chain_id = chain_id,
            .epoch = 1,
            .view = 3,
            .height = 1,
            .parent_hash = chain_id,
            .payload_root = payload_root(&batch.batch.digest, 1),
            .payload_size = (uint32_t)batch_size_without_bodies(&batch.batch),
            .payload_events = 4,
            .time_ms = SAMPLE_TIME_MS},
    };
    block.header.justification_root = justification_root(block.justification);
    buffer_init(&parts[0], MIB);
    buffer_init(&parts[1], MIB);
    block_encode(&block, true, &parts[0]);
    block_results_encode(results, 4, &parts[1]);
    struct span spans[2] = {buffer_span(&parts[0]), buffer_span(&parts[1])};
    backfill_encode(&spans[0], &spans[1], 1, out);
    buffer_close(&parts[0]);
    buffer_close(&parts[1]);
    sample_batch_close(&batch);
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const uint8_t some[] = "a head, or a chunk";
    const struct chunk_place place = {70000, 4, 3};
    struct buffer out;
    buffer_init(&out, 64u * KIB);
    buffer_u8(&out, (uint8_t)number);
    if (number == OFFER)
        snapshot_offer_encode(&(struct snapshot_offer){70001, span_of(some, sizeof some)}, &out);
    if (number == CHUNK_REQUEST) chunk_request_encode(&place, &out);
    if (number == CHUNK) chunk_encode(&place, span_of(some, sizeof some), &out);
    if (number == BACKFILL_REQUEST) backfill_request_encode(123, &out);
    if (number == BACKFILL) sample_backfill(&out);
    size_t size = number < MESSAGES && out.size <= size_max ? out.size : 0;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
