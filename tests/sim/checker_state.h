/* What the checker's files share. Nobody outside includes this. */
#ifndef TALLY_SIM_CHECKER_STATE_H
#define TALLY_SIM_CHECKER_STATE_H

#include "tests/sim/checker.h"

#define CAST_VIEWS_MAX (1u << 20)

/* What one identity has promised in one view. `sent`, `durable` and `found` (as this life began) have bit
 * (1 << vote_kind), and bit 0 for a proposal. */
struct cast {
    uint8_t sent, durable, found;
    bool notarize_asked, nullify_asked; /* in this life */
    bool nullify_caused;                /* an equivocation or a malformed payload was seen in it */
    bool double_voted, double_proposed; /* of a liar: it has contradicted itself */
    struct digest notarized, finalized, proposed;
    uint64_t marks[VOTE_NULLIFY + 1]; /* of the records stored: what is found must be the same */
};

struct identity {
    bool honest;
    uint64_t forgotten_epoch; /* up to this it may have voted on a disk that was lost */
    uint64_t epoch;           /* of its core */
    struct {
        struct cast *casts; /* by view */
        size_t count;
    } epochs[EPOCHS_MAX + 1];
    size_t tip;       /* the fact of the block last committed in this life */
    bool open_commit; /* the last commit of this turn had no finalization */
    uint64_t view, floor_view, floor_height, durable_height;
    bool alive;                   /* a turn was seen in this life */
    uint64_t entered_ms, work_ms; /* since when it is in its view, and knows of work */
    bool working;
    uint64_t expected_view; /* where its life must begin */
    uint64_t heard_ms[VALIDATORS_MAX];
    uint64_t skip_view; /* the newest whose leader it held for dead, in this life and epoch */
    uint64_t promised_height, signed_height; /* of checkpoints: the newest on disk, and sent */
};

/* A block that somebody honest committed. All of them are a tree, and one chain as long as nothing forks:
 * then a fact's place is its height. Genesis is the first. */
struct fact {
    struct digest hash;
    size_t parent;
    uint64_t epoch, height, view, time_ms;
    bool seals;
    bool applied;             /* by somebody; then: */
    struct digest checkpoint; /* of the state after it */
};

struct checker {
    const struct vault *vault;
    uint32_t identity_count;
    uint32_t base_timeout_ms;
    bool may_fork; /* more validators lie than are tolerated */
    struct identity identities[PEERS_MAX];
    struct fact *facts;
    size_t fact_count, fact_capacity;
    uint64_t epoch; /* the newest that an honest identity began */
    uint64_t top;   /* the highest height of any */
    bool forked;
    bool violated;
    char violation[256];
};

/* checker.c */
struct cast *cast_in(struct checker *checker, uint32_t identity, uint64_t epoch, uint64_t view);
/* The same in the epoch the identity is in. */
struct cast *cast_at(struct checker *checker, uint32_t identity, uint64_t view);

/* checker_chain.c */
void fact_add(struct checker *checker, struct fact fact);

/* checker_votes.c: whether `kinds` (of a cast's sent or durable) has the kind. */
static inline bool cast_holds(uint8_t kinds, enum vote_kind kind)
{
    return (kinds >> kind & 1) != 0;
}

/* checker_votes.c: a mark of all that a record says, but for its proposal. */
uint64_t record_mark(const struct consensus_record *record);

/* checker_timers.c */
void check_caused(struct checker *checker, uint32_t identity, const struct checker_moment *moment);
void check_timer(struct checker *checker, uint32_t identity, const struct checker_moment *moment);

#endif
