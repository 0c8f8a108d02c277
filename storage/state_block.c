/* Applying a block: what it writes, and the roots after it. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/ruling.h"
#include "proto/crypto/digest.h"
#include "storage/state_internal.h"

/* What a larger block took is given back: an idle node stays small. */
#define TOUCHED_KEPT_MAX 4096u
#define ARENA_KEPT_MAX (4 * MIB)

/* ---- Subjects the block has looked at ---- */

void state_touched_close(struct touched_table *table)
{
    free(table->items);
    free(table->slots);
}

static void touched_clear(struct touched_table *table)
{
    if (table->capacity > TOUCHED_KEPT_MAX) {
        state_touched_close(table);
        *table = (struct touched_table){.key = table->key};
        return;
    }
    if (table->slots != NULL) memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    table->count = 0;
}

static size_t slot_of(const struct touched_table *table, const struct digest *subject_id)
{
    size_t slot = digest_hash(&table->key, subject_id) & (table->slot_count - 1);
    while (table->slots[slot] != 0 &&
           !digest_equal(&table->items[table->slots[slot] - 1].subject_id, subject_id))
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
        slots[slot_of(table, &table->items[i].subject_id)] = (uint32_t)i + 1;
    return TALLY_OK;
}

/* The stored value of a subject that is in the map; borrowed until the next one is read. */
static int find_stored(
    struct state *state, const struct digest *subject_id, const struct digest *position, struct span *value)
{
    if (subject_cache_get(state->cache, subject_id, value)) {
        state->cache_hits++;
        return TALLY_OK;
    }
    /* The map knows of every subject: who is not in it need not be looked for. */
    if (subject_map_find(&state_newest(state)->map, position) == NULL) return TALLY_ENOTFOUND;
    struct state_key key = state_key_of_position('S', position);
    state->cache_misses++;
    if (overlay_get(state->overlay, state_key_span(&key), value)) return TALLY_OK;
    buffer_clear(&state->held);
    int error = store_get(state->store, state_key_span(&key), &state->held);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    *value = buffer_span(&state->held);
    subject_cache_put(state->cache, subject_id, *value);
    return TALLY_OK;
}

/* What stood before this block, its bytes copied into the block's arena. */
static int load_subject(struct state *state, struct touched *touched)
{
    struct span value;
    int error = find_stored(state, &touched->subject_id, &touched->position, &value);
    if (error == TALLY_ENOTFOUND) {
        touched->subject.subject_id = touched->subject_id;
        touched->subject.leaf.acc = subject_fold_start(&state->config.chain_id, &touched->subject_id);
        return TALLY_OK;
    }
    if (error == TALLY_OK) error = state_subject_decode(value, &touched->subject);
    if (error != TALLY_OK) return error;
    if (!digest_equal(&touched->subject.subject_id, &touched->subject_id)) return TALLY_EDAMAGED;
    uint8_t *bytes = arena_take(&state->block.arena, touched->subject.bytes.size);
    if (bytes == NULL) return TALLY_ENOMEM;
    if (touched->subject.bytes.size > 0)
        memcpy(bytes, touched->subject.bytes.data, touched->subject.bytes.size);
    touched->subject.bytes.data = bytes;
    touched->stood_before = touched->exists = true;
    return TALLY_OK;
}

/* The subject's place in the table, where it may be yet to be loaded. */
static int touched_add(struct state *state, const struct digest *subject_id, struct touched **touched)
{
    struct touched_table *table = &state->block.touched;
    int error = touched_reserve(table);
    if (error != TALLY_OK) return error;
    size_t slot = slot_of(table, subject_id);
    if (table->slots[slot] == 0) {
        table->items[table->count++] = (struct touched){
            .subject_id = *subject_id, .position = subject_position(&state->config.chain_id, subject_id)};
        table->slots[slot] = (uint32_t)table->count;
    }
    *touched = &table->items[table->slots[slot] - 1];
    return TALLY_OK;
}

int state_touch(struct state *state, const struct digest *subject_id, struct touched **touched)
{
    CHECK(state->block.open);
    int error = touched_add(state, subject_id, touched);
    if (error == TALLY_OK && !(*touched)->loaded) error = load_subject(state, *touched);
    if (error != TALLY_OK) return state_fail(state, error);
    (*touched)->loaded = true;
    return TALLY_OK;
}

int state_block_subject(struct state *state, const struct digest *subject_id, struct state_subject *subject)
{
    struct touched *touched;
    int error = state_touch(state, subject_id, &touched);
    if (error != TALLY_OK) return error;
    if (!touched->exists) return TALLY_ENOTFOUND;
    *subject = touched->subject;
    return TALLY_OK;
}

void state_subjects_fetch(struct state *state, const struct digest *const *subject_ids, size_t count)
{
    struct digest positions[SUBJECT_MAP_FETCH_MAX];
    const struct digest *strangers[SUBJECT_MAP_FETCH_MAX];
    size_t stranger_count = 0;
    CHECK(state->block.open && count <= SUBJECT_MAP_FETCH_MAX);
    subject_cache_fetch(state->cache, subject_ids, count);
    for (size_t i = 0; i < count; i++) {
        struct touched *touched;
        struct span value;
        if (touched_add(state, subject_ids[i], &touched) != TALLY_OK) break; /* who touches it is told */
        if (touched->loaded || subject_cache_get(state->cache, subject_ids[i], &value)) continue;
        positions[stranger_count] = touched->position;
        strangers[stranger_count] = &positions[stranger_count];
        stranger_count++;
    }
    subject_map_fetch(&state_newest(state)->map, strangers, stranger_count);
}

/* ---- In the block ---- */

int state_block_begin(struct state *state, uint64_t height, const struct digest *block, uint64_t time_ms)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    if (height <= state->meta.height) return TALLY_EEXISTS;
    if (height != state->meta.height + 1 || time_ms <= state_newest(state)->roots.time_ms)
        return TALLY_EINVALID;
    struct state_block *current = &state->block;
    current->open = true;
    state->block_thread = (uintptr_t)pthread_self();
    current->height = height;
    current->block = *block;
    current->time_ms = time_ms;
    current->counts = state->meta.counts;
    current->window = state->meta.window;
    current->registered = state->registered;
    replay_window_advance(&current->window, time_ms);
    merkle_frontier_init(&current->results);
    buffer_clear(&current->result_bytes);
    current->folded = false;
    current->ruled = false;
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
    touched->exists = touched->changed = true;
    return TALLY_OK;
}

int state_fold(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    uint32_t index, uint16_t result)
{
    struct touched *touched;
    int error = state_touch(state, subject_id, &touched);
    if (error != TALLY_OK) return error;
    struct state_block *block = &state->block;
    struct subject_leaf *leaf = &touched->subject.leaf;
    CHECK(!block->folded);
    block->folded = true;
    block->fold_index = index;
    block->fold.link = leaf->count == 0 ? LINK_FIRST : LINK_AFTER;
    block->fold.before = (struct state_place){leaf->last_height, touched->subject.last_index};
    leaf->acc = subject_fold_step(&leaf->acc, leaf->count, block->height, block->time_ms, result, event_id);
    leaf->count++;
    leaf->last_height = block->height;
    touched->subject.last_index = index;
    touched->exists = touched->changed = true;
    return TALLY_OK;
}

int state_account_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    const struct digest *subject_id)
{
    CHECK(state->block.open);
    struct state_key key = state_key_of_account(member_id, ref);
    account_filter_add(state->filter, member_id, ref);
    buffer_append(&state->scratch, subject_id->bytes, DIGEST_SIZE);
    return state_fail(state, state_value_put(state, &key));
}

int state_account_event_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, uint32_t index)
{
    CHECK(state->block.open);
    struct digest name = state_account_seq_name(member_id, ref, seq);
    struct state_place place = {state->block.height, index};
    return state_fail(state, event_index_add(state->index, INDEX_ACCOUNT, &name, place));
}

int state_batch_remember(struct state *state, const struct digest *batch, uint64_t expires_at_ms)
{
    CHECK(state->block.open);
    struct state_batch remembered = {.expires_at_ms = expires_at_ms};
    int error = replay_window_add(
        &state->block.window, state->block.time_ms, batch, expires_at_ms, &remembered.order);
    if (error != TALLY_OK) return error;
    struct state_key key = state_key_of_batch(expires_at_ms / REPLAY_MINUTE_MS, batch);
    state_batch_encode(&remembered, &state->scratch);
    return state_fail(state, state_value_put(state, &key));
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

/* The next leaf under results_root. */
static int add_result(struct state *state, const struct state_result_record *record)
{
    struct state_block *block = &state->block;
    const struct state_result *result = &record->result;
    uint32_t index = (uint32_t)block->results.count;
    if (block->result_bytes.size == 0) buffer_u64(&block->result_bytes, block->time_ms);
    state_result_encode(record, &block->result_bytes);
    struct digest leaf = result_leaf(block->height, index, &result->event_id, &result->result);
    merkle_frontier_append(&block->results, &leaf, NULL, NULL);
    return block->results.count % STATE_RESULTS_CHUNK == 0 ? put_results(state) : TALLY_OK;
}

int state_result_record(
    struct state *state, uint32_t index, const struct digest *event_id, const struct event_result *result)
{
    struct state_block *block = &state->block;
    CHECK(block->open && index == block->results.count && !block->ruled);
    CHECK(!block->folded || block->fold_index == index);
    struct state_result_record record = {.result = {*event_id, *result}};
    if (block->folded) {
        record.link = block->fold.link;
        record.before = block->fold.before;
    }
    block->folded = false;
    block->counts.events++;
    if (result->code == RESULT_OK) block->counts.applied++;
    enum event_index_kind kind = event_index_kind_of(result->code, record.link != LINK_NONE);
    int error = event_index_add(state->index, kind, event_id, (struct state_place){block->height, index});
    if (error == TALLY_OK) error = add_result(state, &record);
    return state_fail(state, error);
}

/* A transaction whose turn had passed, or had not come, changed nothing: where it stands counts only until it
 * is ruled on in turn. */
static bool is_out_of_turn(uint16_t ruling)
{
    return ruling >= RULING_UNKNOWN_MEMBER && ruling <= RULING_OUT_OF_SEQUENCE;
}

int state_ruling_record(
    struct state *state, uint32_t index, const struct digest *digest, const struct event_result *ruling)
{
    struct state_block *block = &state->block;
    CHECK(block->open && index == block->results.count && !block->folded);
    struct state_place place = {block->height, index}, before;
    int error = is_out_of_turn(ruling->code)
                    ? event_index_find_own(state->index, INDEX_RULED, digest, &before)
                    : TALLY_ENOTFOUND;
    if (error == TALLY_ENOTFOUND) error = event_index_add(state->index, INDEX_RULED, digest, place);
    block->ruled = true;
    if (error == TALLY_OK)
        error = add_result(state, &(struct state_result_record){.result = {*digest, *ruling}});
    return state_fail(state, error);
}

/* ---- Ending it ---- */

/* Writes the changed subjects, and makes the map after them. */
static int end_subjects(struct state *state, struct subject_map *map)
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
        leaf->summary = digest_tagged(TAG_SUMMARY, touched->subject.bytes);
        if (!touched->stood_before) state->block.counts.subjects++;
        struct state_key key = state_key_of_position('S', &touched->position);
        state_subject_encode(&touched->subject, &state->scratch);
        if (!state->scratch.failed)
            subject_cache_put(state->cache, &touched->subject_id, buffer_span(&state->scratch));
        error = state_value_put(state, &key);
        updates[count++] = (struct subject_map_update){touched->position, *leaf};
    }
    if (error == TALLY_OK) error = subject_map_update(state->pool, updates, count, map);
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
    struct state_key key = state_key_of_height('B', roots->height);
    state_roots_encode(roots, &state->scratch);
    int error = state_value_put(state, &key);
    key = state_key_alone('M');
    state_meta_encode(&state->meta, &state->scratch);
    if (error == TALLY_OK) error = state_value_put(state, &key);
    return error;
}

static void block_close(struct state *state)
{
    struct state_block *block = &state->block;
    touched_clear(&block->touched);
    if (block->arena.used > ARENA_KEPT_MAX) {
        arena_close(&block->arena);
        arena_init(&block->arena, SIZE_MAX / 8);
    } else {
        arena_reset(&block->arena);
    }
    if (state->scratch.capacity > 64 * KIB) {
        buffer_close(&state->scratch);
        buffer_init(&state->scratch, SIZE_MAX / 8);
    }
    block->open = false;
    state->block_thread = 0;
}

int state_block_end(struct state *state, struct state_roots *roots)
{
    struct state_block *block = &state->block;
    CHECK(block->open);
    if (state->failed) return TALLY_EIO;
    struct subject_map map;
    CHECK(!block->folded);
    int error = put_results(state);
    if (error == TALLY_OK) error = end_subjects(state, &map);
    if (error != TALLY_OK) return state_fail(state, error);
    state->meta.height = block->height;
    state->meta.counts = block->counts;
    state->meta.window = block->window;
    state->registered = block->registered;
    struct state_roots after = {.height = block->height, .block = block->block, .time_ms = block->time_ms};
    after.parts = state_parts_of(&map.root, &state->registered, &state->meta);
    after.state_root = state_root(&after.parts);
    after.results_root = merkle_frontier_root(&block->results);
    struct digest leaf = history_leaf(&after.block, after.time_ms, &after.state_root, &after.results_root);
    struct tree_writing writing = {.state = state};
    merkle_frontier_append(&state->history, &leaf, tree_node_seen, &writing);
    after.history_root = merkle_frontier_root(&state->history);
    error = writing.error;
    if (error == TALLY_OK) error = end_records(state, &after);
    if (error == TALLY_OK) {
        overlay_publish(state->overlay);
        error = event_index_publish(state->index, block->height);
    }
    block_close(state);
    if (error == TALLY_OK) error = state_version_push(state, &map, &after);
    if (error != TALLY_OK) return state_fail(state, error);
    *roots = after;
    return state_freeze_is_due(state) ? state_freeze(state) : TALLY_OK;
}
