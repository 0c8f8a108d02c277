/* What peers bring: links up and down, and their frames. */
#include "consensus/consensus.h"
#include "node/clock.h"
#include "node/net/log.h"
#include "node/node_internal.h"
#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

void node_send_own_vote(struct node *node, uint32_t peer)
{
    struct buffer bytes;
    if (node->own_vote.checkpoint.height == 0) return;
    buffer_init(&bytes, 64u * KIB);
    checkpoint_vote_encode(&node->own_vote, &bytes);
    CHECK(!bytes.failed);
    if (peer == PEER_ALL)
        links_broadcast(node->links, FRAME_CHECKPOINT_VOTE, buffer_span(&bytes));
    else if (links_send(node->links, peer, FRAME_CHECKPOINT_VOTE, buffer_span(&bytes)) != TALLY_OK)
        LOG_DEBUG("a checkpoint vote was not sent", LOG_U("peer", peer));
    buffer_close(&bytes);
}

static void send_certified(struct node *node, uint32_t peer)
{
    struct certified_checkpoint certified;
    struct buffer bytes;
    if (!executor_newest_certified(node->executor, &certified)) return;
    buffer_init(&bytes, 64u * KIB);
    certified_checkpoint_encode(&certified, &bytes);
    CHECK(!bytes.failed);
    if (links_send(node->links, peer, FRAME_CHECKPOINT, buffer_span(&bytes)) != TALLY_OK)
        LOG_DEBUG("a checkpoint was not sent", LOG_U("peer", peer));
    buffer_close(&bytes);
}

void node_on_up(void *context, uint32_t peer)
{
    struct node *node = context;
    if (node->stopping) return;
    if (node->joining) {
        newcomer_link_up(node->newcomer, peer);
        return;
    }
    if (node->mending) return;
    replica_link_up(node->replica, peer);
    send_certified(node, peer);
    node_send_own_vote(node, peer);
}

void node_on_down(void *context, uint32_t peer, const char *reason)
{
    struct node *node = context;
    (void)reason; /* the links have logged it */
    if (node->stopping) return;
    bool begins = node->replica == NULL; /* an epoch: it will be told who is linked */
    if (node->joining)
        newcomer_link_down(node->newcomer, peer);
    else if (!node->mending && !begins)
        replica_link_down(node->replica, peer);
}

static void receive_keepalive(struct node *node, uint32_t peer, struct span payload)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (payload.size == 0) return;
    arena_init(&arena, 4096);
    int error =
        message_decode(&tallystick__v1__keepalive__descriptor, MESSAGE_CANONICAL, payload, &arena, &message);
    if (error == TALLY_OK)
        node->peer_heights[peer] = ((const Tallystick__V1__Keepalive *)message)->finalized_height;
    else
        links_charge(node->links, peer, "a keepalive that does not parse");
    arena_close(&arena);
}

static void receive_checkpoint_vote(struct node *node, uint32_t peer, struct span payload)
{
    struct checkpoint_vote vote;
    int error = checkpoint_vote_decode(payload, &vote);
    if (error == TALLY_OK && vote.checkpoint.epoch != node->epoch) {
        node_send_seal(node, peer, vote.checkpoint.epoch); /* who signs for it does not know of its end */
        return;
    }
    if (error == TALLY_OK) error = certifier_vote(node->certifier, &vote);
    if (error != TALLY_OK) links_charge(node->links, peer, "a checkpoint vote that does not hold");
}

static void receive_checkpoint(struct node *node, uint32_t peer, struct span payload)
{
    struct certified_checkpoint checkpoint;
    int error = certified_checkpoint_decode(payload, &checkpoint);
    if (error == TALLY_OK && checkpoint.checkpoint.epoch != node->epoch) return;
    if (error == TALLY_OK) error = certifier_checkpoint(node->certifier, &checkpoint);
    if (error != TALLY_OK) links_charge(node->links, peer, "a checkpoint that does not hold");
}

/* Consensus has not begun: what is for it, its peers send again. */
static void on_frame_joining(struct node *node, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (kind == FRAME_KEEPALIVE) receive_keepalive(node, peer, payload);
    if (kind == FRAME_SNAPSHOT || kind == FRAME_CHUNK) newcomer_frame(node->newcomer, peer, kind, payload);
    /* A snapshot made before this node had to join again is as good as any. */
    if (kind == FRAME_SNAPSHOT_REQUEST || kind == FRAME_CHUNK_REQUEST)
        handover_frame(node->handover, peer, kind, payload);
}

/* What is lost is fetched, and what is asked for as in a node that joins is given. */
static void on_frame_mending(struct node *node, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (kind == FRAME_KEEPALIVE) receive_keepalive(node, peer, payload);
    if (kind == FRAME_RANGE && mender_takes(node->mender, peer)) mender_range(node->mender, peer, payload);
    if (kind == FRAME_SEAL) node_receive_seal(node, peer, payload);
    if (kind == FRAME_SEAL_REQUEST) node_receive_seal_request(node, peer, payload);
    if (kind == FRAME_SNAPSHOT_REQUEST || kind == FRAME_CHUNK_REQUEST)
        handover_frame(node->handover, peer, kind, payload);
}

void node_on_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload)
{
    struct node *node = context;
    if (node->stopping) return;
    if (node->joining) {
        on_frame_joining(node, peer, kind, payload);
        return;
    }
    if (node->mending) {
        on_frame_mending(node, peer, kind, payload);
        return;
    }
    replica_heard(node->replica, peer, kind == FRAME_KEEPALIVE);
    switch (kind) {
    case FRAME_KEEPALIVE:
        receive_keepalive(node, peer, payload);
        return;
    case FRAME_BATCH:
    case FRAME_BATCH_REQUEST:
        intake_frame(node->intake, peer, kind, payload);
        return;
    case FRAME_CHECKPOINT_VOTE:
        receive_checkpoint_vote(node, peer, payload);
        return;
    case FRAME_CHECKPOINT:
        receive_checkpoint(node, peer, payload);
        return;
    case FRAME_CHECKPOINT_REQUEST:
        send_certified(node, peer);
        return;
    case FRAME_RANGE:
        if (mender_takes(node->mender, peer))
            mender_range(node->mender, peer, payload);
        else
            replica_frame(node->replica, peer, kind, payload);
        return;
    case FRAME_PROPOSAL:
    case FRAME_VOTE:
    case FRAME_CERTIFICATE:
    case FRAME_PROPOSAL_REQUEST:
    case FRAME_ENTRY_REQUEST:
    case FRAME_RANGE_REQUEST:
        replica_frame(node->replica, peer, kind, payload);
        return;
    case FRAME_SNAPSHOT_REQUEST:
    case FRAME_CHUNK_REQUEST:
    case FRAME_BACKFILL_REQUEST:
        handover_frame(node->handover, peer, kind, payload);
        return;
    case FRAME_BACKFILL:
        backfiller_frame(node->backfiller, peer, payload);
        return;
    case FRAME_SEAL_REQUEST:
        node_receive_seal_request(node, peer, payload);
        return;
    case FRAME_SEAL:
        node_receive_seal(node, peer, payload);
        return;
    case FRAME_SNAPSHOT:
    case FRAME_CHUNK:
        return; /* of a join that has ended */
    case FRAME_HELLO:
    case FRAME_PART:
        break; /* the link keeps these to itself */
    }
}

void node_on_other_range(void *context, uint32_t peer, struct span range)
{
    struct node *node = context;
    if (node->stopping || node->mending) return;
    replica_frame(node->replica, peer, FRAME_RANGE, range);
}
