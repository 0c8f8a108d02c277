// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/transfer.h"
#include "proto/crypto/merkle.h"
#include "tests/vectors/samples.h"

/* Round trips are the fuzz target's; here are the bounds, and what is refused. */

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64u * MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static void an_offer_may_have_nothing_in_it(void **state)
{
    (void)state;
    struct buffer bytes;
    struct snapshot_offer offer = {.finalized_height = 7};
    buffer_init(&bytes, KIB);
    snapshot_offer_encode(&(struct snapshot_offer){0}, &bytes);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(snapshot_offer_decode(span_of(NULL, 0), &arena, &offer), TALLY_OK);
    assert_int_equal(offer.finalized_height, 0);
    assert_int_equal(offer.head.size, 0);
    buffer_close(&bytes);
}

static void results_must_be_as_many_as_the_events_and_known(void **state)
{
    (void)state;
    struct event_result results[3] = {
        {.code = RESULT_OK}, {.code = RESULT_GAP, .detail_size = 2, .detail = {8, 9}}, {.code = RESULT_PAST}};
    struct event_result *read;
    struct buffer bytes;
    buffer_init(&bytes, KIB);
    block_results_encode(results, 3, &bytes);
    assert_int_equal(bytes.size, 3 * 3 + 2);
    assert_int_equal(block_results_decode(buffer_span(&bytes), 3, &arena, &read), TALLY_OK);
    assert_int_equal(read[1].code, RESULT_GAP);
    assert_int_equal(read[1].detail_size, 2);
    assert_memory_equal(read[1].detail, results[1].detail, 2);
    assert_int_equal(block_results_decode(buffer_span(&bytes), 2, &arena, &read), TALLY_EFORM);
    assert_int_equal(block_results_decode(buffer_span(&bytes), 4, &arena, &read), TALLY_EFORM);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(block_results_decode(span_of(bytes.data, size), 3, &arena, &read), TALLY_EFORM);
    bytes.data[1] = 200; /* no such code */
    assert_int_equal(block_results_decode(buffer_span(&bytes), 3, &arena, &read), TALLY_EFORM);
    bytes.data[1] = 0;
    bytes.data[2] = RESULT_DETAIL_SIZE_MAX + 1;
    assert_int_equal(block_results_decode(buffer_span(&bytes), 3, &arena, &read), TALLY_EFORM);
    buffer_close(&bytes);
}

static void the_root_of_results_is_that_of_their_leaves(void **state)
{
    (void)state;
    struct digest chain_id = sample_digest("transfer");
    struct sample_batch batch;
    struct event_result results[4] = {{.code = RESULT_OK}, {.code = RESULT_PAST}};
    struct digest leaves[4];
    sample_batch_init(&batch, &chain_id, 1, "subject", 4);
    struct block block = {
        .header = {.height = 9, .payload_events = 4}, .batch_count = 1, .batches = &batch.batch};
    for (uint32_t i = 0; i < 4; i++)
        leaves[i] = result_leaf(9, i, &batch.batch.events[i].id, &results[i]);
    struct digest wanted = merkle_root(leaves, 4), got = block_results_root(&block, results);
    assert_true(digest_equal(&wanted, &got));
    results[3].code = RESULT_PAST;
    got = block_results_root(&block, results);
    assert_false(digest_equal(&wanted, &got));
    sample_batch_close(&batch);
}

/* Small messages that claim much. */
static void a_backfill_has_results_for_each_block_and_not_too_many(void **state)
{
    (void)state;
    struct digest chain_id = sample_digest("transfer");
    struct backfill backfill;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    assert_int_equal(backfill_decode(span_of(NULL, 0), &chain_id, &arena, &backfill), TALLY_OK);
    assert_int_equal(backfill.count, 0);
    static const uint8_t block_alone[] = {0x0A, 0x00};
    assert_int_equal(backfill_decode(span_of(block_alone, 2), &chain_id, &arena, &backfill), TALLY_EFORM);
    for (uint32_t i = 0; i <= BACKFILL_BLOCKS_MAX; i++)
        buffer_append(&bytes, "\x0A\x00", 2);
    for (uint32_t i = 0; i <= BACKFILL_BLOCKS_MAX; i++)
        buffer_append(&bytes, "\x12\x00", 2);
    assert_int_equal(backfill_decode(buffer_span(&bytes), &chain_id, &arena, &backfill), TALLY_ELIMIT);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_offer_may_have_nothing_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_must_be_as_many_as_the_events_and_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_root_of_results_is_that_of_their_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_backfill_has_results_for_each_block_and_not_too_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
