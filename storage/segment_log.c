#include "storage/segment_log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/crc32c.h"

void segment_log_name(uint32_t sequence, char name[SEGMENT_NAME_SIZE])
{
    snprintf(name, SEGMENT_NAME_SIZE, "%016x", sequence);
}

struct segment *segment_log_newest(const struct segment_log *log)
{
    CHECK(log->count > 0);
    return &log->segments[log->count - 1];
}

int segment_log_reserve(struct segment_log *log)
{
    if (log->count < log->capacity) return TALLY_OK;
    if (log->count >= SEGMENT_LOG_SEGMENTS_MAX) return TALLY_EFULL;
    size_t capacity = log->capacity == 0 ? 8 : log->capacity * 2;
    pthread_mutex_lock(&log->mutex);
    struct segment *segments = realloc(log->segments, capacity * sizeof *segments);
    if (segments != NULL) {
        log->segments = segments;
        log->capacity = capacity;
    }
    pthread_mutex_unlock(&log->mutex);
    return segments == NULL ? TALLY_ENOMEM : TALLY_OK;
}

int segment_log_find(struct segment_log *log, uint32_t sequence, struct segment_reader *found)
{
    int error = TALLY_ENOTFOUND;
    pthread_mutex_lock(&log->mutex);
    uint32_t first = log->count > 0 ? log->segments[0].sequence : 0;
    if (sequence >= first && sequence - first < log->count) {
        const struct segment *segment = &log->segments[sequence - first];
        *found = (struct segment_reader){segment->file, segment->seed};
        error = TALLY_OK;
    }
    pthread_mutex_unlock(&log->mutex);
    return error;
}

int segment_log_fail(struct segment_log *log, int error)
{
    if (error != TALLY_OK) log->failed = true;
    return error;
}

int segment_log_hash_newest(struct segment_log *log)
{
    const struct segment *segment = segment_log_newest(log);
    if (!log->config.digests) return TALLY_OK;
    hasher_init_plain(&log->running);
    return segment_hash(log->config.disk, segment->file, 0, segment->size, &log->running);
}

void segment_log_close(struct segment_log *log)
{
    if (log == NULL) return;
    for (size_t i = 0; i < log->count; i++)
        log->config.disk->close(log->config.disk->context, log->segments[i].file);
    buffer_close(&log->writes);
    pthread_mutex_destroy(&log->mutex);
    free(log->segments);
    free(log);
}

struct segment_place segment_log_end(const struct segment_log *log)
{
    const struct segment *segment = segment_log_newest(log);
    return (struct segment_place){segment->sequence, (uint32_t)segment->size};
}

uint32_t segment_log_first(const struct segment_log *log)
{
    CHECK(log->count > 0);
    return log->segments[0].sequence;
}

uint32_t segment_log_last(const struct segment_log *log)
{
    return segment_log_newest(log)->sequence;
}

int segment_log_read_raw(struct segment_log *log, struct segment_place place, void *bytes, size_t size)
{
    struct segment_reader segment;
    int error = segment_log_find(log, place.segment, &segment);
    if (error != TALLY_OK) return error;
    size_t got;
    error = log->config.disk->read(log->config.disk->context, segment.file, place.offset, bytes, size, &got);
    if (error != TALLY_OK) return error;
    return got == size ? TALLY_OK : TALLY_EDAMAGED;
}

int segment_log_parse(
    struct segment_log *log, struct segment_place place, struct span bytes, struct segment_log_record *record)
{
    struct segment_reader segment;
    int error = segment_log_find(log, place.segment, &segment);
    if (error != TALLY_OK) return error;
    struct record_header header;
    if (bytes.size < RECORD_HEADER_SIZE) return TALLY_EDAMAGED;
    error = record_header_decode(bytes.data, segment.seed, &header);
    if (error != TALLY_OK) return error;
    uint64_t footprint = record_footprint(header.size);
    if (header.size > log->config.record_size_max || footprint > bytes.size) return TALLY_EDAMAGED;
    if (header.type != RECORD_TYPE_ERASED) {
        uint32_t crc =
            crc32c(segment.seed, bytes.data + RECORD_HEADER_SIZE, (size_t)footprint - RECORD_HEADER_SIZE);
        if (crc != header.payload_crc) return TALLY_EDAMAGED;
    }
    *record = (struct segment_log_record){.place = place,
        .type = header.type,
        .number = header.number,
        .size = header.size,
        .payload = span_of(bytes.data + RECORD_HEADER_SIZE, header.size)};
    return TALLY_OK;
}

int segment_log_read(struct segment_log *log, struct segment_place place, struct arena *arena,
    struct segment_log_record *record)
{
    struct segment_reader segment;
    uint8_t bytes[RECORD_HEADER_SIZE];
    struct record_header header;
    int error = segment_log_find(log, place.segment, &segment);
    if (error == TALLY_OK) error = segment_log_read_raw(log, place, bytes, sizeof bytes);
    if (error == TALLY_OK) error = record_header_decode(bytes, segment.seed, &header);
    if (error != TALLY_OK) return error;
    if (header.size > log->config.record_size_max) return TALLY_EDAMAGED;
    size_t footprint = (size_t)record_footprint(header.size);
    uint8_t *whole = arena_take(arena, footprint);
    if (whole == NULL) return TALLY_ENOMEM;
    error = segment_log_read_raw(log, place, whole, footprint);
    return error == TALLY_OK ? segment_log_parse(log, place, span_of(whole, footprint), record) : error;
}

int segment_log_next(
    struct segment_log *log, struct segment_place *place, uint32_t end, struct segment_log_record *record)
{
    struct segment_reader segment;
    int error = segment_log_find(log, place->segment, &segment);
    for (uint32_t at = place->offset; error == TALLY_OK && at < end; at += RECORD_ALIGNMENT) {
        uint8_t bytes[RECORD_HEADER_SIZE];
        struct record_header header;
        struct segment_place here = {place->segment, at};
        error = segment_log_read_raw(log, here, bytes, sizeof bytes);
        if (error != TALLY_OK) break;
        if (record_header_decode(bytes, segment.seed, &header) != TALLY_OK || header.synced_size > at)
            continue;
        if (header.size > log->config.record_size_max) continue;
        *place = here;
        *record = (struct segment_log_record){
            .place = here, .type = header.type, .number = header.number, .size = header.size};
        return TALLY_OK;
    }
    return error == TALLY_EIO ? error : TALLY_ENOTFOUND;
}
