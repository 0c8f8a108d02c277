/* One simulated replica's disk: its vote record and its ledger. Writes are pending until a sync that began
 * after them ends; a crash keeps what was acknowledged, and of the rest a prefix of any length, since a write
 * may have reached the disk without anybody having been told. */
#ifndef TALLY_SIM_DISK_H
#define TALLY_SIM_DISK_H

#include "tests/sim/dice.h"
#include "tests/sim/parcel.h"

struct disk_record {
    struct consensus_record record;
    uint64_t sequence;
    struct parcel *proposal; /* the block's exact bytes and payload; NULL where the record names none */
};

struct disk_block {
    struct block_header header;
    struct digest hash;
    struct certificate *finalization; /* NULL where a descendant finalized it */
    struct payload *payload;
    struct parcel *proposal; /* NULL where it came in a range */
};

struct disk {
    struct disk_record **records;
    size_t record_count, record_capacity, records_durable;
    struct disk_block *blocks; /* block i is of height i + 1 */
    size_t block_count, block_capacity, blocks_durable;
    bool records_syncing, ledger_syncing;
};

void disk_close(struct disk *disk);
/* Copies the record and holds the proposal (may be NULL). */
void disk_record_add(
    struct disk *disk, const struct consensus_record *record, uint64_t sequence, struct parcel *proposal);
/* Copies; holds payload and proposal (which may be NULL). header->height is the ledger's next. */
void disk_block_add(struct disk *disk, const struct block_header *header, const struct digest *hash,
    const struct certificate *finalization, struct payload *payload, struct parcel *proposal);
/* Removes durable records of views at or below `view`: allowed once the floor of that view is durable. */
void disk_prune(struct disk *disk, uint64_t view);
/* How many of the blocks stored end at one with a finalization: as far as the ledger may be acknowledged or
 * served. */
size_t disk_blocks_finalized(const struct disk *disk, size_t count);
/* The power fails: what is left is what was acknowledged and a drawn prefix of the rest, cut to whole
 * commits. */
void disk_crash(struct disk *disk, struct dice *dice);
/* Everything is gone. */
void disk_lose(struct disk *disk);
void disk_floor(const struct disk *disk, const struct digest *chain_id, struct consensus_floor *floor);

#endif
