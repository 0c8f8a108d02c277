/* What `tally import` tells: rejections and progress as they come, and at the end what became of the file. */
#ifndef TALLY_TOOLS_IMPORT_REPORT_H
#define TALLY_TOOLS_IMPORT_REPORT_H

#include <jansson.h>

#include "tools/import_run.h"
#include "tools/metro2_totals.h"

struct import_report {
    struct context *context;
    const struct metro2_totals *metro2; /* NULL where the file is no Metro 2 file; borrowed */
    json_t *rejections;                 /* the first of them */
    json_t *reasons;                    /* how often each was given */
    uint64_t shown;
    uint64_t start_ms, progress_ms;
};

/* Errors: TALLY_ENOMEM; it is to be closed all the same. */
int import_report_open(struct context *context, const struct metro2_totals *metro2,
    struct import_report *report) TALLY_MUST_CHECK;
void import_report_close(struct import_report *report);

/* For the run; `report` is a struct import_report. */
void import_report_rejection(void *report, const struct import_rejection *rejection);
void import_report_progress(void *report, const struct import_result *so_far, bool waiting);

/* Prints the result of a run that came to the file's end. TOOL_REFUSED where anything was rejected, or a
 * Metro 2 file is not whole. */
enum tool_exit import_report_print(
    struct import_report *report, const struct import_result *result) TALLY_MUST_CHECK;

#endif
