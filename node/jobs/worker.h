/* Work off the loop: threads that take jobs in order, and tell the loop when each is done. */
#ifndef TALLY_JOBS_WORKER_H
#define TALLY_JOBS_WORKER_H

#include <uv.h>

#include "proto/base/error.h"

/* Embedded at the start of whatever a job needs. The submitter keeps it alive until `done`, which may free
 * it. */
struct job {
    void (*run)(struct job *job);  /* on a worker's thread */
    void (*done)(struct job *job); /* on the loop's thread, afterwards */
    struct job *next;
};

struct worker;

/* Starts `threads` (1 to 8) threads. With one, jobs run in the order submitted (urgent ones
 * first), and are done in the order they ran.
 * Errors: TALLY_ENOMEM. */
int worker_open(uv_loop_t *loop, const char *name, unsigned threads, struct worker **worker) TALLY_MUST_CHECK;
/* From the loop's thread only. Never fails: a job is linked, not copied. The owner bounds how many it
 * submits. An urgent job runs before every other that has not begun; urgent ones keep their order. One that
 * is next runs before those, too. */
void worker_submit(struct worker *worker, struct job *job);
void worker_submit_urgent(struct worker *worker, struct job *job);
void worker_submit_next(struct worker *worker, struct job *job);
/* Jobs submitted and not yet done. From the loop's thread. */
size_t worker_backlog(const struct worker *worker);
/* Lets every submitted job run, joins the threads and calls what is left of `done`. The loop must still be
 * open, and must turn once more afterwards to let go of the worker's handle. */
void worker_close(struct worker *worker);

#endif
