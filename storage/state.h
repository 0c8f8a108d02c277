/* The authenticated state: what the applied blocks amount to, in DIR/state, with roots that validators sign.
 *
 * A block is applied between state_block_begin and state_block_end; its writes are visible to reads at once
 * and live in memory until state_flush writes them, oldest block first, each flush one atomic synced LevelDB
 * batch with the new applied height in it. So what is on disk is always the state after one exact block, and
 * applying the ledger from there gives the same roots.
 *
 * Recent versions of the subject map are kept for proofs: from the newest certified checkpoint up. Flushing
 * only up to that checkpoint (state_flush's `height`) makes a restart come back at a certified height, so
 * proofs are available at once.
 *
 * Threads: one thread, the state thread, owns a state object; nothing here may be called from another. */
#ifndef TALLY_STORAGE_STATE_H
#define TALLY_STORAGE_STATE_H

#include "proto/base/arena.h"
#include "proto/codec/agreement.h"
#include "proto/codec/history.h"
#include "proto/codec/result.h"
#include "proto/crypto/subject_path.h"

struct state;

/* The most versions held in memory; the oldest is dropped first. */
#define STATE_VERSIONS_MAX (2u * CERTIFICATION_LAG_MAX)
/* A subject's canonical state bytes. */
#define STATE_SUBJECT_SIZE_MAX (256u * KIB)

struct state_config {
    struct digest chain_id;
    struct digest members_root; /* genesis_members_root */
    struct digest policy_root;  /* genesis_policy_root */
    size_t cache_size_max;      /* bytes of flushed writes kept for reading; 0 = STATE_CACHE_SIZE */
};
#define STATE_CACHE_SIZE (32u * MIB)

/* What stands after a block. */
struct state_roots {
    uint64_t height;
    struct digest block; /* its hash */
    uint64_t time_ms;    /* the block's */
    struct digest state_root, results_root, history_root;
    struct state_parts parts;
};

struct state_counts {
    uint64_t events;   /* ordered, with whatever result */
    uint64_t applied;  /* of them, result OK */
    uint64_t subjects; /* with at least one folded event */
};

/* Opens dir/state, making it where it is missing, rebuilds the subject map and holds its root against the
 * stored one. `dir` exists. Errors: TALLY_EDAMAGED (roots differ, or a value that cannot be; the caller may
 * state_discard and replay), TALLY_ECHAIN (another chain's), TALLY_EVERSION, TALLY_EBUSY (open elsewhere),
 * TALLY_EIO, TALLY_ENOMEM. */
int state_open(const char *dir, const struct state_config *config, struct state **state) TALLY_MUST_CHECK;
/* Unflushed blocks are forgotten: the ledger has them. */
void state_close(struct state *state);
/* Deletes dir/state, which is not open; the ledger rebuilds it. Missing is fine. Errors: TALLY_EIO. */
int state_discard(const char *dir) TALLY_MUST_CHECK;

/* The last block applied, flushed or not; 0 = none. */
uint64_t state_applied_height(const struct state *state);
/* The last block whose writes are on disk. */
uint64_t state_flushed_height(const struct state *state);
/* Bytes of unflushed writes: when to flush even without a certified checkpoint. */
size_t state_unflushed_size(const struct state *state);
void state_counts(const struct state *state, struct state_counts *counts);

/* Errors common to what follows: TALLY_EIO, TALLY_EDAMAGED, TALLY_ENOMEM. Inside a block these leave the
 * object fit for state_close alone. TALLY_ENOTFOUND is always harmless. */

/* ---- Applying a block ---- */

/* Begins block `height`. Errors: TALLY_EEXISTS (applied before: replay goes on with the next), TALLY_EINVALID
 * (not the next height, or a time not after the last block's); then no block has begun. */
int state_block_begin(
    struct state *state, uint64_t height, const struct digest *block, uint64_t time_ms) TALLY_MUST_CHECK;

/* Replaces the subject's canonical state bytes (which summary hashes). Only with a fold of the same subject
 * in the same block, before or after it, does a subject come to be. Errors: TALLY_ELIMIT (over
 * STATE_SUBJECT_SIZE_MAX). */
int state_subject_put(
    struct state *state, const struct digest *subject_id, struct span bytes) TALLY_MUST_CHECK;
/* Folds an event into the subject's history: count, last_height and acc move, and a history entry is written.
 */
int state_fold(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    uint32_t index, uint16_t result) TALLY_MUST_CHECK;

int state_account_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    const struct digest *subject_id) TALLY_MUST_CHECK;
int state_account_event_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, const struct digest *event_id) TALLY_MUST_CHECK;

/* Remembers a batch as applied, in this block's replay window. Errors: TALLY_EINVALID (it has expired by the
 * block's time, or expires more than BATCH_LIFETIME_MS_MAX after it). */
int state_batch_remember(
    struct state *state, const struct digest *batch, uint64_t expires_at_ms) TALLY_MUST_CHECK;

/* Records the result of the block's next event: called once for each event, in order, `index` from 0. Result
 * OK counts as applied. Also indexes the event's id: an applied place is never replaced by one that was not.
 */
int state_result_record(struct state *state, uint32_t index, const struct digest *event_id,
    const struct event_result *result) TALLY_MUST_CHECK;

/* Ends the block: the roots after it. */
int state_block_end(struct state *state, struct state_roots *roots) TALLY_MUST_CHECK;

/* ---- Reading: inside a block and between blocks, always the newest ---- */

struct state_subject {
    struct subject_leaf leaf; /* summary as of the end of the last block */
    struct span
        bytes; /* borrowed until the next call that is not a read of another kind: copy or decode at once */
};
/* Errors: TALLY_ENOTFOUND (no event of the subject was ever folded or put). */
int state_subject_get(
    struct state *state, const struct digest *subject_id, struct state_subject *subject) TALLY_MUST_CHECK;
int state_account_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    struct digest *subject_id) TALLY_MUST_CHECK;
int state_account_event_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id) TALLY_MUST_CHECK;
/* Calls `seen` for each account of a member in order of ref, from `from` (inclusive; NULL = the first), at
 * most `max`; stops early when `seen` returns false. */
int state_account_scan(struct state *state, uint32_t member_id, const uint8_t *from, size_t max,
    bool (*seen)(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id),
    void *context) TALLY_MUST_CHECK;

struct state_event {
    uint64_t height;
    uint32_t index;
    bool applied; /* result OK there */
};
int state_event_get(
    struct state *state, const struct digest *event_id, struct state_event *event) TALLY_MUST_CHECK;

/* Whether a batch was applied. `expires_at_ms` is the batch's own (its digest binds it). *seen is set on
 * TALLY_OK. A batch whose minute of expiry has left the window is not seen; it has expired. */
int state_batch_seen(
    struct state *state, const struct digest *batch, uint64_t expires_at_ms, bool *seen) TALLY_MUST_CHECK;

struct state_history_entry {
    uint64_t height;
    uint32_t index;
    uint64_t time_ms;
    uint16_t result;
    struct digest event_id;
};
/* Entries [from, from + count) of a subject's fold into `entries`. Errors: TALLY_ENOTFOUND (it has fewer). */
int state_history_read(struct state *state, const struct digest *subject_id, uint64_t from, size_t count,
    struct state_history_entry *entries) TALLY_MUST_CHECK;

struct state_result {
    struct digest event_id;
    struct event_result result;
};
/* All results of an applied block, in the arena. */
int state_results_read(struct state *state, uint64_t height, struct arena *arena,
    struct state_result **results, uint32_t *count) TALLY_MUST_CHECK;
/* One of them. */
int state_result_get(
    struct state *state, uint64_t height, uint32_t index, struct state_result *result) TALLY_MUST_CHECK;
/* Errors: TALLY_ENOTFOUND (not applied, or height 0). */
int state_roots_get(struct state *state, uint64_t height, struct state_roots *roots) TALLY_MUST_CHECK;

/* ---- Certified checkpoints ---- */

/* Keeps a certified checkpoint, whose signatures the caller has checked and whose roots it has compared;
 * durable with the next flush. Known already is TALLY_OK. Releases map versions that no proof will use again.
 */
int state_certified_put(struct state *state, const struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;
/* The newest known, whether its block is applied or not. Errors: TALLY_ENOTFOUND. */
int state_certified_newest(struct state *state, struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;
/* Of that very height. */
int state_certified_get(
    struct state *state, uint64_t height, struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;
/* The lowest known at or above `height`. */
int state_certified_above(
    struct state *state, uint64_t height, struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;

/* ---- Proofs ---- */

struct state_proof {
    struct state_parts parts;
    enum history_place place;
    struct subject_leaf leaf;
    struct digest other_position;
    uint32_t sibling_count;
    struct digest siblings[SUBJECT_PATH_LENGTH_MAX]; /* from the root downwards */
};
/* The subject's place in the map as of `height`. Errors: TALLY_EBUSY (that version is not held). */
int state_prove(struct state *state, uint64_t height, const struct digest *subject_id,
    struct state_proof *proof) TALLY_MUST_CHECK;
/* The newest certified height whose version is held: what proofs are made at. Errors: TALLY_EBUSY (none: wait
 * for the next certification). */
int state_provable_height(struct state *state, uint64_t *height) TALLY_MUST_CHECK;
/* RFC 9162 inclusion of height `height` (leaf height - 1) under history_root of `under`; both applied, height
 * <= under. `path` has room for MERKLE_DEPTH_MAX. */
int state_history_path(struct state *state, uint64_t under, uint64_t height, struct digest *path,
    size_t *path_length) TALLY_MUST_CHECK;

/* ---- Durability ---- */

/* Writes all blocks up to `height` (or as far as applied), as one atomic synced batch or several in block
 * order. Not inside a block. Pass the newest certified height where there is one, so that a restart can prove
 * at once; pass state_applied_height when stopping, or when state_unflushed_size grows too large. Errors:
 * TALLY_EIO: the object is then fit for state_close alone. */
int state_flush(struct state *state, uint64_t height) TALLY_MUST_CHECK;

#endif
