/* One line of the file a furnisher writes: JSON -> the event it tells, all but what the ledger's chain adds.
 */
#ifndef TALLY_TOOLS_IMPORT_LINE_H
#define TALLY_TOOLS_IMPORT_LINE_H

#include "tools/import_label.h"

#define IMPORT_LINE_SIZE_MAX (64u * KIB)

struct import_line {
    struct event_header fields; /* without member, sequence, head and commitment */
    bool has_item;              /* an event without an account: its item id is given; else it is zeros */
    struct buffer body;         /* canonical bytes */
    char ref[EVENT_TEXT_SIZE_MAX + 1];
    size_t ref_size;
    char label[IMPORT_LABEL_SIZE_MAX + 1]; /* "" where it has none */
    const struct import_labels *labels;    /* of the lines before it; borrowed, NULL = there are none */
};

void import_line_init(struct import_line *line);
void import_line_close(struct import_line *line);

/* Reads one line, without its newline, of any type. On failure `why` is one sentence that names the field,
 * and of *line only fields.type holds: 0 where it names none. Errors: TALLY_EFORM (no JSON object, an unknown
 * or a missing field, or a value that does not fit), TALLY_ENOMEM. */
int import_line_parse(
    struct span text, struct import_line *line, char *why, size_t why_size) TALLY_MUST_CHECK;

/* Prints every field by type, for `tally help import`. */
void import_line_help(void);

#endif
