/* The folded events of a snapshot, gathered by block and given back by subject: a sort in a temporary file.
 */
#ifndef TALLY_STORAGE_SNAPSHOT_SPILL_H
#define TALLY_STORAGE_SNAPSHOT_SPILL_H

#include "proto/codec/event.h"
#include "storage/disk.h"

struct spilled_event {
    struct digest position; /* its subject's */
    struct digest id;
    uint64_t height, time_ms;
    uint32_t index; /* in the block */
    uint32_t member_id;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t result;
    uint32_t zero;
};

struct snapshot_spill;

/* Makes the file at `path`, which is not there. Events are told apart by the first `depth` bits of their
 * subject's position, at most 16. Errors: TALLY_EIO, TALLY_EFULL, TALLY_EEXISTS, TALLY_ENOMEM. */
int snapshot_spill_open(const struct disk *disk, const char *path, uint32_t depth,
    struct snapshot_spill **spill) TALLY_MUST_CHECK;
/* Removes the file. */
void snapshot_spill_close(struct snapshot_spill *spill);
/* Errors: TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM. */
int snapshot_spill_add(struct snapshot_spill *spill, const struct spilled_event *event) TALLY_MUST_CHECK;
/* The events whose positions begin with `prefix`, by position and then in the order of the ledger; borrowed
 * until the next call. Cheap for prefixes in ascending order. Errors: TALLY_EIO, TALLY_ENOMEM. */
int snapshot_spill_read(struct snapshot_spill *spill, uint32_t prefix, const struct spilled_event **events,
    size_t *count) TALLY_MUST_CHECK;

#endif
