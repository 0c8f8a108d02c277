/* What the credit rules ask beyond the event's own subject, answered from the state, the ledger and the block
 * that is applied. */
#ifndef TALLY_COMMIT_CREDIT_READS_H
#define TALLY_COMMIT_CREDIT_READS_H

#include "node/credit/rules.h"
#include "proto/codec/agreement.h"
#include "proto/codec/register.h"

struct ledger;
struct state;

/* Where the header of an event of an earlier block, in the ledger, is read from. Errors: TALLY_EDAMAGED,
 * TALLY_EIO, TALLY_ENOMEM. */
struct header_source {
    int (*read)(void *context, uint64_t height, uint32_t index, struct event_header *header);
    void *context;
};

/* What is read from this ledger, which is borrowed; NULL of one that nothing will be read from. */
struct header_source header_source_of(struct ledger *ledger);

struct credit_reads {
    struct state *state;
    /* As of before the block: who the members are, and by which policy they are ruled. */
    const struct member_register *registered;
    const struct credit_policy *policy;
    struct header_source headers;
    const struct block *block; /* the one that is applied */
};

/* Questions about what `reads` holds, which is borrowed and outlives it. */
struct credit_read credit_reads_open(struct credit_reads *reads);

#endif
