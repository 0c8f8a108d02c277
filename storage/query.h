/* Answers with proof, from the state and the ledger. Called on the state thread, which owns the state. */
#ifndef TALLY_STORAGE_QUERY_H
#define TALLY_STORAGE_QUERY_H

#include "storage/ledger.h"
#include "storage/state.h"

/* A proof's most bytes: what a frame or an RPC reply holds. */
#define QUERY_PROOF_SIZE_MAX (8u * MIB)
/* Scratch for either query, at most. */
#define QUERY_ARENA_SIZE (32u * MIB)

/* What a proof takes beside its events, at most. */
#define QUERY_PROOF_FRAME_SIZE (24u * KIB)

/* Appends an encoded HistoryProof of the subject: its history under the newest certified checkpoint that can
 * be proven at, from event `since` on (0 = the whole), or that it has none. `with_bodies` false withholds
 * every body; erased ones are always absent. Where the events do not all fit QUERY_PROOF_SIZE_MAX, or the
 * bound of `out`, *more is set: they are a piece, which does not verify before those after it stand behind
 * them. Errors: TALLY_EINVALID (it has fewer events than `since`), TALLY_EBUSY (no checkpoint can be proven
 * at yet, or not from genesis on), TALLY_ELIMIT (`out` has no room for one event), TALLY_EDAMAGED, TALLY_EIO,
 * TALLY_ENOMEM. On error `out` is as it was. */
int query_history(struct state *state, struct ledger *ledger, const struct digest *subject_id, uint64_t since,
    bool with_bodies, struct buffer *out, bool *more) TALLY_MUST_CHECK;

/* The receipt of an ordered event, by its place, under the newest certified checkpoint at or above it.
 * Its seals are the arena's. Errors: TALLY_ENOTFOUND (no such event was applied), TALLY_EBUSY (ordered, but
 * no checkpoint at or above it is certified yet), those of query_seals, TALLY_EDAMAGED, TALLY_EIO,
 * TALLY_ENOMEM. */
int query_receipt(struct state *state, uint64_t height, uint32_t index, struct arena *arena,
    struct receipt *receipt) TALLY_MUST_CHECK;
/* The same by the event's id: the place where it was applied, else where it was ordered last; or by a
 * governance transaction's digest: the place where it was ruled on, in turn if it ever was. */
int query_receipt_of(struct state *state, const struct digest *event_id, struct arena *arena,
    struct receipt *receipt) TALLY_MUST_CHECK;

/* The seals that a proof under a checkpoint of `epoch` carries, encoded; the arena's. Errors: TALLY_EBUSY
 * (one of them is not known here), TALLY_ELIMIT, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int query_seals(
    struct state *state, uint64_t epoch, struct arena *arena, struct span *seals) TALLY_MUST_CHECK;

#endif
