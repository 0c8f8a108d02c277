#include "tools/blame_epochs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/check.h"

enum tool_exit blame_epochs_open(
    struct context *context, const struct genesis *genesis, struct blame_epochs *epochs)
{
    struct validator_set set;
    *epochs = (struct blame_epochs){.genesis = genesis};
    genesis_validator_set(genesis, &set);
    if (verify_set_init(&set, &epochs->validators) == TALLY_OK) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "GENESIS", "the genesis names a validator's key that is no key");
}

void blame_epochs_learn(struct blame_epochs *epochs, struct span seals)
{
    CHECK(epochs->list_count < BLAME_SEALS_MAX);
    epochs->lists[epochs->list_count++] = seals;
}

static bool reach_by(struct blame_epochs *epochs, struct span seals, uint64_t epoch, struct epoch_sets *sets)
{
    if (epoch_sets_init(epochs->genesis, seals, sets) != TALLY_OK) return false;
    if (!epoch_sets_reach(sets, epoch)) return false;
    epochs->validators = sets->validators;
    return true;
}

enum tool_exit blame_epochs_reach(
    struct context *context, struct blame_epochs *epochs, uint64_t epoch, const char *what)
{
    if (epochs->validators.set.epoch == epoch) return TOOL_DONE;
    struct epoch_sets *sets = calloc(1, sizeof *sets);
    if (sets == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    bool reached = reach_by(epochs, span_of(NULL, 0), epoch, sets);
    for (uint32_t i = 0; !reached && i < epochs->list_count; i++)
        reached = reach_by(epochs, epochs->lists[i], epoch, sets);
    free(sets);
    if (reached) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "EPOCH",
        "%s is of epoch %" PRIu64
        ", and nothing here leads from the genesis to its validators; name with --seals FILE what tally "
        "checkpoint "
        "--out saved in that epoch or a later one",
        what, epoch);
}
