/* A node that began with a snapshot fetches the blocks below it, from the first on, with what their events
 * came to, from any peer, each proven by its hash and its results by their root, which came with the
 * snapshot. In the background: one request is out at a time, and between two it rests for a part of the time
 * the last one took. On the loop's thread. */
#ifndef TALLY_NODE_BACKFILL_H
#define TALLY_NODE_BACKFILL_H

#include "node/commit/executor.h"
#include "node/epoch_book.h"
#include "node/net/links.h"
#include "node/roster.h"
#include "proto/codec/agreement.h"

/* Whether a block that a peer gave, with what its events came to, is the one whose hash and root of results
 * `roots` has, and every signature in it holds. `validators` are its epoch's; NULL where they are not known
 * yet. Errors: TALLY_EINVALID (it is not, or not of that height), TALLY_ESIGNATURE, TALLY_EFORM,
 * TALLY_EPENDING (it is, and the validators are not known). */
int older_block_check(const struct block *block, const struct event_result *results,
    const struct state_roots *roots, const struct verify_set *validators,
    const struct digest *chain_id) TALLY_MUST_CHECK;

/* Whether bodies that peers leave out are gone, and the block is taken without them: no peer that is up has
 * not been asked, and f + 1 validators said so, one honest one among them. Nothing else tells a body that was
 * erased from one that a peer keeps back. */
bool older_bodies_are_gone(const bool up[PEERS_MAX], const bool without[PEERS_MAX],
    const bool validator[PEERS_MAX], uint32_t validator_count);

struct backfiller;

struct backfiller_options {
    uv_loop_t *loop;
    struct ledger *ledger;
    struct executor *executor;
    const struct digest *chain_id;
    const struct epoch_book *epochs;
    const struct roster *roster; /* peers are slots */
    /* The disk failed. */
    void (*on_failed)(void *context, const char *what, int error);
    void *context;
};

/* Everything in `options` is borrowed. Errors: TALLY_ENOMEM. */
int backfiller_open(
    const struct backfiller_options *options, struct backfiller **backfiller) TALLY_MUST_CHECK;
void backfiller_start(struct backfiller *backfiller, struct links *links);
/* Asks for nothing more: what is under way may still finish. NULL is fine. */
void backfiller_stop(struct backfiller *backfiller);
/* After the executor is closed, or its reads have ended. */
void backfiller_close(struct backfiller *backfiller);

/* FRAME_BACKFILL. */
void backfiller_frame(struct backfiller *backfiller, uint32_t peer, struct span payload);
/* Once a second. */
void backfiller_tick(struct backfiller *backfiller);

struct backfill_status {
    uint64_t height; /* blocks up to this one are here; */
    uint64_t of;     /* all are, once it is this; 0 = this node began with the first block */
};
void backfiller_status(const struct backfiller *backfiller, struct backfill_status *status);

#endif
