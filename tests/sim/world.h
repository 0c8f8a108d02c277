/* One simulated run: replicas, the network between them, time, and what goes wrong. Single-threaded;
 * everything follows from the plan, so that one seed is one run. */
#ifndef TALLY_SIM_WORLD_H
#define TALLY_SIM_WORLD_H

#include "tests/sim/checker.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/queue.h"
#include "tests/sim/replica.h"

#define MILLISECOND_US 1000u
#define SECOND_US 1000000u
/* UTC at the run's beginning: 2025-01-01. */
#define WALL_START_MS 1735689600000u
/* A run that makes more events than this a replica pair has run away. */
#define EVENTS_MAX 40000000u

struct counters {
    uint64_t blocks, crashes, restarts, partitions, messages, lost, events;
    uint64_t double_proposals, double_votes;   /* views in which a liar said two things, as sent */
    uint64_t seals;                            /* epochs that ended */
    uint64_t joins, joins_late, joins_refused; /* by seals; into epoch 3 or later; of a liar's seals */
    uint64_t joined_votes;                     /* epochs in which somebody who joined before votes */
    uint64_t evidence;                         /* pieces that replicas came to hold */
    uint64_t tails_torn, records_lost; /* found at starts: torn tails, records written or queued and gone */
    uint64_t disk_errors;              /* that ended a process */
    uint64_t blocks_replayed;          /* of a full run: into states that were behind their ledgers */
    uint64_t events_ordered, events_applied, checkpoints_certified;
};

struct world {
    struct plan plan;
    struct dice dice;
    struct vault vault;
    struct queue queue;
    struct checker *checker;
    struct catalogue *catalogue;
    struct network network;
    struct counters counters;
    struct replica *replicas; /* one for each identity, then the second instances of liars */
    uint32_t replica_count, identity_count;
    bool honest[PEERS_MAX];
    uint8_t camp[2 * PEERS_MAX]; /* by replica, in SHAPE_FORK: a liar has an instance in each of the two */
    uint64_t decided[EPOCHS_MAX + 2]; /* by epoch: the height whose state asks for its end; 0 = none yet */
    struct certified_checkpoint seals[EPOCHS_MAX + 1]; /* by epoch: its end, signed by up to a quorum */
    bool doomed[PEERS_MAX];                            /* will lose its disk at its next crash */
    uint64_t *checkpoint_signers;                      /* of a full run: bitmaps by height */
    uint64_t checkpoint_capacity, certified_height;    /* the newest with a quorum */
    uint32_t batch_count;                              /* batches brought by clients so far */
    uint64_t now_us, healed_us;
    bool healed;
    bool traced;
    uint64_t trace_digest;
};

/* What a run came to. `violation` is empty where all was well. */
struct verdict {
    char violation[256];
    struct counters counters;
    uint64_t trace_digest;
    uint32_t culprits_min, culprits_max; /* named for a fork; 0 where nothing forked */
    uint64_t recovery_ms; /* from the end of the faults to the first batch committed everywhere */
    uint64_t recovery_bound_ms;
    uint64_t calm_ms_max, calm_bound_ms; /* the longest that a later batch took */
};

/* Runs it whole. `traced` tells it as prose on stdout. */
void world_run(const struct plan *plan, bool traced, struct verdict *verdict);

/* Adds an event `delay_us` from now; takes the parcel. */
void world_later(struct world *world, uint64_t delay_us, struct event event);
/* The name of a batch, made now if it was never named. */
struct digest world_batch(struct world *world, uint32_t number);
/* Folds a fact into the trace's digest. */
void world_mark(struct world *world, uint64_t fact);

#endif
