/* Reading the state: always the newest. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state_internal.h"

int state_subject_get(struct state *state, const struct digest *subject_id, struct state_subject *subject)
{
    if (state->block.open) {
        struct touched *touched;
        int error = state_touch(state, subject_id, &touched);
        if (error != TALLY_OK) return error;
        if (!touched->exists) return TALLY_ENOTFOUND;
        *subject = touched->subject;
        return TALLY_OK;
    }
    struct digest position = subject_position(&state->config.chain_id, subject_id);
    if (subject_map_find(state_newest(state)->map, &position) == NULL) return TALLY_ENOTFOUND;
    struct state_key key = state_key_of_digest('S', subject_id);
    struct span value;
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_ENOTFOUND) return TALLY_EDAMAGED;
    return error == TALLY_OK ? state_subject_decode(value, subject) : error;
}

static int digest_get(struct state *state, const struct state_key *key, struct digest *digest)
{
    struct span value;
    int error = state_value_get(state, key, &value);
    return error == TALLY_OK ? state_digest_decode(value, digest) : error;
}

int state_account_get(
    struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject_id)
{
    struct state_key key = state_key_of_account(member_id, ref);
    return digest_get(state, &key, subject_id);
}

int state_account_event_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    struct state_key key = state_key_of_account_event(member_id, ref, seq);
    return digest_get(state, &key, event_id);
}

int state_event_get(struct state *state, const struct digest *event_id, struct state_event *event)
{
    struct state_key key = state_key_of_digest('E', event_id);
    struct span value;
    int error = state_value_get(state, &key, &value);
    return error == TALLY_OK ? state_event_decode(value, event) : error;
}

int state_batch_seen(struct state *state, const struct digest *batch, uint64_t expires_at_ms, bool *seen)
{
    uint64_t now_ms = state->block.open ? state->block.time_ms : state_newest(state)->roots.time_ms;
    uint64_t minute = expires_at_ms / REPLAY_MINUTE_MS;
    struct state_key key = state_key_of_batch(minute, batch);
    struct span value;
    if (minute < replay_minute_live(now_ms)) {
        *seen = false;
        return TALLY_OK;
    }
    int error = state_value_get(state, &key, &value);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    *seen = error == TALLY_OK;
    return TALLY_OK;
}

int state_roots_get(struct state *state, uint64_t height, struct state_roots *roots)
{
    struct state_key key = state_key_of_height('B', height);
    struct span value;
    int error = state_value_get(state, &key, &value);
    return error == TALLY_OK ? state_roots_decode(value, height, roots) : error;
}

/* ---- Ranges ---- */

struct history_reading {
    const struct digest *subject_id;
    struct state_history_entry *entries;
    uint64_t next;
    size_t left;
    int error;
};

static bool history_seen(void *context, struct span key, struct span value)
{
    struct history_reading *reading = context;
    struct state_key expected = state_key_of_history(reading->subject_id, reading->next);
    if (!span_equal(key, state_key_span(&expected))) return false;
    reading->error = state_history_entry_decode(value, reading->entries);
    reading->entries++;
    reading->next++;
    reading->left--;
    return reading->error == TALLY_OK && reading->left > 0;
}

int state_history_read(struct state *state, const struct digest *subject_id, uint64_t from, size_t count,
    struct state_history_entry *entries)
{
    struct history_reading reading = {
        .subject_id = subject_id, .entries = entries, .next = from, .left = count};
    while (reading.left > 0 && reading.error == TALLY_OK) {
        struct state_key key = state_key_of_history(subject_id, reading.next);
        struct span value;
        if (overlay_get(state->overlay, state_key_span(&key), &value)) {
            reading.error = state_history_entry_decode(value, reading.entries++);
            reading.next++;
            reading.left--;
            continue;
        }
        /* Entries are never rewritten, so a run of them comes from the store in one walk. */
        struct state_key prefix = state_key_of_digest('H', subject_id);
        uint64_t before = reading.next;
        int error =
            store_scan(state->store, state_key_span(&prefix), state_key_span(&key), history_seen, &reading);
        if (error != TALLY_OK) return error;
        if (reading.next == before && reading.error == TALLY_OK) return TALLY_ENOTFOUND;
    }
    return reading.error;
}

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
    int error = overlay_scan(state->overlay, prefix, state_key_span(&start), &pairs, &count);
    if (error != TALLY_OK) return error;
    struct account_scanning scanning = {
        .pairs = pairs, .count = count, .left = max, .seen = seen, .context = context, .stopped = max == 0};
    if (!scanning.stopped)
        error = store_scan(state->store, prefix, state_key_span(&start), account_seen, &scanning);
    while (error == TALLY_OK && !scanning.stopped && scanning.at < count) {
        struct overlay_pair pair = pairs[scanning.at++];
        account_tell(&scanning, pair.key, pair.value);
    }
    free(pairs);
    return error == TALLY_OK ? scanning.error : error;
}

/* ---- Results ---- */

/* Decodes one chunk of a block's results, of which there may be none, into `chunk`. */
static int chunk_read(struct state *state, uint64_t height, uint32_t number,
    struct state_result chunk[STATE_RESULTS_CHUNK], uint32_t *count)
{
    struct state_key key = state_key_of_results(height, number);
    struct span value;
    struct reader reader;
    *count = 0;
    int error = state_value_get(state, &key, &value);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_OK : error;
    for (reader_init(&reader, value); reader.left > 0; ++*count) {
        if (*count == STATE_RESULTS_CHUNK) return TALLY_EDAMAGED;
        error = state_result_decode(&reader, &chunk[*count]);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

int state_results_read(
    struct state *state, uint64_t height, struct arena *arena, struct state_result **results, uint32_t *count)
{
    struct state_result chunk[STATE_RESULTS_CHUNK], *list = NULL;
    struct state_roots roots;
    uint32_t got = STATE_RESULTS_CHUNK, found = 0, capacity = 0;
    int error = state_roots_get(state, height, &roots);
    for (uint32_t number = 0; error == TALLY_OK && got == STATE_RESULTS_CHUNK; number++) {
        error = chunk_read(state, height, number, chunk, &got);
        if (error != TALLY_OK) break;
        if (found + got > capacity) {
            capacity = capacity == 0 ? STATE_RESULTS_CHUNK : capacity * 2;
            struct state_result *larger = arena_take(arena, capacity * sizeof *larger);
            if (larger == NULL) return TALLY_ENOMEM;
            if (found > 0) memcpy(larger, list, found * sizeof *list);
            list = larger;
        }
        if (got > 0) memcpy(list + found, chunk, got * sizeof *chunk);
        found += got;
    }
    if (error != TALLY_OK) return error;
    *results = list;
    *count = found;
    return TALLY_OK;
}

int state_result_get(struct state *state, uint64_t height, uint32_t index, struct state_result *result)
{
    struct state_result chunk[STATE_RESULTS_CHUNK];
    uint32_t count;
    int error = chunk_read(state, height, index / STATE_RESULTS_CHUNK, chunk, &count);
    if (error != TALLY_OK) return error;
    if (index % STATE_RESULTS_CHUNK >= count) return TALLY_ENOTFOUND;
    *result = chunk[index % STATE_RESULTS_CHUNK];
    return TALLY_OK;
}
