// links: storage codec crypto base
/* Any bytes as the payloads the ledger and the state read back from disk. */
#include "tests/fuzz/fuzz.h"

#include "proto/base/check.h"
#include "storage/ledger_record.h"
#include "storage/state_record.h"
#include "tests/fault/blocks.h"

#define KINDS 9

static void as_block(struct span bytes)
{
    struct ledger_record_form form;
    struct ledger_record record;
    struct digest chain_id = blocks_chain_id();
    ledger_record_form_init(&form, &chain_id);
    if (ledger_record_decode(&form, bytes, &record) != TALLY_OK) return;
    CHECK(record.block.data + record.block.size == bytes.data + bytes.size);
    for (uint32_t i = 0; i < record.prefix.event_count; i++) {
        struct ledger_record_event event;
        ledger_record_event_decode(&record, i, &event);
        if (event.header_size > record.block.size ||
            event.header_offset > record.block.size - event.header_size)
            continue;
        (void)!ledger_record_event_check(&form, record.directory + i * LEDGER_RECORD_EVENT_SIZE,
            span_of(record.block.data + event.header_offset, event.header_size));
    }
}

static void as_body(struct span bytes)
{
    struct segment_log_record record = {
        .type = LEDGER_RECORD_BODY, .number = 1, .size = (uint32_t)bytes.size, .payload = bytes};
    uint8_t salt[SALT_SIZE];
    struct span body;
    bool has_body;
    if (ledger_body_decode(&record, 1, 0, &has_body, salt, &body) == TALLY_OK)
        CHECK(has_body && body.size + SALT_SIZE + 4 == bytes.size);
}

/* What decodes must encode to the same bytes. */
static void same(struct span bytes, struct buffer *again)
{
    CHECK(!again->failed && span_equal(bytes, buffer_span(again)));
}

static void as_state(uint8_t kind, struct span bytes, struct buffer *again)
{
    struct state_meta meta;
    struct state_roots roots;
    struct event_index_head head;
    struct state_subject subject;
    struct state_result_record record;
    struct state_batch batch;
    struct state_base base;
    struct reader reader;
    if (kind == 2 && state_meta_decode(bytes, &meta) == TALLY_OK) {
        state_meta_encode(&meta, again);
        same(bytes, again);
    }
    if (kind == 3 && state_roots_decode(bytes, 1, &roots) == TALLY_OK) {
        state_roots_encode(&roots, again);
        same(bytes, again);
    }
    if (kind == 4 && state_index_head_decode(bytes, &head) == TALLY_OK) {
        state_index_head_encode(&head, again);
        same(bytes, again);
    }
    if (kind == 5 && state_subject_decode(bytes, &subject) == TALLY_OK) {
        state_subject_encode(&subject, again);
        same(bytes, again);
    }
    if (kind == 7 && state_batch_decode(bytes, &batch) == TALLY_OK) {
        state_batch_encode(&batch, again);
        same(bytes, again);
    }
    if (kind == 8 && state_base_decode(bytes, &base) == TALLY_OK) {
        state_base_encode(&base, again);
        same(bytes, again);
    }
    if (kind != 6) return;
    reader_init(&reader, bytes);
    int error = TALLY_OK;
    while (reader.left > 0 && error == TALLY_OK) {
        error = state_result_decode(&reader, &record);
        if (error == TALLY_OK) state_result_encode(&record, again);
    }
    if (error == TALLY_OK) same(bytes, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct span bytes = span_of(data + 1, size - 1);
    struct buffer again;
    buffer_init(&again, size);
    if (data[0] % KINDS == 0)
        as_block(bytes);
    else if (data[0] % KINDS == 1)
        as_body(bytes);
    else
        as_state(data[0] % KINDS, bytes, &again);
    buffer_close(&again);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct buffer out;
    struct arena arena;
    struct digest digest = blocks_digest(number);
    if (number >= KINDS) return 0;
    buffer_init(&out, MIB);
    arena_init(&arena, MIB);
    if (number == 0) {
        struct digest chain_id = blocks_chain_id();
        struct block block = blocks_make(&arena, 1, &chain_id, 1, 2, true, true);
        struct ledger_record_form form;
        struct ledger_record_prefix prefix = {.hash = block.hash, .event_count = 2, .has_finalization = true};
        struct segment_place places[2] = {{1, 128}, {1, 256}};
        ledger_record_form_init(&form, &chain_id);
        CHECK(ledger_record_begin(&block, &prefix, &out) == TALLY_OK);
        CHECK(ledger_record_finish(&form, &block, &prefix, places, &out) == TALLY_OK);
    }
    if (number == 1) {
        buffer_u32(&out, 0);
        buffer_append(&out, digest.bytes, SALT_SIZE);
        buffer_append(&out, "body", 4);
    }
    struct state_meta meta = {.chain_id = digest, .height = 3};
    uint32_t order;
    CHECK(replay_window_add(&meta.window, 1000, &digest, 2000, &order) == TALLY_OK);
    CHECK(replay_window_add(&meta.window, 1000, &digest, 200000, &order) == TALLY_OK);
    struct state_roots roots = {.height = 1, .block = digest, .time_ms = 5};
    struct state_subject subject = {
        .leaf = {.count = 1, .last_height = 1, .acc = digest}, .last_index = 9, .bytes = span_of("bytes", 5)};
    struct state_result_record records[] = {{.result = {digest, {.code = 7, .detail_size = 2}}},
        {.result = {digest, {.code = 0}}, .link = LINK_FIRST},
        {.result = {digest, {.code = 0}}, .link = LINK_AFTER, .before = {.height = 1, .index = 2}}};
    if (number == 2) state_meta_encode(&meta, &out);
    if (number == 3) state_roots_encode(&roots, &out);
    if (number == 4)
        state_index_head_encode(
            &(struct event_index_head){.bucket_bits = 3, .generation = 4, .runs = 5}, &out);
    if (number == 5) state_subject_encode(&subject, &out);
    if (number == 7) state_batch_encode(&(struct state_batch){5, 2000}, &out);
    if (number == 8) state_base_encode(&(struct state_base){30, 20}, &out);
    for (size_t i = 0; number == 6 && i < 3; i++)
        state_result_encode(&records[i], &out);
    size_t size = !out.failed && out.size + 1 <= size_max ? out.size + 1 : 0;
    if (size > 0) {
        bytes[0] = (uint8_t)number;
        memcpy(bytes + 1, out.data, out.size);
    }
    buffer_close(&out);
    arena_close(&arena);
    return size;
}
