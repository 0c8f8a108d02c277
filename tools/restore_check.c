#include "tools/restore_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "node/credit/subject_state.h"
#include "tools/output.h"

#define PROGRESS_MS 200u

struct checking {
    char first[MESSAGE_SIZE_MAX / 2]; /* the first problem: which file, where, what */
    uint64_t shown_ms;
};

static void on_found(void *context, const struct fsck_problem *problem)
{
    struct checking *checking = context;
    char at[64] = "";
    if (checking->first[0] != '\0') return;
    if (problem->offset != FSCK_NO_OFFSET) snprintf(at, sizeof at, ", byte %" PRIu64, problem->offset);
    snprintf(checking->first, sizeof checking->first, "%s%s: %s", problem->file, at, problem->what);
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t of)
{
    struct checking *checking = context;
    uint64_t now = clock_steady_ms();
    if (now - checking->shown_ms < PROGRESS_MS) return;
    checking->shown_ms = now;
    progress_show("checked %s: %" PRIu64 " of %" PRIu64 " MiB", what, done >> 20, of >> 20);
}

enum tool_exit restore_check(struct context *context, const char *folder, const char *data,
    const struct genesis *genesis, const struct backup_manifest *manifest, struct fsck_counts *counts)
{
    struct checking checking = {.first = ""};
    struct fsck_options options = {.dir = data,
        .genesis = genesis,
        .accounts = subject_state_chains,
        .found = on_found,
        .progress = on_progress,
        .context = &checking};
    int error = fsck_backup(&options, counts);
    progress_end();
    if (error != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "BACKUP", "%s cannot be checked to the end: %s", folder,
            tally_error_text(error));
    if (counts->problems > 1)
        return context_fail(context, TOOL_REFUSED, "BACKUP",
            "%s/%s; and %" PRIu64 " more problems: this backup is damaged, though its MANIFEST fits", folder,
            checking.first, counts->problems - 1);
    if (counts->problems == 1)
        return context_fail(context, TOOL_REFUSED, "BACKUP",
            "%s/%s: this backup is damaged, though its MANIFEST fits", folder, checking.first);
    if (counts->height != manifest->height)
        return context_fail(context, TOOL_REFUSED, "BACKUP",
            "%s/" BACKUP_MANIFEST " says that it is final up to height %" PRIu64
            ", and its ledger is up to %" PRIu64 ": blocks were left out",
            folder, manifest->height, counts->height);
    return TOOL_DONE;
}
