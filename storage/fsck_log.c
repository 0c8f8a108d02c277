#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/fsck_internal.h"

#define NAME_DIGITS 16u
#define ZEROS_WINDOW 4096u

void fsck_segment_name(const char *folder, uint32_t sequence, char name[FSCK_NAME_SIZE])
{
    snprintf(name, FSCK_NAME_SIZE, "%s/%016" PRIx32, folder, sequence);
}

static int folder_path(const struct fsck *fsck, const char *folder, char path[DISK_PATH_SIZE_MAX])
{
    return disk_join(fsck->options->dir, folder, path);
}

/* ---- Which segments there are ---- */

struct sequences {
    struct fsck_log *log;
    uint32_t *items;
    size_t count, capacity;
};

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Names that are no segment's, and of which no start reads a byte. */
static bool is_slack(const struct fsck_log *log, const char *name)
{
    if (ends_with(name, ".new")) return true;
    if (log->kind != SEGMENT_LOG_VOTES) return false;
    return strcmp(name, "spare") == 0 || strcmp(name, "unfinished-mark") == 0 ||
           strncmp(name, "origin-", 7) == 0;
}

static int sequences_seen(void *context, const char *name)
{
    struct sequences *sequences = context;
    uint8_t bytes[8];
    if (is_slack(sequences->log, name)) return TALLY_OK;
    bool number = strlen(name) == NAME_DIGITS && hex_decode(name, bytes, sizeof bytes) == TALLY_OK;
    if (!number || get_u64(bytes) == 0 || get_u64(bytes) > UINT32_MAX) {
        char file[FSCK_NAME_SIZE];
        snprintf(file, sizeof file, "%s/%.40s", sequences->log->folder, name);
        fsck_tell(sequences->log->fsck, file, FSCK_NO_OFFSET, 0,
            "no start reads it: move it away, and look for the file whose name this should be",
            "no file of this folder has such a name");
        return TALLY_OK;
    }
    if (sequences->count == SEGMENT_LOG_SEGMENTS_MAX) return TALLY_ELIMIT;
    if (sequences->count == sequences->capacity) {
        size_t capacity = sequences->capacity == 0 ? 16 : sequences->capacity * 2;
        uint32_t *items = realloc(sequences->items, capacity * sizeof *items);
        if (items == NULL) return TALLY_ENOMEM;
        sequences->items = items;
        sequences->capacity = capacity;
    }
    sequences->items[sequences->count++] = (uint32_t)get_u64(bytes);
    return TALLY_OK;
}

static int by_sequence(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* ---- One segment ---- */

int fsck_segment_open(struct fsck *fsck, const char *folder, enum segment_log_kind kind, uint32_t sequence,
    int *file, struct segment_header *header, int *changed)
{
    const struct disk *disk = fsck->disk;
    const struct digest *chain_id = &fsck->options->genesis->chain_id;
    char name[FSCK_NAME_SIZE], path[DISK_PATH_SIZE_MAX];
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    size_t got = 0;
    *changed = -1;
    fsck_segment_name(folder, sequence, name);
    int error = disk_join(fsck->options->dir, name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, file);
    if (error != TALLY_OK) return error;
    error = disk->read(disk->context, *file, 0, bytes, sizeof bytes, &got);
    if (error == TALLY_OK) error = got < sizeof bytes ? TALLY_EDAMAGED : segment_header_decode(bytes, header);
    if (error == TALLY_OK && (header->kind != kind || header->sequence != sequence)) error = TALLY_EDAMAGED;
    if (error == TALLY_OK && !digest_equal(&header->chain_id, chain_id)) error = TALLY_ECHAIN;
    if (error == TALLY_EDAMAGED && got == sizeof bytes) {
        uint32_t at;
        error = segment_header_restore(bytes, kind, chain_id, sequence, header, &at);
        if (error == TALLY_OK) *changed = (int)at;
    }
    if (error != TALLY_OK) disk->close(disk->context, *file);
    return error;
}

/* A segment under the walk, and what the one behind it says of it. */
struct walked {
    struct fsck_log *log;
    char name[FSCK_NAME_SIZE];
    int file;
    struct segment_header header;
    uint64_t size; /* of the file */
    bool newest;
    bool sealed_known; /* and the header behind this one is sound: */
    uint64_t sealed_size;
    struct digest sealed_digest;
    bool first_seen;
    bool damaged; /* so its digest says nothing new */
    int changed;  /* as fsck_segment_open tells */
};

static bool is_explained(struct fsck_log *log, uint64_t number)
{
    return log->gap != NULL && log->gap(log->context, number);
}

/* Of what begins at a place. Before a file's first record there is none to count from, but its header. */
static uint64_t number_of(const struct walked *walked, uint64_t start, uint64_t number)
{
    return number == 0 && start == SEGMENT_HEADER_SIZE ? walked->header.first_number : number;
}

static int walked_gap(void *context, const struct segment_gap *gap)
{
    struct walked *walked = context;
    uint64_t number = number_of(walked, gap->start, gap->number);
    walked->damaged = true;
    if (is_explained(walked->log, number)) return TALLY_OK;
    fsck_tell(walked->log->fsck, walked->name, gap->start, number, walked->log->then,
        "%" PRIu64 " bytes from here on are not what was written", gap->end - gap->start);
    return TALLY_OK;
}

static int check_erased(
    const struct walked *walked, uint64_t offset, const struct record_header *header, struct span payload)
{
    for (size_t i = 0; i < payload.size; i++) {
        if (payload.data[i] == 0) continue;
        fsck_tell(walked->log->fsck, walked->name, offset + RECORD_HEADER_SIZE + i, header->number,
            "nothing reads it; where it is more than a flipped byte, erase the body again",
            "an erased record has bytes that are no zeros");
        break;
    }
    return TALLY_OK;
}

static int walked_seen(
    void *context, uint64_t offset, const struct record_header *header, struct span payload)
{
    struct walked *walked = context;
    struct fsck_log *log = walked->log;
    log->records++;
    fsck_advance(log->fsck, log->folder, record_footprint(header->size));
    if (!walked->first_seen && log->kind == SEGMENT_LOG_LEDGER && offset == SEGMENT_HEADER_SIZE &&
        walked->header.first_number != 0 && header->number != walked->header.first_number)
        fsck_tell(log->fsck, walked->name, 72, header->number, log->then,
            "its header says that it begins with %" PRIu64, walked->header.first_number);
    walked->first_seen = true;
    if (header->type == RECORD_TYPE_ERASED) return check_erased(walked, offset, header, payload);
    struct fsck_record record = {.segment = &walked->header,
        .place = {(uint32_t)walked->header.sequence, (uint32_t)offset},
        .header = header,
        .payload = payload};
    return log->record != NULL ? log->record(log->context, &record) : TALLY_OK;
}

/* What stands behind the last good record of the newest segment. */
static int check_tail(struct walked *walked, const struct segment_scan *scan)
{
    const struct disk *disk = walked->log->fsck->disk;
    uint64_t to = walked->size;
    if (walked->header.used_before && scan->end + SEGMENT_END_MARK_SIZE < to)
        to = scan->end + SEGMENT_END_MARK_SIZE;
    uint8_t bytes[ZEROS_WINDOW];
    for (uint64_t at = scan->end; at < to;) {
        size_t got = 0, size = to - at < sizeof bytes ? (size_t)(to - at) : sizeof bytes;
        int error = disk->read(disk->context, walked->file, at, bytes, size, &got);
        if (error != TALLY_OK || got == 0) return error == TALLY_OK ? TALLY_EIO : error;
        for (size_t i = 0; i < got; i++) {
            if (bytes[i] == 0) continue;
            fsck_tell(walked->log->fsck, walked->name, at + i,
                number_of(walked, scan->end, scan->damaged_number), walked->log->then_torn,
                "behind the last whole record, which ends at byte %" PRIu64
                ", stand bytes that are no zeros: a write that a crash cut short, or a damaged last record",
                scan->end);
            return TALLY_OK;
        }
        at += got;
    }
    return TALLY_OK;
}

static int check_sealed(struct walked *walked)
{
    struct fsck_log *log = walked->log;
    struct hasher hasher;
    if (!walked->sealed_known) return TALLY_OK;
    if (walked->size != walked->sealed_size) {
        fsck_tell(log->fsck, walked->name,
            walked->size < walked->sealed_size ? walked->size : walked->sealed_size, 0, log->then,
            "it has %" PRIu64 " bytes, and the next one's header says %" PRIu64, walked->size,
            walked->sealed_size);
        return TALLY_OK;
    }
    if (!log->digests || walked->damaged || walked->changed >= 0) return TALLY_OK;
    hasher_init_plain(&hasher);
    int error = segment_hash(log->fsck->disk, walked->file, 0, walked->sealed_size, &hasher);
    if (error != TALLY_OK) return error;
    struct digest digest = hasher_final(&hasher);
    if (!digest_equal(&digest, &walked->sealed_digest))
        fsck_tell(log->fsck, walked->name, FSCK_NO_OFFSET, 0, log->then,
            "its SHA-256 is not the one in the next one's header: records were changed, or restored "
            "otherwise");
    return TALLY_OK;
}

/* How much of the newest segment was on disk for sure. */
static uint64_t known_of(const struct walked *walked)
{
    struct segment_place known = walked->log->known_end;
    if (known.segment != walked->header.sequence) return 0;
    return known.offset < walked->size ? known.offset : walked->size;
}

static int walk_segment(struct walked *walked)
{
    struct fsck_log *log = walked->log;
    struct segment_scan scan = {.disk = log->fsck->disk,
        .file = walked->file,
        .seed = segment_seed(&walked->header),
        .size = walked->size,
        .record_size_max = log->record_size_max,
        .payloads = true,
        .seen = walked_seen,
        .gap = walked_gap,
        .context = walked};
    if (walked->sealed_known && walked->sealed_size < scan.size) scan.size = walked->sealed_size;
    scan.known = walked->newest ? known_of(walked) : scan.size;
    int error = segment_scan(&scan);
    if (error == TALLY_OK && walked->newest) error = check_tail(walked, &scan);
    if (error == TALLY_OK && !walked->newest) error = check_sealed(walked);
    log->segments++;
    log->fsck->counts->files++;
    log->fsck->counts->bytes += scan.end;
    log->end = (struct segment_place){(uint32_t)walked->header.sequence, (uint32_t)scan.end};
    return error;
}

/* ---- The log ---- */

static int tell_header(struct walked *walked, int error)
{
    struct fsck_log *log = walked->log;
    switch (error) {
    case TALLY_OK:
        if (walked->changed >= 0)
            fsck_tell(log->fsck, walked->name, (uint64_t)walked->changed, 0, log->then,
                "one byte of its header is not what was written; the rest can be read");
        return TALLY_OK;
    case TALLY_EDAMAGED:
        fsck_tell(log->fsck, walked->name, 0, 0, log->then,
            "its header is damaged, and without it no record of the file can be checked");
        return TALLY_EDAMAGED;
    case TALLY_ECHAIN:
        fsck_tell(log->fsck, walked->name, 16, 0, log->then, "it is of another chain than the genesis");
        return TALLY_EDAMAGED;
    case TALLY_EVERSION:
        fsck_tell(log->fsck, walked->name, 8, 0, log->then,
            "it is of a format version that this release does not know");
        return TALLY_EDAMAGED;
    default:
        return error;
    }
}

/* Opens segment `sequence`; *sound is false where its header is beyond use, which has been told. */
static int walked_open(struct walked *walked, uint32_t sequence, bool *sound)
{
    struct fsck *fsck = walked->log->fsck;
    fsck_segment_name(walked->log->folder, sequence, walked->name);
    int error = fsck_segment_open(fsck, walked->log->folder, walked->log->kind, sequence, &walked->file,
        &walked->header, &walked->changed);
    error = tell_header(walked, error);
    *sound = error == TALLY_OK;
    if (error == TALLY_EDAMAGED) return TALLY_OK;
    if (error != TALLY_OK) return error;
    error = fsck->disk->size(fsck->disk->context, walked->file, &walked->size);
    if (error != TALLY_OK) fsck->disk->close(fsck->disk->context, walked->file);
    return error;
}

/* What the header of the next segment says of this one. */
static void look_ahead(struct walked *walked, uint32_t sequence)
{
    struct segment_header next;
    int file, changed;
    if (fsck_segment_open(walked->log->fsck, walked->log->folder, walked->log->kind, sequence, &file, &next,
            &changed) != TALLY_OK)
        return;
    walked->log->fsck->disk->close(walked->log->fsck->disk->context, file);
    walked->sealed_known = true;
    walked->sealed_size = next.previous_size;
    walked->sealed_digest = next.previous_digest;
}

static void tell_missing(struct fsck_log *log, uint32_t from, uint32_t to)
{
    char name[FSCK_NAME_SIZE];
    fsck_segment_name(log->folder, from, name);
    fsck_tell(log->fsck, name, FSCK_NO_OFFSET, 0, log->then,
        "%" PRIu32 " segment%s, from this one on, %s gone", to - from, to - from == 1 ? "" : "s",
        to - from == 1 ? "is" : "are");
    (void)is_explained(log, 0);
}

static int walk_all(struct fsck_log *log, const struct sequences *sequences)
{
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < sequences->count; i++) {
        struct walked walked = {.log = log, .newest = i + 1 == sequences->count};
        uint32_t sequence = sequences->items[i], expected = i > 0 ? sequences->items[i - 1] + 1 : 1;
        bool sound;
        if (sequence != expected && (i > 0 || log->from_first)) tell_missing(log, expected, sequence);
        error = walked_open(&walked, sequence, &sound);
        if (error != TALLY_OK) break;
        if (!sound) {
            (void)is_explained(log, 0);
            continue;
        }
        if (!walked.newest && sequences->items[i + 1] == sequence + 1) look_ahead(&walked, sequence + 1);
        error = walk_segment(&walked);
        log->fsck->disk->close(log->fsck->disk->context, walked.file);
    }
    return error;
}

int fsck_log_walk(struct fsck_log *log)
{
    struct sequences sequences = {.log = log};
    char path[DISK_PATH_SIZE_MAX];
    int error = folder_path(log->fsck, log->folder, path);
    if (error == TALLY_OK)
        error = log->fsck->disk->list(log->fsck->disk->context, path, sequences_seen, &sequences);
    if (error == TALLY_OK && sequences.count > 1)
        qsort(sequences.items, sequences.count, sizeof *sequences.items, by_sequence);
    if (error == TALLY_OK) error = walk_all(log, &sequences);
    if (error == TALLY_OK && sequences.count == 0 && log->from_first)
        fsck_tell(log->fsck, log->folder, FSCK_NO_OFFSET, 0, log->then, "it has no segments");
    free(sequences.items);
    return error;
}
