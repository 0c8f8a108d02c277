/* What a node that joins is sent: a snapshot's head, its chunks, and the blocks below it with their results.
 * What is in a head or a chunk is not looked at here. Decoders accept canonical bytes only; what they fill
 * borrows from the arena. Errors of every decoder: TALLY_EFORM, TALLY_ELIMIT, TALLY_ENOMEM. */
#ifndef TALLY_CODEC_TRANSFER_H
#define TALLY_CODEC_TRANSFER_H

#include "proto/codec/agreement.h"
#include "proto/codec/result.h"

struct snapshot_offer {
    uint64_t finalized_height; /* the peer's own */
    struct span head;          /* empty = it has none to give */
};

/* One part of the snapshot at `height`, by the numbers of storage/snapshot.h. */
struct chunk_place {
    uint64_t height;
    uint32_t kind, index;
};

void snapshot_offer_encode(const struct snapshot_offer *offer, struct buffer *out);
int snapshot_offer_decode(
    struct span bytes, struct arena *arena, struct snapshot_offer *offer) TALLY_MUST_CHECK;

void chunk_request_encode(const struct chunk_place *place, struct buffer *out);
int chunk_request_decode(struct span bytes, struct chunk_place *place) TALLY_MUST_CHECK;

/* Empty bytes: the snapshot is gone. */
void chunk_encode(const struct chunk_place *place, struct span bytes, struct buffer *out);
int chunk_decode(
    struct span bytes, struct arena *arena, struct chunk_place *place, struct span *chunk) TALLY_MUST_CHECK;

void backfill_request_encode(uint64_t from_height, struct buffer *out);
int backfill_request_decode(struct span bytes, uint64_t *from_height) TALLY_MUST_CHECK;

/* Appends one block's results, as a Backfill carries them. */
void block_results_encode(const struct event_result *results, uint32_t count, struct buffer *out);
/* Exactly `count` of them, of known codes. */
int block_results_decode(
    struct span bytes, uint32_t count, struct arena *arena, struct event_result **results) TALLY_MUST_CHECK;
/* The root of one block's results: a result for each event, in order. */
struct digest block_results_root(const struct block *block, const struct event_result *results);

#define BACKFILL_BLOCKS_MAX 1024u

/* At most BACKFILL_BLOCKS_MAX blocks, as block_encode and block_results_encode made them. */
void backfill_encode(const struct span *blocks, const struct span *results, size_t count, struct buffer *out);
/* Blocks, and results[i][e] of block i's event e. Their heights, hashes and signatures are the caller's to
 * check. A block of another chain: TALLY_ECHAIN; a body that misses its commitment: TALLY_EDAMAGED. */
struct backfill {
    uint32_t count;
    struct block *blocks;
    struct event_result **results;
};
int backfill_decode(struct span bytes, const struct digest *chain_id, struct arena *arena,
    struct backfill *backfill) TALLY_MUST_CHECK;

#endif
