// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/peer_message.h"
#include "tests/vectors/samples.h"

/* One finalized block with a batch of four events, as a peer serves it to who is behind. */
struct fixture {
    struct sample_network network;
    struct sample_batch batch;
    struct block block;
    struct certificate finalization;
};

static int open_fixture(void **state)
{
    static const uint8_t justification[] = "any bytes: the header carries their root";
    struct fixture *fixture = calloc(1, sizeof *fixture);
    sample_network_init(&fixture->network, "range", 4);
    const struct digest *chain_id = &fixture->network.chain_id;
    sample_batch_init(&fixture->batch, chain_id, 1, "subject", 4);
    struct block *block = &fixture->block;
    block->justification = span_of(justification, sizeof justification);
    block->batch_count = 1;
    block->batches = &fixture->batch.batch;
    block->header = (struct block_header){
        .chain_id = *chain_id,
        .epoch = 1,
        .view = 3,
        .height = 1,
        .parent_hash = *chain_id,
        .payload_root = payload_root(&fixture->batch.batch.digest, 1),
        .payload_size = (uint32_t)batch_size_without_bodies(&fixture->batch.batch),
        .payload_events = 4,
        .time_ms = SAMPLE_TIME_MS,
        .justification_root = justification_root(block->justification),
    };
    block->hash = block_header_hash(&block->header);
    struct digest digest = proposal_digest(chain_id, &block->header, &block->hash);
    signature_make(&fixture->network.secrets[leader_of(3, 4)], &digest, &block->signature);
    sample_certificate(&fixture->network, VOTE_FINALIZE, 3, &block->hash, &fixture->finalization);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    sample_batch_close(&fixture->batch);
    free(fixture);
    return 0;
}

/* Sends the block as a range, and says what the receiver makes of it; TALLY_ENOTFOUND where it holds, and
 * lacks a body. */
static int serve(const struct fixture *fixture, bool with_bodies)
{
    struct buffer block, range;
    struct peer_message *message;
    buffer_init(&block, FRAME_SIZE_MAX);
    buffer_init(&range, FRAME_SIZE_MAX);
    block_encode(&fixture->block, with_bodies, &block);
    struct span encoded = buffer_span(&block);
    block_range_encode(&encoded, 1, &fixture->finalization, &range);
    assert_false(range.failed);
    assert_int_equal(
        peer_message_open(FRAME_RANGE, buffer_span(&range), &fixture->network.chain_id, &message), TALLY_OK);
    int error = peer_message_check(message, &fixture->network.validators, &fixture->network.chain_id);
    if (error == TALLY_OK && !block_is_whole(&message->blocks[0])) error = TALLY_ENOTFOUND;
    peer_message_release(message);
    buffer_close(&block);
    buffer_close(&range);
    return error;
}

static void a_whole_range_is_believed(void **state)
{
    assert_int_equal(serve(*state, true), TALLY_OK);
}

static void a_range_stripped_of_bodies_holds_and_is_not_whole(void **state)
{
    assert_int_equal(serve(*state, false), TALLY_ENOTFOUND);
}

static void a_range_missing_one_body_holds_and_is_not_whole(void **state)
{
    struct fixture *fixture = *state;
    fixture->batch.events[2].has_body = false;
    assert_int_equal(serve(fixture, true), TALLY_ENOTFOUND);
}

static void a_block_that_its_leader_did_not_sign_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct digest digest =
        proposal_digest(&fixture->network.chain_id, &fixture->block.header, &fixture->block.hash);
    signature_make(&fixture->network.secrets[leader_of(4, 4)], &digest, &fixture->block.signature);
    assert_int_equal(serve(fixture, true), TALLY_ESIGNATURE);
}

static void a_batch_that_its_member_did_not_sign_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->batch.batch.signature.bytes[5] ^= 1;
    assert_int_equal(serve(fixture, true), TALLY_ESIGNATURE);
}

static void a_finalization_by_too_few_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->finalization.signatures[0].bytes[5] ^= 1;
    assert_int_equal(serve(fixture, true), TALLY_ESIGNATURE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_range_is_believed),
        TEST(a_range_stripped_of_bodies_holds_and_is_not_whole),
        TEST(a_range_missing_one_body_holds_and_is_not_whole),
        TEST(a_block_that_its_leader_did_not_sign_is_refused),
        TEST(a_batch_that_its_member_did_not_sign_is_refused),
        TEST(a_finalization_by_too_few_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
