// links: node proof codec crypto base
/* What a node was told to trust, and what it makes of snapshots and blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/trust.h"
#include "tests/vectors/sample_epochs.h"

/* Height 5 is the first of epoch 3; each epoch has two. */
#define HEIGHT 5u

struct fixture {
    struct sample_epochs epochs;
    struct genesis genesis;
    struct known_checkpoint known;
    struct buffer seals;
};

static void list_seals(struct fixture *fixture, uint64_t height)
{
    uint32_t epoch = sample_epoch_at(&fixture->epochs, height);
    buffer_clear(&fixture->seals);
    if (epoch > 1) sample_epochs_list(&fixture->epochs, 1, epoch - 1, &fixture->seals);
}

/* What tally checkpoint --out saves of an epoch after the first. */
static int take(struct fixture *fixture, const struct certified_checkpoint *certified, const char **why)
{
    struct consistency_proof proof = {
        .older = *certified, .newer = *certified, .seals = buffer_span(&fixture->seals)};
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    consistency_proof_encode(&proof, &bytes);
    int error = trust_take(&fixture->genesis, buffer_span(&bytes), &fixture->known, why);
    buffer_close(&bytes);
    return error;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct certified_checkpoint certified;
    const char *why;
    sample_epochs_init(&fixture->epochs, 5);
    const struct sample_network *first = &fixture->epochs.networks[0];
    fixture->genesis.chain_id = first->chain_id;
    fixture->genesis.validator_count = first->validators.set.count;
    for (uint32_t i = 0; i < first->validators.set.count; i++)
        fixture->genesis.validators[i].key = first->validators.set.keys[i];
    buffer_init(&fixture->seals, EPOCH_SEALS_SIZE_MAX);
    list_seals(fixture, HEIGHT);
    sample_epochs_checkpoint(&fixture->epochs, HEIGHT, &certified);
    *state = fixture;
    return take(fixture, &certified, &why);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buffer_close(&fixture->seals);
    free(fixture);
    return 0;
}

static enum trust_verdict judge(struct fixture *fixture, const struct certified_checkpoint *certified)
{
    list_seals(fixture, certified->checkpoint.height);
    return trust_judge(&fixture->known, &fixture->genesis, certified, buffer_span(&fixture->seals));
}

static void what_goes_on_from_it_holds_and_what_ends_below_does_not(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t height = 1; height <= 9; height++) {
        struct certified_checkpoint certified;
        sample_epochs_checkpoint(&fixture->epochs, height, &certified);
        assert_int_equal(judge(fixture, &certified), height < HEIGHT ? TRUST_OLDER : TRUST_HOLDS);
    }
}

static void another_checkpoint_of_its_height_contradicts_it(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint certified;
    sample_epochs_checkpoint(&fixture->epochs, HEIGHT, &certified);
    certified.checkpoint.state_root.bytes[0] ^= 1;
    sample_epochs_certify(&fixture->epochs, 3, false, &certified);
    assert_int_equal(judge(fixture, &certified), TRUST_CONTRADICTED);
}

/* Keys of epoch 2 sign, long after, that it never ended. */
static void what_keys_of_long_ago_sign_above_it_contradicts_it(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint certified;
    sample_epochs_checkpoint(&fixture->epochs, 9, &certified);
    sample_epochs_certify(&fixture->epochs, 2, false, &certified);
    list_seals(fixture, 3);
    assert_int_equal(
        trust_judge(&fixture->known, &fixture->genesis, &certified, buffer_span(&fixture->seals)),
        TRUST_CONTRADICTED);
}

/* Or that other validators came after them. */
static void other_validators_of_its_epoch_contradict_it(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint certified;
    sample_network_of(&fixture->epochs.networks[2], "chain", 3, 9, 4);
    sample_epochs_checkpoint(&fixture->epochs, 4, &fixture->epochs.seals[1].checkpoint);
    fixture->epochs.seals[1].next_set = fixture->epochs.networks[2].validators.set;
    sample_epochs_checkpoint(&fixture->epochs, 6, &certified);
    sample_epochs_certify(&fixture->epochs, 3, false, &certified);
    assert_int_equal(judge(fixture, &certified), TRUST_CONTRADICTED);
}

static void of_its_height_nothing_else_is_allowed(void **state)
{
    const struct fixture *fixture = *state;
    struct checkpoint applied = fixture->known.certified.checkpoint;
    assert_true(trust_allows(&fixture->known, &applied));
    applied.block.bytes[31] ^= 1;
    assert_false(trust_allows(&fixture->known, &applied));
    applied.height++;
    assert_true(trust_allows(&fixture->known, &applied));
}

static void what_does_not_hold_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint certified;
    const char *why = "";
    list_seals(fixture, HEIGHT);
    sample_epochs_checkpoint(&fixture->epochs, HEIGHT, &certified);
    certified.checkpoint.state_root.bytes[0] ^= 1;
    assert_int_equal(take(fixture, &certified, &why), TALLY_EINVALID);
    assert_string_not_equal(why, "");
    assert_int_equal(
        trust_take(&fixture->genesis, span_of("no checkpoint", 13), &fixture->known, &why), TALLY_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_goes_on_from_it_holds_and_what_ends_below_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(another_checkpoint_of_its_height_contradicts_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_keys_of_long_ago_sign_above_it_contradicts_it, setup, teardown),
        cmocka_unit_test_setup_teardown(other_validators_of_its_epoch_contradict_it, setup, teardown),
        cmocka_unit_test_setup_teardown(of_its_height_nothing_else_is_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_hold_is_not_taken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
