/* Writing the state late: what was applied is frozen after a block, and goes to the store as one batch. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state_internal.h"

/* Remembered batches of past minutes deleted with one flush, at most. */
#define SWEEP_MAX 16384u
/* A batch of so much frozen serves the next flush again: to grow one to its size, each time, costs faults and
 * copies. An idle node stays small. */
#define SPARE_SIZE_MIN (4u * MIB)

_Static_assert(STATE_FLUSH_LAG_MAX == STORE_LAG_MAX, "the store's lag is told as it is");

struct state_flush {
    struct store *store;
    struct overlay *overlay;
    struct event_index *index;
    struct store_batch *batch;
    struct event_table *dropped_index;
    uint64_t live_minute, swept_minute;
};

bool state_freeze_is_due(const struct state *state)
{
    return overlay_live_size(state->overlay) + event_index_unflushed_size(state->index) >=
           state->config.freeze_size;
}

int state_freeze(struct state *state)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    bool nothing = state->meta.height == 0 || overlay_live_size(state->overlay) == 0;
    if (state->frozen.height != 0 || nothing) return TALLY_OK;
    int error = event_index_freeze(state->index);
    if (error == TALLY_OK) error = overlay_freeze(state->overlay);
    if (error != TALLY_OK) return state_fail(state, error);
    state->frozen =
        (struct state_frozen){.height = state->meta.height, .time_ms = state_newest(state)->roots.time_ms};
    return TALLY_OK;
}

uint64_t state_frozen_height(const struct state *state)
{
    return state->frozen.height;
}

void state_flush_close(struct state_flush *flush)
{
    if (flush == NULL) return;
    event_table_close(flush->dropped_index);
    store_batch_close(flush->batch);
    free(flush);
}

int state_flush_begin(struct state *state, struct state_flush **flush)
{
    CHECK(state->frozen.height != 0 && !state->flushing);
    if (state->failed) return TALLY_EIO;
    struct state_flush *begun = calloc(1, sizeof *begun);
    if (begun == NULL) return TALLY_ENOMEM;
    begun->store = state->store;
    begun->overlay = state->overlay;
    begun->index = state->index;
    begun->live_minute = replay_minute_live(state->frozen.time_ms);
    begun->swept_minute = state->swept_minute;
    begun->batch = state->spare_batch != NULL ? state->spare_batch : store_batch_make();
    state->spare_batch = NULL;
    int error = begun->batch == NULL ? TALLY_ENOMEM : state_certified_gather(state, begun->batch);
    if (error != TALLY_OK) {
        state_flush_close(begun);
        return error;
    }
    state->flushing = true;
    *flush = begun;
    return TALLY_OK;
}

struct sweeping {
    struct state_flush *flush;
    size_t count;
};

static bool sweep_seen(void *context, struct span key, struct span value)
{
    struct sweeping *sweeping = context;
    struct state_flush *flush = sweeping->flush;
    (void)value;
    if (key.size < 9) return false;
    uint64_t minute = get_u64(key.data + 1);
    flush->swept_minute = minute;
    if (minute >= flush->live_minute || sweeping->count == SWEEP_MAX) return false;
    store_batch_remove(flush->batch, key);
    sweeping->count++;
    return true;
}

/* Deletes some remembered batches of minutes that have left the window. Nobody looks those up any more, so
 * when they go makes no difference to what is applied. */
static int sweep(struct state_flush *flush)
{
    struct sweeping sweeping = {.flush = flush};
    struct state_key prefix = state_key_alone('W'), from = state_key_of_height('W', flush->swept_minute);
    return store_scan(flush->store, state_key_span(&prefix), state_key_span(&from), sweep_seen, &sweeping);
}

int state_flush_write(struct state_flush *flush)
{
    int error = overlay_gather(flush->overlay, flush->batch);
    if (error == TALLY_OK) error = event_index_gather(flush->index, flush->batch);
    if (error == TALLY_OK) error = sweep(flush);
    return error == TALLY_OK ? store_commit(flush->store, flush->batch) : error;
}

int state_flush_end(struct state *state, struct state_flush *flush, int error)
{
    CHECK(state->flushing);
    state->flushing = false;
    if (error == TALLY_OK) {
        state->flushed_height = state->frozen.height;
        state->swept_minute = flush->swept_minute;
        state->frozen = (struct state_frozen){0};
        if (overlay_frozen_size(state->overlay) >= SPARE_SIZE_MIN) {
            state->spare_batch = flush->batch;
            flush->batch = NULL;
        }
        overlay_drop_frozen(state->overlay);
        flush->dropped_index = event_index_drop_frozen(state->index);
    }
    return state_fail(state, error);
}

uint32_t state_flush_lag(const struct state *state)
{
    return store_lag(state->store);
}

void state_store_usage(const struct state *state, struct store_usage *usage)
{
    store_usage(state->store, usage);
}

bool state_writes_early(const struct state *state)
{
    return store_writes_early(state->store);
}

static int flush_frozen(struct state *state)
{
    struct state_flush *flush;
    int error = state_flush_begin(state, &flush);
    if (error != TALLY_OK) return error;
    error = state_flush_end(state, flush, state_flush_write(flush));
    state_flush_close(flush);
    return error;
}

int state_flush(struct state *state, uint64_t height)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    int error = TALLY_OK;
    if (state->frozen.height != 0 && state->frozen.height <= height) error = flush_frozen(state);
    if (error == TALLY_OK && state->frozen.height == 0 && state->meta.height <= height) {
        error = state_freeze(state);
        if (error == TALLY_OK && state->frozen.height != 0) error = flush_frozen(state);
    }
    return error;
}
