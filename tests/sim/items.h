/* Arrays that grow. */
#ifndef TALLY_SIM_ITEMS_H
#define TALLY_SIM_ITEMS_H

#include <stdlib.h>

#include "proto/base/check.h"

/* Room for one more item of `size` bytes behind `count`: the array, moved where it had to be. */
static inline void *items_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    *capacity = *capacity == 0 ? 32 : 2 * *capacity;
    items = realloc(items, *capacity * size);
    CHECK(items != NULL);
    return items;
}

#endif
