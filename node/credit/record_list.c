#include "node/credit/record_list.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define RECORDS_START 2u

void record_list_close(struct record_list *list)
{
    free(list->records);
    *list = (struct record_list){0};
}

static uint8_t *place(const struct record_list *list, size_t record_size, uint32_t index)
{
    return (uint8_t *)list->records + (size_t)index * record_size;
}

void *record_list_at(const struct record_list *list, size_t record_size, uint32_t index)
{
    CHECK(index < list->count && record_size >= DIGEST_SIZE);
    return place(list, record_size, index);
}

void *record_list_find(
    const struct record_list *list, size_t record_size, const struct digest *id, uint32_t *index)
{
    uint32_t low = 0, high = list->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(place(list, record_size, middle), id->bytes, DIGEST_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (index) *index = low;
    if (low == list->count) return NULL;
    uint8_t *found = place(list, record_size, low);
    return memcmp(found, id->bytes, DIGEST_SIZE) == 0 ? found : NULL;
}

int record_list_reserve(struct record_list *list, size_t record_size, uint32_t count)
{
    if (count <= list->capacity) return TALLY_OK;

    uint32_t capacity = list->capacity ? list->capacity : RECORDS_START;
    while (capacity < count)
        capacity *= 2;
    void *records = realloc(list->records, capacity * record_size);
    if (!records) return TALLY_ENOMEM;
    list->records = records;
    list->capacity = capacity;
    return TALLY_OK;
}

int record_list_add(struct record_list *list, size_t record_size, uint32_t count_max, const void *record)
{
    uint32_t index;
    struct digest id;

    memcpy(id.bytes, record, DIGEST_SIZE);
    CHECK(!record_list_find(list, record_size, &id, &index));
    if (list->count >= count_max) return TALLY_ELIMIT;
    int error = record_list_reserve(list, record_size, list->count + 1);
    if (error) return error;
    uint8_t *at = place(list, record_size, index);
    memmove(at + record_size, at, (list->count - index) * record_size);
    memcpy(at, record, record_size);
    list->count++;
    return TALLY_OK;
}

void record_list_remove(struct record_list *list, size_t record_size, uint32_t index)
{
    CHECK(index < list->count);
    uint8_t *at = place(list, record_size, index);
    memmove(at, at + record_size, (list->count - index - 1) * record_size);
    list->count--;
}
