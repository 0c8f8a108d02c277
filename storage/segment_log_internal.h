/* What the segment log's files share. Nobody else includes it. */
#ifndef TALLY_STORAGE_SEGMENT_LOG_INTERNAL_H
#define TALLY_STORAGE_SEGMENT_LOG_INTERNAL_H

#include <pthread.h>

#include "proto/crypto/digest.h"
#include "storage/segment_log.h"

#define SEGMENT_NAME_SIZE 17
#define SEGMENT_SPARE "spare"

struct segment {
    int file;
    uint32_t sequence;
    uint32_t seed;
    uint64_t previous_size; /* as its header states; and: */
    struct digest previous_digest;
    bool used_before;
    uint64_t size;      /* bytes in use; of the newest, written so far */
    uint64_t synced;    /* of them, known to be on disk */
    uint64_t allocated; /* bytes of the file */
};

struct segment_log {
    struct segment_log_config config;
    char dir[DISK_PATH_SIZE_MAX];
    pthread_mutex_t mutex; /* guards the array below against readers on other threads */
    struct segment *segments;
    size_t count, capacity;
    struct buffer writes;
    struct hasher running; /* over the bytes in use of the newest, in a log with digests */
    bool failed;
};

/* What of a segment never changes, and so may be used outside the mutex. */
struct segment_reader {
    int file;
    uint32_t seed;
};

/* The segments in a folder, by sequence. */
struct segment_listing {
    const struct segment_log_config *config;
    uint32_t *sequences;
    size_t count, capacity;
};

void segment_log_name(uint32_t sequence, char name[SEGMENT_NAME_SIZE]);
struct segment *segment_log_newest(const struct segment_log *log);
/* Room for one more segment. Errors: TALLY_EFULL, TALLY_ENOMEM. */
int segment_log_reserve(struct segment_log *log) TALLY_MUST_CHECK;
/* Errors: TALLY_ENOTFOUND. Any thread. */
int segment_log_find(
    struct segment_log *log, uint32_t sequence, struct segment_reader *found) TALLY_MUST_CHECK;
/* Passes an error on, and with one ends all later changes. */
int segment_log_fail(struct segment_log *log, int error);
/* Begins the digest of the newest segment anew, from its bytes. Errors: TALLY_EIO. */
int segment_log_hash_newest(struct segment_log *log) TALLY_MUST_CHECK;

/* Writes a new segment under another name and renames it once it is on disk: a crash leaves a whole one, or
 * none. The header is filled in but for its salt. Errors: TALLY_EIO, TALLY_EFULL, TALLY_ELIMIT. */
int segment_log_make(const struct segment_log_config *config, struct segment_header *header,
    struct segment *segment) TALLY_MUST_CHECK;
/* Lists a folder and removes what a crash left of a segment's making. The sequences are the caller's to free,
 * on an error as well. Errors: TALLY_EIO, TALLY_ENOMEM, TALLY_ELIMIT. */
int segment_log_list(
    const struct segment_log_config *config, struct segment_listing *listing) TALLY_MUST_CHECK;

/* The following are for a log that mends, while it is opened. */

/* Makes the header of the newest segment anew: in a log without digests with the seed that its records were
 * written with, where one of them is still sound; else none of them counts any more. Errors: TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM. */
int segment_log_head_again(
    struct segment_log *log, struct segment *segment, struct segment_header *header) TALLY_MUST_CHECK;
/* Makes a file as long as it once was, with zeros for what is gone. Errors: TALLY_EDAMAGED (no segment is so
 * large), TALLY_EIO, TALLY_EFULL. */
int segment_log_grow(struct segment_log *log, struct segment *segment, uint64_t size) TALLY_MUST_CHECK;
/* Makes the segments that are missing between the newest that is open and `to`, empty. Errors: TALLY_EDAMAGED
 * (too many), TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT. */
int segment_log_fill(
    struct segment_log *log, uint32_t to, struct segment_log_report *report) TALLY_MUST_CHECK;

/* The size of an entry's payload. */
uint32_t segment_log_entry_size(const struct segment_log_entry *entry);
/* The record of an entry, its footprint's worth, with zeros for its payload where it is `erased`. */
void segment_log_entry_write(const struct segment_reader *segment, uint64_t synced,
    const struct segment_log_entry *entry, bool erased, uint8_t *bytes);

#endif
