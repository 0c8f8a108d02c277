// links: proof codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/verify.h"
#include "tests/vectors/samples.h"

#define ARENA_SIZE (1u * MIB)

static struct sample_map map;
static struct proof_trust trust;
static struct history_proof proof; /* the present subject's, for each test to spoil */
static struct proven_event events[SAMPLE_HISTORY + 1];

static int make_map(void **state)
{
    (void)state;
    sample_map_init(&map);
    return 0;
}

static int drop_map(void **state)
{
    (void)state;
    sample_map_close(&map);
    return 0;
}

static int make_proof(void **state)
{
    (void)state;
    trust = (struct proof_trust){.chain_id = map.network.chain_id, .validators = map.network.validators};
    sample_prove(&map, &map.subject, &proof);
    memcpy(events, map.events, sizeof map.events);
    proof.events = events;
    return 0;
}

static struct proof_verdict verdict_of_bytes(struct span bytes)
{
    struct arena arena;
    struct history_proof read;
    struct proof_verdict verdict;
    arena_init(&arena, ARENA_SIZE);
    int error = history_verify(&trust, bytes, &arena, &read, &verdict);
    assert_int_equal(error == TALLY_OK, verdict.reason == PROOF_OK);
    assert_non_null(verdict.detail);
    assert_int_equal(verdict.reason == PROOF_OK, verdict.detail[0] == '\0');
    if (error != TALLY_OK && verdict.reason != PROOF_STALE)
        assert_false(verdict.authentic || verdict.complete || verdict.absent);
    arena_close(&arena);
    return verdict;
}

static struct proof_verdict verdict_of(const struct history_proof *given)
{
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(given, &bytes);
    assert_false(bytes.failed);
    struct proof_verdict verdict = verdict_of_bytes(buffer_span(&bytes));
    buffer_close(&bytes);
    return verdict;
}

static void expect(enum proof_reason reason)
{
    struct proof_verdict verdict = verdict_of(&proof);
    assert_string_equal(proof_reason_name(verdict.reason), proof_reason_name(reason));
}

/* Signs the changed checkpoint, so that only what stands above it is under test. */
static void certify(void)
{
    sample_certify(&map.network, sample_quorum(&map.network), &proof.checkpoint);
}

static void a_whole_history_is_authentic_and_complete(void **state)
{
    (void)state;
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_true(verdict.authentic && verdict.complete && !verdict.absent);
    assert_int_equal(verdict.as_of_height, 9);
    assert_int_equal(verdict.as_of_time_ms, SAMPLE_TIME_MS + 60);
    assert_int_equal(verdict.events, SAMPLE_HISTORY);
    assert_int_equal(verdict.withheld, 0);
}

static void what_was_proven_can_be_shown(void **state)
{
    (void)state;
    struct arena arena;
    struct buffer bytes;
    struct history_proof read;
    struct proof_verdict verdict;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    arena_init(&arena, ARENA_SIZE);
    assert_int_equal(history_verify(&trust, buffer_span(&bytes), &arena, &read, &verdict), TALLY_OK);
    assert_int_equal(read.event_count, SAMPLE_HISTORY);
    for (uint32_t i = 0; i < SAMPLE_HISTORY; i++) {
        assert_true(span_equal(read.events[i].header, map.events[i].header));
        assert_true(span_equal(read.events[i].body, map.events[i].body));
    }
    arena_close(&arena);
    buffer_close(&bytes);
}

static void a_withheld_body_is_counted_and_nothing_else_changes(void **state)
{
    (void)state;
    events[1].has_body = events[4].has_body = false;
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_true(verdict.authentic && verdict.complete);
    assert_int_equal(verdict.withheld, 2);
}

static void a_subject_whose_place_is_empty_has_no_file(void **state)
{
    (void)state;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &subject, &proof);
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_true(verdict.authentic && verdict.complete && verdict.absent);
    assert_int_equal(verdict.events, 0);
}

static void a_subject_whose_place_is_anothers_has_no_file(void **state)
{
    (void)state;
    struct digest subject = sample_absent(&map, PLACE_OTHER);
    sample_prove(&map, &subject, &proof);
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_true(verdict.absent);
}

static void an_omitted_event_is_count(void **state)
{
    (void)state;
    proof.event_count--;
    expect(PROOF_COUNT);
}

static void an_added_event_is_count(void **state)
{
    (void)state;
    events[SAMPLE_HISTORY] = events[SAMPLE_HISTORY - 1];
    proof.event_count++;
    expect(PROOF_COUNT);
}

static void an_omitted_event_with_the_leaf_made_to_fit_is_root(void **state)
{
    (void)state;
    proof.event_count--;
    proof.leaf.count--;
    expect(PROOF_ROOT);
}

static void an_event_replaced_by_its_neighbour_is_fold(void **state)
{
    (void)state;
    events[2] = events[3];
    expect(PROOF_FOLD);
}

static void swapped_events_are_fold(void **state)
{
    (void)state;
    struct proven_event first = events[2];
    events[2] = events[3];
    events[3] = first;
    expect(PROOF_FOLD);
    make_proof(NULL);
    first = events[0];
    events[0] = events[5];
    events[5] = first;
    expect(PROOF_FOLD);
}

static void an_altered_header_is_fold_whatever_it_became(void **state)
{
    (void)state;
    uint8_t altered[EVENT_HEADER_SIZE_MAX];
    for (size_t at = 0; at < events[1].header.size; at++) {
        memcpy(altered, map.events[1].header.data, map.events[1].header.size);
        altered[at] ^= 0x10;
        events[1].header = span_of(altered, map.events[1].header.size);
        expect(PROOF_FOLD);
    }
}

static void an_altered_body_is_body(void **state)
{
    (void)state;
    uint8_t altered[EVENT_BODY_SIZE_MAX];
    memcpy(altered, events[0].body.data, events[0].body.size);
    altered[events[0].body.size - 1] ^= 1;
    events[0].body = span_of(altered, events[0].body.size);
    expect(PROOF_BODY);
}

static void an_altered_salt_is_body(void **state)
{
    (void)state;
    events[5].salt[31] ^= 0x80;
    expect(PROOF_BODY);
}

static void a_body_of_another_event_is_body(void **state)
{
    (void)state;
    events[3].body = events[4].body;
    memcpy(events[3].salt, events[4].salt, SALT_SIZE);
    expect(PROOF_BODY);
}

static void an_altered_result_height_or_time_of_an_event_is_fold(void **state)
{
    (void)state;
    events[0].result = RESULT_GAP;
    expect(PROOF_FOLD);
    make_proof(NULL);
    events[5].height++;
    expect(PROOF_FOLD);
    make_proof(NULL);
    events[0].time_ms--;
    expect(PROOF_FOLD);
}

static void another_chains_genesis_is_chain(void **state)
{
    (void)state;
    trust.chain_id = sample_digest("another chain");
    expect(PROOF_CHAIN);
}

static void another_chain_in_the_checkpoint_is_chain_even_if_signed(void **state)
{
    (void)state;
    proof.checkpoint.checkpoint.chain_id = sample_digest("another chain");
    certify();
    expect(PROOF_CHAIN);
}

static void another_height_or_time_in_the_checkpoint_is_signature(void **state)
{
    (void)state;
    proof.checkpoint.checkpoint.height++;
    expect(PROOF_SIGNATURE);
    make_proof(NULL);
    proof.checkpoint.checkpoint.time_ms++;
    expect(PROOF_SIGNATURE);
}

static void a_checkpoint_below_its_own_events_is_fold(void **state)
{
    (void)state;
    proof.checkpoint.checkpoint.height = 4;
    certify();
    expect(PROOF_FOLD);
}

static void a_stale_validator_set_is_signature(void **state)
{
    (void)state;
    struct validator_set next = map.network.validators.set;
    next.epoch = 2;
    assert_int_equal(verify_set_init(&next, &trust.validators), TALLY_OK);
    expect(PROOF_SIGNATURE);
}

static void validators_of_another_network_are_signature(void **state)
{
    (void)state;
    struct sample_network other;
    sample_network_init(&other, "chain", 5);
    trust.validators = other.validators;
    expect(PROOF_SIGNATURE);
}

static void the_hash_of_another_set_in_a_signed_checkpoint_is_signature(void **state)
{
    (void)state;
    proof.checkpoint.checkpoint.set_hash = sample_digest("another set");
    certify();
    expect(PROOF_SIGNATURE);
}

static void too_few_signers_are_signature(void **state)
{
    (void)state;
    sample_certify(&map.network, 3, &proof.checkpoint);
    expect(PROOF_SIGNATURE);
}

static void more_signers_than_a_quorum_are_signature(void **state)
{
    (void)state;
    sample_certify(&map.network, 15, &proof.checkpoint);
    expect(PROOF_SIGNATURE);
}

static void a_signer_counted_twice_is_signature(void **state)
{
    (void)state;
    proof.checkpoint.signatures[2] = proof.checkpoint.signatures[1];
    expect(PROOF_SIGNATURE);
}

static void a_signer_that_no_validator_has_is_signature(void **state)
{
    (void)state;
    proof.checkpoint.signers = 3 | 1ull << 40;
    expect(PROOF_SIGNATURE);
}

static void any_other_quorum_is_as_good(void **state)
{
    (void)state;
    sample_certify(&map.network, 14, &proof.checkpoint);
    expect(PROOF_OK);
}

static void a_vote_never_passes_for_a_checkpoint_signature(void **state)
{
    (void)state;
    struct digest digest =
        vote_digest(&map.network.chain_id, 1, VOTE_FINALIZE, 9, &proof.checkpoint.checkpoint.block);
    sample_sign(&map.network, &digest, proof.checkpoint.signers, proof.checkpoint.signatures);
    expect(PROOF_SIGNATURE);
}

static void a_truncated_path_is_root(void **state)
{
    (void)state;
    assert_true(proof.sibling_count > 0);
    proof.sibling_count--;
    expect(PROOF_ROOT);
}

static void a_longer_path_is_root(void **state)
{
    (void)state;
    memset(&proof.siblings[proof.sibling_count], 0, DIGEST_SIZE);
    proof.sibling_count++;
    expect(PROOF_ROOT);
}

static void an_altered_sibling_or_state_part_is_root(void **state)
{
    (void)state;
    proof.siblings[0].bytes[5] ^= 4;
    expect(PROOF_ROOT);
    make_proof(NULL);
    proof.members_root.bytes[0] ^= 1;
    expect(PROOF_ROOT);
    make_proof(NULL);
    proof.counts_root.bytes[31] ^= 1;
    expect(PROOF_ROOT);
}

static void state_parts_that_changed_places_are_root(void **state)
{
    (void)state;
    struct digest part = proof.policy_root;
    proof.policy_root = proof.replay_root;
    proof.replay_root = part;
    expect(PROOF_ROOT);
}

static void an_inner_node_passed_as_a_leaf_is_root(void **state)
{
    (void)state;
    /* The node above this leaf, claimed to be another subject's leaf: its fields are what the node was made
     * of. */
    struct digest subject = sample_absent(&map, PLACE_OTHER);
    sample_prove(&map, &subject, &proof);
    struct digest leaf = subject_leaf_hash(&proof.other_position, &proof.leaf);
    proof.sibling_count--;
    proof.leaf.acc = leaf;
    proof.leaf.summary = proof.siblings[proof.sibling_count];
    expect(PROOF_ROOT);
}

static void a_leaf_at_the_wrong_prefix_proves_no_absence(void **state)
{
    (void)state;
    /* A leaf that is in the map, on its own true path, named as what stands where quite another subject's
     * would. */
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    struct digest position = subject_position(&map.network.chain_id, &subject);
    struct history_proof other;
    sample_prove(&map, &map.subject, &other);
    assert_true(position_shared_bits(&position, &map.places[0].position) < other.sibling_count);
    proof = other;
    proof.subject_id = subject;
    proof.place = PLACE_OTHER;
    proof.other_position = map.places[0].position;
    proof.event_count = 0;
    expect(PROOF_ROOT);
}

static void a_misplaced_leaf_proves_no_absence_even_if_signed(void **state)
{
    (void)state;
    /* A map that no honest node makes: another subject's leaf stands on this one's way, off its own. */
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    struct digest position = subject_position(&map.network.chain_id, &subject);
    size_t stranger = 0;
    sample_prove(&map, &subject, &proof);
    while (position_shared_bits(&position, &map.places[stranger].position) >= proof.sibling_count)
        stranger++;
    proof.place = PLACE_OTHER;
    proof.other_position = map.places[stranger].position;
    proof.leaf = map.places[stranger].leaf;
    struct digest node = subject_leaf_hash(&proof.other_position, &proof.leaf);
    struct state_parts parts = {
        .subjects_root = subject_path_root(&position, &node, proof.siblings, proof.sibling_count),
        .members_root = proof.members_root,
        .policy_root = proof.policy_root,
        .replay_root = proof.replay_root,
        .counts_root = proof.counts_root,
    };
    proof.checkpoint.checkpoint.state_root = state_root(&parts);
    certify();
    expect(PROOF_ROOT);
}

static void absence_of_a_present_subject_is_root(void **state)
{
    (void)state;
    proof.event_count = 0;
    proof.place = PLACE_EMPTY;
    expect(PROOF_ROOT);
    proof.place = PLACE_OTHER;
    proof.other_position = map.places[0].position;
    expect(PROOF_ROOT);
    proof.other_position = map.places[1].position;
    proof.leaf = map.places[1].leaf;
    expect(PROOF_ROOT);
}

static void absence_with_events_is_count(void **state)
{
    (void)state;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &subject, &proof);
    proof.events = events;
    proof.event_count = 1;
    expect(PROOF_COUNT);
}

static void a_proof_of_anothers_absence_is_not_ones_own(void **state)
{
    (void)state;
    struct buffer bytes;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &subject, &proof);
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    /* The subject id is the second field: 08 01, 12 20, 32 bytes. */
    assert_memory_equal(bytes.data + 4, subject.bytes, DIGEST_SIZE);
    for (size_t bit = 0; bit < 8 * DIGEST_SIZE; bit++) {
        bytes.data[4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_ROOT);
        bytes.data[4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_close(&bytes);
}

static void events_of_another_subject_are_fold(void **state)
{
    (void)state;
    /* Even where a quorum signed such a fold. */
    struct sample_batch other;
    sample_batch_init(&other, &map.network.chain_id, 7, "another subject", SAMPLE_HISTORY);
    struct digest acc = subject_fold_start(&map.network.chain_id, &map.subject);
    for (uint32_t i = 0; i < SAMPLE_HISTORY; i++) {
        events[i].header = other.events[i].header;
        acc = subject_fold_step(
            &acc, i, events[i].height, events[i].time_ms, events[i].result, &other.events[i].id);
    }
    struct subject_leaf before = map.places[0].leaf;
    map.places[0].leaf.acc = acc;
    proof.leaf = map.places[0].leaf;
    proof.checkpoint.checkpoint.state_root = sample_state_root(&map);
    certify();
    expect(PROOF_FOLD);
    map.places[0].leaf = before;
    sample_batch_close(&other);
}

static void trailing_bytes_are_form(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    buffer_u8(&bytes, 0);
    assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_FORM);
    bytes.size--;
    buffer_append(&bytes, "\x5a\x01x", 3); /* a field the schema does not have */
    assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_FORM);
    buffer_close(&bytes);
}

static void every_truncation_is_form(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_not_equal(verdict_of_bytes(span_of(bytes.data, size)).reason, PROOF_OK);
    assert_int_equal(verdict_of_bytes(span_of(bytes.data, bytes.size / 2)).reason, PROOF_FORM);
    buffer_close(&bytes);
}

static void another_version_is_form_and_says_so(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    bytes.data[1] = 2;
    struct proof_verdict verdict = verdict_of_bytes(buffer_span(&bytes));
    assert_int_equal(verdict.reason, PROOF_FORM);
    assert_non_null(strstr(verdict.detail, "version"));
    buffer_close(&bytes);
}

static void an_older_checkpoint_than_asked_for_is_stale_but_authentic(void **state)
{
    (void)state;
    trust.height_min = 10;
    struct proof_verdict verdict = verdict_of(&proof);
    assert_int_equal(verdict.reason, PROOF_STALE);
    assert_true(verdict.authentic);
    assert_int_equal(verdict.as_of_height, 9);
    trust.height_min = 9;
    expect(PROOF_OK);
    trust.time_ms_min = SAMPLE_TIME_MS + 61;
    expect(PROOF_STALE);
}

static void no_single_bit_of_a_proof_can_change(const struct history_proof *given)
{
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(given, &bytes);
    assert_int_equal(verdict_of_bytes(buffer_span(&bytes)).reason, PROOF_OK);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verdict_of_bytes(buffer_span(&bytes)).reason == PROOF_OK)
            fail_msg("bit %zu of byte %zu of %zu can change", bit % 8, bit / 8, bytes.size);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_close(&bytes);
}

static void no_single_bit_of_a_history_can_change(void **state)
{
    (void)state;
    no_single_bit_of_a_proof_can_change(&proof);
    events[2].has_body = false;
    no_single_bit_of_a_proof_can_change(&proof);
}

static void no_single_bit_of_a_proof_of_absence_can_change(void **state)
{
    (void)state;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &subject, &proof);
    no_single_bit_of_a_proof_can_change(&proof);
    subject = sample_absent(&map, PLACE_OTHER);
    sample_prove(&map, &subject, &proof);
    no_single_bit_of_a_proof_can_change(&proof);
}

static void a_small_budget_is_an_error_and_never_a_crash(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    bool succeeded = false;
    for (size_t budget = 0; budget < 64 * KIB; budget += 64) {
        struct arena arena;
        struct history_proof read;
        struct proof_verdict verdict;
        arena_init(&arena, budget);
        int error = history_verify(&trust, buffer_span(&bytes), &arena, &read, &verdict);
        assert_true(error == TALLY_ENOMEM || error == TALLY_OK);
        assert_false(succeeded && error != TALLY_OK);
        succeeded = error == TALLY_OK;
        arena_close(&arena);
    }
    assert_true(succeeded);
    buffer_close(&bytes);
}

#define spoiled(name) cmocka_unit_test_setup(name, make_proof)

int main(void)
{
    const struct CMUnitTest tests[] = {
        spoiled(a_whole_history_is_authentic_and_complete),
        spoiled(what_was_proven_can_be_shown),
        spoiled(a_withheld_body_is_counted_and_nothing_else_changes),
        spoiled(a_subject_whose_place_is_empty_has_no_file),
        spoiled(a_subject_whose_place_is_anothers_has_no_file),
        spoiled(an_omitted_event_is_count),
        spoiled(an_added_event_is_count),
        spoiled(an_omitted_event_with_the_leaf_made_to_fit_is_root),
        spoiled(an_event_replaced_by_its_neighbour_is_fold),
        spoiled(swapped_events_are_fold),
        spoiled(an_altered_header_is_fold_whatever_it_became),
        spoiled(an_altered_body_is_body),
        spoiled(an_altered_salt_is_body),
        spoiled(a_body_of_another_event_is_body),
        spoiled(an_altered_result_height_or_time_of_an_event_is_fold),
        spoiled(another_chains_genesis_is_chain),
        spoiled(another_chain_in_the_checkpoint_is_chain_even_if_signed),
        spoiled(another_height_or_time_in_the_checkpoint_is_signature),
        spoiled(a_checkpoint_below_its_own_events_is_fold),
        spoiled(a_stale_validator_set_is_signature),
        spoiled(validators_of_another_network_are_signature),
        spoiled(the_hash_of_another_set_in_a_signed_checkpoint_is_signature),
        spoiled(too_few_signers_are_signature),
        spoiled(more_signers_than_a_quorum_are_signature),
        spoiled(a_signer_counted_twice_is_signature),
        spoiled(a_signer_that_no_validator_has_is_signature),
        spoiled(any_other_quorum_is_as_good),
        spoiled(a_vote_never_passes_for_a_checkpoint_signature),
        spoiled(a_truncated_path_is_root),
        spoiled(a_longer_path_is_root),
        spoiled(an_altered_sibling_or_state_part_is_root),
        spoiled(state_parts_that_changed_places_are_root),
        spoiled(an_inner_node_passed_as_a_leaf_is_root),
        spoiled(a_leaf_at_the_wrong_prefix_proves_no_absence),
        spoiled(a_misplaced_leaf_proves_no_absence_even_if_signed),
        spoiled(absence_of_a_present_subject_is_root),
        spoiled(absence_with_events_is_count),
        spoiled(a_proof_of_anothers_absence_is_not_ones_own),
        spoiled(events_of_another_subject_are_fold),
        spoiled(trailing_bytes_are_form),
        spoiled(every_truncation_is_form),
        spoiled(another_version_is_form_and_says_so),
        spoiled(an_older_checkpoint_than_asked_for_is_stale_but_authentic),
        spoiled(no_single_bit_of_a_history_can_change),
        spoiled(no_single_bit_of_a_proof_of_absence_can_change),
        spoiled(a_small_budget_is_an_error_and_never_a_crash),
    };
    return cmocka_run_group_tests(tests, make_map, drop_map);
}
