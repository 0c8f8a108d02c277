#include "storage/event_table.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/pages.h"

/* Parts grow on their own: none of them holds up its owner for long. */
#define PART_BITS 6u
#define PARTS (1u << PART_BITS)
#define SLOTS_MIN 16u

/* A key is written once, before its place is. */
struct slot {
    uint8_t key[EVENT_KEY_SIZE];
    atomic_uint_fast64_t place; /* 0 = free */
};

struct part {
    struct slot *slots;
    uint32_t slot_count; /* a power of two */
    uint32_t count;
    bool is_own; /* the slots are memory of their own */
};

struct event_table {
    struct event_hash hash;
    struct slot *slots; /* of all parts that have not grown; NULL where they began with their own */
    size_t slots_size;  /* bytes */
    struct part parts[PARTS];
    size_t count, added;
};

static size_t part_of(uint32_t hash)
{
    return hash >> (32 - PART_BITS);
}

static bool part_open(struct part *part, uint32_t slot_count)
{
    *part = (struct part){
        .slots = calloc(slot_count, sizeof *part->slots), .slot_count = slot_count, .is_own = true};
    return part->slots != NULL;
}

static void part_close(struct part *part)
{
    if (part->is_own) free(part->slots);
}

static bool is_full(const struct part *part)
{
    return (part->count + 1) * 4 > part->slot_count * 3;
}

/* Slots of a part that takes its share of so many entries without growth, were the shares all alike. */
static uint32_t slots_for(size_t expected)
{
    struct part part = {.slot_count = SLOTS_MIN, .count = (uint32_t)(expected / PARTS)};
    while (is_full(&part))
        part.slot_count *= 2;
    return part.slot_count;
}

/* All parts in one piece, where that is large enough for pages; they are brought in here and now. */
static bool parts_open(struct event_table *table, uint32_t slot_count)
{
    size_t size = (size_t)PARTS * slot_count * sizeof(struct slot);
    if (size >= PAGES_SIZE_MIN) {
        table->slots = pages_take(size);
        table->slots_size = size;
        if (table->slots != NULL) memset(table->slots, 0, size);
        for (size_t i = 0; table->slots != NULL && i < PARTS; i++)
            table->parts[i] = (struct part){.slots = table->slots + i * slot_count, .slot_count = slot_count};
        return table->slots != NULL;
    }
    bool open = true;
    for (size_t i = 0; open && i < PARTS; i++)
        open = part_open(&table->parts[i], slot_count);
    return open;
}

struct event_table *event_table_make(const struct event_hash *hash, size_t expected)
{
    CHECK(expected / PARTS < UINT32_MAX / 8);
    struct event_table *table = calloc(1, sizeof *table);
    if (table == NULL) return NULL;
    table->hash = *hash;
    if (parts_open(table, slots_for(expected))) return table;
    event_table_close(table);
    return NULL;
}

void event_table_close(struct event_table *table)
{
    if (table == NULL) return;
    for (size_t i = 0; i < PARTS; i++)
        part_close(&table->parts[i]);
    pages_give(table->slots, table->slots_size);
    free(table);
}

size_t event_table_count(const struct event_table *table)
{
    return table->count;
}

size_t event_table_added(const struct event_table *table)
{
    return table->added;
}

/* ---- The owner ---- */

static uint32_t first_slot(const struct part *part, uint32_t hash)
{
    return hash & (part->slot_count - 1);
}

void event_table_fetch(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE])
{
    uint32_t hash = event_key_hash(&table->hash, key);
    const struct part *part = &table->parts[part_of(hash)];
    __builtin_prefetch(&part->slots[first_slot(part, hash)], 1);
}

bool event_table_is_full(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE])
{
    return is_full(&table->parts[part_of(event_key_hash(&table->hash, key))]);
}

static void part_add(struct part *part, uint32_t hash, const uint8_t key[EVENT_KEY_SIZE], uint64_t place)
{
    uint32_t i = first_slot(part, hash);
    while (atomic_load_explicit(&part->slots[i].place, memory_order_relaxed) != 0)
        i = (i + 1) & (part->slot_count - 1);
    memcpy(part->slots[i].key, key, EVENT_KEY_SIZE);
    atomic_store_explicit(&part->slots[i].place, place, memory_order_release);
    part->count++;
}

int event_table_grow(struct event_table *table, const uint8_t key[EVENT_KEY_SIZE])
{
    struct part *part = &table->parts[part_of(event_key_hash(&table->hash, key))], grown;
    CHECK(part->slot_count <= UINT32_MAX / 4);
    if (!part_open(&grown, part->slot_count * 2)) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < part->slot_count; i++) {
        const struct slot *slot = &part->slots[i];
        if (slot->place != 0)
            part_add(&grown, event_key_hash(&table->hash, slot->key), slot->key, slot->place);
    }
    part_close(part);
    *part = grown;
    return TALLY_OK;
}

/* The places there are of an entry's key and kind: the newest, and that of another block. NULL = none. */
struct known {
    struct slot *newest, *before;
};

static struct known find_known(const struct part *part, uint32_t hash, const struct event_entry *entry)
{
    struct known known = {NULL, NULL};
    for (uint32_t i = first_slot(part, hash);; i = (i + 1) & (part->slot_count - 1)) {
        struct slot *slot = &part->slots[i];
        if (slot->place == 0) return known;
        if (slot->place >> EVENT_KIND_SHIFT != entry->place >> EVENT_KIND_SHIFT ||
            memcmp(slot->key, entry->key, EVENT_KEY_SIZE) != 0)
            continue;
        bool is_newer = known.newest == NULL || slot->place > known.newest->place;
        known.before = is_newer ? known.newest : slot;
        if (is_newer) known.newest = slot;
    }
}

void event_table_add(struct event_table *table, const struct event_entry *entry)
{
    CHECK(entry->place >> EVENT_KIND_SHIFT != 0 && !event_table_is_full(table, entry->key));
    uint32_t hash = event_key_hash(&table->hash, entry->key);
    struct part *part = &table->parts[part_of(hash)];
    struct known known = find_known(part, hash, entry);
    struct slot *over = known.before;
    table->added++;
    if (known.newest != NULL) {
        if (entry->place <= known.newest->place) return;
        if (entry->place >> EVENT_INDEX_BITS == known.newest->place >> EVENT_INDEX_BITS) over = known.newest;
    }
    if (over != NULL) {
        atomic_store_explicit(&over->place, entry->place, memory_order_release);
        return;
    }
    part_add(part, hash, entry->key, entry->place);
    table->count++;
}

/* ---- Any thread ---- */

uint64_t event_table_find(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE],
    uint64_t place_min, uint64_t place_max)
{
    uint32_t hash = event_key_hash(&table->hash, key);
    const struct part *part = &table->parts[part_of(hash)];
    uint64_t found = 0;
    for (uint32_t i = first_slot(part, hash);; i = (i + 1) & (part->slot_count - 1)) {
        uint64_t place = atomic_load_explicit(&part->slots[i].place, memory_order_acquire);
        if (place == 0) return found;
        if (place < place_min || place > place_max || place < found) continue;
        if (memcmp(part->slots[i].key, key, EVENT_KEY_SIZE) == 0) found = place;
    }
}

void event_table_copy(const struct event_table *table, struct event_entry *entries)
{
    for (size_t p = 0; p < PARTS; p++) {
        const struct part *part = &table->parts[p];
        for (uint32_t i = 0; i < part->slot_count; i++) {
            if (part->slots[i].place == 0) continue;
            memcpy(entries->key, part->slots[i].key, EVENT_KEY_SIZE);
            entries++->place = part->slots[i].place;
        }
    }
}
