// links: policies node
/* The head of a snapshot of a later epoch: its seals lead on from genesis's validators, and none can be made
 * up by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/fault/cut_node.h"

#define EPOCHS 4u /* the snapshot's */

static struct cut_node cut;
/* Of each epoch, the first being the small node's; and others, whose keys were never anybody's here. */
static struct sample_network networks[EPOCHS + 1], strangers;
static struct epoch_seal seals[EPOCHS + 1];
static struct snapshot_head *head;

static void sign(const struct sample_network *by, struct certified_checkpoint *certified)
{
    struct digest digest = checkpoint_digest(&certified->checkpoint);
    certified->signers = sample_quorum(by);
    memset(certified->signatures, 0, sizeof certified->signatures);
    sample_sign(by, &digest, certified->signers, certified->signatures);
}

/* How `epoch` ended: sealed by some, for others to go on. */
static struct epoch_seal seal_of(
    uint64_t epoch, const struct sample_network *by, const struct sample_network *next)
{
    struct epoch_seal seal = {.next_set = next->validators.set};
    seal.next_set.epoch = epoch + 1;
    seal.checkpoint.checkpoint = (struct checkpoint){.chain_id = cut.config.chain_id,
        .epoch = epoch,
        .height = epoch,
        .time_ms = epoch,
        .set_hash = validator_set_hash(&by->validators.set),
        .next_set_hash = validator_set_hash(&seal.next_set)};
    sign(by, &seal.checkpoint);
    return seal;
}

/* The head, as of `epoch` and signed by its validators, behind the first `count` seals. */
static int decode(uint64_t epoch, const struct sample_network *by, uint32_t count)
{
    struct buffer bytes;
    struct snapshot_head *again;
    struct checkpoint *checkpoint = &head->certified.checkpoint;
    checkpoint->epoch = epoch;
    checkpoint->set_hash = checkpoint->next_set_hash = validator_set_hash(&by->validators.set);
    sign(by, &head->certified);
    buffer_clear(&head->seals);
    for (uint32_t i = 1; i <= count; i++)
        epoch_seal_append(&seals[i], &head->seals);
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    snapshot_head_encode(head, &bytes);
    int error = snapshot_head_decode(buffer_span(&bytes), &cut.validators, &cut.config, &again);
    if (error == TALLY_OK) {
        assert_memory_equal(snapshot_validators(again), &by->validators.set, sizeof by->validators.set);
        snapshot_head_close(again);
    }
    buffer_close(&bytes);
    return error;
}

static int begin(void **state)
{
    (void)state;
    cut_node_of(&cut, small_node_make(12, 4));
    cut_node_write(&cut, cut.node->dir, cut.node->dir);
    networks[1] = cut.node->network;
    for (uint32_t i = 2; i <= EPOCHS; i++) {
        sample_network_of(&networks[i], "chain", i, 100 * i, 4);
        networks[i].chain_id = cut.config.chain_id;
    }
    head = head_of(&cut, cut.node->dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    snapshot_head_close(head);
    return 0;
}

static int each(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < EPOCHS; i++)
        seals[i] = seal_of(i, &networks[i], &networks[i + 1]);
    return 0;
}

static void a_head_of_any_epoch_is_taken_with_the_seals_before_it(void **state)
{
    (void)state;
    for (uint32_t epoch = 1; epoch <= EPOCHS; epoch++)
        assert_int_equal(decode(epoch, &networks[epoch], epoch - 1), TALLY_OK);
}

static void a_seal_too_few_or_too_many_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 2), TALLY_ESIGNATURE);
    assert_int_equal(decode(EPOCHS, &networks[EPOCHS], 0), TALLY_ESIGNATURE);
    assert_int_equal(decode(2, &networks[2], EPOCHS - 1), TALLY_ESIGNATURE);
    assert_int_equal(decode(1, &networks[1], 1), TALLY_ESIGNATURE);
}

static void a_made_up_later_epoch_is_refused(void **state)
{
    (void)state;
    sample_network_of(&strangers, "chain", EPOCHS, 900, 4);
    strangers.chain_id = cut.config.chain_id;
    /* Others signed for the last epoch, behind true seals. */
    assert_int_equal(decode(EPOCHS, &strangers, EPOCHS - 1), TALLY_ESIGNATURE);
    /* A seal names them, that they signed themselves, or that names them instead of who was signed for. */
    struct epoch_seal last = seals[EPOCHS - 1];
    seals[EPOCHS - 1] = seal_of(EPOCHS - 1, &strangers, &strangers);
    assert_int_equal(decode(EPOCHS, &strangers, EPOCHS - 1), TALLY_ESIGNATURE);
    seals[EPOCHS - 1] = last;
    seals[EPOCHS - 1].next_set = strangers.validators.set;
    assert_int_equal(decode(EPOCHS, &strangers, EPOCHS - 1), TALLY_ESIGNATURE);
    seals[EPOCHS - 1].checkpoint.checkpoint.next_set_hash = validator_set_hash(&strangers.validators.set);
    assert_int_equal(decode(EPOCHS, &strangers, EPOCHS - 1), TALLY_ESIGNATURE);
    /* An epoch's own validators sign for it, and no earlier one's. */
    seals[EPOCHS - 1] = last;
    sign(&networks[1], &seals[EPOCHS - 1].checkpoint);
    assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 1), TALLY_ESIGNATURE);
}

static void no_seal_may_be_changed(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < EPOCHS; i++) {
        const struct epoch_seal was = seals[i];
        seals[i].checkpoint.signatures[0].bytes[9] ^= 1;
        assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 1), TALLY_ESIGNATURE);
        seals[i] = was;
        seals[i].checkpoint.checkpoint.height++;
        assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 1), TALLY_ESIGNATURE);
        seals[i] = was;
        seals[i].checkpoint.checkpoint.chain_id.bytes[0] ^= 1;
        sign(&networks[i], &seals[i].checkpoint);
        assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 1), TALLY_ESIGNATURE);
        seals[i] = was;
    }
    assert_int_equal(decode(EPOCHS, &networks[EPOCHS], EPOCHS - 1), TALLY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_head_of_any_epoch_is_taken_with_the_seals_before_it, each),
        cmocka_unit_test_setup(a_seal_too_few_or_too_many_is_refused, each),
        cmocka_unit_test_setup(a_made_up_later_epoch_is_refused, each),
        cmocka_unit_test_setup(no_seal_may_be_changed, each),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
