/* What the rules read of a state beside the subjects, held against what the subjects' files fix of it. */
#ifndef TALLY_STORAGE_STATE_CHECK_H
#define TALLY_STORAGE_STATE_CHECK_H

#include "storage/state.h"

struct state_checker {
    /* The header of an event above state_base_height, by its place, in the arena. NULL: there is no ledger to
     * read; what was ordered above is then looked for, and not held against the files. Errors end the check.
     */
    int (*header)(void *context, uint64_t height, uint32_t index, struct arena *arena, struct span *header);
    /* What is wrong, a constant sentence. */
    void (*found)(void *context, const char *what);
    void *context;
};

/* Looks at a state that was opened and not applied to: each account is in the subject's file that says so;
 * each subject's events, with their heights, times and results, and what their headers say, fold to its leaf
 * and make what its file fixes of them; its accounts' events are found by their seqs, those with an item id
 * by that, those that correct or retract by what they aim at; and nothing else is found so. Needs
 * state_config.accounts. Errors: TALLY_EDAMAGED (a subject cannot be read), TALLY_EIO, TALLY_ENOMEM. */
int state_check_accounts(struct state *state, const struct state_checker *checker) TALLY_MUST_CHECK;

#endif
