/* The state's keys and values, as bytes. Keys begin with one byte that says what they are; integers are
 * big-endian, so that keys sort as their fields do.
 *
 *   'A' member u32 | ref            the account's subject id
 *   'B' height u64                  block hash | time u64 | state, results, history root
 *   'C' height u64                  an encoded CertifiedCheckpoint
 *   'D' member u32 | ref | last u32 of a state that came with a snapshot, where a subject has more than one
 *                                   value under 'H': for each of up to BASE_INDEX of an account's events,
 *                                   `last` the seq of the newest of them, its number u32 in the subject's
 *                                   history
 *   'E' generation u32 | bucket u32 entries of a closed generation of the index of events, those
 *                                   whose hash by the index's secret starts with the bucket's bits
 *   'F' generation u32              of a closed generation, the filter of its entries
 *   'G' generation u32 | run u32    entries of the open generation, in the order they came
 *   'H' position | last u32         of such a state, up to BASE_CHUNK events of the subject's history, oldest
 *                                   first, `last` the number of the newest of them: count u16 | that many
 *                                   accounts (member u32 | ref) | events, as in storage/snapshot.h, their
 *                                   account, if any, counted in this list
 *   'I'                             the index's secret, 5 u64 | bits of a bucket u8 | open generation u32 |
 *                                   its runs u32
 *   'J' page u32                    of such a state, up to BASE_ITEMS of the events that used up an item id:
 *                                   event id | code u16
 *   'K' epoch u64                   how it ended: an encoded EpochSeals of that one seal
 *   'M'                             format version u32 | chain id | height u64 |
 *                                   events, applied, subjects u64 | replay window
 *   'N'                             policy_root | hash of the set of the epoch before | the register's
 *                                   bytes; missing until there is one
 *   'P'                             height u64 of the snapshot the state came with | height u64 up to which
 *                                   what was ordered before is back-filled
 *   'Q'                             height u64 of the newest certified checkpoint
 *   'R' height u64 | chunk u32      time u64, and for each of STATE_RESULTS_CHUNK events, or governance
 *                                   transactions, which come after all events of a block:
 *                                   event id | code u16 | detail size u8 | detail | link u8 | place
 *   'S' position                    subject id | count u64 | last height u64 | last index u32 | acc |
 *                                   the canonical state bytes
 *   'T' level u8 | index u64        a complete subtree of the history tree
 *   'W' minute u64 | batch digest   order u32 in its minute | expires_at_ms u64: the batch was applied; gone
 *                                   some time after its minute
 *
 * An entry of the index of events is a key of 16 bytes | kind (4 bits), height (44), index (16). Under the
 * start of an event's id, kind 1: where it was applied; kind 2: where it was refused; kind 8: where it was
 * refused and folded all the same; kinds 5 and 6: where a CORRECT, and a RETRACT, of it was applied. Under
 * the start of H(TAG_ACCOUNT_SEQ | member u32 | ref | seq u32), kind 3: where that event of the account was
 * applied. Under the start of H(TAG_ITEM_NAME | member u32 | item id), kind 4: where the event that used the
 * item id up was folded. Under the start of a governance transaction's digest, kind 9: where it was ruled on,
 * in turn if it ever was.
 * Kind 7 has a number, and one more, for the height, of what came with a snapshot: under H(TAG_ITEM_NAME |
 * member u32 | item id), which of all entries of all values under 'J', each taken for a full one; and of a
 * subject with values under 'D', under the start of an event's id, the event's number in the subject's
 * history, and under H(TAG_BASE_REMEDY | type u8 | event id), that of the newest event of the type that aims
 * at it.
 *
 * Subjects stand by their position in the map, so that a range of keys is a subtree of it.
 *
 * What grows with every event is written in the order it came, and LevelDB moves such keys without rewriting
 * them: results by height, and the index of events by generation (storage/event_index.h). A subject's
 * history is a chain: its value names the newest event's place, whose result names the one before (link 2,
 * with that place, height u64 | index u32; link 1: there is none before; link 0: not folded). */
#ifndef TALLY_STORAGE_STATE_RECORD_H
#define TALLY_STORAGE_STATE_RECORD_H

#include "storage/event_index.h"
#include "storage/overlay.h"
#include "storage/replay_window.h"
#include "storage/state.h"

#define STATE_FORMAT_VERSION 8u
/* A block's results are kept so many to a value, so that one is read without the rest. */
#define STATE_RESULTS_CHUNK 64u

struct state_key {
    uint8_t bytes[OVERLAY_KEY_SIZE_MAX];
    size_t size;
};

static inline struct span state_key_span(const struct state_key *key)
{
    return span_of(key->bytes, key->size);
}

struct state_key state_key_of_account(uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
struct state_key state_key_of_batch(uint64_t minute, const struct digest *batch);
struct state_key state_key_of_tree(uint32_t level, uint64_t index);
struct state_key state_key_of_results(uint64_t height, uint32_t chunk);
/* 'B', 'C', and 'K' of an epoch. */
struct state_key state_key_of_height(char kind, uint64_t height);
/* 'S', or what the keys of a subject's 'H' begin with, by subject_position. */
struct state_key state_key_of_position(char kind, const struct digest *position);
/* 'H'. */
struct state_key state_key_of_base(const struct digest *position, uint32_t last);
/* 'D'. */
struct state_key state_key_of_base_account(
    uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t last);
/* 'J'. */
struct state_key state_key_of_base_items(uint32_t page);
struct state_key state_key_of_index_page(uint32_t generation, uint32_t bucket);
struct state_key state_key_of_index_filter(uint32_t generation);
struct state_key state_key_of_index_run(uint32_t generation, uint32_t run);
/* 'I', 'M', 'N', 'P', 'Q'. */
struct state_key state_key_alone(char kind);

/* What stands under 'M'. */
struct state_meta {
    struct digest chain_id;
    uint64_t height;
    struct state_counts counts;
    struct replay_window window;
};

/* What stands under 'W'. */
struct state_batch {
    uint32_t order; /* among those of its minute */
    uint64_t expires_at_ms;
};

/* What stands under 'P'; zeros where it is missing. */
struct state_base {
    uint64_t height, backfilled;
};

/* What stands under 'I'. */
struct event_index_head {
    struct event_hash hash;
    uint32_t bucket_bits, generation, runs;
};

enum state_link {
    LINK_NONE = 0,  /* the event was not folded into a history */
    LINK_FIRST = 1, /* its subject's first */
    LINK_AFTER = 2, /* `before` is the one before it */
};

/* One event in a chunk of results. */
struct state_result_record {
    struct state_result result;
    enum state_link link;
    struct state_place before;
};

void state_meta_encode(const struct state_meta *meta, struct buffer *out);
void state_roots_encode(const struct state_roots *roots, struct buffer *out);
void state_base_encode(const struct state_base *base, struct buffer *out);
void state_batch_encode(const struct state_batch *batch, struct buffer *out);
void state_index_head_encode(const struct event_index_head *head, struct buffer *out);
void state_result_encode(const struct state_result_record *record, struct buffer *out);
void state_subject_encode(const struct state_subject *subject, struct buffer *out);
void state_register_encode(const struct state_register *stored, struct buffer *out);

/* Errors of the decoders: TALLY_EDAMAGED; state_meta_decode also TALLY_EVERSION. */
int state_meta_decode(struct span bytes, struct state_meta *meta) TALLY_MUST_CHECK;
int state_roots_decode(struct span bytes, uint64_t height, struct state_roots *roots) TALLY_MUST_CHECK;
int state_base_decode(struct span bytes, struct state_base *base) TALLY_MUST_CHECK;
int state_batch_decode(struct span bytes, struct state_batch *batch) TALLY_MUST_CHECK;
int state_index_head_decode(struct span bytes, struct event_index_head *head) TALLY_MUST_CHECK;
/* Reads the next of a chunk's results. */
int state_result_decode(struct reader *reader, struct state_result_record *record) TALLY_MUST_CHECK;
/* subject->bytes borrows; the summary, which hashes them, is not stored, and zero. */
int state_subject_decode(struct span bytes, struct state_subject *subject) TALLY_MUST_CHECK;
int state_digest_decode(struct span bytes, struct digest *digest) TALLY_MUST_CHECK;
/* Borrows. */
int state_register_decode(struct span bytes, struct state_register *stored) TALLY_MUST_CHECK;

/* By which the index of events knows an account's event: H(TAG_ACCOUNT_SEQ | member u32 | ref | seq u32). */
struct digest state_account_seq_name(uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t seq);
/* By which it knows who used up an item id: H(TAG_ITEM_NAME | member u32 | item id). */
struct digest state_item_name(uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE]);

/* H(TAG_COUNTS | events u64 | applied u64). The number of subjects is not in it: it is in each proof, and who
 * works out such small numbers would learn whether an inquiry that was refused was about somebody unknown. */
struct digest state_counts_root(const struct state_counts *counts);

#endif
