/* A folded event, as snapshots and the states that came with one keep it. */
#ifndef TALLY_STORAGE_SNAPSHOT_EVENT_H
#define TALLY_STORAGE_SNAPSHOT_EVENT_H

#include "proto/base/bytes.h"

#define SNAPSHOT_EVENT_SIZE 52u

struct snapshot_event {
    uint32_t account; /* a number in a list of the subject's accounts, below 2^16 */
    uint64_t height, time_ms;
    uint16_t result;
    struct digest id;
};

/* account u16 | height u64 | time_ms u64 | result u16 | event id. */
void snapshot_event_encode(const struct snapshot_event *event, struct buffer *out);
void snapshot_event_read(struct reader *reader, struct snapshot_event *event);

#endif
