/* Where an import's lines come from, when they are not the lines of its file. */
#ifndef TALLY_TOOLS_IMPORT_SOURCE_H
#define TALLY_TOOLS_IMPORT_SOURCE_H

#include "tools/command.h"
#include "tools/salt.h"
#include "tools/subject_id.h"

#define IMPORT_WHY_SIZE 256

/* What makes pseudonyms of the numbers in a file. */
struct source_keys {
    uint8_t subject[SUBJECT_KEY_SIZE]; /* the network's */
    uint8_t salt[SALT_KEY_SIZE];       /* the member's */
};

/* Reads those that are needed from the home that the command line names; none is needed without one. The
 * caller wipes them. */
enum tool_exit source_keys_read(
    struct context *context, bool subject, bool salt, struct source_keys *keys) TALLY_MUST_CHECK;

struct import_source {
    void *context;
    /* The next event, in the form that import_line_parse reads; *text holds until the next call. *number is
     * the line of the file that it stands in. Errors: TALLY_ENOTFOUND (there is none), TALLY_EFORM (it is no
     * event, and `why` says in one sentence what is wrong; the next call goes on behind it), TALLY_EIO (errno
     * says why), TALLY_ENOMEM. */
    int (*next)(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE]);
    /* The event told last is refused, and `why` begins with the field: adds where in the line that stands.
     * NULL where every event that is told can be read. */
    void (*place)(void *context, char why[IMPORT_WHY_SIZE]);
};

/* Prints the events, one a line, and what is wrong on stderr. TOOL_REFUSED where anything is. */
enum tool_exit import_source_print(
    struct context *context, const char *file_name, const struct import_source *source) TALLY_MUST_CHECK;

#endif
