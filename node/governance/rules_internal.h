/* What the rules share. */
#ifndef TALLY_NODE_GOVERNANCE_RULES_INTERNAL_H
#define TALLY_NODE_GOVERNANCE_RULES_INTERNAL_H

#include "node/governance/rules.h"

/* ---- changes.c ---- */

/* As the lookups of register.h, to be changed. CHECKs that it is there. */
struct register_member *member_of(struct member_register *governed, uint32_t id);
struct register_node *node_of(struct member_register *governed, uint32_t id);
/* The key where it has this work for the member and has not ended; else NULL. */
const struct register_key *member_key_in_force(const struct member_register *governed, enum key_kind kind,
    uint32_t member_id, const struct public_key *key);
/* How many of a member's keys of a kind have not ended. */
uint32_t keys_in_force(const struct member_register *governed, enum key_kind kind, uint32_t member_id);
/* Whether the node would vote in the next epoch. */
bool node_counts(const struct member_register *governed, const struct register_node *node);
/* Whether a key that is in force may end: RULING_OK, or TOO_FEW_VALIDATORS for a node's. */
enum ruling key_end_rule(const struct member_register *governed, const struct register_key *key);
/* Ends a key after this block, and with a node's key the node. */
void key_end(struct member_register *governed, const struct register_key *key, uint64_t height);
/* Carries out an action for which governance_action_rule says RULING_OK. */
void action_carry_out(struct member_register *governed, const struct governance_block *block,
    const struct governance_action *action);

/* ---- proposals.c ---- */

/* Adds a proposal with its proposer's yes. There is room (CHECKed). */
void proposal_open(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction);
/* Closes open[index]; `why` only for a void one. */
void proposal_close(struct member_register *governed, const struct governance_block *block, uint32_t index,
    enum proposal_outcome outcome, enum ruling why);
/* Carries out or rejects whatever is decided, the oldest first, until nothing is. Errors: TALLY_ENOMEM. */
int proposals_settle(struct member_register *governed, const struct governance_block *block) TALLY_MUST_CHECK;

#endif
