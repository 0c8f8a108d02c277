// links: consensus base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "consensus/core.h"
#include "tests/unit/feed.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_CALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_CALLOC 0
#endif
#endif
#ifndef OWN_CALLOC
#define OWN_CALLOC 1
#endif

#if OWN_CALLOC
/* Fails the n-th call from now on, counting from 1; 0 = never. */
static int calloc_fails_at;
void *__libc_calloc(size_t count, size_t size);
void *calloc(size_t count, size_t size)
{
    if (calloc_fails_at > 0 && --calloc_fails_at == 0) return NULL;
    return __libc_calloc(count, size);
}
#endif

static struct consensus_config config_of(uint32_t n, uint32_t signer)
{
    struct consensus_config config = {.signer = signer, .may_vote = true, .base_timeout_ms = 100};
    config.set.count = n;
    config.peer_count = n;
    memset(config.chain_id.bytes, 7, sizeof config.chain_id.bytes);
    return config;
}

static struct consensus *opened(const struct consensus_config *config)
{
    struct consensus_floor floor = {.block = config->chain_id};
    struct consensus *consensus = NULL;
    assert_int_equal(consensus_open(config, &floor, &consensus), TALLY_OK);
    return consensus;
}

static struct digest digest_of(uint8_t byte)
{
    struct digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct certificate certificate_of(uint32_t n, enum vote_kind kind, uint64_t view)
{
    struct certificate certificate = {.kind = kind, .view = view};
    certificate.signers = (UINT64_C(1) << quorum_of(n)) - 1;
    if (kind != VOTE_NULLIFY) certificate.block = digest_of((uint8_t)(view % 251 + 1));
    return certificate;
}

static uint32_t verified_certificate(
    struct consensus *consensus, const struct certificate *certificate, enum consensus_output_kind kind)
{
    struct consensus_input input = {.kind = INPUT_VERIFIED, .peer = 2, .ok = true};
    input.message.kind = MESSAGE_CERTIFICATE;
    input.message.certificate = certificate;
    return fed(consensus, &input, kind);
}

static uint64_t view_of(const struct consensus *consensus)
{
    struct consensus_status status;
    consensus_status(consensus, &status);
    return status.view;
}

static void two_quorums_share_an_honest_validator_and_the_honest_make_one(void **state)
{
    (void)state;
    for (uint32_t n = VALIDATORS_MIN; n <= VALIDATORS_MAX; n++) {
        assert_true(2 * quorum_of(n) >= n + faults_of(n) + 1);
        assert_true(quorum_of(n) <= n - faults_of(n));
    }
    assert_int_equal(quorum_of(6), 4);
    assert_int_equal(quorum_of(64), 43);
}

static void a_configuration_out_of_its_ranges_is_refused(void **state)
{
    (void)state;
    struct consensus *consensus = NULL;
    struct consensus_config good = config_of(4, 1);
    struct consensus_floor floor = {.block = good.chain_id};
    struct consensus_config bad[] = {good, good, good, good, good, good};
    bad[0].set.count = 3;
    bad[1].set.count = 65;
    bad[2].signer = 4;
    bad[3].peer_count = 3;
    bad[4].base_timeout_ms = 0;
    bad[5].base_timeout_ms = 30001;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(consensus_open(&bad[i], &floor, &consensus), TALLY_EINVALID);
    floor.block.bytes[0] ^= 1;
    assert_int_equal(consensus_open(&good, &floor, &consensus), TALLY_EINVALID);
    assert_null(consensus);
    consensus_close(NULL);
}

static void a_floor_without_its_finalization_is_refused(void **state)
{
    (void)state;
    struct consensus *consensus = NULL;
    struct consensus_config config = config_of(4, 1);
    struct consensus_floor floor = {.height = 1, .view = 3, .block = digest_of(4)};
    floor.header.chain_id = config.chain_id;
    floor.header.height = 1;
    floor.header.view = 3;
    assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_EINVALID);
    floor.has_finalization = true;
    floor.finalization = certificate_of(4, VOTE_FINALIZE, 3);
    assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_OK);
    assert_int_equal(view_of(consensus), 4);
    consensus_close(consensus);
}

static void every_allocation_that_fails_is_told(void **state)
{
    (void)state;
#if OWN_CALLOC
    struct consensus_config config = config_of(4, 1);
    struct consensus_floor floor = {.block = config.chain_id};
    for (int n = 1;; n++) {
        struct consensus *consensus = NULL;
        calloc_fails_at = n;
        int error = consensus_open(&config, &floor, &consensus);
        calloc_fails_at = 0;
        if (error == TALLY_OK) {
            assert_true(n > 5);
            consensus_close(consensus);
            return;
        }
        assert_int_equal(error, TALLY_ENOMEM);
        assert_null(consensus);
    }
#endif
}

#if OWN_CALLOC
static size_t resident_size(void)
{
    size_t size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static void an_idle_replica_of_four_touches_less_than_a_mebibyte(void **state)
{
    (void)state;
#if OWN_CALLOC
    struct consensus_config config = config_of(4, 1);
    size_t before = resident_size();
    struct consensus *consensus = opened(&config);
    struct consensus_input input = {.kind = INPUT_TIME, .now_ms = 5};
    assert_int_equal(fed(consensus, &input, OUTPUT_ENTERED), 1);
    for (uint32_t peer = 0; peer < 4; peer++) {
        input = (struct consensus_input){.kind = INPUT_LINK_UP, .now_ms = 6, .peer = peer};
        (void)fed(consensus, &input, OUTPUT_SEND);
    }
    assert_true(consensus_wake_ms(consensus) == UINT64_MAX);
    assert_true(resident_size() - before < MIB);
    consensus_close(consensus);
#endif
}

static void views_stop_where_open_ones_would_have_to_be_forgotten(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    for (uint64_t view = 1; view <= 2000; view++) {
        struct certificate certificate = certificate_of(4, VOTE_NULLIFY, view);
        (void)verified_certificate(consensus, &certificate, OUTPUT_ENTERED);
    }
    uint64_t last = view_of(consensus);
    assert_true(last > VIEWS_SKIPPED_MAX && last + 64 == VIEWS_HELD);
    /* It answers, times out, and asks like any other, and a finalization frees it. */
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true, .now_ms = 10};
    (void)fed(consensus, &input, OUTPUT_SEND);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 100000};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
    struct certificate certificate = certificate_of(4, VOTE_FINALIZE, 1999);
    assert_int_equal(verified_certificate(consensus, &certificate, OUTPUT_ENTERED), 1);
    assert_int_equal(view_of(consensus), 2000);
    consensus_close(consensus);
}

static void a_finalization_from_very_far_ahead_is_taken(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct consensus_input input = {.kind = INPUT_LINK_UP, .peer = 2, .now_ms = 1};
    (void)fed(consensus, &input, OUTPUT_SEND);
    struct certificate certificate = certificate_of(4, VOTE_FINALIZE, UINT64_C(1) << 40);
    assert_int_equal(verified_certificate(consensus, &certificate, OUTPUT_SEND), 1);
    assert_true(view_of(consensus) == (UINT64_C(1) << 40) + 1);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 50};
    assert_int_equal(fed(consensus, &input, OUTPUT_SEND), 0);
    consensus_close(consensus);
}

static void a_clock_that_goes_back_stands_still(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 3);
    struct consensus *consensus = opened(&config);
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true, .now_ms = 1000};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 10};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    assert_int_equal(consensus_wake_ms(consensus), 1200);
    consensus_close(consensus);
}

static struct consensus_record vote_record_of(
    enum vote_kind kind, uint64_t view, uint8_t block, uint32_t signer)
{
    struct consensus_record record = {.kind = RECORD_VOTE};
    record.vote.kind = kind;
    record.vote.view = view;
    record.vote.signer = signer;
    if (kind != VOTE_NULLIFY) record.vote.block = digest_of(block);
    if (kind == VOTE_NOTARIZE) {
        record.block = digest_of(block);
        record.header.view = view;
        record.header.height = 1;
    }
    return record;
}

static void timers_grow_to_thirty_seconds_and_no_further(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 3);
    config.base_timeout_ms = 16000;
    struct consensus *consensus = opened(&config);
    const uint64_t wakes[] = {32000, 32000, 48000, 48000, 60000, 60000, 60000, 60000};
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true};
    for (uint64_t view = 1; view <= sizeof wakes / sizeof *wakes; view++) {
        (void)fed(consensus, &input, OUTPUT_SEND);
        if (leader_of(view, 4) != config.signer) {
            /* A standstill may come first; a vote does not. */
            input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = wakes[view - 1] - 1};
            assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
            input.now_ms++;
            assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
        }
        consensus_close(consensus);
        consensus = opened(&config);
        for (uint64_t ended = 1; ended <= view; ended++) {
            struct certificate certificate = certificate_of(4, VOTE_NULLIFY, ended);
            (void)verified_certificate(consensus, &certificate, OUTPUT_ENTERED);
        }
        input = (struct consensus_input){.kind = INPUT_WORK, .ok = true};
    }
    consensus_close(consensus);
}

static bool timed_out(const struct consensus *consensus)
{
    struct consensus_status status;
    consensus_status(consensus, &status);
    return status.timed_out;
}

static void a_view_given_up_by_its_timer_says_so_and_one_of_a_silent_leader_does_not(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 3);
    struct consensus *consensus = opened(&config);
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    assert_false(timed_out(consensus));
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 200};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
    assert_true(timed_out(consensus));
    struct certificate ended = certificate_of(4, VOTE_NULLIFY, 1);
    (void)verified_certificate(consensus, &ended, OUTPUT_ENTERED);
    assert_false(timed_out(consensus));
    consensus_close(consensus);

    consensus = opened(&config);
    uint64_t others = 7u & ~(UINT64_C(1) << leader_of(1, 4));
    input = (struct consensus_input){.kind = INPUT_HEARD, .heard = others};
    for (; input.now_ms < 2000; input.now_ms += 100)
        assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
    assert_false(timed_out(consensus));
    consensus_close(consensus);
}

static void stored_votes_that_conflict_are_damage(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus_record first[] = {vote_record_of(VOTE_NOTARIZE, 5, 1, 1),
        vote_record_of(VOTE_NULLIFY, 5, 0, 1), vote_record_of(VOTE_FINALIZE, 5, 1, 1),
        vote_record_of(VOTE_FINALIZE, 5, 1, 1), vote_record_of(VOTE_NOTARIZE, 5, 1, 1)};
    struct consensus_record second[] = {vote_record_of(VOTE_NOTARIZE, 5, 2, 1),
        vote_record_of(VOTE_FINALIZE, 5, 1, 1), vote_record_of(VOTE_NULLIFY, 5, 0, 1),
        vote_record_of(VOTE_FINALIZE, 5, 2, 1), vote_record_of(VOTE_FINALIZE, 5, 2, 1)};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        struct consensus *consensus = opened(&config);
        assert_int_equal(consensus_restore(consensus, &first[i], true), TALLY_OK);
        assert_int_equal(consensus_restore(consensus, &second[i], true), TALLY_EDAMAGED);
        consensus_close(consensus);
    }
}

static void a_stored_vote_of_another_signer_or_epoch_is_damage(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct consensus_record record = vote_record_of(VOTE_NULLIFY, 5, 0, 2);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    record = vote_record_of(VOTE_NULLIFY, 5, 0, 1);
    record.vote.epoch = 9;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    record = vote_record_of(VOTE_NULLIFY, 5, 0, 1);
    record.has_admission = true;
    record.admission = certificate_of(4, VOTE_NULLIFY, 4);
    record.admission.signers = 1;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    consensus_close(consensus);
}

static void a_vote_far_above_the_floor_comes_with_what_admitted_it(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct consensus_record record = vote_record_of(VOTE_NULLIFY, 900, 0, 1);
    record.has_admission = true;
    record.admission = certificate_of(4, VOTE_NULLIFY, 899);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    assert_int_equal(view_of(consensus), 900);
    /* Never from own votes alone. */
    record = vote_record_of(VOTE_NULLIFY, 950, 0, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    assert_int_equal(view_of(consensus), 900);
    consensus_close(consensus);
}

static void a_view_with_a_stored_finalize_is_never_nullified(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct consensus_record record = vote_record_of(VOTE_FINALIZE, 1, 5, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true, .now_ms = 10};
    (void)fed(consensus, &input, OUTPUT_SEND);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 100000};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    consensus_close(consensus);
}

static void a_record_beyond_the_ring_silences_its_view_and_those_below(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 3);
    struct consensus *consensus = opened(&config);
    struct consensus_record record = vote_record_of(VOTE_NULLIFY, 1281, 0, 3);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    struct consensus_input input = {.kind = INPUT_WORK, .ok = true, .now_ms = 10};
    (void)fed(consensus, &input, OUTPUT_SEND);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 100000};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    struct certificate certificate = certificate_of(4, VOTE_FINALIZE, 1282);
    assert_int_equal(verified_certificate(consensus, &certificate, OUTPUT_ENTERED), 1);
    input = (struct consensus_input){.kind = INPUT_TIME, .now_ms = 200000};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
    consensus_close(consensus);
}

static void a_peer_that_asks_without_end_is_served_a_few_times(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct consensus_record record = vote_record_of(VOTE_NOTARIZE, 1, 5, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    uint32_t served = 0;
    for (uint64_t now_ms = 1; now_ms <= 100; now_ms++) {
        struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = 2, .now_ms = now_ms};
        input.message.kind = MESSAGE_PROPOSAL_REQUEST;
        input.message.block = record.block;
        served += fed(consensus, &input, OUTPUT_SEND);
    }
    assert_int_equal(served, 17); /* 16, and the first of the next D */
    consensus_close(consensus);
}

static void records_at_or_below_the_floor_are_ignored(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus_floor floor = {.height = 1, .view = 200, .block = digest_of(201)};
    floor.header.chain_id = config.chain_id;
    floor.header.height = 1;
    floor.header.view = 200;
    floor.has_finalization = true;
    floor.finalization = certificate_of(4, VOTE_FINALIZE, 200);
    struct consensus *consensus = NULL;
    assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_OK);
    struct consensus_record record = vote_record_of(VOTE_NULLIFY, 200, 0, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    record = vote_record_of(VOTE_FINALIZE, 200, 3, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    assert_int_equal(view_of(consensus), 201);
    consensus_close(consensus);
}

static void the_chain_of_a_block_is_walked_down_to_the_floor(void **state)
{
    (void)state;
    struct consensus_config config = config_of(4, 1);
    struct consensus *consensus = opened(&config);
    struct digest parent = config.chain_id, chain[8];
    for (uint8_t view = 1; view <= 5; view++) {
        struct consensus_record record = vote_record_of(VOTE_NOTARIZE, view, view, 1);
        record.header.height = view;
        record.header.parent_view = (uint64_t)view - 1;
        record.header.parent_hash = parent;
        parent = record.block;
        assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    }
    assert_int_equal(consensus_chain(consensus, &parent, chain, 8), 5);
    assert_true(digest_equal(&chain[0], &parent));
    assert_int_equal(chain[4].bytes[0], 1);
    assert_int_equal(consensus_chain(consensus, &parent, chain, 2), 2);
    assert_int_equal(consensus_chain(consensus, &config.chain_id, chain, 8), 0);
    consensus_close(consensus);
}

static void a_set_of_sixty_four_assembles_forty_three_votes(void **state)
{
    (void)state;
    struct consensus_config config = config_of(64, SIGNER_NONE);
    config.peer_count = 65;
    struct consensus *consensus = opened(&config);
    for (uint32_t signer = 0; signer < 43; signer++) {
        struct vote vote = {.kind = VOTE_NULLIFY, .view = 1, .signer = 63 - signer};
        struct consensus_input input = {.kind = INPUT_VERIFIED, .peer = 63 - signer, .ok = true};
        input.message.kind = MESSAGE_VOTE;
        input.message.vote = &vote;
        assert_int_equal(fed(consensus, &input, OUTPUT_ENTERED), signer == 42 ? 1 : signer == 0);
    }
    assert_int_equal(view_of(consensus), 2);
    consensus_close(consensus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_quorums_share_an_honest_validator_and_the_honest_make_one),
        cmocka_unit_test(a_configuration_out_of_its_ranges_is_refused),
        cmocka_unit_test(a_floor_without_its_finalization_is_refused),
        cmocka_unit_test(every_allocation_that_fails_is_told),
        cmocka_unit_test(an_idle_replica_of_four_touches_less_than_a_mebibyte),
        cmocka_unit_test(views_stop_where_open_ones_would_have_to_be_forgotten),
        cmocka_unit_test(a_finalization_from_very_far_ahead_is_taken),
        cmocka_unit_test(a_clock_that_goes_back_stands_still),
        cmocka_unit_test(timers_grow_to_thirty_seconds_and_no_further),
        cmocka_unit_test(a_view_given_up_by_its_timer_says_so_and_one_of_a_silent_leader_does_not),
        cmocka_unit_test(stored_votes_that_conflict_are_damage),
        cmocka_unit_test(a_stored_vote_of_another_signer_or_epoch_is_damage),
        cmocka_unit_test(a_vote_far_above_the_floor_comes_with_what_admitted_it),
        cmocka_unit_test(a_view_with_a_stored_finalize_is_never_nullified),
        cmocka_unit_test(a_record_beyond_the_ring_silences_its_view_and_those_below),
        cmocka_unit_test(a_peer_that_asks_without_end_is_served_a_few_times),
        cmocka_unit_test(records_at_or_below_the_floor_are_ignored),
        cmocka_unit_test(the_chain_of_a_block_is_walked_down_to_the_floor),
        cmocka_unit_test(a_set_of_sixty_four_assembles_forty_three_votes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
