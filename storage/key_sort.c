#include "storage/key_sort.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* So many keys or more are dealt out. */
#define DEALT_MIN (1u << 15)
#define DEAL_BITS 16u
#define BUCKETS (1u << DEAL_BITS)

struct key_sort {
    struct key_item *items, *dealt;
    size_t count, capacity;
    size_t ends[BUCKETS]; /* of each bucket, in what is dealt */
};

struct key_sort *key_sort_make(size_t capacity)
{
    struct key_sort *sort = calloc(1, sizeof *sort);
    if (sort == NULL) return NULL;
    sort->capacity = capacity;
    sort->items = calloc(capacity + 1, sizeof *sort->items);
    sort->dealt = capacity < DEALT_MIN ? NULL : calloc(capacity, sizeof *sort->dealt);
    if (sort->items != NULL && (sort->dealt != NULL || capacity < DEALT_MIN)) return sort;
    key_sort_close(sort);
    return NULL;
}

void key_sort_close(struct key_sort *sort)
{
    if (sort == NULL) return;
    free(sort->items);
    free(sort->dealt);
    free(sort);
}

void key_sort_add(struct key_sort *sort, struct span key)
{
    CHECK(sort->count < sort->capacity);
    uint8_t start[8] = {0};
    if (key.size > 0) memcpy(start, key.data, key.size < sizeof start ? key.size : sizeof start);
    sort->items[sort->count++] = (struct key_item){.start = get_u64(start), .key = key};
}

static int by_key(const void *a, const void *b)
{
    const struct key_item *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    size_t size = x->key.size < y->key.size ? x->key.size : y->key.size;
    int order = size == 0 ? 0 : memcmp(x->key.data, y->key.data, size);
    return order != 0 ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

static size_t *end_of(struct key_sort *sort, const struct key_item *item)
{
    return &sort->ends[item->start >> (64 - DEAL_BITS)];
}

static void deal(struct key_sort *sort, size_t count)
{
    size_t end = 0;
    memset(sort->ends, 0, sizeof sort->ends);
    for (size_t i = 0; i < count; i++)
        ++*end_of(sort, &sort->items[i]);
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        size_t size = sort->ends[bucket];
        sort->ends[bucket] = end;
        end += size;
    }
    for (size_t i = 0; i < count; i++)
        sort->dealt[(*end_of(sort, &sort->items[i]))++] = sort->items[i];
}

const struct key_item *key_sort_done(struct key_sort *sort, size_t *count)
{
    *count = sort->count;
    sort->count = 0;
    if (*count < DEALT_MIN) {
        qsort(sort->items, *count, sizeof *sort->items, by_key);
        return sort->items;
    }
    deal(sort, *count);
    for (size_t bucket = 0, from = 0; bucket < BUCKETS; from = sort->ends[bucket++])
        if (sort->ends[bucket] - from > 1)
            qsort(sort->dealt + from, sort->ends[bucket] - from, sizeof *sort->dealt, by_key);
    return sort->dealt;
}
