#include "storage/ledger_internal.h"

#include <stdio.h>

#define ALLOCATE_STEP (8u * MIB)

_Static_assert(LEDGER_SEGMENT_SIZE <= SEGMENT_SIZE_LIMIT / 2, "a segment's offsets fit");

static int blocks_gap(void *context, uint32_t segment, const struct segment_gap *gap)
{
    struct ledger_opening *opening = context;
    if (opening->gap_bytes == 0) opening->gap_place = (struct segment_place){segment, (uint32_t)gap->start};
    opening->gap_bytes += gap->end - gap->start;
    return TALLY_OK;
}

/* Heights up to the one before `number` are in what was passed over, as far as there is room for them. */
static int add_lost(struct ledger_opening *opening, uint64_t number)
{
    struct ledger *ledger = opening->ledger;
    uint64_t room = opening->gap_bytes / (RECORD_HEADER_SIZE + LEDGER_RECORD_PREFIX_SIZE);
    uint64_t next = ledger_index_next(ledger);
    if (number < next || number - next > room) return TALLY_EDAMAGED;
    int error = TALLY_OK;
    for (bool first = true; error == TALLY_OK && ledger_index_next(ledger) < number; first = false) {
        struct segment_place place = opening->gap_place;
        if (!first) place.offset = 0;
        place.segment |= PLACE_LOST;
        error = ledger_index_add(ledger, place);
        ledger->lost_count++;
    }
    opening->gap_bytes = 0;
    return error;
}

/* A body's number is its block's height, or that and one where the record's own header is lost. */
static int bodies_gap(void *context, uint32_t segment, const struct segment_gap *gap)
{
    struct ledger_opening *opening = context;
    (void)segment;
    for (uint64_t height = gap->number; height + 1 >= gap->number && height > 0; height--)
        (void)ledger_note(opening->ledger, height, TALLY_EDAMAGED);
    opening->report->bodies_lost++;
    return TALLY_OK;
}

/* Where the ledger begins, by the header of its first segment. Where that was lost, and the bodies' too, the
 * ledger is one from the first block on, of which many are lost, and come again. */
static void find_first(struct ledger_opening *opening)
{
    struct ledger *ledger = opening->ledger;
    if (opening->log.first_number < 2) return;
    ledger->first = opening->log.first_number;
    ledger->below = opening->log.first_link;
}

static int block_seen(void *context, const struct segment_log_record *record)
{
    struct ledger_opening *opening = context;
    if (opening->ledger->index_count == 0) find_first(opening);
    if (opening->gap_bytes > 0 && add_lost(opening, record->number) != TALLY_OK) {
        opening->report->damaged_height = ledger_index_next(opening->ledger);
        snprintf(opening->report->detail, sizeof opening->report->detail,
            "segment %016x, byte %u: height %llu cannot stand behind what was lost", record->place.segment,
            record->place.offset, (unsigned long long)record->number);
        return TALLY_EDAMAGED;
    }
    uint64_t expected = ledger_index_next(opening->ledger);
    if (record->type != LEDGER_RECORD_BLOCK || record->number != expected) {
        opening->report->damaged_height = expected;
        snprintf(opening->report->detail, sizeof opening->report->detail,
            "segment %016x, byte %u: a record of height %llu where %llu belongs", record->place.segment,
            record->place.offset, (unsigned long long)record->number, (unsigned long long)expected);
        return TALLY_EDAMAGED;
    }
    return ledger_index_add(opening->ledger, record->place);
}

static int open_log(const struct segment_log_config *config,
    int (*seen)(void *context, const struct segment_log_record *record), struct ledger_opening *opening,
    struct segment_log **log)
{
    const struct segment_log_report *report = &opening->log;
    int error = segment_log_open(config, seen, opening, log, &opening->log);
    opening->report->bytes_cut += report->bytes_cut;
    opening->report->headers_mended += report->headers_mended;
    if (error == TALLY_OK || error == TALLY_ENOTFOUND) return error;
    if (opening->report->damaged_height == 0) opening->report->damaged_height = report->damaged_number;
    if (opening->report->detail[0] == '\0')
        snprintf(opening->report->detail, sizeof opening->report->detail, "%s: %.120s",
            config->kind == SEGMENT_LOG_LEDGER ? "ledger" : "bodies", report->detail);
    return error;
}

/* Blocks that were mended stand elsewhere. */
static int open_mended(struct ledger *ledger)
{
    int error = ledger_mended_open(ledger);
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

int ledger_find_finalized(
    struct ledger *ledger, struct ledger_report *report, struct ledger_record_prefix *last, size_t *count)
{
    for (*count = ledger->index_count; *count > 0; --*count) {
        int error = ledger_prefix_read(ledger, ledger->index[*count - 1].place, last);
        if (error != TALLY_OK) {
            report->damaged_height = ledger->first + *count - 1;
            return error;
        }
        if (last->has_finalization || ledger->is_older) return TALLY_OK;
    }
    *last = (struct ledger_record_prefix){.bodies_end = {1, SEGMENT_HEADER_SIZE}};
    return TALLY_OK;
}

/* How many blocks were lost behind the last one nothing tells. */
static int refuse_end(struct ledger_opening *opening)
{
    opening->report->damaged_height = ledger_index_next(opening->ledger);
    snprintf(opening->report->detail, sizeof opening->report->detail,
        "ledger: segment %016x, byte %u: a record is not what was stored, and none stands behind it",
        opening->gap_place.segment, opening->gap_place.offset);
    return TALLY_EDAMAGED;
}

static int refuse_lost(struct ledger_opening *opening)
{
    const struct ledger *ledger = opening->ledger;
    if (ledger->lost_count == 0) return TALLY_OK;
    size_t at = 0;
    while ((ledger->index[at].place.segment & PLACE_LOST) == 0)
        at++;
    struct segment_place place = ledger->index[at].place;
    opening->report->damaged_height = ledger->first + at;
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
    int error = ledger_find_finalized(ledger, report, &last, &count);
    if (error == TALLY_OK) *end = last.bodies_end;
    return error;
}

/* The configurations of both logs, with the paths they borrow. */
struct logs {
    char blocks_dir[DISK_PATH_SIZE_MAX], bodies_dir[DISK_PATH_SIZE_MAX];
    struct segment_log_config blocks, bodies;
};

static int configure(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, struct logs *logs)
{
    int error = disk_join(dir, "ledger", logs->blocks_dir);
    if (error == TALLY_OK) error = disk_join(dir, "bodies", logs->bodies_dir);
    if (error == TALLY_OK) error = disk_ensure_dir(disk, dir, logs->bodies_dir);
    if (error == TALLY_OK) error = disk_ensure_dir(disk, dir, logs->blocks_dir);
    logs->blocks = (struct segment_log_config){.disk = disk,
        .dir = logs->blocks_dir,
        .chain_id = *chain_id,
        .kind = SEGMENT_LOG_LEDGER,
        .segment_size_max = options->segment_size_max != 0 ? options->segment_size_max : LEDGER_SEGMENT_SIZE,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .allocate_step = ALLOCATE_STEP,
        .check = options->verify_all ? CHECK_ALL : CHECK_HEADERS,
        .gap = blocks_gap,
        .mends = options->mend,
        .digests = true};
    logs->bodies = logs->blocks;
    logs->bodies.dir = logs->bodies_dir;
    logs->bodies.kind = SEGMENT_LOG_BODIES;
    logs->bodies.digests = false;
    logs->bodies.check = options->verify_all ? CHECK_ALL : CHECK_SIZES;
    logs->bodies.gap = options->mend ? bodies_gap : NULL;
    /* Both logs' first headers say alike where the ledger begins: of one that is lost, the other knows. */
    if (error == TALLY_OK && options->mend)
        segment_log_recall(&logs->bodies, &logs->blocks.first_number, &logs->blocks.first_link);
    return error;
}

int ledger_make_logs(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, uint64_t first, const struct digest *parent)
{
    struct logs logs;
    int error = configure(disk, dir, chain_id, options, &logs);
    if (error == TALLY_OK) error = segment_log_create(&logs.bodies, first, parent);
    return error == TALLY_OK ? segment_log_create(&logs.blocks, first, parent) : error;
}

/* The blocks' log, and what its first segment says of where the ledger begins. */
static int open_blocks(
    struct ledger *ledger, const struct segment_log_config *config, struct ledger_opening *opening)
{
    int error = open_log(config, block_seen, opening, &ledger->blocks);
    if (error == TALLY_OK) find_first(opening);
    return error;
}

/* Both logs are made together, bodies first: only a crash at the very first start leaves one without the
 * other. */
int ledger_open_logs(struct ledger *ledger, const char *dir, const struct ledger_options *options,
    struct ledger_opening *opening)
{
    struct logs logs;
    int error = configure(ledger->disk, dir, &ledger->chain_id, options, &logs);
    if (error == TALLY_OK) error = open_blocks(ledger, &logs.blocks, opening);
    bool fresh = error == TALLY_ENOTFOUND;
    if (error == TALLY_OK && opening->gap_bytes > 0) error = refuse_end(opening);
    if (error == TALLY_OK) error = open_mended(ledger);
    if (error == TALLY_OK && !options->mend) error = refuse_lost(opening);
    if (error == TALLY_OK && options->mend)
        error = known_bodies(ledger, opening->report, &logs.bodies.known_end);
    if (error != TALLY_OK && !fresh) return error;
    logs.bodies.first_number = ledger->first;
    logs.bodies.first_link = ledger->below;
    error = open_log(&logs.bodies, NULL, opening, &ledger->bodies);
    if (fresh && error == TALLY_ENOTFOUND) {
        error = segment_log_create(&logs.bodies, 1, NULL);
        if (error == TALLY_OK) error = open_log(&logs.bodies, NULL, opening, &ledger->bodies);
    }
    if (error == TALLY_OK && fresh) {
        struct segment_place end = segment_log_end(ledger->bodies);
        if (end.segment == 1 && end.offset == SEGMENT_HEADER_SIZE) {
            error = segment_log_create(&logs.blocks, 1, &ledger->chain_id);
            if (error == TALLY_OK) error = open_blocks(ledger, &logs.blocks, opening);
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
