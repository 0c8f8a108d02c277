/* Whose clock is off: the times that leaders put into their proposals, held against this node's clock. A
 * block whose time is too far ahead of a voter's clock waits (R3), so a validator whose clock is behind stops
 * voting for others' blocks, and one whose clock is ahead leads in vain. Nothing else would say so. */
#ifndef TALLY_NODE_CLOCK_WATCH_H
#define TALLY_NODE_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/limits.h"

/* As far as a voter lets a block's time be ahead of its own clock. */
#define CLOCK_OFF_MS 2000
/* How long more than f leaders must differ alike before this node doubts its own clock: a process that stood
 * still reads proposals that were fresh when they came. */
#define CLOCK_DOUBT_MS 10000u
#define CLOCK_TOLD_EVERY_MS 60000u

/* Zeros, but for `validators` and `self`, are a fresh one. */
struct clock_watch {
    uint32_t validators, self;        /* `self` is this node's index, or any other number */
    int64_t ahead_ms[VALIDATORS_MAX]; /* of each leader's newest proposal; 0 = none, or not off */
    uint64_t told_ms[VALIDATORS_MAX]; /* when its leader was last told of, plus 1 */
    uint64_t doubted_ms, own_told_ms; /* likewise */
};

enum clock_verdict {
    CLOCK_FINE = 0,   /* or told within the last minute */
    CLOCK_LEADER_OFF, /* this leader's is ahead of ours: either may be wrong */
    CLOCK_OWN_OFF,    /* more than f leaders differ from us, alike and for a while: ours is wrong */
};

/* A new proposal of `leader` came. `wall_ms` is this node's UTC, `now_ms` its steady clock. *ahead_ms is by
 * how much the leader's time is ahead of this node's clock, below zero where it is behind. */
enum clock_verdict clock_watch_proposal(struct clock_watch *watch, uint32_t leader, uint64_t time_ms,
    uint64_t wall_ms, uint64_t now_ms, int64_t *ahead_ms);

#endif
