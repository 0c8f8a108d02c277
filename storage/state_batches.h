/* The remembered batches of one minute of expiry, as the store has them. */
#ifndef TALLY_STORAGE_STATE_BATCHES_H
#define TALLY_STORAGE_STATE_BATCHES_H

#include "storage/replay_window.h"
#include "storage/store.h"

struct remembered_batch {
    struct digest digest;
    uint64_t expires_at_ms;
};

/* All of a minute of the window, in the order they were applied, into `batches`, which has room for
 * minute->batches.count. Errors: TALLY_EDAMAGED (the store has others than the window says), TALLY_EIO,
 * TALLY_ENOMEM. */
int state_batches_read(const struct store_view *view, const struct replay_minute *minute,
    struct remembered_batch *batches) TALLY_MUST_CHECK;

/* Holds what the store has of every minute of the window at `time_ms`, and later ones, against the window.
 * Errors: as above. */
int state_batches_check(
    const struct store_view *view, const struct replay_window *window, uint64_t time_ms) TALLY_MUST_CHECK;

#endif
