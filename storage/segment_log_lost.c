#include "storage/segment_log_internal.h"

#include "proto/base/check.h"
#include "storage/crc32c.h"

/* Each is a file to be made: a stray name must not bring thousands. */
#define LOST_SEGMENTS_MAX 256u

/* What a header that is made anew says of the segment before it, or of the log's beginning. A sealed one's
 * file has just its bytes in use. */
static int follow(const struct segment_log *log, const struct segment *before, struct segment_header *header)
{
    struct hasher hasher;
    header->kind = log->config.kind;
    header->chain_id = log->config.chain_id;
    if (header->sequence == 1) {
        header->first_number = log->config.first_number;
        header->link = log->config.first_link;
    }
    if (before == NULL) return TALLY_OK;
    header->previous_size = before->allocated;
    if (!log->config.digests) return TALLY_OK;
    hasher_init_plain(&hasher);
    int error = segment_hash(log->config.disk, before->file, 0, before->allocated, &hasher);
    if (error == TALLY_OK) header->previous_digest = hasher_final(&hasher);
    return error;
}

int segment_log_head_again(struct segment_log *log, struct segment *segment, struct segment_header *header)
{
    const struct disk *disk = log->config.disk;
    const struct segment *before = log->count > 1 ? segment - 1 : NULL;
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    uint32_t seed;
    uint64_t number;
    CHECK(segment == segment_log_newest(log));
    *header = (struct segment_header){.sequence = segment->sequence};
    int error = follow(log, before, header);
    /* A digest that the next header has is over the very salt, which nothing tells any more. */
    if (error == TALLY_OK)
        error = log->config.digests ? TALLY_ENOTFOUND
                                    : segment_seed_find(disk, segment->file, segment->allocated,
                                          log->config.record_size_max, &seed, &number);
    if (error == TALLY_OK) {
        segment_salt_of(seed, header->salt);
        if (header->first_number == 0) header->first_number = number;
    } else if (error == TALLY_ENOTFOUND) {
        random_bytes(header->salt, sizeof header->salt);
    } else {
        return error;
    }
    segment_header_encode(header, bytes);
    error = disk->write(disk->context, segment->file, 0, bytes, sizeof bytes);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
    if (error == TALLY_OK && segment->allocated < SEGMENT_HEADER_SIZE)
        segment->allocated = SEGMENT_HEADER_SIZE;
    return error;
}

int segment_log_grow(struct segment_log *log, struct segment *segment, uint64_t size)
{
    const struct disk *disk = log->config.disk;
    if (size <= segment->allocated) return TALLY_OK;
    if (size > SEGMENT_SIZE_LIMIT) return TALLY_EDAMAGED;
    int error = disk->resize(disk->context, segment->file, size);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
    if (error == TALLY_OK) segment->allocated = size;
    return error;
}

/* How large it was the next one's header says; where that is gone too, it is taken for as large as any. */
static int fill_one(struct segment_log *log, uint32_t sequence, bool last, struct segment_log_report *report)
{
    const struct segment *before = log->count > 0 ? segment_log_newest(log) : NULL;
    struct segment_header header = {.sequence = sequence};
    int error = follow(log, before, &header);
    if (error == TALLY_OK) error = segment_log_reserve(log);
    if (error == TALLY_OK) error = segment_log_make(&log->config, &header, &log->segments[log->count]);
    if (error != TALLY_OK) return error;
    log->count++;
    if (sequence == 1) {
        report->first_number = header.first_number;
        report->first_link = header.link;
    }
    return last ? TALLY_OK : segment_log_grow(log, segment_log_newest(log), log->config.segment_size_max);
}

int segment_log_fill(struct segment_log *log, uint32_t to, struct segment_log_report *report)
{
    uint32_t from = log->count > 0 ? segment_log_newest(log)->sequence + 1 : 1;
    if (to - from > LOST_SEGMENTS_MAX) return TALLY_EDAMAGED;
    int error = TALLY_OK;
    for (uint32_t sequence = from; error == TALLY_OK && sequence < to; sequence++) {
        error = fill_one(log, sequence, sequence + 1 == to, report);
        report->headers_mended++;
    }
    return error;
}

void segment_log_recall(
    const struct segment_log_config *config, uint64_t *first_number, struct digest *first_link)
{
    const struct disk *disk = config->disk;
    char name[SEGMENT_NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    struct segment_header header;
    uint32_t changed;
    size_t got = 0;
    int file;
    segment_log_name(1, name);
    if (disk_join(config->dir, name, path) != TALLY_OK) return;
    if (disk->open(disk->context, path, DISK_READ, &file) != TALLY_OK) return;
    int error = disk->read(disk->context, file, 0, bytes, sizeof bytes, &got);
    disk->close(disk->context, file);
    if (error != TALLY_OK || got != sizeof bytes) return;
    if (segment_header_decode(bytes, &header) != TALLY_OK &&
        segment_header_restore(bytes, config->kind, &config->chain_id, 1, &header, &changed) != TALLY_OK)
        return;
    *first_number = header.first_number;
    *first_link = header.link;
}
