/* The values under 'H' and 'D' of a state that came with a snapshot (storage/state_record.h): a subject's
 * events before it, in pieces that are read one at a time. */
#ifndef TALLY_STORAGE_BASE_RECORD_H
#define TALLY_STORAGE_BASE_RECORD_H

#include "storage/snapshot_seam.h"
#include "storage/state_record.h"

#define BASE_CHUNK 64u  /* events, at most, to a value under 'H' */
#define BASE_INDEX 256u /* numbers to one under 'D' */
#define BASE_ACCOUNT_SIZE (4u + ACCOUNT_REF_SIZE)

/* What stands under one 'H'. Borrows from the value. */
struct base_chunk {
    uint32_t first, count; /* the first event's number in the history; how many there are */
    uint32_t account_count;
    struct span accounts, events;
};

/* Errors: TALLY_EDAMAGED. */
int base_chunk_decode(struct span key, struct span value, struct base_chunk *chunk) TALLY_MUST_CHECK;
/* Event `i` of the chunk (CHECKed), its account a number in the chunk's list. */
struct snapshot_event base_chunk_event(const struct base_chunk *chunk, uint32_t i);
/* Whether that account is this one. */
bool base_chunk_account_is(
    const struct base_chunk *chunk, uint32_t number, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);

/* Errors: TALLY_EDAMAGED. On TALLY_OK *first is the seq of the first number in `value`. */
int base_index_decode(struct span key, struct span value, uint32_t *first) TALLY_MUST_CHECK;

/* Tells the pairs that `events`, as they stand in a snapshot's part, come to: they are the subject's from
 * `start` on. With `indexed`, the pairs under 'D' too. `value` is empty, and is between the calls. */
void base_events_encode(const struct digest *position, const struct snapshot_seam *start, struct span events,
    bool indexed, struct buffer *value, void (*put)(void *context, const struct state_key *key),
    void *context);

#endif
