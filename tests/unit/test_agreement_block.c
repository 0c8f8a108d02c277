// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger.pb-c.h"
#include "peer.pb-c.h"

#include "proto/codec/agreement.h"
#include "proto/codec/message.h"
#include "tests/vectors/governance_samples.h"

#define BATCHES 3u

static struct sample_network network;
static struct sample_batch samples[BATCHES];
static struct batch batches[BATCHES];
static struct block block, read;
static struct buffer bytes;
static struct arena arena;

static void make_block_at(uint64_t height, const struct digest *parent)
{
    struct digest digests[BATCHES];
    block = (struct block){.batch_count = BATCHES, .batches = batches};
    block.header = (struct block_header){
        .chain_id = network.chain_id,
        .epoch = 1,
        .view = height,
        .height = height,
        .parent_view = height - 1,
        .parent_hash = *parent,
        .time_ms = SAMPLE_TIME_MS + height,
        .justification_root = justification_root(span_of(NULL, 0)),
    };
    for (uint32_t i = 0; i < BATCHES; i++) {
        batches[i] = samples[i].batch;
        digests[i] = batches[i].digest;
        block.header.payload_size += (uint32_t)batch_size_without_bodies(&batches[i]);
        block.header.payload_events += batches[i].event_count;
    }
    block.header.payload_root = payload_root(digests, BATCHES);
    block.hash = block_header_hash(&block.header);
    block.has_finalization = true;
    sample_certificate(&network, VOTE_FINALIZE, height, &block.hash, &block.finalization);
}

static int begin(void **state)
{
    (void)state;
    static const char *const subjects[BATCHES] = {"a", "b", "c"};
    sample_network_init(&network, "chain", 4);
    for (uint32_t i = 0; i < BATCHES; i++)
        sample_batch_init(&samples[i], &network.chain_id, i + 1, subjects[i], 2 + i);
    struct digest parent = sample_digest("parent");
    make_block_at(8, &parent);
    buffer_init(&bytes, FRAME_SIZE_MAX);
    arena_init(&arena, 64 * MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < BATCHES; i++)
        sample_batch_close(&samples[i]);
    buffer_close(&bytes);
    arena_close(&arena);
    return 0;
}

static int decode(void)
{
    return block_decode(buffer_span(&bytes), &network.chain_id, &arena, &read);
}

static void encode(bool with_bodies)
{
    buffer_clear(&bytes);
    block_encode(&block, with_bodies, &bytes);
    assert_false(bytes.failed);
}

static void a_block_comes_back_as_it_was(void **state)
{
    (void)state;
    encode(true);
    assert_int_equal(decode(), TALLY_OK);
    assert_true(digest_equal(&read.hash, &block.hash));
    assert_int_equal(read.batch_count, BATCHES);
    assert_true(read.has_finalization);
    assert_int_equal(certificate_check(&network.validators, &network.chain_id, &read.finalization), TALLY_OK);
    for (uint32_t i = 0; i < BATCHES; i++) {
        assert_true(digest_equal(&read.batches[i].digest, &batches[i].digest));
        assert_true(read.batches[i].events[0].has_body);
    }
}

static void a_block_without_bodies_or_finalization_has_the_same_hash(void **state)
{
    (void)state;
    block.has_finalization = false;
    encode(false);
    assert_int_equal(decode(), TALLY_OK);
    assert_true(digest_equal(&read.hash, &block.hash));
    assert_false(read.has_finalization);
    assert_false(read.batches[2].events[3].has_body);
}

static void the_hand_written_encoding_is_protobufs_own(void **state)
{
    (void)state;
    ProtobufCMessage *message;
    struct buffer again;
    encode(true);
    assert_int_equal(message_decode(&tallystick__v1__ledger_block__descriptor, MESSAGE_CANONICAL,
                         buffer_span(&bytes), &arena, &message),
        TALLY_OK);
    buffer_init(&again, FRAME_SIZE_MAX);
    message_encode(message, &again);
    assert_true(span_equal(buffer_span(&again), buffer_span(&bytes)));
    buffer_close(&again);
}

static void an_empty_block_is_a_block(void **state)
{
    (void)state;
    block.batch_count = 0;
    block.header.payload_size = block.header.payload_events = 0;
    block.header.payload_root = payload_root(NULL, 0);
    encode(true);
    assert_int_equal(decode(), TALLY_OK);
    assert_int_equal(read.batch_count, 0);
}

static void content_that_is_not_the_headers_is_malformed(void **state)
{
    (void)state;
    block.batch_count--;
    encode(true);
    assert_int_equal(decode(), TALLY_EFORM);
    block.batch_count++;
    block.header.payload_size++;
    encode(true);
    assert_int_equal(decode(), TALLY_EFORM);
    block.header.payload_size--;
    block.header.payload_events++;
    encode(true);
    assert_int_equal(decode(), TALLY_EFORM);
    block.header.payload_events--;
    struct batch first = batches[0];
    batches[0] = batches[1];
    batches[1] = first;
    encode(true);
    assert_int_equal(decode(), TALLY_EFORM);
    batches[1] = batches[0];
    batches[0] = first;
    block.justification = span_of("\x1a\x00", 2);
    encode(true);
    assert_int_equal(decode(), TALLY_EFORM);
    block.justification = span_of(NULL, 0);
    encode(true);
    assert_int_equal(decode(), TALLY_OK);
}

static void a_block_of_another_chain_is_told_apart(void **state)
{
    (void)state;
    struct digest other = sample_digest("other chain");
    encode(true);
    assert_int_equal(block_decode(buffer_span(&bytes), &other, &arena, &read), TALLY_ECHAIN);
}

static void a_body_that_misses_its_commitment_is_damage(void **state)
{
    (void)state;
    samples[1].events[0].salt[4] ^= 1;
    encode(true);
    assert_int_equal(decode(), TALLY_EDAMAGED);
}

/* A block of so many times the same transaction, after batches of events. */
static void make_governing_block(const struct governance_transaction *transaction, uint32_t count)
{
    static struct batch mixed[BATCHES + GOVERNANCE_BLOCK_MAX + 1];
    static struct digest digests[BATCHES + GOVERNANCE_BLOCK_MAX + 1];
    struct digest parent = sample_digest("parent");
    make_block_at(8, &parent);
    for (uint32_t i = 0; i < BATCHES + count; i++) {
        mixed[i] = i < BATCHES ? batches[i] : batch_of_governance(transaction);
        digests[i] = mixed[i].digest;
        if (i >= BATCHES) block.header.payload_size += (uint32_t)batch_size_without_bodies(&mixed[i]);
    }
    block.batches = mixed;
    block.batch_count = BATCHES + count;
    block.header.payload_root = payload_root(digests, block.batch_count);
    block.hash = block_header_hash(&block.header);
}

static void governance_transactions_stand_among_batches_and_are_no_events(void **state)
{
    (void)state;
    struct sample_transaction transaction;
    sample_transaction_init(&transaction, GOVERNANCE_PROPOSE, ACTION_ADMIT_MEMBER);
    for (uint32_t count = 1; count <= GOVERNANCE_BLOCK_MAX; count += GOVERNANCE_BLOCK_MAX - 1) {
        make_governing_block(&transaction.fields, count);
        encode(true);
        assert_int_equal(decode(), TALLY_OK);
        assert_int_equal(read.batch_count, BATCHES + count);
        assert_int_equal(read.header.payload_events, 2 + 3 + 4);
        assert_null(read.batches[BATCHES - 1].governance);
        assert_non_null(read.batches[BATCHES + count - 1].governance);
        block.header.payload_size--;
        encode(true);
        assert_int_equal(decode(), TALLY_EFORM);
    }
    make_governing_block(&transaction.fields, GOVERNANCE_BLOCK_MAX + 1);
    encode(true);
    assert_int_equal(decode(), TALLY_ELIMIT);
    sample_transaction_close(&transaction);
}

static void a_range_of_consecutive_blocks_comes_back(void **state)
{
    (void)state;
    struct buffer encoded[2];
    struct span spans[2];
    struct block *blocks;
    struct certificate finalization;
    size_t count = 0;
    struct digest parent = sample_digest("parent");
    for (size_t i = 0; i < 2; i++) {
        make_block_at(8 + i, &parent);
        parent = block.hash;
        buffer_init(&encoded[i], FRAME_SIZE_MAX);
        block_encode(&block, true, &encoded[i]);
        spans[i] = buffer_span(&encoded[i]);
    }
    block_range_encode(spans, 2, &block.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &network.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_OK);
    assert_int_equal(count, 2);
    assert_int_equal(blocks[1].header.height, 9);
    assert_true(digest_equal(&blocks[1].hash, &block.hash));
    assert_true(digest_equal(&finalization.block, &block.hash));

    buffer_clear(&bytes);
    struct span swapped[2] = {spans[1], spans[0]};
    block_range_encode(swapped, 2, &block.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &network.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_EFORM);
    buffer_clear(&bytes);
    struct span twice[2] = {spans[0], spans[0]};
    block_range_encode(twice, 2, &block.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &network.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_EFORM);
    buffer_clear(&bytes);
    block_range_encode(NULL, 0, &block.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &network.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_EFORM);
    for (size_t i = 0; i < 2; i++)
        buffer_close(&encoded[i]);
}

static void no_truncation_decodes_and_small_budgets_end_cleanly(void **state)
{
    (void)state;
    encode(true);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_not_equal(
            block_decode(span_of(bytes.data, size), &network.chain_id, &arena, &read), TALLY_OK);
    bool succeeded = false;
    for (size_t budget = 0; budget < 64 * KIB; budget += 128) {
        struct arena small;
        arena_init(&small, budget);
        int error = block_decode(buffer_span(&bytes), &network.chain_id, &small, &read);
        assert_true(error == TALLY_OK || error == TALLY_ENOMEM);
        succeeded = succeeded || error == TALLY_OK;
        arena_close(&small);
    }
    assert_true(succeeded);
}

#define with_block(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_block(a_block_comes_back_as_it_was),
        with_block(a_block_without_bodies_or_finalization_has_the_same_hash),
        with_block(the_hand_written_encoding_is_protobufs_own),
        with_block(an_empty_block_is_a_block),
        with_block(content_that_is_not_the_headers_is_malformed),
        with_block(a_block_of_another_chain_is_told_apart),
        with_block(a_body_that_misses_its_commitment_is_damage),
        with_block(governance_transactions_stand_among_batches_and_are_no_events),
        with_block(a_range_of_consecutive_blocks_comes_back),
        with_block(no_truncation_decodes_and_small_budgets_end_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
