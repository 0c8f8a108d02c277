/* Epoch after epoch, whose signatures count: from the genesis's validators on, by the seals that are kept. */
#ifndef TALLY_STORAGE_EPOCH_SETS_H
#define TALLY_STORAGE_EPOCH_SETS_H

#include "proto/codec/agreement.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/genesis.h"

struct epoch_sets {
    struct digest chain_id;
    struct verify_set validators; /* of the epoch that was reached */
    struct span seals_left;       /* borrowed */
};

/* Stands at the first epoch. `seals` is an encoded list of all epochs from the first on, as far as they are
 * known. Errors: TALLY_EFORM (a key of the genesis). */
int epoch_sets_init(
    const struct genesis *genesis, struct span seals, struct epoch_sets *sets) TALLY_MUST_CHECK;
/* Goes on to the epoch. False where no seals that hold lead to it, or it lies behind. */
bool epoch_sets_reach(struct epoch_sets *sets, uint64_t epoch);

#endif
