#include "storage/snapshot_spill.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Buckets are cut by fewer bits than parts: each takes memory for a block of events. */
#define BUCKET_DEPTH_MAX 10u
#define BLOCK_EVENTS 128u
#define NO_BUCKET UINT32_MAX

struct bucket {
    struct spilled_event *open; /* the block that fills, with room for BLOCK_EVENTS; NULL before the first */
    uint32_t open_count;
    uint32_t *blocks; /* numbers of full ones in the file */
    uint32_t block_count, block_capacity;
};

struct snapshot_spill {
    const struct disk *disk;
    char path[DISK_PATH_SIZE_MAX];
    int file;
    uint32_t depth, bucket_depth;
    uint32_t blocks_written;
    struct bucket *buckets;
    uint32_t held; /* the bucket that is in memory, sorted */
    struct spilled_event *events;
    size_t count, capacity, at;
};

static uint32_t bits_of(const struct digest *position, uint32_t depth)
{
    return depth == 0 ? 0 : get_u32(position->bytes) >> (32 - depth);
}

int snapshot_spill_open(
    const struct disk *disk, const char *path, uint32_t depth, struct snapshot_spill **spill)
{
    CHECK(depth <= 16 && strlen(path) < DISK_PATH_SIZE_MAX);
    struct snapshot_spill *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->disk = disk;
    strcpy(opened->path, path);
    opened->depth = depth;
    opened->bucket_depth = depth < BUCKET_DEPTH_MAX ? depth : BUCKET_DEPTH_MAX;
    opened->held = NO_BUCKET;
    opened->buckets = calloc((size_t)1 << opened->bucket_depth, sizeof *opened->buckets);
    int error = opened->buckets == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_CREATE, &opened->file);
    if (error != TALLY_OK) {
        free(opened->buckets);
        free(opened);
        return error;
    }
    *spill = opened;
    return TALLY_OK;
}

void snapshot_spill_close(struct snapshot_spill *spill)
{
    if (spill == NULL) return;
    for (size_t i = 0; i < (size_t)1 << spill->bucket_depth; i++) {
        free(spill->buckets[i].open);
        free(spill->buckets[i].blocks);
    }
    spill->disk->close(spill->disk->context, spill->file);
    /* What cannot be removed now is removed with what is unfinished, before the next snapshot. */
    (void)!spill->disk->remove(spill->disk->context, spill->path);
    free(spill->buckets);
    free(spill->events);
    free(spill);
}

/* ---- Adding ---- */

static int block_write(struct snapshot_spill *spill, struct bucket *bucket)
{
    if (bucket->block_count == bucket->block_capacity) {
        uint32_t capacity = bucket->block_capacity == 0 ? 16 : bucket->block_capacity * 2;
        uint32_t *blocks = realloc(bucket->blocks, capacity * sizeof *blocks);
        if (blocks == NULL) return TALLY_ENOMEM;
        bucket->blocks = blocks;
        bucket->block_capacity = capacity;
    }
    size_t size = BLOCK_EVENTS * sizeof *bucket->open;
    int error = spill->disk->write(
        spill->disk->context, spill->file, (uint64_t)spill->blocks_written * size, bucket->open, size);
    if (error != TALLY_OK) return error;
    bucket->blocks[bucket->block_count++] = spill->blocks_written++;
    bucket->open_count = 0;
    return TALLY_OK;
}

int snapshot_spill_add(struct snapshot_spill *spill, const struct spilled_event *event)
{
    struct bucket *bucket = &spill->buckets[bits_of(&event->position, spill->bucket_depth)];
    CHECK(spill->held == NO_BUCKET);
    if (bucket->open == NULL) bucket->open = malloc(BLOCK_EVENTS * sizeof *bucket->open);
    if (bucket->open == NULL) return TALLY_ENOMEM;
    bucket->open[bucket->open_count++] = *event;
    return bucket->open_count == BLOCK_EVENTS ? block_write(spill, bucket) : TALLY_OK;
}

/* ---- Reading ---- */

static int by_place(const void *a, const void *b)
{
    const struct spilled_event *x = a, *y = b;
    int order = memcmp(x->position.bytes, y->position.bytes, DIGEST_SIZE);
    if (order != 0) return order;
    if (x->height != y->height) return x->height < y->height ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int bucket_hold(struct snapshot_spill *spill, uint32_t number)
{
    const struct bucket *bucket = &spill->buckets[number];
    size_t count = (size_t)bucket->block_count * BLOCK_EVENTS + bucket->open_count;
    size_t size = BLOCK_EVENTS * sizeof *spill->events, got;
    if (count > spill->capacity) {
        struct spilled_event *events = realloc(spill->events, count * sizeof *events);
        if (events == NULL) return TALLY_ENOMEM;
        spill->events = events;
        spill->capacity = count;
    }
    for (uint32_t i = 0; i < bucket->block_count; i++) {
        int error = spill->disk->read(spill->disk->context, spill->file, (uint64_t)bucket->blocks[i] * size,
            spill->events + (size_t)i * BLOCK_EVENTS, size, &got);
        if (error == TALLY_OK && got != size) error = TALLY_EIO;
        if (error != TALLY_OK) return error;
    }
    if (bucket->open_count > 0)
        memcpy(spill->events + (size_t)bucket->block_count * BLOCK_EVENTS, bucket->open,
            bucket->open_count * sizeof *spill->events);
    if (count > 1) qsort(spill->events, count, sizeof *spill->events, by_place);
    spill->count = count;
    spill->at = 0;
    spill->held = number;
    return TALLY_OK;
}

int snapshot_spill_read(
    struct snapshot_spill *spill, uint32_t prefix, const struct spilled_event **events, size_t *count)
{
    uint32_t number = prefix >> (spill->depth - spill->bucket_depth);
    if (spill->held != number) {
        int error = bucket_hold(spill, number);
        if (error != TALLY_OK) return error;
    }
    if (spill->at > 0 && bits_of(&spill->events[spill->at - 1].position, spill->depth) >= prefix)
        spill->at = 0;
    while (spill->at < spill->count && bits_of(&spill->events[spill->at].position, spill->depth) < prefix)
        spill->at++;
    size_t first = spill->at;
    while (spill->at < spill->count && bits_of(&spill->events[spill->at].position, spill->depth) == prefix)
        spill->at++;
    *events = spill->events + first;
    *count = spill->at - first;
    return TALLY_OK;
}
