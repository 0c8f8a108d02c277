/* A lane of an import: the events of some accounts, in the file's order, and the one batch of them under way.
 */
#ifndef TALLY_TOOLS_IMPORT_LANE_H
#define TALLY_TOOLS_IMPORT_LANE_H

#include "tools/import_batch.h"

/* Events in order; owns them. */
struct import_queue {
    struct import_event *first, *last;
    size_t count;
};

void import_queue_push(struct import_queue *queue, struct import_event *event);
void import_queue_push_front(struct import_queue *queue, struct import_event *event);
/* NULL when it is empty. */
struct import_event *import_queue_pop(struct import_queue *queue);
void import_queue_close(struct import_queue *queue);

struct import_lane {
    struct import_queue waiting;
    struct import_event *sent[IMPORT_BATCH_EVENTS_MAX]; /* owned; NULL once decided */
    uint32_t sent_count;                                /* 0 where no batch is under way */
    uint64_t serial;                                    /* of that batch */
    uint32_t attempts;                                  /* that failed, since one succeeded */
    uint64_t retry_at_ms;                               /* steady clock */
    bool again;                                         /* what waits first was sent before */
    bool has_stale;                                     /* some account that waits is stale */
};

void import_lane_close(struct import_lane *lane);

#endif
