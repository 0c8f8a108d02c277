/* What goes wrong in a simulated run, and when. */
#ifndef TALLY_SIM_FAULT_H
#define TALLY_SIM_FAULT_H

#include "tests/sim/world.h"

/* Chooses who lies and who will lose a disk. */
void fault_choose(struct world *world);
/* Sets faults and clients going. */
void fault_begin(struct world *world);
/* Ends all faults: partitions heal, what is down starts, clocks agree; liars go on. */
void fault_stop(struct world *world);
/* Carries an event out that is not one replica's own; false for one that is. */
bool fault_event(struct world *world, const struct event *event);

#endif
