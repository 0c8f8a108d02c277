/* Epochs in a simulated run: which sets there will be, when the application wants one sealed, and when a seal
 * is certified, so that the next may begin. */
#ifndef TALLY_SIM_EPOCH_H
#define TALLY_SIM_EPOCH_H

#include "tests/sim/world.h"

/* Draws the sets of all epochs: members come, go and return, and no set has more faulty ones than it
 * tolerates. Who lies and who will lose a disk is chosen before. */
void epoch_draw(struct world *world);
/* From the next height on, the state asks for the end of the newest epoch. False where that is the last, or
 * is to end already. */
bool epoch_decide(struct world *world);
/* Whether this replica's application wants its epoch sealed, and for which set: it has applied the height
 * that decides so, and a quorum of the epoch has. A liar's may want anything. */
bool epoch_wanted(struct world *world, const struct replica *replica, struct digest *next_set);

enum epoch_verdict { SEAL_PENDING, SEAL_RIGHT, SEAL_WRONG };
/* What it says of a block that seals its epoch. */
enum epoch_verdict epoch_judge(
    const struct world *world, const struct replica *replica, const struct block_header *header);

/* Signs the checkpoint of its epoch's seal to all, if that is durable here; said again until it is certified.
 */
void epoch_tell(struct world *world, struct replica *replica);
/* A checkpoint's signature, or a whole certified one, came. */
void epoch_told(struct world *world, struct replica *replica, uint32_t peer, const struct parcel *parcel);
/* Whether its epoch's seal is durable here, and its checkpoint certified as far as it knows. */
bool epoch_over(const struct world *world, const struct replica *replica);
/* Whether an honest replica has an end of its epoch still to come, the application's wish for it being
 * committed. */
bool epoch_ends(const struct world *world, const struct replica *replica);

#endif
