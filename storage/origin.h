/* Whether a folder's files are the ones that were made here, or a copy of them.
 *
 * A *mark* is a small file that holds its own identity: inode number and time of birth, which no tool that
 * copies, packs or restores files can set. It stays true when the folder is moved within its file system, and
 * when the whole disk moves. A copy's mark speaks of another file. Every start makes a new mark under a name
 * of its own, so that an older copy put over the original brings a second one, which does not hold.
 *
 * What it cannot tell: a disk or a whole machine that is set back to an earlier image of itself, and files
 * overwritten in place by a copy that was taken since the last start. */
#ifndef TALLY_STORAGE_ORIGIN_H
#define TALLY_STORAGE_ORIGIN_H

#include "storage/disk.h"

#define ORIGIN_DETAIL_SIZE 160u

/* Marks the folder's files as original, durably, and removes every older mark. Errors: TALLY_EIO,
 * TALLY_EFULL, TALLY_ELIMIT (path). */
int origin_mark(const struct disk *disk, const char *dir) TALLY_MUST_CHECK;

/* Holds every mark of the folder against the file it is in. Errors: TALLY_ENOTFOUND (no mark, or no folder),
 * TALLY_EDENIED (one does not hold: a copy; `detail` says what was found, else it is ""), TALLY_EIO,
 * TALLY_ELIMIT (path). */
int origin_check(const struct disk *disk, const char *dir, char detail[ORIGIN_DETAIL_SIZE]) TALLY_MUST_CHECK;

#endif
