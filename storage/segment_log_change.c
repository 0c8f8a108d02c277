#include "storage/segment_log_internal.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/crc32c.h"

int segment_log_erase(struct segment_log *log, struct segment_place place)
{
    const struct disk *disk = log->config.disk;
    struct segment_reader segment;
    uint8_t bytes[RECORD_HEADER_SIZE];
    struct record_header header;
    CHECK(!log->config.digests);
    if (log->failed) return TALLY_EIO;
    int error = segment_log_find(log, place.segment, &segment);
    if (error == TALLY_OK) error = segment_log_read_raw(log, place, bytes, sizeof bytes);
    if (error == TALLY_OK) error = record_header_decode(bytes, segment.seed, &header);
    if (error != TALLY_OK) return error;
    if (header.size > log->config.record_size_max) return TALLY_EDAMAGED;
    size_t padded = (size_t)record_footprint(header.size) - RECORD_HEADER_SIZE;
    uint8_t *zeros = calloc(1, padded);
    if (zeros == NULL) return TALLY_ENOMEM;
    /* The mark first, in one sector: from then on whatever is left of the payload counts for nothing. */
    header.type = RECORD_TYPE_ERASED;
    header.payload_crc = 0;
    record_header_encode(&header, segment.seed, bytes);
    error = disk->write(disk->context, segment.file, place.offset, bytes, sizeof bytes);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment.file);
    if (error == TALLY_OK)
        error = disk->write(disk->context, segment.file, place.offset + RECORD_HEADER_SIZE, zeros, padded);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment.file);
    free(zeros);
    return segment_log_fail(log, error);
}

int segment_log_restore(struct segment_log *log, struct segment_place place, struct span payload)
{
    const struct disk *disk = log->config.disk;
    struct segment_reader segment;
    uint8_t bytes[RECORD_HEADER_SIZE];
    struct record_header header;
    int error = segment_log_find(log, place.segment, &segment);
    if (error == TALLY_OK) error = segment_log_read_raw(log, place, bytes, sizeof bytes);
    if (error != TALLY_OK) return error == TALLY_EIO ? error : TALLY_EINVALID;
    if (record_header_decode(bytes, segment.seed, &header) != TALLY_OK || header.size != payload.size)
        return TALLY_EINVALID;
    size_t padded = (size_t)record_footprint(header.size) - RECORD_HEADER_SIZE;
    uint8_t *exact = calloc(1, padded);
    if (exact == NULL) return TALLY_ENOMEM;
    memcpy(exact, payload.data, payload.size);
    error = crc32c(segment.seed, exact, padded) == header.payload_crc ? TALLY_OK : TALLY_EINVALID;
    if (error == TALLY_OK)
        error = disk->write(disk->context, segment.file, place.offset + RECORD_HEADER_SIZE, exact, padded);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment.file);
    free(exact);
    return error;
}

int segment_log_rewrite(
    struct segment_log *log, struct segment_place place, const struct segment_log_entry *entry, bool erased)
{
    const struct disk *disk = log->config.disk;
    struct segment_reader segment;
    CHECK(!log->config.digests && place.offset >= SEGMENT_HEADER_SIZE);
    int error = segment_log_find(log, place.segment, &segment);
    if (error != TALLY_OK) return error;
    size_t footprint = (size_t)record_footprint(segment_log_entry_size(entry));
    uint8_t *bytes = malloc(footprint);
    if (bytes == NULL) return TALLY_ENOMEM;
    segment_log_entry_write(&segment, SEGMENT_HEADER_SIZE, entry, erased, bytes);
    error = disk->write(disk->context, segment.file, place.offset, bytes, footprint);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment.file);
    free(bytes);
    return error;
}

static int remove_segment(struct segment_log *log, uint32_t sequence)
{
    char name[SEGMENT_NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    segment_log_name(sequence, name);
    int error = disk_join(log->dir, name, path);
    return error == TALLY_OK ? log->config.disk->remove(log->config.disk->context, path) : error;
}

/* A file that waits as the spare already is replaced. */
static int drop_segment(struct segment_log *log, uint32_t sequence)
{
    const struct disk *disk = log->config.disk;
    char name[SEGMENT_NAME_SIZE], path[DISK_PATH_SIZE_MAX], spare[DISK_PATH_SIZE_MAX];
    if (!log->config.recycles) return remove_segment(log, sequence);
    segment_log_name(sequence, name);
    int error = disk_join(log->dir, name, path);
    if (error == TALLY_OK) error = disk_join(log->dir, SEGMENT_SPARE, spare);
    return error == TALLY_OK ? disk->rename(disk->context, path, spare) : error;
}

int segment_log_cut(struct segment_log *log, struct segment_place place)
{
    const struct disk *disk = log->config.disk;
    if (log->failed) return TALLY_EIO;
    CHECK(
        log->count > 0 && place.segment >= log->segments[0].sequence && place.offset >= SEGMENT_HEADER_SIZE);
    CHECK(!segment_place_before(segment_log_end(log), place));
    int error = TALLY_OK;
    /* Newest first, each removal on disk before the next: a crash leaves a log without gaps. */
    while (error == TALLY_OK && segment_log_newest(log)->sequence > place.segment) {
        error = remove_segment(log, segment_log_newest(log)->sequence);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, log->dir);
        if (error == TALLY_OK) disk->close(disk->context, log->segments[--log->count].file);
    }
    struct segment *segment = segment_log_newest(log);
    if (error == TALLY_OK && segment->size != place.offset) {
        error = disk->resize(disk->context, segment->file, place.offset);
        if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
        if (error == TALLY_OK) segment->size = segment->synced = segment->allocated = place.offset;
    }
    if (error == TALLY_OK) error = segment_log_hash_newest(log);
    return segment_log_fail(log, error);
}

int segment_log_drop_before(struct segment_log *log, uint32_t sequence)
{
    const struct disk *disk = log->config.disk;
    if (log->failed) return TALLY_EIO;
    CHECK(log->count > 0 && sequence <= segment_log_newest(log)->sequence);
    int error = TALLY_OK;
    /* Oldest first, each removal on disk before the next, for the same reason. */
    while (error == TALLY_OK && log->segments[0].sequence < sequence) {
        error = drop_segment(log, log->segments[0].sequence);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, log->dir);
        if (error != TALLY_OK) break;
        disk->close(disk->context, log->segments[0].file);
        pthread_mutex_lock(&log->mutex);
        memmove(log->segments, log->segments + 1, --log->count * sizeof *log->segments);
        pthread_mutex_unlock(&log->mutex);
    }
    return segment_log_fail(log, error);
}
