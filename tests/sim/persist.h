/* The disk's side of the simulated driver: records and blocks on their way to the disk, acknowledgements, and
 * what a failing disk does to the process. */
#ifndef TALLY_SIM_PERSIST_H
#define TALLY_SIM_PERSIST_H

#include "tests/sim/world.h"

/* Opens what the last life left on disk, and says whether the replica may vote. False where the disk fails
 * already: the process ended, and is started again later; or where what is on it was found to be wrong. */
bool persist_open(struct world *world, struct replica *replica);
/* Gives the core back what was found. */
void persist_restore(struct world *world, struct replica *replica);
/* Carries OUTPUT_PERSIST out. */
void persist_record(struct world *world, struct replica *replica, const struct consensus_output *output);
/* Begins to sync what is not, unless a sync is going on. The replica may be down on return. */
void persist_sync(struct world *world, struct replica *replica);
/* A commit of the vote record has had its time: it ends, and is acknowledged. */
void persist_records_synced(struct world *world, struct replica *replica);
/* A sync of the ledger, of its first `count` blocks, has had its time. */
void persist_ledger_synced(struct world *world, struct replica *replica, uint64_t count);
#endif
