/* Those who read from a network while its load is submitted: readers, and followers, all of one node. */
#ifndef TALLY_TOOLS_BENCH_BESIDE_H
#define TALLY_TOOLS_BENCH_BESIDE_H

#include "tools/bench.h"
#include "tools/bench_follower.h"
#include "tools/bench_reader.h"

#define READERS_MAX 2u

struct bench_beside {
    struct home home; /* of the node */
    struct kept_inquiries inquiries;
    struct bench_reader readers[READERS_MAX];
    uint32_t reader_count;
    struct bench_follower *followers;
    uint32_t follower_count;
};

/* What threads share, as in bench_client. */
struct bench_meeting {
    pthread_barrier_t *ready, *start;
    const uint64_t *start_ns;
    atomic_bool *stop;
};

/* Plans what the options want of the node with that home, about the clients' subjects. The object, of zeros
 * before, stays where it is until it is closed. */
enum tool_exit beside_plan(struct context *context, struct bench_beside *beside,
    const struct bench_options *options, const char *home, const struct bench_client *clients,
    uint32_t client_count) TALLY_MUST_CHECK;
/* Threads that pass the barriers. */
uint32_t beside_threads(const struct bench_beside *beside);
void beside_start(struct bench_beside *beside, const struct bench_meeting *meeting);
/* Waits until all have ended, which were told to stop. The first that failed tells why. */
enum tool_exit beside_end(struct context *context, struct bench_beside *beside) TALLY_MUST_CHECK;
/* Events that they had ordered: at least and at most. */
void beside_events(const struct bench_beside *beside, uint64_t *least, uint64_t *most);
/* Adds "reads", "inquiries" and "followers", of those there were. */
void beside_report(struct bench_beside *beside, json_t *report);
/* Also one of zeros. */
void beside_close(struct bench_beside *beside);

#endif
