/* Execution: a finalized block applied to the state. Runs on the thread that owns the state. */
#ifndef TALLY_COMMIT_EXECUTION_H
#define TALLY_COMMIT_EXECUTION_H

#include "node/commit/credit_reads.h"
#include "proto/codec/agreement.h"
#include "proto/codec/genesis.h"
#include "proto/codec/result.h"

struct execution;

/* `state` and `genesis` are borrowed and outlive it, as does what `headers`, which is copied, reads from. It
 * goes on with the state's register; of a state of no block, with the genesis's. Errors: TALLY_ENOMEM,
 * TALLY_EIO, TALLY_EDAMAGED (the state's register), TALLY_EFORM (genesis without a proper validator set, or
 * of a policy that is not known), and those of register_from_genesis. */
int execution_open(struct state *state, const struct genesis *genesis, const struct header_source *headers,
    struct execution **execution) TALLY_MUST_CHECK;
void execution_close(struct execution *execution);

/* What became of one batch of a block: results[i] is of the batch's event i, which is event first_index + i
 * of the block; of a governance transaction there is one, a ruling, whose index comes after all events'.
 * Borrowed for the call. */
struct executed_batch {
    uint64_t height;
    uint32_t batch_index;
    uint32_t first_index;
    const struct batch *batch;
    uint32_t result_count;
    const struct event_result *results;
};

/* The register after the last applied block, borrowed until the next one is applied, and whether that block
 * changed it. */
const struct member_register *execution_register(const struct execution *execution);
bool execution_register_changed(const struct execution *execution);
/* A protocol flag that this build does not know, where one is active at the height after the applied one;
 * else 0. */
uint32_t execution_unknown_flag(const struct execution *execution);
/* Sets epoch and set hashes of the checkpoint at an applied height, no further back than the epoch before
 * that of the next block. */
void execution_epoch_at(const struct execution *execution, uint64_t height, struct checkpoint *checkpoint);

/* Applies the block of the height after the applied one: its batches of events, judged by the register before
 * the block, and then its governance transactions. Every event gets a result; those for which
 * credit_result_folds are folded into their subject's history. Bodies are not looked at and may be absent;
 * signatures were checked when the payload was taken. When all is applied, `done`, if given, is told of each
 * batch in order, and *checkpoint is what this node may sign. Batch by batch, for all its events at once,
 * before the credit rules: BATCH_EXPIRED (expires_at_ms is not after the block's time, or more than
 * BATCH_LIFETIME_MS_MAX after it), BATCH_REPLAYED (the digest was applied), NOT_ALLOWED (no such member, or
 * one that is not active), KEY_REVOKED (no signing key of that member's). A batch that passes the first two
 * is remembered. Errors that leave the state as it was: TALLY_EEXISTS (the height is applied already: a
 * replay goes on with the next), TALLY_EINVALID (not the next height, not of the register's epoch, or a time
 * not after the last block's), TALLY_EVERSION (a protocol flag is active at this height that this build does
 * not know), TALLY_ELIMIT (more than BLOCK_EVENTS_MAX events, or GOVERNANCE_BLOCK_MAX transactions). A block
 * that seals its epoch with another set than the one that was settled is TALLY_EDAMAGED. After TALLY_ENOMEM,
 * TALLY_EIO or TALLY_EDAMAGED the block may be half applied and the state object is of no more use: close
 * both and start again from disk. */
int execution_apply(struct execution *execution, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint) TALLY_MUST_CHECK;

#endif
