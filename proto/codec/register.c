/* The register as genesis gives it, and what is asked of it. */
#include "proto/codec/register.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

#define FIRST_EPOCH 1u

const char *member_status_name(uint32_t status)
{
    static const char *const names[] = {
        [MEMBER_ACTIVE] = "active", [MEMBER_SUSPENDED] = "suspended", [MEMBER_REMOVED] = "removed"};
    return status >= MEMBER_ACTIVE && status <= MEMBER_REMOVED ? names[status] : NULL;
}

const char *proposal_outcome_name(uint32_t outcome)
{
    static const char *const names[] = {"open", "passed", "void", "rejected", "expired", "withdrawn"};
    return outcome <= PROPOSAL_WITHDRAWN ? names[outcome] : NULL;
}

/* ---- Genesis ---- */

static int keys_found(struct member_register *to, uint32_t member_id, enum key_kind kind, uint32_t node_id,
    const struct public_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (to->key_count == REGISTER_KEYS_MAX) return TALLY_ELIMIT;
        to->keys[to->key_count++] =
            (struct register_key){.member_id = member_id, .kind = kind, .node_id = node_id, .key = keys[i]};
    }
    return TALLY_OK;
}

static int members_found(const struct genesis *genesis, struct member_register *to)
{
    int error = TALLY_OK;
    to->member_count = genesis->member_count;
    for (uint32_t i = 0; i < genesis->member_count && error == TALLY_OK; i++) {
        const struct genesis_member *member = &genesis->members[i];
        to->members[i] =
            (struct register_member){.id = member->id, .role = member->role, .status = MEMBER_ACTIVE};
        memcpy(to->members[i].name, member->name, sizeof member->name);
        memcpy(to->members[i].kind, member->kind, sizeof member->kind);
        memcpy(to->members[i].licence, member->licence, sizeof member->licence);
        error = keys_found(to, member->id, KEY_SIGNING, 0, member->keys, member->key_count);
        if (error == TALLY_OK)
            error = keys_found(to, member->id, KEY_BALLOT, 0, member->ballot_keys, member->ballot_key_count);
    }
    return error;
}

static int nodes_found(
    const struct genesis_node *nodes, uint32_t count, bool validators, struct member_register *to)
{
    for (uint32_t i = 0; i < count; i++) {
        if (to->node_count == REGISTER_NODES_MAX) return TALLY_ELIMIT;
        struct register_node *node = &to->nodes[to->node_count++];
        *node = (struct register_node){.id = ++to->last_node_id,
            .member_id = nodes[i].member_id,
            .key = nodes[i].key,
            .validator = validators};
        memcpy(node->name, nodes[i].name, sizeof nodes[i].name);
        memcpy(node->address, nodes[i].address, sizeof nodes[i].address);
        int error = keys_found(to, node->member_id, KEY_NODE, node->id, &node->key, 1);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

static int policy_found(const struct credit_policy *policy, struct member_register *to)
{
    struct buffer text;
    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    credit_policy_print(policy, &text);
    int error = text.failed ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK && text.size > REGISTER_POLICY_SIZE_MAX) error = TALLY_ELIMIT;
    if (error == TALLY_OK) {
        to->policy_version = policy->version;
        to->policy_size = (uint32_t)text.size;
        memcpy(to->policy, text.data, text.size);
    }
    buffer_close(&text);
    return error;
}

int register_from_genesis(const struct genesis *genesis, struct member_register *to)
{
    struct validator_set set;
    memset(to, 0, sizeof *to);
    memcpy(to->network, genesis->network, sizeof genesis->network);
    to->base_timeout_ms = genesis->base_timeout_ms;
    to->heartbeat_ms = genesis->heartbeat_ms;
    int error = policy_found(&genesis->policy, to);
    if (error == TALLY_OK) error = members_found(genesis, to);
    if (error == TALLY_OK) error = nodes_found(genesis->validators, genesis->validator_count, true, to);
    if (error == TALLY_OK) error = nodes_found(genesis->observers, genesis->observer_count, false, to);
    if (error != TALLY_OK) return error;
    genesis_validator_set(genesis, &set);
    to->epoch = FIRST_EPOCH;
    to->epoch_from = 1;
    to->set.count = set.count;
    memcpy(to->set.keys, set.keys, sizeof set.keys);
    to->set.base_timeout_ms = to->base_timeout_ms;
    to->set.heartbeat_ms = to->heartbeat_ms;
    return register_voter_count(to) > 0 ? TALLY_OK : TALLY_EINVALID;
}

/* ---- Members, keys, nodes, proposals ---- */

const struct register_member *register_member_by_id(const struct member_register *from, uint32_t id)
{
    for (uint32_t i = 0; i < from->member_count; i++)
        if (from->members[i].id == id) return &from->members[i];
    return NULL;
}

const struct register_key *register_key_find(const struct member_register *from, const struct public_key *key)
{
    for (uint32_t i = 0; i < from->key_count; i++)
        if (public_key_equal(&from->keys[i].key, key)) return &from->keys[i];
    return NULL;
}

bool register_key_holds(const struct member_register *from, enum key_kind kind, uint32_t member_id,
    const struct public_key *key, uint64_t height)
{
    const struct register_key *found = register_key_find(from, key);
    return found != NULL && found->kind == kind && found->member_id == member_id && found->from <= height &&
           (found->until == 0 || height < found->until);
}

const struct register_node *register_node_by_id(const struct member_register *from, uint32_t id)
{
    for (uint32_t i = 0; i < from->node_count; i++)
        if (from->nodes[i].id == id) return &from->nodes[i];
    return NULL;
}

const struct register_node *register_node_by_key(
    const struct member_register *from, const struct public_key *key)
{
    for (uint32_t i = 0; i < from->node_count; i++)
        if (public_key_equal(&from->nodes[i].key, key)) return &from->nodes[i];
    return NULL;
}

const struct register_proposal *register_proposal_find(
    const struct member_register *from, const struct digest *id)
{
    for (uint32_t i = 0; i < from->open_count; i++)
        if (digest_equal(&from->open[i].id, id)) return &from->open[i];
    return NULL;
}

const struct closed_proposal *register_closed_find(
    const struct member_register *from, const struct digest *id)
{
    for (uint32_t i = 0; i < from->closed_count; i++)
        if (digest_equal(&from->closed[i].id, id)) return &from->closed[i];
    return NULL;
}

/* ---- Voters ---- */

bool register_is_voter(const struct member_register *from, const struct register_member *member)
{
    if (member->status != MEMBER_ACTIVE) return false;
    for (uint32_t i = 0; i < from->key_count; i++) {
        const struct register_key *key = &from->keys[i];
        if (key->member_id == member->id && key->kind == KEY_BALLOT && key->until == 0) return true;
    }
    return false;
}

uint32_t register_voter_count(const struct member_register *from)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->member_count; i++)
        count += register_is_voter(from, &from->members[i]);
    return count;
}

uint32_t register_yes_needed(const struct member_register *from)
{
    return 2 * register_voter_count(from) / 3 + 1;
}

void register_tally(
    const struct member_register *from, const struct register_proposal *proposal, uint32_t *yes, uint32_t *no)
{
    uint32_t counts[2] = {0, 0};
    for (uint32_t i = 0; i < proposal->ballot_count; i++) {
        const struct register_member *member = register_member_by_id(from, proposal->ballots[i].member_id);
        CHECK(member != NULL);
        if (register_is_voter(from, member)) counts[proposal->ballots[i].yes]++;
    }
    *no = counts[false];
    *yes = counts[true];
}

/* ---- Epochs ---- */

bool register_set_has(const struct register_set *set, const struct public_key *key)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (public_key_equal(&set->keys[i], key)) return true;
    return false;
}

bool register_set_has_node(
    const struct member_register *from, const struct register_set *set, const struct register_node *node)
{
    for (uint32_t i = 0; i < from->key_count; i++)
        if (from->keys[i].node_id == node->id && register_set_has(set, &from->keys[i].key)) return true;
    return false;
}

bool register_set_equal(const struct register_set *a, const struct register_set *b)
{
    return a->count == b->count && a->base_timeout_ms == b->base_timeout_ms &&
           a->heartbeat_ms == b->heartbeat_ms && memcmp(a->keys, b->keys, a->count * sizeof a->keys[0]) == 0;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, PUBLIC_KEY_SIZE);
}

void register_wanted_set(const struct member_register *from, struct register_set *set)
{
    *set =
        (struct register_set){.base_timeout_ms = from->base_timeout_ms, .heartbeat_ms = from->heartbeat_ms};
    for (uint32_t i = 0; i < from->node_count; i++) {
        const struct register_node *node = &from->nodes[i];
        if (!node->validator) continue;
        if (node->ready == 0 && !register_set_has(&from->set, &node->key)) continue;
        CHECK(set->count < VALIDATORS_MAX);
        set->keys[set->count++] = node->key;
    }
    qsort(set->keys, set->count, sizeof set->keys[0], compare_keys);
}

static void set_to_agreement(const struct register_set *from, uint64_t epoch, struct validator_set *to)
{
    CHECK(from->count >= VALIDATORS_MIN && from->count <= VALIDATORS_MAX);
    *to = (struct validator_set){.epoch = epoch, .count = from->count};
    memcpy(to->keys, from->keys, from->count * sizeof from->keys[0]);
}

void register_current_set(const struct member_register *from, struct validator_set *set)
{
    set_to_agreement(&from->set, from->epoch, set);
}

bool register_wants_epoch(const struct member_register *from, struct validator_set *next)
{
    if (from->next.count == 0) return false;
    set_to_agreement(&from->next, from->epoch + 1, next);
    return true;
}

/* ---- Flags ---- */

bool register_flag_active(const struct member_register *from, uint32_t flag, uint64_t height)
{
    for (uint32_t i = 0; i < from->flag_count; i++)
        if (from->flags[i].flag == flag) return from->flags[i].from <= height;
    return false;
}

uint32_t register_unknown_flag(const struct member_register *from, uint32_t known, uint64_t height)
{
    for (uint32_t i = 0; i < from->flag_count; i++)
        if (from->flags[i].flag > known && from->flags[i].from <= height) return from->flags[i].flag;
    return 0;
}

const struct register_flag *register_first_unknown_flag(const struct member_register *from, uint32_t known)
{
    const struct register_flag *first = NULL;
    for (uint32_t i = 0; i < from->flag_count; i++) {
        const struct register_flag *flag = &from->flags[i];
        if (flag->flag > known && (first == NULL || flag->from < first->from)) first = flag;
    }
    return first;
}
