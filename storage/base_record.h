/* The values under 'D', 'H' and 'J' of a state that came with a snapshot (storage/state_record.h): a
 * subject's events before it, in pieces that are read one at a time. */
#ifndef TALLY_STORAGE_BASE_RECORD_H
#define TALLY_STORAGE_BASE_RECORD_H

#include "storage/snapshot_seam.h"
#include "storage/state_record.h"

#define BASE_CHUNK 64u  /* events, at most, to a value under 'H' */
#define BASE_INDEX 256u /* numbers to one under 'D' */
#define BASE_ITEMS 64u  /* events to one under 'J' */
#define BASE_ACCOUNT_SIZE (4u + ACCOUNT_REF_SIZE)
#define BASE_ITEM_SIZE (DIGEST_SIZE + 2u)

/* What stands under one 'H'. */
struct base_chunk {
    uint32_t first, count; /* the first event's number in the history; how many there are */
    struct snapshot_event events[BASE_CHUNK]; /* their accounts numbers in the chunk's list */
    uint32_t account_count;
    struct span accounts; /* borrowed from the value */
};

/* Errors: TALLY_EDAMAGED; *chunk is then unspecified. */
int base_chunk_decode(struct span key, struct span value, struct base_chunk *chunk) TALLY_MUST_CHECK;

struct base_account {
    uint32_t member_id;
    const uint8_t *ref; /* borrowed from the value */
};
/* Account `number` of the chunk's list (CHECKed). */
struct base_account base_chunk_account(const struct base_chunk *chunk, uint32_t number);
/* Whether the event is of this account. */
bool base_chunk_event_is_of(const struct base_chunk *chunk, const struct snapshot_event *event,
    uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);

/* Errors: TALLY_EDAMAGED. On TALLY_OK *first is the seq of the first number in `value`. */
int base_index_decode(struct span key, struct span value, uint32_t *first) TALLY_MUST_CHECK;

/* By which the index of events knows the newest event of a type, CORRECT or RETRACT, that aims at `target`:
 * H(TAG_BASE_REMEDY | type u8 | target). */
struct digest base_remedy_name(enum event_type type, const struct digest *target);

void base_item_encode(const struct state_item *item, struct buffer *out);
/* Item `at` of a value under 'J'. Errors: TALLY_EDAMAGED. */
int base_item_decode(struct span value, uint64_t at, struct state_item *item) TALLY_MUST_CHECK;

/* What is to become of a subject's events. */
struct base_writing {
    const struct digest *position;
    const struct snapshot_seam *start; /* before the first of them */
    struct span events;                /* as they stood in a snapshot's part, and were read */
    bool indexed;                      /* the subject's are more than one value */
    struct buffer *value;              /* empty, and between the calls */
    void *context;
    /* A pair of the key and `value`. */
    void (*put)(void *context, const struct state_key *key);
    /* An event and its number in the history. Errors end the writing. */
    int (*seen)(void *context, const struct snapshot_event *event, uint32_t number);
};
/* Tells the events one by one, and the pairs under 'H', and if they are indexed 'D', that they come to.
 * Errors: TALLY_ENOMEM, and what `seen` returns. */
int base_events_write(const struct base_writing *writing) TALLY_MUST_CHECK;

#endif
