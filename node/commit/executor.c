#include "node/commit/executor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/commit/flusher.h"
#include "node/commit/replay.h"
#include "node/commit/snapshotter.h"
#include "node/credit/rules.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "proto/base/check.h"

/* Threads that answer queries. */
#define QUERY_THREADS 2u
/* Between two looks whether a block that the ledger lost has been mended. */
#define MEND_WAIT_MS 100u
#define RESULTS_ARENA_BUDGET (64u * MIB)

struct executor {
    const struct executor_callbacks *callbacks;
    void *context;
    struct worker *worker, *queries;
    struct flusher *flusher;
    struct snapshotter *snapshots;
    atomic_bool closing;
    struct replay replay;    /* the state thread's */
    bool behind;             /* likewise: blocks are missing between the state and what is queued */
    pthread_rwlock_t stands; /* held by queries, so that the state they read is not thrown away */
    /* The loop's. */
    bool failed, level, mistrusted;
    struct checkpoint last;
    uint64_t backfilled; /* at the opening */
    struct state_counts counts;
    struct register_view *view;
    bool has_certified;
    struct certified_checkpoint certified;
};

/* ---- What the state says of itself ---- */

/* Where the state stands. */
static int read_last(struct executor *executor, struct checkpoint *last, struct state_counts *counts)
{
    uint64_t height = state_applied_height(executor->replay.state);
    state_counts(executor->replay.state, counts);
    if (height > 0) return replay_checkpoint(&executor->replay, height, last);
    const struct digest *chain_id = &executor->replay.genesis->chain_id;
    *last = (struct checkpoint){.chain_id = *chain_id, .block = *chain_id};
    return TALLY_OK;
}

static int read_certified(struct executor *executor)
{
    int error = state_certified_newest(executor->replay.state, &executor->certified);
    executor->has_certified = error == TALLY_OK;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* ---- Failure ---- */

static void fail(struct executor *executor, const char *what, int error)
{
    if (executor->failed) return;
    executor->failed = true;
    if (!executor->closing) executor->callbacks->on_failed(executor->context, what, error);
}

static void on_flush_failed(void *context, int error)
{
    fail(context, "the state cannot be written", error);
}

/* Jobs of this file: each carries its executor and what came of it. */
struct state_job {
    struct job job;
    struct executor *executor;
    int error;
};

static struct state_job *new_job(
    struct executor *executor, size_t size, void (*run)(struct job *), void (*done)(struct job *))
{
    struct state_job *job = calloc(1, size);
    CHECK(job != NULL);
    job->job = (struct job){.run = run, .done = done};
    job->executor = executor;
    return job;
}

/* ---- Applying ---- */

struct apply_job {
    struct state_job base;
    const struct block *block;
    struct checkpoint checkpoint;
    struct state_counts counts;
    struct event_result *results;
    uint32_t result_count;
    struct register_view *view; /* where the block changed it; else NULL */
    bool anew;                  /* the state was damaged, and is not any more */
};

static void keep_results(void *context, const struct executed_batch *executed)
{
    struct apply_job *apply = context;
    memcpy(apply->results + executed->first_index, executed->results,
        executed->result_count * sizeof *executed->results);
    apply->result_count += executed->result_count;
}

/* A rebuild has taken the block from the ledger already: what came of it is in the state. */
static int read_applied(struct executor *executor, struct apply_job *apply)
{
    uint64_t height = apply->block->header.height;
    struct state_result *results;
    uint32_t count;
    struct arena arena;
    arena_init(&arena, RESULTS_ARENA_BUDGET);
    int error = replay_checkpoint(&executor->replay, height, &apply->checkpoint);
    if (error == TALLY_OK)
        error = state_results_read(executor->replay.state, height, &arena, &results, &count);
    if (error == TALLY_OK) {
        CHECK(count == block_result_count(apply->block));
        for (uint32_t i = 0; i < count; i++)
            apply->results[i] = results[i].result;
        apply->result_count = count;
    }
    arena_close(&arena);
    return error;
}

/* Peers give back what the ledger lost; until then the state stands before it, and queries go on. */
static int wait_for_mending(struct executor *executor)
{
    int error = TALLY_EPENDING;
    LOG_UNUSUAL("the state needs a block that the ledger lost; it goes on once a peer has given it",
        LOG_U("height", state_applied_height(executor->replay.state) + 1));
    while (error == TALLY_EPENDING && !executor->closing) {
        uv_sleep(MEND_WAIT_MS);
        error = replay_catch_up(&executor->replay);
    }
    return error == TALLY_EPENDING ? TALLY_ECLOSED : error;
}

/* Blocks below a snapshot come by the very state that is to be made of them: to wait for them would be for
 * ever. */
static bool lacks_older(struct executor *executor)
{
    struct ledger *ledger = executor->replay.ledger;
    return ledger_older_height(ledger) + 1 < ledger_first(ledger);
}

/* Makes the state anew from the ledger; the newest certificate, which went with it, is kept where it agrees.
 */
static int make_anew(struct executor *executor)
{
    struct certified_checkpoint certified;
    struct state *state = executor->replay.state;
    bool has_certified = state != NULL && state_certified_newest(state, &certified) == TALLY_OK;
    int error = flusher_settle(executor->flusher);
    snapshotter_settle(executor->snapshots);
    CHECK(pthread_rwlock_wrlock(&executor->stands) == 0);
    if (error == TALLY_OK) error = replay_rebuild(&executor->replay);
    CHECK(pthread_rwlock_unlock(&executor->stands) == 0);
    if (error == TALLY_EPENDING && !lacks_older(executor)) error = wait_for_mending(executor);
    executor->behind = error == TALLY_EPENDING;
    if (error != TALLY_OK || !has_certified) return error;
    error = state_certified_put(executor->replay.state, &certified);
    return error == TALLY_EINVALID ? TALLY_OK : error;
}

/* For readers, what the register has come to. */
static int make_view(struct executor *executor, struct register_view **view)
{
    *view = register_view_make(
        execution_register(executor->replay.execution), state_applied_height(executor->replay.state));
    return *view == NULL ? TALLY_ENOMEM : TALLY_OK;
}

/* The loop's: readers have it from now on. */
static void take_view(struct executor *executor, struct register_view *view)
{
    if (view == NULL) return;
    register_view_release(executor->view);
    executor->view = view;
}

/* What was damaged on disk since the start, and met now, is found in the ledger again, this block too. */
static int apply_anew(struct executor *executor, struct apply_job *apply)
{
    apply->result_count = 0;
    apply->anew = true;
    int error = make_anew(executor);
    return error == TALLY_OK ? read_applied(executor, apply) : error;
}

static void tell_sizes(const struct state *state)
{
    struct state_usage usage;
    state_usage(state, &usage);
    meter_set(&meters.unflushed_bytes, usage.unflushed_size);
    meter_set(&meters.cache_bytes, usage.cache_size);
    meter_set(&meters.cache_hits, usage.cache_hits);
    meter_set(&meters.cache_misses, usage.cache_misses);
}

static int apply_next(struct executor *executor, struct apply_job *apply)
{
    uint64_t began_ns = uv_hrtime();
    int error = flusher_make_room(executor->flusher);
    uint64_t had_room_ns = uv_hrtime();
    timing_add(&meters.apply_wait, had_room_ns - began_ns);
    if (error != TALLY_OK) return error;
    error = replay_apply(&executor->replay, apply->block, keep_results, apply, &apply->checkpoint);
    timing_add(&meters.execution, uv_hrtime() - had_room_ns);
    return error;
}

/* What the members switched on, and this build would carry out otherwise than theirs. */
static void tell_flag(const struct executor *executor)
{
    if (executor->replay.execution == NULL) return;
    LOG_BROKEN(
        "members switched on a protocol flag that this version does not know: upgrade this node to one "
        "that does, and start it again; it has applied nothing wrong",
        LOG_U("flag", execution_unknown_flag(executor->replay.execution)),
        LOG_U("from_height", state_applied_height(executor->replay.state) + 1));
}

static void run_apply(struct job *job)
{
    struct apply_job *apply = (struct apply_job *)(void *)job;
    struct executor *executor = apply->base.executor;
    if (executor->replay.state == NULL || executor->behind) {
        apply->base.error = TALLY_ECLOSED;
        return;
    }
    if (apply->block->header.height <= state_applied_height(executor->replay.state)) {
        apply->base.error = read_applied(executor, apply);
    } else {
        apply->base.error = apply_next(executor, apply);
        if (apply->base.error == TALLY_EDAMAGED) apply->base.error = apply_anew(executor, apply);
    }
    if (apply->base.error == TALLY_EVERSION) tell_flag(executor);
    if (apply->base.error == TALLY_OK &&
        (apply->anew || execution_register_changed(executor->replay.execution)))
        apply->base.error = make_view(executor, &apply->view);
    if (apply->base.error != TALLY_OK) return;
    state_counts(executor->replay.state, &apply->counts);
    tell_sizes(executor->replay.state);
}

static void tell_anew(struct executor *executor)
{
    if (executor->callbacks->on_anew != NULL) executor->callbacks->on_anew(executor->context);
}

static void apply_done(struct job *job)
{
    struct apply_job *apply = (struct apply_job *)(void *)job;
    struct executor *executor = apply->base.executor;
    take_view(executor, apply->view);
    if (apply->base.error != TALLY_OK) {
        fail(executor, "a block cannot be applied", apply->base.error);
    } else if (!executor->failed && !executor->closing) {
        if (apply->anew) {
            LOG_UNUSUAL("the state was damaged; it was rebuilt from the ledger",
                LOG_U("height", apply->checkpoint.height));
            tell_anew(executor);
        }
        if (apply->checkpoint.height > executor->last.height) executor->last = apply->checkpoint;
        executor->counts = apply->counts;
        struct applied_block applied = {
            .block = apply->block,
            .checkpoint = apply->checkpoint,
            .results = apply->results,
            .result_count = apply->result_count,
            .counts = apply->counts,
            .register_view = apply->view,
        };
        executor->callbacks->on_applied(executor->context, &applied);
        flusher_note(executor->flusher);
    }
    free(apply->results);
    free(apply);
}

void executor_apply(struct executor *executor, const struct block *block)
{
    struct apply_job *apply = (struct apply_job *)new_job(executor, sizeof *apply, run_apply, apply_done);
    apply->block = block;
    apply->results = calloc(block_result_count(block) + 1u, sizeof *apply->results);
    CHECK(apply->results != NULL);
    worker_submit_urgent(executor->worker, &apply->base.job);
}

/* ---- Certified checkpoints, and divergence ---- */

struct certified_job {
    struct state_job base;
    struct certified_checkpoint checkpoint;
};

static void run_certified(struct job *job)
{
    struct certified_job *certified = (struct certified_job *)(void *)job;
    struct state *state = certified->base.executor->replay.state;
    if (state != NULL) certified->base.error = state_certified_put(state, &certified->checkpoint);
}

/* Told of only now: whoever hears of it asks for what it proves. */
static void certified_done(struct job *job)
{
    struct certified_job *certified = (struct certified_job *)(void *)job;
    struct executor *executor = certified->base.executor;
    if (certified->base.error != TALLY_OK) {
        fail(executor, "a checkpoint cannot be kept", certified->base.error);
    } else if (!executor->closing) {
        executor->certified = certified->checkpoint;
        executor->has_certified = true;
        flusher_note(executor->flusher);
        if (executor->callbacks->on_provable != NULL)
            executor->callbacks->on_provable(executor->context, certified->checkpoint.checkpoint.height);
    }
    free(certified);
}

void executor_certified(struct executor *executor, const struct certified_checkpoint *checkpoint)
{
    struct certified_job *certified =
        (struct certified_job *)new_job(executor, sizeof *certified, run_certified, certified_done);
    certified->checkpoint = *checkpoint;
    worker_submit_urgent(executor->worker, &certified->base.job);
}

struct seal_job {
    struct state_job base;
    struct epoch_seal seal;
};

/* On disk before the next epoch begins: whoever starts again finds either no block of that one, or this. */
static void run_seal(struct job *job)
{
    struct seal_job *seal = (struct seal_job *)(void *)job;
    struct executor *executor = seal->base.executor;
    seal->base.error = TALLY_ECLOSED; /* the executor has failed, and told so */
    if (executor->replay.state == NULL) return;
    int error = state_seal_put(executor->replay.state, &seal->seal);
    if (error == TALLY_OK) error = flusher_settle(executor->flusher);
    if (error == TALLY_OK)
        error = state_flush(executor->replay.state, state_applied_height(executor->replay.state));
    seal->base.error = error;
}

static void seal_done(struct job *job)
{
    struct seal_job *seal = (struct seal_job *)(void *)job;
    struct executor *executor = seal->base.executor;
    if (seal->base.error != TALLY_OK && seal->base.error != TALLY_ECLOSED)
        fail(executor, "an epoch's seal cannot be kept", seal->base.error);
    else if (seal->base.error == TALLY_OK && !executor->closing && executor->callbacks->on_seal_kept != NULL)
        executor->callbacks->on_seal_kept(executor->context, seal->seal.checkpoint.checkpoint.epoch);
    free(seal);
}

void executor_keep_seal(struct executor *executor, const struct epoch_seal *seal)
{
    struct seal_job *job = (struct seal_job *)new_job(executor, sizeof *job, run_seal, seal_done);
    job->seal = *seal;
    worker_submit_urgent(executor->worker, &job->base.job);
}

struct rebuild_job {
    struct state_job base;
    struct checkpoint last;
    struct state_counts counts;
    struct register_view *view;
};

static void run_rebuild(struct job *job)
{
    struct rebuild_job *rebuild = (struct rebuild_job *)(void *)job;
    struct executor *executor = rebuild->base.executor;
    rebuild->base.error = make_anew(executor);
    if (rebuild->base.error == TALLY_OK)
        rebuild->base.error = read_last(executor, &rebuild->last, &rebuild->counts);
    if (rebuild->base.error == TALLY_OK) rebuild->base.error = make_view(executor, &rebuild->view);
}

static void rebuild_done(struct job *job)
{
    struct rebuild_job *rebuild = (struct rebuild_job *)(void *)job;
    struct executor *executor = rebuild->base.executor;
    take_view(executor, rebuild->view);
    if (rebuild->base.error != TALLY_OK) {
        fail(executor, "the state cannot be rebuilt", rebuild->base.error);
    } else if (!executor->failed && !executor->closing) {
        LOG_INFO("the state was rebuilt from the ledger", LOG_U("height", rebuild->last.height));
        executor->last = rebuild->last;
        executor->counts = rebuild->counts;
        tell_anew(executor);
        executor->callbacks->on_rebuilt(executor->context, &executor->last);
    }
    free(rebuild);
}

void executor_rebuild(struct executor *executor)
{
    struct rebuild_job *rebuild =
        (struct rebuild_job *)new_job(executor, sizeof *rebuild, run_rebuild, rebuild_done);
    worker_submit_urgent(executor->worker, &rebuild->base.job);
}

/* What a read or an opening met: no quorum has said that this node computes wrongly. */
static void anew_done(struct job *job)
{
    struct rebuild_job *rebuild = (struct rebuild_job *)(void *)job;
    struct executor *executor = rebuild->base.executor;
    take_view(executor, rebuild->view);
    if (rebuild->base.error != TALLY_OK) {
        fail(executor, "the state cannot be brought level with the ledger", rebuild->base.error);
    } else if (!executor->failed && !executor->closing) {
        LOG_UNUSUAL(
            "the state was brought level with the ledger again", LOG_U("height", rebuild->last.height));
        executor->last = rebuild->last;
        executor->counts = rebuild->counts;
        tell_anew(executor);
        if (!executor->level) {
            executor->level = true;
            executor->callbacks->on_level(executor->context);
        }
    }
    free(rebuild);
}

void executor_mistrust(struct executor *executor)
{
    uint64_t height;
    if (executor->mistrusted || ledger_damaged(executor->replay.ledger, &height) == TALLY_OK) return;
    executor->mistrusted = true;
    LOG_UNUSUAL("a read met damage in the state; it is made anew from the ledger");
    struct rebuild_job *rebuild =
        (struct rebuild_job *)new_job(executor, sizeof *rebuild, run_rebuild, anew_done);
    worker_submit_urgent(executor->worker, &rebuild->base.job);
}

static void run_level(struct job *job)
{
    struct rebuild_job *rebuild = (struct rebuild_job *)(void *)job;
    struct executor *executor = rebuild->base.executor;
    int error = wait_for_mending(executor);
    if (error == TALLY_EDAMAGED) error = make_anew(executor);
    executor->behind = error != TALLY_OK;
    if (error == TALLY_OK) error = read_last(executor, &rebuild->last, &rebuild->counts);
    if (error == TALLY_OK) error = make_view(executor, &rebuild->view);
    rebuild->base.error = error;
}

bool executor_is_level(const struct executor *executor)
{
    return executor->level;
}

/* ---- Older blocks ---- */

struct backfill_job {
    struct state_job base;
    uint64_t from, height;
    const struct block *blocks;
    struct event_result *const *results;
    uint32_t count;
    void (*done)(void *context, int error, uint64_t height);
    void *context;
};

static int put_older(struct state *state, const struct block *block, const struct event_result *results)
{
    uint32_t count = 0;
    struct state_older_result *put = calloc((size_t)block_result_count(block) + 1, sizeof *put);
    if (put == NULL) return TALLY_ENOMEM;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, count++) {
            const struct batch_event *event = &block->batches[b].events[e];
            bool folded = credit_result_folds(event->fields.type, results[count].code);
            put[count] = (struct state_older_result){.at = {event->id, results[count]}, .folded = folded};
        }
    }
    for (uint32_t b = 0; b < block->batch_count; b++) {
        if (block->batches[b].governance == NULL) continue;
        put[count] =
            (struct state_older_result){.at = {block->batches[b].digest, results[count]}, .ruling = true};
        count++;
    }
    int error = state_backfill_put(state, block->header.height, put, count);
    free(put);
    return error;
}

/* Up to where the state has what older blocks came to: all, where it was made from the first block on. */
static uint64_t backfilled_height(struct state *state)
{
    return state_base_height(state) == 0 ? UINT64_MAX : state_backfilled_height(state);
}

/* A rebuild may have come between: then it is asked for anew from where the state stands. */
static void run_backfill(struct job *job)
{
    struct backfill_job *backfill = (struct backfill_job *)(void *)job;
    struct executor *executor = backfill->base.executor;
    struct state *state = executor->replay.state;
    if (state == NULL) {
        backfill->base.error = TALLY_ECLOSED;
        return;
    }
    for (uint32_t i = 0; i < backfill->count && backfill->base.error == TALLY_OK; i++) {
        if (backfill->from + i != backfilled_height(state) + 1) continue;
        backfill->base.error = flusher_make_room(executor->flusher);
        if (backfill->base.error == TALLY_OK)
            backfill->base.error = put_older(state, &backfill->blocks[i], backfill->results[i]);
    }
    backfill->height = backfilled_height(state);
}

static void backfill_done(struct job *job)
{
    struct backfill_job *backfill = (struct backfill_job *)(void *)job;
    struct executor *executor = backfill->base.executor;
    if (backfill->base.error == TALLY_OK && !executor->failed && !executor->closing)
        flusher_note(executor->flusher);
    backfill->done(backfill->context, backfill->base.error, backfill->height);
    free(backfill);
}

void executor_backfill(struct executor *executor, uint64_t from, const struct block *blocks,
    struct event_result *const *results, uint32_t count,
    void (*done)(void *context, int error, uint64_t height), void *context)
{
    struct backfill_job *backfill =
        (struct backfill_job *)new_job(executor, sizeof *backfill, run_backfill, backfill_done);
    backfill->from = from;
    backfill->blocks = blocks;
    backfill->results = results;
    backfill->count = count;
    backfill->done = done;
    backfill->context = context;
    worker_submit(executor->worker, &backfill->base.job);
}

/* ---- Life ---- */

int executor_open(uv_loop_t *loop, const char *data_dir, size_t subject_cache_size,
    const struct genesis *genesis, struct ledger *ledger, const struct executor_callbacks *callbacks,
    void *context, struct executor **out, char *why, size_t why_size)
{
    struct executor *executor = calloc(1, sizeof *executor);
    if (executor == NULL) return TALLY_ENOMEM;
    executor->replay = (struct replay){
        .data_dir = data_dir, .genesis = genesis, .ledger = ledger, .subject_cache_size = subject_cache_size};
    executor->callbacks = callbacks;
    executor->context = context;
    int error = replay_open(&executor->replay);
    executor->behind = error == TALLY_EPENDING;
    executor->level = !executor->behind;
    if (executor->behind) error = TALLY_OK;
    if (error == TALLY_OK && !state_writes_early(executor->replay.state))
        LOG_UNUSUAL("this system gives no watch on files (inotify, or its limit is reached): LevelDB's are "
                    "written late, and blocks may wait for them now and then",
            LOG_S("limit", "fs.inotify.max_user_instances"));
    if (error == TALLY_OK) error = read_last(executor, &executor->last, &executor->counts);
    if (error == TALLY_OK) error = read_certified(executor);
    if (error == TALLY_OK) error = make_view(executor, &executor->view);
    if (error == TALLY_OK) error = worker_open(loop, "state", 1, &executor->worker);
    if (error == TALLY_OK) error = worker_open(loop, "query", QUERY_THREADS, &executor->queries);
    if (error == TALLY_OK) error = snapshotter_open(loop, data_dir, genesis, ledger, &executor->snapshots);
    if (error == TALLY_OK)
        error = flusher_open(loop, &executor->replay, executor->worker, executor->snapshots, on_flush_failed,
            executor, &executor->flusher);
    if (error != TALLY_OK) {
        if (error == TALLY_EVERSION && executor->replay.execution != NULL)
            snprintf(why, why_size,
                "members switched on protocol flag %u from height %" PRIu64
                " on, which this version does not know: upgrade this node to one that does",
                execution_unknown_flag(executor->replay.execution),
                state_applied_height(executor->replay.state) + 1);
        else
            snprintf(why, why_size, "the state in %s/state cannot be opened: %s", data_dir,
                tally_error_text(error));
        snapshotter_close(executor->snapshots);
        worker_close(executor->queries);
        worker_close(executor->worker);
        replay_close(&executor->replay);
        register_view_release(executor->view);
        free(executor);
        return error;
    }
    executor->backfilled = backfilled_height(executor->replay.state);
    CHECK(pthread_rwlock_init(&executor->stands, NULL) == 0);
    if (!executor->level)
        worker_submit_urgent(
            executor->worker, &new_job(executor, sizeof(struct rebuild_job), run_level, anew_done)->job);
    *out = executor;
    return TALLY_OK;
}

void executor_close(struct executor *executor)
{
    if (executor == NULL) return;
    executor->closing = true;
    worker_close(executor->queries);
    flusher_stop(executor->flusher);
    worker_close(executor->worker);
    snapshotter_close(executor->snapshots);
    int error = TALLY_OK;
    if (executor->replay.state != NULL) error = flusher_settle(executor->flusher);
    if (error == TALLY_OK && executor->replay.state != NULL && !executor->failed)
        error = replay_flush(&executor->replay);
    if (error != TALLY_OK) LOG_UNUSUAL("the state was not flushed; it will be replayed", LOG_E("why", error));
    flusher_close(executor->flusher);
    CHECK(pthread_rwlock_destroy(&executor->stands) == 0);
    replay_close(&executor->replay);
    register_view_release(executor->view);
    free(executor);
}

struct query_job {
    struct job job;
    struct executor *executor;
    struct job *query;
    uint64_t asked_ns;
};

static void run_query(struct job *job)
{
    struct query_job *asked = (struct query_job *)(void *)job;
    CHECK(pthread_rwlock_rdlock(&asked->executor->stands) == 0);
    asked->query->run(asked->query);
    CHECK(pthread_rwlock_unlock(&asked->executor->stands) == 0);
    timing_add(&meters.query, uv_hrtime() - asked->asked_ns);
}

static void query_done(struct job *job)
{
    struct query_job *asked = (struct query_job *)(void *)job;
    struct job *query = asked->query;
    free(asked);
    query->done(query);
}

void executor_read(struct executor *executor, struct job *job)
{
    struct query_job *asked = calloc(1, sizeof *asked);
    CHECK(asked != NULL);
    *asked = (struct query_job){
        {.run = run_query, .done = query_done}, .executor = executor, .query = job, .asked_ns = uv_hrtime()};
    worker_submit(executor->queries, &asked->job);
}

uint64_t executor_backfilled_height(const struct executor *executor)
{
    return executor->backfilled;
}

struct state *executor_state(struct executor *executor)
{
    return executor->replay.state;
}

struct ledger *executor_ledger(struct executor *executor)
{
    return executor->replay.ledger;
}

uint64_t executor_applied_height(const struct executor *executor)
{
    return executor->last.height;
}

void executor_last(
    const struct executor *executor, struct checkpoint *checkpoint, struct state_counts *counts)
{
    *checkpoint = executor->last;
    *counts = executor->counts;
}

struct register_view *executor_register(const struct executor *executor)
{
    return executor->view;
}

bool executor_newest_certified(const struct executor *executor, struct certified_checkpoint *checkpoint)
{
    if (executor->has_certified) *checkpoint = executor->certified;
    return executor->has_certified;
}
