#include "storage/query.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* More than this cannot fit a proof's bytes: an event takes at least a header and its place. */
#define PIECE_EVENTS_MAX (QUERY_PROOF_SIZE_MAX / 128u)
/* What an event takes beside header, salt and body, at most. */
#define EVENT_FRAME_SIZE 64u

/* The listed events, from the ledger, bodies too where they are wanted and there: as many as take no more
 * than `room` bytes, *read of them. */
static int events_read(struct ledger *ledger, const struct state_history_entry *entries, uint32_t count,
    bool with_bodies, size_t room, struct arena *arena, struct proven_event *events, uint32_t *read)
{
    *read = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ledger_event stored;
        int error = ledger_event_read(ledger, entries[i].height, entries[i].index, arena, &stored);
        if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
        size_t size = EVENT_FRAME_SIZE + stored.header.size;
        if (with_bodies && stored.has_body) size += SALT_SIZE + stored.body.size;
        if (size > room) return i == 0 ? TALLY_ELIMIT : TALLY_OK;
        room -= size;
        *read = i + 1;
        events[i] = (struct proven_event){.height = entries[i].height,
            .time_ms = entries[i].time_ms,
            .result = entries[i].result,
            .header = stored.header,
            .has_body = with_bodies && stored.has_body};
        if (!events[i].has_body) continue;
        memcpy(events[i].salt, stored.salt, SALT_SIZE);
        events[i].body = stored.body;
    }
    return TALLY_OK;
}

int query_seals(struct state *state, uint64_t epoch, struct arena *arena, struct span *seals)
{
    struct buffer list;
    buffer_init(&list, EPOCH_SEALS_SIZE_MAX);
    int error = state_seals_read(state, epoch, &list);
    void *kept = error == TALLY_OK && list.size > 0 ? arena_take(arena, list.size) : NULL;
    if (error == TALLY_OK && list.size > 0 && kept == NULL) error = TALLY_ENOMEM;
    if (kept != NULL) memcpy(kept, list.data, list.size);
    if (error == TALLY_OK) *seals = span_of(kept, list.size);
    buffer_close(&list);
    return error == TALLY_ENOTFOUND ? TALLY_EBUSY : error;
}

static int history_make(struct state *state, struct ledger *ledger, const struct digest *subject_id,
    uint64_t since, bool with_bodies, size_t room, struct arena *arena, struct history_proof *proof)
{
    uint64_t height;
    struct state_proof *path = arena_take(arena, sizeof *path);
    if (path == NULL) return TALLY_ENOMEM;
    int error = state_provable_height(state, &height);
    if (error == TALLY_OK) error = state_certified_get(state, height, &proof->checkpoint);
    if (error == TALLY_OK) error = state_prove(state, height, subject_id, path);
    if (error == TALLY_OK)
        error = query_seals(state, proof->checkpoint.checkpoint.epoch, arena, &proof->seals);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    if (proof->seals.size > room) return TALLY_ELIMIT;
    room -= proof->seals.size;
    proof->subject_id = *subject_id;
    proof->members_root = path->parts.members_root;
    proof->policy_root = path->parts.policy_root;
    proof->replay_root = path->parts.replay_root;
    proof->counts_root = path->parts.counts_root;
    proof->sibling_count = path->sibling_count;
    memcpy(proof->siblings, path->siblings, path->sibling_count * sizeof *path->siblings);
    proof->place = path->place;
    proof->leaf = path->leaf;
    proof->other_position = path->other_position;
    proof->since = since;
    if (since > (path->place == PLACE_PRESENT ? path->leaf.count : 0)) return TALLY_EINVALID;
    if (path->place != PLACE_PRESENT || since == path->leaf.count) return TALLY_OK;
    uint64_t left = path->leaf.count - since;
    uint32_t count = left < PIECE_EVENTS_MAX ? (uint32_t)left : PIECE_EVENTS_MAX;
    struct state_history_entry *entries = arena_take_zeroed(arena, count, sizeof *entries);
    struct proven_event *events = arena_take_zeroed(arena, count, sizeof *events);
    if (entries == NULL || events == NULL) return TALLY_ENOMEM;
    error = state_history_read(state, subject_id, since, count, entries);
    if (error == TALLY_ENOTFOUND) return TALLY_EDAMAGED;
    if (error == TALLY_OK)
        error = events_read(ledger, entries, count, with_bodies, room, arena, events, &proof->event_count);
    proof->events = events;
    return error;
}

static size_t room_of(const struct buffer *out)
{
    size_t room = out->size_max - out->size;
    if (room > QUERY_PROOF_SIZE_MAX) room = QUERY_PROOF_SIZE_MAX;
    return room < QUERY_PROOF_FRAME_SIZE ? 0 : room - QUERY_PROOF_FRAME_SIZE;
}

int query_history(struct state *state, struct ledger *ledger, const struct digest *subject_id, uint64_t since,
    bool with_bodies, struct buffer *out, bool *more)
{
    struct arena arena;
    size_t before = out->size;
    arena_init(&arena, QUERY_ARENA_SIZE);
    struct history_proof *proof = arena_take_zeroed(&arena, 1, sizeof *proof);
    int error = proof == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK)
        error = history_make(state, ledger, subject_id, since, with_bodies, room_of(out), &arena, proof);
    if (error == TALLY_OK)
        *more = proof->place == PLACE_PRESENT && since + proof->event_count < proof->leaf.count;
    if (error == TALLY_OK) history_proof_encode(proof, out);
    if (error == TALLY_OK && (out->failed || out->size - before > QUERY_PROOF_SIZE_MAX)) error = TALLY_ELIMIT;
    if (error != TALLY_OK) {
        out->size = before;
        out->failed = false;
    }
    arena_close(&arena);
    return error;
}

/* The path of one result under its block's results_root. */
static int result_path_make(struct state *state, uint64_t height, uint32_t index, struct receipt *receipt)
{
    struct arena arena;
    struct state_result *results;
    uint32_t count;
    arena_init(&arena, QUERY_ARENA_SIZE);
    int error = state_results_read(state, height, &arena, &results, &count);
    if (error == TALLY_OK && index >= count) error = TALLY_ENOTFOUND;
    struct digest *leaves = NULL;
    if (error == TALLY_OK) {
        leaves = arena_take(&arena, count * sizeof *leaves);
        if (leaves == NULL) error = TALLY_ENOMEM;
    }
    if (error == TALLY_OK) {
        for (uint32_t i = 0; i < count; i++)
            leaves[i] = result_leaf(height, i, &results[i].event_id, &results[i].result);
        receipt->event_id = results[index].event_id;
        receipt->result = results[index].result;
        receipt->result_path_length = (uint32_t)merkle_path(leaves, count, index, receipt->result_path);
    }
    arena_close(&arena);
    return error;
}

int query_receipt(
    struct state *state, uint64_t height, uint32_t index, struct arena *arena, struct receipt *receipt)
{
    struct state_roots roots;
    size_t history_path_length;
    if (height == 0 || height > state_applied_height(state)) return TALLY_ENOTFOUND;
    struct receipt *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    made->height = height;
    made->index = index;
    int error = result_path_make(state, height, index, made);
    if (error != TALLY_OK) goto done;
    error = state_roots_get(state, height, &roots);
    if (error == TALLY_ENOTFOUND) error = TALLY_EDAMAGED;
    if (error != TALLY_OK) goto done;
    made->block = roots.block;
    made->time_ms = roots.time_ms;
    made->state_root = roots.state_root;
    made->results_root = roots.results_root;
    error = state_certified_newest(state, &made->checkpoint);
    /* The newest may be of a block that is not applied here yet; then the lowest that covers the event does
     * as well. */
    if (error == TALLY_OK && made->checkpoint.checkpoint.height > state_applied_height(state))
        error = state_certified_above(state, height, &made->checkpoint);
    if (error == TALLY_ENOTFOUND) error = TALLY_EBUSY;
    if (error != TALLY_OK) goto done;
    uint64_t under = made->checkpoint.checkpoint.height;
    if (under < height || under > state_applied_height(state)) {
        error = TALLY_EBUSY;
        goto done;
    }
    error = state_history_path(state, under, height, made->history_path, &history_path_length);
    if (error != TALLY_OK) goto done;
    made->history_path_length = (uint32_t)history_path_length;
    error = query_seals(state, made->checkpoint.checkpoint.epoch, arena, &made->seals);
    if (error != TALLY_OK) goto done;
    *receipt = *made;
done:
    free(made);
    return error;
}

int query_receipt_of(
    struct state *state, const struct digest *event_id, struct arena *arena, struct receipt *receipt)
{
    struct state_event event;
    int error = state_event_get(state, event_id, &event);
    if (error == TALLY_ENOTFOUND || error == TALLY_EPENDING) {
        int ruled = state_ruling_find(state, event_id, &event);
        if (ruled != TALLY_ENOTFOUND) error = ruled;
    }
    return error == TALLY_OK ? query_receipt(state, event.height, event.index, arena, receipt) : error;
}
