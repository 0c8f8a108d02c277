#include "storage/overlay.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/key_sort.h"

#define BUCKETS_MIN 1024u
#define KINDS 256u
/* Entries that are fetched from memory before they are needed, and how much of each. */
#define FETCH_AHEAD 8u
#define FETCH_SIZE 192u
#define CACHE_LINE 64u
/* A table that held so much serves again, its memory with it: to zero fresh pages is slower than to write to
 * them. A smaller one is freed: an idle node stays small. */
#define SPARE_SIZE_MIN (4u << 20)

struct entry {
    struct entry *next_in_bucket;
    struct entry *next_of_kind;
    uint8_t *value;
    uint64_t hash;
    uint32_t value_size;
    uint32_t value_room;
    uint16_t key_size;
    bool replaced; /* by a newer one of the same table */
    uint8_t key[];
};

/* Entries and values are in the arena, those of the block in the live table's. */
struct overlay_table {
    struct arena arena;
    struct entry **buckets;
    size_t bucket_count, entry_count;
    struct entry *kinds[KINDS]; /* by the key's first byte */
};

struct overlay {
    pthread_rwlock_t lock; /* the owner changes live and frozen under it; others read under it */
    struct overlay_table *block, *live, *frozen;
    struct overlay_table *spare; /* empty, the next one to be live; NULL where there is a frozen one */
    uint64_t seed; /* so that nobody can choose keys that collide; order never reaches a digest */
};

/* ---- Tables ---- */

static void table_close(struct overlay_table *table)
{
    if (table == NULL) return;
    arena_close(&table->arena);
    free(table->buckets);
    free(table);
}

static struct overlay_table *table_make(size_t bucket_count)
{
    struct overlay_table *table = calloc(1, sizeof *table);
    if (table == NULL) return NULL;
    arena_init(&table->arena, SIZE_MAX / 8);
    table->bucket_count = bucket_count;
    table->buckets = calloc(bucket_count, sizeof *table->buckets);
    if (table->buckets != NULL) return table;
    free(table);
    return NULL;
}

static void table_empty(struct overlay_table *table)
{
    arena_reset(&table->arena);
    memset(table->buckets, 0, table->bucket_count * sizeof *table->buckets);
    memset(table->kinds, 0, sizeof table->kinds);
    table->entry_count = 0;
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

static struct entry **bucket_of(const struct overlay_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

/* An entry will be needed soon: key, and value where it is the first. */
static void fetch(const struct entry *entry)
{
    for (size_t at = 0; at < FETCH_SIZE; at += CACHE_LINE)
        __builtin_prefetch((const uint8_t *)entry + at);
}

static struct entry *find_in(const struct overlay_table *table, uint64_t hash, struct span key)
{
    if (table == NULL) return NULL;
    struct entry *entry = *bucket_of(table, hash);
    while (entry != NULL && (entry->hash != hash || !span_equal(span_of(entry->key, entry->key_size), key)))
        entry = entry->next_in_bucket;
    return entry;
}

static const struct entry *find(const struct overlay *overlay, struct span key)
{
    uint64_t hash = hash_of(overlay, key);
    const struct entry *entry = find_in(overlay->live, hash, key);
    return entry != NULL ? entry : find_in(overlay->frozen, hash, key);
}

/* Adds an entry whose key the table does not have. */
static void link_in(struct overlay_table *table, struct entry *entry)
{
    struct entry **slot = bucket_of(table, entry->hash);
    entry->next_in_bucket = *slot;
    *slot = entry;
    entry->next_of_kind = table->kinds[entry->key[0]];
    table->kinds[entry->key[0]] = entry;
    table->entry_count++;
}

static void grow(struct overlay_table *table)
{
    size_t count = table->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL) return; /* longer chains are slower, and right */
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct entry *entry = table->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next_in_bucket;
            struct entry **slot = &buckets[entry->hash & (count - 1)];
            entry->next_in_bucket = *slot;
            *slot = entry;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
}

/* ---- The owner ---- */

struct overlay *overlay_make(void)
{
    struct overlay *overlay = calloc(1, sizeof *overlay);
    if (overlay == NULL) return NULL;
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    /* However many read, the owner's turn comes. */
    CHECK(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(&overlay->lock, &attributes) == 0);
    CHECK(pthread_rwlockattr_destroy(&attributes) == 0);
    random_bytes(&overlay->seed, sizeof overlay->seed);
    overlay->block = table_make(BUCKETS_MIN);
    overlay->live = table_make(BUCKETS_MIN);
    if (overlay->block != NULL && overlay->live != NULL) return overlay;
    overlay_close(overlay);
    return NULL;
}

void overlay_close(struct overlay *overlay)
{
    if (overlay == NULL) return;
    table_close(overlay->block);
    table_close(overlay->live);
    table_close(overlay->frozen);
    table_close(overlay->spare);
    CHECK(pthread_rwlock_destroy(&overlay->lock) == 0);
    free(overlay);
}

static int value_set(struct arena *arena, struct entry *entry, struct span value)
{
    if (value.size > entry->value_room) {
        uint8_t *room = arena_take(arena, value.size);
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
    CHECK(key.size > 0 && key.size <= OVERLAY_KEY_SIZE_MAX && value.size <= UINT32_MAX);
    uint64_t hash = hash_of(overlay, key);
    struct arena *arena = &overlay->live->arena;
    struct entry *entry = find_in(overlay->block, hash, key);
    if (entry != NULL) return value_set(arena, entry, value);
    entry = arena_take(arena, sizeof *entry + key.size + value.size);
    if (entry == NULL) return TALLY_ENOMEM;
    *entry = (struct entry){.value = entry->key + key.size,
        .hash = hash,
        .value_size = (uint32_t)value.size,
        .value_room = (uint32_t)value.size,
        .key_size = (uint16_t)key.size};
    memcpy(entry->key, key.data, key.size);
    if (value.size > 0) memcpy(entry->value, value.data, value.size);
    link_in(overlay->block, entry);
    if (overlay->block->entry_count > overlay->block->bucket_count) grow(overlay->block);
    return TALLY_OK;
}

/* Whoever held the entry of that key leaves its bucket; the frozen table will not be given it. */
static void unlink_from(struct overlay_table *table, const struct entry *newer)
{
    struct entry **slot = bucket_of(table, newer->hash);
    struct span key = span_of(newer->key, newer->key_size);
    while (*slot != NULL &&
           ((*slot)->hash != newer->hash || !span_equal(span_of((*slot)->key, (*slot)->key_size), key)))
        slot = &(*slot)->next_in_bucket;
    if (*slot == NULL) return;
    (*slot)->replaced = true;
    *slot = (*slot)->next_in_bucket;
}

/* Publishes the block's entries of one kind, newest first, fetching what the next ones will meet. */
static void publish_kind(struct overlay_table *live, struct overlay_table *block, size_t kind)
{
    const struct entry *far = block->kinds[kind];
    for (size_t i = 0; i < FETCH_AHEAD && far != NULL; i++, far = far->next_of_kind)
        __builtin_prefetch(bucket_of(live, far->hash));
    const struct entry *near = block->kinds[kind];
    for (size_t i = 0; i < FETCH_AHEAD / 2 && near != NULL; i++)
        near = near->next_of_kind;
    for (struct entry *entry = block->kinds[kind], *next; entry != NULL; entry = next) {
        next = entry->next_of_kind;
        if (far != NULL) {
            __builtin_prefetch(bucket_of(live, far->hash));
            far = far->next_of_kind;
        }
        if (near != NULL) {
            __builtin_prefetch(*bucket_of(live, near->hash));
            near = near->next_of_kind;
        }
        *bucket_of(block, entry->hash) = NULL;
        unlink_from(live, entry);
        link_in(live, entry);
    }
    block->kinds[kind] = NULL;
}

void overlay_publish(struct overlay *overlay)
{
    struct overlay_table *block = overlay->block, *live = overlay->live;
    CHECK(pthread_rwlock_wrlock(&overlay->lock) == 0);
    for (size_t kind = 0; kind < KINDS; kind++)
        if (block->kinds[kind] != NULL) publish_kind(live, block, kind);
    block->entry_count = 0;
    while (live->entry_count > live->bucket_count) {
        size_t before = live->bucket_count;
        grow(live);
        if (live->bucket_count == before) break;
    }
    CHECK(pthread_rwlock_unlock(&overlay->lock) == 0);
}

bool overlay_get(const struct overlay *overlay, struct span key, struct span *value)
{
    const struct entry *entry = find_in(overlay->block, hash_of(overlay, key), key);
    if (entry == NULL) entry = find(overlay, key);
    if (entry == NULL) return false;
    *value = span_of(entry->value, entry->value_size);
    return true;
}

size_t overlay_live_size(const struct overlay *overlay)
{
    return overlay->live->arena.used;
}

size_t overlay_frozen_size(const struct overlay *overlay)
{
    return overlay->frozen == NULL ? 0 : overlay->frozen->arena.used;
}

int overlay_freeze(struct overlay *overlay)
{
    CHECK(overlay->frozen == NULL && overlay->block->entry_count == 0);
    /* As many buckets as the last one came to need: no table that is in use is rehashed when it is large. */
    struct overlay_table *next = overlay->spare;
    if (next == NULL || next->bucket_count < overlay->live->bucket_count)
        next = table_make(overlay->live->bucket_count);
    if (next == NULL) return TALLY_ENOMEM;
    if (next != overlay->spare) table_close(overlay->spare);
    overlay->spare = NULL;
    CHECK(pthread_rwlock_wrlock(&overlay->lock) == 0);
    overlay->frozen = overlay->live;
    overlay->live = next;
    CHECK(pthread_rwlock_unlock(&overlay->lock) == 0);
    return TALLY_OK;
}

void overlay_drop_frozen(struct overlay *overlay)
{
    struct overlay_table *frozen = overlay->frozen;
    CHECK(frozen != NULL && overlay->spare == NULL);
    CHECK(pthread_rwlock_wrlock(&overlay->lock) == 0);
    overlay->frozen = NULL;
    CHECK(pthread_rwlock_unlock(&overlay->lock) == 0);
    if (frozen->arena.used < SPARE_SIZE_MIN) {
        table_close(frozen);
        return;
    }
    table_empty(frozen);
    overlay->spare = frozen;
}

/* ---- Any thread ---- */

int overlay_copy(struct overlay *overlay, struct span key, struct buffer *out)
{
    CHECK(pthread_rwlock_rdlock(&overlay->lock) == 0);
    const struct entry *entry = find(overlay, key);
    if (entry != NULL) buffer_append(out, entry->value, entry->value_size);
    CHECK(pthread_rwlock_unlock(&overlay->lock) == 0);
    if (entry == NULL) return TALLY_ENOTFOUND;
    return out->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int span_order(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static const struct entry *entry_of(const struct key_item *item)
{
    return (const struct entry *)(const void *)(item->key.data - 1 - offsetof(struct entry, key));
}

static void put_sorted(const struct key_item *sorted, size_t count, struct store_batch *batch)
{
    for (size_t i = 0; i < count; i++) {
        if (i + FETCH_AHEAD < count) fetch(entry_of(&sorted[i + FETCH_AHEAD]));
        const struct entry *entry = entry_of(&sorted[i]);
        store_batch_put(
            batch, span_of(entry->key, entry->key_size), span_of(entry->value, entry->value_size));
    }
}

int overlay_gather(struct overlay *overlay, struct store_batch *batch)
{
    const struct overlay_table *frozen = overlay->frozen;
    CHECK(frozen != NULL);
    struct key_sort *sort = key_sort_make(frozen->entry_count);
    if (sort == NULL) return TALLY_ENOMEM;
    /* Kind by kind: each is a sort of its own, shorter, and of what follows the kind's byte. */
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t count;
        for (const struct entry *entry = frozen->kinds[kind]; entry != NULL; entry = entry->next_of_kind)
            if (!entry->replaced) key_sort_add(sort, span_of(entry->key + 1, entry->key_size - 1u));
        const struct key_item *sorted = key_sort_done(sort, &count);
        put_sorted(sorted, count, batch);
    }
    key_sort_close(sort);
    return TALLY_OK;
}

/* ---- Scans ---- */

struct scan {
    struct span prefix, from;
    struct arena *arena;
    struct overlay_pair *pairs;
    size_t count, capacity;
};

static bool in_scan(const struct scan *scan, struct span key)
{
    return key.size >= scan->prefix.size && memcmp(key.data, scan->prefix.data, scan->prefix.size) == 0 &&
           span_order(key, scan->from) >= 0;
}

static int copy_into(struct arena *arena, struct span bytes, struct span *copy)
{
    uint8_t *memory = arena_take(arena, bytes.size);
    if (memory == NULL) return TALLY_ENOMEM;
    if (bytes.size > 0) memcpy(memory, bytes.data, bytes.size);
    *copy = span_of(memory, bytes.size);
    return TALLY_OK;
}

static int scan_add(struct scan *scan, const struct entry *entry)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 64 : scan->capacity * 2;
        struct overlay_pair *larger = arena_take(scan->arena, capacity * sizeof *larger);
        if (larger == NULL) return TALLY_ENOMEM;
        if (scan->count > 0) memcpy(larger, scan->pairs, scan->count * sizeof *larger);
        scan->pairs = larger;
        scan->capacity = capacity;
    }
    struct overlay_pair *pair = &scan->pairs[scan->count];
    int error = copy_into(scan->arena, span_of(entry->key, entry->key_size), &pair->key);
    if (error == TALLY_OK)
        error = copy_into(scan->arena, span_of(entry->value, entry->value_size), &pair->value);
    if (error == TALLY_OK) scan->count++;
    return error;
}

/* What `table` has, but for the keys that `newer` has too. */
static int scan_table(struct scan *scan, const struct overlay_table *table, const struct overlay_table *newer)
{
    if (table == NULL) return TALLY_OK;
    const struct entry *entry = table->kinds[scan->prefix.data[0]];
    for (; entry != NULL; entry = entry->next_of_kind) {
        struct span key = span_of(entry->key, entry->key_size);
        if (entry->replaced || !in_scan(scan, key) || find_in(newer, entry->hash, key) != NULL) continue;
        int error = scan_add(scan, entry);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

static int by_pair_key(const void *a, const void *b)
{
    const struct overlay_pair *x = a, *y = b;
    return span_order(x->key, y->key);
}

int overlay_scan(struct overlay *overlay, struct span prefix, struct span from, struct arena *arena,
    struct overlay_pair **pairs, size_t *count)
{
    CHECK(prefix.size > 0 && from.size >= prefix.size);
    struct scan scan = {.prefix = prefix, .from = from, .arena = arena};
    CHECK(pthread_rwlock_rdlock(&overlay->lock) == 0);
    int error = scan_table(&scan, overlay->live, NULL);
    if (error == TALLY_OK) error = scan_table(&scan, overlay->frozen, overlay->live);
    CHECK(pthread_rwlock_unlock(&overlay->lock) == 0);
    if (error != TALLY_OK) return error;
    if (scan.count > 1) qsort(scan.pairs, scan.count, sizeof *scan.pairs, by_pair_key);
    *pairs = scan.pairs;
    *count = scan.count;
    return TALLY_OK;
}
