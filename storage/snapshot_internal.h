/* What the snapshots' files share. Nobody else includes it. */
#ifndef TALLY_STORAGE_SNAPSHOT_INTERNAL_H
#define TALLY_STORAGE_SNAPSHOT_INTERNAL_H

#include "storage/replay_window.h"
#include "storage/snapshot.h"
#include "storage/snapshot_event.h"
#include "storage/snapshot_range.h"
#include "storage/state_batches.h"

#define SNAPSHOT_DEPTH_MAX 16u   /* as subjects are cut to begin with: keeps the head below 5 MiB */
#define SNAPSHOT_PREFIX_SIZE 25u /* of a part */

struct snapshot_head {
    struct verify_set validators; /* of the checkpoint's epoch; in a head that is being made, zeros */
    struct state_config config;
    struct certified_checkpoint certified;
    struct buffer seals;      /* an encoded list, of all epochs before */
    struct buffer registered; /* the register's bytes */
    struct state_parts parts;
    struct state_counts counts;
    struct replay_window window;
    uint32_t depth; /* that every range has at least */
    uint32_t history_count, batches_count;
    struct digest *history, *batches; /* roots of their parts */
    struct snapshot_ranges ranges;    /* of the parts of subjects */
};

static inline uint32_t snapshot_run(const struct snapshot_head *head)
{
    return head->config.snapshot_run != 0 ? head->config.snapshot_run : SNAPSHOT_RUN;
}

/* How many runs so many heights, batches or events make. */
static inline uint32_t snapshot_runs(const struct snapshot_head *head, uint64_t count)
{
    return (uint32_t)((count + snapshot_run(head) - 1) / snapshot_run(head));
}

/* What a subject comes to in its part at most: as storage/snapshot.h has it there, whatever its events are.
 */
static inline uint64_t snapshot_subject_size(
    const struct snapshot_head *head, size_t bytes_size, uint64_t count)
{
    uint64_t events = count > snapshot_run(head) ? 8 + DIGEST_SIZE : count * SNAPSHOT_EVENT_SIZE_MAX;
    return DIGEST_SIZE + 4 + bytes_size + 4 + events;
}
/* A part of more than one subject is no larger. */
static inline uint64_t snapshot_part_size(const struct snapshot_head *head)
{
    return head->config.snapshot_part_size != 0 ? head->config.snapshot_part_size : SNAPSHOT_PART_SIZE;
}
_Static_assert(SNAPSHOT_PREFIX_SIZE + DIGEST_SIZE + 4 + STATE_SUBJECT_SIZE_MAX + 4 +
                       SNAPSHOT_RUN * SNAPSHOT_EVENT_SIZE_MAX <=
                   SNAPSHOT_PART_SIZE,
    "a subject alone fits a part");

/* An empty head. NULL when memory is out. */
struct snapshot_head *snapshot_head_make(const struct state_config *config);
/* Room for the lists of digests, whose sizes follow from the rest. Errors: TALLY_ENOMEM. */
int snapshot_head_reserve(struct snapshot_head *head) TALLY_MUST_CHECK;
void snapshot_head_encode(const struct snapshot_head *head, struct buffer *out);
/* Which minute of the window, and from which batch in it on, a batches part is of. */
void snapshot_batches_place(
    const struct snapshot_head *head, uint32_t index, const struct replay_minute **minute, uint64_t *first);
/* ---- Parts ---- */

void snapshot_prefix_encode(uint64_t height, uint32_t kind, uint32_t index, struct buffer *out);
/* Begins to read a part of the head's snapshot; false where it does not begin as that one does. */
bool snapshot_part_open(const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes,
    struct reader *reader);

/* What a part holds, told one by one; an error ends the walk. What was told counts only where the walk
 * returns TALLY_OK: then all of it is under the head's roots. `seen` may be NULL. Errors: TALLY_EDAMAGED,
 * TALLY_ENOMEM, and what `seen` returns. */

struct snapshot_height {
    uint64_t height, time_ms;
    struct digest block, state_root, results_root;
};
int snapshot_history_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_height *height), void *context) TALLY_MUST_CHECK;

int snapshot_batches_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, uint64_t minute, uint32_t order, const struct remembered_batch *batch),
    void *context) TALLY_MUST_CHECK;

struct snapshot_subject {
    struct digest id, position;
    struct subject_leaf leaf;
    struct span bytes;
    bool is_long;       /* its events have parts of their own */
    struct span events; /* as they stand in the part */
    const struct account_chain *chains;
    uint32_t chain_count;
    struct item_chain items;
};
int snapshot_subjects_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_subject *subject), void *context) TALLY_MUST_CHECK;
/* The same without a root to hold it against: *subtree is what comes out. */
int snapshot_subjects_root(const struct snapshot_head *head, uint32_t index, struct span bytes,
    struct snapshot_subtree *subtree) TALLY_MUST_CHECK;

#endif
