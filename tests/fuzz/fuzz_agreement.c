// links: codec crypto base
/* What validators send each other and store. The first byte picks the decoder. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

enum {
    OF_VOTE,
    OF_CERTIFICATE,
    OF_JUSTIFICATION,
    OF_PROPOSAL,
    OF_CHECKPOINT,
    OF_CERTIFIED_CHECKPOINT,
    OF_BLOCK,
    OF_RANGE,
    OF_COUNT,
};

/* Decodes and, where that goes well, encodes into `out`. */
static int decode_small(unsigned kind, struct span bytes, struct buffer *out)
{
    struct vote vote;
    struct certificate certificate;
    struct checkpoint checkpoint;
    struct certified_checkpoint certified;
    int error = TALLY_EFORM;
    if (kind == OF_VOTE) {
        error = vote_decode(bytes, &vote);
        if (error == TALLY_OK) vote_encode(&vote, out);
    } else if (kind == OF_CERTIFICATE) {
        error = certificate_decode(bytes, &certificate);
        if (error == TALLY_OK) certificate_encode(&certificate, out);
    } else if (kind == OF_CHECKPOINT) {
        error = checkpoint_decode(bytes, &checkpoint);
        if (error == TALLY_OK) checkpoint_encode(&checkpoint, out);
    } else if (kind == OF_CERTIFIED_CHECKPOINT) {
        error = certified_checkpoint_decode(bytes, &certified);
        if (error == TALLY_OK) certified_checkpoint_encode(&certified, out);
    }
    return error;
}

static int encode_range(
    const struct block *blocks, size_t count, const struct certificate *finalization, struct buffer *out)
{
    struct buffer *encoded = calloc(count, sizeof *encoded);
    struct span *spans = calloc(count, sizeof *spans);
    CHECK(encoded != NULL && spans != NULL);
    for (size_t i = 0; i < count; i++) {
        buffer_init(&encoded[i], FRAME_SIZE_MAX);
        block_encode(&blocks[i], true, &encoded[i]);
        spans[i] = buffer_span(&encoded[i]);
    }
    block_range_encode(spans, count, finalization, out);
    for (size_t i = 0; i < count; i++)
        buffer_close(&encoded[i]);
    free(encoded);
    free(spans);
    return TALLY_OK;
}

static int decode_large(unsigned kind, struct span bytes, struct arena *arena, struct buffer *out)
{
    struct digest chain = sample_digest("chain");
    struct justification justification;
    struct proposal proposal;
    struct certificate finalization;
    struct block block, *blocks;
    size_t count;
    int error = TALLY_EFORM;
    if (kind == OF_JUSTIFICATION) {
        error = justification_decode(bytes, arena, &justification);
        if (error == TALLY_OK) justification_encode(&justification, out);
    } else if (kind == OF_PROPOSAL) {
        error = proposal_decode(bytes, arena, &proposal);
        if (error == TALLY_OK) proposal_encode(&proposal, out);
    } else if (kind == OF_BLOCK) {
        error = block_decode(bytes, &chain, arena, &block);
        if (error == TALLY_OK) block_encode(&block, true, out);
    } else if (kind == OF_RANGE) {
        error = block_range_decode(bytes, &chain, arena, &blocks, &count, &finalization);
        if (error == TALLY_OK) error = encode_range(blocks, count, &finalization, out);
    }
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buffer out;
    if (size == 0) return 0;
    unsigned kind = data[0] % OF_COUNT;
    struct span bytes = span_of(data + 1, size - 1);
    arena_init(&arena, 16 * MIB);
    buffer_init(&out, FRAME_SIZE_MAX);
    bool is_small =
        kind == OF_VOTE || kind == OF_CERTIFICATE || kind == OF_CHECKPOINT || kind == OF_CERTIFIED_CHECKPOINT;
    int error = is_small ? decode_small(kind, bytes, &out) : decode_large(kind, bytes, &arena, &out);
    if (error == TALLY_OK) CHECK(!out.failed && span_equal(buffer_span(&out), bytes));
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}

static void sample_block(
    const struct sample_network *network, struct sample_batch *batch, struct block *block)
{
    *block = (struct block){.batch_count = 1, .batches = &batch->batch, .has_finalization = true};
    block->header = (struct block_header){
        .chain_id = network->chain_id,
        .epoch = 1,
        .view = 3,
        .height = 2,
        .parent_view = 1,
        .payload_root = payload_root(&batch->batch.digest, 1),
        .payload_size = (uint32_t)batch_size_without_bodies(&batch->batch),
        .payload_events = batch->batch.event_count,
        .time_ms = SAMPLE_TIME_MS,
        .justification_root = justification_root(span_of(NULL, 0)),
    };
    block->hash = block_header_hash(&block->header);
    sample_certificate(network, VOTE_FINALIZE, 3, &block->hash, &block->finalization);
}

static void sample_agreement(uint32_t kind, const struct sample_network *network, struct buffer *out)
{
    struct digest hash = sample_digest("block");
    struct certificate certificate, nullification;
    sample_certificate(network, VOTE_NOTARIZE, 1, &hash, &certificate);
    sample_certificate(network, VOTE_NULLIFY, 2, NULL, &nullification);
    struct vote vote = {.kind = VOTE_NOTARIZE, .epoch = 1, .view = 3, .block = hash, .signer = 1};
    struct certified_checkpoint certified = {
        .checkpoint = {.chain_id = network->chain_id, .epoch = 1, .height = 7}};
    struct sample_batch batch;
    struct block block;
    sample_certify(network, 7, &certified);
    sample_batch_init(&batch, &network->chain_id, 1, "subject", 2);
    sample_block(network, &batch, &block);
    struct justification justification = {.parent = block.header,
        .parent_certificate = certificate,
        .nullification_count = 1,
        .nullifications = &nullification};
    struct proposal proposal = {.header = block.header, .batch_count = 1, .batches = &batch.batch.digest};
    if (kind == OF_VOTE) vote_encode(&vote, out);
    if (kind == OF_CERTIFICATE) certificate_encode(&certificate, out);
    if (kind == OF_JUSTIFICATION) justification_encode(&justification, out);
    if (kind == OF_PROPOSAL) proposal_encode(&proposal, out);
    if (kind == OF_CHECKPOINT) checkpoint_encode(&certified.checkpoint, out);
    if (kind == OF_CERTIFIED_CHECKPOINT) certified_checkpoint_encode(&certified, out);
    if (kind == OF_BLOCK) block_encode(&block, true, out);
    if (kind == OF_RANGE) (void)encode_range(&block, 1, &certificate, out);
    sample_batch_close(&batch);
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct sample_network network;
    struct buffer out;
    if (number >= OF_COUNT) return 0;
    sample_network_init(&network, "chain", 4);
    buffer_init(&out, size_max);
    buffer_u8(&out, (uint8_t)number);
    sample_agreement(number, &network, &out);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
