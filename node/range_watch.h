/* What peers answered when they were asked for finalized blocks. No signature covers bodies, so blocks that
 * come without some may be those of a peer that has lost them, or keeps them back: they are as no answer, and
 * others are asked, until nobody is left who may have them. Pure. */
#ifndef TALLY_NODE_RANGE_WATCH_H
#define TALLY_NODE_RANGE_WATCH_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

/* Who was asked, and has not answered for so long, is waited for no longer. */
#define RANGE_PATIENCE_MS 10000u

/* All zeros to begin with. */
struct range_watch {
    uint64_t asked_ms[PEERS_MAX]; /* since when an answer is awaited; 0 = none is */
    uint64_t bare_to[PEERS_MAX];  /* its last answer lacked bodies, up to this height */
};

void range_watch_asked(struct range_watch *watch, uint32_t peer, uint64_t now_ms);
/* Whether an answer was awaited; from now on none is. */
bool range_watch_came(struct range_watch *watch, uint32_t peer);
/* `bare_to` is the height of the newest block of it that lacks bodies; 0 = all were there. */
void range_watch_answered(struct range_watch *watch, uint32_t peer, uint64_t bare_to);
/* Nothing is known of it any more. */
void range_watch_down(struct range_watch *watch, uint32_t peer);

/* Who can be asked: everybody but this node. */
struct range_peers {
    uint32_t count;
    bool up[PEERS_MAX], validator[PEERS_MAX];
    uint32_t validator_count; /* this node with them, where it is one */
};

/* Up to which height what is missing is gone, as far as answers told: f + 1 validators came without it, one
 * honest one among them, or all others where there are no more; and so did every peer that is up, but for
 * those that leave a request unanswered. 0 = nothing is. */
uint64_t range_watch_gone_to(
    const struct range_watch *watch, const struct range_peers *peers, uint64_t now_ms);
/* Whom to ask next: of those that are up, of whom no answer is awaited, and who may have what is missing at
 * `height` or before, the one known to lack the fewest. PEERS_MAX where there is none. */
uint32_t range_watch_next(
    const struct range_watch *watch, const struct range_peers *peers, uint64_t height) TALLY_MUST_CHECK;

#endif
