/* What a backup says of itself: the file MANIFEST, lines of text.
 *
 *   tallystick backup 1
 *   chain CHAIN_ID
 *   height H               of the newest block in it that is known to be final
 *   SHA256  SIZE  NAME     a line for each file: ledger/.., bodies/.., mended/.., snapshots/..
 *   end SHA256             of all the lines before
 */
#ifndef TALLY_TOOLS_BACKUP_MANIFEST_H
#define TALLY_TOOLS_BACKUP_MANIFEST_H

#include "storage/backup.h"

#define BACKUP_MANIFEST "MANIFEST"
#define BACKUP_FILES_MAX 200000u
#define BACKUP_MANIFEST_SIZE_MAX (64u * 1024u * 1024u)

struct backup_manifest {
    struct digest chain_id;
    uint64_t height;
    struct backup_file *files;
    size_t count, capacity;
};

/* Zeros are an empty one. */
void backup_manifest_close(struct backup_manifest *manifest);
/* Errors: TALLY_ENOMEM, TALLY_ELIMIT. */
int backup_manifest_add(struct backup_manifest *manifest, const struct backup_file *file) TALLY_MUST_CHECK;
void backup_manifest_encode(const struct backup_manifest *manifest, struct buffer *out);
/* Into an empty one. Errors: TALLY_EFORM, TALLY_EVERSION, TALLY_EDAMAGED (its own digest), TALLY_ENOMEM,
 * TALLY_ELIMIT. */
int backup_manifest_decode(struct span bytes, struct backup_manifest *manifest) TALLY_MUST_CHECK;

#endif
