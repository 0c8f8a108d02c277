/* The culprits of one run of `tally blame`: judged, shown, and saved for others to check. */
#ifndef TALLY_TOOLS_BLAME_REPORT_H
#define TALLY_TOOLS_BLAME_REPORT_H

#include <jansson.h>

#include "proto/codec/genesis.h"
#include "proto/proof/blame.h"
#include "proto/proof/verify.h"
#include "tools/command.h"

struct blame_report {
    const struct genesis *genesis;   /* borrowed: names */
    const struct proof_trust *trust; /* borrowed: keys */
    const char *out;                 /* where the evidence is saved; NULL = nowhere */
    uint32_t count;                  /* told so far */
    json_t *culprits;                /* with --json */
    struct buffer lines;             /* with `out` */
};

void blame_report_init(struct blame_report *report, const struct genesis *genesis,
    const struct proof_trust *trust, const char *out);
void blame_report_close(struct blame_report *report);

/* Judges one piece of evidence by nothing but itself, and tells it; fails where it proves nothing, naming
 * `where` it stands. */
enum tool_exit blame_report_add(struct context *context, struct blame_report *report,
    const struct evidence *evidence, const char *where) TALLY_MUST_CHECK;
/* Saves the lines and ends the JSON: `conflict` is its word for what was found, at `height` (0 = at none). */
enum tool_exit blame_report_end(struct context *context, struct blame_report *report, const char *conflict,
    uint64_t height) TALLY_MUST_CHECK;

/* Adds every line of a saved file, and ends. */
enum tool_exit blame_report_saved(
    struct context *context, struct blame_report *report, const char *path) TALLY_MUST_CHECK;

#endif
