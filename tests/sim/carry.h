/* Carrying out the core's outputs, and judging each against what is known of the replica's disk and past. */
#ifndef TALLY_SIM_CARRY_H
#define TALLY_SIM_CARRY_H

#include "tests/sim/world.h"

/* Carries out everything the last step left. The replica may have crashed on return. */
void carry_out(struct world *world, struct replica *replica);
/* A parcel reached the replica from `peer`: the driver answers what is its own, and gives the rest to the
 * core. */
void carry_in(struct world *world, struct replica *replica, uint32_t peer, struct parcel *parcel);

#endif
