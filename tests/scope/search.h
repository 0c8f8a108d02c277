/* Every schedule of a bounded kind.
 *
 * A world is the states of the three honest replicas. What was sent is in their lives, and grows only; what
 * the liar can sign is everything. So a certificate can come to anybody as soon as two honest votes for it
 * were sent, and the liar's proposals are all that such certificates justify, and two kinds of lies. That is
 * more than two live instances of a core with one key could do together.
 *
 * Two kinds of search share the rest:
 *   free     any act at any time, each world met once: for few views.
 *   rounds   view by view, its proposal comes, timers fire, and its notarization, nullification and
 *            finalization come; each of these to all three, to none, or to some, which makes the step
 *            *uneven*; what was missed may come late, and a crash, or a power cut of some or all, follows any
 *            step. Uneven steps and late acts are counted together and bounded: for many views.
 *
 * What is looked at is the harm: blocks that conflict, votes that contradict each other, honest replicas that
 * are blamed, or that never go on. The simulator knows the rules besides, and tells a vote that is sent
 * before it is on disk; here two blocks of a view come of it. So this search shows what a rule is for, and
 * finds what no rule was written down for, where few faults suffice. Of the mutants in tests/mutants that say
 * "killed by: scope", a hundred seeds of four validators missed two kinds: a justification that does not
 * prove what was skipped, and own votes that are not counted after a restart. Not seen here: a payload that
 * is lacking, the end of an epoch, a vote that is signed late, and numbers (time-outs, bounds, rings). */
#ifndef TALLY_SCOPE_SEARCH_H
#define TALLY_SCOPE_SEARCH_H

#include "tests/scope/schedule.h"

struct bounds {
    uint32_t liar;
    bool rounds;
    uint8_t views;   /* nothing of a later view happens before the world heals; at most 6 */
    uint8_t uneven;  /* rounds only */
    bool missed;     /* rounds only: uneven is only what certificates come, and nothing is late */
    uint8_t crashes; /* free: of all replicas together; rounds: of any number of them at once */
    uint8_t stalls;  /* disks that fall silent, of all replicas together */
    uint64_t worlds_max;
    uint64_t heal_share; /* one world in so many is healed; 0 = none */
    double seconds;      /* at most; 0 = no such bound */
};

struct findings {
    uint64_t worlds, leaves; /* leaves: where the bounds let nothing more happen */
    uint64_t healed;
    uint64_t locals, core_runs; /* states of a replica, and how often the core was run for them */
    uint64_t audited;           /* of those states, made again from nothing */
    bool complete;              /* every schedule within the bounds was met */
    uint64_t heal_ms_max;
    double seconds, heal_seconds;
    char trouble[TROUBLE_SIZE]; /* empty where nothing was violated */
    struct schedule schedule;   /* how to come to it */
};

void search(const struct bounds *bounds, struct findings *findings);

#endif
