/* The state's keys and values, as bytes. Keys begin with one byte that says what they are; integers are
 * big-endian, so that keys sort as their fields do.
 *
 *   'A' member u32 | ref            the account's subject id
 *   'B' height u64                  block hash | time u64 | state, results, history root |
 *                                   subjects, members, policy, replay, counts root
 *   'C' height u64                  an encoded CertifiedCheckpoint
 *   'E' event id                    height u64 | index u32 | applied u8
 *   'H' subject id | i u64          height u64 | index u32 | time u64 | result u16 | event id
 *   'M'                             format version u32 | chain id | height u64 |
 *                                   events, applied, subjects u64 | replay window
 *   'N' member u32 | ref | seq u32  event id
 *   'Q'                             height u64 of the newest certified checkpoint
 *   'R' height u64 | chunk u32      for each of STATE_RESULTS_CHUNK events:
 *                                   event id | code u16 | detail size u8 | detail
 *   'S' subject id                  count u64 | last height u64 | acc | summary | the canonical state bytes
 *   'T' level u8 | index u64        a complete subtree of the history tree
 *   'W' minute u64 | batch digest   1: the batch was applied; gone some time after its minute */
#ifndef TALLY_STORAGE_STATE_RECORD_H
#define TALLY_STORAGE_STATE_RECORD_H

#include "storage/overlay.h"
#include "storage/replay_window.h"
#include "storage/state.h"

#define STATE_FORMAT_VERSION 1u
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
struct state_key state_key_of_account_event(
    uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t seq);
struct state_key state_key_of_batch(uint64_t minute, const struct digest *batch);
struct state_key state_key_of_history(const struct digest *subject_id, uint64_t i);
struct state_key state_key_of_tree(uint32_t level, uint64_t index);
struct state_key state_key_of_results(uint64_t height, uint32_t chunk);
/* 'B', 'C'. */
struct state_key state_key_of_height(char kind, uint64_t height);
/* 'E', 'S'. */
struct state_key state_key_of_digest(char kind, const struct digest *digest);
/* 'M', 'Q'. */
struct state_key state_key_alone(char kind);

/* What stands under 'M'. */
struct state_meta {
    struct digest chain_id;
    uint64_t height;
    struct state_counts counts;
    struct replay_window window;
};

void state_meta_encode(const struct state_meta *meta, struct buffer *out);
void state_roots_encode(const struct state_roots *roots, struct buffer *out);
void state_history_entry_encode(const struct state_history_entry *entry, struct buffer *out);
void state_event_encode(const struct state_event *event, struct buffer *out);
void state_result_encode(
    const struct digest *event_id, const struct event_result *result, struct buffer *out);
void state_subject_encode(const struct subject_leaf *leaf, struct span bytes, struct buffer *out);

/* Errors of the decoders: TALLY_EDAMAGED; state_meta_decode also TALLY_EVERSION. */
int state_meta_decode(struct span bytes, struct state_meta *meta) TALLY_MUST_CHECK;
int state_roots_decode(struct span bytes, uint64_t height, struct state_roots *roots) TALLY_MUST_CHECK;
int state_history_entry_decode(struct span bytes, struct state_history_entry *entry) TALLY_MUST_CHECK;
int state_event_decode(struct span bytes, struct state_event *event) TALLY_MUST_CHECK;
/* Reads the next of a block's results. */
int state_result_decode(struct reader *reader, struct state_result *result) TALLY_MUST_CHECK;
/* subject->bytes borrows. */
int state_subject_decode(struct span bytes, struct state_subject *subject) TALLY_MUST_CHECK;
int state_digest_decode(struct span bytes, struct digest *digest) TALLY_MUST_CHECK;

/* H(TAG_COUNTS | events u64 | applied u64 | subjects u64). */
struct digest state_counts_root(const struct state_counts *counts);

#endif
