// links: consensus base
/* What the scripts of tests/trace cannot say: the ends of the ring, records that no correct run stored, other
 * signature bytes, long ranges, and a caller that breaks the contract. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "consensus/core.h"
#include "tests/unit/feed.h"

#define EPOCH 1u

static struct digest digest_of(uint64_t number)
{
    struct digest digest = {{1}};
    for (int i = 0; i < 8; i++)
        digest.bytes[31 - i] = (uint8_t)(number >> 8 * i);
    return digest;
}

static struct certificate certificate_of(enum vote_kind kind, uint64_t view)
{
    struct certificate certificate = {.kind = kind, .epoch = EPOCH, .view = view, .signers = 7};
    if (kind != VOTE_NULLIFY) certificate.block = digest_of(view);
    return certificate;
}

/* A replica of four, started, that never hears of silence. */
static struct consensus *opened(uint32_t signer)
{
    struct consensus_config config = {.signer = signer, .may_vote = true, .base_timeout_ms = 100};
    config.set.count = config.peer_count = 4;
    config.set.epoch = EPOCH;
    config.chain_id = digest_of(0);
    struct consensus_floor floor = {.block = config.chain_id};
    struct consensus *consensus = NULL;
    assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_OK);
    return consensus;
}

static uint32_t fed_kind(struct consensus *consensus, enum consensus_input_kind kind, uint64_t now_ms,
    enum consensus_output_kind counted)
{
    struct consensus_input input = {.kind = kind, .now_ms = now_ms, .ok = true, .peer = 2};
    return fed(consensus, &input, counted);
}

static uint32_t fed_certificate(
    struct consensus *consensus, const struct certificate *certificate, enum consensus_output_kind counted)
{
    struct consensus_input input = {.kind = INPUT_VERIFIED, .peer = 2, .ok = true};
    input.message = (struct consensus_message){.kind = MESSAGE_CERTIFICATE, .certificate = certificate};
    return fed(consensus, &input, counted);
}

static uint32_t fed_proposal(struct consensus *consensus, enum consensus_input_kind kind,
    const struct proposal *proposal, enum consensus_output_kind counted)
{
    struct consensus_input input = {.kind = kind, .peer = 2, .ok = true};
    input.message = (struct consensus_message){.kind = MESSAGE_PROPOSAL, .proposal = proposal};
    return fed(consensus, &input, counted);
}

/* The views up to `last` end, each by a nullification. */
static void nullify_up_to(struct consensus *consensus, uint64_t last)
{
    for (uint64_t view = 1; view <= last; view++) {
        struct certificate certificate = certificate_of(VOTE_NULLIFY, view);
        (void)fed_certificate(consensus, &certificate, OUTPUT_ENTERED);
    }
}

/* Block `view` of its view, on the block of the view before; of view 1, on genesis. */
static struct proposal proposal_of(uint64_t view)
{
    struct proposal proposal = {.hash = digest_of(view)};
    struct block_header *header = &proposal.header;
    *header = (struct block_header){.epoch = EPOCH, .view = view, .height = view, .time_ms = view};
    header->chain_id = digest_of(0);
    header->parent_view = view - 1;
    header->parent_hash = digest_of(view - 1);
    struct justification *j = &proposal.justification;
    j->parent_is_genesis = view == 1;
    if (view == 1) return proposal;
    j->parent = *header;
    j->parent.view = j->parent.height = j->parent.time_ms = view - 1;
    j->parent.parent_view = view - 2;
    j->parent.parent_hash = digest_of(view - 2);
    j->parent_hash = digest_of(view - 1);
    j->parent_certificate = certificate_of(VOTE_NOTARIZE, view - 1);
    return proposal;
}

static struct consensus_record vote_record_of(
    enum vote_kind kind, uint64_t view, uint64_t block, uint32_t signer)
{
    struct consensus_record record = {.kind = RECORD_VOTE};
    record.vote = (struct vote){.kind = kind, .epoch = EPOCH, .view = view, .signer = signer};
    if (kind != VOTE_NULLIFY) record.vote.block = digest_of(block);
    if (kind != VOTE_NOTARIZE) return record;
    record.header = proposal_of(view).header;
    record.block = digest_of(block);
    return record;
}

/* R0, mistake 16. */
static void a_proposal_out_of_the_ring_is_not_checked(void **state)
{
    (void)state;
    struct consensus *consensus = opened(3);
    struct proposal above = proposal_of(VIEWS_HELD + 1), last = proposal_of(VIEWS_HELD);
    assert_int_equal(fed_proposal(consensus, INPUT_RECEIVED, &above, OUTPUT_VERIFY), 0);
    assert_int_equal(fed_proposal(consensus, INPUT_RECEIVED, &last, OUTPUT_VERIFY), 1);
    /* A finalization retires views that the floor has not passed yet. */
    struct certificate far = certificate_of(VOTE_FINALIZE, 5000);
    assert_int_equal(fed_certificate(consensus, &far, OUTPUT_ENTERED), 1);
    struct proposal retired = proposal_of(5001 + 64 - VIEWS_HELD);
    struct proposal kept = proposal_of(5001 + 64 - VIEWS_HELD + 1);
    assert_int_equal(fed_proposal(consensus, INPUT_RECEIVED, &retired, OUTPUT_VERIFY), 0);
    assert_int_equal(fed_proposal(consensus, INPUT_RECEIVED, &kept, OUTPUT_VERIFY), 1);
    consensus_close(consensus);
}

/* R0: "Cheap checks come before signatures: form". */
static void a_vote_of_no_known_kind_is_charged(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind <= 4; kind += 4) {
        struct consensus *consensus = opened(3);
        struct vote vote = {.kind = (enum vote_kind)kind, .epoch = EPOCH, .view = 1, .block = digest_of(1)};
        struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = 2};
        input.message = (struct consensus_message){.kind = MESSAGE_VOTE, .vote = &vote};
        assert_int_equal(fed(consensus, &input, OUTPUT_CHARGE), 1);
        consensus_close(consensus);
    }
}

/* R14: "Judged by content, never by signature bytes." */
static void the_same_vote_in_another_signature_is_the_same_vote(void **state)
{
    (void)state;
    struct consensus *consensus = opened(3);
    struct vote vote = {.kind = VOTE_NOTARIZE, .epoch = EPOCH, .view = 1, .block = digest_of(1), .signer = 2};
    struct consensus_input input = {.kind = INPUT_VERIFIED, .peer = 2, .ok = true};
    input.message = (struct consensus_message){.kind = MESSAGE_VOTE, .vote = &vote};
    assert_int_equal(fed(consensus, &input, OUTPUT_EVIDENCE), 0);
    vote.signature.bytes[5] ^= 1;
    input.kind = INPUT_RECEIVED;
    assert_int_equal(fed(consensus, &input, OUTPUT_VERIFY), 0);
    input.kind = INPUT_VERIFIED;
    assert_int_equal(fed(consensus, &input, OUTPUT_EVIDENCE), 0);
    consensus_close(consensus);
}

/* R1: "a J may not bridge more than 1,024 views in any case." */
static void a_leader_does_not_bridge_more_than_a_justification_can(void **state)
{
    (void)state;
    struct consensus *consensus = opened(0);
    nullify_up_to(consensus, VIEWS_SKIPPED_MAX);
    assert_int_equal(fed_kind(consensus, INPUT_WORK, 1, OUTPUT_PROPOSE), 1);
    consensus_close(consensus);
    consensus = opened(0);
    nullify_up_to(consensus, VIEWS_SKIPPED_MAX + 4);
    assert_int_equal(fed_kind(consensus, INPUT_WORK, 1, OUTPUT_PROPOSE), 0);
    consensus_close(consensus);
}

/* R2, mistake 20: "Check my own block as R3 would". What the caller hands in is no peer's fault: it is a bug
 * here. */
static void a_wrong_proposal_of_my_own_ends_the_process(void **state)
{
    (void)state;
    struct consensus *consensus = opened(0);
    assert_int_equal(fed_kind(consensus, INPUT_WORK, 1, OUTPUT_PROPOSE), 1);
    struct proposal proposal = proposal_of(1);
    proposal.header.height = 2;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct consensus_input input = {.kind = INPUT_PROPOSED, .ok = true};
        input.message.proposal = &proposal;
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) _exit(0);
        consensus_step(consensus, &input);
        _exit(0);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    consensus_close(consensus);
}

/* At the ring's end a notarization moves no view, so the view that is finalize-voted is still the current
 * one. R5: "Never if I finalize-voted v." */
static void a_view_at_the_rings_end_is_not_nullified_after_a_finalize(void **state)
{
    (void)state;
    struct consensus *consensus = opened(3);
    nullify_up_to(consensus, 2000);
    uint64_t view = consensus->view;
    struct proposal proposal = proposal_of(view);
    assert_int_equal(fed_proposal(consensus, INPUT_VERIFIED, &proposal, OUTPUT_NEED_PAYLOAD), 1);
    struct consensus_input input = {.kind = INPUT_PAYLOAD, .ok = true, .block = proposal.hash};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 1);
    input = (struct consensus_input){.kind = INPUT_SIGNED_VOTE};
    input.vote = vote_record_of(VOTE_NOTARIZE, view, view, 3).vote;
    assert_int_equal(fed(consensus, &input, OUTPUT_PERSIST), 1);
    input = (struct consensus_input){.kind = INPUT_DURABLE, .sequence = 1};
    assert_int_equal(fed(consensus, &input, OUTPUT_SEND), 1);
    struct certificate certificate = certificate_of(VOTE_NOTARIZE, view);
    assert_int_equal(fed_certificate(consensus, &certificate, OUTPUT_SIGN_VOTE), 1);
    assert_true(consensus->view == view);
    (void)fed_kind(consensus, INPUT_WORK, 1, OUTPUT_SEND);
    assert_int_equal(fed_kind(consensus, INPUT_TIME, 100000, OUTPUT_SIGN_VOTE), 0);
    consensus_close(consensus);
}

/* Only the finalize vote was found on disk: it forbids what the lost notarize would. */
static void a_stored_finalize_forbids_notarize_and_nullify(void **state)
{
    (void)state;
    struct consensus *consensus = opened(1);
    struct consensus_record record = vote_record_of(VOTE_FINALIZE, 1, 77, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    struct proposal one = proposal_of(1), other = proposal_of(1);
    other.hash = digest_of(78);
    assert_int_equal(fed_proposal(consensus, INPUT_VERIFIED, &one, OUTPUT_NEED_PAYLOAD), 1);
    struct consensus_input input = {.kind = INPUT_PAYLOAD, .ok = true, .block = one.hash};
    assert_int_equal(fed(consensus, &input, OUTPUT_SIGN_VOTE), 0);
    assert_int_equal(fed_proposal(consensus, INPUT_VERIFIED, &other, OUTPUT_SIGN_VOTE), 0);
    assert_true(view_find(consensus, 1)->equivocated);
    /* No timer either: nothing would be flooded but at a standstill. */
    (void)fed_kind(consensus, INPUT_WORK, 1, OUTPUT_SEND);
    assert_int_equal(fed_kind(consensus, INPUT_TIME, 900, OUTPUT_FLOOD_WORK), 0);
    consensus_close(consensus);
}

static void a_record_may_be_given_back_twice(void **state)
{
    (void)state;
    struct consensus *consensus = opened(1);
    struct consensus_record record = vote_record_of(VOTE_NOTARIZE, 1, 5, 1);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    consensus_close(consensus);
}

static void records_that_no_correct_run_stored_are_damage(void **state)
{
    (void)state;
    struct consensus *consensus = opened(1);
    struct consensus_record record = vote_record_of(VOTE_NULLIFY, 5, 0, 1);
    record.vote.kind = (enum vote_kind)4;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    record.vote.kind = VOTE_NULLIFY;
    record.vote.epoch = EPOCH - 1; /* of an epoch that is over: stored rightly, and of no use */
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    /* A proposal of its own in a view that another leads, and two in one that it leads. */
    record = (struct consensus_record){.kind = RECORD_PROPOSAL, .block = digest_of(3)};
    record.header = proposal_of(3).header;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    record.header = proposal_of(2).header;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    record.block = digest_of(4);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    consensus_close(consensus);
}

static void a_stored_proposal_that_is_not_the_blocks_is_damage(void **state)
{
    (void)state;
    struct consensus *consensus = opened(1);
    struct consensus_record record = vote_record_of(VOTE_NOTARIZE, 3, 3, 1);
    struct proposal proposal = proposal_of(3);
    record.proposal = &proposal;
    proposal.hash = digest_of(9);
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    consensus_close(consensus);
    consensus = opened(1);
    proposal = proposal_of(3);
    proposal.header.height++;
    assert_int_equal(consensus_restore(consensus, &record, true), TALLY_EDAMAGED);
    consensus_close(consensus);
}

/* R10: "my newest 16 finalize votes with their NCs". */
static void twenty_stored_finalizes_are_resent_sixteen_at_a_time(void **state)
{
    (void)state;
    struct consensus *consensus = opened(1);
    for (uint64_t view = 1; view <= 20; view++) {
        struct consensus_record record = vote_record_of(VOTE_FINALIZE, view, view, 1);
        record.has_notarization = true;
        record.notarization = certificate_of(VOTE_NOTARIZE, view);
        assert_int_equal(consensus_restore(consensus, &record, true), TALLY_OK);
    }
    (void)fed_kind(consensus, INPUT_WORK, 1, OUTPUT_SEND);
    struct consensus_input input = {.kind = INPUT_TIME, .now_ms = 5000};
    consensus_step(consensus, &input);
    const struct consensus_output *output;
    uint32_t count = 0;
    uint64_t lowest = UINT64_MAX;
    while ((output = consensus_next_output(consensus))) {
        if (output->kind != OUTPUT_SEND || output->message.kind != MESSAGE_VOTE) continue;
        count++;
        lowest = output->message.vote->view;
    }
    assert_int_equal(count, 16);
    assert_true(lowest == 5);
    consensus_close(consensus);
}

/* R12: a range as long as ranges may be says nothing of what follows it, so the next one is asked for at
 * once. */
static void after_a_full_range_the_next_is_asked_for(void **state)
{
    (void)state;
    static struct block_header headers[RANGE_BLOCKS_MAX];
    static struct digest hashes[RANGE_BLOCKS_MAX];
    for (uint32_t count = RANGE_BLOCKS_MAX - 1; count <= RANGE_BLOCKS_MAX; count++) {
        struct consensus *consensus = opened(3);
        (void)fed_kind(consensus, INPUT_LINK_UP, 1, OUTPUT_SEND);
        for (uint32_t i = 0; i < count; i++) {
            headers[i] = proposal_of(i + 1).header;
            hashes[i] = digest_of(i + 1);
        }
        struct certificate certificate = certificate_of(VOTE_FINALIZE, count);
        struct consensus_range range = {count, headers, hashes, &certificate};
        struct consensus_input input = {.kind = INPUT_VERIFIED, .now_ms = 2, .peer = 2, .ok = true};
        input.message = (struct consensus_message){.kind = MESSAGE_RANGE, .range = &range};
        assert_int_equal(fed(consensus, &input, OUTPUT_SEND), count == RANGE_BLOCKS_MAX);
        consensus_close(consensus);
    }
}

/* R12: "a chain from my floor". What lies behind the range in memory would follow the floor; it is no part of
 * it. */
static void a_range_that_ends_at_the_floor_is_not_looked_past(void **state)
{
    (void)state;
    struct consensus *consensus = opened(3);
    struct block_header headers[2] = {proposal_of(1).header, proposal_of(2).header};
    struct digest hashes[2] = {digest_of(1), digest_of(2)};
    struct certificate certificate = certificate_of(VOTE_FINALIZE, 1);
    struct consensus_range range = {1, headers, hashes, &certificate};
    struct consensus_input input = {.kind = INPUT_VERIFIED, .peer = 2, .ok = true};
    input.message = (struct consensus_message){.kind = MESSAGE_RANGE, .range = &range};
    assert_int_equal(fed(consensus, &input, OUTPUT_COMMIT), 1);
    input.kind = INPUT_RECEIVED;
    assert_int_equal(fed(consensus, &input, OUTPUT_VERIFY), 0);
    consensus_close(consensus);
}

static void a_range_of_nothing_is_charged(void **state)
{
    (void)state;
    struct consensus *consensus = opened(3);
    struct consensus_range range = {0, NULL, NULL, NULL};
    struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = 2};
    input.message = (struct consensus_message){.kind = MESSAGE_RANGE, .range = &range};
    assert_int_equal(fed(consensus, &input, OUTPUT_CHARGE), 1);
    consensus_close(consensus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposal_out_of_the_ring_is_not_checked),
        cmocka_unit_test(a_vote_of_no_known_kind_is_charged),
        cmocka_unit_test(the_same_vote_in_another_signature_is_the_same_vote),
        cmocka_unit_test(a_leader_does_not_bridge_more_than_a_justification_can),
        cmocka_unit_test(a_wrong_proposal_of_my_own_ends_the_process),
        cmocka_unit_test(a_view_at_the_rings_end_is_not_nullified_after_a_finalize),
        cmocka_unit_test(a_stored_finalize_forbids_notarize_and_nullify),
        cmocka_unit_test(a_record_may_be_given_back_twice),
        cmocka_unit_test(records_that_no_correct_run_stored_are_damage),
        cmocka_unit_test(a_stored_proposal_that_is_not_the_blocks_is_damage),
        cmocka_unit_test(twenty_stored_finalizes_are_resent_sixteen_at_a_time),
        cmocka_unit_test(a_range_that_ends_at_the_floor_is_not_looked_past),
        cmocka_unit_test(a_range_of_nothing_is_charged),
        cmocka_unit_test(after_a_full_range_the_next_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
