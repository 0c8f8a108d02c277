/* What Byzantine validators do. A liar runs the shipped core, in two instances with one key that see and say
 * different things; here its messages are withheld, doubled, replayed, and spoiled on their way out, and its
 * links broken as it pleases. */
#ifndef TALLY_SIM_LIAR_H
#define TALLY_SIM_LIAR_H

#include "tests/sim/world.h"

/* Draws how this one lies. */
void liar_init(struct world *world, struct replica *replica);
/* Sends what a liar sends in place of the parcel. Does not take it. */
void liar_send(struct world *world, struct replica *replica, uint32_t to, struct parcel *parcel);

/* Breaks a drawn link of the liar's, and sets the next such event. */
void liar_flap(struct world *world, struct replica *replica);

#endif
