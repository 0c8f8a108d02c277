#include "tools/import_batch.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* What an event adds to a batch beside its header and body: salt, tags and sizes. */
#define EVENT_OVERHEAD (SALT_SIZE + 32u)
#define BATCH_OVERHEAD 512u
#define HEADERS_SIZE_MAX (IMPORT_BATCH_EVENTS_MAX * EVENT_HEADER_SIZE_MAX)

/* SubmitBatchRequest on the wire: field 1, the batch's bytes; field 2, FINAL. */
#define REQUEST_BATCH_TAG 0x0A
#define REQUEST_WAIT_TAG 0x10
#define REQUEST_WAIT_FINAL 2

/* The id of an event that is in no chain. Errors: TALLY_ENOMEM. */
static int event_identify(const struct import_keys *keys, struct import_event *event)
{
    struct buffer header;
    buffer_init(&header, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&event->fields, &header);
    int error = header.failed ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) event->id = event_id(&keys->chain_id, buffer_span(&header));
    buffer_close(&header);
    return error;
}

/* What is derived from the line: an item id where it gives none, the salt and with it the commitment, and the
 * id where no chain has a say in it. Errors: TALLY_ENOMEM. */
static int event_complete(const struct import_keys *keys, const struct import_line *line, uint32_t occurrence,
    struct import_event *event)
{
    struct span body = buffer_span(&line->body);
    struct salt_source source = {
        .fields = &event->fields,
        .body = body,
        .ref = span_of(line->ref, line->ref_size),
        .occurrence = occurrence,
    };
    int error = TALLY_OK;
    if (event->account == NULL && !line->has_item)
        error = item_id_derive(keys->salt_key, &source, event->fields.item_id);
    if (error == TALLY_OK) error = salt_derive(keys->salt_key, &source, event->salt);
    if (error != TALLY_OK) return error;
    event->fields.body_commitment = event_body_commitment(event->salt, body);
    return event->account == NULL ? event_identify(keys, event) : TALLY_OK;
}

struct import_event *import_event_make(const struct import_keys *keys, const struct import_line *line,
    uint64_t line_number, uint32_t occurrence, struct import_account *account)
{
    struct import_event *event = malloc(sizeof *event + line->body.size);
    if (event == NULL) return NULL;
    event->next = NULL;
    event->account = account;
    event->line = line_number;
    event->sent = false;
    event->fields = line->fields;
    event->fields.member_id = keys->member_id;
    event->body_size = (uint32_t)line->body.size;
    if (line->body.size > 0) memcpy(event->body, line->body.data, line->body.size);
    if (event_complete(keys, line, occurrence, event) != TALLY_OK) {
        free(event);
        return NULL;
    }
    return event;
}

void import_builder_init(struct import_builder *builder)
{
    *builder = (struct import_builder){.count = 0};
    buffer_init(&builder->headers, HEADERS_SIZE_MAX);
    buffer_init(&builder->batch, BATCH_SIZE_MAX);
}

void import_builder_close(struct import_builder *builder)
{
    buffer_close(&builder->headers);
    buffer_close(&builder->batch);
}

void import_builder_start(struct import_builder *builder, uint64_t serial)
{
    CHECK(serial > builder->serial);
    buffer_clear(&builder->headers);
    builder->count = 0;
    builder->size = BATCH_OVERHEAD;
    builder->serial = serial;
}

bool import_builder_has_room(const struct import_builder *builder, const struct import_event *event)
{
    size_t more = EVENT_HEADER_SIZE_MAX + event->body_size + EVENT_OVERHEAD;
    return builder->count < IMPORT_BATCH_EVENTS_MAX && builder->size + more <= BATCH_SIZE_MAX;
}

/* The event's place in its account's chain, behind those of this batch. */
static void chain_place(const struct import_builder *builder, struct import_event *event)
{
    struct import_account *account = event->account;
    if (account->built_in != builder->serial) {
        account->built_in = builder->serial;
        account->build_seq = account->next_seq;
        account->build_head = account->head;
    }
    event->fields.account_seq = account->build_seq;
    event->fields.account_prev = account->build_head;
}

void import_builder_add(
    struct import_builder *builder, const struct import_keys *keys, struct import_event *event)
{
    CHECK(import_builder_has_room(builder, event));
    CHECK(event->fields.has_account == (event->account != NULL));
    if (event->account != NULL) chain_place(builder, event);
    size_t start = builder->headers.size;
    event_header_encode(&event->fields, &builder->headers);
    /* Memory may run out here; the batch is then found failed when it is finished. */
    struct span header = builder->headers.failed
                             ? span_of(NULL, 0)
                             : span_of(builder->headers.data + start, builder->headers.size - start);
    event->id = event_id(&keys->chain_id, header);
    if (event->account != NULL) {
        event->account->build_seq++;
        event->account->build_head = event->id;
    }

    struct batch_event *item = &builder->items[builder->count];
    item->fields = event->fields;
    item->id = event->id;
    item->has_body = true;
    memcpy(item->salt, event->salt, SALT_SIZE);
    item->body = span_of(event->body, event->body_size);
    builder->header_ends[builder->count] = builder->headers.size;
    builder->count++;
    builder->size += header.size + event->body_size + EVENT_OVERHEAD;
}

void submit_request_append(struct buffer *out, struct span batch)
{
    buffer_u8(out, REQUEST_BATCH_TAG);
    size_t left = batch.size;
    for (; left >= 0x80; left >>= 7)
        buffer_u8(out, (uint8_t)(left | 0x80));
    buffer_u8(out, (uint8_t)left);
    buffer_append(out, batch.data, batch.size);
    buffer_u8(out, REQUEST_WAIT_TAG);
    buffer_u8(out, REQUEST_WAIT_FINAL);
}

void import_builder_finish(
    struct import_builder *builder, const struct import_keys *keys, uint64_t wall_ms, struct buffer *out)
{
    CHECK(builder->count > 0);
    size_t start = 0;
    /* Only now do the headers stay where they are. */
    for (uint32_t i = 0; i < builder->count; i++) {
        builder->items[i].header = span_of(builder->headers.data + start, builder->header_ends[i] - start);
        start = builder->header_ends[i];
    }
    struct batch batch = {
        .chain_id = keys->chain_id,
        .member_id = keys->member_id,
        .signing_key = keys->signing_public,
        .expires_at_ms = wall_ms + IMPORT_BATCH_LIFETIME_MS,
        .event_count = builder->count,
        .events = builder->items,
    };
    batch.digest = batch_digest(&batch);
    signature_make(&keys->signing, &batch.digest, &batch.signature);
    buffer_clear(&builder->batch);
    batch_encode(&batch, true, &builder->batch);
    if (builder->headers.failed || builder->batch.failed) {
        out->failed = true;
        return;
    }
    submit_request_append(out, buffer_span(&builder->batch));
}
