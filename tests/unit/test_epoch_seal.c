// links: proof codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/verify.h"
#include "tests/vectors/sample_epochs.h"

static struct sample_epochs epochs;
static struct proof_trust trust;
static struct buffer list; /* all seals of the sample */

static int make_epochs(void **state)
{
    (void)state;
    sample_epochs_init(&epochs, SAMPLE_EPOCHS_MAX);
    trust = (struct proof_trust){
        .chain_id = epochs.networks[0].chain_id, .validators = epochs.networks[0].validators};
    buffer_init(&list, EPOCH_SEALS_SIZE_MAX);
    sample_epochs_list(&epochs, 1, SAMPLE_EPOCHS_MAX - 1, &list);
    return 0;
}

static int drop_epochs(void **state)
{
    (void)state;
    buffer_close(&list);
    return 0;
}

static void a_list_reads_back_seal_by_seal(void **state)
{
    (void)state;
    struct span left = buffer_span(&list);
    for (uint32_t i = 0; i + 1 < SAMPLE_EPOCHS_MAX; i++) {
        struct epoch_seal seal;
        struct buffer again;
        struct span before = left;
        buffer_init(&again, EPOCH_SEAL_SIZE_MAX);
        assert_int_equal(epoch_seal_take(&left, &seal), TALLY_OK);
        assert_int_equal(seal.checkpoint.checkpoint.epoch, i + 1);
        assert_int_equal(seal.next_set.epoch, i + 2);
        assert_int_equal(seal.next_set.count, epochs.networks[i + 1].validators.set.count);
        assert_true(checkpoint_seals(&seal.checkpoint.checkpoint));
        epoch_seal_append(&seal, &again);
        assert_int_equal(again.size, before.size - left.size);
        assert_memory_equal(again.data, before.data, again.size);
        buffer_close(&again);
    }
    assert_int_equal(left.size, 0);
}

static void a_failed_take_changes_nothing(void **state)
{
    (void)state;
    struct epoch_seal seal = {.next_set = {.count = 77}};
    struct span cut = span_of(list.data, 100);
    assert_int_equal(epoch_seal_take(&cut, &seal), TALLY_EFORM);
    assert_int_equal(cut.size, 100);
    assert_int_equal(seal.next_set.count, 77);
}

static void a_set_of_every_size_fits_and_no_other_does(void **state)
{
    (void)state;
    static struct sample_network network;
    struct epoch_seal seal = epochs.seals[0], read;
    sample_network_of(&network, "chain", 2, 0, VALIDATORS_MAX);
    seal.next_set = network.validators.set;
    seal.checkpoint.signers = UINT64_MAX;
    memset(seal.checkpoint.signatures, 0xFF, sizeof seal.checkpoint.signatures);
    seal.checkpoint.checkpoint.epoch = seal.checkpoint.checkpoint.height = UINT64_MAX;
    seal.checkpoint.checkpoint.time_ms = UINT64_MAX;
    for (uint32_t count = VALIDATORS_MIN; count <= VALIDATORS_MAX; count++) {
        struct buffer one;
        buffer_init(&one, EPOCH_SEAL_SIZE_MAX);
        seal.next_set.count = count;
        epoch_seal_append(&seal, &one);
        struct span bytes = buffer_span(&one);
        assert_int_equal(epoch_seal_take(&bytes, &read), TALLY_OK);
        assert_int_equal(read.next_set.count, count);
        buffer_close(&one);
    }
}

/* As many copies of the first seal in a list. */
static int check_of(uint32_t count)
{
    struct buffer many;
    buffer_init(&many, EPOCH_SEALS_SIZE_MAX);
    for (uint32_t i = 0; i < count; i++)
        epoch_seal_append(&epochs.seals[0], &many);
    assert_false(many.failed);
    int error = epoch_seals_check(buffer_span(&many));
    buffer_close(&many);
    return error;
}

static void a_list_of_too_many_is_refused(void **state)
{
    (void)state;
    assert_int_equal(check_of(0), TALLY_OK);
    assert_int_equal(check_of(EPOCH_SEALS_MAX), TALLY_OK);
    assert_int_equal(check_of(EPOCH_SEALS_MAX + 1), TALLY_EFORM);
}

static enum proof_reason reason_of(struct span bytes, struct proof_verdict *verdict)
{
    struct receipt read;
    int error = receipt_verify(&trust, bytes, &read, verdict);
    assert_int_equal(error == TALLY_OK, verdict->reason == PROOF_OK);
    return verdict->reason;
}

static void make_receipt(struct buffer *bytes)
{
    static struct receipt receipt;
    sample_receipt(&epochs.networks[0], 6, 4, 7, &receipt);
    sample_epochs_certify(&epochs, SAMPLE_EPOCHS_MAX, false, &receipt.checkpoint);
    receipt.seals = buffer_span(&list);
    receipt_encode(&receipt, bytes);
    assert_false(bytes->failed);
}

static void a_verdict_says_the_epoch(void **state)
{
    (void)state;
    struct proof_verdict verdict;
    struct buffer bytes;
    buffer_init(&bytes, 64 * KIB);
    make_receipt(&bytes);
    assert_int_equal(reason_of(buffer_span(&bytes), &verdict), PROOF_OK);
    assert_int_equal(verdict.epoch, SAMPLE_EPOCHS_MAX);
    buffer_close(&bytes);
}

static void what_was_read_borrows_the_seals_from_its_bytes(void **state)
{
    (void)state;
    struct receipt receipt;
    struct buffer bytes;
    buffer_init(&bytes, 64 * KIB);
    make_receipt(&bytes);
    assert_int_equal(receipt_decode(buffer_span(&bytes), &receipt), TALLY_OK);
    assert_ptr_equal(receipt.seals.data, bytes.data + bytes.size - list.size);
    assert_int_equal(receipt.seals.size, list.size);
    buffer_close(&bytes);
}

/* Every eleventh, so that all bits of a byte and all fields have their turn. */
static void no_bit_of_the_seals_may_change(void **state)
{
    (void)state;
    struct proof_verdict verdict;
    struct buffer bytes;
    buffer_init(&bytes, 64 * KIB);
    make_receipt(&bytes);
    for (size_t bit = 8 * (bytes.size - list.size); bit < 8 * bytes.size; bit += 11) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(reason_of(buffer_span(&bytes), &verdict), PROOF_OK);
        assert_false(verdict.authentic);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_close(&bytes);
}

/* Whoever verified up to some epoch goes on from there; and what it knows holds against retired keys. */
static void a_known_checkpoint_says_its_epochs_validators(void **state)
{
    (void)state;
    static struct known_checkpoint known;
    static struct consistency_proof proof;
    struct proof_verdict verdict;
    struct buffer saved, begun;
    buffer_init(&saved, 64 * KIB);
    buffer_init(&begun, 64 * KIB);
    sample_epochs_consistency(&epochs, 5, 5, &proof);
    sample_epochs_list(&epochs, 1, 2, &begun);
    proof.seals = buffer_span(&begun);
    consistency_proof_encode(&proof, &saved);
    assert_int_equal(known_checkpoint_verify(&trust, buffer_span(&saved), &known, &verdict), TALLY_OK);
    assert_int_equal(verdict.epoch, 3);
    assert_int_equal(known.validators.set.epoch, 3);
    assert_int_equal(known.certified.checkpoint.height, 5);
    assert_memory_equal(
        known.validators.set.keys, epochs.networks[2].validators.set.keys, 4 * PUBLIC_KEY_SIZE);
    buffer_close(&begun);
    buffer_close(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_reads_back_seal_by_seal),
        cmocka_unit_test(a_failed_take_changes_nothing),
        cmocka_unit_test(a_set_of_every_size_fits_and_no_other_does),
        cmocka_unit_test(a_list_of_too_many_is_refused),
        cmocka_unit_test(a_verdict_says_the_epoch),
        cmocka_unit_test(what_was_read_borrows_the_seals_from_its_bytes),
        cmocka_unit_test(no_bit_of_the_seals_may_change),
        cmocka_unit_test(a_known_checkpoint_says_its_epochs_validators),
    };
    return cmocka_run_group_tests(tests, make_epochs, drop_epochs);
}
