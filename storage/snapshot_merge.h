/* The folded events of a state, subject by subject: first those that it came with, then those of the blocks
 * since, from their sort. */
#ifndef TALLY_STORAGE_SNAPSHOT_MERGE_H
#define TALLY_STORAGE_SNAPSHOT_MERGE_H

#include "storage/base_record.h"
#include "storage/snapshot_spill.h"
#include "storage/store_records.h"

struct snapshot_merge {
    struct store_records base;
    struct snapshot_spill *spill; /* sorted; borrowed */
    bool held;                    /* a record of the base is looked at */
    struct base_chunk chunk;      /* it */
    const uint8_t *position;      /* its subject's */
    uint32_t chunk_at;            /* events of it that were taken */
};

void snapshot_merge_init(
    struct snapshot_merge *merge, const struct store_view *view, struct snapshot_spill *spill);
void snapshot_merge_close(struct snapshot_merge *merge);
/* The next event of the subject there, its account, if any, counted in `chains`; positions come in order.
 * Errors: TALLY_ENOTFOUND (it has no more), TALLY_EDAMAGED (an event is of no account, or of no subject),
 * TALLY_EIO, TALLY_ENOMEM. */
int snapshot_merge_next(struct snapshot_merge *merge, const struct digest *position,
    const struct account_chain *chains, uint32_t chain_count, struct snapshot_event *event) TALLY_MUST_CHECK;
/* Errors: TALLY_EDAMAGED (events are left, of no subject), TALLY_EIO, TALLY_ENOMEM. */
int snapshot_merge_end(struct snapshot_merge *merge) TALLY_MUST_CHECK;

#endif
