/* Sorts many keys. Those that begin with a digest are spread evenly, so that dealt out by their first bits
 * they are all but sorted; others cost what qsort does. */
#ifndef TALLY_STORAGE_KEY_SORT_H
#define TALLY_STORAGE_KEY_SORT_H

#include "proto/base/bytes.h"

/* A key, borrowed, with the start of it: most are told apart without a look at the rest. */
struct key_item {
    uint64_t start;
    struct span key;
};

struct key_sort;

/* Room for `capacity` keys at a time; NULL when memory is out. */
struct key_sort *key_sort_make(size_t capacity);
void key_sort_close(struct key_sort *sort);

/* There is room for it (CHECKed). */
void key_sort_add(struct key_sort *sort, struct span key);
/* The *count that were added, by their bytes, those of equal keys in any order; borrowed until the next call.
 * The next that is added is then the first. */
const struct key_item *key_sort_done(struct key_sort *sort, size_t *count);

#endif
