/* Clients' batches, and governance transactions in their place, from submission to their results: checked,
 * looked up, admitted, and followed until what was asked for has happened. On the loop's thread. */
#ifndef TALLY_NODE_SUBMISSIONS_H
#define TALLY_NODE_SUBMISSIONS_H

#include "node/commit/executor.h"
#include "node/intake.h"

#define SUBMISSIONS_MAX 8192u

enum submission_wait {
    SUBMISSION_ACCEPTED,     /* in the mempool, sent to the other nodes */
    SUBMISSION_FINAL,        /* ordered, on disk and applied */
    SUBMISSION_CHECKPOINTED, /* and under a certified checkpoint */
};

enum submission_outcome_kind {
    OUTCOME_DONE = 1, /* what was asked for has happened */
    OUTCOME_REFUSED,  /* by admission: `refusal` says why, `error` says what kind */
    OUTCOME_BUSY,     /* the mempool is full: try again later */
    OUTCOME_EXPIRED,  /* not ordered in time */
    OUTCOME_FAILED,   /* this node's fault: `error` */
};

struct submission_result {
    struct digest event_id;
    struct event_result result;
    uint64_t height; /* where it was ordered; of a duplicate: where it was applied */
    uint32_t index;
};

/* Borrowed for the callback. */
struct submission_outcome {
    enum submission_outcome_kind kind;
    int error;
    const struct admission_refusal *refusal;
    struct digest batch;
    uint64_t height; /* of the block; 0 where it was not ordered now */
    /* 0 with SUBMISSION_ACCEPTED; else one for each event, or a governance transaction's own: its ruling,
     * under its digest. */
    uint32_t result_count;
    const struct submission_result *results;
};

typedef void (*submission_done)(void *context, const struct submission_outcome *outcome);

struct submissions;
struct submission;

/* Borrows everything. Takes nobody's batches yet. Errors: TALLY_ENOMEM. */
int submissions_open(struct intake *intake, struct mempool *mempool, struct executor *executor,
    struct submissions **submissions) TALLY_MUST_CHECK;
/* The member whose batches this node takes from now on; 0 = nobody's. */
void submissions_set_member(struct submissions *submissions, uint32_t member_id);
/* No callback comes any more. The workers are idle by then. */
void submissions_close(struct submissions *submissions);

/* Copies the encoded batch. `done` comes once, never from within the call, unless submission_forget comes
 * first; then the handle is gone. Errors: TALLY_EFULL (try again later), TALLY_ELIMIT, TALLY_ENOMEM. */
int submissions_start(struct submissions *submissions, struct span bytes, enum submission_wait wait,
    submission_done done, void *context, struct submission **submission) TALLY_MUST_CHECK;
/* Nobody waits for it any longer. The batch itself goes its way. */
void submission_forget(struct submission *submission);

/* What happened meanwhile. */
void submissions_applied(struct submissions *submissions, const struct applied_block *applied);
void submissions_certified(struct submissions *submissions, uint64_t height);
void submissions_expired(struct submissions *submissions, const struct digest *batch);
/* A governance transaction will not be ordered, because the register has moved on: it is refused, as
 * admission would refuse it now. */
void submissions_overtaken(
    struct submissions *submissions, const struct digest *transaction, enum ruling ruling);
/* Once in a while: ends those whose batch has expired and is held nowhere, so that nothing more will come. */
void submissions_sweep(struct submissions *submissions, uint64_t wall_ms);

#endif
