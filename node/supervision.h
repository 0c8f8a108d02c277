/* What a regulator is told of everybody's events: the blocks that an inquiry of its own is about, once that
 * is final. Like any inquiry it is on the ledger before an answer leaves, so that who read what, and when,
 * is every member's to see. On any thread that may read the state. */
#ifndef TALLY_NODE_SUPERVISION_H
#define TALLY_NODE_SUPERVISION_H

#include "node/inquiry.h"
#include "proto/codec/subject_scheme.h"

/* Which blocks the inquiry opens to the asker now; `now_ms` is UTC by this machine's clock. Of the register
 * and the policy those count that the newest block applied left. Errors: TALLY_ENOTFOUND (the member has no
 * such inquiry about blocks here), TALLY_EDENIED (it was refused, or the member is no regulator, or is
 * suspended or removed, or the policy gives regulators no such ground any more), TALLY_ETIMEOUT (it was
 * answered for as long as the policy says), TALLY_EPENDING, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int supervision_open(const struct asker *asker, const struct digest *inquiry, uint64_t now_ms,
    struct block_range *blocks) TALLY_MUST_CHECK;

#endif
