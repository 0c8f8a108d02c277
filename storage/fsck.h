/* Looks at everything a stopped node keeps in its data directory, and names whatever is not as it was
 * written.
 *
 *   ledger/ bodies/ votes/   every header, record, checksum, size and digest of their segments
 *   ledger/                  each block decodes, hashes to what its record and its child say, follows its
 *                            parent, and carries valid signatures: its leader's, its batches' by keys of the
 *                            genesis, and its own FC's or that of a descendant
 *   older/                   the same for the blocks below the first, where a node began with a snapshot: its
 * own ledger/, bodies/ and mended/ mended/                  the same for blocks that were damaged and fetched
 * again; what stands for them in ledger/ then is slack, and the digest of its segment counts for nothing
 *   bodies/                  each body is the one its event's header commits to; one that was erased, or
 * never came, is withheld, and no damage votes/                   the marks (storage/origin.h), and that all
 * that is needed is there state/                   every key is read with its checksum; the subject map, the
 * history tree and the roots come out as stored; and they are what the ledger's blocks and the certified
 *                            checkpoints, with their signatures, say;
 *                            accounts and their events by seq are those that the subjects' files fix
 *   snapshots/               each finished one: its head and every part, against the roots that were signed
 *
 * What is slack, where any byte may change and nothing is told: what storage/segment.h names as such; "spare"
 * and "*.new" beside segments; what is in snapshots/ of a height that has no head yet; joining/,
 * which the next start empties, or puts in place; "unfinished-mark" and
 * LOCK, whose bytes no start relies on; and of LevelDB's files its text logs LOG and LOG.old, its LOCK, the
 * *.dbtmp files, tables and manifests that nothing refers to, and in a table the Bloom filter, its index and
 * the padding of the footer: LevelDB ignores a filter that does not check out, and reads the same without
 * one.
 *
 * Nothing is changed, save that LevelDB, when it is opened, moves its own log into a table, as at any start.
 */
#ifndef TALLY_STORAGE_FSCK_H
#define TALLY_STORAGE_FSCK_H

#include "proto/codec/genesis.h"
#include "proto/codec/history.h"
#include "storage/disk.h"

#define FSCK_NO_OFFSET UINT64_MAX

/* One damaged thing. The texts are one sentence each, borrowed for the call. */
struct fsck_problem {
    const char *file; /* below the data directory; "state" where it is not one file's */
    uint64_t offset;  /* bytes; FSCK_NO_OFFSET where it is no one place */
    uint64_t height;  /* of the block it belongs to; in votes/ the view; 0 = not one block's */
    const char *what; /* is wrong */
    const char *then; /* what the node does about it, or what to do */
};

struct fsck_counts {
    uint64_t files, bytes; /* of segments */
    uint64_t height;       /* of the newest block found whole */
    uint64_t blocks, events, batches, signatures;
    uint64_t bodies;   /* there, and right */
    uint64_t withheld; /* events without a body: erased, or never there */
    uint64_t mended;   /* blocks that were damaged once, and are whole in mended/ */
    uint64_t votes;    /* records of the vote record */
    uint64_t state_keys, state_height;
    uint64_t checkpoints; /* certified ones in the state */
    uint64_t snapshots;   /* whole ones */
    uint64_t problems;
};

struct fsck_options {
    const char *dir; /* a node's data directory, which the caller has locked */
    const struct genesis *genesis;
    bool is_validator; /* it must have a vote record */
    /* As in struct state_config: subject_state_chains. */
    int (*accounts)(struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX], uint32_t *count,
        struct item_chain *items);
    void (*found)(void *context, const struct fsck_problem *problem);
    /* Now and then, with bytes of segments done and to do. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
    void *context;
};

/* Errors: TALLY_EIO (a file cannot be read at all), TALLY_ENOMEM, TALLY_EBUSY (the state is open elsewhere),
 * TALLY_ELIMIT (path). Damage is no error: counts->problems says how much was told. */
int fsck_run(const struct fsck_options *options, struct fsck_counts *counts) TALLY_MUST_CHECK;
/* The same of a folder that holds what a backup does (storage/backup.h), and nothing else: the ledger, bodies
 * and snapshots. Whether blocks were final behind the last one, or bodies there that are withheld, nothing in
 * it tells. */
int fsck_backup(const struct fsck_options *options, struct fsck_counts *counts) TALLY_MUST_CHECK;

#endif
