#include "storage/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/ledger_internal.h"

#define ALLOCATE_STEP (8u * MIB)
/* Blocks appended and not synced take at most about this much memory; one more syncs them first. */
#define STAGED_SIZE_MAX (16u * MIB)

_Static_assert(LEDGER_SEGMENT_SIZE <= SEGMENT_SIZE_LIMIT / 2, "a segment's offsets fit");

/* ---- Opening ---- */

static int index_add(struct ledger *ledger, struct segment_place place)
{
    if (ledger->index_count == ledger->index_capacity) {
        size_t capacity = ledger->index_capacity == 0 ? 256 : ledger->index_capacity * 2;
        struct index_entry *index = realloc(ledger->index, capacity * sizeof *index);
        if (index == NULL) return TALLY_ENOMEM;
        ledger->index = index;
        ledger->index_capacity = capacity;
    }
    ledger->index[ledger->index_count++].place = place;
    return TALLY_OK;
}

struct opening {
    struct ledger *ledger;
    struct ledger_report *report;
    uint64_t gap_bytes;             /* passed over since the last block; 0 = none */
    struct segment_place gap_place; /* where that begins */
};

static int blocks_gap(void *context, uint32_t segment, const struct segment_gap *gap)
{
    struct opening *opening = context;
    if (opening->gap_bytes == 0) opening->gap_place = (struct segment_place){segment, (uint32_t)gap->start};
    opening->gap_bytes += gap->end - gap->start;
    return TALLY_OK;
}

/* Heights up to the one before `number` are in what was passed over, as far as there is room for them. */
static int add_lost(struct opening *opening, uint64_t number)
{
    struct ledger *ledger = opening->ledger;
    uint64_t room = opening->gap_bytes / (RECORD_HEADER_SIZE + LEDGER_RECORD_PREFIX_SIZE);
    if (number <= ledger->index_count || number - ledger->index_count - 1 > room) return TALLY_EDAMAGED;
    int error = TALLY_OK;
    for (bool first = true; error == TALLY_OK && ledger->index_count + 1 < number; first = false) {
        struct segment_place place = opening->gap_place;
        if (!first) place.offset = 0;
        place.segment |= PLACE_LOST;
        error = index_add(ledger, place);
        ledger->lost_count++;
    }
    opening->gap_bytes = 0;
    return error;
}

/* A body's number is its block's height, or that and one where the record's own header is lost. */
static int bodies_gap(void *context, uint32_t segment, const struct segment_gap *gap)
{
    struct opening *opening = context;
    (void)segment;
    for (uint64_t height = gap->number; height + 1 >= gap->number && height > 0; height--)
        (void)ledger_note(opening->ledger, height, TALLY_EDAMAGED);
    opening->report->bodies_lost++;
    return TALLY_OK;
}

static int block_seen(void *context, const struct segment_log_record *record)
{
    struct opening *opening = context;
    if (opening->gap_bytes > 0 && add_lost(opening, record->number) != TALLY_OK) {
        opening->report->damaged_height = opening->ledger->index_count + 1;
        snprintf(opening->report->detail, sizeof opening->report->detail,
            "segment %016x, byte %u: height %llu cannot stand behind what was lost", record->place.segment,
            record->place.offset, (unsigned long long)record->number);
        return TALLY_EDAMAGED;
    }
    uint64_t expected = opening->ledger->index_count + 1;
    if (record->type != LEDGER_RECORD_BLOCK || record->number != expected) {
        opening->report->damaged_height = expected;
        snprintf(opening->report->detail, sizeof opening->report->detail,
            "segment %016x, byte %u: a record of height %llu where %llu belongs", record->place.segment,
            record->place.offset, (unsigned long long)record->number, (unsigned long long)expected);
        return TALLY_EDAMAGED;
    }
    return index_add(opening->ledger, record->place);
}

static int open_log(const struct segment_log_config *config,
    int (*seen)(void *context, const struct segment_log_record *record), struct opening *opening,
    struct segment_log **log)
{
    struct segment_log_report report;
    int error = segment_log_open(config, seen, opening, log, &report);
    opening->report->bytes_cut += report.bytes_cut;
    opening->report->headers_mended += report.headers_mended;
    if (error == TALLY_OK || error == TALLY_ENOTFOUND) return error;
    if (opening->report->damaged_height == 0) opening->report->damaged_height = report.damaged_number;
    if (opening->report->detail[0] == '\0')
        snprintf(opening->report->detail, sizeof opening->report->detail, "%s: %.120s",
            config->kind == SEGMENT_LOG_LEDGER ? "ledger" : "bodies", report.detail);
    return error;
}

/* Blocks that were mended stand elsewhere. */
static int open_mended(struct ledger *ledger)
{
    int error = ledger_mended_open(ledger);
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* The last block that carries its own FC, and how many blocks there are up to it. */
static int find_finalized(
    struct ledger *ledger, struct ledger_report *report, struct ledger_record_prefix *last, size_t *count)
{
    for (*count = ledger->index_count; *count > 0; --*count) {
        int error = ledger_prefix_read(ledger, ledger->index[*count - 1].place, last);
        if (error != TALLY_OK) {
            report->damaged_height = *count;
            return error;
        }
        if (last->has_finalization) return TALLY_OK;
    }
    *last = (struct ledger_record_prefix){.bodies_end = {1, SEGMENT_HEADER_SIZE}};
    return TALLY_OK;
}

/* How many blocks were lost behind the last one nothing tells. */
static int refuse_end(struct opening *opening)
{
    opening->report->damaged_height = opening->ledger->index_count + 1;
    snprintf(opening->report->detail, sizeof opening->report->detail,
        "ledger: segment %016x, byte %u: a record is not what was stored, and none stands behind it",
        opening->gap_place.segment, opening->gap_place.offset);
    return TALLY_EDAMAGED;
}

static int refuse_lost(struct opening *opening)
{
    const struct ledger *ledger = opening->ledger;
    if (ledger->lost_count == 0) return TALLY_OK;
    size_t at = 0;
    while ((ledger->index[at].place.segment & PLACE_LOST) == 0)
        at++;
    struct segment_place place = ledger->index[at].place;
    opening->report->damaged_height = at + 1;
    snprintf(opening->report->detail, sizeof opening->report->detail,
        "ledger: segment %016x, byte %u: a record is not what was stored", place.segment & ~PLACE_LOST,
        place.offset);
    return TALLY_EDAMAGED;
}

/* A block on disk always has its bodies there. */
static int known_bodies(struct ledger *ledger, struct ledger_report *report, struct segment_place *end)
{
    struct ledger_record_prefix last;
    size_t count;
    int error = find_finalized(ledger, report, &last, &count);
    if (error == TALLY_OK) *end = last.bodies_end;
    return error;
}

/* Blocks behind the last one that carries its own FC were not yet acknowledged to anyone: they are fetched
 * again. */
static int cut_to_finalized(
    struct ledger *ledger, struct ledger_report *report, struct ledger_record_prefix *last)
{
    size_t count;
    int error = find_finalized(ledger, report, last, &count);
    if (error != TALLY_OK || count == ledger->index_count) return error;
    struct segment_place place = ledger->index[count].place;
    report->blocks_cut = ledger->index_count - count;
    if (place.segment >= PLACE_LOST) return TALLY_EDAMAGED;
    error = segment_log_cut(ledger->blocks, place);
    if (error == TALLY_OK) ledger->index_count = count;
    return error;
}

/* Both logs are made together, bodies first: only a crash at the very first start leaves one without the
 * other. */
static int open_logs(
    struct ledger *ledger, const char *dir, const struct ledger_options *options, struct opening *opening)
{
    char blocks_dir[DISK_PATH_SIZE_MAX], bodies_dir[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "ledger", blocks_dir);
    if (error == TALLY_OK) error = disk_join(dir, "bodies", bodies_dir);
    if (error == TALLY_OK) error = disk_ensure_dir(ledger->disk, dir, bodies_dir);
    if (error == TALLY_OK) error = disk_ensure_dir(ledger->disk, dir, blocks_dir);
    if (error != TALLY_OK) return error;
    struct segment_log_config blocks = {.disk = ledger->disk,
        .dir = blocks_dir,
        .chain_id = ledger->chain_id,
        .kind = SEGMENT_LOG_LEDGER,
        .segment_size_max = ledger->segment_size_max,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .allocate_step = ALLOCATE_STEP,
        .check = options->verify_all ? CHECK_ALL : CHECK_HEADERS,
        .gap = blocks_gap,
        .mends = options->mend,
        .digests = true};
    struct segment_log_config bodies = blocks;
    bodies.dir = bodies_dir;
    bodies.kind = SEGMENT_LOG_BODIES;
    bodies.digests = false;
    bodies.check = options->verify_all ? CHECK_ALL : CHECK_SIZES;
    bodies.gap = options->mend ? bodies_gap : NULL;
    error = open_log(&blocks, block_seen, opening, &ledger->blocks);
    bool fresh = error == TALLY_ENOTFOUND;
    if (error == TALLY_OK && opening->gap_bytes > 0) error = refuse_end(opening);
    if (error == TALLY_OK) error = open_mended(ledger);
    if (error == TALLY_OK && !options->mend) error = refuse_lost(opening);
    if (error == TALLY_OK && options->mend) error = known_bodies(ledger, opening->report, &bodies.known_end);
    if (error != TALLY_OK && !fresh) return error;
    error = open_log(&bodies, NULL, opening, &ledger->bodies);
    if (fresh && error == TALLY_ENOTFOUND) {
        error = segment_log_create(&bodies, 1, NULL);
        if (error == TALLY_OK) error = open_log(&bodies, NULL, opening, &ledger->bodies);
    }
    if (error == TALLY_OK && fresh) {
        struct segment_place end = segment_log_end(ledger->bodies);
        if (end.segment == 1 && end.offset == SEGMENT_HEADER_SIZE) {
            error = segment_log_create(&blocks, 1, &ledger->chain_id);
            if (error == TALLY_OK) error = open_log(&blocks, block_seen, opening, &ledger->blocks);
        } else {
            error = TALLY_ENOTFOUND;
        }
    }
    if (error == TALLY_OK &&
        (segment_log_first(ledger->blocks) != 1 || segment_log_first(ledger->bodies) != 1))
        error = TALLY_ENOTFOUND;
    if (error != TALLY_ENOTFOUND) return error;
    snprintf(opening->report->detail, sizeof opening->report->detail, "%s: its first segments are gone",
        ledger->blocks == NULL || segment_log_first(ledger->blocks) != 1 ? "ledger" : "bodies");
    return TALLY_EDAMAGED;
}

static int cut_bodies(struct ledger *ledger, struct segment_place end, struct ledger_report *report)
{
    struct segment_place there = segment_log_end(ledger->bodies);
    if (segment_place_before(there, end)) {
        report->damaged_height = ledger->index_count;
        snprintf(report->detail, sizeof report->detail,
            "bodies end at segment %016x, byte %u, before those of the last block", there.segment,
            there.offset);
        return TALLY_EDAMAGED;
    }
    if (!segment_place_before(end, there)) return TALLY_OK;
    report->bytes_cut += there.segment == end.segment ? there.offset - end.offset : there.offset;
    return segment_log_cut(ledger->bodies, end);
}

static int open_head(struct ledger *ledger, struct ledger_report *report)
{
    ledger->head = (struct ledger_head){.hash = ledger->chain_id};
    if (ledger->index_count > 0) {
        struct arena arena;
        struct block block;
        arena_init(&arena, LEDGER_ARENA_SIZE);
        int error = ledger_read(ledger, ledger->index_count, false, &arena, &block);
        if (error == TALLY_OK)
            ledger->head = (struct ledger_head){.height = ledger->index_count,
                .hash = block.hash,
                .header = block.header,
                .has_finalization = block.has_finalization,
                .finalization = block.finalization};
        arena_close(&arena);
        if (error != TALLY_OK) {
            report->damaged_height = ledger->index_count;
            snprintf(report->detail, sizeof report->detail, "the last block does not decode");
            return error;
        }
    }
    ledger->appended_height = ledger->head.height;
    ledger->appended_hash = ledger->head.hash;
    return TALLY_OK;
}

/* A body's number told its block's height, or the one behind: a read knows. */
static void confirm_damaged(struct ledger *ledger)
{
    uint64_t heights[LEDGER_DAMAGED_MAX];
    size_t count = ledger->damaged_count;
    struct arena arena;
    arena_init(&arena, LEDGER_ARENA_SIZE);
    memcpy(heights, ledger->damaged, count * sizeof *heights);
    ledger->damaged_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct block block;
        arena_reset(&arena);
        int error = ledger_read(ledger, heights[i], true, &arena, &block);
        if (error != TALLY_OK) ledger_note(ledger, heights[i], error);
    }
    arena_close(&arena);
}

int ledger_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, struct ledger **ledger, struct ledger_report *report)
{
    static const struct ledger_options defaults = {0};
    *report = (struct ledger_report){0};
    struct ledger *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->disk = disk;
    opened->chain_id = *chain_id;
    ledger_record_form_init(&opened->form, chain_id);
    CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0);
    CHECK(pthread_rwlock_init(&opened->erasing, NULL) == 0);
    if (options == NULL) options = &defaults;
    opened->segment_size_max =
        options->segment_size_max != 0 ? options->segment_size_max : LEDGER_SEGMENT_SIZE;
    struct opening opening = {.ledger = opened, .report = report};
    struct ledger_record_prefix last;
    int error = strlen(dir) < sizeof opened->dir ? TALLY_OK : TALLY_ELIMIT;
    if (error == TALLY_OK) {
        memcpy(opened->dir, dir, strlen(dir) + 1);
        error = open_logs(opened, dir, options, &opening);
    }
    if (error == TALLY_OK) error = cut_to_finalized(opened, report, &last);
    if (error == TALLY_OK) error = cut_bodies(opened, last.bodies_end, report);
    if (error == TALLY_OK) error = open_head(opened, report);
    if (error == TALLY_OK) confirm_damaged(opened);
    report->lost = opened->lost_count;
    if (error != TALLY_OK) {
        ledger_close(opened);
        return error;
    }
    CHECK(opened->head.height == 0 || opened->head.has_finalization);
    *ledger = opened;
    return TALLY_OK;
}

static void staged_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->staged_count; i++)
        buffer_close(&ledger->staged[i].payload);
    ledger->staged_count = ledger->staged_size = 0;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL) return;
    staged_clear(ledger);
    segment_log_close(ledger->blocks);
    segment_log_close(ledger->bodies);
    segment_log_close(ledger->mended);
    pthread_mutex_destroy(&ledger->mutex);
    pthread_rwlock_destroy(&ledger->erasing);
    free(ledger->staged);
    free(ledger->index);
    free(ledger);
}

/* ---- Writing ---- */

static int fail(struct ledger *ledger, int error)
{
    if (error != TALLY_OK) ledger->failed = true;
    return error;
}

/* Writes the bodies of a block in one group; `places` has room for one an event, {0, 0} where there is no
 * body. */
static int bodies_append(struct ledger *ledger, const struct block *block, struct segment_place *places,
    struct ledger_record_prefix *prefix)
{
    uint32_t events = block->header.payload_events, count = 0, index = 0;
    prefix->bodies_begin = prefix->bodies_end = segment_log_end(ledger->bodies);
    struct segment_log_entry *entries = calloc((size_t)events + 1, sizeof *entries);
    struct segment_place *written = calloc((size_t)events + 1, sizeof *written);
    uint8_t(*indexes)[4] = calloc((size_t)events + 1, sizeof *indexes);
    int error = entries == NULL || written == NULL || indexes == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error != TALLY_OK) goto done;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct batch_event *event = &block->batches[b].events[e];
            if (!event->has_body) continue;
            put_u32(indexes[count], index);
            entries[count] = (struct segment_log_entry){.type = LEDGER_RECORD_BODY,
                .number = block->header.height,
                .parts = {span_of(indexes[count], 4), span_of(event->salt, SALT_SIZE), event->body}};
            count++;
        }
    }
    if (count > 0) {
        error = segment_log_append(ledger->bodies, entries, count, &block->header.parent_hash, written);
        if (error != TALLY_OK && error != TALLY_ELIMIT) ledger->failed = true;
        if (error != TALLY_OK) goto done;
        prefix->bodies_begin = written[0];
        prefix->bodies_end = segment_log_end(ledger->bodies);
        for (uint32_t i = 0; i < count; i++)
            places[get_u32(indexes[i])] = written[i];
    }
done:
    free(entries);
    free(written);
    free(indexes);
    return error;
}

static int stage_reserve(struct ledger *ledger)
{
    if (ledger->staged_count < ledger->staged_capacity) return TALLY_OK;
    size_t capacity = ledger->staged_capacity == 0 ? 4 : ledger->staged_capacity * 2;
    struct staged *staged = realloc(ledger->staged, capacity * sizeof *staged);
    if (staged == NULL) return TALLY_ENOMEM;
    ledger->staged = staged;
    ledger->staged_capacity = capacity;
    return TALLY_OK;
}

static bool block_is_consistent(const struct block *block)
{
    uint64_t events = 0;
    if (block->header.payload_events > BLOCK_EVENTS_MAX || block->batch_count > BLOCK_BATCHES_MAX)
        return false;
    for (uint32_t b = 0; b < block->batch_count; b++)
        events += block->batches[b].event_count;
    return events == block->header.payload_events;
}

int ledger_append(struct ledger *ledger, const struct block *block)
{
    if (ledger->failed) return TALLY_EIO;
    if (block->header.height != ledger->appended_height + 1) return TALLY_EINVALID;
    if (!digest_equal(&block->header.parent_hash, &ledger->appended_hash)) return TALLY_EINVALID;
    if (!block_is_consistent(block)) return TALLY_EINVALID;
    int error = TALLY_OK;
    if (ledger->staged_size > STAGED_SIZE_MAX) error = ledger_sync(ledger);
    if (error == TALLY_OK) error = stage_reserve(ledger);
    if (error != TALLY_OK) return error;
    uint32_t events = block->header.payload_events;
    struct segment_place *places = calloc((size_t)events + 1, sizeof *places);
    if (places == NULL) return TALLY_ENOMEM;
    struct staged *staged = &ledger->staged[ledger->staged_count];
    buffer_init(&staged->payload, LEDGER_RECORD_SIZE_MAX);
    struct ledger_record_prefix prefix = {
        .hash = block->hash, .event_count = events, .has_finalization = block->has_finalization};
    error = ledger_record_begin(block, &prefix, &staged->payload);
    if (error == TALLY_OK) error = bodies_append(ledger, block, places, &prefix);
    if (error == TALLY_OK)
        error = ledger_record_finish(&ledger->form, block, &prefix, places, &staged->payload);
    free(places);
    if (error != TALLY_OK) {
        buffer_close(&staged->payload);
        return error;
    }
    staged->parent = block->header.parent_hash;
    staged->head = (struct ledger_head){.height = block->header.height,
        .hash = block->hash,
        .header = block->header,
        .has_finalization = block->has_finalization,
        .finalization = block->finalization};
    ledger->staged_count++;
    ledger->staged_size += staged->payload.size;
    ledger->appended_height = block->header.height;
    ledger->appended_hash = block->hash;
    return TALLY_OK;
}

int ledger_sync(struct ledger *ledger)
{
    if (ledger->failed) return TALLY_EIO;
    if (ledger->staged_count == 0) return TALLY_OK;
    struct segment_place *places = calloc(ledger->staged_count, sizeof *places);
    if (places == NULL) return TALLY_ENOMEM;
    int error = segment_log_sync(ledger->bodies);
    for (size_t i = 0; error == TALLY_OK && i < ledger->staged_count; i++) {
        const struct staged *staged = &ledger->staged[i];
        struct segment_log_entry entry = {.type = LEDGER_RECORD_BLOCK,
            .number = staged->head.height,
            .parts = {buffer_span(&staged->payload)}};
        error = segment_log_append(ledger->blocks, &entry, 1, &staged->parent, &places[i]);
    }
    if (error == TALLY_OK) error = segment_log_sync(ledger->blocks);
    if (error == TALLY_OK) {
        pthread_mutex_lock(&ledger->mutex);
        for (size_t i = 0; error == TALLY_OK && i < ledger->staged_count; i++)
            error = index_add(ledger, places[i]);
        if (error == TALLY_OK) ledger->head = ledger->staged[ledger->staged_count - 1].head;
        pthread_mutex_unlock(&ledger->mutex);
    }
    staged_clear(ledger);
    free(places);
    return fail(ledger, error);
}

/* ---- Reading ---- */

void ledger_head(struct ledger *ledger, struct ledger_head *head)
{
    pthread_mutex_lock(&ledger->mutex);
    *head = ledger->head;
    pthread_mutex_unlock(&ledger->mutex);
}

uint64_t ledger_height(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    uint64_t height = ledger->index_count;
    pthread_mutex_unlock(&ledger->mutex);
    return height;
}

int ledger_note(struct ledger *ledger, uint64_t height, int error)
{
    if (error != TALLY_EDAMAGED) return error;
    pthread_mutex_lock(&ledger->mutex);
    bool known = ledger->damaged_count == LEDGER_DAMAGED_MAX;
    for (size_t i = 0; !known && i < ledger->damaged_count; i++)
        known = ledger->damaged[i] == height;
    if (!known) ledger->damaged[ledger->damaged_count++] = height;
    pthread_mutex_unlock(&ledger->mutex);
    return error;
}

struct segment_log *ledger_log_of(struct ledger *ledger, struct segment_log *log, struct segment_place *place)
{
    if ((place->segment & PLACE_MENDED) == 0) return log;
    place->segment &= ~PLACE_MENDED;
    pthread_mutex_lock(&ledger->mutex);
    struct segment_log *mended = ledger->mended;
    pthread_mutex_unlock(&ledger->mutex);
    return mended != NULL ? mended : log; /* where a place is damaged, neither has its record */
}

int ledger_find(struct ledger *ledger, uint64_t height, struct segment_place *place)
{
    int error = TALLY_ENOTFOUND;
    pthread_mutex_lock(&ledger->mutex);
    if (height >= 1 && height <= ledger->index_count) {
        *place = ledger->index[height - 1].place;
        error = (place->segment & PLACE_LOST) != 0 ? TALLY_EDAMAGED : TALLY_OK;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return error;
}

int ledger_prefix_read(struct ledger *ledger, struct segment_place place, struct ledger_record_prefix *prefix)
{
    uint8_t bytes[LEDGER_RECORD_PREFIX_SIZE];
    if ((place.segment & PLACE_LOST) != 0) return TALLY_EDAMAGED;
    struct segment_log *log = ledger_log_of(ledger, ledger->blocks, &place);
    place.offset += RECORD_HEADER_SIZE;
    int error = segment_log_read_raw(log, place, bytes, sizeof bytes);
    return error == TALLY_OK ? ledger_record_prefix_decode(&ledger->form, bytes, prefix) : error;
}

int ledger_record_read(
    struct ledger *ledger, uint64_t height, struct arena *arena, struct ledger_record *record)
{
    struct segment_place place;
    struct segment_log_record stored;
    int error = ledger_find(ledger, height, &place);
    if (error == TALLY_OK) {
        struct segment_log *log = ledger_log_of(ledger, ledger->blocks, &place);
        error = segment_log_read(log, place, arena, &stored);
    }
    if (error != TALLY_OK) return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
    if (stored.type != LEDGER_RECORD_BLOCK || stored.number != height) return TALLY_EDAMAGED;
    return ledger_record_decode(&ledger->form, stored.payload, record);
}

int ledger_body_read(struct ledger *ledger, struct segment_place place, uint64_t height, uint32_t index,
    struct arena *arena, struct ledger_event *event)
{
    struct segment_log_record stored;
    struct segment_log *log = ledger_log_of(ledger, ledger->bodies, &place);
    pthread_rwlock_rdlock(&ledger->erasing);
    int error = segment_log_read(log, place, arena, &stored);
    pthread_rwlock_unlock(&ledger->erasing);
    if (error == TALLY_OK)
        error = ledger_body_decode(&stored, height, index, &event->has_body, event->salt, &event->body);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

/* The bodies of a block that was mended stand here and there. */
static int bodies_attach_each(
    struct ledger *ledger, const struct ledger_record *record, struct arena *arena, struct block *block)
{
    uint32_t index = 0;
    int error = TALLY_OK;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; error == TALLY_OK && e < block->batches[b].event_count; e++, index++) {
            struct batch_event *to = &block->batches[b].events[e];
            struct ledger_record_event entry;
            struct ledger_event event;
            ledger_record_event_decode(record, index, &entry);
            if (entry.body.segment == 0) continue;
            error = ledger_body_read(ledger, entry.body, block->header.height, index, arena, &event);
            if (error != TALLY_OK) break;
            to->has_body = event.has_body;
            memcpy(to->salt, event.salt, SALT_SIZE);
            to->body = event.body;
        }
    }
    return error;
}

/* Gives the events of a decoded block the bodies that are there. */
static int bodies_attach(
    struct ledger *ledger, const struct ledger_record *record, struct arena *arena, struct block *block)
{
    struct segment_place begin = record->prefix.bodies_begin, end = record->prefix.bodies_end;
    if (begin.segment != end.segment || end.offset < begin.offset) return TALLY_EDAMAGED;
    size_t size = end.offset - begin.offset;
    if (size == 0) return TALLY_OK;
    uint8_t *run = arena_take(arena, size);
    if (run == NULL) return TALLY_ENOMEM;
    pthread_rwlock_rdlock(&ledger->erasing);
    int error = segment_log_read_raw(ledger->bodies, begin, run, size);
    pthread_rwlock_unlock(&ledger->erasing);
    if (error == TALLY_ENOTFOUND) error = TALLY_EDAMAGED;
    uint32_t index = 0;
    for (uint32_t b = 0; error == TALLY_OK && b < block->batch_count; b++) {
        for (uint32_t e = 0; error == TALLY_OK && e < block->batches[b].event_count; e++, index++) {
            struct ledger_record_event entry;
            struct segment_log_record stored;
            ledger_record_event_decode(record, index, &entry);
            if (entry.body.segment == 0) continue;
            if (entry.body.segment != begin.segment || entry.body.offset < begin.offset)
                return TALLY_EDAMAGED;
            if (entry.body.offset >= end.offset) return TALLY_EDAMAGED;
            size_t at = entry.body.offset - begin.offset;
            error = segment_log_parse(ledger->bodies, entry.body, span_of(run + at, size - at), &stored);
            if (error != TALLY_OK) return TALLY_EDAMAGED;
            struct batch_event *event = &block->batches[b].events[e];
            error = ledger_body_decode(
                &stored, block->header.height, index, &event->has_body, event->salt, &event->body);
        }
    }
    return error;
}

static int read_block(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct block *block)
{
    struct ledger_record record;
    struct block read;
    struct segment_place place;
    int error = ledger_find(ledger, height, &place);
    if (error == TALLY_OK) error = ledger_record_read(ledger, height, arena, &record);
    if (error == TALLY_OK) error = block_decode(record.block, &ledger->chain_id, arena, &read);
    if (error == TALLY_ENOTFOUND || error == TALLY_EIO || error == TALLY_ENOMEM) return error;
    if (error != TALLY_OK || read.header.height != height) return TALLY_EDAMAGED;
    if (read.header.payload_events != record.prefix.event_count) return TALLY_EDAMAGED;
    if (!digest_equal(&read.hash, &record.prefix.hash)) return TALLY_EDAMAGED;
    if (with_bodies)
        error = (place.segment & PLACE_MENDED) != 0 ? bodies_attach_each(ledger, &record, arena, &read)
                                                    : bodies_attach(ledger, &record, arena, &read);
    if (error == TALLY_OK) *block = read;
    return error;
}

int ledger_read(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct block *block)
{
    return ledger_note(ledger, height, read_block(ledger, height, with_bodies, arena, block));
}

int ledger_read_encoded(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct buffer *out)
{
    int error;
    if (with_bodies) {
        struct block block;
        error = ledger_read(ledger, height, true, arena, &block);
        if (error == TALLY_OK) block_encode(&block, true, out);
    } else {
        struct ledger_record record;
        error = ledger_note(ledger, height, ledger_record_read(ledger, height, arena, &record));
        if (error == TALLY_OK) buffer_append(out, record.block.data, record.block.size);
    }
    return error == TALLY_OK && out->failed ? TALLY_ELIMIT : error;
}

int ledger_hash(struct ledger *ledger, uint64_t height, struct digest *hash)
{
    struct segment_place place;
    struct ledger_record_prefix prefix;
    if (height == 0) {
        *hash = ledger->chain_id;
        return TALLY_OK;
    }
    int error = ledger_find(ledger, height, &place);
    if (error == TALLY_OK) error = ledger_prefix_read(ledger, place, &prefix);
    if (error == TALLY_OK) *hash = prefix.hash;
    return ledger_note(ledger, height, error);
}

/* One event's directory entry, and its header's bytes in the arena. */
static int event_find(struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena,
    struct ledger_record_event *entry, struct span *header)
{
    struct segment_place place, at;
    struct ledger_record_prefix prefix;
    uint8_t bytes[LEDGER_RECORD_EVENT_SIZE];
    int error = ledger_find(ledger, height, &place);
    if (error == TALLY_OK) error = ledger_prefix_read(ledger, place, &prefix);
    if (error != TALLY_OK) return error;
    struct segment_log *log = ledger_log_of(ledger, ledger->blocks, &place);
    if (index >= prefix.event_count) return TALLY_ENOTFOUND;
    at = place;
    at.offset += RECORD_HEADER_SIZE + LEDGER_RECORD_PREFIX_SIZE + index * LEDGER_RECORD_EVENT_SIZE;
    error = segment_log_read_raw(log, at, bytes, sizeof bytes);
    if (error != TALLY_OK) return error;
    ledger_record_event_parse(bytes, entry);
    if (entry->header_size > EVENT_HEADER_SIZE_MAX || entry->header_offset > LEDGER_RECORD_SIZE_MAX)
        return TALLY_EDAMAGED;
    uint8_t *data = arena_take(arena, entry->header_size);
    if (data == NULL) return TALLY_ENOMEM;
    at = place;
    at.offset += RECORD_HEADER_SIZE + LEDGER_RECORD_PREFIX_SIZE +
                 prefix.event_count * LEDGER_RECORD_EVENT_SIZE + entry->header_offset;
    error = segment_log_read_raw(log, at, data, entry->header_size);
    if (error != TALLY_OK) return error;
    *header = span_of(data, entry->header_size);
    return ledger_record_event_check(&ledger->form, bytes, *header);
}

int ledger_event_read(
    struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena, struct ledger_event *event)
{
    struct ledger_record_event entry;
    struct ledger_event read = {0};
    int error = event_find(ledger, height, index, arena, &entry, &read.header);
    if (error == TALLY_OK && entry.body.segment != 0)
        error = ledger_body_read(ledger, entry.body, height, index, arena, &read);
    if (error == TALLY_OK) *event = read;
    return ledger_note(ledger, height, error);
}

int ledger_body_erase(struct ledger *ledger, uint64_t height, uint32_t index)
{
    if (ledger->failed) return TALLY_EIO;
    struct arena arena;
    struct ledger_record_event entry;
    struct span header;
    arena_init(&arena, 64 * KIB);
    int error = event_find(ledger, height, index, &arena, &entry, &header);
    arena_close(&arena);
    if (error != TALLY_OK || entry.body.segment == 0) return ledger_note(ledger, height, error);
    struct segment_log *log = ledger_log_of(ledger, ledger->bodies, &entry.body);
    pthread_rwlock_wrlock(&ledger->erasing);
    error = segment_log_erase(log, entry.body);
    pthread_rwlock_unlock(&ledger->erasing);
    if (error == TALLY_EIO || error == TALLY_EFULL) ledger->failed = true;
    return error;
}
