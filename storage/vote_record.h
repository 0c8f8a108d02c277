/* What a validator must not forget, in DIR/votes: an append-only record that is on disk before anything it
 * promises leaves the node (R2 to R5, and checkpoints).
 *
 * A record is made by an explicit call alone (R13): a validator whose record is missing or damaged does not
 * vote, and opening it says so. A copy of a record, as a backup that was restored leaves it, may lack the
 * newest votes, and is not opened at all: see storage/origin.h. An object is used by one thread at a time. */
#ifndef TALLY_STORAGE_VOTE_RECORD_H
#define TALLY_STORAGE_VOTE_RECORD_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "storage/disk.h"

struct vote_record;

/* Record types 1 to VOTE_RECORD_TYPE_MAX are the caller's; the rest are this module's. */
#define VOTE_RECORD_TYPE_MAX 127u
/* The largest record: a proposal with its payload. */
#define VOTE_RECORD_SIZE_MAX FRAME_SIZE_MAX

struct vote_record_options {
    uint64_t file_size_max; /* 0 = VOTE_RECORD_FILE_SIZE; a new file is begun past it */
};
#define VOTE_RECORD_FILE_SIZE (64ull * 1024 * 1024)

struct vote_record_report {
    uint64_t records;   /* given to `replay` */
    uint64_t bytes_cut; /* of a torn tail */
    char detail[160];   /* with an error: what is wrong, and in which file; else "" */
};

/* Begins a record for a first start. Errors: TALLY_EEXISTS (there is one, whole or not), TALLY_EIO,
 * TALLY_EFULL, TALLY_ELIMIT (path). */
int vote_record_create(
    const struct disk *disk, const char *dir, const struct digest *chain_id) TALLY_MUST_CHECK;

/* Opens dir/votes and gives every record back through `replay`, in the order appended; bytes are borrowed for
 * the call. An error that `replay` returns ends the opening and is returned. `options` NULL = defaults.
 * Errors that mean "may not vote": TALLY_ENOTFOUND (none was ever made, or it is gone), TALLY_EDAMAGED,
 * TALLY_ECHAIN, TALLY_EVERSION. TALLY_EDENIED: it is a copy, and nobody may go on from it. Others: TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM. */
int vote_record_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct vote_record_options *options,
    int (*replay)(void *context, uint8_t type, uint64_t view, struct span bytes), void *context,
    struct vote_record **record, struct vote_record_report *report) TALLY_MUST_CHECK;
/* What vote_record_open would return, without marking the record as opened; with disk_reader() nothing is
 * changed. Errors: as vote_record_open. */
int vote_record_examine(const struct disk *disk, const char *dir, const struct digest *chain_id,
    struct vote_record_report *report) TALLY_MUST_CHECK;
void vote_record_close(struct vote_record *record);
/* Notes, durably, that nothing more is appended before the record is opened again. A damaged byte of the last
 * record then is damage: without the note it cannot be told from a write that a crash cut short, and that
 * record, which nobody can have relied on, is cut. Errors: TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM: final. */
int vote_record_end(struct vote_record *record) TALLY_MUST_CHECK;

/* Adds a record; durable after vote_record_sync. Errors: TALLY_ELIMIT (larger than VOTE_RECORD_SIZE_MAX):
 * unchanged. TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM: every later call fails too, and the node must not vote on.
 */
int vote_record_append(
    struct vote_record *record, uint8_t type, uint64_t view, struct span bytes) TALLY_MUST_CHECK;
/* One group commit for everything appended. Errors: TALLY_EIO, TALLY_EFULL: final. */
int vote_record_sync(struct vote_record *record) TALLY_MUST_CHECK;

/* Says that nothing at or below `view` is needed any more. Old files all of whose records are at or below it
 * are deleted; the newest never is, so `replay` may still see older records. Errors: TALLY_EIO. */
int vote_record_prune(struct vote_record *record, uint64_t view) TALLY_MUST_CHECK;

/* Adds the promise to sign a checkpoint for `height`; durable after vote_record_sync, and only then may the
 * signature leave. Errors: TALLY_EEXISTS (`height` is not above the newest one promised: a height is signed
 * once ever), and as vote_record_append. */
int vote_record_checkpoint(struct vote_record *record, uint64_t height) TALLY_MUST_CHECK;
/* The newest height promised, 0 for none. It survives pruning. */
uint64_t vote_record_checkpoint_height(const struct vote_record *record);

#endif
