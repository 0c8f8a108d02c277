/* Follow: blocks and certified checkpoints from a height, as they come. */
#include <stdlib.h>

#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

struct follow {
    struct stream stream;
    struct news_follower follower;
    enum block_listing listing;
    struct digest inquiry; /* with LIST_WHOLE: what opens the blocks */
    bool checkpoints;
    uint64_t next_height;     /* of a block */
    uint64_t next_checkpoint; /* lowest height of one */
};

/* The next checkpoint, if its block has been told. Errors: TALLY_ENOTFOUND (none yet), and as
 * state_certified_above. */
static int add_checkpoint(struct follow *follow, struct state *state)
{
    struct certified_checkpoint certified;
    struct certified_checkpoint_message nested;
    Tallystick__V1__FollowReply reply = TALLYSTICK__V1__FOLLOW_REPLY__INIT;
    if (!follow->checkpoints || follow->next_checkpoint >= follow->next_height) return TALLY_ENOTFOUND;
    int error = state_certified_above(state, follow->next_checkpoint, &certified);
    if (error != TALLY_OK) return error;
    if (certified.checkpoint.height >= follow->next_height) return TALLY_ENOTFOUND;
    certified_checkpoint_to_message(&certified, &nested);
    reply.news_case = TALLYSTICK__V1__FOLLOW_REPLY__NEWS_CHECKPOINT;
    reply.checkpoint = &nested.outer;
    message_encode(&reply.base, &follow->stream.bytes);
    follow->next_checkpoint = certified.checkpoint.height + 1;
    return TALLY_OK;
}

/* Errors: as block_reply. */
static int add_block(struct follow *follow, struct state *state, struct ledger *ledger)
{
    struct services *services = follow->stream.services;
    struct recent_key key = {follow->stream.generation, follow->next_height, (uint32_t)follow->listing};
    uint32_t member_id = node_member_id(services->node);
    struct buffer *out = &follow->stream.bytes;
    size_t start = out->size;
    int error = TALLY_OK;
    if (!recent_find(services->recent, &key, out)) {
        error = block_reply(state, ledger, member_id, follow->next_height, follow->listing, REPLY_NEWS, out);
        if (error == TALLY_OK)
            recent_keep(services->recent, &key, span_of(out->data + start, out->size - start));
    }
    if (error == TALLY_OK) follow->next_height++;
    return error;
}

/* Each chunk anew: a member may be suspended meanwhile, and no inquiry is answered for ever. Whether there is
 * a block that may be told. */
static bool is_open(struct follow *follow, struct block_range *blocks)
{
    struct stream *stream = &follow->stream;
    if (follow->listing != LIST_WHOLE) return true;
    stream->error =
        supervision_read(stream->services, &follow->inquiry, follow->next_height, blocks, &stream->refusal);
    return stream->error == TALLY_OK && stream->refusal == NULL;
}

/* An error ends the call once what was read before it is out: it comes again. */
static void run_follow(struct stream *stream)
{
    struct follow *follow = (struct follow *)(void *)stream;
    struct executor *executor = node_executor(stream->services->node);
    struct state *state = executor_state(executor);
    struct block_range blocks = {1, UINT64_MAX};
    int error = TALLY_OK;
    if (!is_open(follow, &blocks)) return;
    while (stream->bytes.size < STREAM_CHUNK_SIZE && stream->count < STREAM_CHUNK_MESSAGES_MAX) {
        error = add_checkpoint(follow, state);
        if (error == TALLY_ENOTFOUND && follow->next_height > state_applied_height(state)) return;
        if (error == TALLY_ENOTFOUND) error = add_block(follow, state, executor_ledger(executor));
        if (error != TALLY_OK) break;
        stream_message_end(stream, follow->next_height);
        stream->finished = follow->next_height > blocks.last;
        if (stream->finished) return;
    }
    if (stream->count == 0) stream->error = error;
}

static bool follow_ready(const struct stream *stream)
{
    const struct follow *follow = (const struct follow *)(const void *)stream;
    struct news_heights told = node_news_told(stream->services->node, &follow->follower);
    if (follow->next_height <= told.applied) return true;
    return follow->checkpoints && follow->next_checkpoint < follow->next_height &&
           follow->next_checkpoint <= told.certified;
}

static void follow_close(struct stream *stream)
{
    struct follow *follow = (struct follow *)(void *)stream;
    news_unfollow(node_news(stream->services->node), &follow->follower);
}

static void on_news(struct news_follower *follower)
{
    struct follow *follow = (struct follow *)(void *)((char *)follower - offsetof(struct follow, follower));
    stream_advance(&follow->stream);
}

void handle_follow(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct arena arena;
    ProtobufCMessage *message;
    if (!stream_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__follow_request__descriptor, &arena, &message)) return;
    const Tallystick__V1__FollowRequest *request = (const Tallystick__V1__FollowRequest *)message;
    if (!supervision_admit(call, request->inquiry)) {
        arena_close(&arena);
        return;
    }
    struct follow *follow = calloc(1, sizeof *follow);
    CHECK(follow != NULL);
    follow->stream.run = run_follow;
    follow->stream.ready = follow_ready;
    follow->stream.close = follow_close;
    follow->follower.on_news = on_news;
    if (request->inquiry.len > 0) memcpy(follow->inquiry.bytes, request->inquiry.data, DIGEST_SIZE);
    follow->listing = request->inquiry.len > 0 ? LIST_WHOLE
                      : request->own_events    ? LIST_OWN
                      : request->events        ? LIST_ALL
                                               : LIST_NONE;
    follow->checkpoints = request->checkpoints;
    follow->next_height = request->from_height != 0
                              ? request->from_height
                              : executor_applied_height(node_executor(services->node)) + 1;
    follow->next_checkpoint = follow->stream.resume_height = follow->next_height;
    arena_close(&arena);
    news_follow(node_news(services->node), &follow->follower);
    stream_start(services, call, &follow->stream);
}
