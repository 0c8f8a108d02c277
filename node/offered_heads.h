/* Heads of snapshots as peers offered them, until one is taken: each once, whoever offers it, and all of them
 * within a bound. Room is made by giving up what one peer alone offers, and is older or of the same height:
 * peers are asked again every few seconds, so nothing is lost for good. */
#ifndef TALLY_NODE_OFFERED_HEADS_H
#define TALLY_NODE_OFFERED_HEADS_H

#include "node/joiner.h"
#include "storage/snapshot.h"

/* Bytes of heads, as they came. Four of the largest fit. */
#define OFFERED_HEADS_SIZE_MAX (48u * MIB)
_Static_assert(OFFERED_HEADS_SIZE_MAX >= 4u * SNAPSHOT_PART_SIZE_MAX, "one peer's never fills it");

struct offered_head {
    struct joiner_snapshot snapshot;
    struct buffer bytes;
    uint32_t peers; /* that offer it */
};

/* All zeros to begin with. */
struct offered_heads {
    struct offered_head *of[PEERS_MAX]; /* what each offered last; NULL = nothing that is kept */
    size_t size;
};

void offered_heads_close(struct offered_heads *heads);
/* Keeps a copy, in place of what the peer offered before. `given_up` is told of each peer whose head went to
 * make room. Errors: TALLY_ELIMIT (there is no room for it), TALLY_ENOMEM: nothing of the peer is kept. */
int offered_heads_put(struct offered_heads *heads, uint32_t peer, const struct joiner_snapshot *snapshot,
    struct span bytes, void (*given_up)(void *context, uint32_t peer), void *context) TALLY_MUST_CHECK;
void offered_heads_drop(struct offered_heads *heads, uint32_t peer);
/* What the peer offered, borrowed; empty where nothing is kept. */
struct span offered_heads_find(const struct offered_heads *heads, uint32_t peer);

#endif
