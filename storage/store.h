/* LevelDB, thinly: a sorted map from bytes to bytes, written in atomic synced batches. The only module that
 * knows it. Any thread may read; one at a time commits. */
#ifndef TALLY_STORAGE_STORE_H
#define TALLY_STORAGE_STORE_H

#include "proto/base/bytes.h"

struct store;

/* Opens the folder, making it where it is missing. Errors: TALLY_EBUSY (open elsewhere), TALLY_EDAMAGED,
 * TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM. */
int store_open(const char *dir, struct store **store) TALLY_MUST_CHECK;
void store_close(struct store *store);
/* Whether its files are written early (storage/write_behind.h): not where the system gives no watch on them.
 */
bool store_writes_early(const struct store *store);
/* From now on no read checks LevelDB's checksums: the caller has read every key with them just now. LevelDB
 * checks them at each read of a table, however often, which takes more than all else of a small one. */
void store_trust(struct store *store);
/* Deletes a store that is not open. Missing is fine. Errors: TALLY_EBUSY, TALLY_EIO. */
int store_destroy(const char *dir) TALLY_MUST_CHECK;

/* Appends the value to `value`. Errors: TALLY_ENOTFOUND, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int store_get(struct store *store, struct span key, struct buffer *value) TALLY_MUST_CHECK;

/* A batch gathers writes; store_commit applies them all, or none, and returns once they are on disk. LevelDB
 * is fastest when keys come sorted. */
struct store_batch;
struct store_batch *store_batch_make(void);
void store_batch_close(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, struct span key, struct span value);
void store_batch_remove(struct store_batch *batch, struct span key);
/* Empties the batch on success. Errors: TALLY_EIO, TALLY_EFULL, TALLY_EDAMAGED: the store takes no more
 * writes. */
int store_commit(struct store *store, struct store_batch *batch) TALLY_MUST_CHECK;

/* How far merging lags behind what was committed: at STORE_LAG_MAX a commit waits, maybe seconds, until it
 * has caught up. Any thread. */
#define STORE_LAG_MAX 12u
uint32_t store_lag(struct store *store);

/* What LevelDB takes: files by level, and memory, that of what it has not written yet included. Any thread.
 */
#define STORE_LEVELS 7u
struct store_usage {
    uint32_t files[STORE_LEVELS];
    size_t memory;
};
void store_usage(struct store *store, struct store_usage *usage);

/* Calls `seen` for each pair from `from` on whose key starts with `prefix`, in order; keys and values are
 * borrowed for the call. Stops early when it returns false. Errors: TALLY_EDAMAGED, TALLY_EIO. */
int store_scan(struct store *store, struct span prefix, struct span from,
    bool (*seen)(void *context, struct span key, struct span value), void *context) TALLY_MUST_CHECK;

/* The store as it stands at one moment, whatever is committed later. One thread at a time reads it; it is
 * closed before its store is. While it is open, files of that moment stay on disk. */
struct store_view;
/* NULL when memory is out. */
struct store_view *store_view_make(struct store *store);
void store_view_close(struct store_view *view);
/* As store_get and store_scan. */
int store_view_get(const struct store_view *view, struct span key, struct buffer *value) TALLY_MUST_CHECK;
int store_view_scan(const struct store_view *view, struct span prefix, struct span from,
    bool (*seen)(void *context, struct span key, struct span value), void *context) TALLY_MUST_CHECK;

#endif
