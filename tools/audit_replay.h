/* The audit's second half: blocks applied to a fresh state by the node's own execution, and what comes of it
 * held against what a quorum signed and what the node keeps. */
#ifndef TALLY_TOOLS_AUDIT_REPLAY_H
#define TALLY_TOOLS_AUDIT_REPLAY_H

#include "node/commit/execution.h"
#include "storage/state.h"
#include "tools/audit_report.h"

struct audit_replay {
    struct audit_report *report;
    const struct genesis *genesis;
    struct verify_set validators;             /* of the next block's epoch */
    const struct certified_checkpoint *given; /* by whoever audits, verified; NULL = none */
    struct state *own;                        /* made here */
    struct state *kept;                       /* a copy of the node's; NULL where it has none that opens */
    struct execution *execution;
    bool stopped; /* a block was missing or is not the one that was final: no root is known any more */
    struct arena arena;
    /* Of one block: what the node keeps of its results. */
    const struct block *block;
    const struct state_result *results;
    uint32_t result_count;
};

/* `ledger` is the one whose blocks come; `own_dir` is empty; `kept_dir` holds a copy of the node's state,
 * NULL where it has none; `given` may be NULL. The rest is borrowed. A copy that does not open is told of,
 * and done without. audit_replay_close is the caller's on failure too. Errors: as state_open's and
 * execution_open's. */
int audit_replay_open(struct audit_report *report, const struct genesis *genesis,
    const struct certified_checkpoint *given, struct ledger *ledger, const char *own_dir,
    const char *kept_dir, struct audit_replay *replay) TALLY_MUST_CHECK;
void audit_replay_close(struct audit_replay *replay);

/* Applies the next block, unless the replay has stopped, and tells what differs. With each block goes what a
 * quorum signed of its height. Errors: TALLY_EIO, TALLY_EDAMAGED, TALLY_ENOMEM, of the state that is made. */
int audit_replay_block(struct audit_replay *replay, const struct block *block) TALLY_MUST_CHECK;

/* All blocks were given; `height` is the ledger's. */
int audit_replay_end(struct audit_replay *replay, uint64_t height) TALLY_MUST_CHECK;

#endif
