#include "storage/state.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/disk.h"
#include "storage/mapped.h"
#include "storage/state_batches.h"
#include "storage/state_internal.h"

/* Subjects put into the map at a time when it is rebuilt. */
#define REBUILD_GROUP 65536u

/* ---- Shared helpers ---- */

int state_fail(struct state *state, int error)
{
    if (error != TALLY_OK) state->failed = true;
    return error;
}

void state_lock(struct state *state)
{
    CHECK(pthread_mutex_lock(&state->shared) == 0);
}

void state_unlock(struct state *state)
{
    CHECK(pthread_mutex_unlock(&state->shared) == 0);
}

void state_value_init(struct buffer *value)
{
    buffer_init(value, SIZE_MAX / 8);
}

/* What leaves the overlay is in the store by then, so whoever looks in this order misses nothing. */
int state_value_get(struct state *state, const struct state_key *key, struct buffer *value)
{
    buffer_clear(value);
    struct span own;
    if (!state_is_own(state)) {
        int error = overlay_copy(state->overlay, state_key_span(key), value);
        if (error != TALLY_ENOTFOUND) return error;
    } else if (overlay_get(state->overlay, state_key_span(key), &own)) {
        buffer_append(value, own.data, own.size);
        return value->failed ? TALLY_ENOMEM : TALLY_OK;
    }
    return store_get(state->store, state_key_span(key), value);
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
    struct subject_map map;
    struct subject_map_update *updates;
    size_t count, capacity;
    uint64_t subjects;
    int error;
};

static int rebuild_group(struct rebuilding *rebuilding)
{
    struct subject_map_pool *pool = rebuilding->state->pool;
    if (rebuilding->count == 0) return TALLY_OK;
    int error = subject_map_update(pool, rebuilding->updates, rebuilding->count, &rebuilding->map);
    if (error != TALLY_OK) return error;
    subject_map_release_oldest(pool);
    rebuilding->count = 0;
    /* What was scanned is not needed again; that it could not be given back is told later, where it goes on.
     */
    if (mapped_is_much()) (void)!mapped_give_back();
    return TALLY_OK;
}

static int rebuild_one(struct rebuilding *rebuilding, struct span key, struct span value)
{
    struct state_subject subject;
    if (key.size != 1 + DIGEST_SIZE) return TALLY_EDAMAGED;
    int error = state_subject_decode(value, &subject);
    if (error != TALLY_OK) return error;
    struct digest position = subject_position(&rebuilding->state->config.chain_id, &subject.subject_id);
    if (memcmp(position.bytes, key.data + 1, DIGEST_SIZE) != 0) return TALLY_EDAMAGED;
    subject.leaf.summary = digest_tagged(TAG_SUMMARY, subject.bytes);
    if (rebuilding->count == rebuilding->capacity) {
        size_t capacity = rebuilding->capacity == 0 ? 256 : rebuilding->capacity * 2;
        struct subject_map_update *updates = realloc(rebuilding->updates, capacity * sizeof *updates);
        if (updates == NULL) return TALLY_ENOMEM;
        rebuilding->updates = updates;
        rebuilding->capacity = capacity;
    }
    rebuilding->updates[rebuilding->count++] =
        (struct subject_map_update){.position = position, .leaf = subject.leaf};
    rebuilding->subjects++;
    return rebuilding->count >= REBUILD_GROUP ? rebuild_group(rebuilding) : TALLY_OK;
}

static bool rebuild_seen(void *context, struct span key, struct span value)
{
    struct rebuilding *rebuilding = context;
    rebuilding->error = rebuild_one(rebuilding, key, value);
    return rebuilding->error == TALLY_OK;
}

/* The map over all stored subjects. */
static int rebuild_map(struct state *state, struct subject_map *map)
{
    struct rebuilding rebuilding = {.state = state};
    struct state_key prefix = state_key_alone('S');
    int error =
        store_scan(state->store, state_key_span(&prefix), state_key_span(&prefix), rebuild_seen, &rebuilding);
    if (error == TALLY_OK) error = rebuilding.error;
    if (error == TALLY_OK) error = rebuild_group(&rebuilding);
    if (error == TALLY_OK && rebuilding.subjects != state->meta.counts.subjects) error = TALLY_EDAMAGED;
    free(rebuilding.updates);
    *map = rebuilding.map;
    return error;
}

static bool account_seen(void *context, struct span key, struct span value)
{
    struct rebuilding *rebuilding = context;
    (void)value;
    if (key.size != 1 + 4 + ACCOUNT_REF_SIZE) rebuilding->error = TALLY_EDAMAGED;
    if (rebuilding->error != TALLY_OK) return false;
    account_filter_add(rebuilding->state->filter, get_u32(key.data + 1), key.data + 5);
    return true;
}

/* The filter of all stored accounts. */
static int rebuild_filter(struct state *state)
{
    struct rebuilding rebuilding = {.state = state};
    struct state_key prefix = state_key_alone('A');
    int error =
        store_scan(state->store, state_key_span(&prefix), state_key_span(&prefix), account_seen, &rebuilding);
    return error == TALLY_OK ? rebuilding.error : error;
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
        int error = state_value_get(state, &key, &state->held);
        if (error == TALLY_OK)
            error = state_digest_decode(buffer_span(&state->held), &history->peaks[peaks++]);
        if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
        start += 1ull << bit;
    }
    history->count = state->meta.height;
    return TALLY_OK;
}

/* The batches that count at the last block's time are those of the window, no more and no fewer. */
static int check_batches(struct state *state, uint64_t time_ms)
{
    struct store_view *view = store_view_make(state->store);
    if (view == NULL) return TALLY_ENOMEM;
    int error = state_batches_check(view, &state->meta.window, time_ms);
    store_view_close(view);
    return error;
}

/* Holds what the store's values amount to against the roots it says they had. */
static int rebuild(struct state *state)
{
    struct subject_map map;
    struct state_roots roots;
    int error = state_roots_get(state, state->meta.height, &roots);
    if (error == TALLY_OK) error = rebuild_history(state);
    if (error == TALLY_OK) error = check_batches(state, roots.time_ms);
    if (error == TALLY_OK) error = rebuild_map(state, &map);
    if (error == TALLY_OK) error = rebuild_filter(state);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    roots.parts = state_parts_of(&map.root, &state->registered, &state->meta);
    struct digest root = state_root(&roots.parts);
    struct digest history_root = merkle_frontier_root(&state->history);
    if (!digest_equal(&root, &roots.state_root) || !digest_equal(&history_root, &roots.history_root))
        return TALLY_EDAMAGED;
    return state_version_push(state, &map, &roots);
}

static int open_newest_certified(struct state *state)
{
    struct state_key key = state_key_alone('Q');
    int error = state_value_get(state, &key, &state->held);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error != TALLY_OK) return error;
    if (state->held.size != 8) return TALLY_EDAMAGED;
    struct certified_checkpoint checkpoint;
    error = state_certified_get(state, get_u64(state->held.data), &checkpoint);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    state->certified = checkpoint;
    state->has_certified = true;
    return TALLY_OK;
}

static bool key_seen(void *context, struct span key, struct span value)
{
    bool *seen = context;
    (void)key, (void)value;
    *seen = true;
    return false;
}

/* Without what is written last with every batch there is nothing, or there is damage. */
static int open_empty(struct state *state)
{
    bool seen = false;
    int error = store_scan(state->store, span_of("", 0), span_of("", 0), key_seen, &seen);
    if (error == TALLY_OK && seen) error = TALLY_EDAMAGED;
    state->meta.chain_id = state->config.chain_id;
    return error;
}

/* Missing where the state did not come with a snapshot. */
static int open_base(struct state *state)
{
    struct state_key key = state_key_alone('P');
    int error = state_value_get(state, &key, &state->held);
    if (error == TALLY_OK) error = state_base_decode(buffer_span(&state->held), &state->base);
    if (error == TALLY_OK && state->base.height > state->meta.height) error = TALLY_EDAMAGED;
    state->backfilled = state->base.backfilled;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

static int open_contents(struct state *state)
{
    struct state_key key = state_key_alone('M');
    int error = state_value_get(state, &key, &state->held);
    if (error == TALLY_OK) {
        error = state_meta_decode(buffer_span(&state->held), &state->meta);
        if (error != TALLY_OK) return error;
        if (!digest_equal(&state->meta.chain_id, &state->config.chain_id)) return TALLY_ECHAIN;
    } else {
        if (error == TALLY_ENOTFOUND) error = open_empty(state);
        if (error != TALLY_OK) return error;
    }
    error = open_base(state);
    if (error != TALLY_OK) return error;
    state->flushed_height = state->meta.height;
    /* Before the first flush there is none. */
    struct event_index_config index = {.generation = state->config.index_generation,
        .height = state->meta.height,
        .may_be_fresh = state->meta.height == 0};
    error = event_index_open(state->store, &index, &state->index);
    if (error == TALLY_OK) error = open_newest_certified(state);
    if (error == TALLY_OK) error = state_register_open(state);
    if (error != TALLY_OK) return error;
    if (state->meta.height > 0) return rebuild(state);
    struct state_roots none = {.block = state->config.chain_id};
    merkle_frontier_init(&state->history);
    none.history_root = merkle_frontier_root(&state->history);
    static const struct subject_map empty;
    none.parts = state_parts_of(&empty.root, &state->registered, &state->meta);
    none.state_root = state_root(&none.parts);
    return state_version_push(state, &empty, &none);
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
    if (opened->config.freeze_size == 0) opened->config.freeze_size = STATE_FREEZE_SIZE;
    if (opened->config.index_generation == 0) opened->config.index_generation = EVENT_INDEX_GENERATION;
    if (opened->config.older_nodes_max == 0) opened->config.older_nodes_max = STATE_OLDER_NODES_MAX;
    CHECK(pthread_mutex_init(&opened->shared, NULL) == 0);
    buffer_init(&opened->scratch, SIZE_MAX / 8);
    state_value_init(&opened->held);
    buffer_init(&opened->block.result_bytes, SIZE_MAX / 8);
    arena_init(&opened->block.arena, SIZE_MAX / 8);
    digest_hash_key_init(&opened->block.touched.key);
    opened->overlay = overlay_make();
    opened->cache = subject_cache_make(opened->config.cache_size_max);
    opened->filter = account_filter_make();
    opened->pool = subject_map_pool_make();
    bool made = opened->overlay != NULL && opened->cache != NULL && opened->filter != NULL;
    if (!made || opened->pool == NULL) error = TALLY_ENOMEM;
    if (error == TALLY_OK) error = store_open(path, &opened->store);
    if (error == TALLY_OK && config->was_read) store_trust(opened->store);
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
    CHECK(!state->flushing);
    event_index_close(state->index);
    store_batch_close(state->spare_batch);
    store_close(state->store);
    overlay_close(state->overlay);
    subject_cache_close(state->cache);
    account_filter_close(state->filter);
    subject_map_pool_close(state->pool);
    state_touched_close(&state->block.touched);
    arena_close(&state->block.arena);
    buffer_close(&state->block.result_bytes);
    buffer_close(&state->scratch);
    buffer_close(&state->held);
    CHECK(pthread_mutex_destroy(&state->shared) == 0);
    free(state);
}

int state_discard(const char *dir)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "state", path);
    return error == TALLY_OK ? store_destroy(path) : error;
}

uint64_t state_applied_height(struct state *state)
{
    state_lock(state);
    uint64_t height = state_newest(state)->roots.height;
    state_unlock(state);
    return height;
}

uint64_t state_flushed_height(const struct state *state)
{
    return state->flushed_height;
}

size_t state_unflushed_size(const struct state *state)
{
    return overlay_live_size(state->overlay) + overlay_frozen_size(state->overlay) +
           event_index_unflushed_size(state->index);
}

void state_usage(const struct state *state, struct state_usage *usage)
{
    *usage = (struct state_usage){
        .unflushed_size = state_unflushed_size(state),
        .cache_size = subject_cache_size(state->cache),
        .cache_hits = state->cache_hits,
        .cache_misses = state->cache_misses,
    };
}

void state_counts(const struct state *state, struct state_counts *counts)
{
    *counts = state->meta.counts;
}
