#include "storage/segment_log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

/* Puts right one changed byte of a segment's header, or makes all of it anew. */
static int mend_header(struct segment_log *log, struct segment *segment, uint8_t bytes[SEGMENT_HEADER_SIZE],
    struct segment_header *header, struct segment_log_report *report)
{
    const struct disk *disk = log->config.disk;
    uint32_t changed;
    int error = segment_header_restore(
        bytes, log->config.kind, &log->config.chain_id, segment->sequence, header, &changed);
    if (error == TALLY_OK) error = disk->write(disk->context, segment->file, 0, bytes, SEGMENT_HEADER_SIZE);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
    if (error == TALLY_EDAMAGED) error = segment_log_head_again(log, segment, header);
    if (error == TALLY_OK) report->headers_mended++;
    return error;
}

static int open_segment(struct segment_log *log, uint32_t sequence, struct segment_log_report *report)
{
    const struct disk *disk = log->config.disk;
    char name[SEGMENT_NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    segment_log_name(sequence, name);
    int error = disk_join(log->dir, name, path);
    if (error == TALLY_OK) error = segment_log_reserve(log);
    if (error != TALLY_OK) return error;
    struct segment *segment = &log->segments[log->count];
    *segment = (struct segment){.sequence = sequence};
    error = disk->open(disk->context, path, DISK_WRITE, &segment->file);
    if (error != TALLY_OK) return error;
    log->count++; /* from here on segment_log_close closes it */
    uint8_t bytes[SEGMENT_HEADER_SIZE] = {0};
    size_t got = 0;
    struct segment_header header;
    error = disk->size(disk->context, segment->file, &segment->allocated);
    if (error == TALLY_OK) error = disk->read(disk->context, segment->file, 0, bytes, sizeof bytes, &got);
    if (error != TALLY_OK) return error;
    error = got < sizeof bytes ? TALLY_EDAMAGED : segment_header_decode(bytes, &header);
    if (error == TALLY_EDAMAGED && log->config.mends)
        error = mend_header(log, segment, bytes, &header, report);
    if (error == TALLY_OK && (header.kind != log->config.kind || header.sequence != sequence))
        error = TALLY_EDAMAGED;
    if (error == TALLY_OK && segment->allocated > SEGMENT_SIZE_LIMIT) error = TALLY_EDAMAGED;
    if (error == TALLY_OK && !digest_equal(&header.chain_id, &log->config.chain_id)) error = TALLY_ECHAIN;
    if (error != TALLY_OK) {
        snprintf(report->detail, sizeof report->detail, "the header of segment %s: %s", name,
            tally_error_text(error));
        return error;
    }
    if (log->count == 1) {
        report->first_number = header.first_number;
        report->first_link = header.link;
    }
    segment->seed = segment_seed(&header);
    segment->previous_size = header.previous_size;
    segment->previous_digest = header.previous_digest;
    segment->used_before = header.used_before;
    return TALLY_OK;
}

struct scanning {
    int (*seen)(void *context, const struct segment_log_record *record);
    int (*gap)(void *context, uint32_t segment, const struct segment_gap *gap);
    void *context;
    uint32_t sequence;
    bool gaps; /* in this segment */
};

static int scanning_gap(void *context, const struct segment_gap *gap)
{
    struct scanning *scanning = context;
    scanning->gaps = true;
    return scanning->gap(scanning->context, scanning->sequence, gap);
}

static int scanning_seen(
    void *context, uint64_t offset, const struct record_header *header, struct span payload)
{
    const struct scanning *scanning = context;
    if (scanning->seen == NULL) return TALLY_OK;
    struct segment_log_record record = {.place = {scanning->sequence, (uint32_t)offset},
        .type = header->type,
        .number = header->number,
        .size = header->size,
        .payload = payload};
    return scanning->seen(scanning->context, &record);
}

/* *same says whether a sealed segment's bytes still are what the next one's header says. */
static int check_digest(const struct segment_log *log, size_t at, bool *same)
{
    struct hasher hasher;
    hasher_init_plain(&hasher);
    *same = true;
    if (!log->config.digests || log->config.check != CHECK_ALL || at + 1 >= log->count) return TALLY_OK;
    int error = segment_hash(
        log->config.disk, log->segments[at].file, 0, log->segments[at + 1].previous_size, &hasher);
    if (error != TALLY_OK) return error;
    struct digest digest = hasher_final(&hasher);
    *same = digest_equal(&digest, &log->segments[at + 1].previous_digest);
    return TALLY_OK;
}

/* How much of the newest segment was on disk for sure. */
static uint64_t known_of(const struct segment_log *log, const struct segment *segment)
{
    struct segment_place known = log->config.known_end;
    if (known.segment != segment->sequence) return 0;
    return known.offset < segment->allocated ? known.offset : segment->allocated;
}

static int check_segment(
    struct segment_log *log, size_t at, struct scanning *scanning, struct segment_log_report *report)
{
    struct segment *segment = &log->segments[at];
    bool sealed = at + 1 < log->count, same = true;
    uint64_t sealed_size = sealed ? log->segments[at + 1].previous_size : 0;
    if (log->config.mends) {
        bool known = log->config.known_end.segment == segment->sequence;
        int error = segment_log_grow(log, segment, known ? log->config.known_end.offset : sealed_size);
        if (error != TALLY_OK) return error;
    }
    struct segment_scan scan = {.disk = log->config.disk,
        .file = segment->file,
        .seed = segment->seed,
        .size = sealed ? sealed_size : segment->allocated,
        .known = sealed ? sealed_size : known_of(log, segment),
        .record_size_max = log->config.record_size_max,
        .payloads = !sealed || log->config.check == CHECK_ALL,
        .seen = scanning_seen,
        .gap = scanning->gap != NULL ? scanning_gap : NULL,
        .context = scanning};
    scanning->sequence = segment->sequence;
    scanning->gaps = false;
    bool damaged = sealed && segment->allocated < sealed_size;
    if (!damaged && sealed && log->config.check == CHECK_SIZES) {
        segment->size = sealed_size;
    } else if (!damaged) {
        int error = segment_scan(&scan);
        if (error == TALLY_OK && !scan.damaged && !scanning->gaps) error = check_digest(log, at, &same);
        if (error != TALLY_OK) return error;
        damaged = scan.damaged || (sealed && scan.end != sealed_size);
        segment->size = scan.end;
    }
    segment->synced = sealed ? segment->size : scan.synced;
    if (!damaged && same) return TALLY_OK;
    if (damaged) report->damaged_number = scan.damaged_number;
    if (damaged)
        snprintf(report->detail, sizeof report->detail,
            "segment %016x, byte %llu: a record is not what was stored", segment->sequence,
            (unsigned long long)scan.end);
    else
        snprintf(report->detail, sizeof report->detail,
            "segment %016x: its bytes are not those that the next one's header has the digest of",
            segment->sequence);
    return TALLY_EDAMAGED;
}

/* Writes anew what is not known to be on disk, the mark behind the last record too. A process whose sync
 * failed has ended; what it wrote may still be read, from a page cache that holds it as clean, and that no
 * sync would write any more. */
static int rewrite_tail(struct segment_log *log)
{
    const struct disk *disk = log->config.disk;
    struct segment *segment = segment_log_newest(log);
    uint64_t marked = segment->size + SEGMENT_END_MARK_SIZE;
    uint64_t end = marked < segment->allocated ? marked : segment->allocated;
    uint8_t bytes[4096];
    for (uint64_t at = segment->synced; at < end;) {
        uint64_t left = end - at;
        size_t got;
        int error = disk->read(
            disk->context, segment->file, at, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes, &got);
        if (error != TALLY_OK) return error;
        if (got == 0) return TALLY_EIO;
        error = disk->write(disk->context, segment->file, at, bytes, got);
        if (error != TALLY_OK) return error;
        at += got;
    }
    return TALLY_OK;
}

/* *zeros says whether the newest segment has nothing but zeros in [its end, to). */
static int tail_is_zeros(const struct segment_log *log, uint64_t to, bool *zeros)
{
    const struct disk *disk = log->config.disk;
    const struct segment *segment = segment_log_newest(log);
    uint8_t bytes[4096];
    *zeros = true;
    for (uint64_t at = segment->size; *zeros && at < to;) {
        size_t got, size = to - at < sizeof bytes ? (size_t)(to - at) : sizeof bytes;
        int error = disk->read(disk->context, segment->file, at, bytes, size, &got);
        if (error != TALLY_OK) return error;
        if (got == 0) return TALLY_EIO;
        for (size_t i = 0; i < got; i++)
            *zeros = *zeros && bytes[i] == 0;
        at += got;
    }
    return TALLY_OK;
}

/* Gives the newest segment a clean tail: whatever stood behind its last good record must never come back. */
static int cut_tail(struct segment_log *log, struct segment_log_report *report)
{
    const struct disk *disk = log->config.disk;
    struct segment *segment = segment_log_newest(log);
    uint64_t marked = segment->size + SEGMENT_END_MARK_SIZE;
    bool clean, ended;
    int error = tail_is_zeros(log, segment->allocated, &clean);
    if (error == TALLY_OK)
        error = tail_is_zeros(log, marked < segment->allocated ? marked : segment->allocated, &ended);
    if (error == TALLY_OK && !clean) {
        /* Behind the end of a file that was used before, stale bytes are no loss. */
        if (!ended || !segment->used_before) report->bytes_cut += segment->allocated - segment->size;
        error = disk->resize(disk->context, segment->file, segment->size);
        if (error == TALLY_OK) segment->allocated = segment->size;
    }
    /* A scan read the page cache: what it found good may not be on disk, and is about to be relied on. */
    if (error == TALLY_OK) error = rewrite_tail(log);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
    if (error == TALLY_OK) segment->synced = segment->size;
    return error;
}

static int open_all(struct segment_log *log, struct scanning *scanning, struct segment_log_report *report)
{
    struct segment_listing listing;
    uint32_t known = log->config.mends ? log->config.known_end.segment : 0;
    int error = segment_log_list(&log->config, &listing);
    if (error == TALLY_OK && listing.count == 0 && known == 0) error = TALLY_ENOTFOUND;
    for (size_t i = 0; error == TALLY_OK && i < listing.count; i++) {
        if (log->config.mends)
            error = segment_log_fill(log, listing.sequences[i], report);
        else if (i > 0 && listing.sequences[i] != listing.sequences[i - 1] + 1)
            error = TALLY_EDAMAGED;
        if (error == TALLY_EDAMAGED)
            snprintf(report->detail, sizeof report->detail, "the segment before %016x is missing",
                listing.sequences[i]);
        if (error == TALLY_OK) error = open_segment(log, listing.sequences[i], report);
    }
    if (error == TALLY_OK && known > 0 && (log->count == 0 || segment_log_newest(log)->sequence < known))
        error = segment_log_fill(log, known + 1, report);
    free(listing.sequences);
    for (size_t i = 0; error == TALLY_OK && i < log->count; i++)
        error = check_segment(log, i, scanning, report);
    /* A process that was killed may have left the newest name, like the newest bytes, in memory alone. */
    if (error == TALLY_OK) error = log->config.disk->sync_dir(log->config.disk->context, log->dir);
    if (error == TALLY_OK) error = cut_tail(log, report);
    return error == TALLY_OK ? segment_log_hash_newest(log) : error;
}

int segment_log_open(const struct segment_log_config *config,
    int (*seen)(void *context, const struct segment_log_record *record), void *context,
    struct segment_log **log, struct segment_log_report *report)
{
    CHECK(config->segment_size_max >= SEGMENT_HEADER_SIZE &&
          config->segment_size_max <= SEGMENT_SIZE_LIMIT / 2);
    CHECK(config->record_size_max > 0 && config->record_size_max < SEGMENT_SIZE_LIMIT / 4);
    *report = (struct segment_log_report){0};
    struct segment_log *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->config = *config;
    opened->config.dir = opened->dir;
    buffer_init(&opened->writes, SEGMENT_SIZE_LIMIT / 2);
    CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0);
    int error = strlen(config->dir) < sizeof opened->dir ? TALLY_OK : TALLY_ELIMIT;
    struct scanning scanning = {.seen = seen, .gap = config->gap, .context = context};
    if (error == TALLY_OK) {
        memcpy(opened->dir, config->dir, strlen(config->dir) + 1);
        error = open_all(opened, &scanning, report);
    }
    if (error != TALLY_OK) {
        segment_log_close(opened);
        return error;
    }
    *log = opened;
    return TALLY_OK;
}
