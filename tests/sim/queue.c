#include "tests/sim/queue.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Four below each place instead of two: half the depth, and the four lie side by side. */
#define BELOW 4u

static bool earlier(const struct queue_place *a, const struct queue_place *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void queue_close(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        parcel_release(queue->events[queue->places[i].slot].parcel);
    free(queue->places);
    free(queue->events);
    free(queue->free_slots);
    *queue = (struct queue){0};
}

/* Slots count..capacity-1 of free_slots name what is free. */
static void grow(struct queue *queue)
{
    size_t before = queue->capacity;
    queue->capacity = before == 0 ? 1024 : 2 * before;
    queue->places = realloc(queue->places, queue->capacity * sizeof queue->places[0]);
    queue->events = realloc(queue->events, queue->capacity * sizeof queue->events[0]);
    queue->free_slots = realloc(queue->free_slots, queue->capacity * sizeof queue->free_slots[0]);
    CHECK(queue->places != NULL && queue->events != NULL && queue->free_slots != NULL);
    for (size_t i = before; i < queue->capacity; i++)
        queue->free_slots[i] = (uint32_t)i;
}

void queue_add(struct queue *queue, struct event event)
{
    if (queue->count == queue->capacity) grow(queue);
    uint32_t slot = queue->free_slots[queue->count];
    struct queue_place place = {event.at_us, queue->order++, slot};
    queue->events[slot] = event;
    size_t at = queue->count++;
    while (at > 0 && earlier(&place, &queue->places[(at - 1) / BELOW])) {
        queue->places[at] = queue->places[(at - 1) / BELOW];
        at = (at - 1) / BELOW;
    }
    queue->places[at] = place;
}

uint64_t queue_next_us(const struct queue *queue)
{
    return queue->count == 0 ? UINT64_MAX : queue->places[0].at_us;
}

static size_t earliest_below(const struct queue *queue, size_t at)
{
    size_t first = BELOW * at + 1;
    size_t end = first + BELOW < queue->count ? first + BELOW : queue->count;
    size_t best = first;
    for (size_t i = first + 1; i < end; i++)
        if (earlier(&queue->places[i], &queue->places[best])) best = i;
    return best;
}

bool queue_next(struct queue *queue, struct event *event)
{
    if (queue->count == 0) return false;
    uint32_t slot = queue->places[0].slot;
    *event = queue->events[slot];
    struct queue_place last = queue->places[--queue->count];
    queue->free_slots[queue->count] = slot;
    size_t at = 0;
    while (BELOW * at + 1 < queue->count) {
        size_t below = earliest_below(queue, at);
        if (!earlier(&queue->places[below], &last)) break;
        queue->places[at] = queue->places[below];
        at = below;
    }
    queue->places[at] = last;
    return true;
}
