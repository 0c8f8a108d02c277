#include "storage/ledger_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

/* Blocks behind the last one that carries its own FC were not yet acknowledged to anyone: they are fetched
 * again. */
static int cut_to_finalized(
    struct ledger *ledger, struct ledger_report *report, struct ledger_record_prefix *last)
{
    size_t count;
    int error = ledger_find_finalized(ledger, report, last, &count);
    if (error != TALLY_OK || count == ledger->index_count) return error;
    struct segment_place place = ledger->index[count].place;
    report->blocks_cut = ledger->index_count - count;
    if (place.segment >= PLACE_LOST) return TALLY_EDAMAGED;
    error = segment_log_cut(ledger->blocks, place);
    if (error == TALLY_OK) ledger->index_count = count;
    return error;
}

static int cut_bodies(struct ledger *ledger, struct segment_place end, struct ledger_report *report)
{
    struct segment_place there = segment_log_end(ledger->bodies);
    if (segment_place_before(there, end)) {
        report->damaged_height = ledger_index_next(ledger) - 1;
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
        int error = ledger_read_own(ledger, ledger_index_next(ledger) - 1, false, &arena, &block);
        if (error == TALLY_OK)
            ledger->head = (struct ledger_head){.height = block.header.height,
                .hash = block.hash,
                .header = block.header,
                .has_finalization = block.has_finalization,
                .finalization = block.finalization};
        arena_close(&arena);
        if (error != TALLY_OK) {
            report->damaged_height = ledger_index_next(ledger) - 1;
            snprintf(report->detail, sizeof report->detail, "the last block does not decode");
            return error;
        }
    }
    ledger->appended_height = ledger_index_next(ledger) - 1;
    ledger->appended_hash = ledger->index_count > 0 ? ledger->head.hash : ledger->below;
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
        int error = ledger_read_own(ledger, heights[i], true, &arena, &block);
        if (error != TALLY_OK) ledger_note(ledger, heights[i], error);
    }
    arena_close(&arena);
}

int ledger_open_one(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, bool is_older, struct ledger **ledger, struct ledger_report *report)
{
    *report = (struct ledger_report){0};
    struct ledger *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->disk = disk;
    opened->chain_id = opened->below = *chain_id;
    opened->first = 1;
    opened->is_older = is_older;
    ledger_record_form_init(&opened->form, chain_id);
    CHECK(pthread_mutex_init(&opened->mutex, NULL) == 0);
    CHECK(pthread_rwlock_init(&opened->erasing, NULL) == 0);
    opened->segment_size_max =
        options->segment_size_max != 0 ? options->segment_size_max : LEDGER_SEGMENT_SIZE;
    struct ledger_opening opening = {.ledger = opened, .report = report};
    struct ledger_record_prefix last;
    int error = strlen(dir) < sizeof opened->dir ? TALLY_OK : TALLY_ELIMIT;
    if (error == TALLY_OK) {
        memcpy(opened->dir, dir, strlen(dir) + 1);
        error = ledger_open_logs(opened, dir, options, &opening);
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
    CHECK(opened->head.height == 0 || opened->head.has_finalization || is_older);
    *ledger = opened;
    return TALLY_OK;
}

/* Of a ledger that began later, nothing is left: with no block of its own, only where it was to begin. An
 * empty one in its place may begin anywhere. */
static int begin_anew(const struct disk *disk, const char *dir)
{
    static const char *const names[][2] = {
        {"ledger", "ledger/0000000000000001"}, {"bodies", "bodies/0000000000000001"}};
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < 2; i++) {
        char folder[DISK_PATH_SIZE_MAX], path[DISK_PATH_SIZE_MAX];
        error = disk_join(dir, names[i][0], folder);
        if (error == TALLY_OK) error = disk_join(dir, names[i][1], path);
        if (error == TALLY_OK) error = disk->remove(disk->context, path);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, folder);
    }
    return error;
}

int ledger_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, struct ledger **ledger, struct ledger_report *report)
{
    static const struct ledger_options defaults = {0};
    struct ledger *opened;
    if (options == NULL) options = &defaults;
    int error = ledger_open_one(disk, dir, chain_id, options, false, &opened, report);
    if (error != TALLY_OK) return error;
    if (options->mend && opened->first > 1 && opened->head.height == 0) {
        struct ledger_report anew;
        ledger_close(opened);
        report->lost = 1;
        error = begin_anew(disk, dir);
        if (error == TALLY_OK) error = ledger_open_one(disk, dir, chain_id, options, false, &opened, &anew);
        if (error != TALLY_OK) return error;
    }
    if (opened->first > 1) error = ledger_older_open(opened, options, report);
    if (error == TALLY_OK)
        *ledger = opened;
    else
        ledger_close(opened);
    return error;
}
