#include "tools/founding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec/register.h"
#include "tools/join_file.h"

/* Founders sign for no chain yet: zeros. */
enum tool_exit founder_open(struct context *context, const char *path, struct governance_action *action)
{
    static const struct digest none;
    struct buffer action_bytes, proofs;
    buffer_init(&action_bytes, ACTION_SIZE_MAX);
    buffer_init(&proofs, NEW_KEYS_MAX * SIGNATURE_SIZE);
    enum tool_exit code = join_file_open(context, path, &none, action, &action_bytes, &proofs);
    buffer_close(&action_bytes);
    buffer_close(&proofs);
    return code;
}

static enum tool_exit node_add(struct context *context, const char *path, const struct new_node *node,
    uint32_t member_id, struct genesis *genesis)
{
    uint32_t *count = node->validator ? &genesis->validator_count : &genesis->observer_count;
    struct genesis_node *nodes = node->validator ? genesis->validators : genesis->observers;
    if (*count == (node->validator ? VALIDATORS_MAX : OBSERVERS_MAX))
        return context_fail(context, TOOL_REFUSED, "TOO_MANY", "%s: with it there are more than %u %s", path,
            *count, node->validator ? "validators" : "observers");
    struct genesis_node *to = &nodes[(*count)++];
    memcpy(to->name, node->name, sizeof to->name);
    memcpy(to->address, node->address, sizeof to->address);
    to->member_id = member_id;
    to->key = node->key;
    return TOOL_DONE;
}

_Static_assert(JOIN_KEYS_MAX <= KEYS_PER_MEMBER_MAX, "a founder's keys fit a genesis");

enum tool_exit founder_add(
    struct context *context, const char *path, const struct join *join, struct genesis *genesis)
{
    if (genesis->member_count == 0) memcpy(genesis->network, join->network, sizeof genesis->network);
    if (strcmp(join->network, genesis->network) != 0)
        return context_fail(context, TOOL_REFUSED, "NETWORK", "%s is for the network %s, the first for %s",
            path, join->network, genesis->network);
    if (genesis->member_count == MEMBERS_MAX)
        return context_fail(context, TOOL_REFUSED, "TOO_MANY", "%s: with it there are more than %u members",
            path, MEMBERS_MAX);
    struct genesis_member *member = &genesis->members[genesis->member_count];
    member->id = ++genesis->member_count;
    member->role = join->role;
    memcpy(member->name, join->name, sizeof member->name);
    memcpy(member->kind, join->kind, sizeof member->kind);
    memcpy(member->licence, join->licence, sizeof member->licence);
    member->key_count = join->signing_key_count;
    memcpy(member->keys, join->signing_keys, sizeof join->signing_keys);
    member->ballot_key_count = join->ballot_key_count;
    memcpy(member->ballot_keys, join->ballot_keys, sizeof join->ballot_keys);
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < join->node_count; i++)
        code = node_add(context, path, &join->nodes[i], member->id, genesis);
    return code;
}

enum tool_exit genesis_finish(struct context *context, struct genesis *genesis, struct buffer *text)
{
    char why[MESSAGE_SIZE_MAX / 2];
    if (genesis->validator_count < VALIDATORS_MIN)
        return context_fail(context, TOOL_REFUSED, "TOO_FEW",
            "a network begins with %d validators at least, and the files have %u", VALIDATORS_MIN,
            genesis->validator_count);
    genesis_print(genesis, text);
    struct member_register *founded = malloc(sizeof *founded);
    enum tool_exit code = TOOL_DONE;
    if (text->failed || founded == NULL)
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    else if (genesis_parse(buffer_span(text), genesis, why, sizeof why) != TALLY_OK)
        code =
            context_fail(context, TOOL_REFUSED, "GENESIS", "of these files no genesis can be made: %s", why);
    else if (register_from_genesis(genesis, founded) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "GENESIS",
            "of these files no genesis can be made: more keys, or a longer policy, than a register holds");
    free(founded);
    return code;
}

/* ---- A founder's own check ---- */

static const struct genesis_member *member_find(const struct genesis *genesis, const struct join *join)
{
    for (uint32_t i = 0; i < genesis->member_count; i++)
        if (strcmp(genesis->members[i].name, join->name) == 0) return &genesis->members[i];
    return NULL;
}

static bool keys_equal(
    const struct public_key *a, uint32_t a_count, const struct public_key *b, uint32_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0;
}

static uint32_t nodes_of(const struct genesis_node *nodes, uint32_t count, uint32_t member_id)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += nodes[i].member_id == member_id;
    return found;
}

static bool node_is_there(const struct genesis *genesis, const struct new_node *node, uint32_t member_id)
{
    const struct genesis_node *found = genesis_node_by_key(genesis, &node->key);
    bool votes = found >= genesis->validators && found < genesis->validators + genesis->validator_count;
    return found != NULL && found->member_id == member_id && votes == node->validator &&
           strcmp(found->name, node->name) == 0 && strcmp(found->address, node->address) == 0;
}

enum tool_exit founder_check(struct context *context, const struct join *join, const struct genesis *genesis)
{
    const struct genesis_member *member = member_find(genesis, join);
    const char *what = NULL;
    if (strcmp(join->network, genesis->network) != 0)
        what = "the network's name is another";
    else if (member == NULL)
        what = "no member has this name";
    else if (member->role != join->role || strcmp(member->kind, join->kind) != 0 ||
             strcmp(member->licence, join->licence) != 0)
        what = "role, kind or licence is another";
    else if (!keys_equal(member->keys, member->key_count, join->signing_keys, join->signing_key_count))
        what = "the signing keys are others";
    else if (!keys_equal(
                 member->ballot_keys, member->ballot_key_count, join->ballot_keys, join->ballot_key_count))
        what = "the ballot keys are others";
    for (uint32_t i = 0; what == NULL && i < join->node_count; i++)
        if (!node_is_there(genesis, &join->nodes[i], member->id))
            what = "a node is missing, or has another name, address, key or part";
    if (what == NULL && nodes_of(genesis->validators, genesis->validator_count, member->id) +
                                nodes_of(genesis->observers, genesis->observer_count, member->id) !=
                            join->node_count)
        what = "it has nodes that its join file does not have";
    if (what == NULL) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "DIFFERS",
        "the genesis does not have %s as its join file says: %s", join->name, what);
}
