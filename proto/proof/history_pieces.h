/* A history whose answer came in pieces, because all of it is more than one reply may be: the pieces' events
 * behind each other, in the last one's proof. Nothing of it is believed before that is verified. */
#ifndef TALLY_PROOF_HISTORY_PIECES_H
#define TALLY_PROOF_HISTORY_PIECES_H

#include "proto/codec/history.h"

/* All pieces of a history, at most. */
#define HISTORY_SIZE_MAX (256u * MIB)

/* All zeros before the first. */
struct history_pieces {
    uint64_t since; /* events left out at the beginning, of the first */
    uint32_t count, capacity;
    size_t size;                 /* of all pieces */
    struct proven_event *events; /* of all; their bytes are the pieces' */
    struct history_proof *last;  /* in the arena */
};

/* Adds the next piece, whose bytes stay where they are. Errors: TALLY_EFORM (no history, or none that goes on
 * where the last one ended, with an event at least), TALLY_EVERSION, TALLY_ELIMIT (all are more than
 * HISTORY_SIZE_MAX), TALLY_ENOMEM. */
int history_pieces_add(
    struct history_pieces *pieces, struct span bytes, struct arena *arena) TALLY_MUST_CHECK;
/* Where the next piece begins. */
uint64_t history_pieces_next(const struct history_pieces *pieces);
/* Appends the whole, of at least one piece, to `out`. */
void history_pieces_join(struct history_pieces *pieces, struct buffer *out);
void history_pieces_close(struct history_pieces *pieces);

#endif
