/* What was verified, shown: checkpoints, consistency, receipts. Histories have history_view. */
#ifndef TALLY_TOOLS_PROOF_VIEW_H
#define TALLY_TOOLS_PROOF_VIEW_H

#include "proto/proof/verify.h"
#include "tools/output.h"

/* NULL when memory runs out. */
json_t *checkpoint_to_json(const struct certified_checkpoint *certified);
enum tool_exit checkpoint_show(
    struct context *context, const struct certified_checkpoint *certified) TALLY_MUST_CHECK;
/* The newer checkpoint, and whose ledger it goes on with. */
enum tool_exit consistency_show(
    struct context *context, const struct consistency_proof *proof) TALLY_MUST_CHECK;

/* The event's place, its result, and under which checkpoint that is proven. */
enum tool_exit receipt_show(struct context *context, const struct receipt *receipt) TALLY_MUST_CHECK;

/* Notes in the context why a proof does not hold. `what` names where it came from. */
enum tool_exit verdict_fail(struct context *context, const char *what, int error,
    const struct proof_verdict *verdict) TALLY_MUST_CHECK;

#endif
