/* The ledger: every finalized block, by height from 1, as it was signed, in append-only segments.
 *
 *   DIR/ledger   one record a block: its hash, a directory of its events, the block encoded without bodies
 *   DIR/bodies   one record an event body (salt and body), apart from everything signed, with a checksum
 *   DIR/mended   blocks that were damaged and fetched again, where they did not fit their place to the byte
 *   DIR/older    where the ledger does not begin with height 1: the blocks below, in folders like these
 *
 * A block is durable once ledger_sync has returned TALLY_OK: bodies are synced first, then the block's record
 * is written and synced, so a block on disk always has its bodies. What a crash leaves beyond the last whole
 * block that carries its own FC is cut by ledger_open, bodies included.
 *
 * A ledger may begin with a later block, whose state came as a snapshot (ledger_begin). Older blocks are then
 * appended to DIR/older from the first on, while the ledger grows at its other end; they stay there. Reads
 * find a block wherever it is.
 *
 * Threads: ledger_append, ledger_sync and ledger_body_erase are for one thread at a time, the writer;
 * ledger_older_append and ledger_older_sync for another one.
 * Everything else may be called from any thread meanwhile; reads see durable blocks only. */
#ifndef TALLY_STORAGE_LEDGER_H
#define TALLY_STORAGE_LEDGER_H

#include "proto/codec/agreement.h"
#include "storage/disk.h"

struct ledger;

struct ledger_options {
    uint64_t
        segment_size_max; /* 0 = LEDGER_SEGMENT_SIZE; a block larger than that has a segment of its own */
    bool verify_all;      /* read and check every byte at open, not just the newest segments */
    /* Open in spite of damaged records, headers and missing files, for ledger_mend: what cannot be read is
     * TALLY_EDAMAGED. Folders that lost all they had are not opened; where every block is gone of a ledger
     * that began later, it is an empty one. */
    bool mend;
};
#define LEDGER_SEGMENT_SIZE (256ull * 1024 * 1024)

/* What ledger_open found; filled in on failure as well. */
struct ledger_report {
    uint64_t blocks_cut;     /* whole blocks without an FC behind the last one with it */
    uint64_t bytes_cut;      /* of torn or orphaned records, in both folders */
    uint64_t lost;           /* with `mend`: blocks whose records are damaged and not mended yet, */
    uint64_t bodies_lost;    /* stretches of damaged bodies, */
    uint64_t headers_mended; /* and headers of segments that were put right, or made anew with the file */
    uint64_t damaged_height; /* with TALLY_EDAMAGED: the first height that cannot be read back; 0 = not one
                                block's */
    char detail[160];        /* with an error: what is wrong, and in which file; else "" */
};

/* The newest durable block. Height 0: an empty ledger; `hash` is then the chain id, the header zeros, and
 * there is no finalization. At any other height the finalization is present once ledger_open returns, and
 * stays so while the writer syncs only after a block that carries its FC. */
struct ledger_head {
    uint64_t height;
    struct digest hash;
    struct block_header header;
    bool has_finalization;
    struct certificate finalization;
};

/* Opens dir/ledger and dir/bodies, making them where both are missing. `dir` exists. `options` NULL =
 * defaults. Errors: TALLY_ECHAIN (another chain's), TALLY_EVERSION, TALLY_EDAMAGED (a bad record with later
 * valid ones behind it, or a segment that is missing; nothing that ever was durable is cut), TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT. */
int ledger_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, struct ledger **ledger,
    struct ledger_report *report) TALLY_MUST_CHECK;
/* What was appended and not synced is lost. */
void ledger_close(struct ledger *ledger);

/* Makes a ledger that begins with `block` and its FC, where there is none: DIR/ledger and
 * DIR/bodies, durably. The caller has proven it final. `dir` exists. A crash may leave a part of it, which is
 * no ledger: throw it away. Errors: TALLY_EINVALID (height 1, or no FC), TALLY_EEXISTS (there are segments),
 * and as ledger_open's. */
int ledger_begin(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, const struct block *block) TALLY_MUST_CHECK;
/* The height it begins with: 1, unless it was begun later. */
uint64_t ledger_first(const struct ledger *ledger);
/* Blocks up to this height are in DIR/older, durably: 0 where none are, ledger_first when all are. */
uint64_t ledger_older_height(struct ledger *ledger);
/* As ledger_append, of the next older block: the caller has proven it by its hash. It need not carry an FC.
 * The ledger's own first block is the last of them, now with its bodies. Errors: as ledger_append's;
 * TALLY_EINVALID too where it reaches the ledger, and does not fit there. */
int ledger_older_append(struct ledger *ledger, const struct block *block) TALLY_MUST_CHECK;
int ledger_older_sync(struct ledger *ledger) TALLY_MUST_CHECK;

/* Adds the next block, bodies in its batches where they are known. Copies what it needs. Not durable, and not
 * readable, before ledger_sync. Errors: TALLY_EINVALID (not the child, by height and parent hash, of the
 * block appended last), TALLY_ELIMIT, TALLY_ENOMEM: the ledger is unchanged. TALLY_EIO, TALLY_EFULL: every
 * later append and sync fails too. */
int ledger_append(struct ledger *ledger, const struct block *block) TALLY_MUST_CHECK;
/* Makes all appended blocks durable and readable. Errors: TALLY_EIO, TALLY_EFULL: final, see above. */
int ledger_sync(struct ledger *ledger) TALLY_MUST_CHECK;

void ledger_head(struct ledger *ledger, struct ledger_head *head);
/* The newest durable height, 0 when empty. */
uint64_t ledger_height(struct ledger *ledger);

/* Errors of the reads: TALLY_ENOTFOUND (no such height or index, durably), TALLY_EPENDING (an older block
 * that is not here yet), TALLY_EDAMAGED (the stored bytes are not what was stored), TALLY_EIO, TALLY_ENOMEM
 * (the arena's budget). */

/* The decoded block, all of it in the arena. With bodies: those that are there; an erased one is absent. */
int ledger_read(struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena,
    struct block *block) TALLY_MUST_CHECK;
/* Appends the encoded block (a LedgerBlock) to `out`; TALLY_ELIMIT when it does not fit. The arena is for
 * scratch. */
int ledger_read_encoded(struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena,
    struct buffer *out) TALLY_MUST_CHECK;
/* The block's hash alone; the chain id at height 0. */
int ledger_hash(struct ledger *ledger, uint64_t height, struct digest *hash) TALLY_MUST_CHECK;

struct ledger_event {
    struct span header; /* exact bytes, in the arena */
    bool has_body;
    uint8_t salt[SALT_SIZE];
    struct span body; /* in the arena */
};

/* One event by its place, index counting from 0 over all events of the block, with a few small reads. */
int ledger_event_read(struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena,
    struct ledger_event *event) TALLY_MUST_CHECK;

/* Its header alone: the exact bytes, in the arena. */
int ledger_header_read(struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena,
    struct span *header) TALLY_MUST_CHECK;

/* A height whose block, or a body of it, was met damaged, at opening or in a read. Errors: TALLY_ENOTFOUND.
 */
int ledger_damaged(struct ledger *ledger, uint64_t *height) TALLY_MUST_CHECK;

/* Puts right what is damaged of a durable block, from a copy that the caller has proven final (its own or a
 * descendant's FC), bodies and batch signatures checked: what fits its place to the byte in place, a block's
 * record that differs (peers keep other FCs) in DIR/mended. It must also fit what the ledger still knows: its
 * hash at this height, its parent's, its child's. Where the parent's alone is left, finality is what tells. A
 * damaged body that the copy comes without is left as it is, unless `withhold`: then it is marked as erased.
 * One that was erased stays so. *mended says whether the height is whole now; it is then no longer told by
 * ledger_damaged. One thread at a time; the writer and readers may go on meanwhile. Errors: TALLY_EINVALID
 * (not this ledger's block: nothing was changed), TALLY_EDAMAGED (nothing around it can tell), TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM. */
int ledger_mend(
    struct ledger *ledger, const struct block *block, bool withhold, bool *mended) TALLY_MUST_CHECK;

/* Overwrites one body and its salt with zeros, durably, and marks it erased. Nothing signed changes. Erasing
 * again, or what was never stored, is TALLY_OK. Errors: as the reads, and TALLY_EFULL. */
int ledger_body_erase(struct ledger *ledger, uint64_t height, uint32_t index) TALLY_MUST_CHECK;

#endif
