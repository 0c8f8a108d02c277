/* One simulated replica's disk: its vote record, which is the shipped one over a disk in memory, in the
 * shipped encoding; and its ledger, a model: blocks pending until a sync that began after them ends.
 *
 * Records are queued, written to the record's file when a commit begins, and on disk once it ends: as in the
 * node, which gathers what comes meanwhile for the next commit. What a crash leaves follows from how the
 * process ended: killed, all that was written is in the page cache; by a power cut, any sectors of what was
 * not synced are left, so a record may be torn, and a later one there without an earlier. */
#ifndef TALLY_SIM_DISK_H
#define TALLY_SIM_DISK_H

#include "tests/sim/dice.h"
#include "tests/sim/parcel.h"

struct catalogue;
struct disk;
struct memory_disk;
struct vote_record;

/* The folder of a node's data on such a disk. */
#define DISK_DATA_DIR "/data"

/* A record on its way to the disk: consensus's, or the promise to sign a checkpoint. */
struct disk_record {
    struct consensus_record record;
    uint64_t sequence;          /* 0 = none of consensus's */
    uint64_t checkpoint_height; /* 0 = no promise */
    uint64_t view;
    struct buffer bytes;
};

/* A record that was found on disk. */
struct disk_entry {
    struct consensus_record record;
    struct parcel *proposal; /* the block's exact bytes and payload; NULL where the record stores none */
};

struct disk_block {
    struct block_header header;
    struct digest hash;
    struct certificate *finalization; /* NULL where a descendant finalized it, unless it seals */
    struct block_header *seal_path;   /* of a block that seals: to the descendant that finalized it */
    uint32_t seal_path_count;
    struct payload *payload;
    struct parcel *proposal;
};

struct replica_disk {
    struct digest chain_id;
    const struct catalogue *catalogue;
    uint64_t epoch;      /* of the vote record */
    bool ledger_shipped; /* the shipped ledger is on the disk too: then a crash leaves the model to whoever
                            opens it */
    uint64_t file_size;  /* of the vote record's files, at most */
    struct memory_disk *memory;
    struct vote_record *votes; /* NULL while the process is down, and where there is no record to open */
    struct disk_record *
        *records; /* written and not known to be on disk, then queued; after a crash: in doubt */
    size_t record_count, record_capacity, records_written;
    uint64_t prune_view;        /* asked for and not yet done; 0 = none */
    struct disk_entry *entries; /* what disk_open found, until disk_entries_clear */
    size_t entry_count, entry_capacity;
    struct disk_block *blocks; /* block i is of height i + 1 */
    size_t block_count, block_capacity, blocks_durable;
    bool records_syncing, ledger_syncing;
};

/* Begins an empty disk; with a vote record for a first start. Its faults and what its crashes leave follow
 * from `seed`. */
void disk_make(struct replica_disk *disk, const struct digest *chain_id, const struct catalogue *catalogue,
    uint64_t seed, uint64_t file_size, bool votes);
void disk_close(struct replica_disk *disk);
/* The files, for what else the node stores. They are others after disk_lose. */
const struct disk *disk_files(const struct replica_disk *disk);

/* What opening the vote record came to. */
struct disk_found {
    size_t lost;      /* records that were written or queued when the process ended, and are gone */
    uint64_t torn;    /* bytes cut of a torn tail */
    char detail[160]; /* with an error */
};
/* Opens the vote record, as a node that starts does; what it holds above the ledger's newest block is in
 * `entries`. Errors: vote_record_open's. */
int disk_open(struct replica_disk *disk, struct disk_found *found) TALLY_MUST_CHECK;
void disk_entries_clear(struct replica_disk *disk);

/* Queues a record. Where it names a block, `proposal` is that block with its payload; it is stored whole
 * unless *stored, which this sets. */
void disk_record_add(struct replica_disk *disk, const struct consensus_record *record, uint64_t sequence,
    struct parcel *proposal, bool *stored);
/* Queues the promise to sign the checkpoint of a height in `view`, with the signed bytes. */
void disk_promise_add(struct replica_disk *disk, uint64_t height, uint64_t view, struct span checkpoint);
/* The newest height promised, queued or on disk; 0 for none. */
uint64_t disk_promised(const struct replica_disk *disk);
/* Begins a commit: writes what is queued. Errors: vote_record_append's; the process must end. */
int disk_commit_begin(struct replica_disk *disk) TALLY_MUST_CHECK;
/* Ends it: syncs, and drops files that are not needed any more. Errors: vote_record_sync's and
 * vote_record_prune's; the process must end. */
int disk_commit_end(struct replica_disk *disk) TALLY_MUST_CHECK;
/* Whether a power cut right now would lose none of the records that were written. */
bool disk_holds_all(const struct replica_disk *disk);
/* Takes the oldest record that a power cut right now would not lose, as the disk itself has it and nobody
 * claims; without its bytes; false where there is none. */
bool disk_take_durable(struct replica_disk *disk, struct disk_record *taken);
/* Records of views at or below `view` are not needed any more: allowed once the floor of that view is
 * durable.
 */
void disk_prune(struct replica_disk *disk, uint64_t view);

/* Copies; holds payload and proposal. header->height is the ledger's next. */
void disk_block_add(struct replica_disk *disk, const struct block_header *header, const struct digest *hash,
    const struct certificate *finalization, struct payload *payload, struct parcel *proposal);
/* Forgets the blocks above height `count`. */
void disk_blocks_cut(struct replica_disk *disk, size_t count);
/* Of the newest block, which seals: the headers after it, as the commit gave them. Copies. */
void disk_block_sealed(struct replica_disk *disk, const struct block_header *path, uint32_t count);
/* The view of the newest block, where that is of the vote record's epoch; else 0. */
uint64_t disk_floor_view(const struct replica_disk *disk);
/* An empty disk gets the first `count` blocks of another one, the last of them the seal before `epoch`. */
void disk_blocks_copy(
    struct replica_disk *disk, const struct replica_disk *from, size_t count, uint64_t epoch);
/* The epoch is over, its seal durable and certified: its vote record goes, and with `votes` the next one's is
 * made. */
void disk_next_epoch(struct replica_disk *disk, bool votes);
/* How many of the blocks stored end at one with a finalization: as far as the ledger may be acknowledged or
 * served. */
size_t disk_blocks_finalized(const struct replica_disk *disk, size_t count);
void disk_floor(
    const struct replica_disk *disk, const struct digest *chain_id, struct consensus_floor *floor);

enum disk_trouble {
    TROUBLE_POWER = 1, /* the power fails in the middle of a change */
    TROUBLE_IO,        /* a change fails; a sync that does loses what it was to write */
    TROUBLE_PHANTOM,   /* likewise, but what is lost can be read until the power goes */
    TROUBLE_FULL,      /* no change that takes space succeeds any more, until the process has ended */
};
/* Trouble strikes the vote record's disk at the `at`-th change from now, from 1; a write that it strikes
 * leaves `torn_size` bytes. */
void disk_trouble(struct replica_disk *disk, enum disk_trouble kind, uint64_t at, size_t torn_size);
void disk_calm(struct replica_disk *disk);
/* The process has ended, by a power cut or else killed: what is left of the ledger is what was acknowledged
 * and a drawn prefix of the rest, cut to whole commits; of the record, what the kind of end leaves. */
void disk_crash(struct replica_disk *disk, struct dice *dice, bool power_cut);
/* Everything is gone, the vote record too. */
void disk_lose(struct replica_disk *disk);

#endif
