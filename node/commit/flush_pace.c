#include "node/commit/flush_pace.h"

#include <stdlib.h>
#include <time.h>

#include "node/metrics/meters.h"
#include "proto/base/check.h"
#include "storage/store.h"

/* Of STATE_FLUSH_LAG_MAX: a disk that keeps up does not come so far. */
#define LAG_FINE 6u
/* Where it has come to the worst, for each MiB: some 25,000 events a second still pass. */
#define PAUSE_US_PER_MIB 100000u
#define PAUSE_US_MAX 70000u

struct look_job {
    struct job job;
    struct flush_pace *pace;
};

void flush_pace_init(struct flush_pace *pace)
{
    *pace = (struct flush_pace){.unflushed = 0};
    CHECK(pthread_mutex_init(&pace->lock, NULL) == 0);
}

void flush_pace_close(struct flush_pace *pace)
{
    CHECK(pthread_mutex_destroy(&pace->lock) == 0);
}

/* ---- How far behind it is ---- */

void flush_pace_watch(struct flush_pace *pace, struct state *state)
{
    if (pace->state == state) return;
    CHECK(pthread_mutex_lock(&pace->lock) == 0);
    pace->state = state;
    pace->lag = 0;
    CHECK(pthread_mutex_unlock(&pace->lock) == 0);
}

_Static_assert(STORE_LEVELS == METER_STORE_LEVELS, "a meter for each level");

static void tell_store(const struct state *state)
{
    struct store_usage usage;
    state_store_usage(state, &usage);
    for (uint32_t level = 0; level < STORE_LEVELS; level++)
        meter_set(&meters.store_files[level], usage.files[level]);
    meter_set(&meters.store_memory_bytes, usage.memory);
}

void flush_pace_look(struct flush_pace *pace)
{
    CHECK(pthread_mutex_lock(&pace->lock) == 0);
    if (pace->state != NULL) pace->lag = state_flush_lag(pace->state);
    if (pace->state != NULL) tell_store(pace->state);
    CHECK(pthread_mutex_unlock(&pace->lock) == 0);
}

static void run_look(struct job *job)
{
    flush_pace_look(((struct look_job *)(void *)job)->pace);
}

static void look_done(struct job *job)
{
    ((struct look_job *)(void *)job)->pace->looking = false;
    free(job);
}

/* That blocks need not be slowed any more would else be known with the next flush alone. */
void flush_pace_note(struct flush_pace *pace, struct worker *writer)
{
    if (pace->looking || pace->lag <= LAG_FINE) return;
    struct look_job *look = calloc(1, sizeof *look);
    CHECK(look != NULL);
    *look = (struct look_job){.job = {.run = run_look, .done = look_done}, .pace = pace};
    pace->looking = true;
    worker_submit(writer, &look->job);
}

/* ---- Pausing ---- */

/* In thousandths. */
static uint64_t part_of(uint64_t value, uint64_t least, uint64_t most)
{
    if (value <= least) return 0;
    return value >= most ? 1000 : (value - least) * 1000 / (most - least);
}

uint32_t flush_pause_us(size_t unflushed, size_t added, uint32_t lag)
{
    uint64_t by_size = part_of(unflushed, FLUSH_SIZE_FINE, FLUSH_SIZE_MAX);
    uint64_t by_lag = part_of(lag, LAG_FINE, STATE_FLUSH_LAG_MAX);
    uint64_t worst = by_size > by_lag ? by_size : by_lag;
    if (added > FLUSH_SIZE_MAX) added = FLUSH_SIZE_MAX; /* so that the product fits */
    uint64_t pause_us = worst * added * PAUSE_US_PER_MIB / (1000 * MIB);
    return pause_us < PAUSE_US_MAX ? (uint32_t)pause_us : PAUSE_US_MAX;
}

/* Asleep, for that leaves the processor to the threads that are behind. */
void flush_pace_wait(struct flush_pace *pace, const struct state *state)
{
    size_t unflushed = state_unflushed_size(state);
    size_t added = unflushed > pace->unflushed ? unflushed - pace->unflushed : 0;
    pace->unflushed = unflushed;
    uint32_t pause_us = flush_pause_us(unflushed, added, pace->lag);
    const struct timespec pause = {.tv_nsec = (long)pause_us * 1000};
    if (pause_us > 0) (void)nanosleep(&pause, NULL);
}
