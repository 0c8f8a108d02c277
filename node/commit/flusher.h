/* Writes the state to LevelDB late, on a thread of its own, while the state thread goes on applying. The
 * state thread begins and ends each flush; what it froze is written in between. */
#ifndef TALLY_COMMIT_FLUSHER_H
#define TALLY_COMMIT_FLUSHER_H

#include "node/commit/replay.h"
#include "node/commit/snapshotter.h"
#include "node/jobs/worker.h"

struct flusher;

/* `replay` is the state thread's, and `state_thread` its worker; `snapshots` is offered what is on disk after
 * each flush; all are borrowed. `on_failed` is told, on the loop, that the state cannot be written. Errors:
 * TALLY_ENOMEM. */
int flusher_open(uv_loop_t *loop, struct replay *replay, struct worker *state_thread,
    struct snapshotter *snapshots, void (*on_failed)(void *context, int error), void *context,
    struct flusher **flusher) TALLY_MUST_CHECK;
/* On the loop: something was written to the state. A flush begins where one is due, now or a while later. */
void flusher_note(struct flusher *flusher);
/* On the state thread: waits for the flush under way, if there is one, and ends it; the state may then be
 * closed. Errors: state_flush_end's. */
int flusher_settle(struct flusher *flusher) TALLY_MUST_CHECK;
/* On the state thread, before a block: pauses where the disk falls behind, flush_pause_us long; and where
 * more is unflushed than FLUSH_SIZE_MAX, settles until it is not. Errors: state_flush_end's. */
int flusher_make_room(struct flusher *flusher) TALLY_MUST_CHECK;
/* On the loop: no flush begins any more, and the thread ends. Afterwards, and after the state thread, whoever
 * calls flusher_settle ends what was under way; then it is closed. */
void flusher_stop(struct flusher *flusher);
void flusher_close(struct flusher *flusher);

#endif
