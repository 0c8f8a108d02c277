#include "storage/state_consistency.h"

#include "storage/state_internal.h"

int state_history_consistency(
    struct state *state, uint64_t older, uint64_t newer, struct digest *path, size_t *path_length)
{
    if (older == 0 || older > newer || newer > state_applied_height(state)) return TALLY_ENOTFOUND;
    return merkle_stored_consistency(older, newer, state_tree_get, state, path, path_length);
}
