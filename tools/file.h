/* Whole files: read within a bound, written so that a crash leaves the old or the new. */
#ifndef TALLY_TOOLS_FILE_H
#define TALLY_TOOLS_FILE_H

#include <sys/types.h>

#include "proto/base/bytes.h"

/* Appends the whole file to `out`, whose size_max is the bound. `why` holds one sentence on failure, naming
 * the file. Errors: TALLY_ENOTFOUND, TALLY_EDENIED, TALLY_ELIMIT, TALLY_EIO. */
int file_read(const char *path, struct buffer *out, char *why, size_t why_size) TALLY_MUST_CHECK;

/* Creates a file that was not there, on disk before it has its name. Errors: TALLY_EEXISTS, TALLY_EDENIED,
 * TALLY_EIO. */
int file_create(
    const char *path, mode_t mode, struct span content, char *why, size_t why_size) TALLY_MUST_CHECK;
/* The same, replacing what was there. */
int file_replace(
    const char *path, mode_t mode, struct span content, char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
