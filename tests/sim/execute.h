/* Execution in a full run: what is final and on disk is applied, checkpoints are promised, signed and
 * certified, and the checker is told of every state. All of replicas that have `full`. */
#ifndef TALLY_SIM_EXECUTE_H
#define TALLY_SIM_EXECUTE_H

#include "tests/sim/world.h"

/* A life begins: what the state is after each block that it came back with, or was brought to. */
void execute_found(struct world *world, struct replica *replica);
/* Executes blocks up to height `count`, promises the last one's checkpoint, and now and then writes the
 * state. Errors: of the state, or of execution; neither may happen. */
int execute_to(struct world *world, struct replica *replica, uint64_t count) TALLY_MUST_CHECK;
/* The promise to sign the checkpoint of a height is on disk: the signature goes to everybody, here at once.
 */
void execute_promised(struct world *world, struct replica *replica, uint64_t height);
/* Replays the replica's ledger from genesis, and has the checker compare each state with what was applied. */
void execute_verify(struct world *world, struct replica *replica);

#endif
