#include "node/commit/flusher.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/commit/flush_pace.h"
#include "node/metrics/meters.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

/* However little there is, it is written so long after it came, and up to twice as long. */
#define FLUSH_MS 2000u
#define WRITER_NICE 12

struct flusher {
    struct replay *replay;
    struct worker *state_thread, *writer;
    struct snapshotter *snapshots;
    uv_timer_t *timer;
    void (*on_failed)(void *context, int error);
    void *context;
    struct flush_pace pace;
    bool under_way, stopped; /* the loop's */
    bool yields;             /* the writer's */
    pthread_mutex_t writing; /* guards the rest; held while the store is written */
    struct state_flush *flush;
    bool written;
    int error;
};

struct flush_job {
    struct job job;
    struct flusher *flusher;
    bool freeze;  /* begin: what is live, too */
    bool begun;   /* and something was */
    bool waiting; /* and something frozen waits for its certificate */
    struct state_flush *ended;
    int error;
};

static struct flush_job *new_job(
    struct flusher *flusher, void (*run)(struct job *), void (*done)(struct job *))
{
    struct flush_job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);
    job->job = (struct job){.run = run, .done = done};
    job->flusher = flusher;
    return job;
}

static void timer_start(struct flusher *flusher);

/* ---- Ending ---- */

static int write_out(struct state_flush *flush)
{
    uint64_t began_ns = uv_hrtime();
    int error = state_flush_write(flush);
    timing_add(&meters.flush, uv_hrtime() - began_ns);
    return error;
}

static int end(struct flusher *flusher)
{
    struct state *state = flusher->replay->state;
    size_t size = state_unflushed_size(state);
    int error = state_flush_end(state, flusher->flush, flusher->error);
    meter_add(&meters.flushed_bytes, size - state_unflushed_size(state));
    meter_set(&meters.unflushed_bytes, state_unflushed_size(state));
    return error;
}

/* What was ended is the caller's to close. */
static int settle(struct flusher *flusher, struct state_flush **ended)
{
    int error = TALLY_OK;
    CHECK(pthread_mutex_lock(&flusher->writing) == 0);
    if (flusher->flush != NULL) {
        if (!flusher->written) flusher->error = write_out(flusher->flush);
        error = end(flusher);
    }
    *ended = flusher->flush;
    flusher->flush = NULL;
    CHECK(pthread_mutex_unlock(&flusher->writing) == 0);
    return error;
}

static int settle_and_close(struct flusher *flusher)
{
    struct state_flush *ended;
    int error = settle(flusher, &ended);
    state_flush_close(ended);
    return error;
}

int flusher_settle(struct flusher *flusher)
{
    flush_pace_watch(&flusher->pace, NULL);
    return settle_and_close(flusher);
}

static void run_close(struct job *job)
{
    state_flush_close(((struct flush_job *)(void *)job)->ended);
}

static void close_done(struct job *job)
{
    free(job);
}

static void run_end(struct job *job)
{
    struct flush_job *end = (struct flush_job *)(void *)job;
    end->error = settle(end->flusher, &end->ended);
    if (end->error == TALLY_OK && end->ended != NULL)
        snapshotter_take(end->flusher->snapshots, end->flusher->replay->state);
}

/* The state thread has better to do than to give back memory: the writer does. */
static void end_done(struct job *job)
{
    struct flush_job *end = (struct flush_job *)(void *)job;
    struct flusher *flusher = end->flusher;
    flusher->under_way = false;
    if (flusher->stopped) {
        state_flush_close(end->ended);
        free(end);
        return;
    }
    int error = end->error;
    end->job = (struct job){.run = run_close, .done = close_done};
    worker_submit(flusher->writer, &end->job);
    snapshotter_write(flusher->snapshots);
    if (error != TALLY_OK) flusher->on_failed(flusher->context, error);
}

/* ---- Writing ---- */

/* What is written late can wait, a block cannot: where there is not enough for all, the writer's thread
 * yields, and LevelDB's too, which it starts. */
static void yield_to_blocks(struct flusher *flusher)
{
    if (flusher->yields) return;
    flusher->yields = true;
    id_t thread = (id_t)gettid();
    (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + WRITER_NICE);
}

static void run_write(struct job *job)
{
    struct flusher *flusher = ((struct flush_job *)(void *)job)->flusher;
    yield_to_blocks(flusher);
    CHECK(pthread_mutex_lock(&flusher->writing) == 0);
    if (flusher->flush != NULL && !flusher->written) {
        flusher->error = write_out(flusher->flush);
        flusher->written = true;
    }
    CHECK(pthread_mutex_unlock(&flusher->writing) == 0);
    flush_pace_look(&flusher->pace);
}

static void write_done(struct job *job)
{
    struct flusher *flusher = ((struct flush_job *)(void *)job)->flusher;
    free(job);
    if (!flusher->stopped)
        worker_submit_next(flusher->state_thread, &new_job(flusher, run_end, end_done)->job);
}

/* ---- Beginning ---- */

static int begin(struct flush_job *job)
{
    struct flusher *flusher = job->flusher;
    struct replay *replay = flusher->replay;
    if (replay->state == NULL || flusher->flush != NULL) return TALLY_OK;
    flush_pace_watch(&flusher->pace, replay->state);
    int error = job->freeze ? state_freeze(replay->state) : TALLY_OK;
    job->waiting = state_frozen_height(replay->state) != 0;
    if (error != TALLY_OK || !replay_flush_due(replay)) return error;
    CHECK(pthread_mutex_lock(&flusher->writing) == 0);
    error = state_flush_begin(replay->state, &flusher->flush);
    flusher->written = false;
    flusher->error = TALLY_OK;
    job->begun = error == TALLY_OK;
    CHECK(pthread_mutex_unlock(&flusher->writing) == 0);
    return error;
}

static void run_begin(struct job *job)
{
    struct flush_job *beginning = (struct flush_job *)(void *)job;
    beginning->error = begin(beginning);
}

static void begin_done(struct job *job)
{
    struct flush_job *beginning = (struct flush_job *)(void *)job;
    struct flusher *flusher = beginning->flusher;
    if (flusher->stopped) {
        free(beginning);
        return;
    }
    flusher->under_way = beginning->begun;
    if (beginning->error != TALLY_OK)
        flusher->on_failed(flusher->context, beginning->error);
    else if (beginning->begun)
        worker_submit(flusher->writer, &new_job(flusher, run_write, write_done)->job);
    else if (beginning->waiting)
        timer_start(flusher);
    free(beginning);
}

/* Before the blocks that wait to be applied: behind a long queue of them memory would be full, and the state
 * thread have to write by itself, before a flush even began. */
static void consider(struct flusher *flusher, bool freeze)
{
    if (flusher->under_way || flusher->stopped) return;
    struct flush_job *beginning = new_job(flusher, run_begin, begin_done);
    beginning->freeze = freeze;
    flusher->under_way = true;
    worker_submit_next(flusher->state_thread, &beginning->job);
}

static void on_timer(uv_timer_t *timer)
{
    consider(timer->data, true);
}

/* Nodes apply the same block at the same time: they do not all write, and sync, at the same time, too. */
static uint64_t flush_delay_ms(void)
{
    uint16_t chance;
    random_bytes(&chance, sizeof chance);
    return FLUSH_MS + chance % FLUSH_MS;
}

/* An idle node does not wake up for it. */
static void timer_start(struct flusher *flusher)
{
    if (!uv_is_active((uv_handle_t *)flusher->timer))
        CHECK(uv_timer_start(flusher->timer, on_timer, flush_delay_ms(), 0) == 0);
}

void flusher_note(struct flusher *flusher)
{
    if (flusher->stopped) return;
    consider(flusher, false);
    flush_pace_note(&flusher->pace, flusher->writer);
    timer_start(flusher);
}

int flusher_make_room(struct flusher *flusher)
{
    struct state *state = flusher->replay->state;
    int error = TALLY_OK;
    flush_pace_wait(&flusher->pace, state);
    while (error == TALLY_OK && state_unflushed_size(state) > FLUSH_SIZE_MAX) {
        error = settle_and_close(flusher);
        if (error == TALLY_OK && state_unflushed_size(state) > FLUSH_SIZE_MAX)
            error = state_flush(state, state_applied_height(state));
    }
    return error;
}

/* ---- Life ---- */

int flusher_open(uv_loop_t *loop, struct replay *replay, struct worker *state_thread,
    struct snapshotter *snapshots, void (*on_failed)(void *context, int error), void *context,
    struct flusher **out)
{
    struct flusher *flusher = calloc(1, sizeof *flusher);
    uv_timer_t *timer = calloc(1, sizeof *timer);
    int error = flusher == NULL || timer == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) error = worker_open(loop, "flush", 1, &flusher->writer);
    if (error != TALLY_OK) {
        free(timer);
        free(flusher);
        return error;
    }
    flusher->replay = replay;
    flusher->state_thread = state_thread;
    flusher->snapshots = snapshots;
    flusher->on_failed = on_failed;
    flusher->context = context;
    flusher->timer = timer;
    flush_pace_init(&flusher->pace);
    CHECK(pthread_mutex_init(&flusher->writing, NULL) == 0);
    CHECK(uv_timer_init(loop, timer) == 0);
    timer->data = flusher;
    *out = flusher;
    return TALLY_OK;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void flusher_stop(struct flusher *flusher)
{
    if (flusher == NULL) return;
    flusher->stopped = true;
    uv_close((uv_handle_t *)flusher->timer, free_timer);
    worker_close(flusher->writer);
}

void flusher_close(struct flusher *flusher)
{
    if (flusher == NULL) return;
    CHECK(flusher->stopped && flusher->flush == NULL);
    flush_pace_close(&flusher->pace);
    CHECK(pthread_mutex_destroy(&flusher->writing) == 0);
    free(flusher);
}
