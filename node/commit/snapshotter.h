/* Makes snapshots of the state now and then, on a thread of its own, at half its speed but for the first,
 * from what a flush left on disk; the state goes on meanwhile. The newest two are kept in DIR/snapshots, for
 * whoever joins and for backups.
 *
 * One is due when the events since the last are a sixteenth of all, and 10,000 at least; or with any event
 * once the last is a day old, by the blocks' time; or when there is none. But after one that took long it
 * rests ten times as long, and twenty times after the first. */
#ifndef TALLY_COMMIT_SNAPSHOTTER_H
#define TALLY_COMMIT_SNAPSHOTTER_H

#include "node/commit/replay.h"
#include "node/jobs/worker.h"

struct snapshotter;

/* Where the last snapshot stands; zeros where there is none. */
struct snapshot_mark {
    uint64_t height, time_ms, events;
};

bool snapshot_is_due(const struct snapshot_mark *last, const struct snapshot_mark *now);

/* Holds what DIR/snapshots has against its roots first, off the loop: one that is damaged is deleted, so that
 * another is made. What it is given is borrowed. Errors: TALLY_ENOMEM, TALLY_EFORM (the genesis' validators).
 */
int snapshotter_open(uv_loop_t *loop, const char *data_dir, const struct genesis *genesis,
    struct ledger *ledger, struct snapshotter **snapshotter) TALLY_MUST_CHECK;
/* On the state thread, between two flushes: takes what is on disk, if a snapshot of it is due. The state is
 * not closed before snapshotter_settle. */
void snapshotter_take(struct snapshotter *snapshotter, struct state *state);
/* On the loop, afterwards: begins to write what was taken. */
void snapshotter_write(struct snapshotter *snapshotter);
/* On the state thread: lets go of what was taken; a snapshot that is being made is given up. */
void snapshotter_settle(struct snapshotter *snapshotter);
/* On the loop: gives up what is being made, and ends the thread. */
void snapshotter_close(struct snapshotter *snapshotter);

#endif
