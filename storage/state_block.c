/* Applying a block: what it writes, and the roots after it. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/state_internal.h"

/* ---- Subjects the block has looked at ---- */

void state_touched_close(struct touched_table *table)
{
    free(table->items);
    free(table->slots);
}

static void touched_clear(struct touched_table *table)
{
    /* A large block's table is given back: an idle node stays small. */
    if (table->capacity > 4096) {
        state_touched_close(table);
        *table = (struct touched_table){.seed = table->seed};
        return;
    }
    if (table->slots != NULL) memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    table->count = 0;
}

static size_t slot_of(const struct touched_table *table, const struct digest *position)
{
    uint64_t word;
    memcpy(&word, position->bytes, sizeof word);
    __uint128_t product = (__uint128_t)(word ^ table->seed) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (table->slot_count - 1);
    while (table->slots[slot] != 0 && !digest_equal(&table->items[table->slots[slot] - 1].position, position))
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

static int touched_reserve(struct touched_table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        struct touched *items = realloc(table->items, capacity * sizeof *items);
        if (items == NULL) return TALLY_ENOMEM;
        table->items = items;
        table->capacity = capacity;
    }
    if ((table->count + 1) * 2 < table->slot_count) return TALLY_OK;
    size_t slot_count = table->slot_count == 0 ? 256 : table->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) return TALLY_ENOMEM;
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (size_t i = 0; i < table->count; i++)
        slots[slot_of(table, &table->items[i].position)] = (uint32_t)i + 1;
    return TALLY_OK;
}

/* What stood before this block, its bytes copied into the block's arena. */
static int load_subject(struct state *state, struct touched *touched)
{
    if (subject_map_find(state_newest(state)->map, &touched->position) == NULL) {
        touched->subject.leaf.acc = subject_fold_start(&state->config.chain_id, &touched->subject_id);
        return TALLY_OK;
    }
    struct state_key key = state_key_of_digest('S', &touched->subject_id);
    struct span value;
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = state_subject_decode(value, &touched->subject);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    uint8_t *bytes = arena_take(&state->block.arena, touched->subject.bytes.size);
    if (bytes == NULL) return TALLY_ENOMEM;
    if (touched->subject.bytes.size > 0)
        memcpy(bytes, touched->subject.bytes.data, touched->subject.bytes.size);
    touched->subject.bytes.data = bytes;
    touched->stood_before = touched->exists = true;
    return TALLY_OK;
}

int state_touch(struct state *state, const struct digest *subject_id, struct touched **touched)
{
    CHECK(state->block.open);
    struct touched_table *table = &state->block.touched;
    int error = touched_reserve(table);
    if (error != TALLY_OK) return state_fail(state, error);
    struct touched fresh = {
        .subject_id = *subject_id, .position = subject_position(&state->config.chain_id, subject_id)};
    size_t slot = slot_of(table, &fresh.position);
    if (table->slots[slot] == 0) {
        error = load_subject(state, &fresh);
        if (error != TALLY_OK) return state_fail(state, error);
        table->items[table->count++] = fresh;
        table->slots[slot] = (uint32_t)table->count;
    }
    *touched = &table->items[table->slots[slot] - 1];
    return TALLY_OK;
}

/* ---- In the block ---- */

int state_block_begin(struct state *state, uint64_t height, const struct digest *block, uint64_t time_ms)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    if (height <= state->meta.height) return TALLY_EEXISTS;
    if (height != state->meta.height + 1 || time_ms <= state_newest(state)->roots.time_ms)
        return TALLY_EINVALID;
    int error = overlay_begin(state->overlay, height);
    if (error != TALLY_OK) return state_fail(state, error);
    struct state_block *current = &state->block;
    current->open = true;
    current->height = height;
    current->block = *block;
    current->time_ms = time_ms;
    current->counts = state->meta.counts;
    current->window = state->meta.window;
    replay_window_advance(&current->window, time_ms);
    merkle_frontier_init(&current->results);
    buffer_clear(&current->result_bytes);
    return TALLY_OK;
}

int state_subject_put(struct state *state, const struct digest *subject_id, struct span bytes)
{
    struct touched *touched;
    if (bytes.size > STATE_SUBJECT_SIZE_MAX) return TALLY_ELIMIT;
    int error = state_touch(state, subject_id, &touched);
    if (error != TALLY_OK) return error;
    uint8_t *copy = arena_take(&state->block.arena, bytes.size);
    if (copy == NULL) return state_fail(state, TALLY_ENOMEM);
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    touched->subject.bytes = span_of(copy, bytes.size);
    touched->exists = touched->changed = touched->bytes_changed = true;
    return TALLY_OK;
}

int state_fold(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    uint32_t index, uint16_t result)
{
    struct touched *touched;
    int error = state_touch(state, subject_id, &touched);
    if (error != TALLY_OK) return error;
    const struct state_block *block = &state->block;
    struct subject_leaf *leaf = &touched->subject.leaf;
    struct state_history_entry entry = {.height = block->height,
        .index = index,
        .time_ms = block->time_ms,
        .result = result,
        .event_id = *event_id};
    struct state_key key = state_key_of_history(subject_id, leaf->count);
    state_history_entry_encode(&entry, &state->scratch);
    error = state_value_put(state, &key);
    if (error != TALLY_OK) return state_fail(state, error);
    leaf->acc = subject_fold_step(&leaf->acc, leaf->count, block->height, block->time_ms, result, event_id);
    leaf->count++;
    leaf->last_height = block->height;
    touched->exists = touched->changed = true;
    return TALLY_OK;
}

int state_account_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    const struct digest *subject_id)
{
    CHECK(state->block.open);
    struct state_key key = state_key_of_account(member_id, ref);
    buffer_append(&state->scratch, subject_id->bytes, DIGEST_SIZE);
    return state_fail(state, state_value_put(state, &key));
}

int state_account_event_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, const struct digest *event_id)
{
    CHECK(state->block.open);
    struct state_key key = state_key_of_account_event(member_id, ref, seq);
    buffer_append(&state->scratch, event_id->bytes, DIGEST_SIZE);
    return state_fail(state, state_value_put(state, &key));
}

int state_batch_remember(struct state *state, const struct digest *batch, uint64_t expires_at_ms)
{
    CHECK(state->block.open);
    int error = replay_window_add(&state->block.window, state->block.time_ms, batch, expires_at_ms);
    if (error != TALLY_OK) return error;
    struct state_key key = state_key_of_batch(expires_at_ms / REPLAY_MINUTE_MS, batch);
    buffer_u8(&state->scratch, 1);
    return state_fail(state, state_value_put(state, &key));
}

static int index_event(struct state *state, uint32_t index, const struct digest *event_id, bool applied)
{
    struct state_key key = state_key_of_digest('E', event_id);
    if (!applied) {
        struct state_event before;
        int error = state_event_get(state, event_id, &before);
        if (error == TALLY_OK && before.applied) return TALLY_OK;
        if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    }
    struct state_event event = {.height = state->block.height, .index = index, .applied = applied};
    state_event_encode(&event, &state->scratch);
    return state_value_put(state, &key);
}

/* Writes the results gathered since the last time. */
static int put_results(struct state *state)
{
    struct state_block *block = &state->block;
    if (block->result_bytes.failed) return TALLY_ENOMEM;
    if (block->result_bytes.size == 0) return TALLY_OK;
    struct state_key key =
        state_key_of_results(block->height, (uint32_t)((block->results.count - 1) / STATE_RESULTS_CHUNK));
    int error = overlay_put(state->overlay, state_key_span(&key), buffer_span(&block->result_bytes));
    buffer_clear(&block->result_bytes);
    return error;
}

int state_result_record(
    struct state *state, uint32_t index, const struct digest *event_id, const struct event_result *result)
{
    struct state_block *block = &state->block;
    CHECK(block->open && index == block->results.count);
    CHECK(result->detail_size <= RESULT_DETAIL_SIZE_MAX);
    struct digest leaf = result_leaf(block->height, index, event_id, result);
    merkle_frontier_append(&block->results, &leaf, NULL, NULL);
    state_result_encode(event_id, result, &block->result_bytes);
    block->counts.events++;
    if (result->code == RESULT_OK) block->counts.applied++;
    int error = index_event(state, index, event_id, result->code == RESULT_OK);
    if (error == TALLY_OK && block->results.count % STATE_RESULTS_CHUNK == 0) error = put_results(state);
    return state_fail(state, error);
}

/* ---- Ending it ---- */

/* Writes the changed subjects, and makes the map after them. */
static int end_subjects(struct state *state, struct subject_map_node **map)
{
    struct touched_table *table = &state->block.touched;
    struct subject_map_update *updates = malloc((table->count + 1) * sizeof *updates);
    if (updates == NULL) return TALLY_ENOMEM;
    size_t count = 0;
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < table->count; i++) {
        struct touched *touched = &table->items[i];
        if (!touched->changed) continue;
        struct subject_leaf *leaf = &touched->subject.leaf;
        /* Only a fold makes a subject. */
        CHECK(leaf->count > 0);
        if (touched->bytes_changed || digest_is_zero(&leaf->summary))
            leaf->summary = digest_tagged(TAG_SUMMARY, touched->subject.bytes);
        if (!touched->stood_before) state->block.counts.subjects++;
        struct state_key key = state_key_of_digest('S', &touched->subject_id);
        state_subject_encode(leaf, touched->subject.bytes, &state->scratch);
        error = state_value_put(state, &key);
        updates[count++] = (struct subject_map_update){touched->position, *leaf};
    }
    if (error == TALLY_OK)
        error = subject_map_update(state->pool, state_newest(state)->map, updates, count, map);
    free(updates);
    return error;
}

struct tree_writing {
    struct state *state;
    int error;
};

static void tree_node_seen(void *context, uint32_t level, uint64_t index, const struct digest *node)
{
    struct tree_writing *writing = context;
    if (writing->error != TALLY_OK) return;
    struct state_key key = state_key_of_tree(level, index);
    buffer_append(&writing->state->scratch, node->bytes, DIGEST_SIZE);
    writing->error = state_value_put(writing->state, &key);
}

static int end_records(struct state *state, const struct state_roots *roots)
{
    int error = put_results(state);
    struct state_key key = state_key_of_height('B', roots->height);
    state_roots_encode(roots, &state->scratch);
    if (error == TALLY_OK) error = state_value_put(state, &key);
    key = state_key_alone('M');
    state_meta_encode(&state->meta, &state->scratch);
    if (error == TALLY_OK) error = state_value_put(state, &key);
    return error;
}

static void block_close(struct state *state)
{
    struct state_block *block = &state->block;
    touched_clear(&block->touched);
    arena_close(&block->arena);
    arena_init(&block->arena, SIZE_MAX / 8);
    if (state->scratch.capacity > 64 * KIB) {
        buffer_close(&state->scratch);
        buffer_init(&state->scratch, SIZE_MAX / 8);
    }
    block->open = false;
}

int state_block_end(struct state *state, struct state_roots *roots)
{
    struct state_block *block = &state->block;
    CHECK(block->open);
    if (state->failed) return TALLY_EIO;
    struct subject_map_node *map;
    int error = end_subjects(state, &map);
    if (error != TALLY_OK) return state_fail(state, error);
    state->meta.height = block->height;
    state->meta.counts = block->counts;
    state->meta.window = block->window;
    struct state_roots after = {.height = block->height, .block = block->block, .time_ms = block->time_ms};
    after.parts = (struct state_parts){.subjects_root = subject_map_root(map),
        .members_root = state->config.members_root,
        .policy_root = state->config.policy_root,
        .replay_root = replay_window_root(&state->meta.window),
        .counts_root = state_counts_root(&state->meta.counts)};
    after.state_root = state_root(&after.parts);
    after.results_root = merkle_frontier_root(&block->results);
    struct digest leaf = history_leaf(&after.block, after.time_ms, &after.state_root, &after.results_root);
    struct tree_writing writing = {.state = state};
    merkle_frontier_append(&state->history, &leaf, tree_node_seen, &writing);
    after.history_root = merkle_frontier_root(&state->history);
    error = writing.error;
    if (error == TALLY_OK) error = end_records(state, &after);
    block_close(state);
    if (error != TALLY_OK) {
        subject_map_release(state->pool, map);
        return state_fail(state, error);
    }
    error = state_version_push(state, map, &after);
    if (error != TALLY_OK) return state_fail(state, error);
    *roots = after;
    return TALLY_OK;
}
