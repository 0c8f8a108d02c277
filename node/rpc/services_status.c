/* GetStatus and GetPeers: what the loop knows, at once. */
#include <stdlib.h>

#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

static size_t fill_peers(
    struct node *node, Tallystick__V1__PeerStatus *peers, Tallystick__V1__PeerStatus **pointers)
{
    static char validator[] = "validator", observer[] = "observer";
    struct node_peer known[PEERS_MAX];
    uint32_t count = node_peers(node, known);
    for (uint32_t i = 0; i < count; i++) {
        const struct node_peer *peer = &known[i];
        tallystick__v1__peer_status__init(&peers[i]);
        peers[i].name = (char *)(uintptr_t)peer->name;
        peers[i].node_key = message_bytes(span_of(peer->key->bytes, PUBLIC_KEY_SIZE));
        peers[i].role = peer->is_validator ? validator : observer;
        peers[i].connected = peer->up;
        peers[i].finalized_height = peer->finalized_height;
        peers[i].heard_ms_ago = peer->heard_ms_ago;
        peers[i].software = (char *)(uintptr_t)peer->link.software;
        pointers[i] = &peers[i];
    }
    return count;
}

/* What the reply points at until it is encoded. */
struct standing_reply {
    struct standing_validator validators[VALIDATORS_MAX];
    struct standing_facts facts;
    char why[STANDING_TEXT_SIZE];
    Tallystick__V1__ValidatorStatus rows[VALIDATORS_MAX], *row_pointers[VALIDATORS_MAX];
    Tallystick__V1__CheckpointGroup groups[VALIDATORS_MAX], *group_pointers[VALIDATORS_MAX];
    char *names[VALIDATORS_MAX][VALIDATORS_MAX]; /* by group */
    Tallystick__V1__RegisterStatus members;
    Tallystick__V1__ProtocolFlag flags[REGISTER_FLAGS_MAX], *flag_pointers[REGISTER_FLAGS_MAX];
};

static char *name_at(const struct standing_facts *facts, uint32_t validator)
{
    return (char *)(uintptr_t)facts->validators[validator].name;
}

static void fill_validators(struct standing_reply *from, Tallystick__V1__GetStatusReply *reply)
{
    const struct consensus_status *core = &from->facts.replica.consensus;
    for (uint32_t i = 0; i < from->facts.count; i++) {
        const struct standing_validator *validator = &from->validators[i];
        Tallystick__V1__ValidatorStatus *row = &from->rows[i];
        tallystick__v1__validator_status__init(row);
        row->name = name_at(&from->facts, i);
        row->reachable = validator->reachable;
        row->heard_ms_ago = validator->heard_ms_ago;
        row->spoke_ms_ago = validator->spoken.ms_ago;
        row->spoke_view = validator->spoken.view;
        row->notarized = (core->notarize_voters >> i & 1) != 0;
        row->nullified = (core->nullify_voters >> i & 1) != 0;
        row->finalized = (core->tip_finalize_voters >> i & 1) != 0;
        from->row_pointers[i] = row;
    }
    reply->n_validators = from->facts.count;
    reply->validators = from->row_pointers;
}

static void fill_gathering(struct standing_reply *from, Tallystick__V1__GetStatusReply *reply)
{
    const struct certifier_gathering *gathering = &from->facts.gathering;
    for (uint8_t i = 0; i < gathering->group_count; i++) {
        Tallystick__V1__CheckpointGroup *group = &from->groups[i];
        tallystick__v1__checkpoint_group__init(group);
        group->computed_here = gathering->own_group == i + 1;
        group->validators = from->names[i];
        for (uint32_t v = 0; v < from->facts.count; v++)
            if (gathering->groups[v] == i + 1)
                group->validators[group->n_validators++] = name_at(&from->facts, v);
        from->group_pointers[i] = group;
    }
    reply->uncertified_height = gathering->height;
    reply->n_uncertified = gathering->group_count;
    reply->uncertified = from->group_pointers;
}

static void fill_standing(
    struct node *node, struct standing_reply *from, Tallystick__V1__GetStatusReply *reply)
{
    node_standing_facts(node, from->validators, &from->facts);
    const struct standing_facts *facts = &from->facts;
    enum standing standing = standing_judge(facts);
    standing_say(facts, standing, from->why);
    reply->standing = (char *)(uintptr_t)standing_name(standing);
    reply->why = from->why;
    reply->healthy = standing_is_well(standing);
    reply->leader = name_at(facts, leader_of(facts->replica.consensus.view, facts->count));
    reply->quorum = quorum_of(facts->count);
    reply->tip_view = facts->replica.consensus.tip_view;
    reply->may_vote = facts->may_vote;
    if (facts->replica.mute_reason != NULL)
        reply->mute_reason = (char *)(uintptr_t)facts->replica.mute_reason;
    fill_validators(from, reply);
    fill_gathering(from, reply);
}

static void fill_register(
    struct node *node, struct standing_reply *from, Tallystick__V1__GetStatusReply *reply)
{
    const struct member_register *members = &executor_register(node_executor(node))->value;
    tallystick__v1__register_status__init(&from->members);
    from->members.epoch = members->epoch;
    from->members.epoch_from = members->epoch_from;
    from->members.next_settled = members->next_from;
    from->members.next_validators = members->next.count;
    from->members.flags_known = FLAGS_KNOWN;
    for (uint32_t i = 0; i < members->flag_count; i++) {
        tallystick__v1__protocol_flag__init(&from->flags[i]);
        from->flags[i].flag = members->flags[i].flag;
        from->flags[i].from = members->flags[i].from;
        from->flag_pointers[i] = &from->flags[i];
    }
    from->members.n_flags = members->flag_count;
    from->members.flags = from->flag_pointers;
    reply->register_ = &from->members;
}

void handle_get_status(void *context, struct rpc_call *call)
{
    static char validator[] = "validator", observer[] = "observer", version[] = TALLY_VERSION;
    struct services *services = context;
    struct node *node = services->node;
    const struct config *config = node_config(node);
    struct node_status status;
    struct standing_reply *standing = calloc(1, sizeof *standing);
    CHECK(standing != NULL);
    node_status(node, &status);
    Tallystick__V1__GetStatusReply reply;
    tallystick__v1__get_status_reply__init(&reply);
    Tallystick__V1__Checkpoint checkpoint;
    Tallystick__V1__PeerStatus peers[PEERS_MAX], *pointers[PEERS_MAX];
    reply.chain_id = message_bytes(span_of(config->genesis.chain_id.bytes, DIGEST_SIZE));
    reply.name = (char *)(uintptr_t)config->name;
    reply.role = node_is_validator(node) ? validator : observer;
    reply.epoch = status.epoch;
    reply.view = status.replica.consensus.view;
    reply.finalized_height = status.replica.consensus.durable_height;
    reply.applied_height = status.applied.height;
    if (status.has_certified) {
        checkpoint_to_message(&status.certified.checkpoint, &checkpoint);
        reply.checkpoint = &checkpoint;
    }
    reply.events = status.counts.applied;
    /* It grows with an inquiry about a subject of whom nothing was known, a refused one too: an asker must
     * not see that. */
    if ((rpc_call_caller(call)->roles & RPC_ROLE_ADMIN) != 0) reply.subjects = status.counts.subjects;
    reply.n_peers = fill_peers(node, peers, pointers);
    reply.peers = pointers;
    reply.mempool_batches = status.mempool.waiting_count;
    reply.version = version;
    reply.applied_state_root = message_bytes(span_of(status.applied.state_root.bytes, DIGEST_SIZE));
    fill_standing(node, standing, &reply);
    fill_register(node, standing, &reply);
    reply_at_once(call, &reply.base);
    free(standing);
}

void handle_get_peers(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    Tallystick__V1__GetPeersReply reply = TALLYSTICK__V1__GET_PEERS_REPLY__INIT;
    Tallystick__V1__PeerStatus peers[PEERS_MAX], *pointers[PEERS_MAX];
    reply.n_peers = fill_peers(services->node, peers, pointers);
    reply.peers = pointers;
    reply_at_once(call, &reply.base);
}
