/* The folder an audit works in: it holds the state that is made, and a copy of the node's, and is gone
 * afterwards. */
#ifndef TALLY_TOOLS_AUDIT_WORK_H
#define TALLY_TOOLS_AUDIT_WORK_H

#include "tools/home.h"

struct audit_work {
    char path[HOME_PATH_MAX]; /* "" = not made */
    char own[HOME_PATH_MAX];  /* empty */
    char kept[HOME_PATH_MAX]; /* holds the copy, as kept/state */
    bool has_kept;            /* the node has a state */
};

/* Makes it, under a name of its own, in `parent`, or beside the home where that is NULL, and copies
 * data/state into it: LevelDB changes a database that it opens. audit_work_close is the caller's on failure
 * too. */
enum tool_exit audit_work_open(struct context *context, const struct home *home, const char *parent,
    const char *data, struct audit_work *work) TALLY_MUST_CHECK;
/* What cannot be removed is told of on stderr. */
void audit_work_close(struct audit_work *work);

#endif
