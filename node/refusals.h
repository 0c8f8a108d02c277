/* What was refused for who said it: told to the log, with who and why, within a bound that whoever is refused
 * cannot pass. On the loop's thread. */
#ifndef TALLY_NODE_REFUSALS_H
#define TALLY_NODE_REFUSALS_H

#include "node/admission.h"
#include "node/commit/executor.h"
#include "node/net/log.h"

/* A batch or transaction that admission did not let in, by its error. `peer` is the name of the one that
 * flooded it, NULL for a client. What a client's does not keep of form and bodies is the client's to hear;
 * and it is nobody's fault where a peer passes on what has expired, or what a block has overtaken. */
void refusals_tell_admission(
    struct log_limit *limit, const char *peer, int error, const struct admission_refusal *refusal);
/* What was ordered and then refused: each governance transaction that a ruling refused, and each batch of
 * whose events one was refused for its member or its key. */
void refusals_tell_applied(struct log_limit *limit, const struct applied_block *applied);

#endif
