/* What the verifiers share. Private to this folder. */
#ifndef TALLY_PROOF_VERDICT_H
#define TALLY_PROOF_VERDICT_H

#include "proto/proof/verify.h"

/* Clears what was claimed so far and says why; returns TALLY_EINVALID. `detail` is a constant. */
int verdict_refuse(struct proof_verdict *verdict, enum proof_reason reason, const char *detail);
/* The same for a decoder's error; returns TALLY_EINVALID, or TALLY_ENOMEM if that is what it was. */
int verdict_refuse_form(struct proof_verdict *verdict, int error);

/* All held but the age: keeps what was claimed, and returns TALLY_EINVALID. */
int verdict_stale(struct proof_verdict *verdict, const char *detail);

/* From epoch to epoch: which validators are in force. */
struct epoch_walk {
    const struct proof_trust *trust;
    struct span seals;      /* those that are left */
    struct verify_set set;  /* in force */
    bool has_seal;          /* whether it came to them by a seal */
    struct checkpoint seal; /* the last seal's */
    /* Of the epoch reached, for the next seal to go with; NULL = none. */
    const struct checkpoint *older;
};

/* `epoch` is that of the first checkpoint that the proof is about; all is borrowed. Errors here and below:
 * TALLY_EINVALID, TALLY_ENOMEM. */
int epoch_walk_begin(struct epoch_walk *walk, const struct proof_trust *trust, struct span seals,
    uint64_t epoch, struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* Verifies the seals before `epoch`, and no more, or all where there is none of it. */
int epoch_walk_to(struct epoch_walk *walk, uint64_t epoch, struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* Verifies all that are left. */
int epoch_walk_end(struct epoch_walk *walk, struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* Chain, validator set and signatures of a checkpoint of the epoch that was reached, in this order, and that
 * it goes with the last seal and with the known one. */
int epoch_walk_checkpoint(const struct epoch_walk *walk, const struct certified_checkpoint *certified,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

/* All of that, for a proof with one checkpoint. */
int checkpoint_verify(const struct proof_trust *trust, struct span seals,
    const struct certified_checkpoint *certified, struct proof_verdict *verdict) TALLY_MUST_CHECK;

/* The last step: everything held, but is it recent enough? Errors: TALLY_EINVALID (STALE, still authentic).
 */
int verdict_conclude(const struct proof_trust *trust, const struct checkpoint *checkpoint,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

#endif
