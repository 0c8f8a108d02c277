/* Whole files: read within a bound, written so that a crash leaves the old or the new. */
#ifndef TALLY_TOOLS_FILE_H
#define TALLY_TOOLS_FILE_H

#include <sys/types.h>

#include "proto/base/bytes.h"

#define KEY_FILE_SIZE 32

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

/* A secret of 32 bytes as 64 hexadecimal digits and a newline, mode 0600. Reading refuses a file that others
 * may read. Errors: as above; TALLY_EFORM (other content). */
int key_file_create(
    const char *path, const uint8_t key[KEY_FILE_SIZE], char *why, size_t why_size) TALLY_MUST_CHECK;
int key_file_read(const char *path, uint8_t key[KEY_FILE_SIZE], char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
