/* The authenticated subject map's hashes: a compact sparse Merkle tree over 256-bit positions. A node is
 * H(tag | left | right), an empty subtree is 32 zero bytes, and a subtree that holds one leaf is that leaf.
 * Paths read a position from its most significant bit. */
#ifndef TALLY_CRYPTO_SUBJECT_PATH_H
#define TALLY_CRYPTO_SUBJECT_PATH_H

#include "proto/base/bytes.h"

#define SUBJECT_PATH_LENGTH_MAX 256

/* What a subject's leaf commits to. */
struct subject_leaf {
    uint64_t count;        /* events folded */
    uint64_t last_height;  /* of the newest of them */
    struct digest acc;     /* the fold */
    struct digest summary; /* H of the subject's canonical state */
};

/* A subject's position in the map, and the start of its fold. */
struct digest subject_position(const struct digest *chain_id, const struct digest *subject_id);
struct digest subject_fold_start(const struct digest *chain_id, const struct digest *subject_id);
/* acc_{i+1} from acc_i; `index` is i. */
struct digest subject_fold_step(const struct digest *acc, uint64_t index, uint64_t height, uint64_t time_ms,
    uint16_t result, const struct digest *event_id);

/* What fixes an account's events by seq, their ids and what the rules may ask of them later, from what fixed
 * those before; zeros before the first: H(TAG_ACCOUNT_IDS | before | event id | type u8 | period u32 | link
 * 32). `link` is the event that this one aims at or takes over; zeros for none. All is in the event's header;
 * it stands here again, so that who has no header yet need not believe it. */
struct digest account_ids_step(const struct digest *before, const struct digest *event_id, uint8_t type,
    uint32_t period, const struct digest *link);
/* The same of a subject's events that have an item id of 16 bytes, in the order of the fold: H(TAG_ITEM_IDS |
 * before | member u32 | item id | event id | type u32 | result u32). */
struct digest item_ids_step(const struct digest *before, uint32_t member_id, const uint8_t item_id[16],
    const struct digest *event_id, uint32_t type, uint32_t result);

struct digest subject_leaf_hash(const struct digest *position, const struct subject_leaf *leaf);
struct digest subject_node_hash(const struct digest *left, const struct digest *right);

/* Bit `index` of a position, 0 being the most significant. */
static inline unsigned position_bit(const struct digest *position, size_t index)
{
    return (unsigned)position->bytes[index / 8] >> (7 - index % 8) & 1u;
}

/* How many leading bits two positions share, 0 to 256. */
size_t position_shared_bits(const struct digest *a, const struct digest *b);

/* Folds `node`, which stands at depth `length` on the way to `position`, up to a root. `siblings[i]` is the
 * other child at depth i + 1, counted from the root. */
struct digest subject_path_root(
    const struct digest *position, const struct digest *node, const struct digest *siblings, size_t length);

#endif
