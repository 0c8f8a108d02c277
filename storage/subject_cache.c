#include "storage/subject_cache.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest_hash.h"

/* About what an entry takes, and the least: tables are made for a full cache, and fill with it, for to move
 * a million entries to larger ones takes longer than a block may. */
#define ENTRY_COST 256u
#define ENTRY_COST_MIN (sizeof(struct entry) + ROOM_STEP + 2 * sizeof(struct entry *))
/* Values grow a little with each event: a place has room for some. */
#define ROOM_STEP 64u
/* The hand passes at most so many that were used: where all were, it takes the next. Past a million it would
 * take longer than a block may. */
#define PASSED_MAX 64u
/* How much of an entry is fetched from memory before it is needed. */
#define FETCH_SIZE 384u
#define CACHE_LINE 64u

struct entry {
    struct entry *next_in_bucket;
    struct digest subject_id;
    uint32_t place; /* in the ring */
    uint32_t hash;
    uint32_t size, room;
    bool used; /* since the hand last passed */
    uint8_t value[];
};

/* The hand goes round the entries and takes the first that was not used since it passed: CLOCK, but for
 * PASSED_MAX. */
struct subject_cache {
    struct digest_hash_key key;
    size_t size, size_max;
    struct entry **buckets;
    size_t bucket_count;
    struct entry **ring;
    uint32_t count, hand;
};

struct subject_cache *subject_cache_make(size_t size_max)
{
    struct subject_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) return NULL;
    digest_hash_key_init(&cache->key);
    cache->size_max = size_max;
    cache->bucket_count = 1;
    while (cache->bucket_count < size_max / ENTRY_COST)
        cache->bucket_count *= 2;
    cache->buckets = calloc(cache->bucket_count, sizeof *cache->buckets);
    cache->ring = calloc(size_max / ENTRY_COST_MIN + 1, sizeof *cache->ring);
    if (cache->buckets != NULL && cache->ring != NULL) return cache;
    subject_cache_close(cache);
    return NULL;
}

void subject_cache_close(struct subject_cache *cache)
{
    if (cache == NULL) return;
    for (uint32_t i = 0; i < cache->count; i++)
        free(cache->ring[i]);
    free(cache->ring);
    free(cache->buckets);
    free(cache);
}

static struct entry **bucket_of(const struct subject_cache *cache, uint32_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static struct entry **slot_of(
    const struct subject_cache *cache, uint32_t hash, const struct digest *subject_id)
{
    struct entry **slot = bucket_of(cache, hash);
    while (*slot != NULL && !digest_equal(&(*slot)->subject_id, subject_id))
        slot = &(*slot)->next_in_bucket;
    return slot;
}

static size_t cost_of(const struct entry *entry)
{
    return sizeof *entry + entry->room + 2 * sizeof entry;
}

static void drop(struct subject_cache *cache, struct entry **slot)
{
    struct entry *entry = *slot;
    *slot = entry->next_in_bucket;
    cache->size -= cost_of(entry);
    struct entry *last = cache->ring[--cache->count];
    cache->ring[entry->place] = last;
    last->place = entry->place;
    free(entry);
}

static void drop_unused(struct subject_cache *cache)
{
    CHECK(cache->count > 0);
    for (uint32_t passed = 0;; passed++) {
        if (cache->hand >= cache->count) cache->hand = 0;
        struct entry *entry = cache->ring[cache->hand];
        if (!entry->used || passed == PASSED_MAX) {
            /* The newest takes its place, behind the hand. */
            drop(cache, slot_of(cache, entry->hash, &entry->subject_id));
            cache->hand++;
            return;
        }
        entry->used = false;
        cache->hand++;
    }
}

static void add(
    struct subject_cache *cache, uint32_t hash, const struct digest *subject_id, struct span value)
{
    uint32_t room = (uint32_t)((value.size + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP);
    struct entry *entry = malloc(sizeof *entry + room);
    if (entry == NULL) return;
    *entry = (struct entry){.subject_id = *subject_id,
        .place = cache->count,
        .hash = hash,
        .size = (uint32_t)value.size,
        .room = room};
    memcpy(entry->value, value.data, value.size);
    struct entry **slot = bucket_of(cache, hash);
    entry->next_in_bucket = *slot;
    *slot = entry;
    CHECK(cache->count <= cache->size_max / ENTRY_COST_MIN);
    cache->ring[cache->count++] = entry;
    cache->size += cost_of(entry);
    while (cache->size > cache->size_max)
        drop_unused(cache);
}

void subject_cache_put(struct subject_cache *cache, const struct digest *subject_id, struct span value)
{
    CHECK(value.size > 0 && value.size <= UINT32_MAX / 2);
    uint32_t hash = digest_hash(&cache->key, subject_id);
    struct entry **slot = slot_of(cache, hash, subject_id);
    if (*slot != NULL && value.size <= (*slot)->room) {
        (*slot)->used = true;
        (*slot)->size = (uint32_t)value.size;
        memcpy((*slot)->value, value.data, value.size);
        return;
    }
    if (*slot != NULL) drop(cache, slot);
    add(cache, hash, subject_id, value);
}

bool subject_cache_get(struct subject_cache *cache, const struct digest *subject_id, struct span *value)
{
    struct entry *entry = *slot_of(cache, digest_hash(&cache->key, subject_id), subject_id);
    if (entry == NULL) return false;
    entry->used = true;
    *value = span_of(entry->value, entry->size);
    return true;
}

/* All the buckets, then all the entries: one wait for many. */
void subject_cache_fetch(
    const struct subject_cache *cache, const struct digest *const *subject_ids, size_t count)
{
    struct entry **slots[SUBJECT_CACHE_FETCH_MAX];
    CHECK(count <= SUBJECT_CACHE_FETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        slots[i] = bucket_of(cache, digest_hash(&cache->key, subject_ids[i]));
        __builtin_prefetch(slots[i]);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; *slots[i] != NULL && at < FETCH_SIZE; at += CACHE_LINE)
            __builtin_prefetch((const uint8_t *)*slots[i] + at);
}

size_t subject_cache_size(const struct subject_cache *cache)
{
    return cache->size;
}
