/* The simulated driver of one replica: carries the core's outputs out in order, as the node's own driver
 * does, over a simulated disk, clock and network. */
#ifndef TALLY_SIM_REPLICA_H
#define TALLY_SIM_REPLICA_H

#include "tests/sim/catalogue.h"
#include "tests/sim/checker.h"
#include "tests/sim/disk.h"
#include "tests/sim/queue.h"

struct world;

/* Batches from here on are malformed: nobody honest can ever hold them. Only liars propose them. */
#define BATCHES_POISONED 3072u
/* Batches from here on exist, but only their liar has them. */
#define BATCHES_WITHHELD 2048u
#define CANDIDATES_MAX 4096u
#define RANGES_KEPT 16u

struct batch_bits {
    uint64_t words[BATCHES_MAX / 64];
};

/* A block whose proposal is held. */
struct candidate {
    struct parcel *proposal;
    bool held;   /* its payload too, well-formed */
    bool wanted; /* the core waits for its payload */
    bool told;   /* the core was told that it is held */
    bool stored; /* its bytes and payload are in the vote record */
};

/* How a liar lies; each is a chance per mille for each message it could spoil. */
struct lies {
    uint32_t withhold, replay, tamper, double_vote, forge, poison;
    bool false_seal;     /* would have its epoch sealed all the time, and for a wrong set */
    bool mute;           /* says nothing at all once other faults have stopped */
    uint64_t deaf_to[2]; /* identities it never sends to */
    uint64_t flap_us;    /* about how often it breaks a link of its own and lets it return; 0 = never */
};

struct replica {
    uint32_t index, identity;
    uint32_t incarnation;
    bool up, honest, may_vote;
    bool twin;                /* one of two instances of one identity */
    uint64_t epoch;           /* of the core */
    uint64_t forgotten_epoch; /* up to this it may have voted on a disk that was lost; 0 = it lost none */
    bool wiped;               /* its disk was lost, and it has not started since */
    bool joined;              /* its disk began with its peers' newest seal, not with genesis */
    struct consensus *core;
    struct replica_disk disk;
    const struct catalogue *catalogue;
    struct full *full; /* in a full run, of an honest replica; else NULL */
    struct candidate *candidates;
    size_t candidate_count, candidate_capacity;
    struct parcel *ranges[RANGES_KEPT]; /* the newest, whose payloads are held */
    uint32_t range_next;
    struct parcel *feeding; /* the parcel of the input being carried out, so that it need not be copied */
    struct batch_bits known, committed;
    bool work_told, work_said; /* what INPUT_WORK said last */
    bool seal_said;            /* likewise INPUT_SEAL */
    uint64_t certifiers; /* a bitmap: who signed the checkpoint of this epoch's seal, as far as is known */
    bool certified;      /* a quorum did */
    uint64_t wake_us, wake_number;
    uint64_t clock_ms, rate_ppm; /* now_ms = clock_ms + time since the run began, at 1 + rate */
    int64_t skew_ms;
    uint32_t ask_next;
    struct lies lies;
    struct parcel *memory[32]; /* what a liar may replay */
    uint32_t memory_next;
};

void replica_init(struct world *world, uint32_t index, uint32_t identity);
void replica_close(struct replica *replica);
/* Opens the core from what is on disk. It is still down where the disk fails, and is started again later. */
void replica_start(struct world *world, struct replica *replica);
/* The process is killed, or the power fails; `wipe` takes the disk too, and the vote with it (R13). */
void replica_crash(struct world *world, struct replica *replica, bool wipe);
/* Carries an event of this replica out. */
void replica_event(struct world *world, struct replica *replica, struct event *event);
/* A client brings a batch here; it is sent to all. */
void replica_submit(struct world *world, struct replica *replica, uint32_t batch);
/* Feeds one input and carries out everything it leads to. */
void replica_input(struct world *world, struct replica *replica, struct consensus_input *input);
/* Ends the core whose epoch's seal is durable and certified, and opens the next epoch's. */
void replica_next_epoch(struct world *world, struct replica *replica);
/* An event of this life and core. */
struct event replica_event_of(const struct replica *replica, enum event_kind kind);
/* Whom the core means by a peer: an identity, or PEER_ALL. */
uint32_t replica_peer(const struct world *world, const struct replica *replica, uint32_t peer);
/* R13: it may have voted in this epoch and does not know. */
static inline bool replica_forgets(const struct replica *replica)
{
    return replica->disk.epoch <= replica->forgotten_epoch;
}
/* What its own clock shows. */
uint64_t replica_clock_ms(const struct world *world, const struct replica *replica);
/* Its place in the set of its epoch, or SIGNER_NONE. */
uint32_t replica_signer(const struct world *world, const struct replica *replica);
/* Sets when it next learns who sent it anything (R8). */
void replica_keepalive(struct world *world, const struct replica *replica);
/* What it is and sees now, for the checker. */
struct checker_moment replica_moment(const struct world *world, const struct replica *replica);
/* Whether anything it knows is not committed here. */
bool replica_waits(const struct replica *replica);

static inline bool batch_has(const struct batch_bits *bits, uint32_t batch)
{
    return (bits->words[batch / 64] >> batch % 64 & 1) != 0;
}

static inline void batch_add(struct batch_bits *bits, uint32_t batch)
{
    bits->words[batch / 64] |= (uint64_t)1 << batch % 64;
}

static inline uint32_t batch_of(const struct replica *replica, const struct digest *name)
{
    return catalogue_number(replica->catalogue, name);
}

#endif
