/* The state's threads: one applies finalized blocks in order and keeps certified checkpoints, one writes what
 * was applied, late, and others answer whoever reads. Off the consensus path: a block is final before it
 * comes here. */
#ifndef TALLY_COMMIT_EXECUTOR_H
#define TALLY_COMMIT_EXECUTOR_H

#include "node/commit/register_view.h"
#include "node/jobs/worker.h"
#include "proto/codec/agreement.h"
#include "proto/codec/genesis.h"
#include "proto/codec/result.h"
#include "storage/ledger.h"
#include "storage/state.h"

struct executor;

/* What applying a block came to. Borrowed for the callback. */
struct applied_block {
    const struct block *block;
    struct checkpoint checkpoint;
    /* One for each event of the block, in order, and then one for each governance transaction. */
    const struct event_result *results;
    uint32_t result_count;
    struct state_counts counts;
    /* After this block, which changed it; else NULL. It is executor_register's by then. */
    struct register_view *register_view;
};

struct executor_callbacks {
    void (*on_applied)(void *context, const struct applied_block *applied);
    /* A rebuild has ended; `last` is what stands now. */
    void (*on_rebuilt)(void *context, const struct checkpoint *last);
    /* A state that waited at its opening for a block that the ledger had lost is level with the ledger. */
    void (*on_level)(void *context);
    /* The state cannot go on; the process must end. `what` is constant. TALLY_EPENDING: it was damaged, and
     * is gone; of the ledger that it is made from again, blocks below a snapshot are not here.
     * TALLY_EVERSION: members switched on a protocol flag that this build does not know, and the next block
     * is the first that it holds for; the log says which. */
    void (*on_failed)(void *context, const char *what, int error);
    /* A certified checkpoint of this height is kept, and what it covers can be proven; NULL = nobody asks. */
    void (*on_provable)(void *context, uint64_t height);
    /* Before on_applied, on_rebuilt or on_level tells more: the state was made anew from the ledger, and the
     * seals that it kept are gone; NULL = nobody asks. */
    void (*on_anew)(void *context);
    /* The seal of this epoch is on disk; NULL = nobody asks. */
    void (*on_seal_kept)(void *context, uint64_t epoch);
};

/* Opens HOME/data/state and replays into it what the ledger has beyond it, telling the log of long work. A
 * state that is damaged is discarded and rebuilt from the ledger. Where that needs a block that the ledger
 * lost, it goes on once the block is mended, and what is queued waits. `ledger` and `genesis` are borrowed;
 * `subject_cache_size` is the memory, in bytes, for subjects' states that were used lately; 0 =
 * STATE_CACHE_SIZE. Errors: as state_open's and the ledger's, and TALLY_EVERSION (a protocol flag, as
 * on_failed); `why` is then one sentence. */
int executor_open(uv_loop_t *loop, const char *data_dir, size_t subject_cache_size,
    const struct genesis *genesis, struct ledger *ledger, const struct executor_callbacks *callbacks,
    void *context, struct executor **executor, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Whether the state stood level with the ledger at its opening, or does by now: else on_level comes. */
bool executor_is_level(const struct executor *executor);
/* Runs what was queued, flushes everything, and closes the state. No callback comes from it. */
void executor_close(struct executor *executor);

/* Queues the next block; it and what it borrows stay until on_applied told of it. */
void executor_apply(struct executor *executor, const struct block *block);
/* Queues a certified checkpoint whose block is applied and whose roots agree. */
void executor_certified(struct executor *executor, const struct certified_checkpoint *checkpoint);
/* Keeps how an epoch ended, durably, behind the certified checkpoints that were queued: on_seal_kept follows.
 * Where a rebuild comes between it goes with the old state, and is given again. */
void executor_keep_seal(struct executor *executor, const struct epoch_seal *seal);
/* Throws the state away and rebuilds it from the ledger: where a certified root differs from ours. Blocks
 * that are queued are applied after that. */
void executor_rebuild(struct executor *executor);

/* A read met damage. Where the ledger knows of none, it is in what the state keeps and applying never reads:
 * the state is made anew, once in the life of a process. */
void executor_mistrust(struct executor *executor);
/* Queues what `count` older blocks from height `from` on came to, checked by the caller: behind the blocks
 * that wait to be applied. `done` comes on the loop with the height up to which such are kept now
 * (executor_backfilled_height), durable with the next flush; until then blocks and results are borrowed. */
void executor_backfill(struct executor *executor, uint64_t from, const struct block *blocks,
    struct event_result *const *results, uint32_t count,
    void (*done)(void *context, int error, uint64_t height), void *context);

/* That height at the opening; UINT64_MAX where the state was made from the first block on. */
uint64_t executor_backfilled_height(const struct executor *executor);

/* Queues a job that may read the state: job->run is called on a thread of its own kind, beside others, and
 * may call on executor_state what state.h allows on any thread. */
void executor_read(struct executor *executor, struct job *job);
/* For job->run alone, and before the loop runs. NULL while it could not be opened. */
struct state *executor_state(struct executor *executor);
struct ledger *executor_ledger(struct executor *executor);

/* The last block applied, and the counts after it, as the loop knows them. */
uint64_t executor_applied_height(const struct executor *executor);
void executor_last(
    const struct executor *executor, struct checkpoint *checkpoint, struct state_counts *counts);
/* The register after the last block applied, borrowed until the loop runs on: who keeps it shares it. */
struct register_view *executor_register(const struct executor *executor);
/* The newest certified checkpoint of an applied block that is kept, so that whoever asks gets proofs under
 * it; false where there is none yet. */
bool executor_newest_certified(const struct executor *executor, struct certified_checkpoint *checkpoint);

#endif
