/* What of remembered batches stands under state_root: a Merkle tree over those of each minute of expiry, in
 * the order they were applied, so that any run of them can be checked by itself. A minute leaves the window
 * once all of it lies at or before the block's time, the same on every node. */
#ifndef TALLY_STORAGE_REPLAY_WINDOW_H
#define TALLY_STORAGE_REPLAY_WINDOW_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/crypto/merkle.h"

#define REPLAY_MINUTE_MS 60000u
/* Expiries lie within BATCH_LIFETIME_MS_MAX of a block's time: that many minutes, and one for each broken
 * end. */
#define REPLAY_MINUTES_MAX (BATCH_LIFETIME_MS_MAX / REPLAY_MINUTE_MS + 2u)

struct replay_minute {
    uint64_t minute;                /* expires_at_ms / REPLAY_MINUTE_MS */
    struct merkle_frontier batches; /* over replay_leaf of each */
};

struct replay_window {
    uint32_t minute_count;
    struct replay_minute minutes[REPLAY_MINUTES_MAX]; /* ascending */
};

/* Drops the minutes that lie wholly at or before `time_ms`. */
void replay_window_advance(struct replay_window *window, uint64_t time_ms);
/* The lowest minute that still counts at `time_ms`. */
static inline uint64_t replay_minute_live(uint64_t time_ms)
{
    return time_ms / REPLAY_MINUTE_MS;
}
/* H(TAG_REPLAY_BATCH | batch digest | expires_at_ms u64). */
struct digest replay_leaf(const struct digest *batch, uint64_t expires_at_ms);
/* *order is how many batches of its minute came before it. Errors: TALLY_EINVALID (expired at `time_ms`, or
 * later than BATCH_LIFETIME_MS_MAX after it). */
int replay_window_add(struct replay_window *window, uint64_t time_ms, const struct digest *batch,
    uint64_t expires_at_ms, uint32_t *order) TALLY_MUST_CHECK;
/* H(TAG_REPLAY_WINDOW | minute u64, count u64, root of each, ascending). */
struct digest replay_window_root(const struct replay_window *window);

/* minute count u32, and of each: minute u64 | count u64 | the tree's complete subtrees, largest first. */
void replay_window_encode(const struct replay_window *window, struct buffer *out);
/* Reads what encode wrote. Errors: TALLY_EFORM. */
int replay_window_decode(struct reader *reader, struct replay_window *window) TALLY_MUST_CHECK;

#endif
