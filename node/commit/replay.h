/* The state, brought level with the ledger and kept there: opened, replayed, rebuilt, applied to, flushed.
 * The work of the state thread, on whatever thread calls; one at a time. */
#ifndef TALLY_COMMIT_REPLAY_H
#define TALLY_COMMIT_REPLAY_H

#include "node/commit/execution.h"
#include "storage/ledger.h"
#include "storage/state.h"

/* The caller sets what stands before `state`, and what is pointed to is borrowed and stays; the others are
 * NULL while nothing is open. */
struct replay {
    const char *data_dir;
    const struct genesis *genesis;
    struct ledger *ledger;
    size_t subject_cache_size; /* bytes; 0 = STATE_CACHE_SIZE */
    struct state *state;
    struct execution *execution;
};

/* What a genesis fixes of the state, and how files are read. */
struct state_config replay_config(const struct genesis *genesis);

/* Opens data_dir/state and replays into it what the ledger has beyond it, telling the log of long work. A
 * state that is damaged is discarded and rebuilt from the ledger. After an error replay_close is still the
 * caller's to call. Errors: as state_open's and the ledger's; TALLY_EPENDING (the next block is one that the
 * ledger lost): the state is open and stands before it, for replay_catch_up. */
int replay_open(struct replay *replay) TALLY_MUST_CHECK;
/* What was not flushed is forgotten. */
void replay_close(struct replay *replay);
/* Replays what the ledger has beyond the state, which is open. Errors: as the ledger's, TALLY_EPENDING as
 * above, TALLY_EVERSION as of execution_apply, and TALLY_EDAMAGED, which is the state's. */
int replay_catch_up(struct replay *replay) TALLY_MUST_CHECK;
/* Throws the state away, open or not, and makes it anew from the ledger. Errors: as replay_open's. */
int replay_rebuild(struct replay *replay) TALLY_MUST_CHECK;

/* execution_apply. What it freezes is the caller's to flush. */
int replay_apply(struct replay *replay, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint) TALLY_MUST_CHECK;
/* The checkpoint of an applied height, no further back than the epoch before that of the next block, from
 * what the state kept of it. Errors: state_roots_get's. */
int replay_checkpoint(struct replay *replay, uint64_t height, struct checkpoint *checkpoint) TALLY_MUST_CHECK;
/* Whether what is frozen should be written now: it is certified, or there is much. */
bool replay_flush_due(struct replay *replay);
/* Flushes what is certified, or all where much would be left: a restart can then prove at once, or has little
 * to replay. Without a flush under way. Errors: state_flush's. */
int replay_flush(struct replay *replay) TALLY_MUST_CHECK;

#endif
