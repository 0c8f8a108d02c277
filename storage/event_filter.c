#include "storage/event_filter.h"

#include <stdlib.h>

#define LINE_SIZE 64u
#define LINE_BITS 9u /* bits that tell one bit of a line */
#define BITS_PER_KEY 12u
#define BITS_SET 6u

int event_filter_open(struct event_filter *filter, size_t count)
{
    size_t lines = count * BITS_PER_KEY / (8 * LINE_SIZE) + 1;
    if (lines > UINT32_MAX / LINE_SIZE) return TALLY_ENOMEM;
    filter->size = (uint32_t)lines * LINE_SIZE;
    filter->bytes = calloc(lines, LINE_SIZE);
    return filter->bytes == NULL ? TALLY_ENOMEM : TALLY_OK;
}

int event_filter_read(struct event_filter *filter, struct span bytes)
{
    if (bytes.size == 0 || bytes.size % LINE_SIZE != 0 || bytes.size > UINT32_MAX) return TALLY_EDAMAGED;
    filter->size = (uint32_t)bytes.size;
    filter->bytes = malloc(bytes.size);
    if (filter->bytes == NULL) return TALLY_ENOMEM;
    memcpy(filter->bytes, bytes.data, bytes.size);
    return TALLY_OK;
}

void event_filter_close(struct event_filter *filter)
{
    free(filter->bytes);
    *filter = (struct event_filter){.bytes = NULL};
}

/* The hash, which nobody can choose, picks the line; the key itself, its bits. */
static uint8_t *line_of(const struct event_filter *filter, uint32_t hash)
{
    uint64_t lines = filter->size / LINE_SIZE;
    return filter->bytes + (hash * lines >> 32) * LINE_SIZE;
}

static unsigned bit_of(const uint8_t key[EVENT_KEY_SIZE], unsigned i)
{
    return (unsigned)(get_u64(key) >> (i * LINE_BITS)) & (8 * LINE_SIZE - 1);
}

void event_filter_add(struct event_filter *filter, uint32_t hash, const uint8_t key[EVENT_KEY_SIZE])
{
    uint8_t *line = line_of(filter, hash);
    for (unsigned i = 0; i < BITS_SET; i++)
        line[bit_of(key, i) / 8] |= (uint8_t)(1u << bit_of(key, i) % 8);
}

bool event_filter_may_have(
    const struct event_filter *filter, uint32_t hash, const uint8_t key[EVENT_KEY_SIZE])
{
    const uint8_t *line = line_of(filter, hash);
    for (unsigned i = 0; i < BITS_SET; i++)
        if ((line[bit_of(key, i) / 8] & 1u << bit_of(key, i) % 8) == 0) return false;
    return true;
}
