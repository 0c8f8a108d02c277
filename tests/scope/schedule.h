/* Schedules as text: "liar:3 views:4", and then one act a word, in order.
 *
 * - 0p:2a-1a: the proposal of block 2a on 1a comes to replica 0.
 * - 1n:1a: the notarization of 1a comes to replica 1; f:1a its finalization; x:3 the nullification of view 3.
 * - 2t: replica 2's timers fire.
 * - 0sn:1a: the same as 0n:1a, and its disk acknowledges nothing from here on.
 * - 0y: its disk acknowledges all.
 * - 0c:1+0: it loses what was not acknowledged, but for one record and no end of the ledger, and starts
 * again.
 */
#ifndef TALLY_SCOPE_SCHEDULE_H
#define TALLY_SCOPE_SCHEDULE_H

#include <stdio.h>

#include "tests/scope/world.h"

#define SCHEDULE_ACTS_MAX 512u

struct schedule {
    uint8_t views;
    uint32_t count;
    uint32_t acts[SCHEDULE_ACTS_MAX]; /* with the replica's place in the top bits */
};
static inline uint32_t placed(uint32_t place, uint32_t act)
{
    return place << 30 | act;
}
static inline uint32_t act_place(uint32_t placed)
{
    return placed >> 30;
}
static inline uint32_t act_alone(uint32_t placed)
{
    return placed & 0x3fffffffu;
}

/* The caller frees it. */
char *schedule_text(const struct schedule *schedule);
/* Begins a new world with the liar that the text names. Returns false when a word is none. */
bool schedule_parse(const char *text, struct schedule *schedule);

/* Leaves out what the violation does not need. The world must have been begun for it. */
void schedule_shrink(struct schedule *schedule);
/* Tells each act, what it makes the replica do, what is violated, and else how the world heals. Returns what
 * was violated in words, or NULL; "not possible" where an act is not possible when it comes. The text is good
 * until the next call. */
const char *schedule_tell(const struct schedule *schedule, FILE *out);

#endif
