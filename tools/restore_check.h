/* What a backup put back, against what was signed: nothing its MANIFEST says is taken on trust. */
#ifndef TALLY_TOOLS_RESTORE_CHECK_H
#define TALLY_TOOLS_RESTORE_CHECK_H

#include "storage/fsck.h"
#include "tools/backup_manifest.h"
#include "tools/command.h"

/* Reads all of `data`, which holds what the manifest of `folder` names and nothing else. The context holds
 * which file is not what was signed, and why. */
enum tool_exit restore_check(struct context *context, const char *folder, const char *data,
    const struct genesis *genesis, const struct backup_manifest *manifest,
    struct fsck_counts *counts) TALLY_MUST_CHECK;

#endif
