#include "tools/bench_follower.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "rpc.pb-c.h"
#include "tools/bench.h"
#include "tools/interrupt.h"
#include "tools/remote.h"

#define FOLLOW_PATH "/tallystick.v1.Ledger/Follow"
#define BLOCK_ARENA_BUDGET (64u * MIB)

struct following {
    struct bench_follower *follower;
    struct remote remote;
    struct arena arena;
    uint64_t next_height; /* 0 = whichever comes first */
};

static bool on_message(void *context, struct span bytes)
{
    struct following *following = context;
    struct bench_follower *follower = following->follower;
    ProtobufCMessage *message;
    arena_reset(&following->arena);
    int error = message_decode(
        &tallystick__v1__follow_reply__descriptor, MESSAGE_LENIENT, bytes, &following->arena, &message);
    const Tallystick__V1__FollowReply *reply = error == TALLY_OK ? (const void *)message : NULL;
    if (reply == NULL || reply->news_case != TALLYSTICK__V1__FOLLOW_REPLY__NEWS_BLOCK ||
        reply->block->header == NULL) {
        follower->code =
            context_fail(&follower->context, TOOL_REFUSED, "FORM", "a follower is told what is no block");
        return false;
    }
    uint64_t height = reply->block->header->height;
    if (following->next_height != 0 && height != following->next_height) {
        follower->code = context_fail(&follower->context, TOOL_REFUSED, "MISSED",
            "a follower is told of block %llu, and block %llu was next", (unsigned long long)height,
            (unsigned long long)following->next_height);
        return false;
    }
    following->next_height = height + 1;
    follower->blocks++;
    follower->bytes += bytes.size;
    return true;
}

static bool goes_on(void *context)
{
    const struct following *following = context;
    return !atomic_load(following->follower->stop) && !interrupt_came();
}

static enum tool_exit following_run(struct following *following)
{
    struct bench_follower *follower = following->follower;
    struct client_error error = {.status = GRPC_OK};
    int result = client_stream(
        following->remote.client, FOLLOW_PATH, span_of(NULL, 0), 0, on_message, goes_on, following, &error);
    if (follower->code != TOOL_DONE) return follower->code;
    if (result != TALLY_OK) return remote_fail(&follower->context, &following->remote, result, &error);
    if (!goes_on(following)) return TOOL_DONE;
    return context_fail(&follower->context, TOOL_REFUSED, "CUT", "a follower's stream ended by itself");
}

static void *follower_thread(void *context)
{
    struct bench_follower *follower = context;
    struct following following = {.follower = follower};
    arena_init(&following.arena, BLOCK_ARENA_BUDGET);
    follower->code = remote_open(&follower->context, follower->home, &following.remote);
    pthread_barrier_wait(follower->ready);
    pthread_barrier_wait(follower->start);
    if (follower->code == TOOL_DONE) follower->code = following_run(&following);
    if (follower->code != TOOL_DONE) atomic_store(follower->stop, true);
    remote_close(&following.remote);
    arena_close(&following.arena);
    return NULL;
}

int bench_follower_start(struct bench_follower *follower)
{
    return pthread_create(&follower->thread, NULL, follower_thread, follower) == 0 ? TALLY_OK : TALLY_ENOMEM;
}

void bench_follower_join(struct bench_follower *follower)
{
    CHECK(pthread_join(follower->thread, NULL) == 0);
}
