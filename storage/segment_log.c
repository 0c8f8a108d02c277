#include "storage/segment_log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/crc32c.h"

#define NAME_SIZE 17
#define SPARE "spare"
/* A write buffer larger than this is given back after its use. */
#define WRITE_BUFFER_KEPT (256u * 1024u)

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

static void name_of(uint32_t sequence, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%016x", sequence);
}

static struct segment *newest(const struct segment_log *log)
{
    CHECK(log->count > 0);
    return &log->segments[log->count - 1];
}

static int reserve_segment(struct segment_log *log)
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

/* What of a segment never changes, and so may be used outside the mutex. */
struct segment_reader {
    int file;
    uint32_t seed;
};

static int find(struct segment_log *log, uint32_t sequence, struct segment_reader *found)
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

/* ---- Making a segment ---- */

static int write_header(
    const struct segment_log_config *config, int file, const struct segment_header *header)
{
    const struct disk *disk = config->disk;
    uint8_t bytes[SEGMENT_HEADER_SIZE + SEGMENT_END_MARK_SIZE] = {0};
    segment_header_encode(header, bytes);
    int error =
        disk->write(disk->context, file, 0, bytes, header->used_before ? sizeof bytes : SEGMENT_HEADER_SIZE);
    return error == TALLY_OK ? disk->sync(disk->context, file) : error;
}

/* The file of a new segment: the spare, *path, where there is one, else a new one under a name of its own. */
static int open_new(const struct segment_log_config *config, uint32_t sequence, char path[DISK_PATH_SIZE_MAX],
    struct segment *segment)
{
    const struct disk *disk = config->disk;
    char temporary[NAME_SIZE + 4];
    int error = config->recycles ? disk_join(config->dir, SPARE, path) : TALLY_ENOTFOUND;
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_WRITE, &segment->file);
    segment->used_before = error == TALLY_OK;
    if (error == TALLY_OK) {
        error = disk->size(disk->context, segment->file, &segment->allocated);
        if (error != TALLY_OK) disk->close(disk->context, segment->file);
        return error;
    }
    if (error != TALLY_ENOTFOUND) return error;
    snprintf(temporary, sizeof temporary, "%016x.new", sequence);
    error = disk_join(config->dir, temporary, path);
    return error == TALLY_OK ? disk->open(disk->context, path, DISK_CREATE, &segment->file) : error;
}

/* Written under another name and renamed once it is on disk: a crash leaves a whole segment, or none. The
 * header is filled in but for its salt. */
static int segment_make(
    const struct segment_log_config *config, struct segment_header *header, struct segment *segment)
{
    const struct disk *disk = config->disk;
    char name[NAME_SIZE], path[DISK_PATH_SIZE_MAX], temporary[DISK_PATH_SIZE_MAX];
    struct segment made = {.sequence = (uint32_t)header->sequence,
        .previous_size = header->previous_size,
        .previous_digest = header->previous_digest,
        .size = SEGMENT_HEADER_SIZE,
        .synced = SEGMENT_HEADER_SIZE,
        .allocated = SEGMENT_HEADER_SIZE};
    name_of(made.sequence, name);
    int error = disk_join(config->dir, name, path);
    if (error == TALLY_OK) error = open_new(config, made.sequence, temporary, &made);
    if (error != TALLY_OK) return error;
    header->kind = config->kind;
    header->chain_id = config->chain_id;
    header->used_before = made.used_before;
    random_bytes(header->salt, sizeof header->salt);
    made.seed = segment_seed(header);
    error = write_header(config, made.file, header);
    if (error == TALLY_OK) error = disk->rename(disk->context, temporary, path);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, config->dir);
    if (error != TALLY_OK) {
        disk->close(disk->context, made.file);
        return error;
    }
    *segment = made;
    return TALLY_OK;
}

/* ---- What is in the folder ---- */

struct listing {
    const struct segment_log_config *config;
    uint32_t *sequences;
    size_t count, capacity;
};

static int listing_seen(void *context, const char *name)
{
    struct listing *listing = context;
    size_t length = strlen(name);
    if (length == NAME_SIZE - 1 + 4 && strcmp(name + length - 4, ".new") == 0) {
        /* A segment whose making a crash cut short: it never was. */
        char path[DISK_PATH_SIZE_MAX];
        int error = disk_join(listing->config->dir, name, path);
        return error == TALLY_OK ? listing->config->disk->remove(listing->config->disk->context, path)
                                 : error;
    }
    uint8_t bytes[8];
    if (length != NAME_SIZE - 1 || hex_decode(name, bytes, sizeof bytes) != TALLY_OK) return TALLY_OK;
    uint64_t sequence = get_u64(bytes);
    if (sequence == 0 || sequence > UINT32_MAX) return TALLY_OK;
    if (listing->count == SEGMENT_LOG_SEGMENTS_MAX) return TALLY_ELIMIT;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        uint32_t *sequences = realloc(listing->sequences, capacity * sizeof *sequences);
        if (sequences == NULL) return TALLY_ENOMEM;
        listing->sequences = sequences;
        listing->capacity = capacity;
    }
    listing->sequences[listing->count++] = (uint32_t)sequence;
    return TALLY_OK;
}

static int by_sequence(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int listing_make(const struct segment_log_config *config, struct listing *listing)
{
    *listing = (struct listing){.config = config};
    int error = config->disk->list(config->disk->context, config->dir, listing_seen, listing);
    if (error == TALLY_OK && listing->count > 1)
        qsort(listing->sequences, listing->count, sizeof *listing->sequences, by_sequence);
    return error;
}

int segment_log_create(
    const struct segment_log_config *config, uint64_t first_number, const struct digest *link)
{
    struct listing listing;
    int error = listing_make(config, &listing);
    if (error == TALLY_OK && listing.count > 0) error = TALLY_EEXISTS;
    free(listing.sequences);
    struct segment segment;
    struct segment_header header = {.sequence = 1, .first_number = first_number};
    if (link != NULL) header.link = *link;
    if (error == TALLY_OK) error = segment_make(config, &header, &segment);
    if (error == TALLY_OK) config->disk->close(config->disk->context, segment.file);
    return error;
}

/* ---- Opening ---- */

/* Puts right one changed byte of a segment's header. */
static int mend_header(struct segment_log *log, const struct segment *segment,
    uint8_t bytes[SEGMENT_HEADER_SIZE], struct segment_header *header, struct segment_log_report *report)
{
    const struct disk *disk = log->config.disk;
    uint32_t changed;
    int error = segment_header_restore(
        bytes, log->config.kind, &log->config.chain_id, segment->sequence, header, &changed);
    if (error == TALLY_OK) error = disk->write(disk->context, segment->file, 0, bytes, SEGMENT_HEADER_SIZE);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
    if (error == TALLY_OK) report->headers_mended++;
    return error;
}

static int open_segment(struct segment_log *log, uint32_t sequence, struct segment_log_report *report)
{
    const struct disk *disk = log->config.disk;
    char name[NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    name_of(sequence, name);
    int error = disk_join(log->dir, name, path);
    if (error == TALLY_OK) error = reserve_segment(log);
    if (error != TALLY_OK) return error;
    struct segment *segment = &log->segments[log->count];
    *segment = (struct segment){.sequence = sequence};
    error = disk->open(disk->context, path, DISK_WRITE, &segment->file);
    if (error != TALLY_OK) return error;
    log->count++; /* from here on segment_log_close closes it */
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    size_t got = 0;
    struct segment_header header;
    error = disk->size(disk->context, segment->file, &segment->allocated);
    if (error == TALLY_OK) error = disk->read(disk->context, segment->file, 0, bytes, sizeof bytes, &got);
    if (error != TALLY_OK) return error;
    error = got < sizeof bytes ? TALLY_EDAMAGED : segment_header_decode(bytes, &header);
    if (error == TALLY_EDAMAGED && got == sizeof bytes && log->config.mends)
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
    struct segment *segment = newest(log);
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
    const struct segment *segment = newest(log);
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
    struct segment *segment = newest(log);
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

static int hash_newest(struct segment_log *log)
{
    const struct segment *segment = newest(log);
    if (!log->config.digests) return TALLY_OK;
    hasher_init_plain(&log->running);
    return segment_hash(log->config.disk, segment->file, 0, segment->size, &log->running);
}

static int open_all(struct segment_log *log, struct scanning *scanning, struct segment_log_report *report)
{
    struct listing listing;
    int error = listing_make(&log->config, &listing);
    if (error == TALLY_OK && listing.count == 0) error = TALLY_ENOTFOUND;
    for (size_t i = 0; error == TALLY_OK && i < listing.count; i++) {
        if (i > 0 && listing.sequences[i] != listing.sequences[i - 1] + 1) {
            snprintf(report->detail, sizeof report->detail, "the segment before %016x is missing",
                listing.sequences[i]);
            error = TALLY_EDAMAGED;
        } else {
            error = open_segment(log, listing.sequences[i], report);
        }
    }
    free(listing.sequences);
    for (size_t i = 0; error == TALLY_OK && i < log->count; i++)
        error = check_segment(log, i, scanning, report);
    /* A process that was killed may have left the newest name, like the newest bytes, in memory alone. */
    if (error == TALLY_OK) error = log->config.disk->sync_dir(log->config.disk->context, log->dir);
    if (error == TALLY_OK) error = cut_tail(log, report);
    return error == TALLY_OK ? hash_newest(log) : error;
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

/* ---- Appending ---- */

static int fail(struct segment_log *log, int error)
{
    if (error != TALLY_OK) log->failed = true;
    return error;
}

/* Seals the newest segment and begins the next. */
static int rotate(struct segment_log *log, uint64_t first_number, const struct digest *link)
{
    const struct disk *disk = log->config.disk;
    struct segment *old = newest(log);
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
    error = segment_make(&log->config, &header, &made);
    if (error == TALLY_OK) {
        error = reserve_segment(log);
        if (error != TALLY_OK) disk->close(disk->context, made.file);
    }
    if (error != TALLY_OK) return error;
    pthread_mutex_lock(&log->mutex);
    log->segments[log->count++] = made;
    pthread_mutex_unlock(&log->mutex);
    return hash_newest(log);
}

static uint32_t entry_size(const struct segment_log_entry *entry)
{
    size_t size = 0;
    for (size_t i = 0; i < SEGMENT_RECORD_PARTS; i++) {
        if (entry->parts[i].size > UINT32_MAX / 4) return UINT32_MAX;
        size += entry->parts[i].size;
    }
    return (uint32_t)size;
}

/* The whole record, with zeros for its payload where it is `erased`. */
static void entry_write(const struct segment_reader *segment, uint64_t synced,
    const struct segment_log_entry *entry, bool erased, uint8_t *bytes)
{
    uint32_t size = entry_size(entry);
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
    struct segment *segment = newest(log);
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
    struct segment *segment = newest(log);
    const struct segment_reader reader = {segment->file, segment->seed};
    uint64_t offset = segment->size;
    buffer_clear(&log->writes);
    for (size_t i = 0; i < count; i++) {
        if (places != NULL)
            places[i] = (struct segment_place){segment->sequence, (uint32_t)(offset + log->writes.size)};
        uint8_t *bytes = buffer_reserve(&log->writes, (size_t)record_footprint(entry_size(&entries[i])));
        if (bytes == NULL) return TALLY_ENOMEM;
        entry_write(&reader, segment->synced, &entries[i], false, bytes);
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
        uint32_t size = entry_size(&entries[i]);
        CHECK(size > 0);
        if (size > log->config.record_size_max) return TALLY_ELIMIT;
        group += record_footprint(size);
    }
    if (group > SEGMENT_SIZE_LIMIT / 4) return TALLY_ELIMIT;
    const struct segment *segment = newest(log);
    if (segment->size > SEGMENT_HEADER_SIZE && segment->size + group > log->config.segment_size_max) {
        int error = fail(log, rotate(log, entries[0].number, link));
        if (error != TALLY_OK) return error;
    }
    return fail(log, write_group(log, entries, count, places));
}

int segment_log_sync(struct segment_log *log)
{
    if (log->failed) return TALLY_EIO;
    struct segment *segment = newest(log);
    if (segment->synced == segment->size) return TALLY_OK;
    int error = fail(log, log->config.disk->sync(log->config.disk->context, segment->file));
    if (error == TALLY_OK) segment->synced = segment->size;
    return error;
}

struct segment_place segment_log_end(const struct segment_log *log)
{
    const struct segment *segment = newest(log);
    return (struct segment_place){segment->sequence, (uint32_t)segment->size};
}

uint32_t segment_log_first(const struct segment_log *log)
{
    CHECK(log->count > 0);
    return log->segments[0].sequence;
}

uint32_t segment_log_last(const struct segment_log *log)
{
    return newest(log)->sequence;
}

/* ---- Reading ---- */

int segment_log_read_raw(struct segment_log *log, struct segment_place place, void *bytes, size_t size)
{
    struct segment_reader segment;
    int error = find(log, place.segment, &segment);
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
    int error = find(log, place.segment, &segment);
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
    int error = find(log, place.segment, &segment);
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

/* ---- Taking away ---- */

int segment_log_erase(struct segment_log *log, struct segment_place place)
{
    const struct disk *disk = log->config.disk;
    struct segment_reader segment;
    uint8_t bytes[RECORD_HEADER_SIZE];
    struct record_header header;
    CHECK(!log->config.digests);
    if (log->failed) return TALLY_EIO;
    int error = find(log, place.segment, &segment);
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
    return fail(log, error);
}

int segment_log_next(
    struct segment_log *log, struct segment_place *place, uint32_t end, struct segment_log_record *record)
{
    struct segment_reader segment;
    int error = find(log, place->segment, &segment);
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

int segment_log_restore(struct segment_log *log, struct segment_place place, struct span payload)
{
    const struct disk *disk = log->config.disk;
    struct segment_reader segment;
    uint8_t bytes[RECORD_HEADER_SIZE];
    struct record_header header;
    int error = find(log, place.segment, &segment);
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
    int error = find(log, place.segment, &segment);
    if (error != TALLY_OK) return error;
    size_t footprint = (size_t)record_footprint(entry_size(entry));
    uint8_t *bytes = malloc(footprint);
    if (bytes == NULL) return TALLY_ENOMEM;
    entry_write(&segment, SEGMENT_HEADER_SIZE, entry, erased, bytes);
    error = disk->write(disk->context, segment.file, place.offset, bytes, footprint);
    if (error == TALLY_OK) error = disk->sync(disk->context, segment.file);
    free(bytes);
    return error;
}

static int remove_segment(struct segment_log *log, uint32_t sequence)
{
    char name[NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    name_of(sequence, name);
    int error = disk_join(log->dir, name, path);
    return error == TALLY_OK ? log->config.disk->remove(log->config.disk->context, path) : error;
}

/* A file that waits as the spare already is replaced. */
static int drop_segment(struct segment_log *log, uint32_t sequence)
{
    const struct disk *disk = log->config.disk;
    char name[NAME_SIZE], path[DISK_PATH_SIZE_MAX], spare[DISK_PATH_SIZE_MAX];
    if (!log->config.recycles) return remove_segment(log, sequence);
    name_of(sequence, name);
    int error = disk_join(log->dir, name, path);
    if (error == TALLY_OK) error = disk_join(log->dir, SPARE, spare);
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
    while (error == TALLY_OK && newest(log)->sequence > place.segment) {
        error = remove_segment(log, newest(log)->sequence);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, log->dir);
        if (error == TALLY_OK) disk->close(disk->context, log->segments[--log->count].file);
    }
    struct segment *segment = newest(log);
    if (error == TALLY_OK && segment->size != place.offset) {
        error = disk->resize(disk->context, segment->file, place.offset);
        if (error == TALLY_OK) error = disk->sync(disk->context, segment->file);
        if (error == TALLY_OK) segment->size = segment->synced = segment->allocated = place.offset;
    }
    if (error == TALLY_OK) error = hash_newest(log);
    return fail(log, error);
}

int segment_log_drop_before(struct segment_log *log, uint32_t sequence)
{
    const struct disk *disk = log->config.disk;
    if (log->failed) return TALLY_EIO;
    CHECK(log->count > 0 && sequence <= newest(log)->sequence);
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
    return fail(log, error);
}
