/* What the rules read of a state beside the subjects, held against what the subjects' files fix of it. */
#ifndef TALLY_STORAGE_STATE_CHECK_H
#define TALLY_STORAGE_STATE_CHECK_H

#include "storage/state.h"

/* Looks at a state that was opened and not applied to: each account is in the subject's file that says so,
 * its events' ids by seq are those the file fixes, and there are no others; and where the state came with a
 * snapshot, each subject's events fold to its leaf, with their heights, times and results. Needs
 * state_config.accounts. What is wrong is told with a constant sentence. Errors: TALLY_EDAMAGED (a subject
 * cannot be read), TALLY_EIO, TALLY_ENOMEM. */
int state_check_accounts(
    struct state *state, void (*found)(void *context, const char *what), void *context) TALLY_MUST_CHECK;

#endif
