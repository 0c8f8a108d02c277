/* What a state has of the time before the snapshot it came with: each subject's events, and the results of
 * blocks, as they are back-filled. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/base_record.h"
#include "storage/state_internal.h"

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

/* A pair that was looked for, copied. */
struct found {
    struct buffer key, value;
};

static bool first_seen(void *context, struct span key, struct span value)
{
    struct found *found = context;
    buffer_append(&found->key, key.data, key.size);
    buffer_append(&found->value, value.data, value.size);
    return false;
}

/* The first pair from a key on that begins as it does, but for the number at its end. What came with the
 * snapshot was never in the overlay, and does not change. */
static int find(struct state *state, const struct state_key *from, struct found *found)
{
    buffer_clear(&found->key);
    buffer_clear(&found->value);
    int error = store_scan(
        state->store, span_of(from->bytes, from->size - 4), state_key_span(from), first_seen, found);
    if (error == TALLY_OK && found->key.failed | found->value.failed) error = TALLY_ENOMEM;
    return error == TALLY_OK && found->key.size == 0 ? TALLY_ENOTFOUND : error;
}

struct state_base_reader {
    struct state *state;
    struct found index, events;
    struct base_chunk chunk; /* of `events`; none of it where count is 0 */
};

int state_base_reader_open(struct state *state, struct state_base_reader **reader)
{
    struct state_base_reader *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->state = state;
    state_value_init(&opened->index.key);
    state_value_init(&opened->index.value);
    state_value_init(&opened->events.key);
    state_value_init(&opened->events.value);
    *reader = opened;
    return TALLY_OK;
}

void state_base_reader_close(struct state_base_reader *reader)
{
    if (reader == NULL) return;
    buffer_close(&reader->index.key);
    buffer_close(&reader->index.value);
    buffer_close(&reader->events.key);
    buffer_close(&reader->events.value);
    free(reader);
}

static int chunk_hold(struct state_base_reader *reader, const struct digest *position, uint32_t number)
{
    struct base_chunk *chunk = &reader->chunk;
    bool held = chunk->count > 0 && memcmp(reader->events.key.data + 1, position->bytes, DIGEST_SIZE) == 0 &&
                number >= chunk->first && number - chunk->first < chunk->count;
    if (held) return TALLY_OK;
    struct state_key key = state_key_of_base(position, number);
    chunk->count = 0;
    int error = find(reader->state, &key, &reader->events);
    if (error == TALLY_OK)
        error =
            base_chunk_decode(buffer_span(&reader->events.key), buffer_span(&reader->events.value), chunk);
    if (error == TALLY_OK && number < chunk->first) {
        chunk->count = 0;
        error = TALLY_EDAMAGED;
    }
    return error;
}

int state_base_chunk(struct state_base_reader *reader, const struct digest *position, uint64_t number,
    const struct base_chunk **chunk)
{
    if (reader->state->base.height == 0 || number > UINT32_MAX) return TALLY_ENOTFOUND;
    *chunk = &reader->chunk;
    return chunk_hold(reader, position, (uint32_t)number);
}

int state_base_entry(struct state_base_reader *reader, const struct digest *position, uint64_t number,
    struct state_history_entry *entry)
{
    const struct base_chunk *chunk;
    int error = state_base_chunk(reader, position, number, &chunk);
    if (error != TALLY_OK) return error;
    const struct snapshot_event *event = &chunk->events[number - chunk->first];
    *entry = (struct state_history_entry){
        .height = event->height, .time_ms = event->time_ms, .result = event->result, .event_id = event->id};
    return TALLY_OK;
}

/* ---- An account's events ---- */

struct account_reading {
    struct state_base_reader *reader;
    struct digest position;
    uint32_t member_id;
    const uint8_t *ref;
    uint32_t seq, end; /* the next that is looked for; behind the last */
    struct digest *ids;
};

/* Takes event `number` of the history as the next of the account's. */
static int take_number(struct account_reading *reading, uint32_t number)
{
    struct base_chunk *chunk = &reading->reader->chunk;
    int error = chunk_hold(reading->reader, &reading->position, number);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    const struct snapshot_event *event = &chunk->events[number - chunk->first];
    if (!base_chunk_event_is_of(chunk, event, reading->member_id, reading->ref)) return TALLY_EDAMAGED;
    *reading->ids++ = event->id;
    reading->seq++;
    return TALLY_OK;
}

/* From the account's index, a piece at a time. */
static int read_indexed(struct account_reading *reading)
{
    struct found *index = &reading->reader->index;
    int error = TALLY_OK;
    while (error == TALLY_OK && reading->seq < reading->end) {
        struct state_key key = state_key_of_base_account(reading->member_id, reading->ref, reading->seq);
        uint32_t first;
        error = find(reading->reader->state, &key, index);
        if (error == TALLY_OK)
            error = base_index_decode(buffer_span(&index->key), buffer_span(&index->value), &first);
        if (error == TALLY_OK && first > reading->seq) error = TALLY_EDAMAGED;
        if (error != TALLY_OK) return error;
        size_t count = index->value.size / 4;
        for (size_t i = reading->seq - first; error == TALLY_OK && i < count && reading->seq < reading->end;
             i++)
            error = take_number(reading, get_u32(index->value.data + i * 4));
    }
    return error;
}

/* Of a subject that has no index, from its one chunk. */
static int read_plain(struct account_reading *reading)
{
    const struct base_chunk *chunk = &reading->reader->chunk;
    int error = chunk_hold(reading->reader, &reading->position, 0);
    uint32_t seq = 0;
    for (uint32_t i = 0; error == TALLY_OK && i < chunk->count && reading->seq < reading->end; i++) {
        const struct snapshot_event *event = &chunk->events[i];
        if (!base_chunk_event_is_of(chunk, event, reading->member_id, reading->ref)) continue;
        if (seq++ < reading->seq) continue;
        *reading->ids++ = event->id;
        reading->seq++;
    }
    return error;
}

int state_base_account_read(struct state_base_reader *reader, uint32_t member_id,
    const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t from, uint32_t count, struct digest *ids, uint32_t *found)
{
    struct digest subject_id;
    *found = 0;
    CHECK(count <= UINT32_MAX - from);
    if (reader->state->base.height == 0) return TALLY_OK;
    int error = state_account_get(reader->state, member_id, ref, &subject_id);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_OK : error;
    struct account_reading reading = {.reader = reader,
        .position = subject_position(&reader->state->config.chain_id, &subject_id),
        .member_id = member_id,
        .ref = ref,
        .seq = from,
        .end = from + count,
        .ids = ids};
    error = read_indexed(&reading);
    if (error == TALLY_ENOTFOUND && reading.seq == from) error = read_plain(&reading);
    *found = reading.seq - from;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* ---- Back-filling ---- */

static bool results_are(uint64_t height, const struct state_older_result *results, uint32_t count,
    const struct digest *results_root)
{
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    for (uint32_t i = 0; i < count; i++) {
        struct digest leaf = result_leaf(height, i, &results[i].at.event_id, &results[i].at.result);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
    }
    struct digest root = merkle_frontier_root(&tree);
    return digest_equal(&root, results_root);
}

/* As the block's own end would have written them; their links are not needed, as the histories came whole. */
static int put_chunk(struct state *state, uint64_t height, uint64_t time_ms, uint32_t chunk,
    const struct state_older_result *results, uint32_t count)
{
    struct buffer value;
    buffer_init(&value, SIZE_MAX / 8);
    buffer_u64(&value, time_ms);
    for (uint32_t i = 0; i < count; i++)
        state_result_encode(&(struct state_result_record){.result = results[i].at}, &value);
    struct state_key key = state_key_of_results(height, chunk);
    int error = TALLY_ENOMEM;
    if (!value.failed) error = overlay_put(state->overlay, state_key_span(&key), buffer_span(&value));
    buffer_close(&value);
    return error;
}

static int put_results(struct state *state, const struct state_roots *roots,
    const struct state_older_result *results, uint32_t count)
{
    int error = TALLY_OK;
    for (uint32_t first = 0; error == TALLY_OK && first < count; first += STATE_RESULTS_CHUNK) {
        uint32_t size = count - first < STATE_RESULTS_CHUNK ? count - first : STATE_RESULTS_CHUNK;
        error = put_chunk(
            state, roots->height, roots->time_ms, first / STATE_RESULTS_CHUNK, results + first, size);
        for (uint32_t i = first; error == TALLY_OK && i < first + size; i++)
            error = event_index_add(state->index,
                results[i].ruling ? INDEX_RULED
                                  : event_index_kind_of(results[i].at.result.code, results[i].folded),
                &results[i].at.event_id, (struct state_place){roots->height, i});
    }
    return error;
}

int state_backfill_put(
    struct state *state, uint64_t height, const struct state_older_result *results, uint32_t count)
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
