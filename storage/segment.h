/* One append-only file of records, as bytes. Integers are big-endian.
 *
 *   header, 160 bytes
 *     0    8  magic "TALLYSEG"
 *     8    4  format version, 2
 *     12   4  kind: which log it belongs to
 *     16  32  chain id
 *     48  16  random salt
 *     64   8  sequence: the file's number in its log
 *     72   8  number of its first record (a height or a view); may be 0 in a header that was made anew
 *     80   8  bytes in use of the file before it; 0 in a log's first file
 *     88  32  a digest that links it to what came before (the parent block's hash); may be zeros, as there
 *     120 32  SHA-256 of those bytes in use; zeros in a log's first file, and in logs that keep none
 *     152  4  1 where the file was used before (see below), else 0
 *     156  4  CRC-32C of the 156 bytes before
 *
 *   records, each aligned to 32 bytes, so that a record's header never straddles a disk sector
 *     0    4  size of the payload, at least 1
 *     4    1  type, not 0
 *     5    3  zeros
 *     8    8  number (a height or a view)
 *     16   8  how many bytes of this file were known to be on disk when the record was written
 *     24   4  CRC-32C of the payload and its padding
 *     28   4  CRC-32C of the 28 bytes before
 *     32      payload, then zeros up to the next multiple of 32
 *
 * Both record checksums start from the CRC of the salt, so that bytes a recycled block of the disk still
 * holds never pass for a record. The one slack in the format is the space behind the last record, and the
 * payload of an erased record. That space is zeros; in a file that was used before only its first 32 bytes
 * are, and stale bytes stand behind them. So where a file's good records end in anything but zeros, a record
 * was torn, or damaged.
 *
 * A bad record is a torn write when nothing behind it says otherwise: an unsynced group may reach the disk in
 * any order, in part. It is damage when a valid record behind it was written at a time when the bad one was
 * known to be on disk. */
#ifndef TALLY_STORAGE_SEGMENT_H
#define TALLY_STORAGE_SEGMENT_H

#include "proto/crypto/digest.h"
#include "storage/disk.h"

#define SEGMENT_HEADER_SIZE 160u
#define SEGMENT_SALT_SIZE 16u
#define RECORD_HEADER_SIZE 32u
#define RECORD_ALIGNMENT 32u
#define SEGMENT_END_MARK_SIZE RECORD_ALIGNMENT /* the zeros behind the last record of a file used before */
_Static_assert(SEGMENT_HEADER_SIZE % RECORD_ALIGNMENT == 0, "the first record is aligned");

/* A record whose payload was overwritten: its other fields stand, its payload's checksum counts for nothing.
 */
#define RECORD_TYPE_ERASED 0xFFu

struct segment_header {
    uint32_t kind;
    struct digest chain_id;
    uint8_t salt[SEGMENT_SALT_SIZE];
    uint64_t sequence;
    uint64_t first_number;
    uint64_t previous_size;
    struct digest link;
    struct digest previous_digest;
    bool used_before;
};

struct record_header {
    uint32_t size;
    uint8_t type;
    uint64_t number;
    uint64_t synced_size;
    uint32_t payload_crc;
};

void segment_header_encode(const struct segment_header *header, uint8_t bytes[SEGMENT_HEADER_SIZE]);
/* Errors: TALLY_EDAMAGED (magic, checksum, zeros), TALLY_EVERSION. */
int segment_header_decode(
    const uint8_t bytes[SEGMENT_HEADER_SIZE], struct segment_header *header) TALLY_MUST_CHECK;
/* Finds the one byte that, changed, made a sound header of kind, chain and sequence into these bytes, which
 * fail their checksum: no two single bytes can. Puts it right in `bytes` and *header, and sets *changed to
 * its offset. Errors: TALLY_EDAMAGED (there is none). */
int segment_header_restore(uint8_t bytes[SEGMENT_HEADER_SIZE], uint32_t kind, const struct digest *chain_id,
    uint64_t sequence, struct segment_header *header, uint32_t *changed) TALLY_MUST_CHECK;
/* What the records' checksums start from. */
uint32_t segment_seed(const struct segment_header *header);
/* The seed that the records of a file of `size` bytes were written with, by the first whole one that is not
 * erased; and that one's number, or 0 where others stand before it: for a file whose header is lost. Errors:
 * TALLY_ENOTFOUND (no record is sound), TALLY_EIO, TALLY_ENOMEM. */
int segment_seed_find(const struct disk *disk, int file, uint64_t size, uint32_t record_size_max,
    uint32_t *seed, uint64_t *number) TALLY_MUST_CHECK;
/* A salt that the seed is the checksum of. */
void segment_salt_of(uint32_t seed, uint8_t salt[SEGMENT_SALT_SIZE]);

/* Bytes a record with such a payload takes in the file. */
static inline uint64_t record_footprint(uint32_t payload_size)
{
    return RECORD_HEADER_SIZE +
           ((uint64_t)payload_size + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

void record_header_encode(
    const struct record_header *header, uint32_t seed, uint8_t bytes[RECORD_HEADER_SIZE]);
/* Errors: TALLY_EDAMAGED. */
int record_header_decode(
    const uint8_t bytes[RECORD_HEADER_SIZE], uint32_t seed, struct record_header *header) TALLY_MUST_CHECK;

/* A stretch of a file that was on disk and is not what it was. */
struct segment_gap {
    uint64_t start, end;
    uint64_t number; /* as the first record's header still says, else one more than the record before it */
};

struct segment_scan {
    const struct disk *disk;
    int file;
    uint32_t seed;
    uint64_t size;            /* look no further than this */
    uint64_t known;           /* so much of it was on disk once: nothing in that can be torn */
    uint32_t record_size_max; /* a larger payload is no record */
    bool payloads;            /* read and check payloads; else walk the headers alone */
    /* Called for each good record, in order; payload.data is NULL where payloads are not read. Borrowed for
     * the call. An error it returns ends the scan and is returned. May be NULL. */
    int (*seen)(void *context, uint64_t offset, const struct record_header *header, struct span payload);
    /* Called for each gap, and the walk goes on behind it. NULL: the first gap ends the walk. */
    int (*gap)(void *context, const struct segment_gap *gap);
    void *context;
    /* Results. */
    uint64_t end;            /* where the good records end, or the first gap that no call was made for */
    uint64_t synced;         /* how much was known to be on disk when the last of them was written */
    bool damaged;            /* what stands at `end` was on disk once, and is no longer what it was */
    uint64_t damaged_number; /* its number, as a gap's; without damage, of the record that would be next */
};

/* Walks the records of a file from its first. Errors: TALLY_EIO, TALLY_ENOMEM, or what `seen` or `gap`
 * returned. */
int segment_scan(struct segment_scan *scan) TALLY_MUST_CHECK;

/* Feeds [from, to) of a file to a hasher. Errors: TALLY_EIO, TALLY_EDAMAGED (the file ends before that),
 * TALLY_ENOMEM. */
int segment_hash(
    const struct disk *disk, int file, uint64_t from, uint64_t to, struct hasher *hasher) TALLY_MUST_CHECK;

#endif
