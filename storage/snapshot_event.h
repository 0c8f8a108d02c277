/* A folded event, as snapshots and the states that came with one keep it. */
#ifndef TALLY_STORAGE_SNAPSHOT_EVENT_H
#define TALLY_STORAGE_SNAPSHOT_EVENT_H

#include "proto/codec/event_facts.h"

/* The account of an event that has none, but an item id. */
#define SNAPSHOT_NO_ACCOUNT 0xffffu
#define SNAPSHOT_EVENT_SIZE_MAX (2u + 8u + 8u + 2u + DIGEST_SIZE + EVENT_FACTS_SIZE_MAX)

struct snapshot_event {
    uint32_t account; /* a number in a list of the subject's accounts, or SNAPSHOT_NO_ACCOUNT */
    uint64_t height, time_ms;
    uint16_t result;
    struct digest id;
    struct event_facts facts;
};

static inline bool snapshot_event_has_item(const struct snapshot_event *event)
{
    return event->account == SNAPSHOT_NO_ACCOUNT;
}

/* account u16 | height u64 | time_ms u64 | result u16 | event id | facts, at most SNAPSHOT_EVENT_SIZE_MAX
 * bytes. */
void snapshot_event_encode(const struct snapshot_event *event, struct buffer *out);
/* False for what is no event: cut short, or of a type that does not go with its account. */
bool snapshot_event_read(struct reader *reader, struct snapshot_event *event) TALLY_MUST_CHECK;

#endif
