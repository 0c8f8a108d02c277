/* That the history tree only grows: a path from the tree as of one height to the tree as of another. */
#ifndef TALLY_STORAGE_STATE_CONSISTENCY_H
#define TALLY_STORAGE_STATE_CONSISTENCY_H

#include "storage/state.h"

/* RFC 9162 consistency of history_root of `older` with that of `newer`; both applied, 1 <= older <= newer.
 * `path` has room for MERKLE_CONSISTENCY_MAX. Errors: TALLY_ENOTFOUND (other heights), TALLY_EDAMAGED,
 * TALLY_EIO, TALLY_ENOMEM. */
int state_history_consistency(struct state *state, uint64_t older, uint64_t newer, struct digest *path,
    size_t *path_length) TALLY_MUST_CHECK;

#endif
