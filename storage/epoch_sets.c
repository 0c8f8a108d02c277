#include "storage/epoch_sets.h"

int epoch_sets_init(const struct genesis *genesis, struct span seals, struct epoch_sets *sets)
{
    struct validator_set set;
    *sets = (struct epoch_sets){.chain_id = genesis->chain_id, .seals_left = seals};
    genesis_validator_set(genesis, &set);
    return verify_set_init(&set, &sets->validators);
}

/* By the next of the seals, which the epoch that it ends has signed. */
static bool advance(struct epoch_sets *sets)
{
    struct epoch_seal seal;
    if (sets->seals_left.size == 0 || epoch_seal_take(&sets->seals_left, &seal) != TALLY_OK) return false;
    const struct checkpoint *checkpoint = &seal.checkpoint.checkpoint;
    struct digest next = validator_set_hash(&seal.next_set);
    bool holds = digest_equal(&checkpoint->chain_id, &sets->chain_id) &&
                 digest_equal(&checkpoint->next_set_hash, &next) &&
                 certified_checkpoint_check(&sets->validators, &seal.checkpoint) == TALLY_OK;
    return holds && verify_set_init(&seal.next_set, &sets->validators) == TALLY_OK;
}

bool epoch_sets_reach(struct epoch_sets *sets, uint64_t epoch)
{
    while (sets->validators.set.epoch < epoch)
        if (!advance(sets)) return false;
    return sets->validators.set.epoch == epoch;
}
