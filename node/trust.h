/* What a node was told to trust beside the genesis: a checkpoint, by somebody whom its operator believes. The
 * ledger in which that stands is the network's; one that keys of long ago signed in its place is not, nor is
 * what ends below it all that there is. */
#ifndef TALLY_NODE_TRUST_H
#define TALLY_NODE_TRUST_H

#include "proto/codec/genesis.h"
#include "proto/proof/verify.h"
#include "storage/state.h"

/* Verifies what tally checkpoint --out saved, from the genesis on. On failure `why` is one constant sentence.
 * Errors: TALLY_EINVALID, TALLY_ENOMEM. */
int trust_take(const struct genesis *genesis, struct span bytes, struct known_checkpoint *known,
    const char **why) TALLY_MUST_CHECK;

enum trust_verdict {
    TRUST_HOLDS = 1,
    TRUST_OLDER,        /* it ends below the trusted checkpoint */
    TRUST_CONTRADICTED, /* not both can be true */
};
/* Of a snapshot's checkpoint; `seals` are those of all epochs before. */
enum trust_verdict trust_judge(const struct known_checkpoint *known, const struct genesis *genesis,
    const struct certified_checkpoint *certified, struct span seals);

/* Whether this may be what came of the block of its height. */
bool trust_allows(const struct known_checkpoint *known, const struct checkpoint *applied);
/* Whether a state has the trusted checkpoint's block and roots at its height; true where it does not reach
 * it. */
bool trust_is_in(const struct known_checkpoint *known, struct state *state);

#endif
