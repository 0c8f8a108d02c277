/* A node that joins: asks its peers for a snapshot, checks and loads the parts as they come, and makes of it
 * a ledger and a state beside the node's own empty ones (storage/adoption.h), which the next start takes
 * over. What is asked of whom is the joiner's to say; here are the links, the disk and the clock. On the
 * loop's thread; loading is a worker's. */
#ifndef TALLY_NODE_NEWCOMER_H
#define TALLY_NODE_NEWCOMER_H

#include <uv.h>

#include "node/joiner.h"
#include "node/net/links.h"
#include "node/roster.h"
#include "node/trust.h"
#include "proto/codec/agreement.h"
#include "storage/state.h"

struct newcomer;

struct newcomer_callbacks {
    /* The node begins with the first block: nothing is gained by a snapshot, or nobody has one. */
    void (*on_genesis)(void *context);
    /* All is durable: the node is to be closed, and opened again. */
    void (*on_joined)(void *context);
    /* The disk failed. */
    void (*on_failed)(void *context, const char *what, int error);
};

struct newcomer_options {
    uv_loop_t *loop;
    const char *data_dir;
    const struct state_config *state; /* what the state is opened with */
    const struct genesis *genesis;
    const struct known_checkpoint *trusted; /* no snapshot below it, or that contradicts it; NULL = any */
    const struct verify_set *first;         /* the genesis's validators: a head's seals lead on from them */
    const struct roster *roster;            /* peers are its slots */
    struct links *links;
    const struct newcomer_callbacks *callbacks;
    void *context;
};

/* Everything in `options` is borrowed. Errors: TALLY_ENOMEM. */
int newcomer_open(const struct newcomer_options *options, struct newcomer **newcomer) TALLY_MUST_CHECK;
/* What is under way ends first; no callback comes. NULL is fine. */
void newcomer_close(struct newcomer *newcomer);

void newcomer_link_up(struct newcomer *newcomer, uint32_t peer);
void newcomer_link_down(struct newcomer *newcomer, uint32_t peer);
/* FRAME_SNAPSHOT and FRAME_CHUNK. */
void newcomer_frame(struct newcomer *newcomer, uint32_t peer, enum frame_kind kind, struct span payload);
/* Once a second. */
void newcomer_tick(struct newcomer *newcomer);
void newcomer_status(const struct newcomer *newcomer, struct joiner_status *status);

#endif
