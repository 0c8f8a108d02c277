/* Where an import's lines come from, when they are not the lines of its file. */
#ifndef TALLY_TOOLS_IMPORT_SOURCE_H
#define TALLY_TOOLS_IMPORT_SOURCE_H

#include "proto/base/bytes.h"

#define IMPORT_WHY_SIZE 256

struct import_source {
    void *context;
    /* The next event, in the form that import_line_parse reads; *text holds until the next call. *number is
     * the line of the file that it stands in. Errors: TALLY_ENOTFOUND (there is none), TALLY_EFORM (it is no
     * event, and `why` says in one sentence what is wrong; the next call goes on behind it), TALLY_EIO (errno
     * says why), TALLY_ENOMEM. */
    int (*next)(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE]);
    /* The event told last is refused, and `why` begins with the field: adds where in the line that stands. */
    void (*place)(void *context, char why[IMPORT_WHY_SIZE]);
};

#endif
