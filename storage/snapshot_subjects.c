/* The subjects of a snapshot: their files from the state, their events from the blocks since the snapshot
 * that the state came with, and before that from what it came with. All three are read in the order of
 * positions. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/snapshot_merge.h"
#include "storage/snapshot_write_internal.h"

#define BLOCK_ARENA_SIZE (64u * MIB)
#define RESULTS_MAX (BLOCK_EVENTS_MAX + GOVERNANCE_BLOCK_MAX)

/* ---- Events, from the ledger and the results ---- */

struct block_results {
    struct state_result_record *records; /* with room for RESULTS_MAX */
    uint32_t count;
    int error;
};

static int results_take(struct block_results *results, struct span key, struct span value)
{
    struct reader reader;
    int error = TALLY_OK;
    reader_init(&reader, value);
    (void)reader_u64(&reader);
    if (key.size != 13 || get_u32(key.data + 9) != results->count / STATE_RESULTS_CHUNK)
        return TALLY_EDAMAGED;
    while (error == TALLY_OK && reader.left > 0) {
        if (results->count == RESULTS_MAX) return TALLY_EDAMAGED;
        error = state_result_decode(&reader, &results->records[results->count++]);
    }
    return error;
}

static bool results_seen(void *context, struct span key, struct span value)
{
    struct block_results *results = context;
    results->error = results_take(results, key, value);
    return results->error == TALLY_OK;
}

static int results_read(struct snapshot_maker *maker, uint64_t height, struct block_results *results)
{
    struct state_key prefix = state_key_of_height('R', height);
    results->count = 0;
    results->error = TALLY_OK;
    int error = store_view_scan(
        maker->source->view, state_key_span(&prefix), state_key_span(&prefix), results_seen, results);
    return error == TALLY_OK ? results->error : error;
}

static int event_spill(struct snapshot_maker *maker, struct snapshot_spill *spill, const struct block *block,
    const struct batch_event *event, uint32_t index, const struct state_result_record *record)
{
    if (!digest_equal(&event->id, &record->result.event_id)) return TALLY_EDAMAGED;
    if (record->link == LINK_NONE) return TALLY_OK;
    struct spilled_event spilled = {
        .position = subject_position(&maker->source->config.chain_id, &event->fields.subject_id),
        .id = event->id,
        .height = block->header.height,
        .time_ms = block->header.time_ms,
        .index = index,
        .result = record->result.result.code,
        .facts = event_facts_of(&event->fields)};
    if (event->fields.has_account) {
        spilled.member_id = event->fields.member_id;
        memcpy(spilled.ref, event->fields.account_ref, ACCOUNT_REF_SIZE);
    }
    return snapshot_spill_add(spill, &spilled);
}

static int block_spill(struct snapshot_maker *maker, struct snapshot_spill *spill, const struct block *block,
    struct block_results *results)
{
    uint32_t index = 0;
    int error = results_read(maker, block->header.height, results);
    if (error == TALLY_OK && results->count != block_result_count(block)) error = TALLY_EDAMAGED;
    for (uint32_t b = 0; error == TALLY_OK && b < block->batch_count; b++)
        for (uint32_t e = 0; error == TALLY_OK && e < block->batches[b].event_count; e++, index++)
            error = event_spill(
                maker, spill, block, &block->batches[b].events[e], index, &results->records[index]);
    return error;
}

static int blocks_spill(struct snapshot_maker *maker, struct snapshot_spill *spill)
{
    const struct snapshot_writing *writing = maker->writing;
    struct block_results results = {.records = calloc(RESULTS_MAX, sizeof *results.records)};
    struct arena arena;
    if (results.records == NULL) return TALLY_ENOMEM;
    arena_init(&arena, BLOCK_ARENA_SIZE);
    int error = TALLY_OK;
    for (uint64_t height = maker->source->base_height + 1;
         error == TALLY_OK && height <= maker->source->meta.height; height++) {
        struct block block;
        arena_reset(&arena);
        error = ledger_read(writing->ledger, height, false, &arena, &block);
        if (error == TALLY_OK) error = block_spill(maker, spill, &block, &results);
        if (error == TALLY_OK && !writing->go_on(writing->context)) error = TALLY_ECLOSED;
    }
    arena_close(&arena);
    free(results.records);
    return error;
}

/* ---- Making parts ---- */

struct subjects_making {
    struct snapshot_maker *maker;
    struct store_records subjects; /* by position, over all parts */
    struct snapshot_merge events;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint32_t chain_count;
    struct item_chain items;
    struct snapshot_seam *seam; /* behind the events of a long subject so far */
    struct buffer run;          /* its part that is being made */
    uint32_t runs_before;       /* parts of earlier subjects' events */
};

static int event_next(
    struct subjects_making *making, const struct digest *position, struct snapshot_event *event)
{
    int error = snapshot_merge_next(&making->events, position, making->chains, making->chain_count, event);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error; /* fewer than it says */
}

static int events_put(
    struct subjects_making *making, const struct state_subject *subject, const struct digest *position)
{
    int error = TALLY_OK;
    for (uint64_t i = 0; error == TALLY_OK && i < subject->leaf.count; i++) {
        struct snapshot_event event;
        error = event_next(making, position, &event);
        if (error == TALLY_OK) snapshot_event_encode(&event, &making->maker->part);
    }
    return error;
}

/* The next run of a long subject, the oldest first; their numbers count from the newest. */
static int run_make(struct subjects_making *making, const struct state_subject *subject,
    const struct digest *position, uint32_t number)
{
    const struct snapshot_head *head = making->maker->head;
    uint32_t runs = snapshot_runs(head, subject->leaf.count), index = making->runs_before + runs - 1 - number;
    int error = TALLY_OK;
    buffer_clear(&making->run);
    snapshot_prefix_encode(making->maker->source->meta.height, SNAPSHOT_EVENTS, index, &making->run);
    snapshot_seam_encode(making->seam, &making->run);
    for (uint64_t i = making->seam->count;
         error == TALLY_OK && i < subject->leaf.count && i < (uint64_t)(number + 1) * snapshot_run(head);
         i++) {
        struct snapshot_event event;
        error = event_next(making, position, &event);
        if (error != TALLY_OK) break;
        if (!snapshot_seam_step(making->seam, &event)) return TALLY_EDAMAGED;
        snapshot_event_encode(&event, &making->run);
    }
    return error == TALLY_OK ? snapshot_save(making->maker, SNAPSHOT_EVENTS, index, &making->run) : error;
}

/* What the runs make is what the subject's leaf says. */
static bool runs_meet(const struct subjects_making *making, const struct subject_leaf *leaf)
{
    const struct snapshot_seam *seam = making->seam;
    for (uint32_t i = 0; i < making->chain_count; i++)
        if (seam->accounts[i].next_seq != making->chains[i].next_seq ||
            !digest_equal(&seam->accounts[i].ids, &making->chains[i].ids))
            return false;
    return item_chains_equal(&seam->items, &making->items) && digest_equal(&seam->acc, &leaf->acc) &&
           seam->last_height == leaf->last_height;
}

static int runs_make(
    struct subjects_making *making, const struct state_subject *subject, const struct digest *position)
{
    const struct snapshot_maker *maker = making->maker;
    uint32_t runs = snapshot_runs(maker->head, subject->leaf.count);
    int error = TALLY_OK;
    buffer_u64(&making->maker->part, subject->leaf.last_height);
    buffer_append(&making->maker->part, subject->leaf.acc.bytes, DIGEST_SIZE);
    snapshot_seam_start(making->seam, &maker->source->config.chain_id, &subject->subject_id, making->chains,
        making->chain_count);
    for (uint32_t number = 0; error == TALLY_OK && number < runs; number++)
        error = run_make(making, subject, position, number);
    making->runs_before += runs;
    return error == TALLY_OK && !runs_meet(making, &subject->leaf) ? TALLY_EDAMAGED : error;
}

static int subject_make(struct subjects_making *making, const struct digest *position, struct span value)
{
    struct buffer *part = &making->maker->part;
    struct state_subject subject;
    int error = state_subject_decode(value, &subject);
    if (error != TALLY_OK) return error;
    if (subject.leaf.count > UINT32_MAX) return TALLY_ELIMIT;
    error = making->maker->source->config.accounts(
        subject.bytes, making->chains, &making->chain_count, &making->items);
    if (error != TALLY_OK) return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
    buffer_append(part, subject.subject_id.bytes, DIGEST_SIZE);
    buffer_u32(part, (uint32_t)subject.bytes.size);
    buffer_append(part, subject.bytes.data, subject.bytes.size);
    buffer_u32(part, (uint32_t)subject.leaf.count);
    bool is_long = subject.leaf.count > snapshot_run(making->maker->head);
    return is_long ? runs_make(making, &subject, position) : events_put(making, &subject, position);
}

/* The subjects of the part's range. */
static int part_fill(struct subjects_making *making, const struct snapshot_range *range)
{
    struct store_record record;
    int error = TALLY_OK;
    while (error == TALLY_OK) {
        struct digest position;
        error = store_records_peek(&making->subjects, &record);
        if (error != TALLY_OK) break;
        if (record.key.size != 1 + DIGEST_SIZE) return TALLY_EDAMAGED;
        memcpy(position.bytes, record.key.data + 1, DIGEST_SIZE);
        if (!snapshot_range_holds(&range->first, range->depth, &position)) return TALLY_OK;
        error = subject_make(making, &position, record.value);
        store_records_next(&making->subjects);
    }
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

static int part_make(struct subjects_making *making, uint32_t index)
{
    struct snapshot_maker *maker = making->maker;
    struct snapshot_range *range = &maker->head->ranges.items[index];
    snapshot_part_begin(maker, SNAPSHOT_SUBJECTS, index);
    int error = part_fill(making, range);
    if (error == TALLY_OK && maker->part.failed) error = TALLY_ELIMIT;
    if (error == TALLY_OK)
        error = snapshot_subjects_root(maker->head, index, buffer_span(&maker->part), &range->subtree);
    return error == TALLY_OK ? snapshot_part_end(maker, SNAPSHOT_SUBJECTS, index) : error;
}

static int parts_make(struct snapshot_maker *maker, struct snapshot_spill *spill)
{
    struct subjects_making *making = calloc(1, sizeof *making);
    if (making == NULL) return TALLY_ENOMEM;
    making->maker = maker;
    store_records_init(&making->subjects, maker->source->view, 'S');
    snapshot_merge_init(&making->events, maker->source->view, spill);
    buffer_init(&making->run, SNAPSHOT_PART_SIZE_MAX);
    making->seam = snapshot_seam_make(ACCOUNTS_PER_SUBJECT_MAX);
    int error = making->seam == NULL ? TALLY_ENOMEM : TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < maker->head->ranges.count; i++)
        error = part_make(making, i);
    if (error == TALLY_OK) error = snapshot_merge_end(&making->events);
    store_records_close(&making->subjects);
    snapshot_merge_close(&making->events);
    buffer_close(&making->run);
    free(making->seam);
    free(making);
    return error;
}

int snapshot_subjects_make(struct snapshot_maker *maker)
{
    char folder[DISK_PATH_SIZE_MAX], path[DISK_PATH_SIZE_MAX], name[SNAPSHOT_NAME_SIZE];
    struct snapshot_spill *spill;
    /* With the name of a snapshot's file, so that it goes with the rest of an unfinished one. */
    snapshot_file_name(maker->source->meta.height, 0, 0, name);
    memcpy(strrchr(name, '-'), "-work", sizeof "-work");
    int error = disk_join(maker->writing->dir, "snapshots", folder);
    if (error == TALLY_OK) error = disk_join(folder, name, path);
    if (error == TALLY_OK) error = snapshot_spill_open(maker->writing->disk, path, &spill);
    if (error != TALLY_OK) return error;
    error = snapshot_subjects_cut(maker);
    if (error == TALLY_OK) error = blocks_spill(maker, spill);
    if (error == TALLY_OK) error = snapshot_spill_sort(spill);
    if (error == TALLY_OK) error = parts_make(maker, spill);
    snapshot_spill_close(spill);
    return error;
}
