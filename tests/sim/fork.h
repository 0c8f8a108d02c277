/* A fork, given to blame: more liars than are tolerated made it, and it must name enough of them and nobody
 * else. */
#ifndef TALLY_SIM_FORK_H
#define TALLY_SIM_FORK_H

#include "tests/sim/world.h"

/* Holds the ledgers of honest replicas against each other. Where two conflict, blame must name at least
 * 2q - n culprits and no honest validator: else a violation. Tells verdict->culprits_min and culprits_max. */
void fork_judge(struct world *world, struct verdict *verdict);

#endif
