/* The culprits of one run of `tally blame`: judged, shown, and saved for others to check. */
#ifndef TALLY_TOOLS_BLAME_REPORT_H
#define TALLY_TOOLS_BLAME_REPORT_H

#include <jansson.h>

#include "proto/proof/blame.h"
#include "tools/blame_epochs.h"

struct blame_report {
    struct blame_epochs *epochs; /* borrowed: keys, and the genesis for names */
    const char *out;             /* where the evidence is saved; NULL = nowhere */
    uint32_t count;              /* told so far */
    json_t *culprits;            /* with --json */
    struct buffer lines;         /* with `out` */
};

void blame_report_init(struct blame_report *report, struct blame_epochs *epochs, const char *out);
void blame_report_close(struct blame_report *report);

/* Judges one piece of evidence by nothing but itself and its epoch's validators, and tells it; fails where it
 * proves nothing, naming `where` it stands. */
enum tool_exit blame_report_add(struct context *context, struct blame_report *report,
    const struct evidence *evidence, const char *where) TALLY_MUST_CHECK;
/* Saves the lines and ends the JSON: `conflict` is its word for what was found, at `height` (0 = at none). */
enum tool_exit blame_report_end(struct context *context, struct blame_report *report, const char *conflict,
    uint64_t height) TALLY_MUST_CHECK;

/* Adds every line of a saved file, and ends. */
enum tool_exit blame_report_saved(
    struct context *context, struct blame_report *report, const char *path) TALLY_MUST_CHECK;

#endif
