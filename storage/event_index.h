/* Where events stand, found by what names them: an event by its id, by its account and seq, or by its item
 * id; and what aims at an event.
 *
 * An entry is 24 bytes. New ones are in memory, in the open generation; each flush writes what came since the
 * last as a run, so that a restart has them again. A generation with enough entries is closed: the flush that
 * follows writes it once more as pages, each with the entries of one range of hashes, in place of its runs,
 * with a filter that stays in memory: three bytes an event. A lookup is then one page of the generation that
 * has it. So neither the thread that applies blocks nor LevelDB
 * has a key to handle for each event.
 *
 * Records in the store ('E', 'F', 'G', 'I') are described in storage/state_record.h.
 *
 * Threads: one thread, the owner, adds, publishes, freezes and drops. Any other may look up meanwhile, and
 * one of them gathers. */
#ifndef TALLY_STORAGE_EVENT_INDEX_H
#define TALLY_STORAGE_EVENT_INDEX_H

#include "proto/codec/result.h"
#include "storage/event_table.h"
#include "storage/store.h"

enum event_index_kind {
    INDEX_APPLIED = 1, /* under an event's id, where it was applied; there is one place at most */
    INDEX_REFUSED = 2, /* under an event's id, where it was refused; the last place counts */
    INDEX_ACCOUNT = 3, /* under an account's seq, where that event was applied; one at most */
    INDEX_ITEM = 4,    /* under a member's item id, where the event that used it up was folded; one at most */
    INDEX_CORRECTED = 5, /* under an event's id, where a CORRECT of it was applied; the last place counts */
    INDEX_RETRACTED = 6, /* under an event's id, where the RETRACT of it was applied; one at most */
    INDEX_BASE = 7,     /* of a state that came with a snapshot: a number that counts from 1, as the height */
    INDEX_RECORDED = 8, /* under an event's id, where it was refused and folded all the same; one at most */
    INDEX_RULED =
        9, /* under a governance transaction's digest, where it was ruled on; the last place counts */
};

#define EVENT_INDEX_KINDS (1u << (64u - EVENT_KIND_SHIFT)) /* that a number can tell */

/* Under which kind an event's id is kept. */
static inline enum event_index_kind event_index_kind_of(uint16_t result, bool folded)
{
    if (result == RESULT_OK) return INDEX_APPLIED;
    return folded ? INDEX_RECORDED : INDEX_REFUSED;
}

/* Where an event stands. */
struct state_place {
    uint64_t height; /* from 1, below 2^44 */
    uint32_t index;  /* in its block, below 2^16 */
};

/* Entries of a generation, about. */
#define EVENT_INDEX_GENERATION (1u << 20)

struct event_index;

struct event_index_config {
    uint32_t generation; /* entries of one, about, from 1 */
    uint64_t height;     /* what is of blocks up to it others see */
    bool may_be_fresh;   /* the store may have none yet */
};
/* Reads what the store has of the open generation. Errors: TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int event_index_open(struct store *store, const struct event_index_config *config,
    struct event_index **index) TALLY_MUST_CHECK;
/* NULL is fine. */
void event_index_close(struct event_index *index);

/* ---- The owner ---- */

/* Errors: TALLY_ENOMEM. */
int event_index_add(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place place) TALLY_MUST_CHECK;
/* As event_index_find, with what is not published. */
int event_index_find_own(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place *place) TALLY_MUST_CHECK;
/* Others see what was added of blocks up to `height`. Errors: TALLY_ENOMEM. */
int event_index_publish(struct event_index *index, uint64_t height) TALLY_MUST_CHECK;
/* Bytes that are not yet in the store. */
size_t event_index_unflushed_size(const struct event_index *index);
/* What was added, all of it published (CHECKed), is on its way to the store; nothing else is (CHECKed).
 * Errors: TALLY_ENOMEM: nothing has changed. */
int event_index_freeze(struct event_index *index) TALLY_MUST_CHECK;
/* The store has what was frozen. The memory that is let go of, or NULL, is the caller's to close. */
struct event_table *event_index_drop_frozen(struct event_index *index);

/* ---- Any thread ---- */

/* Errors: TALLY_ENOTFOUND, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int event_index_find(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place *place) TALLY_MUST_CHECK;
/* Puts what is frozen into `batch`. For one thread at a time, between event_index_freeze and
 * event_index_drop_frozen. Errors: TALLY_ENOMEM. */
int event_index_gather(struct event_index *index, struct store_batch *batch) TALLY_MUST_CHECK;
/* How many entries of each kind there are, all flushed; looks at every record. Errors: TALLY_EDAMAGED (also
 * where an entry is not where it would be looked for), TALLY_EIO, TALLY_ENOMEM. */
int event_index_count(struct event_index *index, uint64_t counts[EVENT_INDEX_KINDS]) TALLY_MUST_CHECK;

#endif
