/* What a state has of the time before the snapshot it came with: each subject's events, and the results of
 * blocks, as they are back-filled. */
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_event.h"
#include "storage/state_internal.h"

#define ACCOUNT_SIZE (4u + ACCOUNT_REF_SIZE)

uint64_t state_base_height(const struct state *state)
{
    return state->base.height;
}

uint64_t state_backfilled_height(const struct state *state)
{
    return state->backfilled;
}

bool state_is_pending(const struct state *state, uint64_t height)
{
    return height <= state->base.height && height > state->backfilled;
}

/* ---- A subject's events ---- */

static int file_read(struct state_base_file *file)
{
    struct reader reader;
    reader_init(&reader, buffer_span(&file->value));
    file->account_count = reader_u16(&reader);
    file->accounts = reader_span(&reader, (size_t)file->account_count * ACCOUNT_SIZE);
    file->events = reader_span(&reader, reader.left);
    bool whole = !reader.failed && file->events.size > 0 && file->events.size % SNAPSHOT_EVENT_SIZE == 0;
    return whole ? TALLY_OK : TALLY_EDAMAGED;
}

int state_base_file_open(struct state *state, const struct digest *position, struct state_base_file *file)
{
    if (state->base.height == 0) return TALLY_ENOTFOUND;
    struct state_key key = state_key_of_position('H', position);
    state_value_init(&file->value);
    int error = state_value_get(state, &key, &file->value);
    if (error == TALLY_OK) error = file_read(file);
    if (error != TALLY_OK) buffer_close(&file->value);
    return error;
}

void state_base_file_close(struct state_base_file *file)
{
    buffer_close(&file->value);
}

uint64_t state_base_file_count(const struct state_base_file *file)
{
    return file->events.size / SNAPSHOT_EVENT_SIZE;
}

static struct snapshot_event event_at(const struct state_base_file *file, uint64_t number)
{
    struct reader reader;
    struct snapshot_event event;
    CHECK(number < state_base_file_count(file));
    reader_init(&reader, span_of(file->events.data + number * SNAPSHOT_EVENT_SIZE, SNAPSHOT_EVENT_SIZE));
    snapshot_event_read(&reader, &event);
    return event;
}

struct state_history_entry state_base_file_entry(const struct state_base_file *file, uint64_t number)
{
    struct snapshot_event event = event_at(file, number);
    return (struct state_history_entry){
        .height = event.height, .time_ms = event.time_ms, .result = event.result, .event_id = event.id};
}

/* ---- An account's events ---- */

static int account_number(const struct state_base_file *file, const uint8_t account[ACCOUNT_SIZE])
{
    for (uint32_t i = 0; i < file->account_count; i++)
        if (memcmp(file->accounts.data + i * ACCOUNT_SIZE, account, ACCOUNT_SIZE) == 0) return (int)i;
    return -1;
}

static int file_find(const struct state_base_file *file, const uint8_t account[ACCOUNT_SIZE], uint32_t seq,
    struct digest *event_id)
{
    int number = account_number(file, account);
    for (uint64_t i = 0; number >= 0 && i < state_base_file_count(file); i++) {
        struct snapshot_event event = event_at(file, i);
        if (event.account != (uint32_t)number || seq-- > 0) continue;
        *event_id = event.id;
        return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}

int state_base_account_event(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    struct digest subject_id;
    struct state_base_file file;
    uint8_t account[ACCOUNT_SIZE];
    if (state->base.height == 0) return TALLY_ENOTFOUND;
    int error = state_account_get(state, member_id, ref, &subject_id);
    if (error != TALLY_OK) return error;
    struct digest position = subject_position(&state->config.chain_id, &subject_id);
    error = state_base_file_open(state, &position, &file);
    if (error != TALLY_OK) return error;
    put_u32(account, member_id);
    memcpy(account + 4, ref, ACCOUNT_REF_SIZE);
    error = file_find(&file, account, seq, event_id);
    state_base_file_close(&file);
    return error;
}

/* ---- Back-filling ---- */

static bool results_are(
    uint64_t height, const struct state_result *results, uint32_t count, const struct digest *results_root)
{
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    for (uint32_t i = 0; i < count; i++) {
        struct digest leaf = result_leaf(height, i, &results[i].event_id, &results[i].result);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
    }
    struct digest root = merkle_frontier_root(&tree);
    return digest_equal(&root, results_root);
}

/* As the block's own end would have written them; their links are not needed, as the histories came whole. */
static int put_chunk(struct state *state, uint64_t height, uint64_t time_ms, uint32_t chunk,
    const struct state_result *results, uint32_t count)
{
    struct buffer value;
    buffer_init(&value, SIZE_MAX / 8);
    buffer_u64(&value, time_ms);
    for (uint32_t i = 0; i < count; i++)
        state_result_encode(&(struct state_result_record){.result = results[i]}, &value);
    struct state_key key = state_key_of_results(height, chunk);
    int error = TALLY_ENOMEM;
    if (!value.failed) error = overlay_put(state->overlay, state_key_span(&key), buffer_span(&value));
    buffer_close(&value);
    return error;
}

static int put_results(
    struct state *state, const struct state_roots *roots, const struct state_result *results, uint32_t count)
{
    int error = TALLY_OK;
    for (uint32_t first = 0; error == TALLY_OK && first < count; first += STATE_RESULTS_CHUNK) {
        uint32_t size = count - first < STATE_RESULTS_CHUNK ? count - first : STATE_RESULTS_CHUNK;
        error = put_chunk(
            state, roots->height, roots->time_ms, first / STATE_RESULTS_CHUNK, results + first, size);
        for (uint32_t i = first; error == TALLY_OK && i < first + size; i++)
            error = event_index_add(state->index,
                results[i].result.code == RESULT_OK ? INDEX_APPLIED : INDEX_REFUSED, &results[i].event_id,
                (struct state_place){roots->height, i});
    }
    return error;
}

int state_backfill_put(
    struct state *state, uint64_t height, const struct state_result *results, uint32_t count)
{
    struct state_roots roots;
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    if (height != state->backfilled + 1 || height > state->base.height) return TALLY_EINVALID;
    int error = state_roots_get(state, height, &roots);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    if (!results_are(height, results, count, &roots.results_root)) return TALLY_EINVALID;
    struct state_base next = {state->base.height, height};
    error = put_results(state, &roots, results, count);
    struct state_key key = state_key_alone('P');
    state_base_encode(&next, &state->scratch);
    if (error == TALLY_OK) error = state_value_put(state, &key);
    if (error == TALLY_OK) error = event_index_publish(state->index, state->meta.height);
    if (error != TALLY_OK) return state_fail(state, error);
    overlay_publish(state->overlay);
    state->backfilled = height;
    return state_freeze_is_due(state) ? state_freeze(state) : TALLY_OK;
}
