#include "storage/segment.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/crc32c.h"

#define FORMAT_VERSION 2u
/* What is read at a time: much where records are read whole, little where only their headers are. */
#define WINDOW_SIZE (1024u * 1024u)
#define WINDOW_SIZE_HEADERS 4096u

static const uint8_t magic[8] = {'T', 'A', 'L', 'L', 'Y', 'S', 'E', 'G'};

void segment_header_encode(const struct segment_header *header, uint8_t bytes[SEGMENT_HEADER_SIZE])
{
    memset(bytes, 0, SEGMENT_HEADER_SIZE);
    memcpy(bytes, magic, sizeof magic);
    put_u32(bytes + 8, FORMAT_VERSION);
    put_u32(bytes + 12, header->kind);
    memcpy(bytes + 16, header->chain_id.bytes, DIGEST_SIZE);
    memcpy(bytes + 48, header->salt, SEGMENT_SALT_SIZE);
    put_u64(bytes + 64, header->sequence);
    put_u64(bytes + 72, header->first_number);
    put_u64(bytes + 80, header->previous_size);
    memcpy(bytes + 88, header->link.bytes, DIGEST_SIZE);
    memcpy(bytes + 120, header->previous_digest.bytes, DIGEST_SIZE);
    put_u32(bytes + 152, header->used_before ? 1 : 0);
    put_u32(bytes + 156, crc32c(0, bytes, 156));
}

int segment_header_decode(const uint8_t bytes[SEGMENT_HEADER_SIZE], struct segment_header *header)
{
    if (memcmp(bytes, magic, sizeof magic) != 0) return TALLY_EDAMAGED;
    if (crc32c(0, bytes, 156) != get_u32(bytes + 156)) return TALLY_EDAMAGED;
    if (get_u32(bytes + 8) != FORMAT_VERSION) return TALLY_EVERSION;
    if (get_u32(bytes + 152) > 1) return TALLY_EDAMAGED;
    header->kind = get_u32(bytes + 12);
    memcpy(header->chain_id.bytes, bytes + 16, DIGEST_SIZE);
    memcpy(header->salt, bytes + 48, SEGMENT_SALT_SIZE);
    header->sequence = get_u64(bytes + 64);
    header->first_number = get_u64(bytes + 72);
    header->previous_size = get_u64(bytes + 80);
    memcpy(header->link.bytes, bytes + 88, DIGEST_SIZE);
    memcpy(header->previous_digest.bytes, bytes + 120, DIGEST_SIZE);
    header->used_before = get_u32(bytes + 152) == 1;
    return TALLY_OK;
}

int segment_header_restore(uint8_t bytes[SEGMENT_HEADER_SIZE], uint32_t kind, const struct digest *chain_id,
    uint64_t sequence, struct segment_header *header, uint32_t *changed)
{
    for (uint32_t at = 0; at < SEGMENT_HEADER_SIZE; at++) {
        uint8_t there = bytes[at];
        for (unsigned flip = 1; flip <= 0xFF; flip++) {
            struct segment_header read;
            bytes[at] = (uint8_t)(there ^ flip);
            if (segment_header_decode(bytes, &read) != TALLY_OK) continue;
            if (read.kind != kind || read.sequence != sequence || !digest_equal(&read.chain_id, chain_id))
                continue;
            *header = read;
            *changed = at;
            return TALLY_OK;
        }
        bytes[at] = there;
    }
    return TALLY_EDAMAGED;
}

void record_header_encode(
    const struct record_header *header, uint32_t seed, uint8_t bytes[RECORD_HEADER_SIZE])
{
    CHECK(header->size > 0 && header->type != 0);
    put_u32(bytes, header->size);
    put_u32(bytes + 4, (uint32_t)header->type << 24);
    put_u64(bytes + 8, header->number);
    put_u64(bytes + 16, header->synced_size);
    put_u32(bytes + 24, header->payload_crc);
    put_u32(bytes + 28, crc32c(seed, bytes, 28));
}

int record_header_decode(const uint8_t bytes[RECORD_HEADER_SIZE], uint32_t seed, struct record_header *header)
{
    if (crc32c(seed, bytes, 28) != get_u32(bytes + 28)) return TALLY_EDAMAGED;
    if (get_u32(bytes) == 0 || bytes[4] == 0 || (get_u32(bytes + 4) & 0xFFFFFF) != 0) return TALLY_EDAMAGED;
    header->size = get_u32(bytes);
    header->type = bytes[4];
    header->number = get_u64(bytes + 8);
    header->synced_size = get_u64(bytes + 16);
    header->payload_crc = get_u32(bytes + 24);
    return TALLY_OK;
}

/* A stretch of the file in memory, so that small records do not cost a read each. */
struct window {
    uint8_t *data;
    size_t capacity;
    uint64_t start;
    size_t size;
};

/* *bytes is set to [offset, offset + need), or to NULL where the scan's size ends before that. */
static int window_get(struct window *window, const struct segment_scan *scan, uint64_t offset, size_t need,
    const uint8_t **bytes)
{
    *bytes = NULL;
    if (offset > scan->size || need > scan->size - offset) return TALLY_OK;
    if (offset >= window->start && offset + need <= window->start + window->size) {
        *bytes = window->data + (offset - window->start);
        return TALLY_OK;
    }
    if (need > window->capacity) {
        size_t capacity = scan->payloads ? WINDOW_SIZE : WINDOW_SIZE_HEADERS;
        if (capacity < need) capacity = need;
        if (capacity > scan->size) capacity = (size_t)scan->size;
        uint8_t *data = realloc(window->data, capacity);
        if (data == NULL) return TALLY_ENOMEM;
        window->data = data;
        window->capacity = capacity;
    }
    size_t size = window->capacity;
    if (size > scan->size - offset) size = (size_t)(scan->size - offset);
    window->size = 0;
    int error = scan->disk->read(scan->disk->context, scan->file, offset, window->data, size, &window->size);
    if (error != TALLY_OK) return error;
    window->start = offset;
    if (window->size >= need) *bytes = window->data;
    return TALLY_OK;
}

/* *good says whether a whole valid record stands at `offset`; *header_good whether at least its header is
 * valid. */
static int record_at(struct window *window, const struct segment_scan *scan, uint64_t offset,
    bool payload_wanted, struct record_header *header, struct span *payload, bool *header_good, bool *good)
{
    const uint8_t *bytes;
    *good = *header_good = false;
    *payload = span_of(NULL, 0);
    int error = window_get(window, scan, offset, RECORD_HEADER_SIZE, &bytes);
    if (error != TALLY_OK || bytes == NULL) return error;
    if (record_header_decode(bytes, scan->seed, header) != TALLY_OK) return TALLY_OK;
    uint64_t footprint = record_footprint(header->size);
    if (header->size > scan->record_size_max || header->synced_size > offset) return TALLY_OK;
    *header_good = true;
    if (footprint > scan->size - offset) return TALLY_OK;
    if (payload_wanted) {
        error = window_get(window, scan, offset, (size_t)footprint, &bytes);
        if (error != TALLY_OK || bytes == NULL) return error;
        uint32_t crc = crc32c(scan->seed, bytes + RECORD_HEADER_SIZE, (size_t)footprint - RECORD_HEADER_SIZE);
        if (header->type != RECORD_TYPE_ERASED && crc != header->payload_crc) return TALLY_OK;
        *payload = span_of(bytes + RECORD_HEADER_SIZE, header->size);
    }
    *good = true;
    return TALLY_OK;
}

/* Looks behind the bad record at scan->end: for the next good one, and for one that was written when the bad
 * one was already on disk. Sets gap->end and *damaged. */
static int look_behind(
    struct window *window, const struct segment_scan *scan, struct segment_gap *gap, bool *damaged)
{
    uint64_t offset = scan->end + RECORD_ALIGNMENT;
    gap->end = 0;
    *damaged = scan->end < scan->known;
    while (offset + RECORD_HEADER_SIZE <= scan->size) {
        struct record_header header;
        struct span payload;
        bool good, header_good;
        int error = record_at(window, scan, offset, true, &header, &payload, &header_good, &good);
        if (error != TALLY_OK) return error;
        if (good && gap->end == 0) gap->end = offset;
        if (good && header.synced_size > scan->end) *damaged = true;
        if (good && *damaged) break;
        offset += good ? record_footprint(header.size) : RECORD_ALIGNMENT;
    }
    /* What was known to be there ends what was lost, where no record does. */
    if (gap->end == 0 || (scan->known > scan->end && gap->end > scan->known)) gap->end = scan->known;
    return TALLY_OK;
}

/* The good records from scan->end on. */
static int walk_good(struct window *window, struct segment_scan *scan)
{
    for (;;) {
        struct record_header header;
        struct span payload;
        bool good, header_good;
        int error =
            record_at(window, scan, scan->end, scan->payloads, &header, &payload, &header_good, &good);
        if (error != TALLY_OK) return error;
        if (!good) {
            if (header_good) scan->damaged_number = header.number;
            return TALLY_OK;
        }
        if (scan->seen != NULL) error = scan->seen(scan->context, scan->end, &header, payload);
        if (error != TALLY_OK) return error;
        scan->damaged_number = header.number + 1;
        if (header.synced_size > scan->synced) scan->synced = header.synced_size;
        scan->end += record_footprint(header.size);
    }
}

int segment_scan(struct segment_scan *scan)
{
    CHECK(scan->disk != NULL && scan->record_size_max > 0 && scan->known <= scan->size);
    struct window window = {0};
    int error = TALLY_OK;
    scan->end = SEGMENT_HEADER_SIZE;
    scan->synced = SEGMENT_HEADER_SIZE;
    scan->damaged = false;
    scan->damaged_number = 0;
    for (;;) {
        error = walk_good(&window, scan);
        struct segment_gap gap = {.start = scan->end, .number = scan->damaged_number};
        if (error == TALLY_OK) error = look_behind(&window, scan, &gap, &scan->damaged);
        if (error != TALLY_OK || !scan->damaged || scan->gap == NULL) break;
        error = scan->gap(scan->context, &gap);
        if (error != TALLY_OK) break;
        scan->damaged = false;
        scan->end = gap.end;
    }
    free(window.data);
    return error;
}

int segment_hash(const struct disk *disk, int file, uint64_t from, uint64_t to, struct hasher *hasher)
{
    uint8_t *bytes = malloc(WINDOW_SIZE);
    if (bytes == NULL) return TALLY_ENOMEM;
    int error = TALLY_OK;
    while (error == TALLY_OK && from < to) {
        size_t got = 0, size = to - from < WINDOW_SIZE ? (size_t)(to - from) : WINDOW_SIZE;
        error = disk->read(disk->context, file, from, bytes, size, &got);
        if (error == TALLY_OK && got == 0) error = TALLY_EDAMAGED;
        if (error == TALLY_OK) hasher_bytes(hasher, bytes, got);
        from += got;
    }
    free(bytes);
    return error;
}
