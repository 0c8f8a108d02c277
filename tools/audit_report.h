/* What an audit found, and how much it looked at. */
#ifndef TALLY_TOOLS_AUDIT_REPORT_H
#define TALLY_TOOLS_AUDIT_REPORT_H

#include "proto/codec/agreement.h"

#define AUDIT_NONE UINT32_MAX

/* One thing that is not what the rules, or a signature, give. Borrowed for the call. */
struct audit_difference {
    uint64_t height;    /* of the block; 0 = not one block's */
    uint32_t batch;     /* of the block, from 0; AUDIT_NONE = not one batch's */
    uint32_t index;     /* of the event over all events of the block; AUDIT_NONE = not one event's */
    uint32_t member_id; /* whose batch it is; 0 = nobody's */
    const struct digest *event_id; /* NULL = not one event's */
    const char *what;              /* one sentence */
};

struct audit_counts {
    uint64_t height;                              /* of the newest block that the ledger has */
    uint64_t blocks, events, batches, signatures; /* looked at */
    uint64_t bodies, withheld;                    /* there and looked at; erased, or never there */
    uint64_t replayed;                            /* every root and result up to this height was computed */
    uint64_t missing_from, missing_to; /* blocks that are not here (yet), or cannot be read; 0 = none */
    uint64_t results;                  /* of the node's own state, held against those computed */
    uint64_t checkpoints;              /* certified ones, held against the roots computed */
    uint64_t certified;                /* the newest of them; 0 = none */
    uint64_t state_height;             /* of the node's own state, held against the one made here; 0 = none */
    uint64_t differences;
};

struct audit_report {
    void (*found)(void *context, const struct audit_difference *difference);
    void *context;
    struct audit_counts counts;
};

/* Tells one, whose sentence `format` makes; `at->what` is not looked at. */
void audit_tell(struct audit_report *report, const struct audit_difference *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Of a block, or of no one block (height 0). */
struct audit_difference audit_at_height(uint64_t height);
/* Of one batch, and of one event, of a block. `index` counts over all its events. */
struct audit_difference audit_at_batch(const struct block *block, uint32_t batch);
struct audit_difference audit_at_event(const struct block *block, uint32_t batch, uint32_t index);

#endif
