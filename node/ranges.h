/* Finalized blocks for those who are behind, read off the loop. */
#ifndef TALLY_NODE_RANGES_H
#define TALLY_NODE_RANGES_H

#include "node/jobs/worker.h"
#include "storage/ledger.h"

/* Enough for one answer; the block that passes it, and any up to the next with an FC, still go along. */
#define RANGE_SIZE_ENOUGH (1u * MIB)

/* Reads consecutive blocks from `from_height` on, ending with one that carries its FC, and at a seal at the
 * latest, and encodes them as a BlockRange. `done` comes on the loop with the bytes, borrowed; empty where
 * there is nothing to give. */
void range_read_start(struct worker *worker, struct ledger *ledger, uint32_t peer, uint64_t from_height,
    void (*done)(void *context, uint32_t peer, struct span range), void *context);

#endif
