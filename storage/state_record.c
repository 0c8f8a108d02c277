#include "storage/state_record.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

/* ---- Keys ---- */

static void add(struct state_key *key, const void *bytes, size_t size)
{
    CHECK(size <= sizeof key->bytes - key->size);
    memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

static void add_u32(struct state_key *key, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    add(key, bytes, sizeof bytes);
}

static void add_u64(struct state_key *key, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    add(key, bytes, sizeof bytes);
}

struct state_key state_key_alone(char kind)
{
    struct state_key key = {.size = 0};
    add(&key, &kind, 1);
    return key;
}

struct state_key state_key_of_height(char kind, uint64_t height)
{
    struct state_key key = state_key_alone(kind);
    add_u64(&key, height);
    return key;
}

struct state_key state_key_of_position(char kind, const struct digest *position)
{
    struct state_key key = state_key_alone(kind);
    add(&key, position->bytes, DIGEST_SIZE);
    return key;
}

struct state_key state_key_of_base(const struct digest *position, uint32_t last)
{
    struct state_key key = state_key_of_position('H', position);
    add_u32(&key, last);
    return key;
}

struct state_key state_key_of_base_account(
    uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t last)
{
    struct state_key key = state_key_alone('D');
    add_u32(&key, member_id);
    add(&key, ref, ACCOUNT_REF_SIZE);
    add_u32(&key, last);
    return key;
}

static struct state_key key_of_index(char kind, uint32_t generation, uint32_t number)
{
    struct state_key key = state_key_alone(kind);
    add_u32(&key, generation);
    add_u32(&key, number);
    return key;
}

struct state_key state_key_of_base_items(uint32_t page)
{
    struct state_key key = state_key_alone('J');
    add_u32(&key, page);
    return key;
}

struct state_key state_key_of_index_page(uint32_t generation, uint32_t bucket)
{
    return key_of_index('E', generation, bucket);
}

struct state_key state_key_of_index_filter(uint32_t generation)
{
    struct state_key key = state_key_alone('F');
    add_u32(&key, generation);
    return key;
}

struct state_key state_key_of_index_run(uint32_t generation, uint32_t run)
{
    return key_of_index('G', generation, run);
}

struct state_key state_key_of_account(uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    struct state_key key = state_key_alone('A');
    add_u32(&key, member_id);
    add(&key, ref, ACCOUNT_REF_SIZE);
    return key;
}

struct state_key state_key_of_batch(uint64_t minute, const struct digest *batch)
{
    struct state_key key = state_key_of_height('W', minute);
    add(&key, batch->bytes, DIGEST_SIZE);
    return key;
}

struct state_key state_key_of_results(uint64_t height, uint32_t chunk)
{
    struct state_key key = state_key_of_height('R', height);
    add_u32(&key, chunk);
    return key;
}

struct state_key state_key_of_tree(uint32_t level, uint64_t index)
{
    struct state_key key = state_key_alone('T');
    uint8_t byte = (uint8_t)level;
    CHECK(level < 64);
    add(&key, &byte, 1);
    add_u64(&key, index);
    return key;
}

/* ---- Values ---- */

static void put_digest(struct buffer *out, const struct digest *digest)
{
    buffer_append(out, digest->bytes, DIGEST_SIZE);
}

static void read_digest(struct reader *reader, struct digest *digest)
{
    reader_copy(reader, digest->bytes, DIGEST_SIZE);
}

void state_meta_encode(const struct state_meta *meta, struct buffer *out)
{
    buffer_u32(out, STATE_FORMAT_VERSION);
    put_digest(out, &meta->chain_id);
    buffer_u64(out, meta->height);
    buffer_u64(out, meta->counts.events);
    buffer_u64(out, meta->counts.applied);
    buffer_u64(out, meta->counts.subjects);
    replay_window_encode(&meta->window, out);
}

int state_meta_decode(struct span bytes, struct state_meta *meta)
{
    struct reader reader;
    struct state_meta read;
    reader_init(&reader, bytes);
    uint32_t version = reader_u32(&reader);
    if (!reader.failed && version != STATE_FORMAT_VERSION) return TALLY_EVERSION;
    read_digest(&reader, &read.chain_id);
    read.height = reader_u64(&reader);
    read.counts.events = reader_u64(&reader);
    read.counts.applied = reader_u64(&reader);
    read.counts.subjects = reader_u64(&reader);
    if (replay_window_decode(&reader, &read.window) != TALLY_OK || !reader_done(&reader))
        return TALLY_EDAMAGED;
    *meta = read;
    return TALLY_OK;
}

void state_roots_encode(const struct state_roots *roots, struct buffer *out)
{
    put_digest(out, &roots->block);
    buffer_u64(out, roots->time_ms);
    put_digest(out, &roots->state_root);
    put_digest(out, &roots->results_root);
    put_digest(out, &roots->history_root);
}

int state_roots_decode(struct span bytes, uint64_t height, struct state_roots *roots)
{
    struct reader reader;
    struct state_roots read = {.height = height};
    reader_init(&reader, bytes);
    read_digest(&reader, &read.block);
    read.time_ms = reader_u64(&reader);
    read_digest(&reader, &read.state_root);
    read_digest(&reader, &read.results_root);
    read_digest(&reader, &read.history_root);
    if (!reader_done(&reader)) return TALLY_EDAMAGED;
    *roots = read;
    return TALLY_OK;
}

void state_base_encode(const struct state_base *base, struct buffer *out)
{
    buffer_u64(out, base->height);
    buffer_u64(out, base->backfilled);
}

int state_base_decode(struct span bytes, struct state_base *base)
{
    struct reader reader;
    struct state_base read;
    reader_init(&reader, bytes);
    read.height = reader_u64(&reader);
    read.backfilled = reader_u64(&reader);
    if (!reader_done(&reader) || read.backfilled > read.height) return TALLY_EDAMAGED;
    *base = read;
    return TALLY_OK;
}

void state_batch_encode(const struct state_batch *batch, struct buffer *out)
{
    buffer_u32(out, batch->order);
    buffer_u64(out, batch->expires_at_ms);
}

int state_batch_decode(struct span bytes, struct state_batch *batch)
{
    struct reader reader;
    struct state_batch read;
    reader_init(&reader, bytes);
    read.order = reader_u32(&reader);
    read.expires_at_ms = reader_u64(&reader);
    if (!reader_done(&reader)) return TALLY_EDAMAGED;
    *batch = read;
    return TALLY_OK;
}

void state_index_head_encode(const struct event_index_head *head, struct buffer *out)
{
    for (size_t i = 0; i < sizeof head->hash.words / sizeof head->hash.words[0]; i++)
        buffer_u64(out, head->hash.words[i]);
    buffer_u8(out, (uint8_t)head->bucket_bits);
    buffer_u32(out, head->generation);
    buffer_u32(out, head->runs);
}

int state_index_head_decode(struct span bytes, struct event_index_head *head)
{
    struct reader reader;
    struct event_index_head read;
    reader_init(&reader, bytes);
    for (size_t i = 0; i < sizeof read.hash.words / sizeof read.hash.words[0]; i++)
        read.hash.words[i] = reader_u64(&reader);
    read.bucket_bits = reader_u8(&reader);
    read.generation = reader_u32(&reader);
    read.runs = reader_u32(&reader);
    if (!reader_done(&reader)) return TALLY_EDAMAGED;
    *head = read;
    return TALLY_OK;
}

static void read_place(struct reader *reader, struct state_place *place)
{
    place->height = reader_u64(reader);
    place->index = reader_u32(reader);
}

void state_result_encode(const struct state_result_record *record, struct buffer *out)
{
    const struct event_result *result = &record->result.result;
    CHECK(result->detail_size <= RESULT_DETAIL_SIZE_MAX);
    put_digest(out, &record->result.event_id);
    buffer_u16(out, result->code);
    buffer_u8(out, result->detail_size);
    buffer_append(out, result->detail, result->detail_size);
    buffer_u8(out, (uint8_t)record->link);
    if (record->link != LINK_AFTER) return;
    buffer_u64(out, record->before.height);
    buffer_u32(out, record->before.index);
}

int state_result_decode(struct reader *reader, struct state_result_record *record)
{
    struct state_result_record read = {.link = LINK_NONE};
    struct event_result *result = &read.result.result;
    read_digest(reader, &read.result.event_id);
    result->code = reader_u16(reader);
    result->detail_size = reader_u8(reader);
    if (result->detail_size > RESULT_DETAIL_SIZE_MAX) return TALLY_EDAMAGED;
    reader_copy(reader, result->detail, result->detail_size);
    uint8_t link = reader_u8(reader);
    if (link > LINK_AFTER) return TALLY_EDAMAGED;
    read.link = (enum state_link)link;
    if (read.link == LINK_AFTER) read_place(reader, &read.before);
    if (reader->failed) return TALLY_EDAMAGED;
    *record = read;
    return TALLY_OK;
}

void state_subject_encode(const struct state_subject *subject, struct buffer *out)
{
    put_digest(out, &subject->subject_id);
    buffer_u64(out, subject->leaf.count);
    buffer_u64(out, subject->leaf.last_height);
    buffer_u32(out, subject->last_index);
    put_digest(out, &subject->leaf.acc);
    buffer_append(out, subject->bytes.data, subject->bytes.size);
}

int state_subject_decode(struct span bytes, struct state_subject *subject)
{
    struct reader reader;
    struct state_subject read = {.last_index = 0};
    reader_init(&reader, bytes);
    read_digest(&reader, &read.subject_id);
    read.leaf.count = reader_u64(&reader);
    read.leaf.last_height = reader_u64(&reader);
    read.last_index = reader_u32(&reader);
    read_digest(&reader, &read.leaf.acc);
    if (reader.failed || read.leaf.count == 0) return TALLY_EDAMAGED;
    read.bytes = span_of(reader.at, reader.left);
    *subject = read;
    return TALLY_OK;
}

int state_digest_decode(struct span bytes, struct digest *digest)
{
    if (bytes.size != DIGEST_SIZE) return TALLY_EDAMAGED;
    memcpy(digest->bytes, bytes.data, DIGEST_SIZE);
    return TALLY_OK;
}

void state_register_encode(const struct state_register *stored, struct buffer *out)
{
    put_digest(out, &stored->policy_root);
    put_digest(out, &stored->set_before);
    buffer_append(out, stored->bytes.data, stored->bytes.size);
}

int state_register_decode(struct span bytes, struct state_register *stored)
{
    struct reader reader;
    struct state_register read;
    reader_init(&reader, bytes);
    read_digest(&reader, &read.policy_root);
    read_digest(&reader, &read.set_before);
    if (reader.failed || reader.left == 0 || reader.left > STATE_REGISTER_SIZE_MAX) return TALLY_EDAMAGED;
    read.bytes = span_of(reader.at, reader.left);
    *stored = read;
    return TALLY_OK;
}

struct digest state_account_seq_name(uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t seq)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_ACCOUNT_SEQ);
    hasher_u32(&hasher, member_id);
    hasher_bytes(&hasher, ref, ACCOUNT_REF_SIZE);
    hasher_u32(&hasher, seq);
    return hasher_final(&hasher);
}

struct digest state_item_name(uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE])
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_ITEM_NAME);
    hasher_u32(&hasher, member_id);
    hasher_bytes(&hasher, item_id, ITEM_ID_SIZE);
    return hasher_final(&hasher);
}

struct digest state_counts_root(const struct state_counts *counts)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_COUNTS);
    hasher_u64(&hasher, counts->events);
    hasher_u64(&hasher, counts->applied);
    return hasher_final(&hasher);
}
