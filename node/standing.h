/* How a node stands: whether all is well, and if not, what it waits for and of whom, in one word for programs
 * and one sentence for people. Facts in, words out. */
#ifndef TALLY_NODE_STANDING_H
#define TALLY_NODE_STANDING_H

#include "node/backfill.h"
#include "node/certifier.h"
#include "node/joiner.h"
#include "node/replica.h"

enum standing {
    STANDING_IDLE = 1,    /* well: nothing to do */
    STANDING_MOVING,      /* well: blocks become final */
    STANDING_BACKFILLING, /* well, while blocks below the snapshot it began with are still fetched */
    STANDING_JOINING,     /* how it begins is not decided, or a snapshot is fetched */
    STANDING_CATCHING_UP,
    STANDING_NO_QUORUM,     /* too few validators can be reached from here */
    STANDING_OWN_DISK,      /* votes are not stored, and so not sent */
    STANDING_OWN_STATE,     /* final blocks are not applied */
    STANDING_CERTIFICATION, /* payload stopped, because checkpoints are not certified */
    STANDING_BLOCK,         /* a certified block that nobody has brought */
    /* Of the current view: */
    STANDING_PROPOSAL,
    STANDING_PAYLOAD,
    STANDING_CLOCK, /* the proposal's time is ahead of this node's */
    STANDING_NOTARIZE_VOTES,
    STANDING_NULLIFY_VOTES,
    /* Of the view before: */
    STANDING_FINALIZE_VOTES,
};

/* Work without a new final block for so long is a standstill: longer than it takes to pass dead leaders. */
#define STANDING_STILL_MS_MIN 2000u
#define STANDING_STILL_TIMEOUTS 10u
/* Heights that others may be ahead before a node counts as one that catches up. */
#define STANDING_BEHIND 16u

struct standing_validator {
    const char *name;
    bool reachable;              /* linked, and heard of late; this node itself is */
    uint64_t heard_ms_ago;       /* its last frame; UINT64_MAX = none since the start */
    uint64_t finalized_height;   /* as it says */
    struct replica_voice spoken; /* its last vote or proposal */
};

struct standing_facts {
    uint32_t count; /* of validators */
    const struct standing_validator *validators;
    uint32_t self; /* this node's index, or SIGNER_NONE in an observer */
    bool may_vote;
    struct replica_status replica;
    uint64_t applied_height;
    uint64_t certified_height; /* newest known, be it applied here or not */
    struct certifier_gathering gathering;
    bool joining; /* the rest says nothing yet but: */
    struct joiner_status joiner;
    struct backfill_status backfill;
    uint32_t batches;           /* that wait to be ordered */
    bool serving;               /* false: the state is being rebuilt, or is wrong */
    bool split;                 /* a height was signed differently, and no quorum has agreed for seconds */
    uint64_t trust_height;      /* of a trusted checkpoint that it has not come to, before which it answers
                                   nothing; 0 = none */
    uint32_t unknown_flag;      /* the protocol flag by which this node stops first; 0 = it knows them all */
    uint64_t unknown_flag_from; /* its first height */
    uint32_t base_timeout_ms;
    uint64_t wall_ms;
};

/* "IDLE", "NO_QUORUM": the name without its prefix. */
const char *standing_name(enum standing standing);
/* Whether nothing is wrong. */
bool standing_is_well(enum standing standing);

enum standing standing_judge(const struct standing_facts *facts);

/* Enough for the longest: names are listed only so far. */
#define STANDING_TEXT_SIZE 16384u
/* Writes the sentence. */
void standing_say(const struct standing_facts *facts, enum standing standing, char text[STANDING_TEXT_SIZE]);

#endif
