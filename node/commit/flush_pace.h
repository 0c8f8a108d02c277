/* How fast blocks may be applied where the disk falls behind. LevelDB, once it is too far behind with
 * merging, takes nothing for seconds; with memory full, applying would stop for as long. So blocks are slowed
 * before it comes to that, each a little, until the disk keeps up. */
#ifndef TALLY_COMMIT_FLUSH_PACE_H
#define TALLY_COMMIT_FLUSH_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "storage/state.h"

/* With more bytes than this unflushed, applying waits for the disk: of one flush under way, and one and a
 * half more gathered, which the next writes at once, and for that holds three times. */
#define FLUSH_SIZE_MAX (5u * (STATE_FREEZE_SIZE / 2))

/* Microseconds, at most 50,000, to pause before the next block: of the `unflushed` bytes `added` came since
 * the last pause; `lag` is state_flush_lag. */
uint32_t flush_pause_us(size_t unflushed, size_t added, uint32_t lag);

#endif
