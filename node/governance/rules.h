/* The rules of membership: what one governance transaction does to the register. Pure and deterministic: the
 * same register, transactions, heights and times give the same register on every node. README.md says them
 * for people.
 *
 * A block is: governance_begin, governance_apply for each transaction in order, governance_end. The block's
 * batches are judged by the register as it was before. Among themselves transactions see at once what earlier
 * ones of the block did, save that a key which is new in it does nothing in it. */
#ifndef TALLY_NODE_GOVERNANCE_RULES_H
#define TALLY_NODE_GOVERNANCE_RULES_H

#include "proto/codec/register.h"
#include "proto/codec/result.h"
#include "proto/codec/ruling.h"

/* From the block's time to the latest closing time of a proposal. */
#define PROPOSAL_LIFETIME_MS_MAX (90ull * 24u * 3600u * 1000u)
/* How far the checkpoint in a READY may lie below the block. */
#define READY_LAG_MAX 256u

/* The block in hand. */
struct governance_block {
    struct digest chain_id;
    uint64_t height; /* from 1 */
    uint64_t time_ms;
};

/* Closes the proposals that have expired. Returns whether there was one. */
bool governance_begin(struct member_register *governed, const struct governance_block *block);

/* Rules on a transaction that governance_check has passed for block->chain_id (CHECKed for the chain alone)
 * and, with RULING_OK in *result, carries it out, and with it every proposal that is decided by it, the
 * oldest first. With another ruling the register is unchanged, save for the member's sequence: that is used
 * up by every transaction that is not refused as UNKNOWN_MEMBER, UNKNOWN_KEY, OUT_OF_TIME or OUT_OF_SEQUENCE,
 * so that no refusal can be repeated by others. Errors: TALLY_ENOMEM; the register is then of no more use.
 *
 * The first of these that applies is the ruling: UNKNOWN_MEMBER, UNKNOWN_KEY, OUT_OF_TIME, OUT_OF_SEQUENCE,
 * SUSPENDED (PROPOSE, BALLOT, WITHDRAW), then
 *   PROPOSE         CLOSING_TIME, PROPOSALS_FULL, and what governance_action_rule says
 *   BALLOT          NO_PROPOSAL or CLOSED, BALLOTED
 *   WITHDRAW        NO_PROPOSAL or CLOSED, NOT_PROPOSER
 *   REVOKE_OWN_KEY  NO_KEY, LAST_KEY, TOO_FEW_VALIDATORS
 *   READY           NOT_WANTED, CHECKPOINT */
int governance_apply(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction, struct event_result *result) TALLY_MUST_CHECK;

/* Ends the block: where it seals (`sealed` is the next set's hash in its header, else NULL) the next epoch
 * begins after it; and where what members want of an epoch differs from the one at hand, the next one's set
 * is settled. *changed says whether any of this happened. Errors: TALLY_EINVALID (it seals with another set
 * than the one that was settled before it, or with none); the register is then unchanged. */
int governance_end(struct member_register *governed, const struct governance_block *block,
    const struct digest *sealed, bool *changed) TALLY_MUST_CHECK;

/* Whether an action could be carried out now: RULING_OK, or the first of these that applies
 *   ADMIT_MEMBER    OTHER_NETWORK, NAME_TAKEN (its own or a node's), KEY_TAKEN, REGISTER_FULL
 *   SUSPEND_MEMBER  NO_MEMBER, WRONG_STATUS (not active), LAST_VOTER
 *   RESTORE_MEMBER  NO_MEMBER, WRONG_STATUS (not suspended)
 *   REMOVE_MEMBER   NO_MEMBER, LAST_VOTER, TOO_FEW_VALIDATORS
 *   ADD_KEY         NO_MEMBER, KEY_TAKEN, REGISTER_FULL (in all, or the member's of this kind)
 *   ROTATE_KEY      NO_MEMBER, NO_KEY, KEY_TAKEN, REGISTER_FULL
 *   REVOKE_KEY      NO_MEMBER, NO_KEY, LAST_VOTER (a ballot key), TOO_FEW_VALIDATORS (a node's)
 *   ADD_NODE        NO_MEMBER, NAME_TAKEN, KEY_TAKEN, REGISTER_FULL
 *   SET_VALIDATORS  NO_NODE, NO_CHANGE (any of them), REGISTER_FULL, TOO_FEW_VALIDATORS (where any is taken
 *                   away)
 *   SET_POLICY      STALE_POLICY
 *   SET_PARAMETER   NO_CHANGE
 *   SET_FLAG        NO_CHANGE (set before, at whatever height), HEIGHT_PASSED, REGISTER_FULL */
enum ruling governance_action_rule(const struct member_register *governed,
    const struct governance_block *block, const struct governance_action *action);

#endif
