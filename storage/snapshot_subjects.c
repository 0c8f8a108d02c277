/* The subjects' parts of a snapshot: their files from the state, their events from the blocks since the
 * snapshot that the state came with, and before that from what it came with. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/snapshot_write_internal.h"

#define BLOCK_ARENA_SIZE (64u * MIB)
#define PART_ARENA_SIZE (256u * MIB)
#define ACCOUNT_SIZE (4u + ACCOUNT_REF_SIZE)

/* ---- Events, from the ledger and the results ---- */

struct block_results {
    struct state_result_record *records; /* with room for BLOCK_EVENTS_MAX */
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
        if (results->count == BLOCK_EVENTS_MAX) return TALLY_EDAMAGED;
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
        .member_id = event->fields.member_id,
        .result = record->result.result.code};
    memcpy(spilled.ref, event->fields.account_ref, ACCOUNT_REF_SIZE);
    return snapshot_spill_add(spill, &spilled);
}

static int block_spill(struct snapshot_maker *maker, struct snapshot_spill *spill, const struct block *block,
    struct block_results *results)
{
    uint32_t index = 0;
    int error = results_read(maker, block->header.height, results);
    if (error == TALLY_OK && results->count != block->header.payload_events) error = TALLY_EDAMAGED;
    for (uint32_t b = 0; error == TALLY_OK && b < block->batch_count; b++)
        for (uint32_t e = 0; error == TALLY_OK && e < block->batches[b].event_count; e++, index++)
            error = event_spill(
                maker, spill, block, &block->batches[b].events[e], index, &results->records[index]);
    return error;
}

static int blocks_spill(struct snapshot_maker *maker, struct snapshot_spill *spill)
{
    const struct snapshot_writing *writing = maker->writing;
    struct block_results results = {.records = calloc(BLOCK_EVENTS_MAX, sizeof *results.records)};
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

/* ---- Records of a part's subjects ---- */

struct stored {
    struct digest position;
    struct span value; /* in the arena */
    struct stored *next;
};

struct gathering {
    uint32_t depth, prefix;
    struct arena *arena;
    struct stored *first, **last;
    int error;
};

static uint32_t bits_of(const uint8_t *position, uint32_t depth)
{
    return depth == 0 ? 0 : get_u32(position) >> (32 - depth);
}

static bool stored_seen(void *context, struct span key, struct span value)
{
    struct gathering *gathering = context;
    if (key.size != 1 + DIGEST_SIZE) {
        gathering->error = TALLY_EDAMAGED;
        return false;
    }
    if (bits_of(key.data + 1, gathering->depth) != gathering->prefix) return false;
    struct stored *stored = arena_take(gathering->arena, sizeof *stored);
    uint8_t *copy = arena_take(gathering->arena, value.size);
    if (stored == NULL || copy == NULL) {
        gathering->error = TALLY_ENOMEM;
        return false;
    }
    memcpy(stored->position.bytes, key.data + 1, DIGEST_SIZE);
    if (value.size > 0) memcpy(copy, value.data, value.size);
    stored->value = span_of(copy, value.size);
    stored->next = NULL;
    *gathering->last = stored;
    gathering->last = &stored->next;
    return true;
}

/* The records of a kind whose positions begin with the part's bits, in order. */
static int gather(
    struct snapshot_maker *maker, char kind, uint32_t index, struct arena *arena, struct stored **first)
{
    uint32_t depth = maker->head->depth;
    struct digest start = {{0}};
    if (depth > 0) put_u32(start.bytes, index << (32 - depth));
    struct gathering gathering = {.depth = depth, .prefix = index, .arena = arena, .last = &gathering.first};
    struct state_key prefix = state_key_alone(kind), from = state_key_of_position(kind, &start);
    int error = store_view_scan(
        maker->source->view, state_key_span(&prefix), state_key_span(&from), stored_seen, &gathering);
    if (error == TALLY_OK) error = gathering.error;
    *first = gathering.first;
    return error;
}

/* ---- One subject ---- */

struct subject_making {
    struct snapshot_maker *maker;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint32_t chain_count;
    uint64_t event_count;
};

static int account_number(const struct subject_making *making, uint32_t member_id, const uint8_t *ref)
{
    for (uint32_t i = 0; i < making->chain_count; i++)
        if (making->chains[i].member_id == member_id &&
            memcmp(making->chains[i].ref, ref, ACCOUNT_REF_SIZE) == 0)
            return (int)i;
    return -1;
}

static int event_add(
    struct subject_making *making, struct snapshot_event *event, uint32_t member_id, const uint8_t *ref)
{
    int number = account_number(making, member_id, ref);
    if (number < 0) return TALLY_EDAMAGED;
    event->account = (uint32_t)number;
    snapshot_event_encode(event, &making->maker->part);
    making->event_count++;
    return TALLY_OK;
}

/* The events that the state came with, whose accounts are counted in a list of their own. */
static int base_add(struct subject_making *making, struct span value)
{
    struct reader reader;
    int error = TALLY_OK;
    reader_init(&reader, value);
    uint32_t count = reader_u16(&reader);
    struct span accounts = reader_span(&reader, (size_t)count * ACCOUNT_SIZE);
    while (error == TALLY_OK && reader.left > 0) {
        struct snapshot_event event;
        snapshot_event_read(&reader, &event);
        if (reader.failed || event.account >= count) return TALLY_EDAMAGED;
        const uint8_t *account = accounts.data + event.account * ACCOUNT_SIZE;
        error = event_add(making, &event, get_u32(account), account + 4);
    }
    return reader.failed ? TALLY_EDAMAGED : error;
}

static int spilled_add(struct subject_making *making, const struct spilled_event *spilled)
{
    struct snapshot_event event = {.height = spilled->height,
        .time_ms = spilled->time_ms,
        .result = (uint16_t)spilled->result,
        .id = spilled->id};
    return event_add(making, &event, spilled->member_id, spilled->ref);
}

/* *base and *spilled move past what is the subject's. */
static int subject_make(struct subject_making *making, const struct stored *stored, struct stored **base,
    const struct spilled_event **spilled, size_t *spilled_count)
{
    struct buffer *part = &making->maker->part;
    struct state_subject subject;
    int error = state_subject_decode(stored->value, &subject);
    if (error != TALLY_OK) return error;
    if (subject.leaf.count > UINT32_MAX) return TALLY_ELIMIT;
    error = making->maker->source->config.accounts(subject.bytes, making->chains, &making->chain_count);
    if (error != TALLY_OK) return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
    making->event_count = 0;
    buffer_append(part, subject.subject_id.bytes, DIGEST_SIZE);
    buffer_u32(part, (uint32_t)subject.bytes.size);
    buffer_append(part, subject.bytes.data, subject.bytes.size);
    buffer_u32(part, (uint32_t)subject.leaf.count);
    if (*base != NULL && digest_equal(&(*base)->position, &stored->position)) {
        error = base_add(making, (*base)->value);
        *base = (*base)->next;
    }
    while (
        error == TALLY_OK && *spilled_count > 0 && digest_equal(&(*spilled)->position, &stored->position)) {
        error = spilled_add(making, (*spilled)++);
        (*spilled_count)--;
    }
    return error == TALLY_OK && making->event_count != subject.leaf.count ? TALLY_EDAMAGED : error;
}

/* ---- One part ---- */

static int part_fill(
    struct subject_making *making, uint32_t index, struct snapshot_spill *spill, struct arena *arena)
{
    struct snapshot_maker *maker = making->maker;
    const struct spilled_event *spilled;
    size_t spilled_count;
    struct stored *subjects, *base = NULL;
    int error = gather(maker, 'S', index, arena, &subjects);
    if (error == TALLY_OK && maker->source->base_height > 0) error = gather(maker, 'H', index, arena, &base);
    if (error == TALLY_OK) error = snapshot_spill_read(spill, index, &spilled, &spilled_count);
    for (; error == TALLY_OK && subjects != NULL; subjects = subjects->next)
        error = subject_make(making, subjects, &base, &spilled, &spilled_count);
    /* Nothing is of a subject that the state does not have. */
    return error == TALLY_OK && (base != NULL || spilled_count > 0) ? TALLY_EDAMAGED : error;
}

static int part_make(
    struct subject_making *making, uint32_t index, struct snapshot_spill *spill, struct arena *arena)
{
    struct snapshot_maker *maker = making->maker;
    arena_reset(arena);
    snapshot_part_begin(maker, SNAPSHOT_SUBJECTS, index);
    int error = part_fill(making, index, spill, arena);
    if (error == TALLY_OK && maker->part.failed) error = TALLY_ELIMIT;
    if (error == TALLY_OK)
        error = snapshot_subjects_root(
            maker->head, index, buffer_span(&maker->part), &maker->head->subtrees[index]);
    return error == TALLY_OK ? snapshot_part_end(maker, SNAPSHOT_SUBJECTS, index) : error;
}

static int parts_make(struct snapshot_maker *maker, struct snapshot_spill *spill)
{
    struct arena arena;
    struct subject_making *making = calloc(1, sizeof *making);
    if (making == NULL) return TALLY_ENOMEM;
    making->maker = maker;
    arena_init(&arena, PART_ARENA_SIZE);
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < 1u << maker->head->depth; i++)
        error = part_make(making, i, spill, &arena);
    arena_close(&arena);
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
    if (error == TALLY_OK)
        error = snapshot_spill_open(maker->writing->disk, path, maker->head->depth, &spill);
    if (error != TALLY_OK) return error;
    error = blocks_spill(maker, spill);
    if (error == TALLY_OK) error = parts_make(maker, spill);
    snapshot_spill_close(spill);
    return error;
}
