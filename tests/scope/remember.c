#include "tests/scope/remember.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define CAPACITY_FIRST (1u << 16)

static uint64_t *keys; /* 0 where a place is empty */
static uint32_t *values;
static uint64_t capacity, count;

static void take(uint64_t places)
{
    capacity = places;
    keys = calloc(capacity, sizeof *keys);
    values = calloc(capacity, sizeof *values);
    CHECK(keys && values);
}

void remember_nothing(void)
{
    free(keys);
    free(values);
    take(CAPACITY_FIRST);
    count = 0;
}

static uint64_t place_of(uint64_t key)
{
    uint64_t at = scatter(key) & (capacity - 1);
    while (keys[at] != 0 && keys[at] != key)
        at = (at + 1) & (capacity - 1);
    return at;
}

static void grow(void)
{
    uint64_t *old_keys = keys, places = capacity;
    uint32_t *old_values = values;
    take(places * 2);
    for (uint64_t i = 0; i < places; i++) {
        if (old_keys[i] == 0) continue;
        uint64_t at = place_of(old_keys[i]);
        keys[at] = old_keys[i];
        values[at] = old_values[i];
    }
    free(old_keys);
    free(old_values);
}

void remember(uint64_t key, uint32_t value)
{
    uint64_t at = place_of(key);
    CHECK(key != 0 && keys[at] == 0);
    keys[at] = key;
    values[at] = value;
    if (++count * 2 >= capacity) grow();
}

bool remembered(uint64_t key, uint32_t *value)
{
    uint64_t at = place_of(key);
    if (keys[at] != key) return false;
    *value = values[at];
    return true;
}
