// links: proof codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/verify.h"
#include "tests/vectors/sample_chain.h"

static struct sample_network network;
static struct proof_trust trust;
static struct receipt receipt;

static int make_network(void **state)
{
    (void)state;
    sample_network_init(&network, "chain", 4);
    return 0;
}

static void make_receipt_at(uint64_t height, uint32_t index, uint32_t count)
{
    sample_receipt(&network, height, index, count, &receipt);
}

static int make_receipt(void **state)
{
    (void)state;
    trust = (struct proof_trust){.chain_id = network.chain_id, .validators = network.validators};
    make_receipt_at(6, 3, 7);
    return 0;
}

static struct proof_verdict verdict_of_bytes(struct span bytes)
{
    struct receipt read;
    struct proof_verdict verdict;
    int error = receipt_verify(&trust, bytes, &read, &verdict);
    assert_int_equal(error == TALLY_OK, verdict.reason == PROOF_OK);
    return verdict;
}

static struct proof_verdict verdict_of(const struct receipt *given)
{
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    receipt_encode(given, &bytes);
    assert_false(bytes.failed);
    struct proof_verdict verdict = verdict_of_bytes(buffer_span(&bytes));
    buffer_close(&bytes);
    return verdict;
}

static void expect(enum proof_reason reason)
{
    assert_string_equal(proof_reason_name(verdict_of(&receipt).reason), proof_reason_name(reason));
}

static void a_receipt_of_any_place_in_a_block_of_any_size_holds(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= SAMPLE_RESULTS_MAX; count++)
        for (uint32_t index = 0; index < count; index++) {
            make_receipt_at(6, index, count);
            expect(PROOF_OK);
        }
}

static void a_receipt_of_every_height_holds(void **state)
{
    (void)state;
    for (uint64_t height = 1; height <= SAMPLE_HEIGHTS; height++) {
        make_receipt_at(height, 1, 2);
        struct proof_verdict verdict = verdict_of(&receipt);
        assert_int_equal(verdict.reason, PROOF_OK);
        assert_true(verdict.authentic && !verdict.complete && !verdict.absent);
        assert_int_equal(verdict.as_of_height, SAMPLE_HEIGHTS);
    }
}

static void another_result_or_detail_is_root(void **state)
{
    (void)state;
    receipt.result.code = RESULT_CONFLICT;
    expect(PROOF_ROOT);
    make_receipt(NULL);
    make_receipt_at(6, 4, 7);
    receipt.result.detail[7] ^= 1;
    expect(PROOF_ROOT);
}

static void another_event_index_or_height_is_root(void **state)
{
    (void)state;
    receipt.event_id.bytes[0] ^= 1;
    expect(PROOF_ROOT);
    make_receipt(NULL);
    receipt.index = 2;
    expect(PROOF_ROOT);
    make_receipt(NULL);
    receipt.height = 7;
    expect(PROOF_ROOT);
    receipt.height = SAMPLE_HEIGHTS + 1;
    expect(PROOF_ROOT);
    receipt.height = 0;
    expect(PROOF_ROOT);
}

static void shorter_and_longer_paths_are_root(void **state)
{
    (void)state;
    receipt.result_path_length--;
    expect(PROOF_ROOT);
    make_receipt(NULL);
    receipt.result_path[receipt.result_path_length++] = sample_digest("more");
    expect(PROOF_ROOT);
    make_receipt(NULL);
    receipt.history_path_length--;
    expect(PROOF_ROOT);
    make_receipt(NULL);
    receipt.result_path_length = MERKLE_DEPTH_MAX;
    expect(PROOF_ROOT);
}

static void another_chain_is_chain_and_too_few_signers_are_signature(void **state)
{
    (void)state;
    trust.chain_id = sample_digest("another chain");
    expect(PROOF_CHAIN);
    make_receipt(NULL);
    sample_certify(&network, 3, &receipt.checkpoint);
    expect(PROOF_SIGNATURE);
}

static void an_older_checkpoint_than_asked_for_is_stale(void **state)
{
    (void)state;
    trust.height_min = SAMPLE_HEIGHTS + 1;
    expect(PROOF_STALE);
}

static void no_single_bit_can_change(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    make_receipt_at(6, 4, 7);
    receipt_encode(&receipt, &bytes);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verdict_of_bytes(buffer_span(&bytes)).reason == PROOF_OK)
            fail_msg("bit %zu of byte %zu can change", bit % 8, bit / 8);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(verdict_of_bytes(span_of(bytes.data, size)).reason, PROOF_FORM);
    buffer_u8(&bytes, 0);
    assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_FORM);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_receipt_of_any_place_in_a_block_of_any_size_holds, make_receipt),
        cmocka_unit_test_setup(a_receipt_of_every_height_holds, make_receipt),
        cmocka_unit_test_setup(another_result_or_detail_is_root, make_receipt),
        cmocka_unit_test_setup(another_event_index_or_height_is_root, make_receipt),
        cmocka_unit_test_setup(shorter_and_longer_paths_are_root, make_receipt),
        cmocka_unit_test_setup(another_chain_is_chain_and_too_few_signers_are_signature, make_receipt),
        cmocka_unit_test_setup(an_older_checkpoint_than_asked_for_is_stale, make_receipt),
        cmocka_unit_test_setup(no_single_bit_can_change, make_receipt),
    };
    return cmocka_run_group_tests(tests, make_network, NULL);
}
