/* What the home's member has itself in a subject's file, which it reads without an inquiry. */
#ifndef TALLY_TOOLS_OWN_EVENTS_H
#define TALLY_TOOLS_OWN_EVENTS_H

#include "proto/proof/verify.h"
#include "tools/remote.h"

/* Asks for the member's events in the file and verifies each by its receipt, its header and its body. Fills
 * the subject and the events of *proof, in the ledger's order and the arena's, and what is true of them in
 * *verdict: authentic, as of the oldest of the receipts; never complete, as the file's others are not told
 * of.
 */
enum tool_exit own_events_ask(struct context *context, struct remote *remote, const struct proof_trust *trust,
    const struct digest *subject, struct arena *arena, struct history_proof *proof,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

#endif
