#include "storage/overlay.h"

#include <stdlib.h>

#include "proto/base/arena.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define BUCKETS_MIN 1024u

struct entry {
    struct entry *next_in_bucket;
    struct entry *next_in_layer;
    struct layer *layer;
    uint8_t *value;
    uint64_t hash;
    uint32_t value_size;
    uint32_t value_room;
    uint16_t key_size;
    bool superseded; /* a newer layer has the key; it is in no bucket */
    uint8_t key[];
};

struct layer {
    struct layer *newer;
    uint64_t height;
    struct arena arena;
    struct entry *entries;
    size_t count;
    bool flushed;
};

struct overlay {
    struct entry **buckets;
    size_t bucket_count, entry_count; /* entries in buckets */
    struct layer *oldest, *newest;
    uint64_t seed; /* so that nobody can choose keys that collide; order never reaches a digest */
    size_t cache_size_max;
};

struct overlay *overlay_make(size_t cache_size_max)
{
    struct overlay *overlay = calloc(1, sizeof *overlay);
    if (overlay == NULL) return NULL;
    overlay->bucket_count = BUCKETS_MIN;
    overlay->buckets = calloc(overlay->bucket_count, sizeof(struct entry *));
    overlay->cache_size_max = cache_size_max;
    random_bytes(&overlay->seed, sizeof overlay->seed);
    if (overlay->buckets != NULL) return overlay;
    free(overlay);
    return NULL;
}

static void layer_free(struct layer *layer)
{
    arena_close(&layer->arena);
    free(layer);
}

void overlay_close(struct overlay *overlay)
{
    if (overlay == NULL) return;
    while (overlay->oldest != NULL) {
        struct layer *newer = overlay->oldest->newer;
        layer_free(overlay->oldest);
        overlay->oldest = newer;
    }
    free(overlay->buckets);
    free(overlay);
}

int overlay_begin(struct overlay *overlay, uint64_t height)
{
    CHECK(overlay->newest == NULL || overlay->newest->height < height);
    struct layer *layer = calloc(1, sizeof *layer);
    if (layer == NULL) return TALLY_ENOMEM;
    layer->height = height;
    arena_init(&layer->arena, SIZE_MAX / 8);
    if (overlay->newest != NULL)
        overlay->newest->newer = layer;
    else
        overlay->oldest = layer;
    overlay->newest = layer;
    return TALLY_OK;
}

static uint64_t hash_of(const struct overlay *overlay, struct span key)
{
    uint64_t hash = overlay->seed ^ key.size;
    const uint8_t *at = key.data;
    for (size_t left = key.size; left > 0;) {
        uint64_t word = 0;
        size_t size = left < sizeof word ? left : sizeof word;
        memcpy(&word, at, size);
        __uint128_t product = (__uint128_t)(hash ^ word) * 0x9E3779B97F4A7C15u;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ overlay->seed;
        at += size;
        left -= size;
    }
    return hash;
}

static struct entry **slot_of(const struct overlay *overlay, uint64_t hash, struct span key)
{
    struct entry **slot = &overlay->buckets[hash & (overlay->bucket_count - 1)];
    while (*slot != NULL) {
        const struct entry *entry = *slot;
        if (entry->hash == hash && span_equal(span_of(entry->key, entry->key_size), key)) break;
        slot = &(*slot)->next_in_bucket;
    }
    return slot;
}

static void grow(struct overlay *overlay)
{
    size_t count = overlay->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL) return; /* longer chains are slower, and right */
    for (size_t i = 0; i < overlay->bucket_count; i++) {
        for (struct entry *entry = overlay->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next_in_bucket;
            struct entry **slot = &buckets[entry->hash & (count - 1)];
            entry->next_in_bucket = *slot;
            *slot = entry;
        }
    }
    free(overlay->buckets);
    overlay->buckets = buckets;
    overlay->bucket_count = count;
}

static int value_set(struct entry *entry, struct span value)
{
    if (value.size > entry->value_room || entry->value == NULL) {
        uint8_t *room = arena_take(&entry->layer->arena, value.size);
        if (room == NULL) return TALLY_ENOMEM;
        entry->value = room;
        entry->value_room = (uint32_t)value.size;
    }
    if (value.size > 0) memcpy(entry->value, value.data, value.size);
    entry->value_size = (uint32_t)value.size;
    return TALLY_OK;
}

int overlay_put(struct overlay *overlay, struct span key, struct span value)
{
    struct layer *layer = overlay->newest;
    CHECK(layer != NULL && !layer->flushed);
    CHECK(key.size > 0 && key.size <= OVERLAY_KEY_SIZE_MAX && value.size <= UINT32_MAX);
    uint64_t hash = hash_of(overlay, key);
    struct entry **slot = slot_of(overlay, hash, key);
    if (*slot != NULL && (*slot)->layer == layer) return value_set(*slot, value);
    struct entry *entry = arena_take_zeroed(&layer->arena, 1, sizeof *entry + key.size);
    if (entry == NULL) return TALLY_ENOMEM;
    entry->layer = layer;
    entry->hash = hash;
    entry->key_size = (uint16_t)key.size;
    memcpy(entry->key, key.data, key.size);
    int error = value_set(entry, value);
    if (error != TALLY_OK) return error;
    entry->next_in_layer = layer->entries;
    layer->entries = entry;
    layer->count++;
    if (*slot != NULL) {
        (*slot)->superseded = true;
        entry->next_in_bucket = (*slot)->next_in_bucket;
        *slot = entry;
        return TALLY_OK;
    }
    *slot = entry;
    if (++overlay->entry_count > overlay->bucket_count) grow(overlay);
    return TALLY_OK;
}

bool overlay_get(const struct overlay *overlay, struct span key, struct span *value)
{
    const struct entry *entry = *slot_of(overlay, hash_of(overlay, key), key);
    if (entry == NULL) return false;
    *value = span_of(entry->value, entry->value_size);
    return true;
}

size_t overlay_unflushed_size(const struct overlay *overlay)
{
    size_t size = 0;
    for (const struct layer *layer = overlay->oldest; layer != NULL; layer = layer->newer)
        if (!layer->flushed) size += layer->arena.used;
    return size;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(x->key, y->key, size);
    if (order != 0) return order;
    if (x->key_size != y->key_size) return x->key_size < y->key_size ? -1 : 1;
    return (x->layer->height > y->layer->height) - (x->layer->height < y->layer->height);
}

static bool same_key(const struct entry *a, const struct entry *b)
{
    return span_equal(span_of(a->key, a->key_size), span_of(b->key, b->key_size));
}

int overlay_gather(const struct overlay *overlay, uint64_t height, size_t size_max, struct store_batch *batch,
    uint64_t *reached)
{
    size_t count = 0, size = 0;
    *reached = 0;
    const struct layer *first = overlay->oldest, *layer;
    while (first != NULL && first->flushed)
        first = first->newer;
    for (layer = first; layer != NULL && layer->height <= height; layer = layer->newer) {
        if (*reached != 0 && size + layer->arena.used > size_max) break;
        size += layer->arena.used;
        count += layer->count;
        *reached = layer->height;
    }
    if (*reached == 0) return TALLY_OK;
    struct entry **sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) return TALLY_ENOMEM;
    size_t at = 0;
    for (layer = first; layer != NULL && layer->height <= *reached; layer = layer->newer)
        for (struct entry *entry = layer->entries; entry != NULL; entry = entry->next_in_layer)
            sorted[at++] = entry;
    CHECK(at == count);
    qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && same_key(sorted[i], sorted[i + 1])) continue; /* a newer one follows */
        store_batch_put(batch, span_of(sorted[i]->key, sorted[i]->key_size),
            span_of(sorted[i]->value, sorted[i]->value_size));
    }
    free(sorted);
    return TALLY_OK;
}

static void drop_oldest(struct overlay *overlay)
{
    struct layer *layer = overlay->oldest;
    for (struct entry *entry = layer->entries; entry != NULL; entry = entry->next_in_layer) {
        if (entry->superseded) continue;
        struct entry **slot = slot_of(overlay, entry->hash, span_of(entry->key, entry->key_size));
        CHECK(*slot == entry);
        *slot = entry->next_in_bucket;
        overlay->entry_count--;
    }
    overlay->oldest = layer->newer;
    if (overlay->oldest == NULL) overlay->newest = NULL;
    layer_free(layer);
}

void overlay_flushed(struct overlay *overlay, uint64_t height)
{
    size_t cached = 0;
    for (struct layer *layer = overlay->oldest; layer != NULL; layer = layer->newer) {
        if (layer->height <= height) layer->flushed = true;
        if (layer->flushed) cached += layer->arena.used;
    }
    while (overlay->oldest != NULL && overlay->oldest->flushed && cached > overlay->cache_size_max) {
        cached -= overlay->oldest->arena.used;
        drop_oldest(overlay);
    }
}

static int by_pair_key(const void *a, const void *b)
{
    const struct overlay_pair *x = a, *y = b;
    size_t size = x->key.size < y->key.size ? x->key.size : y->key.size;
    int order = memcmp(x->key.data, y->key.data, size);
    return order != 0 ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

int overlay_scan(const struct overlay *overlay, struct span prefix, struct span from,
    struct overlay_pair **pairs, size_t *count)
{
    CHECK(prefix.size > 0 && from.size >= prefix.size);
    size_t capacity = 0, found = 0;
    struct overlay_pair *list = NULL;
    for (size_t i = 0; i < overlay->bucket_count; i++) {
        for (const struct entry *entry = overlay->buckets[i]; entry != NULL; entry = entry->next_in_bucket) {
            struct overlay_pair pair = {
                span_of(entry->key, entry->key_size), span_of(entry->value, entry->value_size)};
            struct overlay_pair least = {from, from};
            if (pair.key.size < prefix.size || memcmp(pair.key.data, prefix.data, prefix.size) != 0) continue;
            if (by_pair_key(&pair, &least) < 0) continue;
            if (found == capacity) {
                capacity = capacity == 0 ? 64 : capacity * 2;
                struct overlay_pair *larger = realloc(list, capacity * sizeof *list);
                if (larger == NULL) {
                    free(list);
                    return TALLY_ENOMEM;
                }
                list = larger;
            }
            list[found++] = pair;
        }
    }
    if (found > 1) qsort(list, found, sizeof *list, by_pair_key);
    *pairs = list;
    *count = found;
    return TALLY_OK;
}
