/* Snapshots on disk: DIR/snapshots holds a file for each part and each head, HEIGHT-head, HEIGHT-block,
 * HEIGHT-history-00000 and so on, the height in 20 digits. A head is written last and removed first: what has
 * none is unfinished, and nobody reads it. A finished one never changes.
 *
 * Reading is for any thread, meanwhile; saving for one at a time. */
#ifndef TALLY_STORAGE_SNAPSHOT_FILE_H
#define TALLY_STORAGE_SNAPSHOT_FILE_H

#include "storage/snapshot.h"

/* The newest are kept, so that whoever fetches the parts of one has time to. */
#define SNAPSHOTS_KEPT 2u
#define SNAPSHOT_NAME_SIZE 64u

/* The name of a part's file in DIR/snapshots; of the head's with kind 0. */
void snapshot_file_name(uint64_t height, uint32_t kind, uint32_t index, char name[SNAPSHOT_NAME_SIZE]);
/* The height that a file's name begins with; 0 where it is no such name. */
uint64_t snapshot_file_height(const char *name);

/* The newest finished one at or below `most`. Errors: TALLY_ENOTFOUND, TALLY_EIO, TALLY_ELIMIT (path). */
int snapshot_newest(
    const struct disk *disk, const char *dir, uint64_t most, uint64_t *height) TALLY_MUST_CHECK;
/* Appends the bytes, unchecked, to `out`, which has room for SNAPSHOT_PART_SIZE_MAX. Errors: TALLY_ENOTFOUND
 * (no such part, or the snapshot is gone), TALLY_EDAMAGED (larger than a part can be), TALLY_EIO,
 * TALLY_ENOMEM. */
int snapshot_head_read(
    const struct disk *disk, const char *dir, uint64_t height, struct buffer *out) TALLY_MUST_CHECK;
int snapshot_part_read(const struct disk *disk, const char *dir, uint64_t height, uint32_t kind,
    uint32_t index, struct buffer *out) TALLY_MUST_CHECK;

/* Begins to save one; what is unfinished, of whatever height, is removed. Errors: TALLY_EEXISTS (it is
 * there), TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT. */
int snapshot_save_begin(const struct disk *disk, const char *dir, uint64_t height) TALLY_MUST_CHECK;
/* Errors: TALLY_EIO, TALLY_EFULL, TALLY_ELIMIT. */
int snapshot_save_part(const struct disk *disk, const char *dir, uint64_t height, uint32_t kind,
    uint32_t index, struct span bytes) TALLY_MUST_CHECK;
/* Finishes it, durably, once all parts were saved, and removes those that are no longer kept; one that cannot
 * be removed is when the next is begun. Errors: TALLY_EIO, TALLY_EFULL, TALLY_ELIMIT: it may stand or not. */
int snapshot_save_end(
    const struct disk *disk, const char *dir, uint64_t height, struct span head) TALLY_MUST_CHECK;
/* Removes one, finished or not. Errors: TALLY_EIO, TALLY_ENOMEM, TALLY_ELIMIT. */
int snapshot_remove(const struct disk *disk, const char *dir, uint64_t height) TALLY_MUST_CHECK;

#endif
