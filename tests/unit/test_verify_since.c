// links: proof codec crypto base
/* Histories that go on from one that was verified before, and what else a verifier may have verified before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/verify.h"
#include "tests/vectors/samples.h"

#define ARENA_SIZE (1u * MIB)
#define BEFORE 4u /* events that the verifier has verified */

static struct sample_map map, then;
static struct proof_trust trust;
static struct history_base base;   /* of `then` */
static struct history_proof proof; /* what came after it, for each test to spoil */
static struct proven_event events[SAMPLE_HISTORY];

static int make_maps(void **state)
{
    (void)state;
    sample_map_init(&map);
    then = sample_map_as_of(&map, BEFORE);
    return 0;
}

static int drop_maps(void **state)
{
    (void)state;
    sample_map_close(&map);
    return 0;
}

/* Verifies a whole history and returns where it ends. */
static struct history_base base_of(const struct sample_map *from, const struct digest *subject)
{
    static struct history_proof whole, read;
    struct proof_verdict verdict;
    struct arena arena;
    struct buffer bytes;
    sample_prove(from, subject, &whole);
    buffer_init(&bytes, ARENA_SIZE);
    arena_init(&arena, ARENA_SIZE);
    history_proof_encode(&whole, &bytes);
    assert_int_equal(history_verify(&trust, buffer_span(&bytes), &arena, &read, &verdict), TALLY_OK);
    struct history_base made = history_base_of(&read);
    buffer_close(&bytes);
    arena_close(&arena);
    return made;
}

static void prove_since(uint32_t since)
{
    sample_prove(&map, &map.subject, &proof);
    memcpy(events, map.events, sizeof events);
    proof.since = since;
    proof.events = events + since;
    proof.event_count = SAMPLE_HISTORY - since;
}

static int make_proof(void **state)
{
    (void)state;
    trust = (struct proof_trust){.chain_id = map.network.chain_id, .validators = map.network.validators};
    base = base_of(&then, &map.subject);
    prove_since(BEFORE);
    return 0;
}

static struct proof_verdict verdict_of_bytes(struct span bytes, const struct history_base *from)
{
    struct arena arena;
    struct history_proof read;
    struct proof_verdict verdict;
    arena_init(&arena, ARENA_SIZE);
    int error = history_verify_since(&trust, from, bytes, &arena, &read, &verdict);
    assert_int_equal(error == TALLY_OK, verdict.reason == PROOF_OK);
    assert_int_equal(verdict.reason == PROOF_OK, verdict.detail[0] == '\0');
    if (error != TALLY_OK && verdict.reason != PROOF_STALE)
        assert_false(verdict.authentic || verdict.complete || verdict.absent);
    arena_close(&arena);
    return verdict;
}

static struct proof_verdict verdict_from(const struct history_base *from)
{
    struct buffer bytes;
    buffer_init(&bytes, ARENA_SIZE);
    history_proof_encode(&proof, &bytes);
    struct proof_verdict verdict = verdict_of_bytes(buffer_span(&bytes), from);
    buffer_close(&bytes);
    return verdict;
}

static void expect(enum proof_reason reason)
{
    assert_string_equal(proof_reason_name(verdict_from(&base).reason), proof_reason_name(reason));
}

static void what_came_after_is_authentic_and_complete(void **state)
{
    (void)state;
    struct proof_verdict verdict = verdict_from(&base);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_true(verdict.authentic && verdict.complete && !verdict.absent);
    assert_int_equal(verdict.since, BEFORE);
    assert_int_equal(verdict.events, SAMPLE_HISTORY - BEFORE);
    assert_int_equal(verdict.as_of_height, 9);
}

static void nothing_may_have_come_after(void **state)
{
    (void)state;
    base = base_of(&map, &map.subject);
    prove_since(SAMPLE_HISTORY);
    struct proof_verdict verdict = verdict_from(&base);
    assert_int_equal(verdict.reason, PROOF_OK);
    assert_int_equal(verdict.since, SAMPLE_HISTORY);
    assert_int_equal(verdict.events, 0);
    base.acc.bytes[4] ^= 1;
    expect(PROOF_FOLD);
    base.acc.bytes[4] ^= 1;
    base.last_height--;
    expect(PROOF_FOLD);
}

static void a_whole_history_goes_on_from_the_proof_that_there_was_none(void **state)
{
    (void)state;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    base = base_of(&then, &subject);
    assert_int_equal(base.count, 0);
    sample_prove(&map, &subject, &proof);
    expect(PROOF_OK);
    /* The same base, as if it were this subject's from before its first event. */
    base.position = subject_position(&map.network.chain_id, &map.subject);
    base.acc = subject_fold_start(&map.network.chain_id, &map.subject);
    base.height = 2;
    prove_since(0);
    expect(PROOF_OK);
    base.height = 3; /* where there already was one */
    expect(PROOF_FOLD);
}

static void without_what_it_goes_on_from_it_is_count(void **state)
{
    (void)state;
    assert_int_equal(verdict_from(NULL).reason, PROOF_COUNT);
}

static void where_the_answer_says_it_begins_is_not_believed(void **state)
{
    (void)state;
    /* Each is a true part of the history, only not the one that follows what was verified. */
    for (uint32_t since = 0; since <= SAMPLE_HISTORY; since++) {
        prove_since(since);
        expect(since == BEFORE ? PROOF_OK : PROOF_COUNT);
        proof.since = BEFORE;
        expect(since == BEFORE ? PROOF_OK : PROOF_COUNT);
    }
}

static void another_subjects_history_is_nothing_to_go_on_from(void **state)
{
    (void)state;
    struct digest other = sample_absent(&map, PLACE_OTHER);
    base.position = subject_position(&map.network.chain_id, &other);
    expect(PROOF_ROOT);
    base = base_of(&then, &other);
    expect(PROOF_ROOT);
}

static void more_events_before_than_there_are_is_count(void **state)
{
    (void)state;
    base.count = SAMPLE_HISTORY + 1;
    expect(PROOF_COUNT);
    proof.since = SAMPLE_HISTORY + 1;
    proof.event_count = 0;
    expect(PROOF_COUNT);
    struct digest absent = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &absent, &proof);
    base.position = proof.position;
    expect(PROOF_COUNT);
    proof.since = SAMPLE_HISTORY + 1;
    expect(PROOF_COUNT);
}

static void what_was_before_and_does_not_fold_is_fold(void **state)
{
    (void)state;
    base.acc.bytes[31] ^= 1;
    expect(PROOF_FOLD);
}

static void events_that_do_not_fold_are_fold(void **state)
{
    (void)state;
    events[BEFORE].result = RESULT_GAP;
    expect(PROOF_FOLD);
    prove_since(BEFORE);
    events[BEFORE] = events[BEFORE + 1];
    expect(PROOF_FOLD);
    prove_since(BEFORE);
    events[BEFORE].time_ms = base.last_time_ms;
    expect(PROOF_FOLD);
}

static void an_event_that_the_older_proof_should_have_had_is_fold(void **state)
{
    (void)state;
    /* As if a quorum had left two events of height 5 out, at height 5. */
    base.height = 5;
    expect(PROOF_FOLD);
}

static void an_answer_older_than_what_it_goes_on_from_is_stale(void **state)
{
    (void)state;
    base = base_of(&map, &map.subject);
    base.height = 10;
    prove_since(SAMPLE_HISTORY);
    struct proof_verdict verdict = verdict_from(&base);
    assert_int_equal(verdict.reason, PROOF_STALE);
    assert_true(verdict.authentic && verdict.complete);
}

static void a_body_after_it_is_checked_as_ever(void **state)
{
    (void)state;
    events[BEFORE].salt[3] ^= 1;
    expect(PROOF_BODY);
    prove_since(BEFORE);
    events[BEFORE + 1].has_body = false;
    assert_int_equal(verdict_from(&base).withheld, 1);
}

static void no_single_bit_can_change(void **state)
{
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    history_proof_encode(&proof, &bytes);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verdict_of_bytes(buffer_span(&bytes), &base).reason == PROOF_OK)
            fail_msg("bit %zu of byte %zu can change", bit % 8, bit / 8);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_close(&bytes);
}

static void the_newest_proof_tells_what_there_was_at_each_height(void **state)
{
    (void)state;
    prove_since(0);
    const uint32_t expected[10] = {0, 0, 0, 2, 4, 6, 6, 6, 6, 6};
    for (uint64_t height = 0; height <= 9; height++)
        assert_int_equal(history_events_as_of(&proof, height), expected[height]);
}

static void a_known_checkpoint_forbids_older_ones_and_others_of_its_height(void **state)
{
    (void)state;
    struct known_checkpoint trusted = {.certified = map.checkpoint, .validators = trust.validators};
    struct checkpoint *known = &trusted.certified.checkpoint;
    trust.known = &trusted;
    expect(PROOF_OK);
    known->height = 8;
    expect(PROOF_OK);
    known->height = 10;
    struct proof_verdict verdict = verdict_from(&base);
    assert_int_equal(verdict.reason, PROOF_STALE);
    assert_true(verdict.authentic);
    *known = map.checkpoint.checkpoint;
    known->block.bytes[0] ^= 1;
    expect(PROOF_CHAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_came_after_is_authentic_and_complete, make_proof),
        cmocka_unit_test_setup(nothing_may_have_come_after, make_proof),
        cmocka_unit_test_setup(a_whole_history_goes_on_from_the_proof_that_there_was_none, make_proof),
        cmocka_unit_test_setup(without_what_it_goes_on_from_it_is_count, make_proof),
        cmocka_unit_test_setup(where_the_answer_says_it_begins_is_not_believed, make_proof),
        cmocka_unit_test_setup(another_subjects_history_is_nothing_to_go_on_from, make_proof),
        cmocka_unit_test_setup(more_events_before_than_there_are_is_count, make_proof),
        cmocka_unit_test_setup(what_was_before_and_does_not_fold_is_fold, make_proof),
        cmocka_unit_test_setup(events_that_do_not_fold_are_fold, make_proof),
        cmocka_unit_test_setup(an_event_that_the_older_proof_should_have_had_is_fold, make_proof),
        cmocka_unit_test_setup(an_answer_older_than_what_it_goes_on_from_is_stale, make_proof),
        cmocka_unit_test_setup(a_body_after_it_is_checked_as_ever, make_proof),
        cmocka_unit_test_setup(no_single_bit_can_change, make_proof),
        cmocka_unit_test_setup(the_newest_proof_tells_what_there_was_at_each_height, make_proof),
        cmocka_unit_test_setup(a_known_checkpoint_forbids_older_ones_and_others_of_its_height, make_proof),
    };
    return cmocka_run_group_tests(tests, make_maps, drop_maps);
}
