/* Mends the ledger from peers: looks for damage, asks for the blocks it strikes, checks them as any that come
 * from a peer, and has them put in their place. One request is out at a time, and the next follows on an
 * answer that was of use; else it waits for a tick.
 *
 * Blocks that opening or a read met are first. With none known, it reads through the whole ledger, bodies
 * too, a little each second: once after the start, and then once a day, so that damage is found while peers
 * still have what is lost. Where it meets damage it reads on as soon as that is mended. A body that no peer
 * has any more is marked as withheld (node/range_watch.h). */
#ifndef TALLY_NODE_MENDER_H
#define TALLY_NODE_MENDER_H

#include "node/epoch_book.h"
#include "node/jobs/worker.h"
#include "node/net/links.h"
#include "node/roster.h"
#include "storage/ledger.h"

struct mender;

struct mender_options {
    struct ledger *ledger; /* opened to be mended */
    struct worker *checkers;
    const struct digest *chain_id;
    const struct epoch_book *epochs;
    const struct roster *roster; /* peers are slots */
    /* A range that answers somebody else's request. */
    void (*not_mine)(void *context, uint32_t peer, struct span range);
    /* The disk failed. */
    void (*on_failed)(void *context, const char *what, int error);
    void *context;
};

/* Everything in `options` is borrowed. Errors: TALLY_ENOMEM. */
int mender_open(const struct mender_options *options, struct mender **mender) TALLY_MUST_CHECK;
/* Asks for nothing more, and answers nothing: what is under way may still finish. */
void mender_stop(struct mender *mender);
/* After the checkers are closed. */
void mender_close(struct mender *mender);

void mender_start(struct mender *mender, struct links *links);
/* Once a second. */
void mender_tick(struct mender *mender);
/* Whether a range from this peer may be the answer to what was asked; then it goes to mender_range. */
bool mender_takes(const struct mender *mender, uint32_t peer);
void mender_range(struct mender *mender, uint32_t peer, struct span range);

#endif
