#include "tests/sim/queue.h"

#include <stdlib.h>

#include "proto/base/check.h"

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void queue_close(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        parcel_release(queue->events[i].parcel);
    free(queue->events);
    *queue = (struct queue){0};
}

void queue_add(struct queue *queue, struct event event)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 1024 : 2 * queue->capacity;
        queue->events = realloc(queue->events, queue->capacity * sizeof event);
        CHECK(queue->events != NULL);
    }
    event.order = queue->order++;
    size_t at = queue->count++;
    while (at > 0 && earlier(&event, &queue->events[(at - 1) / 2])) {
        queue->events[at] = queue->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->events[at] = event;
}

bool queue_next(struct queue *queue, struct event *event)
{
    if (queue->count == 0) return false;
    *event = queue->events[0];
    struct event last = queue->events[--queue->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= queue->count) break;
        if (child + 1 < queue->count && earlier(&queue->events[child + 1], &queue->events[child])) child++;
        if (!earlier(&queue->events[child], &last)) break;
        queue->events[at] = queue->events[child];
        at = child;
    }
    queue->events[at] = last;
    return true;
}
