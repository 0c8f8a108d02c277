/* Blocks as stored and served, and ranges of them. */
#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "proto/crypto/merkle.h"

/* Field numbers as in ledger.proto and peer.proto. */
enum {
    BLOCK_HEADER = 1,
    BLOCK_JUSTIFICATION,
    BLOCK_SIGNATURE,
    BLOCK_FINALIZATION,
    BLOCK_BATCHES,
    BLOCK_SEAL_PATH
};
enum { RANGE_BLOCKS = 1, RANGE_FINALIZATION };

static void put_message(struct buffer *out, unsigned field, const ProtobufCMessage *message)
{
    wire_sized(out, field, protobuf_c_message_get_packed_size(message));
    message_encode(message, out);
}

uint32_t block_result_count(const struct block *block)
{
    uint32_t count = block->header.payload_events;
    for (uint32_t i = 0; i < block->batch_count; i++)
        count += block->batches[i].governance != NULL;
    return count;
}

void block_encode(const struct block *block, bool with_bodies, struct buffer *out)
{
    Tallystick__V1__BlockHeader header;
    Tallystick__V1__Certificate finalization;
    block_header_to_message(&block->header, &header);
    put_message(out, BLOCK_HEADER, &header.base);
    wire_bytes(out, BLOCK_JUSTIFICATION, block->justification);
    wire_bytes(out, BLOCK_SIGNATURE, span_of(block->signature.bytes, SIGNATURE_SIZE));
    if (block->has_finalization) {
        certificate_to_message(&block->finalization, &finalization);
        put_message(out, BLOCK_FINALIZATION, &finalization.base);
    }
    for (uint32_t i = 0; i < block->batch_count; i++) {
        wire_sized(out, BLOCK_BATCHES, batch_size(&block->batches[i], with_bodies));
        batch_encode(&block->batches[i], with_bodies, out);
    }
    for (uint32_t i = 0; i < block->seal_path_count; i++) {
        block_header_to_message(&block->seal_path[i], &header);
        put_message(out, BLOCK_SEAL_PATH, &header.base);
    }
}

/* The batches against what the header says of them. */
static int payload_check(const struct block *block)
{
    struct merkle_frontier digests;
    uint64_t size = 0, events = 0;
    merkle_frontier_init(&digests);
    for (uint32_t i = 0; i < block->batch_count; i++) {
        const struct batch *batch = &block->batches[i];
        merkle_frontier_append(&digests, &batch->digest, NULL, NULL);
        size += batch_size_without_bodies(batch);
        events += batch->event_count;
    }
    struct digest root = merkle_frontier_root(&digests);
    if (size > BLOCK_SIZE_MAX || events > BLOCK_EVENTS_MAX) return TALLY_ELIMIT;
    if (size != block->header.payload_size || events != block->header.payload_events) return TALLY_EFORM;
    return digest_equal(&root, &block->header.payload_root) ? TALLY_OK : TALLY_EFORM;
}

/* Counted before memory is taken for them: each takes far more than its bytes. */
static size_t governance_count(const Tallystick__V1__LedgerBlock *message)
{
    size_t count = 0;
    for (size_t i = 0; i < message->n_batches; i++)
        count += message->batches[i]->governance.len > 0;
    return count;
}

static int batches_from_message(const Tallystick__V1__LedgerBlock *message, const struct digest *chain_id,
    struct arena *arena, struct block *block)
{
    if (message->n_batches > BLOCK_BATCHES_MAX || governance_count(message) > GOVERNANCE_BLOCK_MAX)
        return TALLY_ELIMIT;
    block->batch_count = (uint32_t)message->n_batches;
    block->batches = arena_take_zeroed(arena, message->n_batches, sizeof *block->batches);
    if (block->batches == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < block->batch_count; i++) {
        int error = batch_from_message(message->batches[i], chain_id, arena, &block->batches[i], NULL);
        if (error != TALLY_OK) return error;
    }
    return payload_check(block);
}

/* A seal with a path has the finalization that the path leads to. */
static int seal_path_from_message(
    const Tallystick__V1__LedgerBlock *message, struct arena *arena, struct block *block)
{
    size_t count = message->n_seal_path;
    if (count == 0) return TALLY_OK;
    if (count > SEAL_PATH_MAX) return TALLY_ELIMIT;
    if (!block->header.seals || !block->has_finalization) return TALLY_EFORM;
    struct block_header *headers = arena_take_zeroed(arena, count, sizeof *headers);
    if (headers == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int error = block_header_from_message(message->seal_path[i], &headers[i]);
        if (error != TALLY_OK) return error;
    }
    block->seal_path = headers;
    block->seal_path_count = (uint32_t)count;
    return TALLY_OK;
}

static int block_from_message(const Tallystick__V1__LedgerBlock *message, const struct digest *chain_id,
    struct arena *arena, struct block *block)
{
    struct block read = {.justification = span_of_bytes(message->justification)};
    if (read.justification.size > JUSTIFICATION_SIZE_MAX) return TALLY_ELIMIT;
    int error = block_header_from_message(message->header, &read.header);
    if (error == TALLY_OK) error = fixed_from_bytes(message->signature, read.signature.bytes, SIGNATURE_SIZE);
    if (error != TALLY_OK) return error;
    if (!digest_equal(&read.header.chain_id, chain_id)) return TALLY_ECHAIN;
    struct digest root = justification_root(read.justification);
    if (!digest_equal(&root, &read.header.justification_root)) return TALLY_EFORM;
    read.hash = block_header_hash(&read.header);
    read.has_finalization = message->finalization != NULL;
    if (read.has_finalization) error = certificate_from_message(message->finalization, &read.finalization);
    if (error == TALLY_OK) error = seal_path_from_message(message, arena, &read);
    if (error == TALLY_OK) error = batches_from_message(message, chain_id, arena, &read);
    if (error == TALLY_OK) *block = read;
    return error;
}

int block_decode(struct span bytes, const struct digest *chain_id, struct arena *arena, struct block *block)
{
    ProtobufCMessage *message;
    int error =
        message_decode(&tallystick__v1__ledger_block__descriptor, MESSAGE_CANONICAL, bytes, arena, &message);
    if (error != TALLY_OK) return error;
    return block_from_message((const Tallystick__V1__LedgerBlock *)message, chain_id, arena, block);
}

void block_range_encode(const struct span *encoded_blocks, size_t count,
    const struct certificate *finalization, struct buffer *out)
{
    Tallystick__V1__Certificate message;
    for (size_t i = 0; i < count; i++) {
        wire_sized(out, RANGE_BLOCKS, encoded_blocks[i].size);
        buffer_append(out, encoded_blocks[i].data, encoded_blocks[i].size);
    }
    certificate_to_message(finalization, &message);
    put_message(out, RANGE_FINALIZATION, &message.base);
}

/* Each block is the child of the one before; nothing of an epoch follows its seal. */
static int chain_check(const struct block *blocks, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (blocks[i - 1].seal_path_count > 0) return TALLY_EFORM;
        if (blocks[i].header.height != blocks[i - 1].header.height + 1) return TALLY_EFORM;
        if (!digest_equal(&blocks[i].header.parent_hash, &blocks[i - 1].hash)) return TALLY_EFORM;
    }
    return TALLY_OK;
}

int block_range_decode(struct span bytes, const struct digest *chain_id, struct arena *arena,
    struct block **blocks, size_t *count, struct certificate *finalization)
{
    ProtobufCMessage *unpacked;
    struct certificate certificate;
    int error =
        message_decode(&tallystick__v1__block_range__descriptor, MESSAGE_CANONICAL, bytes, arena, &unpacked);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__BlockRange *message = (const Tallystick__V1__BlockRange *)unpacked;
    if (message->n_blocks == 0) return TALLY_EFORM;
    error = certificate_from_message(message->finalization, &certificate);
    if (error != TALLY_OK) return error;
    struct block *read = arena_take_zeroed(arena, message->n_blocks, sizeof *read);
    if (read == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < message->n_blocks; i++) {
        error = block_from_message(message->blocks[i], chain_id, arena, &read[i]);
        if (error != TALLY_OK) return error;
    }
    error = chain_check(read, message->n_blocks);
    if (error != TALLY_OK) return error;
    *blocks = read;
    *count = message->n_blocks;
    *finalization = certificate;
    return TALLY_OK;
}
