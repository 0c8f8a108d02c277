/* Execution: a finalized block applied to the state. Runs on the thread that owns the state. */
#ifndef TALLY_COMMIT_EXECUTION_H
#define TALLY_COMMIT_EXECUTION_H

#include "node/commit/credit_reads.h"
#include "proto/codec/agreement.h"
#include "proto/codec/genesis.h"
#include "proto/codec/result.h"

struct execution;

/* `state` and `genesis` are borrowed and outlive it, as does what `headers`, which is copied, reads from.
 * Errors: TALLY_ENOMEM, TALLY_EFORM (genesis without a proper validator set, or of a policy that is not
 * known). */
int execution_open(struct state *state, const struct genesis *genesis, const struct header_source *headers,
    struct execution **execution) TALLY_MUST_CHECK;
void execution_close(struct execution *execution);

/* What became of one batch of a block: results[i] is of the batch's event i, which is event first_index + i
 * of the block. Borrowed for the call. */
struct executed_batch {
    uint64_t height;
    uint32_t batch_index;
    uint32_t first_index;
    const struct batch *batch;
    const struct event_result *results;
};

/* Applies the block of the height after the applied one. Every event gets a result; those for which
 * credit_result_folds are folded into their subject's history. Bodies are not looked at and may be absent;
 * signatures were checked when the payload was taken. When all is applied, `done`, if given, is told of each
 * batch in order, and *checkpoint is what this node may sign. Batch by batch, for all its events at once,
 * before the credit rules: BATCH_EXPIRED (expires_at_ms is not after the block's time, or more than
 * BATCH_LIFETIME_MS_MAX after it), BATCH_REPLAYED (the digest was applied), NOT_ALLOWED (no such member),
 * KEY_REVOKED (no signing key of that member). A batch that passes the first two is remembered. Errors that
 * leave the state as it was: TALLY_EEXISTS (the height is applied already: a replay goes on with the next),
 * TALLY_EINVALID (not the next height, or a time not after the last block's), TALLY_ELIMIT (more than
 * BLOCK_EVENTS_MAX events). After TALLY_ENOMEM, TALLY_EIO or TALLY_EDAMAGED the block may be half applied and
 * the state object is of no more use: close both and start again from disk. */
int execution_apply(struct execution *execution, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint) TALLY_MUST_CHECK;

#endif
