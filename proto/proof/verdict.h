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

/* Chain, validator set and signatures of a checkpoint, in this order, and that it is the known one where that
 * is of its height. Errors: TALLY_EINVALID. */
int checkpoint_verify(const struct proof_trust *trust, const struct certified_checkpoint *certified,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

/* The last step: everything held, but is it recent enough? Errors: TALLY_EINVALID (STALE, still authentic).
 */
int verdict_conclude(const struct proof_trust *trust, const struct checkpoint *checkpoint,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

#endif
