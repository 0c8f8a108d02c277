/* What the ledger's files share. Nobody else includes it. */
#ifndef TALLY_STORAGE_LEDGER_INTERNAL_H
#define TALLY_STORAGE_LEDGER_INTERNAL_H

#include <pthread.h>

#include "storage/ledger.h"
#include "storage/ledger_record.h"
#include "storage/segment_log.h"

/* Set in a place's segment: it is in DIR/mended. */
#define PLACE_MENDED (1u << 31)
/* Likewise, in the index alone: the block's record is lost; it stood there, where the offset is not 0. */
#define PLACE_LOST (1u << 30)
/* Damaged heights remembered at a time; a lost one is never forgotten. */
#define LEDGER_DAMAGED_MAX 64u

/* Where a durable block's record stands; element i is that of the ledger's first height + i. */
struct index_entry {
    struct segment_place place;
};

/* A block appended and not synced. */
struct staged {
    struct buffer payload; /* the whole record */
    struct digest parent;
    struct ledger_head head;
};

struct ledger {
    const struct disk *disk;
    char dir[DISK_PATH_SIZE_MAX];
    uint64_t segment_size_max;
    struct digest chain_id;
    struct segment_log *blocks, *bodies;
    struct segment_log *mended; /* NULL until a block was mended */
    struct ledger *older;       /* the blocks below `first`, in DIR/older; NULL where there are none */
    bool is_older;              /* this is such a one: all its blocks are final, by those above them */
    uint64_t first;             /* height of the first block; 1 in an empty ledger */
    struct digest below;        /* hash of the block before that; the chain id where there is none */
    struct ledger_record_form form;
    pthread_mutex_t mutex;    /* guards index, head and damaged */
    pthread_rwlock_t erasing; /* a reader of bodies never sees one half erased */
    struct index_entry *index;
    size_t index_count, index_capacity;
    struct ledger_head head;
    uint64_t damaged[LEDGER_DAMAGED_MAX]; /* heights */
    size_t damaged_count;
    size_t lost_count; /* heights in the index that are lost */
    /* The writer's own. */
    uint64_t appended_height;
    struct digest appended_hash;
    struct staged *staged;
    size_t staged_count, staged_capacity, staged_size;
    bool failed;
};

/* What opening a ledger keeps while it reads the logs. */
struct ledger_opening {
    struct ledger *ledger;
    struct ledger_report *report;
    struct segment_log_report log;  /* of the log that is read now */
    uint64_t gap_bytes;             /* passed over since the last block; 0 = none */
    struct segment_place gap_place; /* where that begins */
};

/* The place of the next height's record. Errors: TALLY_ENOMEM. */
int ledger_index_add(struct ledger *ledger, struct segment_place place) TALLY_MUST_CHECK;
/* Opens both logs, or makes them where there is neither, and fills the index. Errors: as ledger_open's. */
int ledger_open_logs(struct ledger *ledger, const char *dir, const struct ledger_options *options,
    struct ledger_opening *opening) TALLY_MUST_CHECK;
/* The height that the index would take next. */
static inline uint64_t ledger_index_next(const struct ledger *ledger)
{
    return ledger->first + ledger->index_count;
}
/* Opens a ledger's own logs; ledger_open adds those of older blocks. Errors: as ledger_open's. */
int ledger_open_one(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, bool is_older, struct ledger **ledger,
    struct ledger_report *report) TALLY_MUST_CHECK;
/* Makes both logs, which are not there yet, for a ledger whose first block has this height and parent. */
int ledger_make_logs(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, uint64_t first, const struct digest *parent) TALLY_MUST_CHECK;
/* Opens DIR/older below a ledger that does not begin with the first block. Errors: as ledger_open's. */
int ledger_older_open(struct ledger *ledger, const struct ledger_options *options,
    struct ledger_report *report) TALLY_MUST_CHECK;
/* The ledger that keeps a height: this one, or the one of older blocks. */
struct ledger *ledger_of(struct ledger *ledger, uint64_t height);

/* The last block that carries its own FC (of older blocks, the last), and how many blocks there are up to it.
 * Errors: as ledger_prefix_read's. */
int ledger_find_finalized(struct ledger *ledger, struct ledger_report *report,
    struct ledger_record_prefix *last, size_t *count) TALLY_MUST_CHECK;

/* Notes a height as damaged where `error` says so; passes the error on. Any thread. */
int ledger_note(struct ledger *ledger, uint64_t height, int error);
/* The log a place is in, with the mark taken off the place. */
struct segment_log *ledger_log_of(
    struct ledger *ledger, struct segment_log *log, struct segment_place *place);
/* Where the record of a durable height stands. Errors: TALLY_ENOTFOUND, TALLY_EPENDING (below the first
 * height), TALLY_EDAMAGED (it is lost). */
int ledger_find(struct ledger *ledger, uint64_t height, struct segment_place *place) TALLY_MUST_CHECK;
int ledger_prefix_read(
    struct ledger *ledger, struct segment_place place, struct ledger_record_prefix *prefix) TALLY_MUST_CHECK;
/* The whole record: its prefix, and the rest as one span. */
int ledger_record_read(struct ledger *ledger, uint64_t height, struct arena *arena,
    struct ledger_record *record) TALLY_MUST_CHECK;
/* ledger_read, of a height that this very ledger keeps. */
int ledger_read_own(struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena,
    struct block *block) TALLY_MUST_CHECK;
/* One event's directory entry, and its header's bytes in the arena. Errors: as the reads'. */
int ledger_event_find(struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena,
    struct ledger_record_event *entry, struct span *header) TALLY_MUST_CHECK;
/* The body at a place, as its record says. Errors: as ledger_body_decode's and segment_log_read's. */
int ledger_body_read(struct ledger *ledger, struct segment_place place, uint64_t height, uint32_t index,
    struct arena *arena, struct ledger_event *event) TALLY_MUST_CHECK;
/* Opens DIR/mended; TALLY_ENOTFOUND where there is none. */
int ledger_mended_open(struct ledger *ledger) TALLY_MUST_CHECK;

#endif
