/* What the benchmarks share. */
#ifndef TALLY_TOOLS_BENCH_H
#define TALLY_TOOLS_BENCH_H

#include <jansson.h>
#include <stdint.h>

#include "tools/command.h"

struct bench_options {
    uint64_t seed, events;
    uint64_t seconds; /* to end after; 0 = when all is done */
    uint32_t subjects;
    uint32_t batch; /* events */
    /* storage: */
    uint32_t block; /* events, a multiple of batch */
    uint32_t pipeline;
    uint32_t subject_cache_mib; /* 0 = as a node takes that is not told */
    const char *net; /* the folder of the development network whose blocks they are; NULL = of none */
    /* network: */
    uint32_t validators, connections;
    uint32_t window; /* batches under way on each connection */
    uint64_t rate;   /* events a second; 0 = as many as it takes */
    /* Meanwhile, of one node: */
    uint64_t reads, inquiries; /* histories, and new inquiries, a second; 0 = none */
    uint32_t followers;
};

/* Run one benchmark in `dir`, which is fresh and removed afterwards, and make its report: an object that is
 * the caller's. A failure leaves nothing running. */
enum tool_exit bench_storage(struct context *context, const struct bench_options *options, const char *dir,
    json_t **report) TALLY_MUST_CHECK;
enum tool_exit bench_network(struct context *context, const struct bench_options *options, const char *dir,
    json_t **report) TALLY_MUST_CHECK;

#endif
