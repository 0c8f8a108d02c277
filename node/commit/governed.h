/* The register as execution holds it: what it was before the block in hand, which judges the block's batches,
 * and then, transaction by transaction, what the block makes of it. What the rules ask again and again of it,
 * the policy among them, is worked out once for each change. */
#ifndef TALLY_COMMIT_GOVERNED_H
#define TALLY_COMMIT_GOVERNED_H

#include "node/commit/register_index.h"
#include "node/governance/rules.h"
#include "proto/codec/agreement.h"

struct state;

struct governed {
    struct state *state; /* borrowed */
    struct digest chain_id;
    struct member_register *value; /* about 400 KiB */
    struct register_index index;   /* of its keys */
    struct credit_policy policy;   /* in force from the next block on */
    struct digest set_hash;        /* of the epoch of the next block */
    struct digest set_before;      /* of the epoch before it; zeros in the first */
    bool changed;                  /* by the last block */
};

/* Reads the state's register, or takes the genesis's where no block was applied. Errors: TALLY_EDAMAGED
 * (also where the state has none, or one of no known policy), TALLY_EIO, TALLY_ENOMEM, and those of
 * register_from_genesis. governed_close is the caller's to call on failure too. */
int governed_open(
    struct governed *governed, struct state *state, const struct genesis *genesis) TALLY_MUST_CHECK;
void governed_close(struct governed *governed);

/* What a batch of events gets before its events are looked at, by the register before the block: RESULT_OK,
 * NOT_ALLOWED (no member, or not an active one), KEY_REVOKED (not a signing key of that member's at this
 * height). */
enum result_code governed_batch_rule(
    const struct governed *governed, const struct batch *batch, uint64_t height);

/* Carries out the block's governance transactions, results[i] of the i-th of them, and what comes at a
 * block's end, and puts the register into the state, where the block, which is open, changed it. *set_hash is
 * of the block's epoch, *next_set_hash of the next block's. Errors: TALLY_EDAMAGED (it seals its epoch with
 * another set than the one that was settled), TALLY_EIO, TALLY_ENOMEM; it is then of no more use. */
int governed_block(struct governed *governed, const struct block *block, struct event_result *results,
    struct digest *set_hash, struct digest *next_set_hash) TALLY_MUST_CHECK;

/* The checkpoint's epoch and sets at an applied height, no further back than the epoch before the one that
 * the next block is of. */
void governed_epoch_at(const struct governed *governed, uint64_t height, struct checkpoint *checkpoint);

#endif
