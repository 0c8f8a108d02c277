#include "proto/proof/history_pieces.h"

#include <stdlib.h>

#include "proto/base/check.h"

uint64_t history_pieces_next(const struct history_pieces *pieces)
{
    return pieces->since + pieces->count;
}

static bool goes_on(const struct history_pieces *pieces, const struct history_proof *piece)
{
    return digest_equal(&piece->subject_id, &pieces->last->subject_id) && piece->place == PLACE_PRESENT &&
           piece->since == history_pieces_next(pieces);
}

static int events_add(struct history_pieces *pieces, const struct history_proof *piece)
{
    if (piece->event_count > UINT32_MAX / 4 - pieces->count) return TALLY_ENOMEM;
    uint32_t count = pieces->count + piece->event_count;
    if (count > pieces->capacity) {
        uint32_t capacity = count < pieces->capacity * 2 ? pieces->capacity * 2 : count;
        struct proven_event *events = realloc(pieces->events, capacity * sizeof *events);
        if (events == NULL) return TALLY_ENOMEM;
        pieces->events = events;
        pieces->capacity = capacity;
    }
    for (uint32_t i = 0; i < piece->event_count; i++)
        pieces->events[pieces->count++] = piece->events[i];
    return TALLY_OK;
}

int history_pieces_add(struct history_pieces *pieces, struct span bytes, struct arena *arena)
{
    struct history_proof *piece = arena_take(arena, sizeof *piece);
    if (piece == NULL) return TALLY_ENOMEM;
    if (bytes.size > HISTORY_SIZE_MAX - pieces->size) return TALLY_ELIMIT;
    pieces->size += bytes.size;
    int error = history_proof_decode(bytes, arena, piece);
    if (error != TALLY_OK) return error;
    if (piece->event_count == 0 || (pieces->last != NULL && !goes_on(pieces, piece))) return TALLY_EFORM;
    if (pieces->last == NULL) pieces->since = piece->since;
    error = events_add(pieces, piece);
    if (error == TALLY_OK) pieces->last = piece;
    return error;
}

void history_pieces_join(struct history_pieces *pieces, struct buffer *out)
{
    CHECK(pieces->last != NULL);
    struct history_proof *whole = pieces->last;
    whole->since = pieces->since;
    whole->event_count = pieces->count;
    whole->events = pieces->events;
    history_proof_encode(whole, out);
}

void history_pieces_close(struct history_pieces *pieces)
{
    free(pieces->events);
    *pieces = (struct history_pieces){.since = 0};
}
