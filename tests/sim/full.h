/* A full run has, beneath each honest replica, the ledger, the credit rules and the state that ship: the
 * ledger over the replica's simulated disk, the state in LevelDB in a folder of its own. Called are the
 * functions that the node's threads call, one after another and at once. */
#ifndef TALLY_SIM_FULL_H
#define TALLY_SIM_FULL_H

#include "tests/sim/catalogue.h"
#include "tests/sim/disk.h"

struct full;
struct checkpoint;

/* A folder for the states of one run, in memory where the machine has such; removed by full_scratch_remove,
 * and when the process is aborted by full_scratch_abandon, which a signal's handler may call. */
void full_scratch_make(void);
void full_scratch_remove(void);
void full_scratch_abandon(void);

/* `catalogue` is borrowed; `name` tells the folders in the scratch folder apart. Never NULL. */
struct full *full_open(const struct catalogue *catalogue, uint32_t name, uint64_t segment_size);
/* The state's folder goes as well. NULL is fine. */
void full_close(struct full *full);

/* Opens the ledger with what the disk holds, cuts the model to that, and brings the state level with it.
 * Errors: ledger_open's and replay_open's; TALLY_EDAMAGED also where the ledger is not what was stored, or a
 * state had to be thrown away. */
int full_start(struct full *full, struct replica_disk *disk, char why[160]) TALLY_MUST_CHECK;
/* How many blocks the last full_start replayed. */
uint64_t full_replayed(const struct full *full);
/* The process has ended: what was not synced or flushed is forgotten. */
void full_end(struct full *full);
/* The disk was lost, and the state with it. Not between full_start and full_end. */
void full_lose(struct full *full);

/* Appends what the model has beyond the ledger up to `height`. Errors: ledger_append's; the process must end.
 */
int full_append(struct full *full, const struct replica_disk *disk, uint64_t height) TALLY_MUST_CHECK;
/* Errors: ledger_sync's; the process must end. */
int full_sync(struct full *full) TALLY_MUST_CHECK;
/* The last height applied. */
uint64_t full_applied(const struct full *full);
/* Applies the next block. Errors: replay_apply's; the process must end. */
int full_apply(
    struct full *full, const struct replica_disk *disk, struct checkpoint *checkpoint) TALLY_MUST_CHECK;
/* The checkpoint of an applied height. */
int full_checkpoint(struct full *full, uint64_t height, struct checkpoint *checkpoint) TALLY_MUST_CHECK;
/* Keeps that a quorum signed the checkpoint of an applied height. Errors: state_certified_put's. */
int full_certified(struct full *full, uint64_t height, uint64_t signers) TALLY_MUST_CHECK;
/* Up to the newest certified height. Errors: replay_flush's; the process must end. */
int full_flush(struct full *full) TALLY_MUST_CHECK;

/* Replays this replica's ledger from genesis into a state of its own, telling `seen` the checkpoint of each
 * height. Errors: the ledger's and the state's. */
int full_replay(struct full *full, void (*seen)(void *context, const struct checkpoint *checkpoint),
    void *context) TALLY_MUST_CHECK;

/* How many events were ordered up to here, and how many of them were applied. */
void full_count(const struct full *full, uint64_t *ordered, uint64_t *applied);

#endif
