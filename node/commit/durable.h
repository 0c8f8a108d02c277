/* The disk's side of the driver: what must be durable goes in here, and comes back as an acknowledgement once
 * it is. Two threads, because a vote must not wait behind a block: one commits the vote record, one the
 * ledger. All that gathers while a commit is under way goes into the next: one group commit each time. */
#ifndef TALLY_COMMIT_DURABLE_H
#define TALLY_COMMIT_DURABLE_H

#include "node/jobs/worker.h"
#include "proto/codec/agreement.h"
#include "storage/ledger.h"
#include "storage/vote_record.h"

struct durable;

struct durable_callbacks {
    /* Every vote-record entry up to this sequence is on disk. */
    void (*on_recorded)(void *context, uint64_t sequence);
    /* Blocks up to this height are on disk in the ledger. */
    void (*on_appended)(void *context, uint64_t height);
    /* The disk failed: nothing more will be acknowledged, and the process must end. `what` is constant. */
    void (*on_failed)(void *context, const char *what, int error);
};

/* `record` is NULL in a node that may not vote. Everything is borrowed. Errors: TALLY_ENOMEM. */
int durable_open(uv_loop_t *loop, struct vote_record *record, struct ledger *ledger,
    const struct durable_callbacks *callbacks, void *context, struct durable **durable) TALLY_MUST_CHECK;
/* Finishes what is under way and commits what was queued, without calling back. */
void durable_close(struct durable *durable);

/* Queues one entry and takes its bytes, a malloc'd buffer; returns its sequence, from 1 up. With
 * checkpoint_height set, the promise to sign that height is recorded with it. */
uint64_t durable_record_take(
    struct durable *durable, uint8_t type, uint64_t view, uint64_t checkpoint_height, struct buffer *bytes);
/* Queues a block; `block` and what it borrows stay until on_appended told its height. In height order; the
 * last block queued in a turn of the loop carries its FC. */
void durable_append(struct durable *durable, const struct block *block);
/* Nothing at or below `view` is needed in the vote record any more. */
void durable_prune(struct durable *durable, uint64_t view);
/* Starts a commit of what was queued, unless one is under way. Once a turn of the loop. */
void durable_commit(struct durable *durable);

#endif
