/* Well-formed blocks for tests of storage: real encodings, hashes and roots; signatures are made-up bytes,
 * which storage does not check. Included by one test program at a time. */
#ifndef TALLY_TESTS_BLOCKS_H
#define TALLY_TESTS_BLOCKS_H

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/merkle.h"

#define BLOCKS_START_MS 1700000000000ull

static inline struct digest blocks_digest(uint64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, number);
    return digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
}

static inline struct digest blocks_chain_id(void)
{
    return blocks_digest(0);
}

static inline struct certificate blocks_certificate(
    const struct block_header *header, const struct digest *hash)
{
    struct certificate certificate = {
        .kind = VOTE_FINALIZE, .epoch = header->epoch, .view = header->view, .block = *hash, .signers = 7};
    for (size_t i = 0; i < 3; i++)
        for (size_t b = 0; b < SIGNATURE_SIZE; b++)
            certificate.signatures[i].bytes[b] = hash->bytes[(b + i) % DIGEST_SIZE];
    return certificate;
}

static inline void blocks_event(
    struct arena *arena, uint64_t number, uint32_t subject, bool with_body, struct batch_event *event)
{
    struct digest chain_id = blocks_chain_id();
    struct digest chance = blocks_digest(number * 2 + 1);
    struct event_body body = {.type = EVENT_PAYMENT, .amount_minor = 100 + (int64_t)(number % 1000)};
    struct buffer bytes;
    buffer_init(&bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, &bytes);
    uint8_t *copy = arena_take(arena, bytes.size);
    CHECK(copy != NULL && !bytes.failed);
    memcpy(copy, bytes.data, bytes.size);
    memcpy(event->salt, chance.bytes, SALT_SIZE);
    event->body = span_of(copy, bytes.size);
    struct event_header header = {.type = EVENT_PAYMENT,
        .member_id = 1,
        .subject_scheme = 1,
        .subject_id = blocks_digest(1u << 20 | subject),
        .event_date = 12345,
        .body_commitment = event_body_commitment(event->salt, event->body),
        .has_account = true,
        .account_seq = (uint32_t)number};
    memcpy(header.account_ref, chance.bytes, ACCOUNT_REF_SIZE);
    buffer_clear(&bytes);
    event_header_encode(&header, &bytes);
    copy = arena_take(arena, bytes.size);
    CHECK(copy != NULL && !bytes.failed);
    memcpy(copy, bytes.data, bytes.size);
    event->header = span_of(copy, bytes.size);
    CHECK(event_header_decode(event->header, &event->fields) == TALLY_OK);
    event->id = event_id(&chain_id, event->header);
    event->has_body = with_body;
    if (!with_body) {
        memset(event->salt, 0, SALT_SIZE);
        event->body = span_of(NULL, 0);
    }
    buffer_close(&bytes);
}

static inline void blocks_batch(
    struct arena *arena, uint64_t number, uint32_t events, bool with_bodies, struct batch *batch)
{
    struct digest chance = blocks_digest(number);
    batch->chain_id = blocks_chain_id();
    batch->member_id = 1;
    batch->signing_key.bytes[0] = 2;
    memcpy(batch->signing_key.bytes + 1, chance.bytes, DIGEST_SIZE);
    batch->expires_at_ms = BLOCKS_START_MS + number;
    batch->event_count = events;
    batch->events = arena_take_zeroed(arena, events, sizeof *batch->events);
    CHECK(batch->events != NULL);
    for (uint32_t i = 0; i < events; i++)
        blocks_event(arena, number * 1000 + i, (uint32_t)(number + i) % 16, with_bodies, &batch->events[i]);
    for (size_t i = 0; i < SIGNATURE_SIZE; i++)
        batch->signature.bytes[i] = chance.bytes[i % DIGEST_SIZE];
    batch->digest = batch_digest(batch);
}

/* Block `height` on top of `parent` (its hash; the chain id for height 1): so many batches of so many events.
 * All of it is in the arena. */
static inline struct block blocks_make(struct arena *arena, uint64_t height, const struct digest *parent,
    uint32_t batches, uint32_t events, bool with_bodies, bool finalized)
{
    struct block block = {.header = {.chain_id = blocks_chain_id(),
                              .epoch = 1,
                              .view = height,
                              .height = height,
                              .parent_view = height - 1,
                              .parent_hash = *parent,
                              .payload_events = batches * events,
                              .time_ms = BLOCKS_START_MS + height * 1000},
        .has_finalization = finalized,
        .batch_count = batches};
    struct digest *digests = arena_take_zeroed(arena, batches + 1, sizeof *digests);
    block.batches = arena_take_zeroed(arena, batches, sizeof *block.batches);
    uint8_t *justification = arena_take_zeroed(arena, 50, 1);
    CHECK(digests != NULL && block.batches != NULL && justification != NULL);
    memset(justification, (int)height, 50);
    block.justification = span_of(justification, 50);
    block.header.justification_root = justification_root(block.justification);
    for (uint32_t i = 0; i < batches; i++) {
        blocks_batch(arena, height * 100 + i, events, with_bodies, &block.batches[i]);
        digests[i] = block.batches[i].digest;
        block.header.payload_size += (uint32_t)batch_size_without_bodies(&block.batches[i]);
    }
    block.header.payload_root = payload_root(digests, batches);
    block.hash = block_header_hash(&block.header);
    memset(block.signature.bytes, (int)height + 1, SIGNATURE_SIZE);
    if (finalized) block.finalization = blocks_certificate(&block.header, &block.hash);
    return block;
}

#endif
