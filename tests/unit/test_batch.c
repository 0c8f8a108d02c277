// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "credit.pb-c.h"

#include "proto/codec/batch.h"
#include "proto/codec/message.h"
#include "tests/vectors/event_samples.h"
#include "tests/vectors/governance_samples.h"

#define EVENTS 5u

static struct digest chain;
static struct sample_batch sample;
static struct buffer bytes;
static struct arena arena;
static struct batch read;

static int make_batch(void **state)
{
    (void)state;
    chain = sample_digest("chain");
    sample_batch_init(&sample, &chain, 7, "subject", EVENTS);
    buffer_init(&bytes, 2 * BATCH_SIZE_MAX);
    arena_init(&arena, 8 * MIB);
    return 0;
}

static int drop_batch(void **state)
{
    (void)state;
    sample_batch_close(&sample);
    buffer_close(&bytes);
    arena_close(&arena);
    return 0;
}

static int decode(uint32_t *index)
{
    return batch_decode(buffer_span(&bytes), &chain, &arena, &read, index);
}

static void encode(bool with_bodies)
{
    buffer_clear(&bytes);
    batch_encode(&sample.batch, with_bodies, &bytes);
    assert_false(bytes.failed);
}

static void a_batch_comes_back_as_it_was(void **state)
{
    (void)state;
    struct verify_key key;
    uint32_t index = 0;
    encode(true);
    assert_int_equal(decode(&index), TALLY_OK);
    assert_int_equal(index, UINT32_MAX);
    assert_true(digest_equal(&read.digest, &sample.batch.digest));
    assert_int_equal(read.member_id, 7);
    assert_int_equal(read.event_count, EVENTS);
    assert_int_equal(read.expires_at_ms, sample.batch.expires_at_ms);
    for (uint32_t i = 0; i < EVENTS; i++) {
        assert_true(span_equal(read.events[i].header, sample.events[i].header));
        assert_true(span_equal(read.events[i].body, sample.events[i].body));
        assert_true(read.events[i].has_body);
        assert_memory_equal(read.events[i].salt, sample.events[i].salt, SALT_SIZE);
        assert_true(digest_equal(&read.events[i].id, &sample.events[i].id));
        assert_int_equal(read.events[i].fields.account_seq, i);
    }
    assert_int_equal(verify_key_parse(&read.signing_key, &key), TALLY_OK);
    assert_int_equal(batch_check(&read, &key), TALLY_OK);
}

static void the_hand_written_encoding_is_protobufs_own(void **state)
{
    (void)state;
    for (int with_bodies = 0; with_bodies < 2; with_bodies++) {
        ProtobufCMessage *message;
        struct buffer again;
        encode(with_bodies == 1);
        assert_int_equal(bytes.size, batch_size(&sample.batch, with_bodies == 1));
        assert_int_equal(message_decode(&tallystick__v1__batch__descriptor, MESSAGE_CANONICAL,
                             buffer_span(&bytes), &arena, &message),
            TALLY_OK);
        buffer_init(&again, 2 * BATCH_SIZE_MAX);
        message_encode(message, &again);
        assert_true(span_equal(buffer_span(&again), buffer_span(&bytes)));
        buffer_close(&again);
    }
}

static void a_batch_without_bodies_has_the_same_digest(void **state)
{
    (void)state;
    encode(false);
    assert_int_equal(bytes.size, batch_size_without_bodies(&sample.batch));
    assert_int_equal(decode(NULL), TALLY_OK);
    assert_true(digest_equal(&read.digest, &sample.batch.digest));
    for (uint32_t i = 0; i < EVENTS; i++)
        assert_false(read.events[i].has_body);
}

static void the_digest_binds_every_field(void **state)
{
    (void)state;
    struct digest digests[7];
    struct batch batch = sample.batch;
    digests[0] = batch_digest(&batch);
    batch.chain_id.bytes[0] ^= 1;
    digests[1] = batch_digest(&batch);
    batch = sample.batch;
    batch.member_id++;
    digests[2] = batch_digest(&batch);
    batch = sample.batch;
    batch.signing_key.bytes[32] ^= 1;
    digests[3] = batch_digest(&batch);
    batch = sample.batch;
    batch.expires_at_ms++;
    digests[4] = batch_digest(&batch);
    batch = sample.batch;
    batch.event_count--;
    digests[5] = batch_digest(&batch);
    batch = sample.batch;
    sample.events[EVENTS - 1].id.bytes[31] ^= 1;
    digests[6] = batch_digest(&batch);
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&digests[i], &digests[j]));
}

static void a_signature_of_anything_else_fails(void **state)
{
    (void)state;
    struct verify_key key;
    assert_int_equal(verify_key_parse(&sample.batch.signing_key, &key), TALLY_OK);
    sample.batch.digest.bytes[0] ^= 1;
    assert_int_equal(batch_check(&sample.batch, &key), TALLY_ESIGNATURE);
}

static void a_body_that_misses_its_commitment_is_damage_and_names_its_event(void **state)
{
    (void)state;
    uint32_t index = 0;
    sample.events[3].salt[0] ^= 1;
    encode(true);
    assert_int_equal(decode(&index), TALLY_EDAMAGED);
    assert_int_equal(index, 3);
    encode(false);
    assert_int_equal(decode(&index), TALLY_OK);
}

static void a_header_of_another_member_is_invalid(void **state)
{
    (void)state;
    uint32_t index = 0;
    sample.batch.member_id = 8;
    encode(true);
    assert_int_equal(decode(&index), TALLY_EINVALID);
    assert_int_equal(index, 0);
}

static void a_batch_may_hold_every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct event_header header = full_header(event_types[i]);
        struct buffer header_bytes;
        uint32_t index = 0;
        header.member_id = sample.batch.member_id;
        buffer_init(&header_bytes, EVENT_HEADER_SIZE_MAX);
        event_header_encode(&header, &header_bytes);
        sample.batch.events[3].header = buffer_span(&header_bytes);
        sample.batch.events[3].has_body = false;
        encode(true);
        assert_int_equal(decode(&index), TALLY_OK);
        buffer_close(&header_bytes);
    }
}

static void a_broken_header_names_its_event(void **state)
{
    (void)state;
    uint32_t index = 0;
    sample.events[4].header.size--;
    encode(true);
    assert_int_equal(decode(&index), TALLY_EFORM);
    assert_int_equal(index, 4);
}

static void a_batch_needs_a_member_and_an_event(void **state)
{
    (void)state;
    uint32_t index = 0;
    sample.batch.event_count = 0;
    encode(true);
    assert_int_equal(decode(&index), TALLY_EFORM);
    assert_int_equal(index, UINT32_MAX);
    sample.batch.event_count = EVENTS;
    sample.batch.member_id = 0;
    encode(true);
    assert_int_equal(decode(&index), TALLY_EFORM);
}

static void the_thousandth_event_is_the_last(void **state)
{
    (void)state;
    static struct batch_event events[BATCH_EVENTS_MAX + 1];
    for (uint32_t i = 0; i <= BATCH_EVENTS_MAX; i++)
        events[i] = sample.events[i % EVENTS];
    sample.batch.events = events;
    sample.batch.event_count = BATCH_EVENTS_MAX;
    encode(true);
    assert_int_equal(decode(NULL), TALLY_OK);
    sample.batch.event_count++;
    encode(false);
    assert_int_equal(decode(NULL), TALLY_ELIMIT);
    sample.batch.events = sample.events;
    sample.batch.event_count = EVENTS;
}

static void a_batch_over_its_size_is_refused_before_it_is_read(void **state)
{
    (void)state;
    uint8_t *large = calloc(1, BATCH_SIZE_MAX + 1);
    assert_non_null(large);
    assert_int_equal(
        batch_decode(span_of(large, BATCH_SIZE_MAX + 1), &chain, &arena, &read, NULL), TALLY_ELIMIT);
    assert_int_equal(arena.used, 0);
    free(large);
}

static void no_truncation_and_no_addition_decodes(void **state)
{
    (void)state;
    encode(true);
    size_t size = bytes.size;
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(batch_decode(span_of(bytes.data, cut), &chain, &arena, &read, NULL), TALLY_OK);
    buffer_append(&bytes, "\x3a\x00", 2);
    assert_int_equal(decode(NULL), TALLY_EFORM);
}

static void a_full_buffer_fails(void **state)
{
    (void)state;
    struct buffer small;
    buffer_init(&small, 100);
    batch_encode(&sample.batch, true, &small);
    assert_true(small.failed);
    buffer_close(&small);
}

static void the_payload_root_is_that_of_the_digests_in_order(void **state)
{
    (void)state;
    struct digest digests[2] = {sample_digest("a"), sample_digest("b")};
    struct digest one = payload_root(digests, 1), two = payload_root(digests, 2);
    struct digest leaf = merkle_leaf(&digests[0]), other = merkle_leaf(&digests[1]);
    struct digest node = merkle_node(&leaf, &other);
    assert_true(digest_equal(&one, &leaf));
    assert_true(digest_equal(&two, &node));
}

/* ---- Governance transactions in the place of batches ---- */

static struct sample_transaction transaction;

static int make_transaction(void **state)
{
    make_batch(state);
    sample_transaction_init(&transaction, GOVERNANCE_PROPOSE, ACTION_ADD_NODE);
    buffer_clear(&bytes);
    struct batch batch = batch_of_governance(&transaction.fields);
    batch_encode(&batch, true, &bytes);
    assert_int_equal(bytes.size, batch_size(&batch, true));
    assert_int_equal(bytes.size, batch_size_without_bodies(&batch));
    return 0;
}

static int drop_transaction(void **state)
{
    sample_transaction_close(&transaction);
    return drop_batch(state);
}

static void a_governance_transaction_is_a_batch_of_no_events(void **state)
{
    (void)state;
    struct verify_key key;
    struct buffer again;
    uint32_t index = 0;
    assert_int_equal(decode(&index), TALLY_OK);
    assert_int_equal(index, UINT32_MAX);
    assert_int_equal(read.event_count, 0);
    assert_non_null(read.governance);
    assert_int_equal(read.governance->proposed.kind, ACTION_ADD_NODE);
    assert_true(digest_equal(&read.digest, &transaction.fields.digest));
    assert_true(digest_equal(&read.chain_id, &chain));
    assert_int_equal(read.member_id, 1);
    assert_int_equal(read.expires_at_ms, transaction.fields.expires_at_ms);
    assert_true(public_key_equal(&read.signing_key, &transaction.fields.key));
    assert_int_equal(verify_key_parse(&read.signing_key, &key), TALLY_OK);
    assert_int_equal(batch_check(&read, &key), TALLY_OK);
    buffer_init(&again, BATCH_SIZE_MAX);
    batch_encode(&read, false, &again);
    assert_true(span_equal(buffer_span(&again), buffer_span(&bytes)));
    buffer_close(&again);
}

static void the_encoding_of_a_transaction_is_protobufs_own(void **state)
{
    (void)state;
    Tallystick__V1__Batch message;
    struct buffer again;
    tallystick__v1__batch__init(&message);
    message.governance = message_bytes(buffer_span(&transaction.whole));
    buffer_init(&again, BATCH_SIZE_MAX);
    message_encode(&message.base, &again);
    assert_true(span_equal(buffer_span(&again), buffer_span(&bytes)));
    buffer_close(&again);
}

static void a_transaction_with_a_broken_signature_or_proof_fails(void **state)
{
    (void)state;
    struct verify_key key;
    assert_int_equal(verify_key_parse(&transaction.fields.key, &key), TALLY_OK);
    struct batch batch = batch_of_governance(&transaction.fields);
    transaction.fields.signature.bytes[0] ^= 1;
    assert_int_equal(batch_check(&batch, &key), TALLY_ESIGNATURE);
    transaction.fields.signature.bytes[0] ^= 1;
    transaction.proofs.data[0] ^= 1;
    assert_int_equal(batch_check(&batch, &key), TALLY_ESIGNATURE);
    transaction.proofs.data[0] ^= 1;
    assert_int_equal(batch_check(&batch, &key), TALLY_OK);
}

static void a_transaction_of_another_chain_is_refused(void **state)
{
    (void)state;
    chain = sample_digest("another chain");
    assert_int_equal(decode(NULL), TALLY_ECHAIN);
}

/* Every field of a batch, each alone beside a transaction. */
static void nothing_stands_beside_a_transaction(void **state)
{
    (void)state;
    for (int field = 0; field < 7; field++) {
        Tallystick__V1__CreditEvent event, *events[] = {&event};
        Tallystick__V1__Batch message;
        struct span some = span_of(chain.bytes, DIGEST_SIZE);
        tallystick__v1__credit_event__init(&event);
        tallystick__v1__batch__init(&message);
        message.governance = message_bytes(buffer_span(&transaction.whole));
        if (field == 1) message.chain_id = message_bytes(some);
        if (field == 2) message.member_id = 1;
        if (field == 3) message.signing_key = message_bytes(some);
        if (field == 4) message.expires_at_ms = transaction.fields.expires_at_ms;
        if (field == 5) message.events = events, message.n_events = 1;
        if (field == 6) message.signature = message_bytes(some);
        buffer_clear(&bytes);
        message_encode(&message.base, &bytes);
        assert_int_equal(decode(NULL), field == 0 ? TALLY_OK : TALLY_EFORM);
    }
}

static void no_truncation_of_a_transaction_decodes(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_not_equal(batch_decode(span_of(bytes.data, cut), &chain, &arena, &read, NULL), TALLY_OK);
}

#define with_transaction(name) cmocka_unit_test_setup_teardown(name, make_transaction, drop_transaction)
#define with_batch(name) cmocka_unit_test_setup_teardown(name, make_batch, drop_batch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_batch(a_batch_comes_back_as_it_was),
        with_batch(the_hand_written_encoding_is_protobufs_own),
        with_batch(a_batch_without_bodies_has_the_same_digest),
        with_batch(the_digest_binds_every_field),
        with_batch(a_signature_of_anything_else_fails),
        with_batch(a_body_that_misses_its_commitment_is_damage_and_names_its_event),
        with_batch(a_header_of_another_member_is_invalid),
        with_batch(a_batch_may_hold_every_type),
        with_batch(a_broken_header_names_its_event),
        with_batch(a_batch_needs_a_member_and_an_event),
        with_batch(the_thousandth_event_is_the_last),
        with_batch(a_batch_over_its_size_is_refused_before_it_is_read),
        with_batch(no_truncation_and_no_addition_decodes),
        with_batch(a_full_buffer_fails),
        with_batch(the_payload_root_is_that_of_the_digests_in_order),
        with_transaction(a_governance_transaction_is_a_batch_of_no_events),
        with_transaction(the_encoding_of_a_transaction_is_protobufs_own),
        with_transaction(a_transaction_with_a_broken_signature_or_proof_fails),
        with_transaction(a_transaction_of_another_chain_is_refused),
        with_transaction(nothing_stands_beside_a_transaction),
        with_transaction(no_truncation_of_a_transaction_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
