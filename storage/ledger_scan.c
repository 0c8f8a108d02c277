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
    if (number <= ledger->index_count || number - ledger->index_count - 1 > room) return TALLY_EDAMAGED;
    int error = TALLY_OK;
    for (bool first = true; error == TALLY_OK && ledger->index_count + 1 < number; first = false) {
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

static int block_seen(void *context, const struct segment_log_record *record)
{
    struct ledger_opening *opening = context;
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
    return ledger_index_add(opening->ledger, record->place);
}

static int open_log(const struct segment_log_config *config,
    int (*seen)(void *context, const struct segment_log_record *record), struct ledger_opening *opening,
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

int ledger_find_finalized(
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
static int refuse_end(struct ledger_opening *opening)
{
    opening->report->damaged_height = opening->ledger->index_count + 1;
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
    int error = ledger_find_finalized(ledger, report, &last, &count);
    if (error == TALLY_OK) *end = last.bodies_end;
    return error;
}

/* Both logs are made together, bodies first: only a crash at the very first start leaves one without the
 * other. */
int ledger_open_logs(struct ledger *ledger, const char *dir, const struct ledger_options *options,
    struct ledger_opening *opening)
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
