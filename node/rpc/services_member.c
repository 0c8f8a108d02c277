/* Who the members are, and the policy they are under, as the register has it now. */
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

static size_t fill_keys(
    const struct member_register *from, uint32_t member_id, ProtobufCBinaryData keys[KEYS_PER_MEMBER_MAX])
{
    size_t count = 0;
    for (uint32_t i = 0; i < from->key_count; i++) {
        const struct register_key *key = &from->keys[i];
        if (key->member_id != member_id || key->kind != KEY_SIGNING || key->until != 0) continue;
        CHECK(count < KEYS_PER_MEMBER_MAX);
        keys[count++] = message_bytes(span_of(key->key.bytes, PUBLIC_KEY_SIZE));
    }
    return count;
}

static size_t fill_members(const struct member_register *from, struct members_reply *to)
{
    size_t count = 0;
    for (uint32_t i = 0; i < from->member_count; i++) {
        const struct register_member *member = &from->members[i];
        if (member->status == MEMBER_REMOVED) continue;
        Tallystick__V1__MemberEntry *entry = to->member_pointers[count] = &to->members[count];
        tallystick__v1__member_entry__init(entry);
        entry->id = member->id;
        entry->name = (char *)(uintptr_t)member->name;
        entry->role = (char *)(uintptr_t)member_role_name((uint32_t)member->role);
        entry->status = (char *)(uintptr_t)member_status_name((uint32_t)member->status);
        entry->signing_keys = to->keys[count];
        entry->n_signing_keys = fill_keys(from, member->id, to->keys[count]);
        count++;
    }
    return count;
}

static size_t fill_nodes(const struct member_register *from, struct members_reply *to)
{
    size_t count = 0;
    for (uint32_t i = 0; i < from->node_count; i++) {
        const struct register_node *node = &from->nodes[i];
        if (node->until != 0) continue;
        Tallystick__V1__NodeEntry *entry = to->node_pointers[count] = &to->nodes[count];
        tallystick__v1__node_entry__init(entry);
        entry->name = (char *)(uintptr_t)node->name;
        entry->member_id = node->member_id;
        entry->node_key = message_bytes(span_of(node->key.bytes, PUBLIC_KEY_SIZE));
        entry->validator = register_set_has_node(from, &from->set, node);
        count++;
    }
    return count;
}

void handle_get_members(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    const struct member_register *from = &executor_register(node_executor(services->node))->value;
    Tallystick__V1__GetMembersReply reply = TALLYSTICK__V1__GET_MEMBERS_REPLY__INIT;
    struct members_reply *to = calloc(1, sizeof *to);
    CHECK(to != NULL);
    reply.members = to->member_pointers;
    reply.n_members = fill_members(from, to);
    reply.nodes = to->node_pointers;
    reply.n_nodes = fill_nodes(from, to);
    reply_at_once(call, &reply.base);
    free(to);
}

/* The message's fields have the names that the policy's own JSON has, so that one is read from the other. */
void handle_get_policy(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    const struct member_register *from = &executor_register(node_executor(services->node))->value;
    struct credit_policy policy;
    struct digest digest;
    Tallystick__V1__GetPolicyReply reply = TALLYSTICK__V1__GET_POLICY_REPLY__INIT;
    ProtobufCMessage *message = NULL;
    const struct span json = span_of(from->policy, from->policy_size);
    struct arena arena;
    char why[SERVICES_TEXT_SIZE] = "";
    arena_init(&arena, POLICY_ARENA_BUDGET);
    int error = credit_policy_parse(json, &policy, why, sizeof why);
    if (error == TALLY_OK)
        error =
            message_from_json(json, &tallystick__v1__policy__descriptor, &arena, &message, why, sizeof why);
    if (error == TALLY_OK) {
        digest = credit_policy_root(&policy);
        reply.policy = (Tallystick__V1__Policy *)message;
        reply.digest = message_bytes(span_of(digest.bytes, DIGEST_SIZE));
        reply_at_once(call, &reply.base);
    } else {
        LOG_BROKEN("the policy could not be told", LOG_E("error", error), LOG_S("why", why));
        fail_call(call, GRPC_INTERNAL, "READ_FAILED", NULL, "this node could not tell its policy");
    }
    arena_close(&arena);
}
