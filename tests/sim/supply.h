/* The payload side of the simulated driver: candidate blocks, batches, fetching what is lacking, filling
 * proposals. */
#ifndef TALLY_SIM_SUPPLY_H
#define TALLY_SIM_SUPPLY_H

#include "tests/sim/world.h"

/* NULL when the replica has no such candidate. Holds until the next one is added or dropped. */
struct candidate *supply_find(struct replica *replica, const struct digest *block);
/* Keeps a proposal's bytes; returns its candidate. */
struct candidate *supply_keep(
    struct world *world, struct replica *replica, struct parcel *proposal, bool held);
void supply_drop(struct replica *replica, const struct digest *block);
/* Forgets candidates at or below a durable floor's view. */
void supply_sweep(struct replica *replica, uint64_t view);
void supply_clear(struct replica *replica);
/* The block's payload, from a candidate, a range or the ledger; NULL when not held. Borrowed. */
struct payload *supply_payload(struct replica *replica, const struct digest *block);
/* The block's proposal, from a candidate or the ledger; NULL when not held. Borrowed. */
struct parcel *supply_proposal(struct replica *replica, const struct digest *block);
/* Begins to hold the payload of a candidate, asking `peer` first. */
void supply_need(struct world *world, struct replica *replica, const struct digest *block, uint32_t peer);
/* The core is about to hear that the block's payload is held, or not. */
void supply_told(struct replica *replica, const struct digest *block, bool held);
/* Shows the checker every candidate whose payload the core knows to be held. */
void supply_check(struct world *world, struct replica *replica, const struct checker_moment *moment);
/* The time to ask somebody else has come. */
void supply_fetch(struct world *world, struct replica *replica, const struct digest *block);
/* Batches arrived. */
void supply_learn(struct world *world, struct replica *replica, const struct payload *payload);
/* Looks again at what was lacking or pending. */
void supply_review(struct world *world, struct replica *replica);
/* Adds to `taken` the batches of the unfinalized chain from `tip` down: a child of it must not repeat them.
 */
void supply_taken(struct replica *replica, const struct digest *tip, struct batch_bits *taken);
/* Completes, signs and queues the proposal the core asked for. */
void supply_propose(struct world *world, struct replica *replica, const struct consensus_output *output);

#endif
