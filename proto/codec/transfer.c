#include "proto/codec/transfer.h"

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/codec/ruling.h"
#include "proto/codec/wire.h"
#include "proto/crypto/merkle.h"

/* Field numbers as in peer.proto. */
enum { SNAPSHOT_FINALIZED = 1, SNAPSHOT_HEAD };
enum { CHUNK_HEIGHT = 1, CHUNK_KIND, CHUNK_INDEX, CHUNK_BYTES };
enum { BACKFILL_FROM = 1 };
enum { BACKFILL_BLOCKS = 1, BACKFILL_RESULTS };

#define SMALL_ARENA_SIZE 1024u

/* ---- A snapshot's head and chunks ---- */

void snapshot_offer_encode(const struct snapshot_offer *offer, struct buffer *out)
{
    wire_number(out, SNAPSHOT_FINALIZED, offer->finalized_height);
    wire_bytes(out, SNAPSHOT_HEAD, offer->head);
}

int snapshot_offer_decode(struct span bytes, struct arena *arena, struct snapshot_offer *offer)
{
    ProtobufCMessage *raw;
    int error = message_decode(&tallystick__v1__snapshot__descriptor, MESSAGE_CANONICAL, bytes, arena, &raw);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Snapshot *message = (const Tallystick__V1__Snapshot *)raw;
    *offer = (struct snapshot_offer){message->finalized_height, span_of_bytes(message->head)};
    return TALLY_OK;
}

void chunk_request_encode(const struct chunk_place *place, struct buffer *out)
{
    wire_number(out, CHUNK_HEIGHT, place->height);
    wire_number(out, CHUNK_KIND, place->kind);
    wire_number(out, CHUNK_INDEX, place->index);
}

int chunk_request_decode(struct span bytes, struct chunk_place *place)
{
    ProtobufCMessage *raw;
    struct arena arena;
    arena_init(&arena, SMALL_ARENA_SIZE);
    int error =
        message_decode(&tallystick__v1__chunk_request__descriptor, MESSAGE_CANONICAL, bytes, &arena, &raw);
    if (error == TALLY_OK) {
        const Tallystick__V1__ChunkRequest *message = (const Tallystick__V1__ChunkRequest *)raw;
        *place = (struct chunk_place){message->height, message->kind, message->index};
    }
    arena_close(&arena);
    return error;
}

void chunk_encode(const struct chunk_place *place, struct span bytes, struct buffer *out)
{
    wire_number(out, CHUNK_HEIGHT, place->height);
    wire_number(out, CHUNK_KIND, place->kind);
    wire_number(out, CHUNK_INDEX, place->index);
    wire_bytes(out, CHUNK_BYTES, bytes);
}

int chunk_decode(struct span bytes, struct arena *arena, struct chunk_place *place, struct span *chunk)
{
    ProtobufCMessage *raw;
    int error = message_decode(&tallystick__v1__chunk__descriptor, MESSAGE_CANONICAL, bytes, arena, &raw);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Chunk *message = (const Tallystick__V1__Chunk *)raw;
    *place = (struct chunk_place){message->height, message->kind, message->index};
    *chunk = span_of_bytes(message->bytes);
    return TALLY_OK;
}

/* ---- Older blocks ---- */

void backfill_request_encode(uint64_t from_height, struct buffer *out)
{
    wire_number(out, BACKFILL_FROM, from_height);
}

int backfill_request_decode(struct span bytes, uint64_t *from_height)
{
    ProtobufCMessage *raw;
    struct arena arena;
    arena_init(&arena, SMALL_ARENA_SIZE);
    int error =
        message_decode(&tallystick__v1__backfill_request__descriptor, MESSAGE_CANONICAL, bytes, &arena, &raw);
    if (error == TALLY_OK) *from_height = ((const Tallystick__V1__BackfillRequest *)raw)->from_height;
    arena_close(&arena);
    return error;
}

void block_results_encode(const struct event_result *results, uint32_t count, struct buffer *out)
{
    for (uint32_t i = 0; i < count; i++) {
        buffer_u16(out, results[i].code);
        buffer_u8(out, results[i].detail_size);
        buffer_append(out, results[i].detail, results[i].detail_size);
    }
}

int block_results_decode(
    struct span bytes, uint32_t count, struct arena *arena, struct event_result **results)
{
    struct reader reader;
    struct event_result *read = arena_take_zeroed(arena, count, sizeof *read);
    if (read == NULL) return TALLY_ENOMEM;
    reader_init(&reader, bytes);
    for (uint32_t i = 0; i < count; i++) {
        read[i].code = reader_u16(&reader);
        read[i].detail_size = reader_u8(&reader);
        bool is_known = result_name(read[i].code) != NULL || ruling_name(read[i].code) != NULL;
        if (!is_known || read[i].detail_size > RESULT_DETAIL_SIZE_MAX) return TALLY_EFORM;
        reader_copy(&reader, read[i].detail, read[i].detail_size);
    }
    if (!reader_done(&reader)) return TALLY_EFORM;
    *results = read;
    return TALLY_OK;
}

struct digest block_results_root(const struct block *block, const struct event_result *results)
{
    struct merkle_frontier leaves;
    uint32_t index = 0;
    merkle_frontier_init(&leaves);
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct digest *event_id = &block->batches[b].events[e].id;
            struct digest leaf = result_leaf(block->header.height, index, event_id, &results[index]);
            merkle_frontier_append(&leaves, &leaf, NULL, NULL);
        }
    }
    for (uint32_t b = 0; b < block->batch_count; b++) {
        const struct batch *batch = &block->batches[b];
        if (batch->governance == NULL) continue;
        struct digest leaf = result_leaf(block->header.height, index, &batch->digest, &results[index]);
        merkle_frontier_append(&leaves, &leaf, NULL, NULL);
        index++;
    }
    CHECK(index == block_result_count(block));
    return merkle_frontier_root(&leaves);
}

void backfill_encode(const struct span *blocks, const struct span *results, size_t count, struct buffer *out)
{
    CHECK(count <= BACKFILL_BLOCKS_MAX);
    for (size_t i = 0; i < count; i++) {
        wire_sized(out, BACKFILL_BLOCKS, blocks[i].size);
        buffer_append(out, blocks[i].data, blocks[i].size);
    }
    for (size_t i = 0; i < count; i++) {
        wire_sized(out, BACKFILL_RESULTS, results[i].size);
        buffer_append(out, results[i].data, results[i].size);
    }
}

int backfill_decode(
    struct span bytes, const struct digest *chain_id, struct arena *arena, struct backfill *backfill)
{
    ProtobufCMessage *raw;
    int error = message_decode(&tallystick__v1__backfill__descriptor, MESSAGE_CANONICAL, bytes, arena, &raw);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Backfill *message = (const Tallystick__V1__Backfill *)raw;
    if (message->n_blocks != message->n_results) return TALLY_EFORM;
    if (message->n_blocks > BACKFILL_BLOCKS_MAX) return TALLY_ELIMIT;
    struct backfill read = {.count = (uint32_t)message->n_blocks};
    read.blocks = arena_take_zeroed(arena, read.count, sizeof *read.blocks);
    read.results = arena_take_zeroed(arena, read.count, sizeof(struct event_result *));
    if (read.blocks == NULL || read.results == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < read.count && error == TALLY_OK; i++) {
        error = block_decode(span_of_bytes(message->blocks[i]), chain_id, arena, &read.blocks[i]);
        if (error == TALLY_OK)
            error = block_results_decode(span_of_bytes(message->results[i]),
                block_result_count(&read.blocks[i]), arena, &read.results[i]);
    }
    if (error == TALLY_OK) *backfill = read;
    return error;
}
