/* A ledger and a state made beside a node's own, and put in their place whole or not at all.
 *
 * A node that begins with a snapshot makes both in DIR/joining while DIR's own are open and empty. Once all
 * of it is durable, the file DIR/joining/whole says so, and the next start puts it in place. Without that
 * file the folder is what a crash left, and is emptied. */
#ifndef TALLY_STORAGE_ADOPTION_H
#define TALLY_STORAGE_ADOPTION_H

#include "storage/disk.h"

/* Makes DIR/joining, or empties it, and writes its path. Nobody has anything in it open. Errors: TALLY_EIO,
 * TALLY_EFULL, TALLY_ELIMIT, TALLY_EINVALID (it is whole: adoption_finish comes first). */
int adoption_begin(const struct disk *disk, const char *dir, char path[DISK_PATH_SIZE_MAX]) TALLY_MUST_CHECK;
/* Everything in DIR/joining is durable, and closed. Errors: TALLY_EIO, TALLY_EFULL. */
int adoption_end(const struct disk *disk, const char *dir) TALLY_MUST_CHECK;
/* At a start, before anything is open: what is whole replaces DIR's own ledger, bodies and state, however
 * often that is cut short; what is not is thrown away. *adopted says which. Errors: TALLY_EIO, TALLY_EFULL,
 * TALLY_ELIMIT. */
int adoption_finish(const struct disk *disk, const char *dir, bool *adopted) TALLY_MUST_CHECK;

#endif
