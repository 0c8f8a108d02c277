/* What will happen, and when: a heap of events, earliest first, ties in the order in which they were added.
 */
#ifndef TALLY_SIM_QUEUE_H
#define TALLY_SIM_QUEUE_H

#include "tests/sim/parcel.h"

enum event_kind {
    EVENT_DELIVER = 1,    /* `parcel` from identity `peer` reaches `replica` */
    EVENT_VERIFIED,       /* `parcel` from `peer` was checked: `ok` */
    EVENT_SIGNED,         /* a vote was signed: `parcel` */
    EVENT_PROPOSED,       /* a proposal was made (`ok`) or could not be */
    EVENT_PAYLOAD,        /* the payload of `parcel`'s block is there (`ok`), or never will be */
    EVENT_FETCH,          /* ask again for the payload of `parcel`'s block */
    EVENT_RECORDS_SYNCED, /* a commit of the vote record has had its time */
    EVENT_LEDGER_SYNCED,  /* the first `number` blocks are durable */
    EVENT_WAKE,           /* the core wanted the time; stale unless `number` is the replica's newest */
    EVENT_KEEPALIVE,      /* what came from each peer since the last one is told */
    EVENT_LINK,           /* the link to `peer` came up (`ok`) or went down */
    EVENT_LINK_CHECK, /* let the link between identities `replica` and `peer` be what the network allows */
    EVENT_CRASH,      /* `number` 0: a drawn replica, and draw the next crash; else this one */
    EVENT_RESTART,
    EVENT_PARTITION,
    EVENT_PARTITION_END, /* of partition `number` */
    EVENT_CLOCK,         /* a wall clock jumps */
    EVENT_SUBMIT,        /* a client brings a batch */
    EVENT_FLAP,          /* a liar breaks one of its links */
    EVENT_DECIDE,        /* the application wants the newest epoch sealed */
    EVENT_HEAL,
};

struct event {
    uint64_t at_us;
    enum event_kind kind;
    uint32_t replica;
    uint32_t incarnation; /* an event for another life of its replica is void */
    uint64_t epoch;       /* likewise one for another epoch's core; 0 = for any */
    uint32_t peer;
    bool ok;
    uint64_t number;
    struct parcel *parcel; /* owned */
};

/* When an event happens, and where it is kept: small, since the heap moves these and not the events. */
struct queue_place {
    uint64_t at_us;
    uint64_t order;
    uint32_t slot;
};

struct queue {
    struct queue_place *places; /* a heap, each with up to four below it */
    struct event *events;       /* by slot */
    uint32_t *free_slots;
    size_t count, capacity;
    uint64_t order;
};

void queue_close(struct queue *queue);
/* Takes event.parcel. */
void queue_add(struct queue *queue, struct event event);
/* False when nothing is left. The caller gets the parcel. */
bool queue_next(struct queue *queue, struct event *event);
/* When the next event happens; UINT64_MAX when nothing is left. */
uint64_t queue_next_us(const struct queue *queue);

#endif
