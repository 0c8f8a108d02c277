/* The register changed, once a rule has allowed it. What a block decides holds from the height after it. */
#include <string.h>

#include "node/governance/rules_internal.h"
#include "proto/base/check.h"

struct register_member *member_of(struct member_register *governed, uint32_t id)
{
    const struct register_member *member = register_member_by_id(governed, id);

    CHECK(member != NULL);
    return &governed->members[member - governed->members];
}

struct register_node *node_of(struct member_register *governed, uint32_t id)
{
    const struct register_node *node = register_node_by_id(governed, id);

    CHECK(node != NULL);
    return &governed->nodes[node - governed->nodes];
}

bool node_counts(const struct member_register *governed, const struct register_node *node)
{
    return node->validator && (node->ready != 0 || register_set_has(&governed->set, &node->key));
}

/* ---- Keys ---- */

const struct register_key *member_key_in_force(const struct member_register *governed, enum key_kind kind,
    uint32_t member_id, const struct public_key *key)
{
    const struct register_key *found = register_key_find(governed, key);

    if (found == NULL || found->kind != kind || found->member_id != member_id || found->until != 0)
        return NULL;
    return found;
}

uint32_t keys_in_force(const struct member_register *governed, enum key_kind kind, uint32_t member_id)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < governed->key_count; i++) {
        const struct register_key *key = &governed->keys[i];
        count += key->kind == kind && key->member_id == member_id && key->until == 0;
    }
    return count;
}

static void key_add(struct member_register *governed, uint32_t member_id, enum key_kind kind,
    uint32_t node_id, const struct public_key *key, uint64_t height)
{
    CHECK(governed->key_count < REGISTER_KEYS_MAX);
    governed->keys[governed->key_count++] = (struct register_key){
        .member_id = member_id, .kind = kind, .node_id = node_id, .key = *key, .from = height + 1};
}

enum ruling key_end_rule(const struct member_register *governed, const struct register_key *key)
{
    struct register_set set;

    if (key->kind != KEY_NODE) return RULING_OK;
    if (!node_counts(governed, register_node_by_id(governed, key->node_id))) return RULING_OK;
    register_wanted_set(governed, &set);
    return set.count > VALIDATORS_MIN ? RULING_OK : RULING_TOO_FEW_VALIDATORS;
}

void key_end(struct member_register *governed, const struct register_key *key, uint64_t height)
{
    struct register_key *ended = &governed->keys[key - governed->keys];

    CHECK(ended->until == 0);
    ended->until = height + 1;
    if (ended->kind != KEY_NODE) return;
    struct register_node *node = node_of(governed, ended->node_id);
    node->until = height + 1;
    node->validator = false;
    node->ready = 0;
}

static void key_rotate(
    struct member_register *governed, const struct governance_action *action, uint64_t height)
{
    const struct register_key *old =
        member_key_in_force(governed, action->key_kind, action->member_id, &action->old_key);

    CHECK(old != NULL);
    uint32_t node_id = old->node_id;
    governed->keys[old - governed->keys].until = height + 1;
    key_add(governed, action->member_id, action->key_kind, node_id, &action->key, height);
    if (action->key_kind != KEY_NODE) return;
    struct register_node *node = node_of(governed, node_id);
    /* It is the same node: what it has shown, or shows by voting, stands. */
    if (node->ready == 0 && register_set_has(&governed->set, &node->key)) node->ready = height;
    node->key = action->key;
}

/* ---- Members and nodes ---- */

static void node_add(
    struct member_register *governed, uint32_t member_id, const struct new_node *new, uint64_t height)
{
    CHECK(governed->node_count < REGISTER_NODES_MAX);
    struct register_node *node = &governed->nodes[governed->node_count++];
    *node = (struct register_node){.id = ++governed->last_node_id,
        .member_id = member_id,
        .key = new->key,
        .validator = new->validator,
        .from = height + 1};
    memcpy(node->name, new->name, sizeof new->name);
    memcpy(node->address, new->address, sizeof new->address);
    key_add(governed, member_id, KEY_NODE, node->id, &new->key, height);
}

static void member_admit(struct member_register *governed, const struct join *join, uint64_t height)
{
    CHECK(governed->member_count > 0 && governed->member_count < MEMBERS_MAX);
    struct register_member *member = &governed->members[governed->member_count];
    *member = (struct register_member){.id = member[-1].id + 1,
        .role = join->role,
        .status = MEMBER_ACTIVE,
        .from = height + 1,
        .status_from = height + 1};
    memcpy(member->name, join->name, sizeof join->name);
    memcpy(member->kind, join->kind, sizeof join->kind);
    memcpy(member->licence, join->licence, sizeof join->licence);
    governed->member_count++;
    for (uint32_t i = 0; i < join->signing_key_count; i++)
        key_add(governed, member->id, KEY_SIGNING, 0, &join->signing_keys[i], height);
    for (uint32_t i = 0; i < join->ballot_key_count; i++)
        key_add(governed, member->id, KEY_BALLOT, 0, &join->ballot_keys[i], height);
    for (uint32_t i = 0; i < join->node_count; i++)
        node_add(governed, member->id, &join->nodes[i], height);
}

static void member_set_status(
    struct member_register *governed, uint32_t id, enum member_status status, uint64_t height)
{
    struct register_member *member = member_of(governed, id);

    member->status = status;
    member->status_from = height + 1;
}

static void member_remove(struct member_register *governed, uint32_t id, uint64_t height)
{
    member_set_status(governed, id, MEMBER_REMOVED, height);
    for (uint32_t i = 0; i < governed->key_count; i++)
        if (governed->keys[i].member_id == id && governed->keys[i].until == 0)
            key_end(governed, &governed->keys[i], height);
}

static void validators_set(struct member_register *governed, const struct governance_action *action)
{
    for (uint32_t i = 0; i < action->choice_count; i++) {
        struct register_node *node = node_of(governed, action->choices[i].node_id);
        node->validator = action->choices[i].validator;
        node->ready = 0;
    }
}

/* ---- The network's terms ---- */

static void policy_set(
    struct member_register *governed, const struct governance_action *action, uint64_t height)
{
    CHECK(action->policy.size > 0 && action->policy.size <= REGISTER_POLICY_SIZE_MAX);
    memset(governed->policy, 0, sizeof governed->policy);
    memcpy(governed->policy, action->policy.data, action->policy.size);
    governed->policy_size = (uint32_t)action->policy.size;
    governed->policy_version = action->policy_version;
    governed->policy_from = height + 1;
}

static void parameter_set(struct member_register *governed, const struct governance_action *action)
{
    CHECK(parameter_allows(action->parameter, action->value));
    switch (action->parameter) {
    case PARAMETER_BASE_TIMEOUT_MS:
        governed->base_timeout_ms = (uint32_t)action->value;
        return;
    case PARAMETER_HEARTBEAT_MS:
        governed->heartbeat_ms = (uint32_t)action->value;
        return;
    }
}

static void flag_set(struct member_register *governed, const struct governance_action *action)
{
    uint32_t at = governed->flag_count++;

    CHECK(at < REGISTER_FLAGS_MAX);
    for (; at > 0 && governed->flags[at - 1].flag > action->flag; at--)
        governed->flags[at] = governed->flags[at - 1];
    governed->flags[at] = (struct register_flag){action->flag, action->height};
}

void action_carry_out(struct member_register *governed, const struct governance_block *block,
    const struct governance_action *action)
{
    uint64_t height = block->height;

    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        member_admit(governed, &action->join, height);
        return;
    case ACTION_SUSPEND_MEMBER:
        member_set_status(governed, action->member_id, MEMBER_SUSPENDED, height);
        return;
    case ACTION_RESTORE_MEMBER:
        member_set_status(governed, action->member_id, MEMBER_ACTIVE, height);
        return;
    case ACTION_REMOVE_MEMBER:
        member_remove(governed, action->member_id, height);
        return;
    case ACTION_ADD_KEY:
        key_add(governed, action->member_id, action->key_kind, 0, &action->key, height);
        return;
    case ACTION_ROTATE_KEY:
        key_rotate(governed, action, height);
        return;
    case ACTION_REVOKE_KEY:
        key_end(governed,
            member_key_in_force(governed, action->key_kind, action->member_id, &action->old_key), height);
        return;
    case ACTION_ADD_NODE:
        node_add(governed, action->member_id, &action->node, height);
        return;
    case ACTION_SET_VALIDATORS:
        validators_set(governed, action);
        return;
    case ACTION_SET_POLICY:
        policy_set(governed, action, height);
        return;
    case ACTION_SET_PARAMETER:
        parameter_set(governed, action);
        return;
    case ACTION_SET_FLAG:
        flag_set(governed, action);
        return;
    }
    CHECK_UNREACHABLE();
}
