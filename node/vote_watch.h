/* Whose finalize votes come late, or not at all: seen from here, by what each validator's own link brings.
 * For whoever looks at the network; nothing is decided by it. */
#ifndef TALLY_NODE_VOTE_WATCH_H
#define TALLY_NODE_VOTE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* How far from the newest final view votes are remembered. */
#define VOTE_WATCH_VIEWS 64u

/* The caller sets `validators`; zeros in the rest are a fresh one. */
struct vote_watch {
    uint32_t validators; /* how many */
    uint64_t final_view; /* newest view that ended with a final block here; 0 = none yet */
    struct {
        uint64_t view, voters; /* a bitmap of validators */
    } slots[2u * VOTE_WATCH_VIEWS];
};

/* The validator's finalize vote of a view came. True: late, as the view's block was final already. */
bool vote_watch_came(struct vote_watch *watch, uint32_t validator, uint64_t view);
/* The block of this view is final here, by votes and not by catching up. Returns those whose vote of the view
 * that was final before has not come even now: they had until the next block. */
uint64_t vote_watch_final(struct vote_watch *watch, uint64_t view);

#endif
