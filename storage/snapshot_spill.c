#include "storage/snapshot_spill.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Sorted in memory and written out together; and read back a few at a time. */
#define BUNDLE_EVENTS 65536u
#define READ_EVENTS 32u
_Static_assert(BUNDLE_EVENTS % READ_EVENTS == 0, "a full bundle is read in whole steps");

/* A sorted bundle that is being read. */
struct bundle {
    uint64_t at, end;             /* events of the file that are still to be read */
    struct spilled_event *events; /* with room for READ_EVENTS; the last bundle's are all in memory */
    size_t next, count;
};

struct snapshot_spill {
    const struct disk *disk;
    char path[DISK_PATH_SIZE_MAX];
    int file;
    struct spilled_event *held; /* with room for BUNDLE_EVENTS: added, and not written */
    size_t held_count;
    uint32_t written; /* full bundles */
    struct bundle *bundles;
    size_t bundle_count;
    struct bundle **heap; /* those that have a next event, the least of all first */
    size_t heap_count;
};

int snapshot_spill_open(const struct disk *disk, const char *path, struct snapshot_spill **spill)
{
    CHECK(strlen(path) < DISK_PATH_SIZE_MAX);
    struct snapshot_spill *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->disk = disk;
    strcpy(opened->path, path);
    opened->held = malloc(BUNDLE_EVENTS * sizeof *opened->held);
    int error = opened->held == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_CREATE, &opened->file);
    if (error != TALLY_OK) {
        free(opened->held);
        free(opened);
        return error;
    }
    *spill = opened;
    return TALLY_OK;
}

void snapshot_spill_close(struct snapshot_spill *spill)
{
    if (spill == NULL) return;
    for (size_t i = 0; i < spill->bundle_count && i < spill->written; i++)
        free(spill->bundles[i].events);
    spill->disk->close(spill->disk->context, spill->file);
    /* What cannot be removed now is removed with what is unfinished, before the next snapshot. */
    (void)!spill->disk->remove(spill->disk->context, spill->path);
    free(spill->held);
    free(spill->bundles);
    free(spill->heap);
    free(spill);
}

/* ---- Adding ---- */

static int by_place(const void *a, const void *b)
{
    const struct spilled_event *x = a, *y = b;
    int order = memcmp(x->position.bytes, y->position.bytes, DIGEST_SIZE);
    if (order != 0) return order;
    if (x->height != y->height) return x->height < y->height ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int bundle_write(struct snapshot_spill *spill)
{
    size_t size = BUNDLE_EVENTS * sizeof *spill->held;
    qsort(spill->held, BUNDLE_EVENTS, sizeof *spill->held, by_place);
    int error = spill->disk->write(
        spill->disk->context, spill->file, (uint64_t)spill->written * size, spill->held, size);
    if (error != TALLY_OK) return error;
    spill->written++;
    spill->held_count = 0;
    return TALLY_OK;
}

int snapshot_spill_add(struct snapshot_spill *spill, const struct spilled_event *event)
{
    CHECK(spill->bundles == NULL);
    if (spill->held_count == BUNDLE_EVENTS) {
        int error = bundle_write(spill);
        if (error != TALLY_OK) return error;
    }
    spill->held[spill->held_count++] = *event;
    return TALLY_OK;
}

/* ---- Taking back ---- */

static const struct spilled_event *head_of(const struct bundle *bundle)
{
    return &bundle->events[bundle->next];
}

/* Moves the bundle at a place of the heap down to where it belongs. */
static void heap_settle(struct snapshot_spill *spill, size_t at)
{
    struct bundle **heap = spill->heap;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < spill->heap_count; child++)
            if (by_place(head_of(heap[child]), head_of(heap[least])) < 0) least = child;
        if (least == at) return;
        struct bundle *other = heap[least];
        heap[least] = heap[at];
        heap[at] = other;
        at = least;
    }
}

static int bundle_read(struct snapshot_spill *spill, struct bundle *bundle)
{
    size_t size = READ_EVENTS * sizeof *bundle->events, got;
    int error = spill->disk->read(
        spill->disk->context, spill->file, bundle->at * sizeof *bundle->events, bundle->events, size, &got);
    if (error == TALLY_OK && got != size) error = TALLY_EIO;
    if (error != TALLY_OK) return error;
    bundle->at += READ_EVENTS;
    bundle->next = 0;
    bundle->count = READ_EVENTS;
    return TALLY_OK;
}

static int bundle_open(struct snapshot_spill *spill, uint32_t number)
{
    struct bundle *bundle = &spill->bundles[number];
    spill->bundle_count = number + 1;
    bundle->at = (uint64_t)number * BUNDLE_EVENTS;
    bundle->end = bundle->at + BUNDLE_EVENTS;
    bundle->events = malloc(READ_EVENTS * sizeof *bundle->events);
    return bundle->events == NULL ? TALLY_ENOMEM : bundle_read(spill, bundle);
}

int snapshot_spill_sort(struct snapshot_spill *spill)
{
    size_t count = (size_t)spill->written + 1;
    int error = TALLY_OK;
    CHECK(spill->bundles == NULL);
    spill->bundles = calloc(count, sizeof *spill->bundles);
    spill->heap = calloc(count, sizeof(struct bundle *));
    if (spill->bundles == NULL || spill->heap == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; error == TALLY_OK && i < spill->written; i++)
        error = bundle_open(spill, i);
    if (error != TALLY_OK) return error;
    if (spill->held_count > 1) qsort(spill->held, spill->held_count, sizeof *spill->held, by_place);
    spill->bundle_count = count;
    spill->bundles[count - 1].events = spill->held;
    spill->bundles[count - 1].count = spill->held_count;
    for (size_t i = 0; i < count; i++)
        if (spill->bundles[i].count > 0) spill->heap[spill->heap_count++] = &spill->bundles[i];
    for (size_t i = spill->heap_count / 2; i-- > 0;)
        heap_settle(spill, i);
    return TALLY_OK;
}

const struct spilled_event *snapshot_spill_peek(const struct snapshot_spill *spill)
{
    return spill->heap_count == 0 ? NULL : head_of(spill->heap[0]);
}

int snapshot_spill_next(struct snapshot_spill *spill)
{
    CHECK(spill->heap_count > 0);
    struct bundle *bundle = spill->heap[0];
    int error = TALLY_OK;
    bundle->next++;
    if (bundle->next == bundle->count && bundle->at < bundle->end) error = bundle_read(spill, bundle);
    if (error != TALLY_OK) return error;
    if (bundle->next == bundle->count) spill->heap[0] = spill->heap[--spill->heap_count];
    if (spill->heap_count > 0) heap_settle(spill, 0);
    return TALLY_OK;
}
