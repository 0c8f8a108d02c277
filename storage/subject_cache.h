/* Subjects' stored values that were used lately, in bounded memory: what the rules read need not come from
 * the store. Which of them stay makes no difference to what is read. One thread at a time uses a cache. */
#ifndef TALLY_STORAGE_SUBJECT_CACHE_H
#define TALLY_STORAGE_SUBJECT_CACHE_H

#include <stdbool.h>

#include "proto/base/bytes.h"

#define SUBJECT_CACHE_FETCH_MAX 32u

struct subject_cache;

/* Holds at most about `size_max` bytes. NULL when memory is out. */
struct subject_cache *subject_cache_make(size_t size_max);
void subject_cache_close(struct subject_cache *cache);

/* Keeps the subject's newest value, forgetting others for it, or it itself where memory is out. */
void subject_cache_put(struct subject_cache *cache, const struct digest *subject_id, struct span value);
/* *value is borrowed until the next put. */
bool subject_cache_get(struct subject_cache *cache, const struct digest *subject_id, struct span *value);
/* Begins to bring the places and values of these subjects into the processor's cache. At most
 * SUBJECT_CACHE_FETCH_MAX (CHECKed). */
void subject_cache_fetch(
    const struct subject_cache *cache, const struct digest *const *subject_ids, size_t count);
/* Bytes held now. */
size_t subject_cache_size(const struct subject_cache *cache);

#endif
