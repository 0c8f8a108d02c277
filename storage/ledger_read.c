#include "storage/ledger_internal.h"

void ledger_head(struct ledger *ledger, struct ledger_head *head)
{
    pthread_mutex_lock(&ledger->mutex);
    *head = ledger->head;
    pthread_mutex_unlock(&ledger->mutex);
}

uint64_t ledger_height(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    uint64_t height = ledger_index_next(ledger) - 1;
    pthread_mutex_unlock(&ledger->mutex);
    return height;
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
    int error = height >= 1 && height < ledger->first ? TALLY_EPENDING : TALLY_ENOTFOUND;
    pthread_mutex_lock(&ledger->mutex);
    if (height >= ledger->first && height < ledger_index_next(ledger)) {
        *place = ledger->index[height - ledger->first].place;
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
    if (error == TALLY_ENOTFOUND || error == TALLY_EPENDING) return error;
    if (error == TALLY_EIO || error == TALLY_ENOMEM) return error;
    if (error != TALLY_OK || read.header.height != height) return TALLY_EDAMAGED;
    if (read.header.payload_events != record.prefix.event_count) return TALLY_EDAMAGED;
    if (!digest_equal(&read.hash, &record.prefix.hash)) return TALLY_EDAMAGED;
    if (with_bodies)
        error = (place.segment & PLACE_MENDED) != 0 ? bodies_attach_each(ledger, &record, arena, &read)
                                                    : bodies_attach(ledger, &record, arena, &read);
    if (error == TALLY_OK) *block = read;
    return error;
}

int ledger_read_own(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct block *block)
{
    return ledger_note(ledger, height, read_block(ledger, height, with_bodies, arena, block));
}

int ledger_read(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct block *block)
{
    return ledger_read_own(ledger_of(ledger, height), height, with_bodies, arena, block);
}

int ledger_read_encoded(
    struct ledger *ledger, uint64_t height, bool with_bodies, struct arena *arena, struct buffer *out)
{
    int error;
    ledger = ledger_of(ledger, height);
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
    if (height == ledger->first - 1) {
        *hash = ledger->below;
        return TALLY_OK;
    }
    if (height == 0) {
        *hash = ledger->chain_id;
        return TALLY_OK;
    }
    ledger = ledger_of(ledger, height);
    int error = ledger_find(ledger, height, &place);
    if (error == TALLY_OK) error = ledger_prefix_read(ledger, place, &prefix);
    if (error == TALLY_OK) *hash = prefix.hash;
    return ledger_note(ledger, height, error);
}

int ledger_event_find(struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena,
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

int ledger_header_read(
    struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena, struct span *header)
{
    struct ledger_record_event entry;
    ledger = ledger_of(ledger, height);
    return ledger_note(ledger, height, ledger_event_find(ledger, height, index, arena, &entry, header));
}

int ledger_event_read(
    struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena, struct ledger_event *event)
{
    struct ledger_record_event entry;
    struct ledger_event read = {0};
    ledger = ledger_of(ledger, height);
    int error = ledger_event_find(ledger, height, index, arena, &entry, &read.header);
    if (error == TALLY_OK && entry.body.segment != 0)
        error = ledger_body_read(ledger, entry.body, height, index, arena, &read);
    if (error == TALLY_OK) *event = read;
    return ledger_note(ledger, height, error);
}
