/* How fast blocks may be applied where the disk falls behind. LevelDB, once it is too far behind with
 * merging, takes nothing for seconds; with memory full, applying would stop for as long. So blocks are slowed
 * before it comes to that, each a little, until the disk keeps up.
 *
 * The state thread never asks LevelDB how far behind it is: a thread of less priority may hold what it would
 * wait for. The thread that writes does. */
#ifndef TALLY_COMMIT_FLUSH_PACE_H
#define TALLY_COMMIT_FLUSH_PACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "node/jobs/worker.h"
#include "storage/state.h"

/* A disk that keeps up leaves no more bytes unflushed, though LevelDB takes none for a while. */
#define FLUSH_SIZE_FINE (144u * MIB)
/* With more, applying waits for the disk. What gathered behind a flush the next writes at once, and for that
 * holds three times. */
#define FLUSH_SIZE_MAX (240u * MIB)

struct flush_pace {
    size_t unflushed;     /* before the last block: the state thread's */
    bool looking;         /* the loop's */
    atomic_uint lag;      /* state_flush_lag, as the writer last saw it */
    pthread_mutex_t lock; /* guards what follows, which the state thread alone changes */
    struct state *state;  /* to look at; NULL while it may be closed */
};

void flush_pace_init(struct flush_pace *pace);
void flush_pace_close(struct flush_pace *pace);

/* On the state thread: from now on that state may be looked at, until another call; NULL = none. */
void flush_pace_watch(struct flush_pace *pace, struct state *state);
/* On the state thread, before a block: sleeps flush_pause_us long. */
void flush_pace_wait(struct flush_pace *pace, const struct state *state);
/* On the thread that writes. */
void flush_pace_look(struct flush_pace *pace);
/* On the loop, after a block: has `writer` look, as long as there is need. */
void flush_pace_note(struct flush_pace *pace, struct worker *writer);

/* Microseconds, at most 70,000, to pause before the next block: of the `unflushed` bytes `added` came since
 * the last pause; `lag` is state_flush_lag. */
uint32_t flush_pause_us(size_t unflushed, size_t added, uint32_t lag);

#endif
