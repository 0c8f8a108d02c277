#include "storage/base_record.h"

#include "proto/base/check.h"

#define KEY_SIZE (1u + DIGEST_SIZE + 4u)
#define INDEX_KEY_SIZE (1u + BASE_ACCOUNT_SIZE + 4u)

/* ---- Reading ---- */

int base_chunk_decode(struct span key, struct span value, struct base_chunk *chunk)
{
    struct reader reader;
    struct base_chunk read;
    reader_init(&reader, value);
    read.account_count = reader_u16(&reader);
    read.accounts = reader_span(&reader, (size_t)read.account_count * BASE_ACCOUNT_SIZE);
    read.events = reader_span(&reader, reader.left);
    size_t count = read.events.size / SNAPSHOT_EVENT_SIZE;
    if (reader.failed || key.size != KEY_SIZE || read.events.size % SNAPSHOT_EVENT_SIZE != 0)
        return TALLY_EDAMAGED;
    uint32_t last = get_u32(key.data + 1 + DIGEST_SIZE);
    if (count == 0 || count > BASE_CHUNK || count - 1 > last) return TALLY_EDAMAGED;
    read.count = (uint32_t)count;
    read.first = last - (read.count - 1);
    for (uint32_t i = 0; i < read.count; i++)
        if (base_chunk_event(&read, i).account >= read.account_count) return TALLY_EDAMAGED;
    *chunk = read;
    return TALLY_OK;
}

struct snapshot_event base_chunk_event(const struct base_chunk *chunk, uint32_t i)
{
    struct reader reader;
    struct snapshot_event event;
    CHECK(i < chunk->count);
    reader_init(&reader, span_of(chunk->events.data + i * SNAPSHOT_EVENT_SIZE, SNAPSHOT_EVENT_SIZE));
    snapshot_event_read(&reader, &event);
    return event;
}

bool base_chunk_account_is(
    const struct base_chunk *chunk, uint32_t number, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    const uint8_t *account = chunk->accounts.data + number * BASE_ACCOUNT_SIZE;
    CHECK(number < chunk->account_count);
    return get_u32(account) == member_id && memcmp(account + 4, ref, ACCOUNT_REF_SIZE) == 0;
}

int base_index_decode(struct span key, struct span value, uint32_t *first)
{
    size_t count = value.size / 4;
    if (key.size != INDEX_KEY_SIZE || value.size % 4 != 0) return TALLY_EDAMAGED;
    uint32_t last = get_u32(key.data + 1 + BASE_ACCOUNT_SIZE);
    if (count == 0 || count > BASE_INDEX || count - 1 > last) return TALLY_EDAMAGED;
    *first = last - (uint32_t)(count - 1);
    return TALLY_OK;
}

/* ---- Writing ---- */

static uint32_t account_of(struct span events, size_t i)
{
    return get_u16(events.data + i * SNAPSHOT_EVENT_SIZE);
}

/* The accounts of the chunk's events in the order they come in; numbers[i] is what event i's is called. */
static uint32_t list_accounts(
    struct span events, uint32_t count, uint16_t accounts[BASE_CHUNK], uint16_t numbers[BASE_CHUNK])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = 0;
        while (number < found && accounts[number] != account_of(events, i))
            number++;
        if (number == found) accounts[found++] = (uint16_t)account_of(events, i);
        numbers[i] = (uint16_t)number;
    }
    return found;
}

static void encode_chunk(
    const struct snapshot_seam *start, struct span events, uint32_t count, struct buffer *value)
{
    uint16_t accounts[BASE_CHUNK], numbers[BASE_CHUNK];
    uint32_t account_count = list_accounts(events, count, accounts, numbers);
    buffer_u16(value, (uint16_t)account_count);
    for (uint32_t i = 0; i < account_count; i++) {
        const struct account_chain *account = &start->accounts[accounts[i]];
        buffer_u32(value, account->member_id);
        buffer_append(value, account->ref, ACCOUNT_REF_SIZE);
    }
    for (uint32_t i = 0; i < count; i++) {
        buffer_u16(value, numbers[i]);
        buffer_append(value, events.data + i * SNAPSHOT_EVENT_SIZE + 2, SNAPSHOT_EVENT_SIZE - 2);
    }
}

/* The numbers of one account's events. */
static void encode_index(const struct snapshot_seam *start, uint32_t number, struct span events,
    struct buffer *value, void (*put)(void *context, const struct state_key *key), void *context)
{
    const struct account_chain *account = &start->accounts[number];
    uint32_t seq = account->next_seq;
    size_t count = events.size / SNAPSHOT_EVENT_SIZE, left = 0;
    for (size_t i = 0; i < count; i++)
        left += account_of(events, i) == number;
    for (size_t i = 0; left > 0; i++) {
        if (account_of(events, i) != number) continue;
        buffer_u32(value, (uint32_t)(start->count + i));
        left--;
        if (left == 0 || value->size == BASE_INDEX * 4u) {
            struct state_key key = state_key_of_base_account(account->member_id, account->ref, seq);
            put(context, &key);
        }
        seq++;
    }
}

void base_events_encode(const struct digest *position, const struct snapshot_seam *start, struct span events,
    bool indexed, struct buffer *value, void (*put)(void *context, const struct state_key *key),
    void *context)
{
    size_t count = events.size / SNAPSHOT_EVENT_SIZE;
    for (size_t i = 0; i < count; i += BASE_CHUNK) {
        uint32_t some = count - i < BASE_CHUNK ? (uint32_t)(count - i) : BASE_CHUNK;
        struct span these = span_of(events.data + i * SNAPSHOT_EVENT_SIZE, some * SNAPSHOT_EVENT_SIZE);
        struct state_key key = state_key_of_base(position, (uint32_t)(start->count + i + some - 1));
        encode_chunk(start, these, some, value);
        put(context, &key);
    }
    for (uint32_t i = 0; indexed && i < start->account_count; i++)
        encode_index(start, i, events, value, put, context);
}
