#include "storage/store_records.h"

#include "proto/base/check.h"

/* Held at a time, and one pair more. */
#define HELD_SIZE (1u * MIB)
#define SIZES 8u

void store_records_init(struct store_records *records, const struct store_view *view, char kind)
{
    *records = (struct store_records){.view = view, .kind = kind, .from = state_key_alone(kind)};
    buffer_init(&records->held, SIZE_MAX / 8);
}

void store_records_close(struct store_records *records)
{
    buffer_close(&records->held);
}

static bool pair_seen(void *context, struct span key, struct span value)
{
    struct store_records *records = context;
    if (records->held.size >= HELD_SIZE) {
        CHECK(key.size <= sizeof records->from.bytes);
        memcpy(records->from.bytes, key.data, key.size);
        records->from.size = key.size;
        records->ended = false;
        return false;
    }
    buffer_u32(&records->held, (uint32_t)key.size);
    buffer_u32(&records->held, (uint32_t)value.size);
    buffer_append(&records->held, key.data, key.size);
    buffer_append(&records->held, value.data, value.size);
    return !records->held.failed;
}

static int hold_more(struct store_records *records)
{
    struct state_key prefix = state_key_alone(records->kind);
    buffer_clear(&records->held);
    records->at = 0;
    records->ended = true;
    int error = store_view_scan(
        records->view, state_key_span(&prefix), state_key_span(&records->from), pair_seen, records);
    return error == TALLY_OK && records->held.failed ? TALLY_ENOMEM : error;
}

static struct store_record record_at(const struct store_records *records, size_t *end)
{
    const uint8_t *bytes = records->held.data + records->at;
    size_t key_size = get_u32(bytes), value_size = get_u32(bytes + 4);
    *end = records->at + SIZES + key_size + value_size;
    return (struct store_record){
        span_of(bytes + SIZES, key_size), span_of(bytes + SIZES + key_size, value_size)};
}

int store_records_peek(struct store_records *records, struct store_record *record)
{
    size_t end;
    if (records->at == records->held.size && !records->ended) {
        int error = hold_more(records);
        if (error != TALLY_OK) return error;
    }
    if (records->at == records->held.size) return TALLY_ENOTFOUND;
    *record = record_at(records, &end);
    return TALLY_OK;
}

void store_records_next(struct store_records *records)
{
    size_t end;
    CHECK(records->at < records->held.size);
    (void)record_at(records, &end);
    records->at = end;
}
