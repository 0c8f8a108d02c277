// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/backfill.h"
#include "proto/codec/transfer.h"
#include "tests/vectors/samples.h"

#define EVENTS 4u
#define HEIGHT 9u

/* A block of four events, as a peer gives it, and what the snapshot says of its height. */
struct fixture {
    struct sample_network network;
    struct sample_batch batch;
    struct block block;
    struct event_result results[EVENTS];
    struct state_roots roots;
};

/* Signs it as its leader would, and has the snapshot say the same. */
static void settle(struct fixture *fixture)
{
    struct block *block = &fixture->block;
    block->hash = block_header_hash(&block->header);
    struct digest digest = proposal_digest(&fixture->network.chain_id, &block->header, &block->hash);
    signature_make(&fixture->network.secrets[leader_of(3, 4)], &digest, &block->signature);
    fixture->roots.height = block->header.height;
    fixture->roots.block = block->hash;
    fixture->roots.results_root = block_results_root(block, fixture->results);
}

static int open_fixture(void **state)
{
    static const uint8_t justification[] = "any bytes: the header carries their root";
    struct fixture *fixture = calloc(1, sizeof *fixture);
    sample_network_init(&fixture->network, "older", 4);
    const struct digest *chain_id = &fixture->network.chain_id;
    sample_batch_init(&fixture->batch, chain_id, 1, "subject", EVENTS);
    fixture->results[1] = (struct event_result){.code = RESULT_GAP, .detail_size = 2};
    fixture->block = (struct block){
        .justification = span_of(justification, sizeof justification),
        .batch_count = 1,
        .batches = &fixture->batch.batch,
        .header = {.chain_id = *chain_id,
            .epoch = 1,
            .view = 3,
            .height = HEIGHT,
            .parent_hash = sample_digest("parent"),
            .payload_root = payload_root(&fixture->batch.batch.digest, 1),
            .payload_size = (uint32_t)batch_size_without_bodies(&fixture->batch.batch),
            .payload_events = EVENTS,
            .time_ms = SAMPLE_TIME_MS},
    };
    fixture->block.header.justification_root = justification_root(fixture->block.justification);
    settle(fixture);
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

static int check(const struct fixture *fixture)
{
    return older_block_check(&fixture->block, fixture->results, &fixture->roots, &fixture->network.validators,
        &fixture->network.chain_id);
}

static void the_block_of_the_chain_with_its_results_is_taken(void **state)
{
    assert_int_equal(check(*state), TALLY_OK);
}

static void another_block_or_one_of_another_height_is_not(void **state)
{
    struct fixture *fixture = *state;
    fixture->block.header.time_ms++;
    struct state_roots said = fixture->roots;
    settle(fixture); /* a whole block, signed by its leader: a proposal that was not the one */
    fixture->roots = said;
    assert_int_equal(check(fixture), TALLY_EINVALID);
    settle(fixture);
    assert_int_equal(check(fixture), TALLY_OK);
    fixture->roots.height++;
    assert_int_equal(check(fixture), TALLY_EINVALID);
}

static void no_result_may_be_another(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct event_result was = fixture->results[i];
        fixture->results[i].code ^= 1;
        assert_int_equal(check(fixture), TALLY_EINVALID);
        fixture->results[i] = was;
        fixture->results[i].detail_size++;
        assert_int_equal(check(fixture), TALLY_EINVALID);
        fixture->results[i] = was;
    }
    assert_int_equal(check(fixture), TALLY_OK);
}

/* No hash covers them, so they are checked as those of any block are. */
static void signatures_must_hold(void **state)
{
    struct fixture *fixture = *state;
    fixture->block.signature.bytes[7] ^= 1;
    assert_int_equal(check(fixture), TALLY_ESIGNATURE);
    settle(fixture);
    fixture->batch.batch.signature.bytes[7] ^= 1;
    assert_int_equal(check(fixture), TALLY_ESIGNATURE);
}

/* It is the chain's: that this node does not know the epoch's validators yet is no fault of the peer's. */
static void a_block_of_an_epoch_whose_validators_are_not_known_waits(void **state)
{
    struct fixture *fixture = *state;
    const struct digest *chain_id = &fixture->network.chain_id;
    assert_int_equal(older_block_check(&fixture->block, fixture->results, &fixture->roots, NULL, chain_id),
        TALLY_EPENDING);
    fixture->results[1].code ^= 1;
    assert_int_equal(older_block_check(&fixture->block, fixture->results, &fixture->roots, NULL, chain_id),
        TALLY_EINVALID);
    fixture->results[1].code ^= 1;
    fixture->roots.block.bytes[0] ^= 1;
    assert_int_equal(older_block_check(&fixture->block, fixture->results, &fixture->roots, NULL, chain_id),
        TALLY_EINVALID);
}

static void bodies_are_gone_only_where_an_honest_validator_says_so(void **state)
{
    (void)state;
    /* Validators 0 to 3 and two observers. */
    bool up[PEERS_MAX] = {[1] = true}, without[PEERS_MAX] = {[1] = true};
    const bool validator[PEERS_MAX] = {true, true, true, true};
    assert_false(older_bodies_are_gone(up, without, validator, 4)); /* it alone keeps them back */
    up[4] = up[5] = without[4] = without[5] = true;
    assert_false(
        older_bodies_are_gone(up, without, validator, 4)); /* nor does any number of observers help */
    up[2] = true;
    assert_false(older_bodies_are_gone(up, without, validator, 4)); /* who is not asked yet */
    without[2] = true;
    assert_true(older_bodies_are_gone(up, without, validator, 4));
    up[0] = true;
    assert_false(older_bodies_are_gone(up, without, validator, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_block_of_the_chain_with_its_results_is_taken, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(
            another_block_or_one_of_another_height_is_not, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(no_result_may_be_another, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(signatures_must_hold, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(
            a_block_of_an_epoch_whose_validators_are_not_known_waits, open_fixture, close_fixture),
        cmocka_unit_test(bodies_are_gone_only_where_an_honest_validator_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
