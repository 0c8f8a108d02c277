/* How a vote record begins (R13). Its first entry says from which epoch on it is complete: that nothing was
 * ever signed with this node's key in that epoch, or a later one, which it does not have. In earlier ones its
 * node does not vote. A record without any entry is one whose making was cut short, and gives no vote at all.
 *
 * A record for epoch 1 is made by the explicit first start alone. One for epoch e + 1 is made by a node that
 * has none, while it follows epoch e, once vote_beginning_is_safe. */
#ifndef TALLY_NODE_VOTE_BEGINNING_H
#define TALLY_NODE_VOTE_BEGINNING_H

#include "node/config.h"

/* Makes DATA_DIR/votes, and the guard where there is none. Errors: TALLY_EEXISTS (there is a record, whole or
 * not), and what the disk says; a record that was half made is left, and gives no vote. */
int vote_beginning_make(const struct config *config, const char *data_dir, uint64_t epoch) TALLY_MUST_CHECK;

/* Whether it is proven that this node has not voted in the epoch after `validators`' own, without knowing of
 * it. It can have only once a quorum had signed this epoch's seal, and whoever signs has the seal on disk.
 * Now another quorum, heard since this data directory was made, has not: two quorums have an honest validator
 * in common, and its ledger does not go back.
 *
 * `heights` is what each seat but `self` last said is final on its disk, 0 where it said nothing yet;
 * `height` is this node's own, of this epoch, which is not sealed. */
bool vote_beginning_is_safe(const struct validator_set *validators, uint32_t self,
    const uint64_t heights[VALIDATORS_MAX], uint64_t height);

#endif
