/* One client of a network under load: a connection to one member's node, and a thread that submits that
 * member's batches over it, so many at a time or so often. */
#ifndef TALLY_TOOLS_BENCH_CLIENT_H
#define TALLY_TOOLS_BENCH_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/bench_load.h"
#include "tools/bench_report.h"
#include "tools/home.h"

#define CLIENTS_MAX 64u
#define CLIENT_WINDOW_MAX 256u
/* What is made beforehand must still be valid when it is sent. */
#define CLIENT_BATCH_LIFETIME_MS (BATCH_LIFETIME_MS_MAX - 30000u)

struct client_plan {
    struct home home;      /* the member's */
    struct load_plan load; /* a load of the client's own */
    uint32_t member;       /* in that load */
    uint64_t events;       /* how many it submits */
    uint32_t batch_events;
    uint32_t window;                /* calls under way, 1 to CLIENT_WINDOW_MAX */
    uint64_t first_ns, interval_ns; /* when its batches are due, from the start on; interval 0 = at once */
    uint64_t seconds_max;           /* no more is sent after that; 0 = until all is sent */
};

/* What came back of one batch. */
struct client_answer {
    uint64_t at_ns; /* since the start */
    uint64_t
        latency_ns; /* since it was sent, or since it was due where the client was late for want of answers */
    uint32_t events;
};

struct bench_client {
    struct client_plan plan;
    pthread_t thread;
    pthread_barrier_t *ready, *start; /* passed once the load is made, and once *start_ns is set */
    const uint64_t *start_ns;
    atomic_bool *stop;    /* set by the first that fails: then all end */
    atomic_ullong events; /* answered so far */
    atomic_bool ended;
    /* Once it has ended: */
    enum tool_exit code;
    struct context context; /* why it failed */
    uint64_t retries;       /* calls that the node was too busy for */
    uint64_t event_bytes;   /* of the batches answered */
    struct client_answer *answers;
    size_t answer_count;
};

/* Of a clock that never steps back. */
uint64_t bench_now_ns(void);

/* The caller sets plan, ready, start, start_ns and stop; the others are zeros. Errors: TALLY_ENOMEM (no
 * thread; it passes no barrier). */
int bench_client_start(struct bench_client *client) TALLY_MUST_CHECK;
/* Waits for the thread's end. */
void bench_client_join(struct bench_client *client);
/* Frees the answers. */
void bench_client_close(struct bench_client *client);

#endif
