/* Copies of what a node cannot make anew by itself: the segments of its ledger and bodies, those of older
 * blocks too where it began with a snapshot, and its newest snapshot. Never LevelDB's files, which the ledger
 * makes again; never data/votes, which no copy may vote by.
 *
 * It may be taken while the node runs. Sealed segments and finished snapshots do not change; of the newest
 * segment of each log all records that are whole are copied. The ledger's come first, then the bodies they
 * name. */
#ifndef TALLY_STORAGE_BACKUP_H
#define TALLY_STORAGE_BACKUP_H

#include "proto/base/bytes.h"
#include "storage/disk.h"

#define BACKUP_NAME_SIZE 80u

struct backup_file {
    char name[BACKUP_NAME_SIZE]; /* below the folder, as "ledger/0000000000000001" */
    uint64_t size;
    struct digest digest; /* SHA-256 of the bytes: what sha256sum says */
};

/* Copies, durably, into `to`, an empty folder, and tells each file. Errors: TALLY_ENOTFOUND (no ledger
 * there), and of a snapshot TALLY_EBUSY (it was deleted meanwhile: try again), TALLY_EDAMAGED (a segment),
 * TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT, and what `told` returns. */
int backup_copy(const struct disk *disk, const char *dir, const char *to,
    int (*told)(void *context, const struct backup_file *file), void *context) TALLY_MUST_CHECK;

/* Copies one file back, durably, making its folder in `to`. Errors: TALLY_EDAMAGED (not the size or the
 * digest; what was written of it stays), TALLY_ENOTFOUND, TALLY_EINVALID (no name of a backup's file),
 * TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT. */
int backup_put(const struct disk *disk, const char *from, const char *to,
    const struct backup_file *file) TALLY_MUST_CHECK;
/* Makes what was put durable in its folders. Errors: TALLY_EIO, TALLY_ELIMIT. */
int backup_put_end(const struct disk *disk, const char *to) TALLY_MUST_CHECK;

#endif
