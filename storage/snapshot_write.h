/* Making a snapshot: from the state as it is on disk at one moment, beside everything else that goes on. */
#ifndef TALLY_STORAGE_SNAPSHOT_WRITE_H
#define TALLY_STORAGE_SNAPSHOT_WRITE_H

#include "storage/ledger.h"
#include "storage/snapshot_file.h"

/* The state as of the last flush. It is closed before the state is. */
struct snapshot_source;

/* On the state thread, with no flush under way (CHECKed). Errors: TALLY_ENOTFOUND (nothing was flushed, the
 * checkpoint of that height is not certified, or a seal before it not known: try after the next flush),
 * TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int snapshot_source_open(struct state *state, struct snapshot_source **source) TALLY_MUST_CHECK;
void snapshot_source_close(struct snapshot_source *source);
/* The checkpoint the snapshot would be of, and the counts after it. */
const struct checkpoint *snapshot_source_checkpoint(const struct snapshot_source *source);
const struct state_counts *snapshot_source_counts(const struct snapshot_source *source);

struct snapshot_writing {
    const struct disk *disk;
    const char *dir; /* data directory */
    struct ledger *ledger;
    const struct verify_set *validators; /* the genesis's */
    /* Asked every few milliseconds of work, so that it can be slowed down; false ends it. */
    bool (*go_on)(void *context);
    void *context;
};

/* Writes the source's snapshot, and checks its head as whoever gets it will. On any one thread. Errors:
 * TALLY_EEXISTS (there is one of this height), TALLY_ENOTFOUND (the block does not carry its own FC),
 * TALLY_ECLOSED (go_on said so), TALLY_ELIMIT (the state is too large: SNAPSHOT_PARTS_MAX,
 * SNAPSHOT_PART_SIZE_MAX), TALLY_EDAMAGED (what the state or the ledger holds does not make the signed
 * roots), TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM.
 */
int snapshot_write(
    const struct snapshot_source *source, const struct snapshot_writing *writing) TALLY_MUST_CHECK;

#endif
