/* The authenticated state: what the applied blocks amount to, in DIR/state, with roots that validators sign.
 *
 * A block is applied between state_block_begin and state_block_end; its writes are visible to other
 * threads as of its end, all at once, and live in memory. When there are many, or somebody asks, what there
 * is is frozen after a block and written late, as one atomic synced LevelDB batch with the height of that
 * block in it, while later blocks go on being applied. So what is on disk is always the state after one exact
 * block, and applying the ledger from there gives the same roots. LevelDB is never written by the thread that
 * applies.
 *
 * Recent versions of the subject map are kept for proofs: from the newest certified checkpoint up. What
 * is written up to a certified height comes back from a restart with its proofs.
 *
 * Threads: one thread, the state thread, owns a state object: it alone applies, keeps checkpoints, freezes
 * and closes. What is under "Reading", "Certified checkpoints" (but for what puts) and "Proofs" may
 * be called from any thread meanwhile: a long history delays no block. */
#ifndef TALLY_STORAGE_STATE_H
#define TALLY_STORAGE_STATE_H

#include "proto/base/arena.h"
#include "proto/codec/agreement.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/history.h"
#include "proto/codec/result.h"
#include "proto/crypto/subject_path.h"

struct state;

/* The most versions held in memory, and once there are some, the most nodes of the map that only older ones
 * than the newest have; the oldest is dropped first. So many are those of 64 blocks of 4,000 events. */
#define STATE_VERSIONS_MAX (2u * CERTIFICATION_LAG_MAX)
#define STATE_VERSIONS_MIN 16u
#define STATE_OLDER_NODES_MAX (2u << 20)
/* A subject's canonical state bytes. */
#define STATE_SUBJECT_SIZE_MAX (256u * KIB)
/* The register's bytes (proto/codec/register.h). */
#define STATE_REGISTER_SIZE_MAX (256u * KIB)

struct state_config {
    struct digest chain_id;
    /* What a subject's canonical bytes say of its accounts, in their order there, and of its events that have
     * an item id. What the bytes are the state does not know. Needed for snapshots alone. Errors:
     * TALLY_EFORM, TALLY_ENOMEM. */
    int (*accounts)(struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX], uint32_t *count,
        struct item_chain *items);
    bool was_read;          /* all of it, with LevelDB's checksums, just now: they are not checked again */
    size_t cache_size_max;  /* bytes of subjects kept for the rules; 0 = STATE_CACHE_SIZE */
    size_t freeze_size;     /* bytes of writes that are frozen unasked; 0 = STATE_FREEZE_SIZE */
    size_t older_nodes_max; /* of the map's older versions; 0 = STATE_OLDER_NODES_MAX */
    /* Entries of a generation of the index of events, of a state that is made; 0 = EVENT_INDEX_GENERATION. */
    uint32_t index_generation;
    /* Heights, batches, or events of one subject, in a part of a snapshot; 0 = SNAPSHOT_RUN. With another the
     * snapshots are nobody else's: tests cut short ones. */
    uint32_t snapshot_run;
    /* What a part of more than one subject is at most, likewise; 0 = SNAPSHOT_PART_SIZE. */
    uint32_t snapshot_part_size;
};
#define STATE_CACHE_SIZE (512u * MIB)
/* LevelDB appends what is frozen to its log at one go: a sync of a block's may wait behind so much. */
#define STATE_FREEZE_SIZE (16u * MIB)
#define SNAPSHOT_RUN 32768u
#define SNAPSHOT_PART_SIZE (4u * MIB)

/* What stands after a block. */
struct state_roots {
    uint64_t height;
    struct digest block; /* its hash */
    uint64_t time_ms;    /* the block's */
    struct digest state_root, results_root, history_root;
    struct state_parts parts; /* zeros where they were read from the store: state_prove has the kept ones */
};

struct state_counts {
    uint64_t events;   /* ordered, with whatever result */
    uint64_t applied;  /* of them, result OK */
    uint64_t subjects; /* with at least one folded event */
};

/* Opens dir/state, making it where it is missing, rebuilds the subject map and holds its root against the
 * stored one. `dir` exists. Errors: TALLY_EDAMAGED (roots differ, or a value that cannot be; the caller may
 * state_discard and replay), TALLY_ECHAIN (another chain's), TALLY_EVERSION, TALLY_EBUSY (open elsewhere),
 * TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM. */
int state_open(const char *dir, const struct state_config *config, struct state **state) TALLY_MUST_CHECK;
/* Unflushed blocks are forgotten: the ledger has them. */
void state_close(struct state *state);
/* Deletes dir/state, which is not open; the ledger rebuilds it. Missing is fine. Errors: TALLY_EIO. */
int state_discard(const char *dir) TALLY_MUST_CHECK;

/* The last block applied, flushed or not; 0 = none. On any thread. */
uint64_t state_applied_height(struct state *state);
/* The last block whose writes are on disk. */
uint64_t state_flushed_height(const struct state *state);
/* Bytes of writes that are not on disk. */
size_t state_unflushed_size(const struct state *state);
/* The height of the snapshot that the state came with (storage/state_load.h); 0: it was computed from the
 * first block on. */
uint64_t state_base_height(const struct state *state);
/* What was ordered up to this height is here; as state_base_height once all is. On any thread. */
uint64_t state_backfilled_height(const struct state *state);
void state_counts(const struct state *state, struct state_counts *counts);

struct state_usage {
    size_t unflushed_size; /* state_unflushed_size */
    size_t cache_size;     /* bytes of subjects' states that were used lately */
    /* Since the opening: of those that a block looked at, how many were there, and how many were not. */
    uint64_t cache_hits, cache_misses;
};
void state_usage(const struct state *state, struct state_usage *usage);

/* Errors common to what follows: TALLY_EIO, TALLY_EDAMAGED, TALLY_ENOMEM; and of reads TALLY_EPENDING, of
 * what was ordered before the snapshot the state came with, and is not back-filled yet. Inside a block these
 * leave the object fit for state_close alone. TALLY_ENOTFOUND is always harmless. */

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
/* Folds an event, applied or refused, into the subject's history: count, last_height and acc move. The
 * event's result is the next one recorded (CHECKed there). */
int state_fold(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    uint32_t index, uint16_t result) TALLY_MUST_CHECK;

int state_account_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    const struct digest *subject_id) TALLY_MUST_CHECK;
/* The account's event at `seq` is the block's event `index`, whose result is recorded before the seq is
 * looked up. */
int state_account_event_put(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, uint32_t index) TALLY_MUST_CHECK;

/* The block's event `index`, which is folded, used up the member's item id. */
int state_item_put(struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE],
    uint32_t index) TALLY_MUST_CHECK;

/* What an applied event may do to another. */
enum state_remedy {
    STATE_CORRECTED,
    STATE_RETRACTED,
};
/* The block's event `index`, which is applied, corrects or retracts the event `target`. */
int state_remedy_put(struct state *state, enum state_remedy remedy, const struct digest *target,
    uint32_t index) TALLY_MUST_CHECK;

/* Remembers a batch as applied, in this block's replay window. Errors: TALLY_EINVALID (it has expired by the
 * block's time, or expires more than BATCH_LIFETIME_MS_MAX after it). */
int state_batch_remember(
    struct state *state, const struct digest *batch, uint64_t expires_at_ms) TALLY_MUST_CHECK;

/* Who the members are and by which policy they are ruled. What the bytes are the state does not know. */
struct state_register {
    struct digest policy_root; /* credit_policy_root of its policy */
    /* Of the epoch before the register's, so that the last checkpoint of that one can be told; zeros where
     * there is none. Not under state_root. */
    struct digest set_before;
    struct span bytes; /* H(TAG_REGISTER | bytes) is members_root */
};
/* The register from this block on: until one was put, both roots are zeros. Errors: TALLY_ELIMIT (empty, or
 * over STATE_REGISTER_SIZE_MAX). */
int state_register_put(struct state *state, const struct state_register *put) TALLY_MUST_CHECK;

/* Records the result of the block's next event: called once for each event, in order, `index` from 0. Result
 * OK counts as applied. Also indexes the event's id: an applied place is never replaced by one that was not.
 */
int state_result_record(struct state *state, uint32_t index, const struct digest *event_id,
    const struct event_result *result) TALLY_MUST_CHECK;

/* The same for what became of a governance transaction: after all events, and counted as none. Its digest is
 * found by state_ruling_find alone, and nothing can aim at it. */
int state_ruling_record(struct state *state, uint32_t index, const struct digest *digest,
    const struct event_result *ruling) TALLY_MUST_CHECK;

struct state_subject {
    struct digest subject_id;
    struct subject_leaf leaf;
    uint32_t last_index; /* in the block of leaf.last_height: the newest event's place */
    struct span bytes;   /* canonical */
};
/* The subject as the block has left it so far, but for the summary; bytes are borrowed until the next call
 * that is no read. Errors: TALLY_ENOTFOUND (no event of the subject was ever folded or put). */
int state_block_subject(
    struct state *state, const struct digest *subject_id, struct state_subject *subject) TALLY_MUST_CHECK;

/* The block will look at these subjects soon, 32 at most (CHECKed): what is in memory of them is brought near
 * the processor, for all at once. Makes no difference to anything but time. */
void state_subjects_fetch(struct state *state, const struct digest *const *subject_ids, size_t count);

/* Ends the block: the roots after it. */
int state_block_end(struct state *state, struct state_roots *roots) TALLY_MUST_CHECK;

/* ---- Reading, on any thread: always the newest, and in the thread of a block also what the block wrote ----
 */

/* As of the end of a block; bytes in the arena. Errors: TALLY_ENOTFOUND. */
int state_subject_get(struct state *state, const struct digest *subject_id, struct arena *arena,
    struct state_subject *subject) TALLY_MUST_CHECK;
int state_account_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    struct digest *subject_id) TALLY_MUST_CHECK;
int state_account_event_get(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id) TALLY_MUST_CHECK;
/* The ids at `count` seqs of an account from `from` on, into `ids`; each piece of what came with a snapshot
 * is read once. Errors: TALLY_ENOTFOUND (it has fewer). */
int state_account_ids(struct state *state, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t from, uint32_t count, struct digest *ids) TALLY_MUST_CHECK;
/* Calls `seen` for each account of a member in order of ref, from `from` (inclusive; NULL = the first), at
 * most `max`; stops early when `seen` returns false. */
int state_account_scan(struct state *state, uint32_t member_id, const uint8_t *from, size_t max,
    bool (*seen)(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id),
    void *context) TALLY_MUST_CHECK;

struct state_item {
    struct digest event_id; /* of the event that used the item id up, */
    uint16_t result;        /* and what came of it */
};
/* Errors: TALLY_ENOTFOUND (the item id is free). */
int state_item_get(struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE],
    struct state_item *item) TALLY_MUST_CHECK;
/* The newest event that did this to `target`, above state_base_height. Errors: TALLY_ENOTFOUND (none did). */
int state_remedy_get(struct state *state, enum state_remedy remedy, const struct digest *target,
    struct digest *event_id) TALLY_MUST_CHECK;

/* An event that came with the snapshot. */
struct state_base_event {
    enum event_type type;
    uint32_t member_id;
    bool has_account;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t period; /* PERIOD_REPORT, else 0 */
    bool has_transfer_of;
    struct digest transfer_of; /* ACCOUNT_OPEN */
    /* By what was applied before the snapshot: a RETRACT aims at it; a CORRECT that is not itself retracted
     * does, and which. What was applied since is the caller's to add: also that it retracted that CORRECT. */
    bool retracted, corrected;
    struct digest corrected_by;
};
/* The event of this id, where it was applied at or below state_base_height, and in this subject's file: from
 * what is on disk in a bounded number of reads, neither a hit nor a miss goes through a history. Errors:
 * TALLY_ENOTFOUND. */
int state_base_target(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    struct state_base_event *event) TALLY_MUST_CHECK;

/* The register; bytes in the arena. Errors: TALLY_ENOTFOUND (none was put). */
int state_register_get(
    struct state *state, struct arena *arena, struct state_register *stored) TALLY_MUST_CHECK;

struct state_event {
    uint64_t height;
    uint32_t index;
    bool applied; /* result OK there */
};
/* Where it was applied, else where it was refused and folded all the same, else where it was refused last.
 */
int state_event_get(
    struct state *state, const struct digest *event_id, struct state_event *event) TALLY_MUST_CHECK;
/* Where a governance transaction was ruled on, in turn if it ever was; `applied`: it was carried out there.
 */
int state_ruling_find(
    struct state *state, const struct digest *digest, struct state_event *at) TALLY_MUST_CHECK;

/* Whether a batch was applied. `expires_at_ms` is the batch's own (its digest binds it). *seen is set on
 * TALLY_OK. A batch whose minute of expiry has left the window at `time_ms`, a block's, is not seen; it has
 * expired. At time 0 it may still be. */
int state_batch_seen(struct state *state, uint64_t time_ms, const struct digest *batch,
    uint64_t expires_at_ms, bool *seen) TALLY_MUST_CHECK;

struct state_history_entry {
    uint64_t height;
    uint32_t index;
    uint64_t time_ms;
    uint16_t result;
    struct digest event_id;
};
/* Entries [from, from + count) of a subject's fold into `entries`. Takes time with the entries from `from`
 * on. Errors: TALLY_ENOTFOUND (it has fewer). */
int state_history_read(struct state *state, const struct digest *subject_id, uint64_t from, size_t count,
    struct state_history_entry *entries) TALLY_MUST_CHECK;

/* Of an event; or, after all events of a block, of a governance transaction: then the id is its digest, and
 * the code a ruling (proto/codec/ruling.h). */
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

/* ---- What was ordered before the snapshot ---- */

/* What came of an event of an older block. */
struct state_older_result {
    struct state_result at;
    bool folded; /* into its subject's history, whatever the result */
    bool ruling; /* of a governance transaction */
};
/* Puts the results of block `height`, which is the next to be back-filled, in their place, to be written with
 * a later flush. Not inside a block. Errors: TALLY_EINVALID (not the next, or not what the block's
 * results_root says): nothing has changed. */
int state_backfill_put(struct state *state, uint64_t height, const struct state_older_result *results,
    uint32_t count) TALLY_MUST_CHECK;

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

/* Keeps how an epoch ended, beside the checkpoints themselves; the caller has checked it as a checkpoint, and
 * that its next set is the one whose hash the checkpoint names. Durable with the next flush. */
int state_seal_put(struct state *state, const struct epoch_seal *seal) TALLY_MUST_CHECK;
/* Appends the seals of all epochs before `epoch`, as an encoded list. Errors: TALLY_ENOTFOUND (one of them is
 * not known here), TALLY_ELIMIT (more than EPOCH_SEALS_MAX), TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM; `seals`
 * is then as it was. */
int state_seals_read(struct state *state, uint64_t epoch, struct buffer *seals) TALLY_MUST_CHECK;
/* Appends those of all epochs from the first on that are known without a gap. Errors: TALLY_EDAMAGED,
 * TALLY_EIO, TALLY_ENOMEM. */
int state_seals_known(struct state *state, struct buffer *seals) TALLY_MUST_CHECK;

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

/* Freezes what was applied, unless something is frozen already or nothing is new. Not inside a block. Errors:
 * TALLY_ENOMEM. */
int state_freeze(struct state *state) TALLY_MUST_CHECK;
/* The height of what is frozen, 0 where nothing is. */
uint64_t state_frozen_height(const struct state *state);

/* Writing what is frozen, in three steps: begun and ended by the state thread, written by any one thread in
 * between, while the state thread goes on. */
struct state_flush;
/* There is something frozen, and no other flush under way (CHECKed). Errors: TALLY_ENOMEM. */
int state_flush_begin(struct state *state, struct state_flush **flush) TALLY_MUST_CHECK;
/* Errors: TALLY_EIO, TALLY_EDAMAGED, TALLY_ENOMEM. */
int state_flush_write(struct state_flush *flush) TALLY_MUST_CHECK;
/* Lets go of what was written. `error` is what writing came to; other than TALLY_OK makes the object fit for
 * state_close alone, and is returned. */
int state_flush_end(struct state *state, struct state_flush *flush, int error) TALLY_MUST_CHECK;
/* Gives back its memory, which is much and takes a while, on any thread. Before that it was ended. NULL is
 * fine. */
void state_flush_close(struct state_flush *flush);

/* How far merging on disk lags behind the flushes: at STATE_FLUSH_LAG_MAX the next may wait for it, for
 * seconds. Any thread. */
#define STATE_FLUSH_LAG_MAX 12u
uint32_t state_flush_lag(const struct state *state);

/* As store_usage (storage/store.h), of what is on disk. Any thread. */
struct store_usage;
void state_store_usage(const struct state *state, struct store_usage *usage);
/* As store_writes_early. */
bool state_writes_early(const struct state *state);

/* All three, for as much as is frozen or can be at or below `height`, without a flush under way: the newest
 * certified height, so that a restart can prove at once, or state_applied_height when stopping. */
int state_flush(struct state *state, uint64_t height) TALLY_MUST_CHECK;

#endif
