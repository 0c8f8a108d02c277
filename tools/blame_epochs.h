/* The validators of the epoch that evidence is of: from the genesis on, by what saved answers tell of how
 * epochs ended. Whoever wrote those, each seal is signed by the validators that the one before it names. */
#ifndef TALLY_TOOLS_BLAME_EPOCHS_H
#define TALLY_TOOLS_BLAME_EPOCHS_H

#include "storage/epoch_sets.h"
#include "tools/command.h"

#define BLAME_SEALS_MAX 3u

struct blame_epochs {
    const struct genesis *genesis; /* borrowed */
    uint32_t list_count;
    struct span lists[BLAME_SEALS_MAX]; /* encoded seals, from the first epoch's on; borrowed */
    struct verify_set validators;       /* of the epoch that was reached last */
};

/* Stands at the first epoch. The context holds why it failed. */
enum tool_exit blame_epochs_open(
    struct context *context, const struct genesis *genesis, struct blame_epochs *epochs) TALLY_MUST_CHECK;
/* Takes in what an answer has of seals, which may be nothing; at most BLAME_SEALS_MAX times. */
void blame_epochs_learn(struct blame_epochs *epochs, struct span seals);
/* Goes to an epoch, forward or back; fails where no seals that hold lead there. `what` is of that epoch. */
enum tool_exit blame_epochs_reach(
    struct context *context, struct blame_epochs *epochs, uint64_t epoch, const char *what) TALLY_MUST_CHECK;

#endif
