/* Merkle trees over an ordered list, as RFC 9162 section 2.1 defines them: leaf H(0x00 | data), node H(0x01 |
 * l | r), and an empty tree's root the hash of nothing. Here every leaf's data is a 32-byte digest. */
#ifndef TALLY_CRYPTO_MERKLE_H
#define TALLY_CRYPTO_MERKLE_H

#include "proto/base/bytes.h"

#define MERKLE_DEPTH_MAX 64

struct digest merkle_leaf(const struct digest *data);
struct digest merkle_node(const struct digest *left, const struct digest *right);

/* Root over `count` digests; `leaves` may be NULL when count is 0. */
struct digest merkle_root(const struct digest *leaves, size_t count);

/* The inclusion path of leaf `index` (< count), from the leaf's sibling upwards; returns its length, at most
 * MERKLE_DEPTH_MAX. `path` has room for that. Source: RFC 9162, 2.1.3.1. */
size_t merkle_path(const struct digest *leaves, size_t count, size_t index, struct digest *path);

/* Errors: TALLY_EINVALID (the path does not lead from this leaf to this root, or has another length than the
 * tree's shape demands). Source: RFC 9162, 2.1.3.2. */
int merkle_path_check(const struct digest *leaf_data, uint64_t index, uint64_t count,
    const struct digest *path, size_t path_length, const struct digest *root) TALLY_MUST_CHECK;

/* A tree that only grows, kept as the roots of its complete subtrees, largest first. Copyable; 2 KiB. */
struct merkle_frontier {
    uint64_t count;
    struct digest peaks[MERKLE_DEPTH_MAX]; /* one for each bit set in count, highest bit first */
};

void merkle_frontier_init(struct merkle_frontier *frontier);

/* Appends one leaf. Each complete subtree this finishes (the leaf itself first, then larger ones) is told to
 * `seen`, if given: level 0 is leaves, index counts subtrees of that level from 0. A store of these makes any
 * path later. */
void merkle_frontier_append(struct merkle_frontier *frontier, const struct digest *data,
    void (*seen)(void *context, uint32_t level, uint64_t index, const struct digest *node), void *context);
struct digest merkle_frontier_root(const struct merkle_frontier *frontier);

/* Root over the roots of consecutive runs of leaves, all of one power of two of them but the last, which may
 * have fewer. */
struct digest merkle_join(const struct digest *roots, size_t count);

/* The inclusion path of `index` in a tree of `count` leaves, reading complete subtrees through `get` (which
 * returns TALLY_OK or an error, passed on). *path_length is set on success. */
int merkle_stored_path(uint64_t count, uint64_t index,
    int (*get)(void *context, uint32_t level, uint64_t index, struct digest *node), void *context,
    struct digest *path, size_t *path_length) TALLY_MUST_CHECK;

/* A consistency path's most digests: one for each level, and the older tree's own end. */
#define MERKLE_CONSISTENCY_MAX (MERKLE_DEPTH_MAX + 1)

/* The path that shows a tree of `older` leaves (at least 1) to be the beginning of one of `newer` (no fewer):
 * empty where they are equal. Reads and errors as merkle_stored_path; `path` has room for
 * MERKLE_CONSISTENCY_MAX. Source: RFC 9162, 2.1.4.1. */
int merkle_stored_consistency(uint64_t older, uint64_t newer,
    int (*get)(void *context, uint32_t level, uint64_t index, struct digest *node), void *context,
    struct digest *path, size_t *path_length) TALLY_MUST_CHECK;

/* Errors: TALLY_EINVALID (the path does not join these two roots, or has another length than the trees'
 * shapes demand, or `older` is 0 or above `newer`). Source: RFC 9162, 2.1.4.2. */
int merkle_consistency_check(uint64_t older, uint64_t newer, const struct digest *path, size_t path_length,
    const struct digest *older_root, const struct digest *newer_root) TALLY_MUST_CHECK;

#endif
