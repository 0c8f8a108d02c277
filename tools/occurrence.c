#include "tools/occurrence.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define CAPACITY_START 4096

struct occurrence {
    uint64_t hash;
    uint32_t times; /* 0 in a free slot */
};

static int table_grow(struct occurrences *table);

void occurrences_init(struct occurrences *table)
{
    *table = (struct occurrences){.slots = NULL};
}

void occurrences_close(struct occurrences *table)
{
    free(table->slots);
    occurrences_init(table);
}

static struct occurrence *slot_of(struct occurrence *slots, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (slots[at].times != 0 && slots[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

int occurrence_count(struct occurrences *table, uint64_t hash, uint32_t *before)
{
    if (2 * (table->count + 1) > table->capacity) {
        int error = table_grow(table);
        if (error != TALLY_OK) return error;
    }
    struct occurrence *slot = slot_of(table->slots, table->capacity, hash);
    if (slot->times == UINT32_MAX) return TALLY_ELIMIT;
    if (slot->times == 0) table->count++;
    *before = slot->times;
    *slot = (struct occurrence){hash, slot->times + 1};
    return TALLY_OK;
}

static int table_grow(struct occurrences *table)
{
    if (table->count >= OCCURRENCES_MAX) return TALLY_ELIMIT;
    size_t capacity = table->capacity == 0 ? CAPACITY_START : 2 * table->capacity;
    struct occurrence *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].times != 0) *slot_of(slots, capacity, table->slots[i].hash) = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    CHECK(2 * table->count < capacity);
    return TALLY_OK;
}
