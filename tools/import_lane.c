#include "tools/import_lane.h"

#include <stdlib.h>

#include "proto/base/check.h"

void import_queue_push(struct import_queue *queue, struct import_event *event)
{
    event->next = NULL;
    if (queue->last == NULL) {
        CHECK(queue->count == 0);
        queue->first = event;
    } else {
        queue->last->next = event;
    }
    queue->last = event;
    queue->count++;
}

void import_queue_push_front(struct import_queue *queue, struct import_event *event)
{
    event->next = queue->first;
    queue->first = event;
    if (queue->last == NULL) queue->last = event;
    queue->count++;
}

struct import_event *import_queue_pop(struct import_queue *queue)
{
    struct import_event *event = queue->first;
    if (event == NULL) return NULL;
    CHECK(queue->count > 0);
    queue->first = event->next;
    if (queue->first == NULL) queue->last = NULL;
    queue->count--;
    event->next = NULL;
    return event;
}

void import_queue_close(struct import_queue *queue)
{
    for (struct import_event *event = import_queue_pop(queue); event != NULL; event = import_queue_pop(queue))
        free(event);
}

void import_lane_close(struct import_lane *lane)
{
    import_queue_close(&lane->waiting);
    for (uint32_t i = 0; i < lane->sent_count; i++)
        free(lane->sent[i]);
    lane->sent_count = 0;
}
