/* The states that one replica can be in, each met once, and what each act makes of it.
 *
 * A replica is a function of its inputs, so the core runs once for each pair of a state and an act; the
 * search over the whole world then only looks up. */
#ifndef TALLY_SCOPE_LOCAL_H
#define TALLY_SCOPE_LOCAL_H

#include "tests/scope/actor.h"

#define LOCALS_MAX (1u << 21)

/* What can happen to one replica, in one word: the kind, whether its disk falls silent at it, and of what. */
enum act_kind {
    ACT_LEARN = 1, /* a certificate of a claim comes */
    ACT_OFFER,     /* a block's proposal comes */
    ACT_TIMER,     /* so much time passes that every timer of it fires */
    ACT_SYNC,      /* its silent disk acknowledges */
    ACT_CRASH,     /* it starts again, with some of the unacknowledged writes; see crash_of */
};
#define ACT_STALLS (1u << 20)
static inline uint32_t act_of(enum act_kind kind, uint32_t of)
{
    return (uint32_t)kind << 16 | of;
}
/* A crash that leaves so many unacknowledged records, and so many ends of the ledger. */
static inline uint32_t crash_of(uint32_t records, uint32_t appends)
{
    return act_of(ACT_CRASH, appends << 8 | records);
}
static inline enum act_kind act_kind(uint32_t act)
{
    return (enum act_kind)(act >> 16 & 7);
}
static inline uint16_t act_object(uint32_t act)
{
    return (uint16_t)act;
}

struct local {
    struct life life;
    uint64_t now_ms, sequence;
    size_t core;         /* in the arena's store */
    uint32_t from, act;  /* how it was first met; the first one's act is 0 */
    uint32_t trouble;    /* 0, or see local_trouble */
    struct claims rests; /* certificates that its core acted upon in coming here, which must be possible */
    struct claims quiet_claims; /* known to change nothing */
    struct block_bits quiet_blocks;
    bool quiet_timer;
};

/* Forgets all, and makes each replica's first state, number 0. `views` bounds the search. */
void locals_init(uint8_t views);
const struct local *local_at(uint32_t replica, uint32_t number);
uint32_t locals_count(uint32_t replica);
/* Times that a core was run, rather than remembered. */
uint64_t locals_runs(void);
/* The state after `act`: `number` itself when nothing changed. UINT32_MAX when there are too many. */
uint32_t local_after(uint32_t replica, uint32_t number, uint32_t act);
/* What was violated in coming to this state, or NULL. */
const char *local_trouble(const struct local *local);
/* An actor in that state: its core is in its arena, until another of this replica is loaded. */
void local_load(uint32_t replica, uint32_t number, struct actor *actor);
/* Runs what drives a core. False when a CHECK failed on the way: what was driven is then good for nothing. */
bool core_guarded(void (*run)(void *context), void *context) TALLY_MUST_CHECK;
/* Does the act, or starts the actor where it is 0; a failed CHECK of the core is told as trouble. */
void local_act(struct actor *actor, uint32_t act);
/* Makes the whole history of a state again from nothing. Says whether it ends in the same life. */
bool local_audit(uint32_t replica, uint32_t number);

#endif
