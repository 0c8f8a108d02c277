/* This node's own votes, as others bring them back: where one is found that the node does not know of, it
 * lost what it signed. */
#ifndef TALLY_NODE_OWN_VOTES_H
#define TALLY_NODE_OWN_VOTES_H

#include "consensus/consensus.h"
#include "node/keys/guard.h"

/* The newest place in which a verified message has a vote or a proposal of this validator; zeros where it has
 * none. `signer` is its index in the epoch's set, or SIGNER_NONE. */
struct guard_mark own_votes_newest(
    const struct consensus_message *message, uint32_t signer, uint32_t validators);

#endif
