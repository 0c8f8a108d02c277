#include "storage/base_record.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/state_internal.h"

#define KEY_SIZE (1u + DIGEST_SIZE + 4u)
#define INDEX_KEY_SIZE (1u + BASE_ACCOUNT_SIZE + 4u)

/* ---- Reading ---- */

static bool read_events(struct reader *reader, struct base_chunk *chunk)
{
    for (chunk->count = 0; reader->left > 0; chunk->count++) {
        if (chunk->count == BASE_CHUNK) return false;
        struct snapshot_event *event = &chunk->events[chunk->count];
        if (!snapshot_event_read(reader, event)) return false;
        if (!snapshot_event_has_item(event) && event->account >= chunk->account_count) return false;
    }
    return chunk->count > 0;
}

int base_chunk_decode(struct span key, struct span value, struct base_chunk *chunk)
{
    struct reader reader;
    reader_init(&reader, value);
    chunk->account_count = reader_u16(&reader);
    chunk->accounts = reader_span(&reader, (size_t)chunk->account_count * BASE_ACCOUNT_SIZE);
    if (reader.failed || key.size != KEY_SIZE || !read_events(&reader, chunk)) return TALLY_EDAMAGED;
    uint32_t last = get_u32(key.data + 1 + DIGEST_SIZE);
    if (chunk->count - 1 > last) return TALLY_EDAMAGED;
    chunk->first = last - (chunk->count - 1);
    return TALLY_OK;
}

struct base_account base_chunk_account(const struct base_chunk *chunk, uint32_t number)
{
    const uint8_t *account = chunk->accounts.data + number * BASE_ACCOUNT_SIZE;
    CHECK(number < chunk->account_count);
    return (struct base_account){get_u32(account), account + 4};
}

bool base_chunk_event_is_of(const struct base_chunk *chunk, const struct snapshot_event *event,
    uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (snapshot_event_has_item(event)) return false;
    struct base_account account = base_chunk_account(chunk, event->account);
    return account.member_id == member_id && memcmp(account.ref, ref, ACCOUNT_REF_SIZE) == 0;
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

struct digest base_remedy_name(enum event_type type, const struct digest *target)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_BASE_REMEDY);
    hasher_u8(&hasher, (uint8_t)type);
    hasher_digest(&hasher, target);
    return hasher_final(&hasher);
}

void base_item_encode(const struct state_item *item, struct buffer *out)
{
    buffer_append(out, item->event_id.bytes, DIGEST_SIZE);
    buffer_u16(out, item->result);
}

int base_item_decode(struct span value, uint64_t at, struct state_item *item)
{
    struct reader reader;
    if (value.size % BASE_ITEM_SIZE != 0 || value.size > BASE_ITEMS * BASE_ITEM_SIZE) return TALLY_EDAMAGED;
    if (at >= value.size / BASE_ITEM_SIZE) return TALLY_EDAMAGED;
    reader_init(&reader, span_of(value.data + at * BASE_ITEM_SIZE, BASE_ITEM_SIZE));
    reader_copy(&reader, item->event_id.bytes, DIGEST_SIZE);
    item->result = reader_u16(&reader);
    return TALLY_OK;
}

/* ---- Writing ---- */

/* Gives the accounts of a chunk's events the numbers that they come in. */
static uint32_t list_accounts(struct base_chunk *chunk, uint16_t accounts[BASE_CHUNK])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < chunk->count; i++) {
        struct snapshot_event *event = &chunk->events[i];
        uint32_t number = 0;
        if (snapshot_event_has_item(event)) continue;
        while (number < found && accounts[number] != event->account)
            number++;
        if (number == found) accounts[found++] = (uint16_t)event->account;
        event->account = number;
    }
    return found;
}

static void put_chunk(const struct base_writing *writing, struct base_chunk *chunk)
{
    uint16_t accounts[BASE_CHUNK];
    struct state_key key = state_key_of_base(writing->position, chunk->first + chunk->count - 1);
    uint32_t account_count = list_accounts(chunk, accounts);
    buffer_u16(writing->value, (uint16_t)account_count);
    for (uint32_t i = 0; i < account_count; i++) {
        const struct account_chain *account = &writing->start->accounts[accounts[i]];
        buffer_u32(writing->value, account->member_id);
        buffer_append(writing->value, account->ref, ACCOUNT_REF_SIZE);
    }
    for (uint32_t i = 0; i < chunk->count; i++)
        snapshot_event_encode(&chunk->events[i], writing->value);
    writing->put(writing->context, &key);
}

/* The account of each event, for the index. */
struct numbers {
    uint16_t *accounts;
    size_t count, capacity;
};

static int numbers_add(struct numbers *numbers, uint32_t account)
{
    if (numbers->count == numbers->capacity) {
        size_t capacity = numbers->capacity == 0 ? 2 * BASE_CHUNK : numbers->capacity * 2;
        uint16_t *accounts = realloc(numbers->accounts, capacity * sizeof *accounts);
        if (accounts == NULL) return TALLY_ENOMEM;
        numbers->accounts = accounts;
        numbers->capacity = capacity;
    }
    numbers->accounts[numbers->count++] = (uint16_t)account;
    return TALLY_OK;
}

static int put_chunks(const struct base_writing *writing, struct numbers *numbers)
{
    struct base_chunk chunk;
    struct reader reader;
    int error = TALLY_OK;
    reader_init(&reader, writing->events);
    chunk.first = (uint32_t)writing->start->count;
    while (error == TALLY_OK && reader.left > 0) {
        for (chunk.count = 0; error == TALLY_OK && chunk.count < BASE_CHUNK && reader.left > 0;) {
            struct snapshot_event *event = &chunk.events[chunk.count];
            CHECK(snapshot_event_read(&reader, event));
            error = writing->seen(writing->context, event, chunk.first + chunk.count++);
            if (error == TALLY_OK && writing->indexed) error = numbers_add(numbers, event->account);
        }
        if (error == TALLY_OK) put_chunk(writing, &chunk);
        chunk.first += chunk.count;
    }
    return error;
}

/* The numbers of one account's events. */
static void put_index(const struct base_writing *writing, const struct numbers *numbers, uint32_t number)
{
    const struct account_chain *account = &writing->start->accounts[number];
    uint32_t seq = account->next_seq;
    size_t left = 0;
    for (size_t i = 0; i < numbers->count; i++)
        left += numbers->accounts[i] == number;
    for (size_t i = 0; left > 0; i++) {
        if (numbers->accounts[i] != number) continue;
        buffer_u32(writing->value, (uint32_t)(writing->start->count + i));
        left--;
        if (left == 0 || writing->value->size == BASE_INDEX * 4u) {
            struct state_key key = state_key_of_base_account(account->member_id, account->ref, seq);
            writing->put(writing->context, &key);
        }
        seq++;
    }
}

int base_events_write(const struct base_writing *writing)
{
    struct numbers numbers = {NULL, 0, 0};
    int error = put_chunks(writing, &numbers);
    for (uint32_t i = 0; error == TALLY_OK && writing->indexed && i < writing->start->account_count; i++)
        put_index(writing, &numbers, i);
    free(numbers.accounts);
    return error;
}
