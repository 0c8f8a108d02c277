/* Reading the state, on any thread: always the newest. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/state_internal.h"

/* ---- Single values ---- */

int state_subject_get(
    struct state *state, const struct digest *subject_id, struct arena *arena, struct state_subject *subject)
{
    struct digest position = subject_position(&state->config.chain_id, subject_id);
    struct state_key key = state_key_of_position('S', &position);
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = state_subject_decode(buffer_span(&value), subject);
    if (error == TALLY_OK && !digest_equal(&subject->subject_id, subject_id)) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) {
        subject->leaf.summary = digest_tagged(TAG_SUMMARY, subject->bytes);
        uint8_t *bytes = arena_take(arena, subject->bytes.size);
        if (bytes == NULL)
            error = TALLY_ENOMEM;
        else if (subject->bytes.size > 0)
            memcpy(bytes, subject->bytes.data, subject->bytes.size);
        subject->bytes.data = bytes;
    }
    buffer_close(&value);
    return error;
}

static int digest_get(struct state *state, const struct state_key *key, struct digest *digest)
{
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, key, &value);
    if (error == TALLY_OK) error = state_digest_decode(buffer_span(&value), digest);
    buffer_close(&value);
    return error;
}

int state_account_get(
    struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject_id)
{
    struct state_key key = state_key_of_account(member_id, ref);
    if (state_is_own(state) && !account_filter_may_have(state->filter, member_id, ref))
        return TALLY_ENOTFOUND;
    return digest_get(state, &key, subject_id);
}

int state_event_find(
    struct state *state, enum event_index_kind kind, const struct digest *name, struct state_place *place)
{
    return state_is_own(state) ? event_index_find_own(state->index, kind, name, place)
                               : event_index_find(state->index, kind, name, place);
}

static int base_account_event(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    struct state_base_reader *reader;
    uint32_t found;
    if (state->base.height == 0) return TALLY_ENOTFOUND;
    int error = state_base_reader_open(state, &reader);
    if (error != TALLY_OK) return error;
    error = state_base_account_read(reader, member_id, ref, seq, 1, event_id, &found);
    state_base_reader_close(reader);
    return error == TALLY_OK && found == 0 ? TALLY_ENOTFOUND : error;
}

int state_account_event_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    struct state_place place;
    struct state_result stored;
    struct digest name = state_account_seq_name(member_id, ref, seq);
    int error = state_event_find(state, INDEX_ACCOUNT, &name, &place);
    if (error == TALLY_ENOTFOUND) return base_account_event(state, member_id, ref, seq, event_id);
    if (error == TALLY_OK) error = state_result_get(state, place.height, place.index, &stored);
    if (error == TALLY_OK) *event_id = stored.event_id;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

int state_account_ids(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t from, uint32_t count, struct digest *ids)
{
    struct state_base_reader *reader;
    uint32_t found;
    int error = state_base_reader_open(state, &reader);
    if (error != TALLY_OK) return error;
    error = state_base_account_read(reader, member_id, ref, from, count, ids, &found);
    state_base_reader_close(reader);
    for (uint32_t i = found; error == TALLY_OK && i < count; i++)
        error = state_account_event_get(state, member_id, ref, from + i, &ids[i]);
    return error;
}

int state_event_get(struct state *state, const struct digest *event_id, struct state_event *event)
{
    struct state_place place;
    /* Asked first: what is back-filled while it is looked for is not missed. */
    bool pending = state_is_pending(state, state->base.height);
    int error = state_event_find(state, INDEX_APPLIED, event_id, &place);
    bool applied = error == TALLY_OK;
    if (error == TALLY_ENOTFOUND) error = state_event_find(state, INDEX_RECORDED, event_id, &place);
    /* It may have been folded before the snapshot, and refused since as a repetition. */
    if (error == TALLY_ENOTFOUND && pending) return TALLY_EPENDING;
    if (error == TALLY_ENOTFOUND) error = state_event_find(state, INDEX_REFUSED, event_id, &place);
    if (error == TALLY_OK)
        *event = (struct state_event){.height = place.height, .index = place.index, .applied = applied};
    return error;
}

int state_ruling_find(struct state *state, const struct digest *digest, struct state_event *at)
{
    struct state_place place;
    struct state_result stored;
    bool pending = state_is_pending(state, state->base.height);
    int error = state_event_find(state, INDEX_RULED, digest, &place);
    if (error == TALLY_ENOTFOUND && pending) return TALLY_EPENDING;
    if (error == TALLY_OK) error = state_result_get(state, place.height, place.index, &stored);
    if (error == TALLY_OK)
        *at = (struct state_event){
            .height = place.height, .index = place.index, .applied = stored.result.code == RESULT_OK};
    return error;
}

int state_batch_seen(
    struct state *state, uint64_t time_ms, const struct digest *batch, uint64_t expires_at_ms, bool *seen)
{
    uint64_t minute = expires_at_ms / REPLAY_MINUTE_MS;
    struct state_key key = state_key_of_batch(minute, batch);
    struct buffer value;
    *seen = false;
    if (minute < replay_minute_live(time_ms)) return TALLY_OK;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    buffer_close(&value);
    *seen = error == TALLY_OK;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

int state_roots_get(struct state *state, uint64_t height, struct state_roots *roots)
{
    struct state_key key = state_key_of_height('B', height);
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = state_roots_decode(buffer_span(&value), height, roots);
    buffer_close(&value);
    return error;
}

/* ---- Accounts ---- */

struct account_scanning {
    const struct overlay_pair *pairs;
    size_t count, at, left;
    bool (*seen)(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id);
    void *context;
    bool stopped;
    int error;
};

static void account_tell(struct account_scanning *scanning, struct span key, struct span value)
{
    struct digest subject_id;
    if (scanning->left == 0 || key.size != 1 + 4 + ACCOUNT_REF_SIZE ||
        state_digest_decode(value, &subject_id) != TALLY_OK) {
        if (scanning->left > 0) scanning->error = TALLY_EDAMAGED;
        scanning->stopped = true;
        return;
    }
    scanning->left--;
    scanning->stopped = !scanning->seen(scanning->context, key.data + 5, &subject_id) || scanning->left == 0;
}

/* Tells what the overlay has before `key`; an equal one stands for the store's. */
static bool account_seen(void *context, struct span key, struct span value)
{
    struct account_scanning *scanning = context;
    while (!scanning->stopped && scanning->at < scanning->count) {
        struct overlay_pair pair = scanning->pairs[scanning->at];
        int order = pair.key.size == key.size ? memcmp(pair.key.data, key.data, key.size) : 1;
        if (order > 0) break;
        scanning->at++;
        account_tell(scanning, pair.key, pair.value);
        if (order == 0) return !scanning->stopped;
    }
    if (!scanning->stopped) account_tell(scanning, key, value);
    return !scanning->stopped;
}

int state_account_scan(struct state *state, uint32_t member_id, const uint8_t *from, size_t max,
    bool (*seen)(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id),
    void *context)
{
    static const uint8_t first[ACCOUNT_REF_SIZE];
    struct state_key start = state_key_of_account(member_id, from != NULL ? from : first);
    struct span prefix = span_of(start.bytes, 5);
    struct overlay_pair *pairs;
    size_t count;
    struct arena arena;
    arena_init(&arena, SIZE_MAX / 8);
    int error = overlay_scan(state->overlay, prefix, state_key_span(&start), &arena, &pairs, &count);
    if (error != TALLY_OK) {
        arena_close(&arena);
        return error;
    }
    struct account_scanning scanning = {
        .pairs = pairs, .count = count, .left = max, .seen = seen, .context = context, .stopped = max == 0};
    if (!scanning.stopped)
        error = store_scan(state->store, prefix, state_key_span(&start), account_seen, &scanning);
    while (error == TALLY_OK && !scanning.stopped && scanning.at < count) {
        struct overlay_pair pair = pairs[scanning.at++];
        account_tell(&scanning, pair.key, pair.value);
    }
    arena_close(&arena);
    return error == TALLY_OK ? scanning.error : error;
}

/* ---- Results ---- */

/* A chunk of a block's results, decoded as far as it was asked for. */
struct chunk {
    uint64_t height;
    uint32_t number;
    bool held;
    uint64_t time_ms;
    struct buffer value;
    uint32_t count;
    struct state_result_record records[STATE_RESULTS_CHUNK];
};

static struct chunk *chunk_make(void)
{
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk != NULL) state_value_init(&chunk->value);
    return chunk;
}

static void chunk_close(struct chunk *chunk)
{
    if (chunk == NULL) return;
    buffer_close(&chunk->value);
    free(chunk);
}

/* The one that the open block is at is not put yet. */
static int chunk_value(struct state *state, uint64_t height, uint32_t number, struct buffer *value)
{
    const struct state_block *block = &state->block;
    struct state_key key = state_key_of_results(height, number);
    if (!state_is_own(state) || height != block->height || block->result_bytes.size == 0 ||
        number != (block->results.count - 1) / STATE_RESULTS_CHUNK)
        return state_value_get(state, &key, value);
    buffer_clear(value);
    buffer_append(value, block->result_bytes.data, block->result_bytes.size);
    return value->failed ? TALLY_ENOMEM : TALLY_OK;
}

/* Of which there may be none. */
static int chunk_read(struct state *state, uint64_t height, uint32_t number, struct chunk *chunk)
{
    if (chunk->held && chunk->height == height && chunk->number == number) return TALLY_OK;
    struct reader reader;
    chunk->held = false;
    chunk->count = 0;
    int error = chunk_value(state, height, number, &chunk->value);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_OK : error;
    reader_init(&reader, buffer_span(&chunk->value));
    chunk->time_ms = reader_u64(&reader);
    if (reader.failed) return TALLY_EDAMAGED;
    for (; reader.left > 0; chunk->count++) {
        if (chunk->count == STATE_RESULTS_CHUNK) return TALLY_EDAMAGED;
        error = state_result_decode(&reader, &chunk->records[chunk->count]);
        if (error != TALLY_OK) return error;
    }
    chunk->height = height;
    chunk->number = number;
    chunk->held = true;
    return TALLY_OK;
}

/* The record at a place, borrowed from the chunk. Errors: TALLY_ENOTFOUND. */
static int record_read(struct state *state, struct state_place place, struct chunk *chunk,
    const struct state_result_record **record)
{
    int error = chunk_read(state, place.height, place.index / STATE_RESULTS_CHUNK, chunk);
    if (error != TALLY_OK) return error;
    if (place.index % STATE_RESULTS_CHUNK >= chunk->count) return TALLY_ENOTFOUND;
    *record = &chunk->records[place.index % STATE_RESULTS_CHUNK];
    return TALLY_OK;
}

static int results_read(struct state *state, uint64_t height, struct chunk *chunk, struct arena *arena,
    struct state_result **results, uint32_t *count)
{
    struct state_result *list = NULL;
    uint32_t found = 0, capacity = 0;
    for (uint32_t number = 0; found == number * STATE_RESULTS_CHUNK; number++) {
        int error = chunk_read(state, height, number, chunk);
        if (error != TALLY_OK) return error;
        if (chunk->count == 0) break;
        if (found + chunk->count > capacity) {
            capacity = capacity == 0 ? STATE_RESULTS_CHUNK : capacity * 2;
            struct state_result *larger = arena_take(arena, capacity * sizeof *larger);
            if (larger == NULL) return TALLY_ENOMEM;
            if (found > 0) memcpy(larger, list, found * sizeof *list);
            list = larger;
        }
        for (uint32_t i = 0; i < chunk->count; i++)
            list[found++] = chunk->records[i].result;
    }
    *results = list;
    *count = found;
    return TALLY_OK;
}

int state_results_read(
    struct state *state, uint64_t height, struct arena *arena, struct state_result **results, uint32_t *count)
{
    struct state_roots roots;
    int error = state_roots_get(state, height, &roots);
    if (error != TALLY_OK) return error;
    if (state_is_pending(state, height)) return TALLY_EPENDING;
    struct chunk *chunk = chunk_make();
    if (chunk == NULL) return TALLY_ENOMEM;
    error = results_read(state, height, chunk, arena, results, count);
    chunk_close(chunk);
    return error;
}

int state_result_get(struct state *state, uint64_t height, uint32_t index, struct state_result *result)
{
    const struct state_result_record *record;
    if (state_is_pending(state, height)) return TALLY_EPENDING;
    struct chunk *chunk = chunk_make();
    if (chunk == NULL) return TALLY_ENOMEM;
    int error = record_read(state, (struct state_place){height, index}, chunk, &record);
    if (error == TALLY_OK) *result = record->result;
    chunk_close(chunk);
    return error;
}

/* ---- A subject's history ---- */

/* Walks the chain back from the newest event to `from`. */
static int history_walk(struct state *state, const struct state_subject *subject, uint64_t from, size_t count,
    struct chunk *chunk, struct state_history_entry *entries)
{
    struct state_place place = {subject->leaf.last_height, subject->last_index};
    for (uint64_t i = subject->leaf.count; i-- > from;) {
        const struct state_result_record *record;
        int error = record_read(state, place, chunk, &record);
        if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
        if (record->link != (i == 0 ? LINK_FIRST : LINK_AFTER)) return TALLY_EDAMAGED;
        if (i - from < count)
            entries[i - from] = (struct state_history_entry){.height = place.height,
                .index = place.index,
                .time_ms = chunk->time_ms,
                .result = record->result.result.code,
                .event_id = record->result.event_id};
        place = record->before;
    }
    return TALLY_OK;
}

/* Where an event that came with a snapshot stands in its block the index of events knows. */
static int base_place(struct state *state, struct state_history_entry *entry)
{
    struct state_place place;
    if (state_is_pending(state, entry->height)) return TALLY_EPENDING;
    int error = state_event_find(state, event_index_kind_of(entry->result, true), &entry->event_id, &place);
    if (error == TALLY_OK && place.height != entry->height) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) entry->index = place.index;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

/* Those that came with a snapshot: the first *found of them, maybe none. */
static int base_read(struct state *state, const struct digest *subject_id, uint64_t from, size_t count,
    struct state_history_entry *entries, size_t *found)
{
    struct state_base_reader *reader;
    struct digest position = subject_position(&state->config.chain_id, subject_id);
    int error = state_base_reader_open(state, &reader);
    if (error != TALLY_OK) return error;
    *found = 0;
    while (*found < count) {
        error = state_base_entry(reader, &position, from + *found, &entries[*found]);
        if (error != TALLY_OK) break;
        error = base_place(state, &entries[*found]);
        if (error != TALLY_OK) break;
        (*found)++;
    }
    state_base_reader_close(reader);
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

int state_history_read(struct state *state, const struct digest *subject_id, uint64_t from, size_t count,
    struct state_history_entry *entries)
{
    struct state_subject subject;
    struct arena arena;
    arena_init(&arena, STATE_SUBJECT_SIZE_MAX + KIB);
    int error = state_subject_get(state, subject_id, &arena, &subject);
    arena_close(&arena);
    if (error == TALLY_ENOTFOUND && count == 0) return TALLY_OK;
    if (error != TALLY_OK) return error;
    if (from > subject.leaf.count || count > subject.leaf.count - from) return TALLY_ENOTFOUND;
    struct chunk *chunk = chunk_make();
    if (chunk == NULL) return TALLY_ENOMEM;
    size_t based = 0;
    error = base_read(state, subject_id, from, count, entries, &based);
    if (error == TALLY_OK && based < count)
        error = history_walk(state, &subject, from + based, count - based, chunk, entries + based);
    chunk_close(chunk);
    return error;
}
