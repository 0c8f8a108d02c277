/* Frames of peers <-> consensus messages. */
#ifndef TALLY_NODE_PEER_MESSAGE_H
#define TALLY_NODE_PEER_MESSAGE_H

#include "consensus/consensus.h"
#include "node/net/frame.h"
#include "proto/codec/agreement.h"

/* A message from a peer with the memory it lives in. Shared by counting; read-only once made. */
struct peer_message {
    uint32_t references;
    struct arena arena;
    struct span bytes;                /* the frame's payload, exactly; in the arena */
    struct consensus_message message; /* points into the arena */
    /* Of a range: its blocks with their payloads. Where the last is a seal, message.range goes on with the
     * headers of its path. */
    const struct block *blocks;
    uint32_t block_count;
};

/* Whether the kind is for consensus, and so for peer_message_open. */
bool peer_message_is_kind(enum frame_kind kind);
/* Decodes a frame into a message with one reference. Any thread.
 * Errors: TALLY_EFORM, TALLY_ELIMIT, TALLY_ECHAIN, TALLY_EDAMAGED, TALLY_ENOMEM, as the codec's. */
int peer_message_open(enum frame_kind kind, struct span payload, const struct digest *chain_id,
    struct peer_message **message) TALLY_MUST_CHECK;
/* References are counted on one thread alone, the loop's. */
struct peer_message *peer_message_share(struct peer_message *message);
void peer_message_release(struct peer_message *message);

/* Checks every signature the message carries: R0's expensive half. Any thread. Errors: TALLY_ESIGNATURE,
 * TALLY_EINVALID, TALLY_EFORM. Blocks of a range may lack bodies, which is no peer's fault. */
int peer_message_check(const struct peer_message *message, const struct verify_set *set,
    const struct digest *chain_id) TALLY_MUST_CHECK;
/* Checks the signatures in a block that is known to be final: its leader's, and each batch's. A quorum has
 * checked them, and a follower checks them all the same (R15): no hash covers them, and they are the
 * transcript. Errors: TALLY_ESIGNATURE, TALLY_EFORM. */
int block_check(
    const struct block *block, const struct verify_set *set, const struct digest *chain_id) TALLY_MUST_CHECK;
/* Whether a block carries every event's body. */
bool block_is_whole(const struct block *block);
/* Whether a batch carries every event's body, as all that comes from a peer must. */
bool batch_is_whole(const struct batch *batch);

/* How many signatures that is, roughly: what decides whether a worker does it. */
uint32_t peer_message_cost(const struct peer_message *message, uint32_t quorum);

/* Encodes an outgoing message other than a proposal or a range, whose bytes the node keeps. Returns its kind.
 */
enum frame_kind peer_message_encode(const struct consensus_message *message, struct buffer *out);

/* The BatchRequest for some batches. */
void batch_request_encode(const struct digest *digests, uint32_t count, struct buffer *out);

#endif
