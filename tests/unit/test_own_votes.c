// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/own_votes.h"

#define VALIDATORS 4u
#define SELF 2u
#define SEEN(bits) (UINT64_C(bits))

static void is_seen(const struct consensus_message *message, uint64_t epoch, uint64_t view)
{
    struct guard_mark mark = own_votes_newest(message, SELF, VALIDATORS);
    assert_int_equal(mark.epoch, epoch);
    assert_int_equal(mark.view, view);
    mark = own_votes_newest(message, SIGNER_NONE, VALIDATORS); /* an observer's are nobody's */
    assert_int_equal(mark.epoch, 0);
}

static void a_vote_is_its_signers(void **state)
{
    (void)state;
    struct vote vote = {.kind = VOTE_NULLIFY, .epoch = 3, .view = 17, .signer = SELF};
    struct consensus_message message = {.kind = MESSAGE_VOTE, .vote = &vote};
    is_seen(&message, 3, 17);
    vote.signer = SELF + 1;
    is_seen(&message, 0, 0);
}

static void a_certificate_is_of_all_who_signed(void **state)
{
    (void)state;
    struct certificate certificate = {.kind = VOTE_FINALIZE, .epoch = 1, .view = 9, .signers = SEEN(0x0d)};
    struct consensus_message message = {.kind = MESSAGE_CERTIFICATE, .certificate = &certificate};
    is_seen(&message, 1, 9);
    struct consensus_range range = {.count = 1, .finalization = &certificate};
    struct consensus_message range_message = {.kind = MESSAGE_RANGE, .range = &range};
    is_seen(&range_message, 1, 9);
    certificate.signers = SEEN(0x0b);
    is_seen(&message, 0, 0);
    is_seen(&range_message, 0, 0);
}

static void a_proposal_is_its_leaders_and_shows_what_it_rests_on(void **state)
{
    (void)state;
    struct certificate nullified[2] = {
        {.kind = VOTE_NULLIFY, .epoch = 2, .view = 6, .signers = SEEN(0x07)},
        {.kind = VOTE_NULLIFY, .epoch = 2, .view = 7, .signers = SEEN(0x0b)},
    };
    struct proposal proposal = {.header = {.epoch = 2, .view = 8}}; /* led by 3 */
    struct consensus_message message = {.kind = MESSAGE_PROPOSAL, .proposal = &proposal};
    proposal.justification.parent_certificate =
        (struct certificate){.kind = VOTE_NOTARIZE, .epoch = 2, .view = 5, .signers = SEEN(0x07)};
    is_seen(&message, 2, 5);
    proposal.justification.nullifications = nullified;
    proposal.justification.nullification_count = 2;
    is_seen(&message, 2, 6);
    proposal.header.view = 11; /* led by SELF */
    is_seen(&message, 2, 11);
    /* The certificate under an epoch's first block is of the set before, whose numbers are others. */
    proposal = (struct proposal){.header = {.epoch = 2, .view = 8}};
    proposal.justification.parent_certificate =
        (struct certificate){.kind = VOTE_FINALIZE, .epoch = 1, .view = 90, .signers = SEEN(0x07)};
    is_seen(&message, 0, 0);
}

static void a_question_shows_nothing(void **state)
{
    (void)state;
    is_seen(&(struct consensus_message){.kind = MESSAGE_RANGE_REQUEST, .height = 5}, 0, 0);
    is_seen(&(struct consensus_message){.kind = MESSAGE_ENTRY_REQUEST, .epoch = 1, .view = 5}, 0, 0);
    is_seen(&(struct consensus_message){.kind = MESSAGE_PROPOSAL_REQUEST, .view = 5}, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vote_is_its_signers),
        cmocka_unit_test(a_certificate_is_of_all_who_signed),
        cmocka_unit_test(a_proposal_is_its_leaders_and_shows_what_it_rests_on),
        cmocka_unit_test(a_question_shows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
