#include "storage/ledger_record.h"

#include "proto/base/check.h"
#include "storage/crc32c.h"

void ledger_record_form_init(struct ledger_record_form *form, const struct digest *chain_id)
{
    form->seed = crc32c(0, chain_id->bytes, DIGEST_SIZE);
}

static void put_place(uint8_t *to, struct segment_place place)
{
    put_u32(to, place.segment);
    put_u32(to + 4, place.offset);
}

static struct segment_place get_place(const uint8_t *from)
{
    return (struct segment_place){get_u32(from), get_u32(from + 4)};
}

static void prefix_encode(const struct ledger_record_form *form, const struct ledger_record_prefix *prefix,
    uint8_t bytes[LEDGER_RECORD_PREFIX_SIZE])
{
    memcpy(bytes, prefix->hash.bytes, DIGEST_SIZE);
    put_u32(bytes + 32, prefix->event_count);
    put_u32(bytes + 36, prefix->block_size);
    put_place(bytes + 40, prefix->bodies_begin);
    put_place(bytes + 48, prefix->bodies_end);
    put_u32(bytes + 56, prefix->has_finalization ? 1 : 0);
    put_u32(bytes + 60, crc32c(form->seed, bytes, 60));
}

int ledger_record_prefix_decode(const struct ledger_record_form *form,
    const uint8_t bytes[LEDGER_RECORD_PREFIX_SIZE], struct ledger_record_prefix *prefix)
{
    if (crc32c(form->seed, bytes, 60) != get_u32(bytes + 60) || get_u32(bytes + 56) > 1)
        return TALLY_EDAMAGED;
    struct ledger_record_prefix read = {.event_count = get_u32(bytes + 32),
        .block_size = get_u32(bytes + 36),
        .bodies_begin = get_place(bytes + 40),
        .bodies_end = get_place(bytes + 48),
        .has_finalization = get_u32(bytes + 56) == 1};
    if (read.event_count > BLOCK_EVENTS_MAX || read.block_size > LEDGER_RECORD_SIZE_MAX)
        return TALLY_EDAMAGED;
    memcpy(read.hash.bytes, bytes, DIGEST_SIZE);
    *prefix = read;
    return TALLY_OK;
}

static size_t directory_size(uint32_t event_count)
{
    return (size_t)event_count * LEDGER_RECORD_EVENT_SIZE;
}

int ledger_record_begin(const struct block *block, struct ledger_record_prefix *prefix, struct buffer *out)
{
    CHECK(prefix->event_count <= BLOCK_EVENTS_MAX && out->size == 0);
    size_t start = LEDGER_RECORD_PREFIX_SIZE + directory_size(prefix->event_count);
    uint8_t *bytes = buffer_reserve(out, start);
    if (bytes == NULL) return TALLY_ELIMIT;
    memset(bytes, 0, start);
    block_encode(block, false, out);
    if (out->failed) return TALLY_ELIMIT;
    prefix->block_size = (uint32_t)(out->size - start);
    return TALLY_OK;
}

static uint32_t entry_crc(const struct ledger_record_form *form, const uint8_t *entry, struct span header)
{
    return crc32c(crc32c(form->seed, entry, 20), header.data, header.size);
}

/* The first place of `header` from `at` on, which is a few bytes away: a general search would spend its time
 * on preparing itself. */
static const uint8_t *find_behind(const uint8_t *at, const uint8_t *end, struct span header)
{
    for (; (size_t)(end - at) >= header.size; at++)
        if (memcmp(at, header.data, header.size) == 0) return at;
    return NULL;
}

int ledger_record_finish(const struct ledger_record_form *form, const struct block *block,
    const struct ledger_record_prefix *prefix, const struct segment_place *places, struct buffer *out)
{
    uint8_t *entry = out->data + LEDGER_RECORD_PREFIX_SIZE;
    const uint8_t *encoded = entry + directory_size(prefix->event_count), *end = out->data + out->size;
    CHECK((size_t)(end - encoded) == prefix->block_size);
    /* Headers stand verbatim and in order in the encoding, so each is found just behind the one before. */
    const uint8_t *at = encoded;
    uint32_t index = 0;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count;
             e++, index++, entry += LEDGER_RECORD_EVENT_SIZE) {
            const struct batch_event *event = &block->batches[b].events[e];
            CHECK(index < prefix->event_count);
            const uint8_t *found = find_behind(at, end, event->header);
            if (found == NULL || event->header.size > EVENT_HEADER_SIZE_MAX) return TALLY_EINVALID;
            put_u32(entry, (uint32_t)(found - encoded));
            put_u16(entry + 4, (uint16_t)event->header.size);
            put_u16(entry + 6, 0);
            put_u32(entry + 8, event->has_body ? (uint32_t)event->body.size : 0);
            put_place(entry + 12, places[index]);
            put_u32(entry + 20, entry_crc(form, entry, event->header));
            at = found + event->header.size;
        }
    }
    CHECK(index == prefix->event_count);
    prefix_encode(form, prefix, out->data);
    return TALLY_OK;
}

int ledger_record_decode(
    const struct ledger_record_form *form, struct span payload, struct ledger_record *record)
{
    struct ledger_record read;
    if (payload.size < LEDGER_RECORD_PREFIX_SIZE) return TALLY_EDAMAGED;
    int error = ledger_record_prefix_decode(form, payload.data, &read.prefix);
    if (error != TALLY_OK) return error;
    size_t start = LEDGER_RECORD_PREFIX_SIZE + directory_size(read.prefix.event_count);
    if (payload.size < start || payload.size - start != read.prefix.block_size) return TALLY_EDAMAGED;
    read.directory = payload.data + LEDGER_RECORD_PREFIX_SIZE;
    read.block = span_of(payload.data + start, read.prefix.block_size);
    *record = read;
    return TALLY_OK;
}

void ledger_record_event_parse(
    const uint8_t bytes[LEDGER_RECORD_EVENT_SIZE], struct ledger_record_event *event)
{
    event->header_offset = get_u32(bytes);
    event->header_size = get_u16(bytes + 4);
    event->body_size = get_u32(bytes + 8);
    event->body = get_place(bytes + 12);
}

void ledger_record_event_decode(
    const struct ledger_record *record, uint32_t index, struct ledger_record_event *event)
{
    CHECK(index < record->prefix.event_count);
    ledger_record_event_parse(record->directory + directory_size(index), event);
}

int ledger_record_event_check(
    const struct ledger_record_form *form, const uint8_t bytes[LEDGER_RECORD_EVENT_SIZE], struct span header)
{
    if (get_u16(bytes + 6) != 0) return TALLY_EDAMAGED;
    return entry_crc(form, bytes, header) == get_u32(bytes + 20) ? TALLY_OK : TALLY_EDAMAGED;
}

int ledger_body_decode(const struct segment_log_record *record, uint64_t height, uint32_t index,
    bool *has_body, uint8_t salt[SALT_SIZE], struct span *body)
{
    if (record->number != height) return TALLY_EDAMAGED;
    if (record->type == RECORD_TYPE_ERASED) {
        *has_body = false;
        memset(salt, 0, SALT_SIZE);
        *body = span_of(NULL, 0);
        return TALLY_OK;
    }
    struct reader reader;
    uint8_t read_salt[SALT_SIZE];
    reader_init(&reader, record->payload);
    uint32_t read_index = reader_u32(&reader);
    reader_copy(&reader, read_salt, SALT_SIZE);
    if (reader.failed || record->type != LEDGER_RECORD_BODY || read_index != index) return TALLY_EDAMAGED;
    *has_body = true;
    memcpy(salt, read_salt, SALT_SIZE);
    *body = span_of(reader.at, reader.left);
    return TALLY_OK;
}
