/* One node's commit path, driven as the daemon drives it: blocks of load are checked by the daemon's
 * admission on its checkers' threads, appended by its ledger thread, applied and flushed by its state thread,
 * and certified by its certifier, with signatures of all validators. What is left out is the network,
 * consensus, and its vote record. */
#ifndef TALLY_TOOLS_BENCH_PATH_H
#define TALLY_TOOLS_BENCH_PATH_H

#include "proto/codec/agreement.h"
#include "tools/bench_chain.h"

struct path_options {
    const char *data_dir; /* empty; holds the ledger and the state afterwards */
    const struct chain *chain;
    int load; /* descriptor of a file that chain_write made */
    uint64_t blocks;
    uint32_t pipeline;         /* blocks given to the ledger and not yet applied, at most; from 1 */
    uint64_t rate;             /* events offered a second; 0 = as fast as they are taken */
    uint64_t seconds_max;      /* 0 = until the load ends */
    size_t subject_cache_size; /* bytes; 0 = as a node takes that is not told */
    bool (*go_on)(void *context, uint64_t events, uint64_t elapsed_ns); /* a few times a second */
    void *context;
};

struct path_block_time {
    uint64_t handed_ns, applied_ns; /* since the run's start; at a rate it is handed when it is due */
    uint32_t events;
};

struct path_result {
    uint64_t blocks, events;                /* applied */
    uint64_t refused;                       /* of the events: results other than OK */
    uint64_t event_bytes;                   /* of the batches, encoded, bodies included */
    uint64_t certified;                     /* the newest certified height */
    uint64_t state_applied, state_subjects; /* as the state counts them */
    struct path_block_time *times;          /* one for each block, in order of height */
};

struct path;

/* Opens the ledger, the state and the threads. On failure `why` holds one sentence. Errors: as theirs. */
int path_open(
    const struct path_options *options, struct path **path, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Runs until every block handed over is applied and certified. `result` borrows from the path. Errors:
 * TALLY_ECLOSED (told to stop), and whatever failed, with one sentence in `why`. */
int path_run(struct path *path, struct path_result *result, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Flushes and closes everything. */
void path_close(struct path *path);

#endif
