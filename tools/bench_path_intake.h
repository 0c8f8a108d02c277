/* Blocks of load on their way in: read from the file on a thread of its own, and checked as a node checks
 * what peers send it, on the checkers' threads; handed on in order. */
#ifndef TALLY_TOOLS_BENCH_PATH_INTAKE_H
#define TALLY_TOOLS_BENCH_PATH_INTAKE_H

#include "node/commit/register_view.h"
#include "node/jobs/worker.h"
#include "proto/base/arena.h"
#include "tools/bench_chain.h"

struct incoming_batch;

/* One block, whole and checked. The ledger may borrow `block` until it is closed. */
struct incoming {
    struct incoming *next;
    struct block block;
    uint64_t bytes; /* of its batches, encoded */
    /* The reader's own: */
    struct job job;
    struct path_intake *intake;
    struct chain_record record;
    struct arena arena;
    struct proposal proposal;
    struct incoming_batch *arriving; /* one for each batch */
    uint32_t unchecked;              /* jobs under way */
    int error;
};
void incoming_close(struct incoming *incoming);

struct path_intake;

struct path_intake_callbacks {
    /* path_intake_take may have something. */
    void (*on_ready)(void *context);
    /* The load is not what it should be: nothing more comes. `what` is constant. */
    void (*on_failed)(void *context, const char *what, int error);
};

/* `load` is a descriptor of a file that chain_write made, with so many blocks; `members` is the register of
 * the chain's genesis, which is shared. Everything else is borrowed. Errors: TALLY_ENOMEM, TALLY_EFORM. */
int path_intake_open(uv_loop_t *loop, const struct chain *chain, struct register_view *members, int load,
    uint64_t blocks, const struct path_intake_callbacks *callbacks, void *context,
    struct path_intake **intake) TALLY_MUST_CHECK;
/* Lets the threads end, without calling back. */
void path_intake_close(struct path_intake *intake);

/* Reads ahead as far as it may. */
void path_intake_begin(struct path_intake *intake);
/* The next block in order, which is then the caller's; NULL where it is not ready. */
struct incoming *path_intake_take(struct path_intake *intake);
/* Begins no more blocks. */
void path_intake_stop(struct path_intake *intake);
/* Whether every block that was begun, or is to be, was taken. */
bool path_intake_is_done(const struct path_intake *intake);

/* The thread that reads: for what else is not the node's work. */
struct worker *path_intake_reader(struct path_intake *intake);

#endif
