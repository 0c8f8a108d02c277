#include "storage/vote_record.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/origin.h"
#include "storage/segment_log.h"

/* This module's own records. A promise: its number is the newest height a checkpoint was promised for. */
#define TYPE_CHECKPOINT 0xFEu
/* Its number is the sequence of the oldest file still needed: one that is missing from there on is missed. */
#define TYPE_OLDEST 0xFDu
/* Says that the record was closed: whatever stands before it was on disk, and so is never taken for torn. */
#define TYPE_CLOSED 0xFCu
#define ALLOCATE_STEP (4u * MIB)

_Static_assert(VOTE_RECORD_TYPE_MAX < TYPE_CLOSED, "the types do not meet");
_Static_assert(VOTE_RECORD_FILE_SIZE <= SEGMENT_SIZE_LIMIT / 2, "a file fits a segment");

/* The highest view in each file that still exists, oldest first. */
struct file_views {
    uint64_t *highest;
    size_t count, capacity;
    uint32_t first; /* sequence of the first */
};

struct vote_record {
    struct segment_log *log;
    struct file_views views;
    uint64_t checkpoint_height;
    uint64_t oldest; /* of the newest TYPE_OLDEST; 1 where there is none */
    bool failed;
};

static int note_view(struct file_views *views, uint32_t sequence, uint64_t view)
{
    if (views->count == 0) views->first = sequence;
    CHECK(sequence >= views->first);
    size_t at = sequence - views->first;
    if (at >= views->capacity) {
        size_t capacity = at < 8 ? 16 : at * 2;
        uint64_t *highest = realloc(views->highest, capacity * sizeof *highest);
        if (highest == NULL) return TALLY_ENOMEM;
        views->highest = highest;
        views->capacity = capacity;
    }
    while (views->count <= at)
        views->highest[views->count++] = 0;
    if (view > views->highest[at]) views->highest[at] = view;
    return TALLY_OK;
}

static int config_make(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct vote_record_options *options, char path[DISK_PATH_SIZE_MAX],
    struct segment_log_config *config)
{
    int error = disk_join(dir, "votes", path);
    if (error != TALLY_OK) return error;
    *config = (struct segment_log_config){.disk = disk,
        .dir = path,
        .chain_id = *chain_id,
        .kind = SEGMENT_LOG_VOTES,
        .segment_size_max = VOTE_RECORD_FILE_SIZE,
        .record_size_max = VOTE_RECORD_SIZE_MAX,
        .allocate_step = ALLOCATE_STEP,
        .check = CHECK_ALL,
        .recycles = true};
    if (options != NULL && options->file_size_max != 0) config->segment_size_max = options->file_size_max;
    return TALLY_OK;
}

int vote_record_create(const struct disk *disk, const char *dir, const struct digest *chain_id)
{
    char path[DISK_PATH_SIZE_MAX];
    struct segment_log_config config;
    int error = config_make(disk, dir, chain_id, NULL, path, &config);
    if (error != TALLY_OK) return error;
    /* A folder without files is a record that was lost, or never finished: neither may become a fresh one
     * unasked. */
    error = disk->make_dir(disk->context, path);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, dir);
    if (error == TALLY_OK) error = origin_mark(disk, path);
    return error == TALLY_OK ? segment_log_create(&config, 0, NULL) : error;
}

struct replaying {
    struct vote_record *record;
    int (*replay)(void *context, uint8_t type, uint64_t view, struct span bytes);
    void *context;
    uint64_t records;
};

static int replay_one(void *context, const struct segment_log_record *stored)
{
    struct replaying *replaying = context;
    struct vote_record *record = replaying->record;
    if (stored->type == TYPE_CHECKPOINT) {
        if (stored->number < record->checkpoint_height) return TALLY_EDAMAGED;
        record->checkpoint_height = stored->number;
        return note_view(&record->views, stored->place.segment, 0);
    }
    if (stored->type == TYPE_OLDEST) {
        record->oldest = stored->number;
        return note_view(&record->views, stored->place.segment, 0);
    }
    if (stored->type == TYPE_CLOSED) return TALLY_OK;
    if (stored->type > VOTE_RECORD_TYPE_MAX) return TALLY_EDAMAGED;
    /* The first byte only makes room for empty records, which the segment's form does not have. */
    struct span bytes = span_of(stored->payload.data + 1, stored->payload.size - 1);
    if (stored->payload.data[0] != 0) return TALLY_EDAMAGED;
    int error = note_view(&record->views, stored->place.segment, stored->number);
    if (error != TALLY_OK) return error;
    replaying->records++;
    return replaying->replay != NULL
               ? replaying->replay(replaying->context, stored->type, stored->number, bytes)
               : TALLY_OK;
}

static int check_files(const struct vote_record *record, struct vote_record_report *report)
{
    if (segment_log_first(record->log) <= record->oldest) return TALLY_OK;
    snprintf(report->detail, sizeof report->detail, "the files before %016x are missing",
        segment_log_first(record->log));
    return TALLY_EDAMAGED;
}

static int open_log(struct vote_record *record, const struct segment_log_config *config,
    struct replaying *replaying, struct vote_record_report *report)
{
    struct segment_log_report log_report;
    int error = segment_log_open(config, replay_one, replaying, &record->log, &log_report);
    report->records = replaying->records;
    report->bytes_cut = log_report.bytes_cut;
    _Static_assert(sizeof report->detail == sizeof log_report.detail, "the sentence fits");
    memcpy(report->detail, log_report.detail, sizeof report->detail);
    if (error == TALLY_OK) error = check_files(record, report);
    if (error == TALLY_OK) error = note_view(&record->views, segment_log_first(record->log), 0);
    return error == TALLY_OK ? note_view(&record->views, segment_log_last(record->log), 0) : error;
}

/* Only the original is opened (R13). */
static int open_original(struct vote_record *record, const struct segment_log_config *config,
    struct replaying *replaying, struct vote_record_report *report)
{
    _Static_assert(sizeof report->detail == ORIGIN_DETAIL_SIZE, "the sentence fits");
    int origin = origin_check(config->disk, config->dir, report->detail);
    if (origin != TALLY_OK && origin != TALLY_ENOTFOUND) return origin;
    int error = open_log(record, config, replaying, report);
    if (error == TALLY_OK && origin == TALLY_ENOTFOUND) {
        snprintf(report->detail, sizeof report->detail, "it has no mark");
        error = TALLY_EDENIED;
    }
    return error;
}

int vote_record_examine(const struct disk *disk, const char *dir, const struct digest *chain_id,
    struct vote_record_report *report)
{
    *report = (struct vote_record_report){0};
    char path[DISK_PATH_SIZE_MAX];
    struct segment_log_config config;
    int error = config_make(disk, dir, chain_id, NULL, path, &config);
    if (error != TALLY_OK) return error;
    struct vote_record *examined = calloc(1, sizeof *examined);
    if (examined == NULL) return TALLY_ENOMEM;
    examined->oldest = 1;
    struct replaying replaying = {.record = examined};
    error = open_original(examined, &config, &replaying, report);
    vote_record_close(examined);
    return error;
}

int vote_record_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct vote_record_options *options,
    int (*replay)(void *context, uint8_t type, uint64_t view, struct span bytes), void *context,
    struct vote_record **record, struct vote_record_report *report)
{
    *report = (struct vote_record_report){0};
    char path[DISK_PATH_SIZE_MAX];
    struct segment_log_config config;
    int error = config_make(disk, dir, chain_id, options, path, &config);
    if (error != TALLY_OK) return error;
    struct vote_record *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->oldest = 1;
    struct replaying replaying = {.record = opened, .replay = replay, .context = context};
    error = open_original(opened, &config, &replaying, report);
    /* Marked anew, so that a copy of before this start is one. */
    if (error == TALLY_OK) error = origin_mark(disk, path);
    if (error != TALLY_OK) {
        vote_record_close(opened);
        return error;
    }
    *record = opened;
    return TALLY_OK;
}

void vote_record_close(struct vote_record *record)
{
    if (record == NULL) return;
    segment_log_close(record->log);
    free(record->views.highest);
    free(record);
}

int vote_record_end(struct vote_record *record)
{
    static const uint8_t zero = 0;
    struct segment_log_entry entry = {.type = TYPE_CLOSED, .parts = {span_of(&zero, 1)}};
    int error = vote_record_sync(record);
    if (error == TALLY_OK) error = segment_log_append(record->log, &entry, 1, NULL, NULL);
    if (error != TALLY_OK) {
        record->failed = true;
        return error;
    }
    return vote_record_sync(record);
}

static int append(struct vote_record *record, uint8_t type, uint64_t number, struct span bytes, uint64_t view)
{
    static const uint8_t zero = 0;
    struct segment_log_entry entry = {.type = type, .number = number, .parts = {span_of(&zero, 1), bytes}};
    uint32_t last = segment_log_last(record->log);
    int error = segment_log_append(record->log, &entry, 1, NULL, NULL);
    uint32_t file = segment_log_last(record->log);
    if (error == TALLY_OK) error = note_view(&record->views, file, view);
    if (error == TALLY_OK && file != last && type <= VOTE_RECORD_TYPE_MAX) {
        /* A new file restates the promise, so that older files can go; a record that fills one alone leaves
         * that to the next. */
        struct segment_log_entry promise = {
            .type = TYPE_CHECKPOINT, .number = record->checkpoint_height, .parts = {span_of(&zero, 1)}};
        error = segment_log_append(record->log, &promise, 1, NULL, NULL);
        if (error == TALLY_OK) error = note_view(&record->views, segment_log_last(record->log), 0);
    }
    if (error != TALLY_OK && error != TALLY_ELIMIT) record->failed = true;
    return error;
}

int vote_record_append(struct vote_record *record, uint8_t type, uint64_t view, struct span bytes)
{
    CHECK(type >= 1 && type <= VOTE_RECORD_TYPE_MAX);
    if (record->failed) return TALLY_EIO;
    if (bytes.size >= VOTE_RECORD_SIZE_MAX) return TALLY_ELIMIT;
    return append(record, type, view, bytes, view);
}

int vote_record_sync(struct vote_record *record)
{
    if (record->failed) return TALLY_EIO;
    int error = segment_log_sync(record->log);
    if (error != TALLY_OK) record->failed = true;
    return error;
}

int vote_record_prune(struct vote_record *record, uint64_t view)
{
    if (record->failed) return TALLY_EIO;
    struct file_views *views = &record->views;
    size_t gone = 0;
    while (gone + 1 < views->count && views->highest[gone] <= view)
        gone++;
    if (gone == 0) return TALLY_OK;
    /* What the newer files restate, and that the older ones may be missing, is on disk before those go. A new
     * file made for that note alone begins with it, and restates nothing: so the promise goes first. */
    int error = append(record, TYPE_CHECKPOINT, record->checkpoint_height, span_of(NULL, 0), 0);
    if (error == TALLY_OK) error = append(record, TYPE_OLDEST, views->first + gone, span_of(NULL, 0), 0);
    if (error == TALLY_OK) error = vote_record_sync(record);
    if (error == TALLY_OK) error = segment_log_drop_before(record->log, views->first + (uint32_t)gone);
    if (error != TALLY_OK) {
        record->failed = true;
        return error;
    }
    memmove(views->highest, views->highest + gone, (views->count - gone) * sizeof *views->highest);
    views->count -= gone;
    views->first += (uint32_t)gone;
    return TALLY_OK;
}

int vote_record_checkpoint(struct vote_record *record, uint64_t height)
{
    if (record->failed) return TALLY_EIO;
    if (height <= record->checkpoint_height) return TALLY_EEXISTS;
    int error = append(record, TYPE_CHECKPOINT, height, span_of(NULL, 0), 0);
    if (error == TALLY_OK) record->checkpoint_height = height;
    return error;
}

uint64_t vote_record_checkpoint_height(const struct vote_record *record)
{
    return record->checkpoint_height;
}
