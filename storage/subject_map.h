/* The authenticated subject map in memory: the compact sparse Merkle tree of proto/crypto/subject_path.h.
 *
 * Copy-on-write: an update makes a new version that shares all untouched nodes with the old one, and both
 * stay readable until they are released. A pool owns the memory of all versions made from it. One thread at a
 * time uses a pool and its versions. */
#ifndef TALLY_STORAGE_SUBJECT_MAP_H
#define TALLY_STORAGE_SUBJECT_MAP_H

#include "proto/codec/history.h"

struct subject_map_pool;
/* One version; NULL is the empty map. */
struct subject_map_node;

/* NULL when memory is out. */
struct subject_map_pool *subject_map_pool_make(void);
/* Frees the memory of every version made from it, released or not. */
void subject_map_pool_close(struct subject_map_pool *pool);
/* Leaves and inner nodes alive, over all versions. */
size_t subject_map_pool_nodes(const struct subject_map_pool *pool);

struct subject_map_update {
    struct digest position;
    struct subject_leaf leaf;
};

/* Makes in *next a version of `base` in which each update's leaf stands at its position; sorts `updates`,
 * whose positions differ. Each touched node is hashed once. `base` stays as it was; *next is to be released.
 * Errors: TALLY_ENOMEM. */
int subject_map_update(struct subject_map_pool *pool, struct subject_map_node *base,
    struct subject_map_update *updates, size_t count, struct subject_map_node **next) TALLY_MUST_CHECK;
/* One more holder of a version; returns it. */
struct subject_map_node *subject_map_retain(struct subject_map_node *map);
void subject_map_release(struct subject_map_pool *pool, struct subject_map_node *map);

/* 32 zero bytes for the empty map. */
struct digest subject_map_root(const struct subject_map_node *map);

/* NULL when there is no leaf at the position. Borrowed from the version. */
const struct subject_leaf *subject_map_find(
    const struct subject_map_node *map, const struct digest *position);

struct subject_map_proof {
    enum history_place place;
    struct subject_leaf leaf;     /* present or other */
    struct digest other_position; /* other */
    uint32_t sibling_count;
    struct digest siblings[SUBJECT_PATH_LENGTH_MAX]; /* from the root downwards */
};
void subject_map_prove(
    const struct subject_map_node *map, const struct digest *position, struct subject_map_proof *proof);

#endif
