#include "storage/state.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/disk.h"
#include "storage/state_internal.h"

/* Blocks are flushed in groups of about this many bytes, each group one atomic write. */
#define FLUSH_SIZE (16u * MIB)
/* Remembered batches of past minutes deleted with one flush, at most. */
#define SWEEP_MAX 16384u
/* Subjects put into the map at a time when it is rebuilt. */
#define REBUILD_GROUP 65536u

/* ---- Shared helpers ---- */

int state_fail(struct state *state, int error)
{
    if (error != TALLY_OK) state->failed = true;
    return error;
}

int state_value_get(struct state *state, const struct state_key *key, struct span *value)
{
    if (overlay_get(state->overlay, state_key_span(key), value)) return TALLY_OK;
    uint8_t *bytes;
    size_t size;
    int error = store_get(state->store, state_key_span(key), &bytes, &size);
    if (error != TALLY_OK) return error;
    store_free(state->held);
    state->held = bytes;
    *value = span_of(bytes, size);
    return TALLY_OK;
}

int state_value_put(struct state *state, const struct state_key *key)
{
    int error = TALLY_ENOMEM;
    if (!state->scratch.failed)
        error = overlay_put(state->overlay, state_key_span(key), buffer_span(&state->scratch));
    buffer_clear(&state->scratch);
    return error;
}

/* ---- Opening ---- */

struct rebuilding {
    struct state *state;
    struct subject_map_node *map;
    struct subject_map_update *updates;
    size_t count, capacity;
    uint64_t subjects;
    int error;
};

static int rebuild_group(struct rebuilding *rebuilding)
{
    struct subject_map_node *next;
    struct subject_map_pool *pool = rebuilding->state->pool;
    if (rebuilding->count == 0) return TALLY_OK;
    int error = subject_map_update(pool, rebuilding->map, rebuilding->updates, rebuilding->count, &next);
    if (error != TALLY_OK) return error;
    subject_map_release(pool, rebuilding->map);
    rebuilding->map = next;
    rebuilding->count = 0;
    return TALLY_OK;
}

static int rebuild_one(struct rebuilding *rebuilding, struct span key, struct span value)
{
    struct state_subject subject;
    struct digest subject_id;
    if (key.size != 1 + DIGEST_SIZE) return TALLY_EDAMAGED;
    memcpy(subject_id.bytes, key.data + 1, DIGEST_SIZE);
    int error = state_subject_decode(value, &subject);
    if (error != TALLY_OK) return error;
    struct digest summary = digest_tagged(TAG_SUMMARY, subject.bytes);
    if (!digest_equal(&summary, &subject.leaf.summary)) return TALLY_EDAMAGED;
    if (rebuilding->count == rebuilding->capacity) {
        size_t capacity = rebuilding->capacity == 0 ? 256 : rebuilding->capacity * 2;
        struct subject_map_update *updates = realloc(rebuilding->updates, capacity * sizeof *updates);
        if (updates == NULL) return TALLY_ENOMEM;
        rebuilding->updates = updates;
        rebuilding->capacity = capacity;
    }
    rebuilding->updates[rebuilding->count++] = (struct subject_map_update){
        .position = subject_position(&rebuilding->state->config.chain_id, &subject_id), .leaf = subject.leaf};
    rebuilding->subjects++;
    return rebuilding->count >= REBUILD_GROUP ? rebuild_group(rebuilding) : TALLY_OK;
}

static bool rebuild_seen(void *context, struct span key, struct span value)
{
    struct rebuilding *rebuilding = context;
    rebuilding->error = rebuild_one(rebuilding, key, value);
    return rebuilding->error == TALLY_OK;
}

/* The map over all stored subjects, held by the caller. */
static int rebuild_map(struct state *state, struct subject_map_node **map)
{
    struct rebuilding rebuilding = {.state = state};
    struct state_key prefix = state_key_alone('S');
    int error =
        store_scan(state->store, state_key_span(&prefix), state_key_span(&prefix), rebuild_seen, &rebuilding);
    if (error == TALLY_OK) error = rebuilding.error;
    if (error == TALLY_OK) error = rebuild_group(&rebuilding);
    if (error == TALLY_OK && rebuilding.subjects != state->meta.counts.subjects) error = TALLY_EDAMAGED;
    free(rebuilding.updates);
    if (error == TALLY_OK)
        *map = rebuilding.map;
    else
        subject_map_release(state->pool, rebuilding.map);
    return error;
}

static int rebuild_history(struct state *state)
{
    uint64_t start = 0;
    struct merkle_frontier *history = &state->history;
    size_t peaks = 0;
    merkle_frontier_init(history);
    for (int bit = 63; bit >= 0; bit--) {
        if ((state->meta.height >> bit & 1) == 0) continue;
        struct state_key key = state_key_of_tree((uint32_t)bit, start >> bit);
        struct span value;
        int error = state_value_get(state, &key, &value);
        if (error == TALLY_OK) error = state_digest_decode(value, &history->peaks[peaks++]);
        if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
        start += 1ull << bit;
    }
    history->count = state->meta.height;
    return TALLY_OK;
}

static struct state_parts parts_of(const struct state *state, const struct digest *subjects_root)
{
    return (struct state_parts){.subjects_root = *subjects_root,
        .members_root = state->config.members_root,
        .policy_root = state->config.policy_root,
        .replay_root = replay_window_root(&state->meta.window),
        .counts_root = state_counts_root(&state->meta.counts)};
}

/* Holds what the store's values amount to against the roots it says they had. */
static int rebuild(struct state *state)
{
    struct subject_map_node *map;
    struct state_roots roots;
    int error = state_roots_get(state, state->meta.height, &roots);
    if (error == TALLY_OK) error = rebuild_history(state);
    if (error == TALLY_OK) error = rebuild_map(state, &map);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    struct digest subjects_root = subject_map_root(map);
    struct state_parts parts = parts_of(state, &subjects_root);
    struct digest root = state_root(&parts);
    struct digest history_root = merkle_frontier_root(&state->history);
    if (!digest_equal(&root, &roots.state_root) || !digest_equal(&history_root, &roots.history_root)) {
        subject_map_release(state->pool, map);
        return TALLY_EDAMAGED;
    }
    return state_version_push(state, map, &roots);
}

static int open_newest_certified(struct state *state)
{
    struct state_key key = state_key_alone('Q');
    struct span value;
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error != TALLY_OK) return error;
    if (value.size != 8) return TALLY_EDAMAGED;
    struct certified_checkpoint checkpoint;
    error = state_certified_get(state, get_u64(value.data), &checkpoint);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    state->certified = checkpoint;
    state->has_certified = true;
    return TALLY_OK;
}

static int open_contents(struct state *state)
{
    struct state_key key = state_key_alone('M');
    struct span value;
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) {
        error = state_meta_decode(value, &state->meta);
        if (error != TALLY_OK) return error;
        if (!digest_equal(&state->meta.chain_id, &state->config.chain_id)) return TALLY_ECHAIN;
    } else if (error == TALLY_ENOTFOUND) {
        state->meta.chain_id = state->config.chain_id;
    } else {
        return error;
    }
    state->flushed_height = state->meta.height;
    error = open_newest_certified(state);
    if (error != TALLY_OK) return error;
    if (state->meta.height > 0) return rebuild(state);
    struct state_roots none = {.block = state->config.chain_id};
    merkle_frontier_init(&state->history);
    none.history_root = merkle_frontier_root(&state->history);
    struct digest empty = subject_map_root(NULL);
    none.parts = parts_of(state, &empty);
    none.state_root = state_root(&none.parts);
    return state_version_push(state, NULL, &none);
}

int state_open(const char *dir, const struct state_config *config, struct state **state)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "state", path);
    if (error != TALLY_OK) return error;
    struct state *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->config = *config;
    if (opened->config.cache_size_max == 0) opened->config.cache_size_max = STATE_CACHE_SIZE;
    buffer_init(&opened->scratch, SIZE_MAX / 8);
    buffer_init(&opened->block.result_bytes, SIZE_MAX / 8);
    arena_init(&opened->block.arena, SIZE_MAX / 8);
    random_bytes(&opened->block.touched.seed, sizeof opened->block.touched.seed);
    opened->overlay = overlay_make(opened->config.cache_size_max);
    opened->pool = subject_map_pool_make();
    opened->pending = calloc(STATE_PENDING_MAX, sizeof *opened->pending);
    if (opened->overlay == NULL || opened->pool == NULL || opened->pending == NULL) error = TALLY_ENOMEM;
    if (error == TALLY_OK) error = store_open(path, &opened->store);
    if (error == TALLY_OK) error = open_contents(opened);
    if (error != TALLY_OK) {
        state_close(opened);
        return error;
    }
    *state = opened;
    return TALLY_OK;
}

void state_close(struct state *state)
{
    if (state == NULL) return;
    store_free(state->held);
    store_close(state->store);
    overlay_close(state->overlay);
    subject_map_pool_close(state->pool);
    state_touched_close(&state->block.touched);
    arena_close(&state->block.arena);
    buffer_close(&state->block.result_bytes);
    buffer_close(&state->scratch);
    free(state->pending);
    free(state);
}

int state_discard(const char *dir)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "state", path);
    return error == TALLY_OK ? store_destroy(path) : error;
}

uint64_t state_applied_height(const struct state *state)
{
    return state->meta.height;
}

uint64_t state_flushed_height(const struct state *state)
{
    return state->flushed_height;
}

size_t state_unflushed_size(const struct state *state)
{
    return overlay_unflushed_size(state->overlay);
}

void state_counts(const struct state *state, struct state_counts *counts)
{
    *counts = state->meta.counts;
}

/* ---- Flushing ---- */

struct sweeping {
    struct store_batch *batch;
    uint64_t live; /* the lowest minute that stays */
    size_t count;
};

static bool sweep_seen(void *context, struct span key, struct span value)
{
    struct sweeping *sweeping = context;
    (void)value;
    if (key.size < 9 || get_u64(key.data + 1) >= sweeping->live) return false;
    store_batch_remove(sweeping->batch, key);
    return ++sweeping->count < SWEEP_MAX;
}

/* Deletes some remembered batches of minutes that have left the window by `height`. Nobody looks those up any
 * more, so when they go makes no difference to what is applied. */
static int sweep(struct state *state, uint64_t height, struct store_batch *batch)
{
    struct state_roots roots;
    int error = state_roots_get(state, height, &roots);
    if (error != TALLY_OK) return error;
    struct sweeping sweeping = {.batch = batch, .live = replay_minute_live(roots.time_ms)};
    struct state_key prefix = state_key_alone('W');
    return store_scan(state->store, state_key_span(&prefix), state_key_span(&prefix), sweep_seen, &sweeping);
}

static int flush_group(struct state *state, uint64_t height, struct store_batch *batch)
{
    uint64_t reached;
    int error = overlay_gather(state->overlay, height, FLUSH_SIZE, batch, &reached);
    if (error == TALLY_OK && reached == 0) error = TALLY_EIO; /* unflushed blocks have layers */
    if (error == TALLY_OK) error = sweep(state, reached, batch);
    if (error == TALLY_OK) error = state_pending_gather(state, batch);
    if (error == TALLY_OK) error = store_commit(state->store, batch);
    if (error != TALLY_OK) return error;
    state->pending_count = 0;
    state->flushed_height = reached;
    overlay_flushed(state->overlay, reached);
    return TALLY_OK;
}

int state_flush(struct state *state, uint64_t height)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    if (height > state->meta.height) height = state->meta.height;
    if (height <= state->flushed_height) return TALLY_OK;
    struct store_batch *batch = store_batch_make();
    if (batch == NULL) return TALLY_ENOMEM;
    int error = TALLY_OK;
    while (error == TALLY_OK && state->flushed_height < height)
        error = flush_group(state, height, batch);
    store_batch_close(batch);
    return state_fail(state, error);
}
