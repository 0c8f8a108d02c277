/* One honest replica: the shipped core, its disk, and what it ever said.
 *
 * Everything but the core's own memory is in a plain value, the actor's life, by which states are told apart.
 * The core's memory is not: two histories that leave the same life (the same disk, the same messages taken in
 * and sent, the same view and the way into it) count as one state, in whatever order they came. */
#ifndef TALLY_SCOPE_ACTOR_H
#define TALLY_SCOPE_ACTOR_H

#include "tests/scope/terms.h"

#define LOG_MAX 128u
#define SCOPE_RANGE_MAX 64u
#define ANSWERS_MAX 64u
#define TROUBLE_SIZE 160u

/* What is on disk, or on its way there, in order: a record by its number, or the ledger's new end. */
#define LOG_LEDGER 0x8000u

struct life {
    uint16_t log[LOG_MAX];
    uint8_t log_count, log_durable;  /* durable: acknowledged to the core */
    uint16_t ledger, ledger_durable; /* the last block appended, and the last that a crash cannot take */
    uint16_t
        open_commit;     /* committed without an own finalization, which must follow in the same step; or 0 */
    uint8_t view, cause; /* where it is, and by what it came there */
    uint8_t crashes, stalls;
    bool stalled;            /* its disk acknowledges nothing */
    struct claims said;      /* its votes that were sent, in all its lives */
    struct block_bits led;   /* its proposals that were sent, in all its lives */
    struct claims learned;   /* certificates taken in since it started */
    struct block_bits taken; /* proposals taken in since it started */
};

/* What one core is asked to answer, in order. */
enum answer_kind { ANSWER_SIGNED = 1, ANSWER_PROPOSED, ANSWER_DURABLE, ANSWER_PAYLOAD, ANSWER_APPENDED };

struct answer {
    enum answer_kind kind;
    struct vote vote;
    uint16_t block;  /* proposed, or NO_BLOCK for none; or whose payload is held */
    uint64_t number; /* the record's sequence, or the height */
};

/* A message on its way in a healed world, by value. */
struct envelope {
    uint32_t from, to;
    uint64_t due_ms;
    enum consensus_message_kind kind;
    uint16_t block;
    uint64_t epoch, view, height;
    struct digest hash;
    struct vote vote;
    struct certificate certificate;
};

struct actor {
    uint32_t index;
    struct life life;
    struct consensus *core;
    uint64_t now_ms;
    uint64_t sequence; /* of its last record */
    struct answer answers[ANSWERS_MAX];
    uint32_t answer_first, answer_count;
    bool verify;         /* the core asked for the message being fed to be checked */
    bool shielded;       /* what is fed may be refused: the liar made it */
    bool refused;        /* the core charged for it */
    struct claims rests; /* certificates that it sent, stored or acted upon in this step */
    uint8_t views;       /* the search's bound: nothing is proposed beyond, until the world heals */
    void (*post)(const struct envelope *envelope); /* where its messages go; NULL = they are lost */
    void (*tell)(const struct actor *actor, const struct consensus_output *output); /* or NULL */
    char trouble[TROUBLE_SIZE]; /* what was violated; empty while nothing was */
};

/* Once. The actor for validator `index`, whose core will be in arena `index`. */
void actor_init(struct actor *actor, uint32_t index, uint8_t views);
/* Opens a core over what is durable in life, gives it back its records, links and work. */
void actor_start(struct actor *actor);
/* Loses what was not acknowledged, but for the first so many records and ends of the ledger, and starts
 * again.
 */
void actor_crash(struct actor *actor, uint32_t records, uint32_t appends);
/* The disk acknowledges again, beginning with all that waits. */
void actor_unstall(struct actor *actor);
/* The clock moves by `by_ms`, and the core is woken. */
void actor_wake(struct actor *actor, uint64_t by_ms);
/* Keepalives came from the validators of a bitmap, at the end of those `by_ms`. */
void actor_hear(struct actor *actor, uint64_t by_ms, uint64_t heard);
/* A certificate of the claim comes, with the liar's own vote before it. */
void actor_learn(struct actor *actor, uint16_t claim);
/* The block's proposal comes from its leader. */
void actor_offer(struct actor *actor, uint16_t block);
/* A link comes up, or goes. */
void actor_link(struct actor *actor, uint32_t peer, bool up);
void actor_receive(struct actor *actor, const struct envelope *envelope);
void actor_trouble(struct actor *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline uint32_t life_unsynced(const struct life *life)
{
    return (uint32_t)life->log_count - life->log_durable;
}
/* What the actor's votes contradict among themselves, in words, or NULL. */
const char *life_equivocates(const struct life *life, uint32_t index);

#endif
