/* What the parts of fsck share. Nobody else includes it. */
#ifndef TALLY_STORAGE_FSCK_INTERNAL_H
#define TALLY_STORAGE_FSCK_INTERNAL_H

#include "proto/codec/register.h"
#include "storage/epoch_sets.h"
#include "storage/fsck.h"
#include "storage/ledger_internal.h"

struct fsck {
    const struct fsck_options *options;
    struct fsck_counts *counts;
    const struct disk *disk;      /* never changes anything */
    struct verify_set validators; /* the genesis's */
    /* What the state knows beyond it, as far as it can be read. */
    struct buffer seals;             /* an encoded list, from the first epoch on */
    struct member_register *members; /* NULL = nothing */
    uint64_t members_height;
    int leveldb; /* what fsck_leveldb said */
    uint64_t bytes_done, bytes_all;
};

/* One problem; `format` makes the sentence that says what is wrong. */
void fsck_tell(struct fsck *fsck, const char *file, uint64_t offset, uint64_t height, const char *then,
    const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Advances the progress by some bytes. */
void fsck_advance(struct fsck *fsck, const char *what, uint64_t bytes);

/* ---- One log of segments ---- */

struct fsck_record {
    const struct segment_header *segment;
    struct segment_place place;
    const struct record_header *header;
    struct span payload;
};

struct fsck_log {
    struct fsck *fsck;
    const char *folder; /* below the data directory */
    enum segment_log_kind kind;
    uint32_t record_size_max;
    bool digests;                   /* sealed segments have one */
    bool from_first;                /* segment 1 must be there */
    struct segment_place known_end; /* all before it was on disk once; segment 0 = not known */
    const char *then;               /* about damage */
    const char *then_torn;          /* about a tail that may be a torn write */
    /* Each good record, in order; an error ends the walk. May be NULL. */
    int (*record)(void *context, const struct fsck_record *record);
    /* Records are missing between the last good one and the next; `number` is the first one's, 0 where that
     * is not known. Says whether it is none to tell of. May be NULL. */
    bool (*gap)(void *context, uint64_t number);
    void *context;
    /* Results. */
    uint64_t segments, records;
    struct segment_place end; /* of the good records of the newest segment */
};

/* Walks the log; the folder may be missing (TALLY_ENOTFOUND). */
int fsck_log_walk(struct fsck_log *log) TALLY_MUST_CHECK;
/* The name of a segment's file below the data directory. */
#define FSCK_NAME_SIZE 64
void fsck_segment_name(const char *folder, uint32_t sequence, char name[FSCK_NAME_SIZE]);
/* Reads and checks a segment's header, and opens its file. One changed byte of it is put right in *header,
 * and *changed says where; -1 where nothing was. Errors: TALLY_ENOTFOUND, TALLY_EDAMAGED, TALLY_ECHAIN,
 * TALLY_EVERSION, TALLY_EIO, TALLY_ELIMIT; the file is then not open. */
int fsck_segment_open(struct fsck *fsck, const char *folder, enum segment_log_kind kind, uint32_t sequence,
    int *file, struct segment_header *header, int *changed) TALLY_MUST_CHECK;

/* ---- The parts, each of which tells what it finds ---- */

bool fsck_state_is_there(const struct fsck *fsck);
/* First of all. Errors: TALLY_ENOMEM. */
int fsck_learn(struct fsck *fsck) TALLY_MUST_CHECK;
int fsck_ledger(struct fsck *fsck) TALLY_MUST_CHECK;
int fsck_votes(struct fsck *fsck) TALLY_MUST_CHECK;
/* `ledger_whole`: nothing was found in the ledger, so the state can be held against it. */
int fsck_state(struct fsck *fsck, bool ledger_whole) TALLY_MUST_CHECK;
int fsck_snapshots(struct fsck *fsck) TALLY_MUST_CHECK;
/* The files by which LevelDB finds its tables and its newest writes, which it reads with some forbearance. */
int fsck_leveldb(struct fsck *fsck) TALLY_MUST_CHECK;

#endif
