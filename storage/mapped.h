/* The memory that LevelDB's files take. It reads them through mappings, and a page that was read once counts
 * as this process's for as long as the file stays open, though nobody needs it any more: a scan of a large
 * state would make the process as large as the state. Here such pages are given back to the system, whole
 * files at a time; what is needed again is read again. */
#ifndef TALLY_STORAGE_MAPPED_H
#define TALLY_STORAGE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

/* With more pages of files than this, some should be given back. */
#define MAPPED_SIZE_MAX ((size_t)256 << 20)

/* Whether the process has more than that. Cheap. False where the system does not say. */
bool mapped_is_much(void);
/* Gives back the pages of every LevelDB table; takes up to some tenths of a second, on any thread. Changes
 * nothing but time, whatever is mapped or unmapped meanwhile. Errors: TALLY_EIO (the system does not say what
 * is mapped, or does not know how to). */
int mapped_give_back(void) TALLY_MUST_CHECK;

#endif
