/* What the state's files share. Nobody else includes it. */
#ifndef TALLY_STORAGE_STATE_INTERNAL_H
#define TALLY_STORAGE_STATE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/crypto/digest_hash.h"
#include "storage/account_filter.h"
#include "storage/overlay.h"
#include "storage/state_record.h"
#include "storage/subject_cache.h"
#include "storage/subject_map.h"

/* The state as it stood after one block. */
struct state_version {
    struct subject_map map;
    struct state_roots roots;
    bool certified;
};

/* A subject that the current block has looked at. */
struct touched {
    struct digest subject_id;
    struct digest position;
    bool loaded;                  /* what follows is known */
    struct state_subject subject; /* bytes in the block's arena */
    bool stood_before;            /* in the map before this block */
    bool exists;                  /* before this block, or because of it */
    bool changed;
};

struct touched_table {
    struct touched *items;
    size_t count, capacity;
    uint32_t *slots;   /* item + 1; 0 = free */
    size_t slot_count; /* a power of two, more than twice count */
    struct digest_hash_key key;
};

/* What stands for the register under state_root; zeros until there is one. */
struct state_register_roots {
    struct digest members_root, policy_root;
};

/* The block being applied. */
struct state_block {
    bool open;
    uint64_t height;
    struct digest block;
    uint64_t time_ms;
    struct arena arena;
    struct touched_table touched;
    struct merkle_frontier results;
    struct buffer result_bytes;
    bool folded;                     /* an event was, whose result is still to come */
    struct state_result_record fold; /* its link */
    uint32_t fold_index;
    bool ruled; /* its governance transactions have begun */
    struct state_counts counts;
    struct replay_window window;
    struct state_register_roots registered;
};

/* What the store is given next, as of `height`. */
struct state_frozen {
    uint64_t height; /* 0 = nothing */
    uint64_t time_ms;
};

struct state {
    struct state_config config;
    struct store *store;
    struct overlay *overlay;
    struct event_index *index;
    struct subject_cache *cache;
    uint64_t cache_hits, cache_misses;
    struct account_filter *filter; /* of the accounts in the store and the overlay; for the block alone */
    struct subject_map_pool *pool;
    struct state_meta meta;                 /* after the last applied block */
    struct state_register_roots registered; /* likewise */
    struct state_base base;                 /* but for `backfilled`; others read the height, which stays */
    atomic_uint_fast64_t backfilled;
    uint64_t flushed_height;
    struct state_frozen frozen;
    bool flushing;
    struct store_batch *spare_batch; /* empty, with the memory of the last flush, a large one; or NULL */
    uint64_t swept_minute;           /* remembered batches of earlier ones are gone from the store */
    struct merkle_frontier history;
    atomic_uintptr_t block_thread; /* who applies the open block and so sees what it wrote; 0 = nobody */
    pthread_mutex_t shared; /* guards what follows, up to `certified`, against readers on other threads */
    /* The newest is always there: after the last applied block, or the empty state. Oldest first from
     * version_first. */
    struct state_version versions[STATE_VERSIONS_MAX];
    uint32_t version_first, version_count;
    bool has_certified;
    struct certified_checkpoint certified; /* the newest known */
    struct buffer scratch;                 /* encoding values */
    struct buffer held;                    /* the last subject read from the store */
    struct state_block block;
    bool failed;
};

static inline struct state_version *state_version_at(struct state *state, uint32_t i)
{
    return &state->versions[(state->version_first + i) % STATE_VERSIONS_MAX];
}

static inline struct state_version *state_newest(struct state *state)
{
    return state_version_at(state, state->version_count - 1);
}

/* Whether so much is live that it is frozen unasked. */
bool state_freeze_is_due(const struct state *state);

/* Whether the caller's thread applies the open block, and so sees what it wrote. */
static inline bool state_is_own(const struct state *state)
{
    return state->block_thread == (uintptr_t)pthread_self();
}

void state_lock(struct state *state);
void state_unlock(struct state *state);

/* The newest value under a key, which takes the place of what `value` holds. On any thread. Errors:
 * TALLY_ENOTFOUND, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int state_value_get(struct state *state, const struct state_key *key, struct buffer *value) TALLY_MUST_CHECK;
/* A buffer for such values. */
void state_value_init(struct buffer *value);
/* Writes what state->scratch holds into the current block's layer, and clears it. */
int state_value_put(struct state *state, const struct state_key *key) TALLY_MUST_CHECK;
/* Makes the object unfit for more after an error inside a block; passes the error on. */
int state_fail(struct state *state, int error) TALLY_MUST_CHECK;

/* Adds the newest version, whose map is the newest; marks it where its checkpoint is known. */
int state_version_push(
    struct state *state, const struct subject_map *map, const struct state_roots *roots) TALLY_MUST_CHECK;
void state_versions_release(struct state *state);
/* Puts the certified checkpoints that are in memory into a batch: those of what is frozen came after it. */
int state_certified_gather(struct state *state, struct store_batch *batch) TALLY_MUST_CHECK;

/* ---- What came with a snapshot ---- */

/* Reads the events that came with it, on one thread, a bounded piece of them at a time; the last one is kept.
 */
struct state_base_reader;
int state_base_reader_open(struct state *state, struct state_base_reader **reader) TALLY_MUST_CHECK;
void state_base_reader_close(struct state_base_reader *reader);
/* The piece that event `number` of the subject's history is in, until the next of these calls. Errors:
 * TALLY_ENOTFOUND (it came later, or there is none). */
struct base_chunk;
int state_base_chunk(struct state_base_reader *reader, const struct digest *position, uint64_t number,
    const struct base_chunk **chunk) TALLY_MUST_CHECK;
/* Event `number` of the subject's history; its index in the block is zero. Errors: TALLY_ENOTFOUND (it came
 * later, or there is none). */
int state_base_entry(struct state_base_reader *reader, const struct digest *position, uint64_t number,
    struct state_history_entry *entry) TALLY_MUST_CHECK;
/* As state_account_ids, of those that came with the snapshot: *found of them, maybe none. */
int state_base_account_read(struct state_base_reader *reader, uint32_t member_id,
    const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t from, uint32_t count, struct digest *ids,
    uint32_t *found) TALLY_MUST_CHECK;
/* The event that used up a member's item id before the snapshot, in whatever subject, from what is on disk in
 * a bounded number of reads. On any thread, whatever is back-filled. Errors: TALLY_ENOTFOUND (none did). */
int state_base_item(struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE],
    struct state_item *item) TALLY_MUST_CHECK;

/* event_index_find, in the thread of a block with what the block wrote. */
int state_event_find(struct state *state, enum event_index_kind kind, const struct digest *name,
    struct state_place *place) TALLY_MUST_CHECK;
/* Whether what was ordered at this height is still to be back-filled. */
bool state_is_pending(const struct state *state, uint64_t height);

/* Of what is stored, at the opening. Errors: TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int state_register_open(struct state *state) TALLY_MUST_CHECK;
/* What these values come to, with the map's root. */
struct state_parts state_parts_of(const struct digest *subjects_root,
    const struct state_register_roots *registered, const struct state_meta *meta);

/* A stored node of the history tree, for merkle_stored_path and its like; `context` is the state. */
int state_tree_get(void *context, uint32_t level, uint64_t index, struct digest *node) TALLY_MUST_CHECK;

/* The subject as the current block sees it, or sees it now for the first time. *touched holds until the next
 * call. */
int state_touch(
    struct state *state, const struct digest *subject_id, struct touched **touched) TALLY_MUST_CHECK;
void state_touched_close(struct touched_table *table);

#endif
