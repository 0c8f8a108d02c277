#include "node/governance/rules.h"

#include "node/governance/rules_internal.h"
#include "proto/base/check.h"
#include "proto/codec/epoch_seal.h"

static struct event_result result_plain(enum ruling code)
{
    return (struct event_result){.code = (uint16_t)code};
}

static struct event_result result_of_outcome(enum ruling code, enum proposal_outcome outcome)
{
    return (struct event_result){.code = (uint16_t)code, .detail_size = 1, .detail = {(uint8_t)outcome}};
}

static struct event_result result_of_sequence(uint64_t next)
{
    struct event_result result = result_plain(RULING_OUT_OF_SEQUENCE);

    result.detail_size = 8;
    put_u64(result.detail, next);
    return result;
}

/* ---- The envelope: whether the member says this, now ---- */

/* A key that was ended in this block does nothing more in it, nor does a new one as yet. */
static bool key_may_act(const struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction)
{
    enum key_kind kind = transaction->kind == GOVERNANCE_READY ? KEY_NODE : KEY_BALLOT;
    const struct register_key *key =
        member_key_in_force(governed, kind, transaction->member_id, &transaction->key);

    return key != NULL && key->from <= block->height;
}

static struct event_result envelope_rule(const struct member_register *governed,
    const struct governance_block *block, const struct governance_transaction *transaction)
{
    const struct register_member *member = register_member_by_id(governed, transaction->member_id);

    if (member == NULL || member->status == MEMBER_REMOVED) return result_plain(RULING_UNKNOWN_MEMBER);
    if (!key_may_act(governed, block, transaction)) return result_plain(RULING_UNKNOWN_KEY);
    if (transaction->expires_at_ms <= block->time_ms ||
        transaction->expires_at_ms - block->time_ms > GOVERNANCE_LIFETIME_MS_MAX)
        return result_plain(RULING_OUT_OF_TIME);
    if (transaction->kind != GOVERNANCE_READY && transaction->sequence != member->sequence + 1)
        return result_of_sequence(member->sequence + 1);
    return result_plain(RULING_OK);
}

/* ---- Each kind ---- */

static uint32_t open_of_member(const struct member_register *governed, uint32_t member_id)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < governed->open_count; i++)
        count += governed->open[i].member_id == member_id;
    return count;
}

/* Places are kept free for those voters that have no proposal open: as far as there is one for each of them,
 * nobody can take the last. */
static bool has_place(const struct member_register *governed, uint32_t member_id)
{
    uint32_t own = open_of_member(governed, member_id), free = PROPOSALS_OPEN_MAX - governed->open_count;
    uint32_t kept = 0;

    if (own == 0) return free > 0;
    for (uint32_t i = 0; i < governed->member_count; i++) {
        const struct register_member *member = &governed->members[i];
        kept += register_is_voter(governed, member) && open_of_member(governed, member->id) == 0;
    }
    return own < PROPOSALS_OF_MEMBER_MAX && free > kept;
}

static enum ruling propose_rule(const struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction)
{
    if (transaction->closes_ms <= block->time_ms ||
        transaction->closes_ms - block->time_ms > PROPOSAL_LIFETIME_MS_MAX)
        return RULING_CLOSING_TIME;
    if (!has_place(governed, transaction->member_id)) return RULING_PROPOSALS_FULL;
    return governance_action_rule(governed, block, &transaction->proposed);
}

/* What a proposal has come to, whose newest ballot was counted in this block. */
static struct event_result result_of_proposal(const struct member_register *governed, const struct digest *id)
{
    const struct closed_proposal *closed = register_closed_find(governed, id);

    return result_of_outcome(RULING_OK, closed != NULL ? closed->outcome : PROPOSAL_OPEN);
}

static int propose(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction, struct event_result *result)
{
    *result = result_plain(propose_rule(governed, block, transaction));
    if (result->code != RULING_OK) return TALLY_OK;
    proposal_open(governed, block, transaction);
    int error = proposals_settle(governed, block);
    if (error == TALLY_OK) *result = result_of_proposal(governed, &transaction->digest);
    return error;
}

static struct event_result no_proposal(const struct member_register *governed, const struct digest *id)
{
    const struct closed_proposal *closed = register_closed_find(governed, id);

    return closed != NULL ? result_of_outcome(RULING_CLOSED, closed->outcome)
                          : result_plain(RULING_NO_PROPOSAL);
}

static bool has_balloted(const struct register_proposal *proposal, uint32_t member_id)
{
    for (uint32_t i = 0; i < proposal->ballot_count; i++)
        if (proposal->ballots[i].member_id == member_id) return true;
    return false;
}

static int ballot(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction, struct event_result *result)
{
    const struct register_proposal *found = register_proposal_find(governed, &transaction->proposal);

    if (found == NULL) {
        *result = no_proposal(governed, &transaction->proposal);
        return TALLY_OK;
    }
    CHECK(found->closes_ms > block->time_ms);
    if (has_balloted(found, transaction->member_id)) {
        *result = result_plain(RULING_BALLOTED);
        return TALLY_OK;
    }
    CHECK(found->ballot_count < MEMBERS_MAX);
    struct register_proposal *proposal = &governed->open[found - governed->open];
    proposal->ballots[proposal->ballot_count++] =
        (struct register_ballot){transaction->member_id, transaction->yes};
    int error = proposals_settle(governed, block);
    if (error == TALLY_OK) *result = result_of_proposal(governed, &transaction->proposal);
    return error;
}

static struct event_result withdraw(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction)
{
    const struct register_proposal *found = register_proposal_find(governed, &transaction->proposal);

    if (found == NULL) return no_proposal(governed, &transaction->proposal);
    if (found->member_id != transaction->member_id) return result_plain(RULING_NOT_PROPOSER);
    proposal_close(governed, block, (uint32_t)(found - governed->open), PROPOSAL_WITHDRAWN, RULING_OK);
    return result_plain(RULING_OK);
}

/* "A member may revoke its own key at once", also while it is suspended; not the last by which it votes, for
 * then only the others could let it in again. */
static struct event_result revoke_own_key(struct member_register *governed,
    const struct governance_block *block, const struct governance_transaction *transaction)
{
    const struct register_key *key = member_key_in_force(
        governed, transaction->revoked_kind, transaction->member_id, &transaction->revoked_key);

    if (key == NULL) return result_plain(RULING_NO_KEY);
    if (key->kind == KEY_BALLOT && keys_in_force(governed, KEY_BALLOT, key->member_id) == 1)
        return result_plain(RULING_LAST_KEY);
    enum ruling ruling = key_end_rule(governed, key);
    if (ruling == RULING_OK) key_end(governed, key, block->height);
    return result_plain(ruling);
}

/* A checkpoint of this epoch, of the last few heights, that a quorum of its validators signed: the node could
 * not name it before it had come this far. */
static bool checkpoint_holds(const struct member_register *governed, const struct governance_block *block,
    const struct certified_checkpoint *ready)
{
    const struct checkpoint *checkpoint = &ready->checkpoint;
    struct validator_set set;
    struct verify_set verify;

    if (!digest_equal(&checkpoint->chain_id, &block->chain_id)) return false;
    if (checkpoint->height == 0 || checkpoint->height >= block->height ||
        block->height - checkpoint->height > READY_LAG_MAX)
        return false;
    register_current_set(governed, &set);
    return verify_set_init(&set, &verify) == TALLY_OK &&
           certified_checkpoint_check(&verify, ready) == TALLY_OK;
}

static struct event_result ready(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction)
{
    const struct register_node *node = register_node_by_key(governed, &transaction->key);

    CHECK(node != NULL && node->until == 0);
    if (!node->validator || node_counts(governed, node)) return result_plain(RULING_NOT_WANTED);
    if (!checkpoint_holds(governed, block, &transaction->ready)) return result_plain(RULING_CHECKPOINT);
    node_of(governed, node->id)->ready = transaction->ready.checkpoint.height;
    return result_plain(RULING_OK);
}

/* ---- The block ---- */

bool governance_begin(struct member_register *governed, const struct governance_block *block)
{
    bool changed = false;

    CHECK(block->height > 0);
    for (uint32_t i = 0; i < governed->open_count;) {
        if (governed->open[i].closes_ms > block->time_ms) {
            i++;
            continue;
        }
        proposal_close(governed, block, i, PROPOSAL_EXPIRED, RULING_OK);
        changed = true;
    }
    return changed;
}

int governance_apply(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction, struct event_result *result)
{
    CHECK(digest_equal(&transaction->chain_id, &block->chain_id));
    struct event_result envelope = envelope_rule(governed, block, transaction);
    if (envelope.code != RULING_OK) {
        *result = envelope;
        return TALLY_OK;
    }
    if (transaction->kind == GOVERNANCE_READY) {
        *result = ready(governed, block, transaction);
        return TALLY_OK;
    }
    struct register_member *member = member_of(governed, transaction->member_id);
    member->sequence++;
    if (transaction->kind == GOVERNANCE_REVOKE_OWN_KEY) {
        *result = revoke_own_key(governed, block, transaction);
        return TALLY_OK;
    }
    if (member->status == MEMBER_SUSPENDED) {
        *result = result_plain(RULING_SUSPENDED);
        return TALLY_OK;
    }
    switch (transaction->kind) {
    case GOVERNANCE_PROPOSE:
        return propose(governed, block, transaction, result);
    case GOVERNANCE_BALLOT:
        return ballot(governed, block, transaction, result);
    case GOVERNANCE_WITHDRAW:
        *result = withdraw(governed, block, transaction);
        return TALLY_OK;
    case GOVERNANCE_REVOKE_OWN_KEY:
    case GOVERNANCE_READY:
        break;
    }
    CHECK_UNREACHABLE();
}

/* Whether a key that the node has, or had, votes in the set. */
static bool node_votes_in(
    const struct member_register *governed, uint32_t node_id, const struct register_set *set)
{
    for (uint32_t i = 0; i < governed->key_count; i++)
        if (governed->keys[i].node_id == node_id && register_set_has(set, &governed->keys[i].key))
            return true;
    return false;
}

/* The next epoch begins. Who voted until now is synced, whether or not it votes on; nodes that have ended go
 * with the last set that has them. */
static void epoch_begin(struct member_register *governed, uint64_t height)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < governed->node_count; i++) {
        struct register_node *node = &governed->nodes[i];
        if (node_counts(governed, node) && node->ready == 0) node->ready = height;
        if (node->until != 0 && !node_votes_in(governed, node->id, &governed->next)) continue;
        governed->nodes[kept++] = *node;
    }
    governed->node_count = kept;
    governed->epoch++;
    governed->epoch_from = height + 1;
    governed->set = governed->next;
    governed->next = (struct register_set){0};
    governed->next_from = 0;
}

int governance_end(struct member_register *governed, const struct governance_block *block,
    const struct digest *sealed, bool *changed)
{
    struct validator_set next;
    struct register_set wanted;

    *changed = false;
    if (sealed != NULL) {
        if (!register_wants_epoch(governed, &next)) return TALLY_EINVALID;
        struct digest hash = validator_set_hash(&next);
        if (!digest_equal(&hash, sealed)) return TALLY_EINVALID;
        epoch_begin(governed, block->height);
        *changed = true;
    }
    if (governed->next.count > 0 || governed->epoch >= EPOCH_SEALS_MAX) return TALLY_OK;
    register_wanted_set(governed, &wanted);
    CHECK(wanted.count >= VALIDATORS_MIN);
    if (register_set_equal(&wanted, &governed->set)) return TALLY_OK;
    governed->next = wanted;
    governed->next_from = block->height;
    *changed = true;
    return TALLY_OK;
}
