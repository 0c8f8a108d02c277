// links: proof codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/verify.h"
#include "tests/vectors/sample_chain.h"

static struct sample_network network;
static struct proof_trust trust;
static struct consistency_proof proof;

static int make_network(void **state)
{
    (void)state;
    sample_network_init(&network, "chain", 4);
    return 0;
}

static int make_proof(void **state)
{
    (void)state;
    trust = (struct proof_trust){.chain_id = network.chain_id, .validators = network.validators};
    sample_consistency(&network, 6, 11, &proof);
    return 0;
}

static struct proof_verdict verdict_of_bytes(struct span bytes)
{
    struct consistency_proof read;
    struct proof_verdict verdict;
    int error = consistency_verify(&trust, bytes, &read, &verdict);
    assert_int_equal(error == TALLY_OK, verdict.reason == PROOF_OK);
    if (error != TALLY_OK && verdict.reason != PROOF_STALE) assert_false(verdict.authentic);
    assert_false(verdict.complete || verdict.absent);
    return verdict;
}

static struct proof_verdict verdict_of(const struct consistency_proof *given)
{
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    consistency_proof_encode(given, &bytes);
    assert_false(bytes.failed);
    assert_int_equal(proof_form_of(buffer_span(&bytes)), PROOF_FORM_CONSISTENCY);
    struct proof_verdict verdict = verdict_of_bytes(buffer_span(&bytes));
    buffer_close(&bytes);
    return verdict;
}

static void expect(enum proof_reason reason)
{
    assert_string_equal(proof_reason_name(verdict_of(&proof).reason), proof_reason_name(reason));
}

static void certify_both(void)
{
    sample_certify(&network, sample_quorum(&network), &proof.older);
    sample_certify(&network, sample_quorum(&network), &proof.newer);
}

static void every_pair_of_heights_holds(void **state)
{
    (void)state;
    for (uint64_t newer = 1; newer <= SAMPLE_HEIGHTS; newer++)
        for (uint64_t older = 1; older <= newer; older++) {
            sample_consistency(&network, older, newer, &proof);
            struct proof_verdict verdict = verdict_of(&proof);
            assert_int_equal(verdict.reason, PROOF_OK);
            assert_true(verdict.authentic);
            assert_int_equal(verdict.as_of_height, newer);
        }
}

static void a_ledger_that_was_changed_below_the_older_checkpoint_is_root(void **state)
{
    (void)state;
    proof.older.checkpoint.history_root = sample_digest("another past");
    certify_both();
    expect(PROOF_ROOT);
}

static void a_newer_ledger_that_forgot_the_older_one_is_root(void **state)
{
    (void)state;
    proof.newer.checkpoint.history_root = sample_digest("another present");
    certify_both();
    expect(PROOF_ROOT);
}

static void shorter_longer_and_altered_paths_are_root(void **state)
{
    (void)state;
    proof.path_length--;
    expect(PROOF_ROOT);
    make_proof(NULL);
    proof.path[proof.path_length++] = sample_digest("more");
    expect(PROOF_ROOT);
    make_proof(NULL);
    proof.path[1].bytes[9] ^= 1;
    expect(PROOF_ROOT);
    proof.path_length = 0;
    expect(PROOF_ROOT);
}

static void checkpoints_in_the_wrong_order_are_root(void **state)
{
    (void)state;
    struct certified_checkpoint older = proof.older;
    proof.older = proof.newer;
    proof.newer = older;
    expect(PROOF_ROOT);
}

static void a_newer_checkpoint_that_is_not_later_is_root(void **state)
{
    (void)state;
    proof.newer.checkpoint.time_ms = proof.older.checkpoint.time_ms;
    certify_both();
    expect(PROOF_ROOT);
}

static void height_0_has_no_checkpoint(void **state)
{
    (void)state;
    proof.older.checkpoint.height = 0;
    certify_both();
    expect(PROOF_ROOT);
}

static void two_checkpoints_of_one_height_must_be_the_same(void **state)
{
    (void)state;
    sample_consistency(&network, 8, 8, &proof);
    sample_certify(&network, 14, &proof.newer);
    expect(PROOF_OK);
    proof.newer.checkpoint.state_root = sample_digest("another state");
    certify_both();
    expect(PROOF_ROOT);
}

static void either_checkpoint_of_another_chain_is_chain(void **state)
{
    (void)state;
    proof.older.checkpoint.chain_id = sample_digest("another chain");
    certify_both();
    expect(PROOF_CHAIN);
    make_proof(NULL);
    proof.newer.checkpoint.chain_id = sample_digest("another chain");
    certify_both();
    expect(PROOF_CHAIN);
}

static void either_checkpoint_without_its_quorum_is_signature(void **state)
{
    (void)state;
    sample_certify(&network, 3, &proof.older);
    expect(PROOF_SIGNATURE);
    make_proof(NULL);
    sample_certify(&network, 3, &proof.newer);
    expect(PROOF_SIGNATURE);
    make_proof(NULL);
    proof.newer.checkpoint.height++;
    expect(PROOF_SIGNATURE);
}

static void a_newer_checkpoint_older_than_asked_for_is_stale(void **state)
{
    (void)state;
    trust.height_min = 12;
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_STALE);
    assert_true(verdict.authentic);
}

static void no_single_bit_can_change(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    consistency_proof_encode(&proof, &bytes);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verdict_of_bytes(buffer_span(&bytes)).reason == PROOF_OK)
            fail_msg("bit %zu of byte %zu can change", bit % 8, bit / 8);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_not_equal(verdict_of_bytes(span_of(bytes.data, size)).reason, PROOF_OK);
    buffer_u8(&bytes, 0);
    assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_FORM);
    buffer_close(&bytes);
}

static struct proof_verdict checkpoint_verdict(const struct certified_checkpoint *given)
{
    struct certified_checkpoint read;
    struct proof_verdict verdict;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    certified_checkpoint_encode(given, &bytes);
    assert_int_equal(proof_form_of(buffer_span(&bytes)), PROOF_FORM_CHECKPOINT);
    int error = certified_checkpoint_verify(&trust, buffer_span(&bytes), &read, &verdict);
    assert_int_equal(error == TALLY_OK, verdict.reason == PROOF_OK);
    buffer_close(&bytes);
    return verdict;
}

static void a_checkpoint_alone_verifies_by_its_signatures(void **state)
{
    (void)state;
    assert_int_equal(checkpoint_verdict(&proof.newer).reason, PROOF_OK);
    assert_int_equal(checkpoint_verdict(&proof.newer).as_of_height, 11);
    sample_certify(&network, 3, &proof.newer);
    assert_int_equal(checkpoint_verdict(&proof.newer).reason, PROOF_SIGNATURE);
    trust.height_min = 7;
    assert_int_equal(checkpoint_verdict(&proof.older).reason, PROOF_STALE);
    trust.chain_id = sample_digest("another chain");
    assert_int_equal(checkpoint_verdict(&proof.older).reason, PROOF_CHAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_pair_of_heights_holds, make_proof),
        cmocka_unit_test_setup(a_ledger_that_was_changed_below_the_older_checkpoint_is_root, make_proof),
        cmocka_unit_test_setup(a_newer_ledger_that_forgot_the_older_one_is_root, make_proof),
        cmocka_unit_test_setup(shorter_longer_and_altered_paths_are_root, make_proof),
        cmocka_unit_test_setup(checkpoints_in_the_wrong_order_are_root, make_proof),
        cmocka_unit_test_setup(a_newer_checkpoint_that_is_not_later_is_root, make_proof),
        cmocka_unit_test_setup(height_0_has_no_checkpoint, make_proof),
        cmocka_unit_test_setup(two_checkpoints_of_one_height_must_be_the_same, make_proof),
        cmocka_unit_test_setup(either_checkpoint_of_another_chain_is_chain, make_proof),
        cmocka_unit_test_setup(either_checkpoint_without_its_quorum_is_signature, make_proof),
        cmocka_unit_test_setup(a_newer_checkpoint_older_than_asked_for_is_stale, make_proof),
        cmocka_unit_test_setup(no_single_bit_can_change, make_proof),
        cmocka_unit_test_setup(a_checkpoint_alone_verifies_by_its_signatures, make_proof),
    };
    return cmocka_run_group_tests(tests, make_network, NULL);
}
