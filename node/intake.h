/* The way in for batches, and for governance transactions in their place: from this node's clients and from
 * peers, checked by workers, into the mempool and on to whoever waits for them. On the loop's thread. */
#ifndef TALLY_NODE_INTAKE_H
#define TALLY_NODE_INTAKE_H

#include "node/admission.h"
#include "node/jobs/worker.h"
#include "node/mempool.h"
#include "node/net/links.h"

/* Checks under way, all sources together: past that a flooded batch is let go (a block that needs it fetches
 * it), and a client is told to try again. */
#define INTAKE_CHECKS_MAX 512u

struct intake;

struct intake_callbacks {
    /* The mempool holds a batch that it did not before. */
    void (*on_batch)(void *context, struct held_batch *batch);
    /* Whether a candidate block lacks batches: then what comes is judged as ordered. */
    bool (*lacks_batches)(void *context);
    /* Gives it to the candidate blocks that lack it. */
    void (*fill)(void *context, struct held_batch *batch);
};

/* Borrows everything but `view`, which it shares: the members and keys that it admits by. Errors:
 * TALLY_ENOMEM, TALLY_EFORM, as admission_open. */
int intake_open(const struct digest *chain_id, struct register_view *view, struct mempool *mempool,
    struct worker *checkers, const struct intake_callbacks *callbacks, void *context,
    struct intake **intake) TALLY_MUST_CHECK;
/* From here on it admits by this register; what is being checked, by the one that it came under. */
void intake_use_register(struct intake *intake, struct register_view *view);
/* The checkers are idle by then. */
void intake_close(struct intake *intake);
/* From here on it floods and answers: the links are the caller's. */
void intake_start(struct intake *intake, struct links *links);

/* FRAME_BATCH and FRAME_BATCH_REQUEST. */
void intake_frame(struct intake *intake, uint32_t peer, enum frame_kind kind, struct span payload);

/* A client's batch, checked. On TALLY_OK `held` is the caller's: look into the state whether it is known,
 * then intake_admit_take it, or close it. On an error `refusal` says why and `held` is NULL. */
typedef void (*intake_checked)(
    void *context, int error, const struct admission_refusal *refusal, struct held_batch *held);
/* Copies the bytes. Errors: TALLY_EFULL (too many checks under way; `checked` does not come), TALLY_ELIMIT,
 * TALLY_ENOMEM. */
int intake_submit(
    struct intake *intake, struct span bytes, intake_checked checked, void *context) TALLY_MUST_CHECK;
/* In a peer's place. */
#define INTAKE_CLIENT UINT32_MAX
/* Counts what was refused, and tells the log whose it was; what intake itself refuses is counted already. */
void intake_count_refusal(
    struct intake *intake, uint32_t peer, int error, const struct admission_refusal *refusal);
/* Takes a checked batch of an own client into the mempool and floods it to all. TALLY_EEXISTS (it waits
 * already, or was finalized lately) floods nothing. Other errors: TALLY_EFULL, TALLY_ETIMEOUT. `held` is
 * taken in every case. */
int intake_admit_take(struct intake *intake, struct held_batch *held) TALLY_MUST_CHECK;

#endif
