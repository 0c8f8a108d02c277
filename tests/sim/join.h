/* A replica without a disk starts from where its peers are, by the chain of seals, as a node does by a
 * snapshot. Its history is there at once: how it is filled in is storage's to test. */
#ifndef TALLY_SIM_JOIN_H
#define TALLY_SIM_JOIN_H

#include "tests/sim/world.h"

/* The replica signs its epoch's seal, for whoever joins later: until a quorum has. */
void join_sign(struct world *world, const struct replica *replica, const struct disk_block *seal);
/* Whether a quorum of the epoch signed that this is its end. */
bool join_certified(const struct world *world, uint64_t epoch, const struct certified_checkpoint *certified);
/* Takes the newest epoch's beginning that a peer offers, if its seals hold from the first set on. A liar's
 * offer comes first, and must be refused. Nothing happens where no epoch has ended. */
void join_try(struct world *world, struct replica *replica);

#endif
