/* Whether an action can be carried out. */
#include <string.h>

#include "node/governance/rules_internal.h"
#include "proto/base/check.h"

/* ---- Names, keys, room ---- */

static bool member_name_is_taken(const struct member_register *governed, const char *name)
{
    for (uint32_t i = 0; i < governed->member_count; i++) {
        const struct register_member *member = &governed->members[i];
        if (member->status != MEMBER_REMOVED && strcmp(member->name, name) == 0) return true;
    }
    return false;
}

static bool node_name_is_taken(const struct member_register *governed, const char *name)
{
    for (uint32_t i = 0; i < governed->node_count; i++)
        if (strcmp(governed->nodes[i].name, name) == 0) return true;
    return false;
}

static bool keys_are_taken(const struct member_register *governed, const struct governance_action *action)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = action_new_keys(action, keys);

    for (uint32_t i = 0; i < count; i++)
        if (register_key_find(governed, keys[i]) != NULL) return true;
    return false;
}

static bool has_room(const struct member_register *governed, uint32_t keys, uint32_t nodes)
{
    return governed->key_count + keys <= REGISTER_KEYS_MAX &&
           governed->node_count + nodes <= REGISTER_NODES_MAX && governed->last_node_id <= UINT32_MAX - nodes;
}

/* Nodes that are to vote, whether or not they can as yet. */
static uint32_t wanted_count(const struct member_register *governed)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < governed->node_count; i++)
        count += governed->nodes[i].validator;
    return count;
}

/* ---- Members ---- */

static enum ruling admit_rule(const struct member_register *governed, const struct governance_action *action)
{
    const struct join *join = &action->join;
    uint32_t keys = join->signing_key_count + join->ballot_key_count + join->node_count;
    uint32_t wanted = wanted_count(governed);

    if (strcmp(join->network, governed->network) != 0) return RULING_OTHER_NETWORK;
    if (member_name_is_taken(governed, join->name)) return RULING_NAME_TAKEN;
    for (uint32_t i = 0; i < join->node_count; i++) {
        if (node_name_is_taken(governed, join->nodes[i].name)) return RULING_NAME_TAKEN;
        wanted += join->nodes[i].validator;
    }
    if (keys_are_taken(governed, action)) return RULING_KEY_TAKEN;
    if (governed->member_count == MEMBERS_MAX || wanted > VALIDATORS_MAX ||
        governed->members[governed->member_count - 1].id >= UINT32_MAX - 1)
        return RULING_REGISTER_FULL;
    return has_room(governed, keys, join->node_count) ? RULING_OK : RULING_REGISTER_FULL;
}

/* Without this member there would be nobody to vote on anything, ever. */
static bool is_last_voter(const struct member_register *governed, const struct register_member *member)
{
    return register_is_voter(governed, member) && register_voter_count(governed) == 1;
}

static enum ruling suspend_rule(const struct member_register *governed, const struct register_member *member)
{
    if (member->status != MEMBER_ACTIVE) return RULING_WRONG_STATUS;
    return is_last_voter(governed, member) ? RULING_LAST_VOTER : RULING_OK;
}

static enum ruling remove_rule(const struct member_register *governed, const struct register_member *member)
{
    struct register_set set;
    uint32_t leaving = 0;

    if (is_last_voter(governed, member)) return RULING_LAST_VOTER;
    register_wanted_set(governed, &set);
    for (uint32_t i = 0; i < governed->node_count; i++)
        leaving += governed->nodes[i].member_id == member->id && node_counts(governed, &governed->nodes[i]);
    return leaving > 0 && set.count - leaving < VALIDATORS_MIN ? RULING_TOO_FEW_VALIDATORS : RULING_OK;
}

/* ---- Keys and nodes ---- */

static enum ruling add_key_rule(
    const struct member_register *governed, const struct governance_action *action)
{
    if (keys_are_taken(governed, action)) return RULING_KEY_TAKEN;
    if (!has_room(governed, 1, 0) ||
        keys_in_force(governed, action->key_kind, action->member_id) >= KEYS_PER_MEMBER_MAX)
        return RULING_REGISTER_FULL;
    return RULING_OK;
}

static enum ruling rotate_key_rule(
    const struct member_register *governed, const struct governance_action *action)
{
    if (member_key_in_force(governed, action->key_kind, action->member_id, &action->old_key) == NULL)
        return RULING_NO_KEY;
    if (keys_are_taken(governed, action)) return RULING_KEY_TAKEN;
    return has_room(governed, 1, 0) ? RULING_OK : RULING_REGISTER_FULL;
}

static enum ruling revoke_key_rule(const struct member_register *governed,
    const struct register_member *member, const struct governance_action *action)
{
    const struct register_key *key =
        member_key_in_force(governed, action->key_kind, member->id, &action->old_key);

    if (key == NULL) return RULING_NO_KEY;
    if (key->kind == KEY_BALLOT && keys_in_force(governed, KEY_BALLOT, member->id) == 1 &&
        is_last_voter(governed, member))
        return RULING_LAST_VOTER;
    return key_end_rule(governed, key);
}

static enum ruling add_node_rule(
    const struct member_register *governed, const struct governance_action *action)
{
    if (node_name_is_taken(governed, action->node.name)) return RULING_NAME_TAKEN;
    if (keys_are_taken(governed, action)) return RULING_KEY_TAKEN;
    if (action->node.validator && wanted_count(governed) == VALIDATORS_MAX) return RULING_REGISTER_FULL;
    return has_room(governed, 1, 1) ? RULING_OK : RULING_REGISTER_FULL;
}

/* ---- Validators ---- */

/* What one choice does to the nodes wanted, and to those that would vote. */
static enum ruling choice_rule(const struct member_register *governed, const struct validator_choice *choice,
    uint32_t *wanted, uint32_t *voting)
{
    const struct register_node *node = register_node_by_id(governed, choice->node_id);

    if (node == NULL || node->until != 0) return RULING_NO_NODE;
    if (node->validator == choice->validator) return RULING_NO_CHANGE;
    if (choice->validator) {
        ++*wanted;
        *voting += register_set_has(&governed->set, &node->key);
    } else {
        --*wanted;
        *voting -= node_counts(governed, node);
    }
    return RULING_OK;
}

static enum ruling set_validators_rule(
    const struct member_register *governed, const struct governance_action *action)
{
    struct register_set set;
    uint32_t wanted = wanted_count(governed);
    bool takes_away = false;

    register_wanted_set(governed, &set);
    for (uint32_t i = 0; i < action->choice_count; i++) {
        enum ruling ruling = choice_rule(governed, &action->choices[i], &wanted, &set.count);
        if (ruling != RULING_OK) return ruling;
        takes_away = takes_away || !action->choices[i].validator;
    }
    if (wanted > VALIDATORS_MAX) return RULING_REGISTER_FULL;
    return takes_away && set.count < VALIDATORS_MIN ? RULING_TOO_FEW_VALIDATORS : RULING_OK;
}

/* ---- Policy, parameters, flags ---- */

static enum ruling set_parameter_rule(
    const struct member_register *governed, const struct governance_action *action)
{
    uint64_t now =
        action->parameter == PARAMETER_BASE_TIMEOUT_MS ? governed->base_timeout_ms : governed->heartbeat_ms;

    return now == action->value ? RULING_NO_CHANGE : RULING_OK;
}

static enum ruling set_flag_rule(const struct member_register *governed, const struct governance_block *block,
    const struct governance_action *action)
{
    for (uint32_t i = 0; i < governed->flag_count; i++)
        if (governed->flags[i].flag == action->flag) return RULING_NO_CHANGE;
    if (action->height <= block->height) return RULING_HEIGHT_PASSED;
    return governed->flag_count == REGISTER_FLAGS_MAX ? RULING_REGISTER_FULL : RULING_OK;
}

enum ruling governance_action_rule(const struct member_register *governed,
    const struct governance_block *block, const struct governance_action *action)
{
    const struct register_member *member = register_member_by_id(governed, action->member_id);
    bool names_member = action->member_id != 0;

    if (names_member && (member == NULL || member->status == MEMBER_REMOVED)) return RULING_NO_MEMBER;
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        return admit_rule(governed, action);
    case ACTION_SUSPEND_MEMBER:
        return suspend_rule(governed, member);
    case ACTION_RESTORE_MEMBER:
        return member->status == MEMBER_SUSPENDED ? RULING_OK : RULING_WRONG_STATUS;
    case ACTION_REMOVE_MEMBER:
        return remove_rule(governed, member);
    case ACTION_ADD_KEY:
        return add_key_rule(governed, action);
    case ACTION_ROTATE_KEY:
        return rotate_key_rule(governed, action);
    case ACTION_REVOKE_KEY:
        return revoke_key_rule(governed, member, action);
    case ACTION_ADD_NODE:
        return add_node_rule(governed, action);
    case ACTION_SET_VALIDATORS:
        return set_validators_rule(governed, action);
    case ACTION_SET_POLICY:
        return action->policy_version == governed->policy_version + 1 ? RULING_OK : RULING_STALE_POLICY;
    case ACTION_SET_PARAMETER:
        return set_parameter_rule(governed, action);
    case ACTION_SET_FLAG:
        return set_flag_rule(governed, block, action);
    }
    CHECK_UNREACHABLE();
}
