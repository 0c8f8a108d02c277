/* Writes that are not yet in the store, in three tables: those of the block that is being applied, which the
 * owner alone sees until it publishes them all at once; the live ones of the blocks before; and, where there
 * are any, the frozen ones, which are on their way to the store. A lookup finds the newest.
 *
 * Threads: one thread, the owner, writes, looks up, publishes, freezes and drops. Any other may copy, scan
 * and gather meanwhile. */
#ifndef TALLY_STORAGE_OVERLAY_H
#define TALLY_STORAGE_OVERLAY_H

#include "proto/base/arena.h"
#include "storage/store.h"

#define OVERLAY_KEY_SIZE_MAX 64u

struct overlay;

/* NULL when memory is out. */
struct overlay *overlay_make(void);
void overlay_close(struct overlay *overlay);

/* ---- The owner ---- */

/* Writes for the owner's eyes; copies both. Errors: TALLY_ENOMEM. */
int overlay_put(struct overlay *overlay, struct span key, struct span value) TALLY_MUST_CHECK;
/* Makes all that was put visible to everyone, as of one moment. */
void overlay_publish(struct overlay *overlay);
/* *value is borrowed until the owner's next call that is not a lookup. */
bool overlay_get(const struct overlay *overlay, struct span key, struct span *value);
/* Bytes that the tables hold, keys and what was overwritten included; live ones with those to be published.
 */
size_t overlay_live_size(const struct overlay *overlay);
size_t overlay_frozen_size(const struct overlay *overlay);
/* Makes the live table the frozen one and begins another. There is no frozen one, and nothing to be published
 * (CHECKed). Errors: TALLY_ENOMEM: nothing has changed. */
int overlay_freeze(struct overlay *overlay) TALLY_MUST_CHECK;
/* Lets go of the frozen table: the store has what it held. A large one's memory is kept for the next. */
void overlay_drop_frozen(struct overlay *overlay);

/* ---- Any thread ---- */

/* Appends the newest value to `out`. Errors: TALLY_ENOTFOUND, TALLY_ENOMEM (and `out` has failed). */
int overlay_copy(struct overlay *overlay, struct span key, struct buffer *out) TALLY_MUST_CHECK;
/* Puts the whole frozen table into `batch`, sorted by key. For one thread at a time, between
 * overlay_freeze and overlay_drop_frozen. Errors: TALLY_ENOMEM. */
int overlay_gather(struct overlay *overlay, struct store_batch *batch) TALLY_MUST_CHECK;

struct overlay_pair {
    struct span key, value;
};
/* The newest writes under keys that start with `prefix` and are at or above `from`, sorted; all in the arena.
 * Looks at everything whose key begins with the same byte. Errors: TALLY_ENOMEM. */
int overlay_scan(struct overlay *overlay, struct span prefix, struct span from, struct arena *arena,
    struct overlay_pair **pairs, size_t *count) TALLY_MUST_CHECK;

#endif
