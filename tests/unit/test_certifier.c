// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/certifier.h"
#include "proto/proof/blame.h"
#include "tests/vectors/samples.h"

struct fixture {
    struct sample_network network;
    struct certifier *certifier;
    uint32_t certified_count, divergence_count;
    struct certified_checkpoint certified;
    uint64_t diverged_height;
    uint32_t evidence_count;
    struct evidence evidence;
};

static void on_certified(void *context, const struct certified_checkpoint *checkpoint)
{
    struct fixture *fixture = context;
    fixture->certified_count++;
    fixture->certified = *checkpoint;
}

static void on_divergence(void *context, uint64_t height)
{
    struct fixture *fixture = context;
    fixture->divergence_count++;
    fixture->diverged_height = height;
}

static void on_evidence(void *context, const struct evidence *evidence)
{
    struct fixture *fixture = context;
    fixture->evidence_count++;
    fixture->evidence = *evidence;
}

static const struct certifier_callbacks callbacks = {on_certified, on_divergence, on_evidence};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    sample_network_init(&fixture->network, "certifier", 4);
    assert_int_equal(certifier_open(&fixture->network.validators, &fixture->network.chain_id, 0, &callbacks,
                         fixture, &fixture->certifier),
        TALLY_OK);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    certifier_close(fixture->certifier);
    free(fixture);
    return 0;
}

static struct checkpoint checkpoint_at(const struct fixture *fixture, uint64_t height, const char *root)
{
    struct digest set_hash = validator_set_hash(&fixture->network.validators.set);
    return (struct checkpoint){
        .chain_id = fixture->network.chain_id,
        .epoch = 1,
        .height = height,
        .block = sample_digest_of("block", (uint32_t)height),
        .time_ms = SAMPLE_TIME_MS + height,
        .state_root = sample_digest(root),
        .results_root = sample_digest("results"),
        .history_root = sample_digest("history"),
        .set_hash = set_hash,
        .next_set_hash = set_hash,
    };
}

static struct checkpoint_vote vote_of(
    const struct fixture *fixture, uint32_t signer, const struct checkpoint *checkpoint)
{
    struct checkpoint_vote vote = {.checkpoint = *checkpoint, .signer = signer};
    struct digest digest = checkpoint_digest(checkpoint);
    signature_make(&fixture->network.secrets[signer], &digest, &vote.signature);
    return vote;
}

static void give_vote(struct fixture *fixture, uint32_t signer, const struct checkpoint *checkpoint)
{
    struct checkpoint_vote vote = vote_of(fixture, signer, checkpoint);
    assert_int_equal(certifier_vote(fixture->certifier, &vote), TALLY_OK);
}

static void a_quorum_that_agrees_with_this_node_certifies(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = checkpoint_at(fixture, 1, "root");
    certifier_applied(fixture->certifier, &checkpoint);
    give_vote(fixture, 0, &checkpoint);
    give_vote(fixture, 2, &checkpoint);
    give_vote(fixture, 2, &checkpoint); /* the same signer again counts once */
    assert_int_equal(fixture->certified_count, 0);
    give_vote(fixture, 3, &checkpoint);
    assert_int_equal(fixture->certified_count, 1);
    assert_int_equal(certifier_newest(fixture->certifier), 1);
    assert_int_equal(certified_checkpoint_check(&fixture->network.validators, &fixture->certified), TALLY_OK);
    give_vote(fixture, 1, &checkpoint); /* late: each height once */
    assert_int_equal(fixture->certified_count, 1);
}

static void votes_that_came_before_the_block_was_applied_count_once_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = checkpoint_at(fixture, 1, "root");
    for (uint32_t signer = 0; signer < 3; signer++)
        give_vote(fixture, signer, &checkpoint);
    assert_int_equal(fixture->certified_count, 0);
    certifier_applied(fixture->certifier, &checkpoint);
    assert_int_equal(fixture->certified_count, 1);
}

static void a_quorum_for_another_root_is_divergence(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint ours = checkpoint_at(fixture, 1, "ours"), theirs = checkpoint_at(fixture, 1, "theirs");
    certifier_applied(fixture->certifier, &ours);
    give_vote(fixture, 0, &ours);
    give_vote(fixture, 1, &theirs);
    give_vote(fixture, 2, &theirs);
    assert_int_equal(fixture->divergence_count, 0);
    give_vote(fixture, 3, &theirs);
    assert_int_equal(fixture->divergence_count, 1);
    assert_int_equal(fixture->diverged_height, 1);
    assert_int_equal(fixture->certified_count, 0);
}

static void the_first_vote_of_a_signer_stands(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint ours = checkpoint_at(fixture, 1, "ours"), theirs = checkpoint_at(fixture, 1, "theirs");
    certifier_applied(fixture->certifier, &ours);
    give_vote(fixture, 0, &theirs);
    give_vote(fixture, 0, &ours);
    give_vote(fixture, 1, &ours);
    give_vote(fixture, 2, &ours);
    assert_int_equal(fixture->certified_count, 0);
    give_vote(fixture, 3, &ours);
    assert_int_equal(fixture->certified_count, 1);
}

static void two_checkpoints_of_one_height_are_told_once_with_both_signatures(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena;
    struct evidence_verdict verdict;
    struct checkpoint ours = checkpoint_at(fixture, 1, "ours"), theirs = checkpoint_at(fixture, 1, "theirs");
    struct checkpoint third = checkpoint_at(fixture, 1, "third");
    give_vote(fixture, 2, &ours);
    assert_int_equal(fixture->evidence_count, 0);
    give_vote(fixture, 2, &theirs);
    give_vote(fixture, 2, &third);
    give_vote(fixture, 1, &theirs);
    assert_int_equal(fixture->evidence_count, 1);
    assert_int_equal(fixture->evidence.signer, 2);
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    assert_int_equal(evidence_check(&fixture->network.validators, &fixture->network.chain_id,
                         &fixture->evidence, &arena, &verdict),
        TALLY_OK);
    assert_true(verdict.divergence);
    arena_close(&arena);
}

static void forged_foreign_and_unknown_votes_are_refused_and_leave_no_mark(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = checkpoint_at(fixture, 1, "root");
    certifier_applied(fixture->certifier, &checkpoint);
    struct checkpoint_vote forged = vote_of(fixture, 1, &checkpoint);
    forged.signer = 0;
    assert_int_equal(certifier_vote(fixture->certifier, &forged), TALLY_ESIGNATURE);
    struct checkpoint_vote unknown = vote_of(fixture, 0, &checkpoint);
    unknown.signer = 4;
    assert_int_equal(certifier_vote(fixture->certifier, &unknown), TALLY_EINVALID);
    struct checkpoint other = checkpoint;
    other.chain_id = sample_digest("another chain");
    struct checkpoint_vote foreign = vote_of(fixture, 0, &other);
    assert_int_equal(certifier_vote(fixture->certifier, &foreign), TALLY_ECHAIN);
    other = checkpoint;
    other.set_hash = sample_digest("another set");
    foreign = vote_of(fixture, 0, &other);
    assert_int_equal(certifier_vote(fixture->certifier, &foreign), TALLY_EINVALID);
    for (uint32_t signer = 0; signer < 3; signer++)
        give_vote(fixture, signer, &checkpoint);
    assert_int_equal(fixture->certified_count, 1);
}

static struct certified_checkpoint certify(const struct fixture *fixture, const struct checkpoint *checkpoint)
{
    struct certified_checkpoint certified = {
        .checkpoint = *checkpoint, .signers = sample_quorum(&fixture->network)};
    struct digest digest = checkpoint_digest(checkpoint);
    sample_sign(&fixture->network, &digest, certified.signers, certified.signatures);
    return certified;
}

static void a_certified_checkpoint_from_a_peer_waits_until_its_block_is_applied(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint first = checkpoint_at(fixture, 1, "one"), second = checkpoint_at(fixture, 2, "two");
    struct certified_checkpoint certified = certify(fixture, &second);
    certifier_applied(fixture->certifier, &first);
    assert_int_equal(certifier_checkpoint(fixture->certifier, &certified), TALLY_OK);
    assert_int_equal(fixture->certified_count, 0);
    certifier_applied(fixture->certifier, &second);
    assert_int_equal(fixture->certified_count, 1);
    assert_int_equal(certifier_newest(fixture->certifier), 2);
}

static void a_certified_checkpoint_with_a_bad_signature_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = checkpoint_at(fixture, 1, "root");
    certifier_applied(fixture->certifier, &checkpoint);
    struct certified_checkpoint certified = certify(fixture, &checkpoint);
    certified.signatures[1].bytes[7] ^= 1;
    assert_int_equal(certifier_checkpoint(fixture->certifier, &certified), TALLY_ESIGNATURE);
    assert_int_equal(fixture->certified_count, 0);
}

static void who_signed_what_of_the_oldest_height_that_waits_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct certifier_gathering gathering;
    certifier_gathering(fixture->certifier, &gathering);
    assert_int_equal(gathering.height, 0);
    struct checkpoint mine = checkpoint_at(fixture, 5, "mine"), other = checkpoint_at(fixture, 5, "other");
    struct checkpoint later = checkpoint_at(fixture, 6, "later");
    give_vote(fixture, 0, &later);
    certifier_gathering(fixture->certifier, &gathering);
    assert_int_equal(gathering.height, 6);
    give_vote(fixture, 1, &other);
    give_vote(fixture, 2, &mine);
    give_vote(fixture, 3, &other);
    certifier_gathering(fixture->certifier, &gathering);
    assert_int_equal(gathering.height, 5);
    assert_memory_equal(gathering.groups, ((uint8_t[]){0, 1, 2, 1}), 4);
    assert_int_equal(gathering.group_count, 2);
    assert_int_equal(gathering.own_group, 0);
    certifier_applied(fixture->certifier, &mine);
    certifier_gathering(fixture->certifier, &gathering);
    assert_int_equal(gathering.own_group, 2);
    give_vote(fixture, 0, &mine);
    certifier_gathering(fixture->certifier, &gathering);
    assert_memory_equal(gathering.groups, ((uint8_t[]){1, 2, 1, 2}), 4);
    assert_int_equal(gathering.own_group, 1);
    /* A later one is certified: this one waits no more. */
    certifier_applied(fixture->certifier, &later);
    give_vote(fixture, 1, &later);
    give_vote(fixture, 2, &later);
    assert_int_equal(fixture->certified_count, 1);
    certifier_gathering(fixture->certifier, &gathering);
    assert_int_equal(gathering.height, 0);
}

static void votes_far_ahead_do_not_push_out_what_is_gathered(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint near = checkpoint_at(fixture, 1, "root");
    give_vote(fixture, 0, &near);
    give_vote(fixture, 1, &near);
    struct checkpoint far =
        checkpoint_at(fixture, 1 + CERTIFIER_HEIGHTS, "far"); /* the same place in the ring */
    give_vote(fixture, 3, &far);
    certifier_applied(fixture->certifier, &near);
    give_vote(fixture, 2, &near);
    assert_int_equal(fixture->certified_count, 1);
}

static void a_vote_comes_back_from_its_encoding(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = checkpoint_at(fixture, 7, "root");
    struct checkpoint_vote vote = vote_of(fixture, 2, &checkpoint), back;
    struct buffer bytes;
    buffer_init(&bytes, 4096);
    checkpoint_vote_encode(&vote, &bytes);
    assert_false(bytes.failed);
    assert_int_equal(checkpoint_vote_decode(buffer_span(&bytes), &back), TALLY_OK);
    assert_int_equal(back.signer, 2);
    assert_memory_equal(back.signature.bytes, vote.signature.bytes, SIGNATURE_SIZE);
    struct digest there = checkpoint_digest(&vote.checkpoint), here = checkpoint_digest(&back.checkpoint);
    assert_true(digest_equal(&there, &here));
    assert_int_equal(checkpoint_vote_decode(span_of(bytes.data, bytes.size - 1), &back), TALLY_EFORM);
    buffer_close(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(a_quorum_that_agrees_with_this_node_certifies),
        TEST(votes_that_came_before_the_block_was_applied_count_once_it_is),
        TEST(a_quorum_for_another_root_is_divergence),
        TEST(the_first_vote_of_a_signer_stands),
        TEST(two_checkpoints_of_one_height_are_told_once_with_both_signatures),
        TEST(forged_foreign_and_unknown_votes_are_refused_and_leave_no_mark),
        TEST(a_certified_checkpoint_from_a_peer_waits_until_its_block_is_applied),
        TEST(a_certified_checkpoint_with_a_bad_signature_is_refused),
        TEST(who_signed_what_of_the_oldest_height_that_waits_is_told),
        TEST(votes_far_ahead_do_not_push_out_what_is_gathered),
        TEST(a_vote_comes_back_from_its_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
