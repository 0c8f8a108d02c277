#include "storage/ledger_internal.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Blocks appended and not synced take at most about this much memory; one more syncs them first. */
#define STAGED_SIZE_MAX (16u * MIB)

int ledger_index_add(struct ledger *ledger, struct segment_place place)
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
    ledger_close(ledger->older);
    pthread_mutex_destroy(&ledger->mutex);
    pthread_rwlock_destroy(&ledger->erasing);
    free(ledger->staged);
    free(ledger->index);
    free(ledger);
}

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
            error = ledger_index_add(ledger, places[i]);
        if (error == TALLY_OK) ledger->head = ledger->staged[ledger->staged_count - 1].head;
        pthread_mutex_unlock(&ledger->mutex);
    }
    staged_clear(ledger);
    free(places);
    return fail(ledger, error);
}

int ledger_body_erase(struct ledger *ledger, uint64_t height, uint32_t index)
{
    ledger = ledger_of(ledger, height);
    if (ledger->failed) return TALLY_EIO;
    struct arena arena;
    struct ledger_record_event entry;
    struct span header;
    arena_init(&arena, 64 * KIB);
    int error = ledger_event_find(ledger, height, index, &arena, &entry, &header);
    arena_close(&arena);
    if (error != TALLY_OK || entry.body.segment == 0) return ledger_note(ledger, height, error);
    struct segment_log *log = ledger_log_of(ledger, ledger->bodies, &entry.body);
    pthread_rwlock_wrlock(&ledger->erasing);
    error = segment_log_erase(log, entry.body);
    pthread_rwlock_unlock(&ledger->erasing);
    if (error == TALLY_EIO || error == TALLY_EFULL) ledger->failed = true;
    return error;
}
