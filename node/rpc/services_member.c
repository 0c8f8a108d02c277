/* Who the members are, and the policy they are under: what the genesis says. */
#include <stdlib.h>

#include "node/net/log.h"
#include "node/rpc/message_json.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

#define POLICY_ARENA_BUDGET (256u * KIB)

/* What the reply points at until it is encoded. */
struct members_reply {
    Tallystick__V1__MemberEntry members[MEMBERS_MAX], *member_pointers[MEMBERS_MAX];
    ProtobufCBinaryData keys[MEMBERS_MAX][KEYS_PER_MEMBER_MAX];
    Tallystick__V1__NodeEntry nodes[PEERS_MAX], *node_pointers[PEERS_MAX];
};

_Static_assert(REPLY_AT_ONCE_SIZE_MAX >= (MEMBERS_MAX + PEERS_MAX) * (2u * NAME_SIZE_MAX) +
                                             MEMBERS_MAX * KEYS_PER_MEMBER_MAX * (PUBLIC_KEY_SIZE + 2u),
    "the members and nodes of a largest genesis fit");

static void fill_members(const struct genesis *genesis, struct members_reply *to)
{
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        Tallystick__V1__MemberEntry *entry = to->member_pointers[i] = &to->members[i];
        tallystick__v1__member_entry__init(entry);
        entry->id = member->id;
        entry->name = (char *)(uintptr_t)member->name;
        entry->role = (char *)(uintptr_t)member_role_name((uint32_t)member->role);
        for (uint32_t k = 0; k < member->key_count; k++)
            to->keys[i][k] = message_bytes(span_of(member->keys[k].bytes, PUBLIC_KEY_SIZE));
        entry->n_signing_keys = member->key_count;
        entry->signing_keys = to->keys[i];
    }
}

static void fill_nodes(
    const struct genesis_node *nodes, uint32_t count, bool validator, uint32_t from, struct members_reply *to)
{
    for (uint32_t i = 0; i < count; i++) {
        Tallystick__V1__NodeEntry *entry = to->node_pointers[from + i] = &to->nodes[from + i];
        tallystick__v1__node_entry__init(entry);
        entry->name = (char *)(uintptr_t)nodes[i].name;
        entry->member_id = nodes[i].member_id;
        entry->node_key = message_bytes(span_of(nodes[i].key.bytes, PUBLIC_KEY_SIZE));
        entry->validator = validator;
    }
}

void handle_get_members(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    const struct genesis *genesis = &node_config(services->node)->genesis;
    Tallystick__V1__GetMembersReply reply = TALLYSTICK__V1__GET_MEMBERS_REPLY__INIT;
    struct members_reply *to = calloc(1, sizeof *to);
    CHECK(to != NULL);
    fill_members(genesis, to);
    fill_nodes(genesis->validators, genesis->validator_count, true, 0, to);
    fill_nodes(genesis->observers, genesis->observer_count, false, genesis->validator_count, to);
    reply.n_members = genesis->member_count;
    reply.members = to->member_pointers;
    reply.n_nodes = genesis->validator_count + genesis->observer_count;
    reply.nodes = to->node_pointers;
    reply_at_once(call, &reply.base);
    free(to);
}

/* The message's fields have the names that the policy's own JSON has, so that one is read from the other. */
void handle_get_policy(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    const struct credit_policy *policy = &node_config(services->node)->genesis.policy;
    const struct digest digest = credit_policy_root(policy);
    Tallystick__V1__GetPolicyReply reply = TALLYSTICK__V1__GET_POLICY_REPLY__INIT;
    ProtobufCMessage *message = NULL;
    struct buffer json;
    struct arena arena;
    char why[SERVICES_TEXT_SIZE] = "";
    buffer_init(&json, POLICY_TEXT_SIZE_MAX);
    arena_init(&arena, POLICY_ARENA_BUDGET);
    credit_policy_print(policy, &json);
    int error = json.failed ? TALLY_ENOMEM
                            : message_from_json(buffer_span(&json), &tallystick__v1__policy__descriptor,
                                  &arena, &message, why, sizeof why);
    if (error == TALLY_OK) {
        reply.policy = (Tallystick__V1__Policy *)message;
        reply.digest = message_bytes(span_of(digest.bytes, DIGEST_SIZE));
        reply_at_once(call, &reply.base);
    } else {
        LOG_BROKEN("the policy could not be told", LOG_E("error", error), LOG_S("why", why));
        fail_call(call, GRPC_INTERNAL, "READ_FAILED", NULL, "this node could not tell its policy");
    }
    arena_close(&arena);
    buffer_close(&json);
}
