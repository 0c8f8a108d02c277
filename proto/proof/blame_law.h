/* What blame shares. Private to this folder. */
#ifndef TALLY_PROOF_BLAME_LAW_H
#define TALLY_PROOF_BLAME_LAW_H

#include "proto/proof/blame.h"

/* Why `certificate` is not a quorum's on `view` and `block` (zeros in a nullification), its kind aside: a
 * constant sentence about who carries it; NULL where it is. */
const char *certificate_fault(const struct blame_law *law, const struct certificate *certificate,
    uint64_t view, const struct digest *block);

#endif
