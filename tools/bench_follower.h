/* Followers of a network under load: each a connection to one node, and a thread that takes every block from
 * the start on, as it comes. One that is cut, or misses a block, fails. */
#ifndef TALLY_TOOLS_BENCH_FOLLOWER_H
#define TALLY_TOOLS_BENCH_FOLLOWER_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/bench_client.h"

#define FOLLOWERS_MAX 240u /* as many streams as a node allows one client */

struct bench_follower {
    const struct home *home; /* of the node that is followed */
    pthread_t thread;
    pthread_barrier_t *ready, *start; /* as a client's */
    atomic_bool *stop;                /* set by the follower where it fails, and by whoever wants it to end */
    /* Once it has ended: */
    enum tool_exit code;
    struct context context; /* why it failed */
    uint64_t blocks;
    uint64_t bytes; /* of messages */
};

/* The caller sets home, the barriers and stop; the others are zeros. Errors: TALLY_ENOMEM (no thread; it
 * passes no barrier). */
int bench_follower_start(struct bench_follower *follower) TALLY_MUST_CHECK;
/* Waits for the thread's end. */
void bench_follower_join(struct bench_follower *follower);

#endif
