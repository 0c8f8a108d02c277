/* The folded events of a snapshot, given block by block and taken back by subject: a sort through a temporary
 * file, in memory of about 12 MiB and 4 KiB for each 65,536 events. */
#ifndef TALLY_STORAGE_SNAPSHOT_SPILL_H
#define TALLY_STORAGE_SNAPSHOT_SPILL_H

#include "proto/codec/event_facts.h"
#include "storage/disk.h"

struct spilled_event {
    struct digest position; /* its subject's */
    struct digest id;
    uint64_t height, time_ms;
    uint32_t index; /* in the block */
    uint32_t result;
    uint32_t member_id; /* its account's, with the ref; zeros where it has an item id */
    uint8_t ref[ACCOUNT_REF_SIZE];
    struct event_facts facts;
};
_Static_assert(sizeof(struct spilled_event) ==
                       2 * DIGEST_SIZE + 2 * 8 + 3 * 4 + ACCOUNT_REF_SIZE + sizeof(struct event_facts) &&
                   sizeof(struct event_facts) == DIGEST_SIZE + 3 * 4 + ITEM_ID_SIZE,
    "nothing between the fields, which would be written as it was found");

struct snapshot_spill;

/* Makes the file at `path`, which is not there. Errors: TALLY_EIO, TALLY_EFULL, TALLY_EEXISTS, TALLY_ENOMEM.
 */
int snapshot_spill_open(
    const struct disk *disk, const char *path, struct snapshot_spill **spill) TALLY_MUST_CHECK;
/* Removes the file. */
void snapshot_spill_close(struct snapshot_spill *spill);
/* Errors: TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM. */
int snapshot_spill_add(struct snapshot_spill *spill, const struct spilled_event *event) TALLY_MUST_CHECK;
/* Everything was added. Errors: TALLY_EIO, TALLY_ENOMEM. */
int snapshot_spill_sort(struct snapshot_spill *spill) TALLY_MUST_CHECK;
/* The next event by position and then in the order of the ledger; NULL after the last one. Borrowed until
 * snapshot_spill_next. */
const struct spilled_event *snapshot_spill_peek(const struct snapshot_spill *spill);
/* Goes past it. Errors: TALLY_EIO. */
int snapshot_spill_next(struct snapshot_spill *spill) TALLY_MUST_CHECK;

#endif
