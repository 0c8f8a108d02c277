// links: sim consensus base
/* The checkers can fail: each is shown what it must refuse, and next to it what it must let pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/checker.h"

#define N 4u
#define BASE_TIMEOUT_MS 100u

struct scene {
    struct vault vault;
    struct checker *checker;
};

static int scene_open(void **state)
{
    static struct scene scene;
    static const bool honest[N + 1] = {true, true, true, false, true};
    vault_init(&scene.vault, N, 7);
    scene.checker = checker_open(&scene.vault, honest, N + 1, BASE_TIMEOUT_MS);
    *state = &scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    checker_close(scene->checker);
    return 0;
}

static void expect_fine(const struct scene *scene)
{
    if (checker_violation(scene->checker) != NULL) fail_msg("%s", checker_violation(scene->checker));
}

static void expect_violation(const struct scene *scene, const char *part)
{
    const char *violation = checker_violation(scene->checker);
    assert_non_null(violation);
    if (strstr(violation, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", violation, part);
}

static struct digest block_named(uint8_t name)
{
    struct digest digest = {{name, 1}};
    return digest;
}

static struct vote vote_by(
    const struct scene *scene, uint32_t signer, enum vote_kind kind, uint64_t view, struct digest block)
{
    struct vote vote = {.kind = kind, .epoch = 1, .view = view, .signer = signer};
    if (kind != VOTE_NULLIFY) vote.block = block;
    seal_vote(&scene->vault, &vote, 0);
    return vote;
}

static struct certificate certificate_of(
    const struct scene *scene, enum vote_kind kind, uint64_t view, struct digest block)
{
    struct certificate certificate = {.kind = kind, .epoch = 1, .view = view};
    if (kind != VOTE_NULLIFY) certificate.block = block;
    for (uint32_t i = 0; i < quorum_of(N); i++) {
        certificate.signers |= (uint64_t)1 << i;
        certificate.signatures[i] = vote_by(scene, i, kind, view, block).signature;
    }
    return certificate;
}

static void make_durable(struct scene *scene, struct vote vote)
{
    struct consensus_record record = {.kind = RECORD_VOTE, .block = vote.block, .vote = vote};
    checker_durable(scene->checker, vote.signer, &record);
}

static void send_vote(struct scene *scene, struct vote vote)
{
    struct consensus_message message = {.kind = MESSAGE_VOTE, .vote = &vote};
    checker_sent(scene->checker, vote.signer, &message);
}

static struct block_header header_on(
    const struct scene *scene, const struct block_header *parent, uint64_t view, uint64_t time_ms)
{
    struct block_header header = {.chain_id = scene->vault.chain_id, .epoch = 1, .view = view, .height = 1};
    header.parent_hash = scene->vault.chain_id;
    header.time_ms = time_ms;
    if (parent == NULL) return header;
    header.height = parent->height + 1;
    header.parent_view = parent->view;
    header.parent_hash = seal_header(parent);
    return header;
}

static void commit_by(struct scene *scene, uint32_t identity, const struct block_header *header,
    const struct certificate *finalization)
{
    struct consensus_output output = {.kind = OUTPUT_COMMIT, .header = *header, .certificate = finalization};
    output.block = seal_header(header);
    checker_commit(scene->checker, identity, &output);
}

static void commit(struct scene *scene, uint32_t identity, const struct block_header *header)
{
    struct digest hash = seal_header(header);
    struct certificate finalization = certificate_of(scene, VOTE_FINALIZE, header->view, hash);
    commit_by(scene, identity, header, &finalization);
}

static void a_vote_on_disk_may_be_sent(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1));
    make_durable(scene, vote);
    send_vote(scene, vote);
    expect_fine(scene);
}

static void a_vote_sent_before_it_is_on_disk_is_seen(void **state)
{
    struct scene *scene = *state;
    send_vote(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1)));
    expect_violation(scene, "not on its disk");
}

static void another_vote_than_the_one_on_disk_is_seen(void **state)
{
    struct scene *scene = *state;
    make_durable(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1)));
    send_vote(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(2)));
    expect_violation(scene, "not on its disk");
}

static void a_liar_may_send_anything(void **state)
{
    struct scene *scene = *state;
    send_vote(scene, vote_by(scene, 3, VOTE_NOTARIZE, 3, block_named(1)));
    send_vote(scene, vote_by(scene, 3, VOTE_NOTARIZE, 3, block_named(2)));
    expect_fine(scene);
}

static bool lies(const struct scene *scene, enum vote_kind kind, uint64_t view, uint8_t block)
{
    struct vote vote = vote_by(scene, 3, kind, view, block_named(block));
    struct consensus_message message = {.kind = MESSAGE_VOTE, .vote = &vote};
    return checker_equivocates(scene->checker, 3, &message);
}

static void a_liar_that_contradicts_itself_is_counted_once_a_view(void **state)
{
    struct scene *scene = *state;
    assert_false(lies(scene, VOTE_NOTARIZE, 3, 1));
    assert_false(lies(scene, VOTE_NOTARIZE, 3, 1));
    assert_false(lies(scene, VOTE_NULLIFY, 3, 0));
    assert_true(lies(scene, VOTE_NOTARIZE, 3, 2));
    assert_false(lies(scene, VOTE_NOTARIZE, 3, 4));
    assert_false(lies(scene, VOTE_FINALIZE, 4, 1));
    assert_true(lies(scene, VOTE_NULLIFY, 4, 0));
    expect_fine(scene);
}

static void two_blocks_notarized_across_a_crash_are_seen(void **state)
{
    struct scene *scene = *state;
    make_durable(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1)));
    checker_restarted(scene->checker, 0, 0, false);
    expect_fine(scene);
    make_durable(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(2)));
    expect_violation(scene, "notarized two blocks");
}

/* Stores a nullify vote of view 3 for good, and restarts replica 0 over a floor of floor_view. */
static struct consensus_record stored_before_a_crash(struct scene *scene, uint64_t floor_view)
{
    struct consensus_record record = {.kind = RECORD_VOTE, .has_admission = true};
    record.vote = vote_by(scene, 0, VOTE_NULLIFY, 3, block_named(0));
    record.admission = certificate_of(scene, VOTE_NULLIFY, 2, block_named(0));
    checker_record(scene->checker, 0, &record, NULL, false, 0, 3);
    checker_durable(scene->checker, 0, &record);
    checker_restarted(scene->checker, 0, 0, false);
    checker_begins(scene->checker, 0, 1, floor_view, floor_view + 1);
    return record;
}

static void a_vote_that_is_found_as_it_was_stored_is_fine(void **state)
{
    struct scene *scene = *state;
    struct consensus_record record = stored_before_a_crash(scene, 0);
    checker_restored(scene->checker, 0, &record, NULL);
    checker_remembers(scene->checker, 0);
    expect_fine(scene);
}

static void a_vote_that_is_gone_after_a_crash_is_missed(void **state)
{
    struct scene *scene = *state;
    stored_before_a_crash(scene, 3);
    checker_remembers(scene->checker, 0);
    expect_fine(scene);
    stored_before_a_crash(scene, 2);
    checker_remembers(scene->checker, 0);
    expect_violation(scene, "forgot what was on its disk, view 3");
}

static void a_vote_that_lost_its_admission_is_seen(void **state)
{
    struct scene *scene = *state;
    struct consensus_record record = stored_before_a_crash(scene, 0);
    record.has_admission = false;
    checker_restored(scene->checker, 0, &record, NULL);
    expect_violation(scene, "finds another record than it stored");
}

static void a_finalize_after_a_nullify_is_seen(void **state)
{
    struct scene *scene = *state;
    make_durable(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1)));
    make_durable(scene, vote_by(scene, 0, VOTE_NULLIFY, 3, block_named(0)));
    expect_fine(scene);
    make_durable(scene, vote_by(scene, 0, VOTE_FINALIZE, 3, block_named(1)));
    expect_violation(scene, "finalized a view it had nullified");
}

static void a_nullify_after_a_finalize_is_seen(void **state)
{
    struct scene *scene = *state;
    make_durable(scene, vote_by(scene, 0, VOTE_NOTARIZE, 3, block_named(1)));
    make_durable(scene, vote_by(scene, 0, VOTE_FINALIZE, 3, block_named(1)));
    expect_fine(scene);
    make_durable(scene, vote_by(scene, 0, VOTE_NULLIFY, 3, block_named(0)));
    expect_violation(scene, "nullified a view it had finalized");
}

static void a_finalize_without_an_own_notarize_is_seen(void **state)
{
    struct scene *scene = *state;
    make_durable(scene, vote_by(scene, 0, VOTE_FINALIZE, 3, block_named(1)));
    expect_violation(scene, "did not notarize");
}

static void a_finalize_record_must_hold_its_notarization(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 0, VOTE_FINALIZE, 1, block_named(1));
    struct consensus_record record = {.kind = RECORD_VOTE, .vote = vote, .has_notarization = true};
    record.notarization = certificate_of(scene, VOTE_NOTARIZE, 1, block_named(1));
    checker_record(scene->checker, 0, &record, NULL, false, 0, 2);
    expect_fine(scene);
    record.notarization.signatures[1].bytes[0] ^= 1;
    checker_record(scene->checker, 0, &record, NULL, false, 0, 2);
    expect_violation(scene, "without its notarization");
}

static void a_vote_at_the_floor_is_seen(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 0, VOTE_NULLIFY, 5, block_named(0));
    struct consensus_record record = {.kind = RECORD_VOTE, .vote = vote};
    checker_record(scene->checker, 0, &record, NULL, false, 5, 6);
    expect_violation(scene, "at or below its floor");
}

static void a_first_vote_without_its_admission_is_seen(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 0, VOTE_NULLIFY, 5, block_named(0));
    struct consensus_record record = {.kind = RECORD_VOTE, .vote = vote};
    struct checker_moment moment = {.status = {.view = 1}};
    checker_turn(scene->checker, 0, &moment);
    expect_fine(scene);
    checker_record(scene->checker, 0, &record, NULL, false, 0, 5);
    expect_violation(scene, "without what admitted it");
}

static void one_chain_committed_by_all_is_fine(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct block_header second = header_on(scene, &first, 4, 101);
    for (uint32_t i = 0; i < N + 1; i++) {
        commit(scene, i, &first);
        commit(scene, i, &second);
    }
    expect_fine(scene);
    assert_int_equal(checker_top(scene->checker), 2);
}

static void two_blocks_committed_at_one_height_are_a_fork(void **state)
{
    struct scene *scene = *state;
    struct block_header one = header_on(scene, NULL, 1, 100);
    struct block_header other = header_on(scene, NULL, 2, 100);
    commit(scene, 0, &one);
    expect_fine(scene);
    commit(scene, 4, &other);
    expect_violation(scene, "FORK");
}

static void a_block_on_another_parent_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct block_header stray = header_on(scene, &first, 2, 101);
    stray.parent_hash = block_named(9);
    commit(scene, 0, &first);
    commit(scene, 0, &stray);
    expect_violation(scene, "another parent");
}

static void time_that_stands_still_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct block_header second = header_on(scene, &first, 2, 100);
    commit(scene, 0, &first);
    commit(scene, 0, &second);
    expect_violation(scene, "time stands still");
}

static void a_height_left_out_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct block_header second = header_on(scene, &first, 2, 101);
    commit(scene, 0, &second);
    expect_violation(scene, "committed height 2 after 0");
}

static void the_same_state_after_the_same_block_is_fine(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 5);
    struct checkpoint checkpoint = {.height = 1, .block = seal_header(&first), .state_root = {{1}}};
    commit(scene, 0, &first);
    checker_applied(scene->checker, 0, &checkpoint);
    checker_applied(scene->checker, 1, &checkpoint);
    expect_fine(scene);
}

static void another_state_after_the_same_block_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 5);
    struct checkpoint checkpoint = {.height = 1, .block = seal_header(&first), .state_root = {{1}}};
    commit(scene, 0, &first);
    checker_applied(scene->checker, 0, &checkpoint);
    checkpoint.state_root.bytes[31] ^= 1;
    checker_applied(scene->checker, 1, &checkpoint);
    expect_violation(scene, "DIVERGENCE");
}

static void a_state_after_a_block_that_nobody_committed_is_seen(void **state)
{
    struct scene *scene = *state;
    struct checkpoint checkpoint = {.height = 1, .block = block_named(1)};
    checker_applied(scene->checker, 0, &checkpoint);
    expect_violation(scene, "nobody committed");
}

static void a_commit_by_a_notarization_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct digest hash = seal_header(&first);
    struct certificate notarization = certificate_of(scene, VOTE_NOTARIZE, 1, hash);
    commit_by(scene, 0, &first, &notarization);
    expect_violation(scene, "does not finalize it");
}

static void a_commit_left_open_at_the_end_of_a_turn_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    commit_by(scene, 0, &first, NULL);
    struct checker_moment moment = {.status = {.view = 2, .floor_view = 1, .floor_height = 1}};
    checker_turn(scene->checker, 0, &moment);
    expect_violation(scene, "without a finalization");
}

/* Epoch 1 ends with a block at view 1; epoch 2 has other validators, 1 to 4. */
static struct block_header end_epoch(struct scene *scene)
{
    const bool member[PEERS_MAX] = {false, true, true, true, true};
    vault_add_epoch(&scene->vault, member);
    struct block_header seal = header_on(scene, NULL, 1, 100);
    seal.seals = true;
    seal.next_set = vault_set_hash(&scene->vault, 2);
    commit(scene, 0, &seal);
    expect_fine(scene);
    return seal;
}

static struct block_header first_of_epoch_2(const struct scene *scene, const struct block_header *seal)
{
    struct block_header header = header_on(scene, seal, 1, 200);
    header.epoch = 2;
    header.parent_view = 0;
    return header;
}

/* By validators 1, 2 and 3, who sit at places 0 to 2 of epoch 2. */
static struct certificate finalization_of_epoch_2(
    const struct scene *scene, const struct block_header *header)
{
    struct certificate finalization = {.kind = VOTE_FINALIZE, .epoch = 2, .view = header->view, .signers = 7};
    finalization.block = seal_header(header);
    for (uint32_t i = 0; i < 3; i++) {
        struct vote vote = {.kind = VOTE_FINALIZE, .epoch = 2, .view = header->view, .signer = i};
        vote.block = finalization.block;
        seal_vote(&scene->vault, &vote, 0);
        finalization.signatures[i] = vote.signature;
    }
    return finalization;
}

static void an_epoch_goes_on_from_the_seal_before_it(void **state)
{
    struct scene *scene = *state;
    struct block_header seal = end_epoch(scene), first = first_of_epoch_2(scene, &seal);
    struct certificate finalization = finalization_of_epoch_2(scene, &first);
    checker_begins(scene->checker, 0, 2, 0, 1);
    commit_by(scene, 0, &first, &finalization);
    expect_fine(scene);
    assert_int_equal(checker_epoch(scene->checker), 2);
}

static void an_epoch_that_begins_on_no_seal_is_seen(void **state)
{
    struct scene *scene = *state;
    checker_begins(scene->checker, 0, 2, 0, 1);
    expect_violation(scene, "on no seal");
}

static void what_follows_a_seal_must_not_be_committed(void **state)
{
    struct scene *scene = *state;
    struct block_header seal = end_epoch(scene);
    struct block_header after = header_on(scene, &seal, 2, 200);
    after.after_seal = true;
    commit(scene, 0, &after);
    expect_violation(scene, "follows a seal");
}

static void a_block_of_an_epoch_that_is_over_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header seal = end_epoch(scene);
    struct block_header late = header_on(scene, &seal, 2, 200);
    commit(scene, 0, &late);
    expect_violation(scene, "wrong epoch");
}

static void the_validators_of_the_epoch_before_finalize_nothing(void **state)
{
    struct scene *scene = *state;
    struct block_header seal = end_epoch(scene), first = first_of_epoch_2(scene, &seal);
    struct certificate old = certificate_of(scene, VOTE_FINALIZE, 1, seal_header(&first));
    assert_true(certificate_holds(&scene->vault, &old));
    checker_begins(scene->checker, 0, 2, 0, 1);
    commit_by(scene, 0, &first, &old);
    expect_violation(scene, "does not finalize it");
    old.epoch = 2;
    assert_false(certificate_holds(&scene->vault, &old));
}

static void a_seal_is_final_by_a_descendant_only_over_the_whole_path(void **state)
{
    struct scene *scene = *state;
    struct block_header seal = end_epoch(scene), path[2];
    path[0] = header_on(scene, &seal, 3, 200);
    path[0].after_seal = true;
    path[1] = header_on(scene, &path[0], 4, 300);
    path[1].after_seal = true;
    struct certificate last = certificate_of(scene, VOTE_FINALIZE, 4, seal_header(&path[1]));
    assert_true(seal_path_holds(&scene->vault, &seal, path, 2, &last));
    assert_false(seal_path_holds(&scene->vault, &seal, path, 1, &last));
    assert_false(seal_path_holds(&scene->vault, &seal, path + 1, 1, &last));
    path[0].after_seal = false;
    assert_false(seal_path_holds(&scene->vault, &seal, path, 2, &last));
}

static void evidence_against_an_honest_validator_is_seen(void **state)
{
    struct scene *scene = *state;
    struct consensus_evidence evidence = {.signer = 3, .view = 2};
    evidence.first = vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(1));
    evidence.second = vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(2));
    checker_evidence(scene->checker, 0, &evidence);
    expect_fine(scene);
    evidence.signer = evidence.first.signer = evidence.second.signer = 1;
    checker_evidence(scene->checker, 0, &evidence);
    expect_violation(scene, "which is honest");
}

/* Against validator 3, which may be accused of anything that is proven. */
static void votes_proving_nothing(struct scene *scene, struct vote first, struct vote second)
{
    struct consensus_evidence evidence = {.signer = 3, .view = 2, .first = first, .second = second};
    checker_evidence(scene->checker, 0, &evidence);
    expect_violation(scene, "proves nothing");
}

static void evidence_of_one_block_proves_nothing(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(1));
    votes_proving_nothing(scene, vote, vote);
}

static void a_nullify_beside_a_notarize_proves_nothing(void **state)
{
    struct scene *scene = *state;
    votes_proving_nothing(scene, vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(1)),
        vote_by(scene, 3, VOTE_NULLIFY, 2, block_named(0)));
}

static void votes_of_two_views_prove_nothing(void **state)
{
    struct scene *scene = *state;
    votes_proving_nothing(scene, vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(1)),
        vote_by(scene, 3, VOTE_NOTARIZE, 3, block_named(2)));
}

/* Two proposals of view 4, which validator 3 leads. */
static struct consensus_evidence two_proposals(const struct scene *scene)
{
    struct consensus_evidence evidence = {.signer = 3, .view = 4, .proposals = true};
    struct proposal first = {.header = header_on(scene, NULL, 4, 100)}, second = first;
    second.header.time_ms++;
    first.hash = seal_header(&first.header);
    second.hash = seal_header(&second.header);
    seal_proposal(&scene->vault, &first);
    seal_proposal(&scene->vault, &second);
    evidence.first_header = first.header;
    evidence.second_header = second.header;
    evidence.first_block = first.hash;
    evidence.second_block = second.hash;
    evidence.first_signature = first.signature;
    evidence.second_signature = second.signature;
    return evidence;
}

static void evidence_of_proposals_must_prove_something(void **state)
{
    struct scene *scene = *state;
    for (unsigned how = 0; how <= 5; how++) {
        struct consensus_evidence evidence = two_proposals(scene);
        checker_evidence(scene->checker, 0, &evidence);
        expect_fine(scene);
        if (how == 0) evidence.first_signature.bytes[0] ^= 1;
        if (how == 1) evidence.second_signature.bytes[0] ^= 1;
        if (how == 2) evidence.second_block = evidence.first_block;
        if (how == 3) evidence.second_header = evidence.first_header;
        if (how == 4) evidence.view = 8;
        if (how == 5) {
            evidence.second_header = evidence.first_header;
            evidence.second_block = evidence.first_block;
            evidence.second_signature = evidence.first_signature;
        }
        checker_evidence(scene->checker, 0, &evidence);
        expect_violation(scene, "proves nothing");
        scene_close(state);
        scene_open(state);
    }
}

static void an_honest_peer_that_is_charged_is_seen(void **state)
{
    struct scene *scene = *state;
    checker_charge(scene->checker, 0, 3, "a signature");
    expect_fine(scene);
    checker_charge(scene->checker, 0, 2, "a signature");
    expect_violation(scene, "charged 2");
}

static void a_floor_that_moves_back_is_seen(void **state)
{
    struct scene *scene = *state;
    struct block_header first = header_on(scene, NULL, 1, 100);
    struct checker_moment moment = {.status = {.view = 1}};
    checker_turn(scene->checker, 0, &moment);
    commit(scene, 0, &first);
    moment.status = (struct consensus_status){.view = 2, .floor_view = 1, .floor_height = 1};
    checker_turn(scene->checker, 0, &moment);
    expect_fine(scene);
    moment.status.floor_view = 0;
    checker_turn(scene->checker, 0, &moment);
    expect_violation(scene, "floor back");
}

static void a_life_must_begin_in_the_view_its_disk_certifies(void **state)
{
    struct scene *scene = *state;
    struct consensus_record record = {.kind = RECORD_VOTE, .has_admission = true};
    record.vote = vote_by(scene, 0, VOTE_NULLIFY, 8, block_named(0));
    record.admission = certificate_of(scene, VOTE_NULLIFY, 7, block_named(0));
    struct checker_moment moment = {.status = {.view = 8}};
    checker_record(scene->checker, 0, &record, NULL, false, 0, 8);
    checker_restarted(scene->checker, 0, 0, false);
    checker_begins(scene->checker, 0, 1, 0, 1);
    checker_restored(scene->checker, 0, &record, NULL);
    checker_turn(scene->checker, 0, &moment);
    expect_fine(scene);
    checker_restarted(scene->checker, 0, 0, false);
    checker_begins(scene->checker, 0, 1, 0, 1);
    checker_restored(scene->checker, 0, &record, NULL);
    moment.status.view = 9;
    checker_turn(scene->checker, 0, &moment);
    expect_violation(scene, "as its disk says");
}

static struct checker_moment working_at(uint64_t now_ms)
{
    struct checker_moment moment = {.now_ms = now_ms, .may_vote = true};
    moment.status.view = 1;
    moment.status.working = true;
    return moment;
}

static void a_timer_that_runs_out_in_silence_is_seen(void **state)
{
    struct scene *scene = *state;
    struct checker_moment moment = working_at(1000);
    checker_turn(scene->checker, 0, &moment);
    moment = working_at(1000 + 3 * BASE_TIMEOUT_MS);
    checker_turn(scene->checker, 0, &moment);
    expect_fine(scene);
    moment = working_at(1000 + 4 * BASE_TIMEOUT_MS);
    checker_turn(scene->checker, 0, &moment);
    expect_violation(scene, "run out in silence");
}

static void a_nullify_before_its_time_needs_a_reason(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 0, VOTE_NULLIFY, 1, block_named(0));
    struct checker_moment moment = working_at(1000);
    checker_turn(scene->checker, 0, &moment);
    moment = working_at(1000 + BASE_TIMEOUT_MS);
    checker_rejected(scene->checker, 0, 1);
    checker_signing(scene->checker, 0, &vote, NULL, &moment);
    expect_fine(scene);
    checker_turn(scene->checker, 1, &moment);
    vote = vote_by(scene, 1, VOTE_NULLIFY, 1, block_named(0));
    moment = working_at(1000 + 2 * BASE_TIMEOUT_MS);
    checker_signing(scene->checker, 1, &vote, NULL, &moment);
    expect_violation(scene, "without a reason");
}

/* R8: with work, what counts is whether the leader was silent when the view was entered. */
static void a_leader_that_falls_silent_later_is_no_reason(void **state)
{
    struct scene *scene = *state;
    struct vote vote = vote_by(scene, 1, VOTE_NULLIFY, 1, block_named(0));
    struct checker_moment moment = working_at(5000);
    checker_heard(scene->checker, 1, UINT64_MAX, 1000);
    moment.status.timeouts = 20;
    checker_turn(scene->checker, 1, &moment);
    checker_heard(scene->checker, 1, 0xc, 5000);
    checker_signing(scene->checker, 1, &vote, NULL, &moment);
    expect_fine(scene);
    scene_close(state);
    scene_open(state);
    checker_heard(scene->checker, 1, UINT64_MAX, 4000);
    checker_turn(scene->checker, 1, &moment);
    checker_heard(scene->checker, 1, 0xc, 6100);
    moment.now_ms = 6100;
    checker_signing(scene->checker, 1, &vote, NULL, &moment);
    expect_violation(scene, "without a reason");
}

static struct proposal first_proposal(const struct scene *scene, uint64_t view)
{
    struct proposal proposal = {.header = header_on(scene, NULL, view, 100)};
    proposal.justification.parent_is_genesis = true;
    proposal.header.justification_root = seal_justification(&proposal.justification);
    proposal.hash = seal_header(&proposal.header);
    seal_proposal(&scene->vault, &proposal);
    return proposal;
}

static void a_notarize_before_a_blocks_time_is_seen(void **state)
{
    struct scene *scene = *state;
    struct proposal proposal = first_proposal(scene, 1);
    proposal.header.time_ms = 3000;
    struct vote vote = vote_by(scene, 0, VOTE_NOTARIZE, 1, proposal.hash);
    struct checker_moment moment = working_at(1000);
    moment.wall_ms = 1000;
    checker_signing(scene->checker, 0, &vote, &proposal, &moment);
    expect_fine(scene);
    moment.wall_ms = 999;
    checker_signing(scene->checker, 0, &vote, &proposal, &moment);
    expect_violation(scene, "too early");
}

static void a_notarize_vote_held_back_is_seen(void **state)
{
    struct scene *scene = *state;
    struct proposal proposal = first_proposal(scene, 1);
    struct vote vote = vote_by(scene, 0, VOTE_NOTARIZE, 1, proposal.hash);
    struct checker_moment moment = working_at(1000);
    moment.wall_ms = 1000;
    checker_signing(scene->checker, 0, &vote, &proposal, &moment);
    checker_candidate(scene->checker, 0, &proposal, &scene->vault.chain_id, &moment);
    expect_fine(scene);
    make_durable(scene, vote_by(scene, 1, VOTE_NULLIFY, 1, block_named(0)));
    checker_candidate(scene->checker, 1, &proposal, &scene->vault.chain_id, &moment);
    expect_violation(scene, "holds back");
}

static void a_reason_to_nullify_that_is_ignored_is_seen(void **state)
{
    struct scene *scene = *state;
    struct checker_moment moment = working_at(1000);
    checker_turn(scene->checker, 0, &moment);
    expect_fine(scene);
    checker_rejected(scene->checker, 0, 1);
    checker_turn(scene->checker, 0, &moment);
    expect_violation(scene, "though it has a reason");
}

static void a_skipped_view_needs_its_nullification(void **state)
{
    struct scene *scene = *state;
    struct proposal proposal = first_proposal(scene, 1);
    assert_null(checker_unjustified(&scene->vault, &proposal));
    proposal = first_proposal(scene, 2);
    assert_non_null(checker_unjustified(&scene->vault, &proposal));
    struct certificate nullification = certificate_of(scene, VOTE_NULLIFY, 1, block_named(0));
    proposal.justification.nullification_count = 1;
    proposal.justification.nullifications = &nullification;
    proposal.header.justification_root = seal_justification(&proposal.justification);
    proposal.hash = seal_header(&proposal.header);
    seal_proposal(&scene->vault, &proposal);
    assert_null(checker_unjustified(&scene->vault, &proposal));
}

static void a_certificate_needs_exactly_a_quorum_of_true_signatures(void **state)
{
    struct scene *scene = *state;
    struct certificate good = certificate_of(scene, VOTE_NOTARIZE, 2, block_named(1));
    assert_true(certificate_holds(&scene->vault, &good));
    struct certificate bad = good;
    bad.view = 3;
    assert_false(certificate_holds(&scene->vault, &bad));
    bad = good;
    bad.signers ^= 1;
    assert_false(certificate_holds(&scene->vault, &bad));
    bad = good;
    bad.signers |= 8;
    bad.signatures[3] = vote_by(scene, 3, VOTE_NOTARIZE, 2, block_named(1)).signature;
    assert_false(certificate_holds(&scene->vault, &bad));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_vote_on_disk_may_be_sent),
        CASE(a_vote_sent_before_it_is_on_disk_is_seen),
        CASE(another_vote_than_the_one_on_disk_is_seen),
        CASE(a_liar_may_send_anything),
        CASE(a_liar_that_contradicts_itself_is_counted_once_a_view),
        CASE(two_blocks_notarized_across_a_crash_are_seen),
        CASE(a_vote_that_is_found_as_it_was_stored_is_fine),
        CASE(a_vote_that_is_gone_after_a_crash_is_missed),
        CASE(a_vote_that_lost_its_admission_is_seen),
        CASE(a_finalize_after_a_nullify_is_seen),
        CASE(a_nullify_after_a_finalize_is_seen),
        CASE(a_finalize_without_an_own_notarize_is_seen),
        CASE(a_finalize_record_must_hold_its_notarization),
        CASE(a_vote_at_the_floor_is_seen),
        CASE(a_first_vote_without_its_admission_is_seen),
        CASE(one_chain_committed_by_all_is_fine),
        CASE(two_blocks_committed_at_one_height_are_a_fork),
        CASE(a_block_on_another_parent_is_seen),
        CASE(time_that_stands_still_is_seen),
        CASE(a_height_left_out_is_seen),
        CASE(the_same_state_after_the_same_block_is_fine),
        CASE(another_state_after_the_same_block_is_seen),
        CASE(a_state_after_a_block_that_nobody_committed_is_seen),
        CASE(a_commit_by_a_notarization_is_seen),
        CASE(a_commit_left_open_at_the_end_of_a_turn_is_seen),
        CASE(an_epoch_goes_on_from_the_seal_before_it),
        CASE(an_epoch_that_begins_on_no_seal_is_seen),
        CASE(what_follows_a_seal_must_not_be_committed),
        CASE(a_block_of_an_epoch_that_is_over_is_seen),
        CASE(the_validators_of_the_epoch_before_finalize_nothing),
        CASE(a_seal_is_final_by_a_descendant_only_over_the_whole_path),
        CASE(evidence_against_an_honest_validator_is_seen),
        CASE(evidence_of_one_block_proves_nothing),
        CASE(a_nullify_beside_a_notarize_proves_nothing),
        CASE(votes_of_two_views_prove_nothing),
        CASE(evidence_of_proposals_must_prove_something),
        CASE(an_honest_peer_that_is_charged_is_seen),
        CASE(a_floor_that_moves_back_is_seen),
        CASE(a_life_must_begin_in_the_view_its_disk_certifies),
        CASE(a_timer_that_runs_out_in_silence_is_seen),
        CASE(a_nullify_before_its_time_needs_a_reason),
        CASE(a_leader_that_falls_silent_later_is_no_reason),
        CASE(a_notarize_before_a_blocks_time_is_seen),
        CASE(a_notarize_vote_held_back_is_seen),
        CASE(a_reason_to_nullify_that_is_ignored_is_seen),
        CASE(a_skipped_view_needs_its_nullification),
        CASE(a_certificate_needs_exactly_a_quorum_of_true_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
