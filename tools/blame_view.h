/* How `tally blame` shows evidence: who, what was signed, and the exact bytes that were, so that anybody can
 * check the signatures with another program. */
#ifndef TALLY_TOOLS_BLAME_VIEW_H
#define TALLY_TOOLS_BLAME_VIEW_H

#include <jansson.h>

#include "proto/codec/genesis.h"
#include "proto/proof/blame.h"

/* For people, on stdout. `set` is the evidence's epoch's, and names its signer. */
void evidence_show(const struct genesis *genesis, const struct validator_set *set,
    const struct evidence *evidence, const struct evidence_verdict *verdict);

/* {"validator", "member", "member_name", "signer", "key", "guilty", "reason", "detail", "signed": [{"what",
 * "epoch", "view" or "height", "block", "bytes", "digest", "signature"}, ..], "evidence"}. NULL where memory
 * runs out.
 */
json_t *evidence_json(const struct genesis *genesis, const struct validator_set *set,
    const struct evidence *evidence, const struct evidence_verdict *verdict);

#endif
