/* A log of records over a folder of segments, named by their sequence in 16 hexadecimal digits.
 *
 * All segments but the newest are sealed: synced, cut to their bytes in use, which the next one's header
 * states, in logs that keep digests with the SHA-256 of those bytes: what sha256sum says of the file. It is
 * kept up while appending, never made at once. Only the newest can hold a torn tail. A new segment is written
 * under another name and renamed when it is on disk, so one with a bad header is damage. In a log that
 * recycles, a dropped segment waits as "spare" and becomes the next new one: to sync a file that has its
 * blocks already takes a third less time.
 *
 * Threads: appending, syncing, erasing, cutting and dropping are for one thread at a time; reading may go on
 * meanwhile from any thread, save while segments are dropped. */
#ifndef TALLY_STORAGE_SEGMENT_LOG_H
#define TALLY_STORAGE_SEGMENT_LOG_H

#include "proto/base/arena.h"
#include "storage/segment.h"

#define SEGMENT_LOG_SEGMENTS_MAX 65536u
/* A segment's end stays below this, so that an offset fits 32 bits. */
#define SEGMENT_SIZE_LIMIT (1ull << 31)

enum segment_log_kind {
    SEGMENT_LOG_LEDGER = 1,
    SEGMENT_LOG_BODIES = 2,
    SEGMENT_LOG_VOTES = 3,
    SEGMENT_LOG_MENDED = 4,
};

/* What sealed segments are put through at open. The newest is always checked whole. */
enum segment_log_check {
    CHECK_SIZES,   /* sizes and headers of the files; their records are not seen */
    CHECK_HEADERS, /* the records' headers; payloads are checked when they are read */
    CHECK_ALL,
};

/* Where a record's header stands. Ordered by segment, then offset. */
struct segment_place {
    uint32_t segment;
    uint32_t offset;
};

static inline bool segment_place_before(struct segment_place a, struct segment_place b)
{
    return a.segment != b.segment ? a.segment < b.segment : a.offset < b.offset;
}

struct segment_log_config {
    const struct disk *disk;
    const char *dir; /* the folder; exists */
    struct digest chain_id;
    enum segment_log_kind kind;
    uint64_t segment_size_max; /* at most SEGMENT_SIZE_LIMIT / 2; a larger group has a segment of its own */
    uint32_t record_size_max;
    uint32_t allocate_step; /* space is taken this much at a time */
    enum segment_log_check check;
    /* Everything before this was on disk once: nothing there is torn. Segment 0 = not known. */
    struct segment_place known_end;
    /* With it, damage does not end the opening: it is called, with the context of `seen`, for each stretch of
     * a segment whose records are lost, in their order. NULL: damage ends it. */
    int (*gap)(void *context, uint32_t segment, const struct segment_gap *gap);
    /* What is lost of headers is put right, and what is lost of files made anew, with zeros for records that
     * are gone: the log begins with segment 1, and `gap` is given. */
    bool mends;
    /* What the header of segment 1 says where it is made anew; 0 and zeros where nobody knows. */
    uint64_t first_number;
    struct digest first_link;
    bool digests;  /* sealed segments have one; nothing is erased then */
    bool recycles; /* dropped segments are used again */
};

struct segment_log_report {
    uint64_t first_number; /* as the log was begun with, known before `seen` is called; and its link */
    struct digest first_link;
    uint64_t bytes_cut;
    uint64_t headers_mended; /* made anew with their files, too */
    uint64_t damaged_number; /* with TALLY_EDAMAGED; 0 = no one record's */
    char detail[160];
};

struct segment_log_record {
    struct segment_place place;
    uint8_t type;
    uint64_t number;
    uint32_t size;
    struct span payload; /* data NULL where payloads of sealed segments are not read */
};

struct segment_log;

/* Begins a log in an empty folder. Errors: TALLY_EEXISTS (there are segments), TALLY_EIO, TALLY_EFULL,
 * TALLY_ELIMIT. */
int segment_log_create(const struct segment_log_config *config, uint64_t first_number,
    const struct digest *link) TALLY_MUST_CHECK;

/* Opens a log, calls `seen` (may be NULL) for each record in order, and only when all is well cuts a torn
 * tail. Errors: TALLY_ENOTFOUND (no segments), TALLY_ECHAIN, TALLY_EVERSION, TALLY_EDAMAGED, TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT, or what `seen` returned; nothing was changed then, and `report`
 * says more. */
int segment_log_open(const struct segment_log_config *config,
    int (*seen)(void *context, const struct segment_log_record *record), void *context,
    struct segment_log **log, struct segment_log_report *report) TALLY_MUST_CHECK;
void segment_log_close(struct segment_log *log);
/* What a log that may be mended was begun with, as its first header says; outputs are left alone where that
 * is lost too. */
void segment_log_recall(
    const struct segment_log_config *config, uint64_t *first_number, struct digest *first_link);

#define SEGMENT_RECORD_PARTS 3
struct segment_log_entry {
    uint8_t type; /* 1 to 254 */
    uint64_t number;
    struct span parts[SEGMENT_RECORD_PARTS]; /* the payload is these, joined */
};

/* Appends records in one write, all in one segment; `places` (may be NULL) has room for `count`. Where a new
 * segment is begun, `link` (NULL = zeros) goes into its header. Not durable. Errors: TALLY_ELIMIT (a record
 * or the group too large): unchanged. TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM: every later change fails too. */
int segment_log_append(struct segment_log *log, const struct segment_log_entry *entries, size_t count,
    const struct digest *link, struct segment_place *places) TALLY_MUST_CHECK;
/* Errors: TALLY_EIO, TALLY_EFULL: final. */
int segment_log_sync(struct segment_log *log) TALLY_MUST_CHECK;
/* Where the next record will stand, unless a new segment is begun for it. */
struct segment_place segment_log_end(const struct segment_log *log);
/* The oldest and the newest segment's sequence. */
uint32_t segment_log_first(const struct segment_log *log);
uint32_t segment_log_last(const struct segment_log *log);

/* One whole record, checked, its payload in the arena. An erased one has type RECORD_TYPE_ERASED. Errors:
 * TALLY_ENOTFOUND (no such segment), TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int segment_log_read(struct segment_log *log, struct segment_place place, struct arena *arena,
    struct segment_log_record *record) TALLY_MUST_CHECK;
/* `size` bytes of a segment from `place`, unchecked: for callers with checksums of their own, and for runs of
 * records. */
int segment_log_read_raw(
    struct segment_log *log, struct segment_place place, void *bytes, size_t size) TALLY_MUST_CHECK;
/* Checks one record in bytes read raw. The payload is borrowed. Errors: TALLY_EDAMAGED. */
int segment_log_parse(struct segment_log *log, struct segment_place place, struct span bytes,
    struct segment_log_record *record) TALLY_MUST_CHECK;

/* The next sound header of a record at or behind *place, before `end` in the same segment: *place is set to
 * it. The record's payload is not read. Errors: TALLY_ENOTFOUND (none), TALLY_EIO. */
int segment_log_next(struct segment_log *log, struct segment_place *place, uint32_t end,
    struct segment_log_record *record) TALLY_MUST_CHECK;

/* Overwrites a record's payload with zeros, durably. Until this has returned TALLY_OK it may be done in part;
 * do it again. Erased already is TALLY_OK. */
int segment_log_erase(struct segment_log *log, struct segment_place place) TALLY_MUST_CHECK;
/* Puts back, durably, the payload of the record at `place`, if it is exactly the one that its header has the
 * checksum of. Errors: TALLY_EINVALID (it is not, or the header is damaged too): unchanged. TALLY_EIO. */
int segment_log_restore(
    struct segment_log *log, struct segment_place place, struct span payload) TALLY_MUST_CHECK;
/* Writes a record anew at `place`, durably, where one of just that size stood and was lost; `erased` writes
 * it as one that was erased. Errors: TALLY_ENOTFOUND, TALLY_ENOMEM, TALLY_EIO. */
int segment_log_rewrite(struct segment_log *log, struct segment_place place,
    const struct segment_log_entry *entry, bool erased) TALLY_MUST_CHECK;
/* Drops everything at and behind `place`, durably; `place` is a record's start, or an end. */
int segment_log_cut(struct segment_log *log, struct segment_place place) TALLY_MUST_CHECK;
/* Deletes all segments before `sequence`, which exists, or keeps the last of them as the spare. */
int segment_log_drop_before(struct segment_log *log, uint32_t sequence) TALLY_MUST_CHECK;

#endif
