#include "storage/segment_log_internal.h"

#include "proto/base/check.h"
#include "storage/crc32c.h"

/* A write buffer larger than this is given back after its use. */
#define WRITE_BUFFER_KEPT (256u * 1024u)

/* Seals the newest segment and begins the next. */
static int rotate(struct segment_log *log, uint64_t first_number, const struct digest *link)
{
    const struct disk *disk = log->config.disk;
    struct segment *old = segment_log_newest(log);
    if (old->sequence == UINT32_MAX) return TALLY_EFULL;
    int error = disk->resize(disk->context, old->file, old->size);
    if (error == TALLY_OK) error = disk->sync(disk->context, old->file);
    if (error != TALLY_OK) return error;
    old->allocated = old->synced = old->size;
    struct segment made;
    struct segment_header header = {
        .sequence = old->sequence + 1, .first_number = first_number, .previous_size = old->size};
    if (link != NULL) header.link = *link;
    if (log->config.digests) header.previous_digest = hasher_final(&log->running);
    error = segment_log_make(&log->config, &header, &made);
    if (error == TALLY_OK) {
        error = segment_log_reserve(log);
        if (error != TALLY_OK) disk->close(disk->context, made.file);
    }
    if (error != TALLY_OK) return error;
    pthread_mutex_lock(&log->mutex);
    log->segments[log->count++] = made;
    pthread_mutex_unlock(&log->mutex);
    return segment_log_hash_newest(log);
}

uint32_t segment_log_entry_size(const struct segment_log_entry *entry)
{
    size_t size = 0;
    for (size_t i = 0; i < SEGMENT_RECORD_PARTS; i++) {
        if (entry->parts[i].size > UINT32_MAX / 4) return UINT32_MAX;
        size += entry->parts[i].size;
    }
    return (uint32_t)size;
}

void segment_log_entry_write(const struct segment_reader *segment, uint64_t synced,
    const struct segment_log_entry *entry, bool erased, uint8_t *bytes)
{
    uint32_t size = segment_log_entry_size(entry);
    uint64_t footprint = record_footprint(size);
    uint8_t *at = bytes + RECORD_HEADER_SIZE;
    memset(at, 0, footprint - RECORD_HEADER_SIZE);
    for (size_t i = 0; !erased && i < SEGMENT_RECORD_PARTS; i++) {
        if (entry->parts[i].size > 0) memcpy(at, entry->parts[i].data, entry->parts[i].size);
        at += entry->parts[i].size;
    }
    struct record_header header = {.size = size,
        .type = erased ? RECORD_TYPE_ERASED : entry->type,
        .number = entry->number,
        .synced_size = synced};
    if (!erased)
        header.payload_crc =
            crc32c(segment->seed, bytes + RECORD_HEADER_SIZE, footprint - RECORD_HEADER_SIZE);
    record_header_encode(&header, segment->seed, bytes);
}

/* Takes space ahead of need: a sync of a file that does not grow is several times cheaper. */
static int ensure_allocated(struct segment_log *log, uint64_t size)
{
    struct segment *segment = segment_log_newest(log);
    if (size <= segment->allocated) return TALLY_OK;
    uint64_t step = log->config.allocate_step > 0 ? log->config.allocate_step : 1;
    uint64_t target = (size + step - 1) / step * step;
    if (target > log->config.segment_size_max && size <= log->config.segment_size_max)
        target = log->config.segment_size_max;
    int error = log->config.disk->allocate(
        log->config.disk->context, segment->file, segment->allocated, target - segment->allocated);
    if (error == TALLY_OK) segment->allocated = target;
    return error;
}

static int write_group(struct segment_log *log, const struct segment_log_entry *entries, size_t count,
    struct segment_place *places)
{
    struct segment *segment = segment_log_newest(log);
    const struct segment_reader reader = {segment->file, segment->seed};
    uint64_t offset = segment->size;
    buffer_clear(&log->writes);
    for (size_t i = 0; i < count; i++) {
        if (places != NULL)
            places[i] = (struct segment_place){segment->sequence, (uint32_t)(offset + log->writes.size)};
        uint8_t *bytes =
            buffer_reserve(&log->writes, (size_t)record_footprint(segment_log_entry_size(&entries[i])));
        if (bytes == NULL) return TALLY_ENOMEM;
        segment_log_entry_write(&reader, segment->synced, &entries[i], false, bytes);
    }
    size_t group = log->writes.size;
    if (segment->used_before) {
        uint8_t *mark = buffer_reserve(&log->writes, SEGMENT_END_MARK_SIZE);
        if (mark == NULL) return TALLY_ENOMEM;
        memset(mark, 0, SEGMENT_END_MARK_SIZE);
    }
    int error = ensure_allocated(log, offset + log->writes.size);
    if (error == TALLY_OK)
        error = log->config.disk->write(
            log->config.disk->context, segment->file, offset, log->writes.data, log->writes.size);
    if (error == TALLY_OK) segment->size = offset + group;
    if (error == TALLY_OK && log->config.digests) hasher_bytes(&log->running, log->writes.data, group);
    if (log->writes.capacity > WRITE_BUFFER_KEPT) {
        buffer_close(&log->writes);
        buffer_init(&log->writes, SEGMENT_SIZE_LIMIT / 2);
    }
    return error;
}

int segment_log_append(struct segment_log *log, const struct segment_log_entry *entries, size_t count,
    const struct digest *link, struct segment_place *places)
{
    CHECK(count > 0);
    if (log->failed) return TALLY_EIO;
    uint64_t group = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(entries[i].type != 0 && entries[i].type != RECORD_TYPE_ERASED);
        uint32_t size = segment_log_entry_size(&entries[i]);
        CHECK(size > 0);
        if (size > log->config.record_size_max) return TALLY_ELIMIT;
        group += record_footprint(size);
    }
    if (group > SEGMENT_SIZE_LIMIT / 4) return TALLY_ELIMIT;
    const struct segment *segment = segment_log_newest(log);
    if (segment->size > SEGMENT_HEADER_SIZE && segment->size + group > log->config.segment_size_max) {
        int error = segment_log_fail(log, rotate(log, entries[0].number, link));
        if (error != TALLY_OK) return error;
    }
    return segment_log_fail(log, write_group(log, entries, count, places));
}

int segment_log_sync(struct segment_log *log)
{
    if (log->failed) return TALLY_EIO;
    struct segment *segment = segment_log_newest(log);
    if (segment->synced == segment->size) return TALLY_OK;
    int error = segment_log_fail(log, log->config.disk->sync(log->config.disk->context, segment->file));
    if (error == TALLY_OK) segment->synced = segment->size;
    return error;
}
