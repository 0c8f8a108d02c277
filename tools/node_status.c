#include "tools/node_status.h"

#include <stdio.h>

#include "rpc.pb-c.h"

static bool digest_take(const ProtobufCBinaryData *bytes, struct digest *digest)
{
    if (bytes->len != DIGEST_SIZE) return false;
    memcpy(digest->bytes, bytes->data, DIGEST_SIZE);
    return true;
}

static bool status_take(const Tallystick__V1__GetStatusReply *reply, struct node_status *status)
{
    if (!digest_take(&reply->chain_id, &status->chain_id) || reply->n_peers > PEERS_MAX) return false;
    if (reply->applied_state_root.len != 0 &&
        !digest_take(&reply->applied_state_root, &status->applied_state_root)) {
        return false;
    }
    snprintf(status->name, sizeof status->name, "%s", reply->name);
    snprintf(status->role, sizeof status->role, "%s", reply->role);
    snprintf(status->version, sizeof status->version, "%s", reply->version);
    status->epoch = reply->epoch;
    status->view = reply->view;
    status->finalized_height = reply->finalized_height;
    status->applied_height = reply->applied_height;
    status->events = reply->events;
    status->subjects = reply->subjects;
    status->mempool_batches = reply->mempool_batches;
    status->has_checkpoint = reply->checkpoint != NULL;
    if (reply->checkpoint != NULL) {
        status->checkpoint_height = reply->checkpoint->height;
        status->checkpoint_time_ms = reply->checkpoint->time_ms;
        if (!digest_take(&reply->checkpoint->state_root, &status->checkpoint_state_root)) return false;
    }
    status->peer_count = (uint32_t)reply->n_peers;
    for (uint32_t i = 0; i < status->peer_count; i++) {
        const Tallystick__V1__PeerStatus *from = reply->peers[i];
        struct node_peer *peer = &status->peers[i];
        snprintf(peer->name, sizeof peer->name, "%s", from->name);
        snprintf(peer->role, sizeof peer->role, "%s", from->role);
        peer->connected = from->connected;
        peer->finalized_height = from->finalized_height;
        peer->heard_ms_ago = from->heard_ms_ago;
        snprintf(peer->software, sizeof peer->software, "%s", from->software);
    }
    return true;
}

static void validator_take(const Tallystick__V1__ValidatorStatus *from, struct node_validator *validator)
{
    snprintf(validator->name, sizeof validator->name, "%s", from->name);
    validator->reachable = from->reachable;
    validator->heard_ms_ago = from->heard_ms_ago;
    validator->spoke_ms_ago = from->spoke_ms_ago;
    validator->spoke_view = from->spoke_view;
    validator->notarized = from->notarized;
    validator->nullified = from->nullified;
    validator->finalized = from->finalized;
}

static void group_take(
    const Tallystick__V1__CheckpointGroup *from, uint32_t group, struct node_status *status)
{
    if (from->computed_here) status->own_group = group;
    for (size_t i = 0; i < from->n_validators; i++)
        for (uint32_t v = 0; v < status->validator_count; v++)
            if (strcmp(status->validators[v].name, from->validators[i]) == 0) status->groups[v] = group;
}

static bool standing_take(const Tallystick__V1__GetStatusReply *reply, struct node_status *status)
{
    if (reply->n_validators > VALIDATORS_MAX || reply->n_uncertified > VALIDATORS_MAX) return false;
    snprintf(status->standing, sizeof status->standing, "%s", reply->standing);
    snprintf(status->why, sizeof status->why, "%s", reply->why);
    snprintf(status->leader, sizeof status->leader, "%s", reply->leader);
    snprintf(status->mute_reason, sizeof status->mute_reason, "%s", reply->mute_reason);
    status->healthy = reply->healthy;
    status->may_vote = reply->may_vote;
    status->quorum = reply->quorum;
    status->tip_view = reply->tip_view;
    status->validator_count = (uint32_t)reply->n_validators;
    for (uint32_t i = 0; i < status->validator_count; i++)
        validator_take(reply->validators[i], &status->validators[i]);
    status->uncertified_height = reply->uncertified_height;
    status->group_count = (uint32_t)reply->n_uncertified;
    for (uint32_t i = 0; i < status->group_count; i++)
        group_take(reply->uncertified[i], i + 1, status);
    return true;
}

static bool register_take(const Tallystick__V1__RegisterStatus *from, struct node_register *members)
{
    if (from == NULL || from->n_flags > REGISTER_FLAGS_MAX) return false;
    members->epoch = from->epoch;
    members->epoch_from = from->epoch_from;
    members->next_settled = from->next_settled;
    members->next_validators = from->next_validators;
    members->flags_known = from->flags_known;
    members->flag_count = (uint32_t)from->n_flags;
    for (uint32_t i = 0; i < members->flag_count; i++)
        members->flags[i] =
            (struct register_flag){.flag = from->flags[i]->flag, .from = from->flags[i]->from};
    return true;
}

enum tool_exit node_status_ask(struct context *context, struct remote *remote, struct node_status *status)
{
    Tallystick__V1__GetStatusRequest request = TALLYSTICK__V1__GET_STATUS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct arena arena;
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    enum tool_exit code = remote_call(context, remote, "/tallystick.v1.Node/GetStatus", &request.base,
        &tallystick__v1__get_status_reply__descriptor, &arena, &reply);
    if (code == TOOL_DONE) {
        *status = (struct node_status){.peer_count = 0};
        const Tallystick__V1__GetStatusReply *told = (const void *)reply;
        if (!status_take(told, status) || !standing_take(told, status) ||
            !register_take(told->register_, &status->members)) {
            code = context_fail(context, TOOL_REFUSED, "FORM", "%s at %s tells a status of another form",
                remote->node, remote->address);
        }
    }
    arena_close(&arena);
    return code;
}
