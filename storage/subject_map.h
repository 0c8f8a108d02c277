/* The authenticated subject map in memory: the compact sparse Merkle tree of proto/crypto/subject_path.h.
 *
 * Versions follow one another: an update makes the newest from the newest, sharing all untouched nodes with
 * it, and versions are let go oldest first. Both of an update stay readable; so a node that a version no
 * longer has is freed when the versions before it are let go, and nobody counts holders.
 *
 * Threads: one makes and lets go versions. Others may read a version meanwhile, as long as it is not let go.
 */
#ifndef TALLY_STORAGE_SUBJECT_MAP_H
#define TALLY_STORAGE_SUBJECT_MAP_H

#include "proto/codec/history.h"

/* Paths that are fetched from memory side by side. */
#define SUBJECT_MAP_FETCH_MAX 32u

/* All versions, and their memory. */
struct subject_map_pool;

/* One version; zeros are the empty map. Copy it freely: it stands until it is let go. */
struct subject_map {
    const struct subject_map_pool *pool;
    uint32_t top; /* the pool's own */
    struct digest root;
};

/* Holds one version, the empty one. NULL when memory is out. */
struct subject_map_pool *subject_map_pool_make(void);
/* Frees the memory of every version. */
void subject_map_pool_close(struct subject_map_pool *pool);
/* Leaves and inner nodes alive, over all versions. */
size_t subject_map_pool_nodes(const struct subject_map_pool *pool);
/* Of them, those that the newest version does not have. */
size_t subject_map_pool_older_nodes(const struct subject_map_pool *pool);

struct subject_map_update {
    struct digest position;
    struct subject_leaf leaf;
};

/* Makes the next version of the newest, in which each update's leaf stands at its position; sorts `updates`,
 * whose positions differ. Each touched node is hashed once. Errors: TALLY_ENOMEM: there is no new version. */
int subject_map_update(struct subject_map_pool *pool, struct subject_map_update *updates, size_t count,
    struct subject_map *next) TALLY_MUST_CHECK;
/* Lets go of the oldest version that is left, which is not the newest (CHECKed). */
void subject_map_release_oldest(struct subject_map_pool *pool);

/* Begins to bring the paths to these positions into the processor's cache. At most SUBJECT_MAP_FETCH_MAX
 * (CHECKed). */
void subject_map_fetch(const struct subject_map *map, const struct digest *const *positions, size_t count);

/* NULL when there is no leaf at the position. Borrowed from the version. */
const struct subject_leaf *subject_map_find(const struct subject_map *map, const struct digest *position);

struct subject_map_proof {
    enum history_place place;
    struct subject_leaf leaf;     /* present or other */
    struct digest other_position; /* other */
    uint32_t sibling_count;
    struct digest siblings[SUBJECT_PATH_LENGTH_MAX]; /* from the root downwards */
};
void subject_map_prove(
    const struct subject_map *map, const struct digest *position, struct subject_map_proof *proof);

#endif
