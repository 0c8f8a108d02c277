/* Writes that are not yet in the store, in layers: one a block, oldest to newest. A lookup finds the newest.
 * Flushed layers stay for reading while they fit a budget, and go oldest first. One thread at a time uses an
 * overlay. */
#ifndef TALLY_STORAGE_OVERLAY_H
#define TALLY_STORAGE_OVERLAY_H

#include "storage/store.h"

#define OVERLAY_KEY_SIZE_MAX 64u

struct overlay;

/* NULL when memory is out. */
struct overlay *overlay_make(size_t cache_size_max);
void overlay_close(struct overlay *overlay);

/* Begins the layer of `height`, above all others. Errors: TALLY_ENOMEM. */
int overlay_begin(struct overlay *overlay, uint64_t height) TALLY_MUST_CHECK;
/* Writes into the newest layer, which there is and which is not flushed (CHECKed). Copies both. Errors:
 * TALLY_ENOMEM. */
int overlay_put(struct overlay *overlay, struct span key, struct span value) TALLY_MUST_CHECK;
/* *value is borrowed until the next call that is not a lookup. */
bool overlay_get(const struct overlay *overlay, struct span key, struct span *value);

/* Bytes in unflushed layers. */
size_t overlay_unflushed_size(const struct overlay *overlay);

/* Puts the newest writes of unflushed layers up to `height` into `batch`, sorted by key, taking layers from
 * the oldest on until about `size_max` bytes, at least one. *reached is the newest layer's height taken; 0
 * when there is none. Errors: TALLY_ENOMEM. */
int overlay_gather(const struct overlay *overlay, uint64_t height, size_t size_max, struct store_batch *batch,
    uint64_t *reached) TALLY_MUST_CHECK;
/* Marks the layers up to `height` as flushed and drops what exceeds the cache budget. */
void overlay_flushed(struct overlay *overlay, uint64_t height);

struct overlay_pair {
    struct span key, value;
};
/* The newest writes under keys that start with `prefix` and are at or above `from`, sorted; malloc'd,
 * borrowed from the overlay as overlay_get says. Looks at everything there is. Errors: TALLY_ENOMEM. */
int overlay_scan(const struct overlay *overlay, struct span prefix, struct span from,
    struct overlay_pair **pairs, size_t *count) TALLY_MUST_CHECK;

#endif
