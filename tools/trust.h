/* What an answer is held against: the validators of a genesis. */
#ifndef TALLY_TOOLS_TRUST_H
#define TALLY_TOOLS_TRUST_H

#include "proto/proof/verify.h"
#include "tools/home.h"

/* Fills chain id and validators; any height and any time will do. */
enum tool_exit trust_from_genesis(
    struct context *context, const struct genesis *genesis, struct proof_trust *trust) TALLY_MUST_CHECK;

/* The same, from the home's own copy. */
enum tool_exit trust_from_home(
    struct context *context, const struct home *home, struct proof_trust *trust) TALLY_MUST_CHECK;

/* Reads a checkpoint that tally checkpoint --out saved (of a consistency proof, the newer), and verifies it.
 */
enum tool_exit checkpoint_open(struct context *context, const char *path, const struct proof_trust *trust,
    struct certified_checkpoint *certified) TALLY_MUST_CHECK;

#endif
