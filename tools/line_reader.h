/* Lines of a file or a pipe, within a bound. */
#ifndef TALLY_TOOLS_LINE_READER_H
#define TALLY_TOOLS_LINE_READER_H

#include "proto/base/bytes.h"

struct line_reader {
    int descriptor; /* borrowed */
    size_t line_size_max;
    uint8_t *data; /* 2 * line_size_max */
    size_t start, end;
    uint64_t number; /* of the line handed out last, from 1 */
    bool at_end;
};

/* Errors: TALLY_ENOMEM. */
int line_reader_open(struct line_reader *reader, int descriptor, size_t line_size_max) TALLY_MUST_CHECK;
void line_reader_close(struct line_reader *reader);

/* The next line, without its newline or carriage return; it holds until the next call.
 * Errors: TALLY_ENOTFOUND (there is none), TALLY_ELIMIT (it is longer than the bound; it is skipped, and the
 * next call goes on behind it), TALLY_EIO (errno says why). */
int line_reader_next(struct line_reader *reader, struct span *line) TALLY_MUST_CHECK;

/* Whether there is nothing but spaces and tabs in it. */
bool line_is_blank(struct span line);

#endif
