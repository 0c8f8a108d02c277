// links: node
/* Every way a node can stand, judged and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "node/standing.h"

/* 2026-03-04T10:31:17Z */
#define NOW_MS 1772620277000u

/* Four banks on one network with D = 100 ms, as bank-1 (number 0) sees them; all is well, and nothing to do.
 * In view 17 bank-1 leads; in view 19 bank-3. */
struct fixture {
    struct standing_facts facts;
    struct standing_validator banks[VALIDATORS_MAX];
    char names[VALIDATORS_MAX][16];
    char text[STANDING_TEXT_SIZE];
};

static struct consensus_status *core_of(struct fixture *fixture)
{
    return &fixture->facts.replica.consensus;
}

static struct fixture *fixture_of(uint32_t count)
{
    static struct fixture fixture;
    fixture = (struct fixture){.facts = {.count = count,
                                   .validators = fixture.banks,
                                   .may_vote = true,
                                   .serving = true,
                                   .base_timeout_ms = 100,
                                   .wall_ms = NOW_MS,
                                   .applied_height = 120,
                                   .certified_height = 120}};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(fixture.names[i], sizeof fixture.names[i], "bank-%u", i + 1);
        fixture.banks[i] = (struct standing_validator){.name = fixture.names[i],
            .reachable = true,
            .heard_ms_ago = 20,
            .finalized_height = 120,
            .spoken = {.ms_ago = 300, .view = 18}};
    }
    fixture.facts.replica = (struct replica_status){.committed_ms_ago = 300, .payload_allowed = true};
    *core_of(&fixture) = (struct consensus_status){.view = 19,
        .floor_height = 120,
        .floor_view = 18,
        .durable_height = 120,
        .tip_view = 18,
        .best_view = 18,
        .tip_held = true};
    return &fixture;
}

/* There is work, and nothing became final for 12 seconds. */
static struct fixture *still(void)
{
    struct fixture *fixture = fixture_of(4);
    fixture->facts.batches = 3;
    fixture->facts.replica.work_ms = fixture->facts.replica.committed_ms_ago = 12000;
    core_of(fixture)->working = true;
    return fixture;
}

static void silence(struct fixture *fixture, uint32_t bank, uint64_t ms_ago)
{
    fixture->banks[bank].reachable = false;
    fixture->banks[bank].heard_ms_ago = ms_ago;
}

/* The node stands as expected, and says just that. */
static void expect(struct fixture *fixture, enum standing standing, const char *text)
{
    assert_string_equal(standing_name(standing_judge(&fixture->facts)), standing_name(standing));
    standing_say(&fixture->facts, standing, fixture->text);
    assert_string_equal(fixture->text, text);
}

static void idle_is_healthy_and_says_so(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    expect(fixture, STANDING_IDLE, "healthy and idle: nothing waits to be ordered, and height 120 is final");
    assert_true(standing_is_well(STANDING_IDLE));
    silence(fixture, 3, 12000);
    fixture->facts.replica.committed_ms_ago = 1000000;
    expect(fixture, STANDING_IDLE,
        "healthy and idle: nothing waits to be ordered, and height 120 is final; bank-4 is silent since "
        "2026-03-04T10:31:05Z");
}

static void a_network_that_moves_is_healthy_whoever_is_silent(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    core_of(fixture)->working = true;
    fixture->facts.replica.work_ms = 60000;
    expect(fixture, STANDING_MOVING, "healthy: in view 19; height 120 became final 0.3 s ago");
    assert_true(standing_is_well(STANDING_MOVING));
    silence(fixture, 1, UINT64_MAX);
    expect(fixture, STANDING_MOVING,
        "healthy: in view 19; height 120 became final 0.3 s ago; bank-2 is silent since this node started");
    /* Work that has just come is not a standstill, however long nothing became final before. */
    fixture->facts.replica.work_ms = 1999;
    fixture->facts.replica.committed_ms_ago = 700000;
    expect(fixture, STANDING_MOVING,
        "healthy: in view 19; height 120 became final 11 min ago; bank-2 is silent since this node started");
    fixture->facts.replica.work_ms = 2000;
    assert_false(standing_is_well(standing_judge(&fixture->facts)));
    /* Where timeouts are long, so is what counts as one. */
    fixture->facts.base_timeout_ms = 400;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_MOVING);
}

static void a_batch_that_has_just_come_and_a_tip_not_yet_final_are_no_idleness(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.batches = 1;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_MOVING);
    fixture = fixture_of(4);
    core_of(fixture)->tip_view = 19;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_MOVING);
    core_of(fixture)->best_view = 19;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_MOVING);
    core_of(fixture)->floor_view = 19;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_IDLE);
}

static void without_a_quorum_it_names_who_is_silent_since_when(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    silence(fixture, 2, 12000);
    silence(fixture, 3, 75000);
    core_of(fixture)->nullify_voters = 3;
    expect(fixture, STANDING_NO_QUORUM,
        "2 of 4 validators can be reached from here, and 3 are needed: bank-1, bank-2; view 19 is led by "
        "bank-3 (no frame from it for 12 s); 2 of 3 nullify votes are here: bank-1, bank-2; bank-3 is silent "
        "since 2026-03-04T10:31:05Z, bank-4 since 2026-03-04T10:30:02Z");
    assert_false(standing_is_well(STANDING_NO_QUORUM));
    /* Whether there is work or not. */
    core_of(fixture)->working = false;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_NO_QUORUM);
    /* Not while blocks come, by way of others. */
    fixture->facts.replica.committed_ms_ago = 100;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_MOVING);
}

static void a_node_that_may_not_vote_is_none_of_the_quorum(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    silence(fixture, 3, 12000);
    assert_int_not_equal(standing_judge(&fixture->facts), STANDING_NO_QUORUM);
    fixture->facts.may_vote = false;
    fixture->facts.replica.mute_reason = "its vote record: not found";
    expect(fixture, STANDING_NO_QUORUM,
        "2 of 4 validators can be reached from here, and 3 are needed: bank-2, bank-3; view 19 is led by "
        "bank-3; bank-4 is silent since 2026-03-04T10:31:05Z; this node follows and does not vote (its vote "
        "record: not found)");
}

static void an_observer_needs_no_quorum_of_links(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.self = SIGNER_NONE;
    fixture->facts.may_vote = false;
    fixture->facts.replica.committed_ms_ago = 60000;
    silence(fixture, 1, 1000), silence(fixture, 2, 1000), silence(fixture, 3, 1000);
    assert_int_equal(standing_judge(&fixture->facts), STANDING_IDLE);
    core_of(fixture)->working = true;
    fixture->facts.replica.work_ms = 60000;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_NO_QUORUM);
}

static void a_proposal_that_does_not_come(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    silence(fixture, 2, 12000);
    expect(fixture, STANDING_PROPOSAL,
        "view 19 waits for a proposal of its leader bank-3 (no frame from it for 12 s); bank-3 is silent "
        "since "
        "2026-03-04T10:31:05Z");
    core_of(fixture)->nullify_voters = 2;
    expect(fixture, STANDING_PROPOSAL,
        "view 19 waits for a proposal of its leader bank-3 (no frame from it for 12 s); 1 of 3 nullify votes "
        "is "
        "here: bank-2; bank-3 is silent since 2026-03-04T10:31:05Z");
    fixture->banks[2].heard_ms_ago = UINT64_MAX;
    core_of(fixture)->nullify_voters = 0;
    expect(fixture, STANDING_PROPOSAL,
        "view 19 waits for a proposal of its leader bank-3 (never heard since this node started); bank-3 is "
        "silent since this node started");
    core_of(fixture)->view = 17;
    fixture->banks[2].reachable = true;
    expect(fixture, STANDING_PROPOSAL, "view 17 waits for a proposal of its leader bank-1, this node");
}

static void nullify_votes_that_do_not_come(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->nullify_voters = 1;
    fixture->banks[3].spoken = (struct replica_voice){.ms_ago = 86400000, .view = 2};
    fixture->banks[1].spoken.ms_ago = UINT64_MAX;
    silence(fixture, 2, 12000);
    expect(fixture, STANDING_NULLIFY_VOTES,
        "view 19 waits for nullify votes, without a proposal of its leader bank-3 (no frame from it for 12 "
        "s): "
        "1 of 3 nullify votes is here: bank-1; bank-2 is heard, but has not voted since this node started, "
        "bank-4 since 2026-03-03T10:31:17Z; bank-3 is silent since 2026-03-04T10:31:05Z");
    core_of(fixture)->proposed = core_of(fixture)->payload_held = true;
    core_of(fixture)->notarize_voters = 12;
    fixture->banks[2].reachable = true;
    expect(fixture, STANDING_NULLIFY_VOTES,
        "view 19 waits for nullify votes, after a proposal of its leader bank-3: 1 of 3 nullify votes is "
        "here: "
        "bank-1; 2 of 3 notarize votes are here: bank-3, bank-4; bank-2 is heard, but has not voted since "
        "this "
        "node started");
    /* An observer gives nothing up itself: f + 1 votes say that somebody honest has. */
    fixture->facts.self = SIGNER_NONE;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_NOTARIZE_VOTES);
    core_of(fixture)->nullify_voters = 3;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_NULLIFY_VOTES);
}

static void a_payload_that_does_not_come(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->proposed = true;
    core_of(fixture)->notarize_voters = 4;
    expect(fixture, STANDING_PAYLOAD,
        "view 19 waits for the payload of the proposal of its leader bank-3; 1 of 3 notarize votes is here: "
        "bank-3");
}

static void a_clock_that_is_behind(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->proposed = core_of(fixture)->payload_held = core_of(fixture)->too_early = true;
    expect(fixture, STANDING_CLOCK,
        "view 19 waits for this node's clock: it is more than 2 s behind the proposal of its leader bank-3");
}

static void notarize_votes_that_do_not_come(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->proposed = core_of(fixture)->payload_held = true;
    core_of(fixture)->notarize_voters = 5;
    silence(fixture, 3, 5000);
    expect(fixture, STANDING_NOTARIZE_VOTES,
        "view 19 waits for notarize votes for the proposal of its leader bank-3: 2 of 3 notarize votes are "
        "here: "
        "bank-1, bank-3; bank-2 is heard, but has not voted since 2026-03-04T10:31:16Z; bank-4 is silent "
        "since "
        "2026-03-04T10:31:12Z");
    core_of(fixture)->equivocated = true;
    core_of(fixture)->notarize_voters = 0;
    for (uint32_t i = 1; i < 4; i++)
        silence(fixture, i, 5000), fixture->banks[i].reachable = i < 3;
    expect(fixture, STANDING_NOTARIZE_VOTES,
        "view 19 waits for notarize votes for the proposal of its leader bank-3: none of 3 notarize votes is "
        "here; bank-2 is heard, but has not voted since 2026-03-04T10:31:16Z, bank-3 since "
        "2026-03-04T10:31:16Z; bank-4 is silent since 2026-03-04T10:31:12Z; the leader of view 19, bank-3, "
        "signed two proposals: see data/evidence.jsonl");
}

static void finalize_votes_that_do_not_come(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->view = 20;
    core_of(fixture)->tip_view = 19;
    core_of(fixture)->tip_finalize_voters = 3;
    silence(fixture, 3, 12000);
    expect(fixture, STANDING_FINALIZE_VOTES,
        "view 19 is notarized and waits for finalize votes: 2 of 3 finalize votes are here: bank-1, bank-2; "
        "bank-3 is heard, but has not voted since 2026-03-04T10:31:16Z; view 20 has no proposal yet of its "
        "leader bank-4 (no frame from it for 12 s); bank-4 is silent since 2026-03-04T10:31:05Z");
}

static void a_certified_block_that_nobody_brings(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    core_of(fixture)->view = 20;
    core_of(fixture)->tip_view = 19;
    core_of(fixture)->tip_held = false;
    expect(fixture, STANDING_BLOCK,
        "view 20 waits for the block that is certified in view 19, which nobody has brought here");
}

static void a_node_that_is_behind_catches_up(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->banks[1].finalized_height = 5000;
    /* One alone is not believed. */
    assert_int_equal(standing_judge(&fixture->facts), STANDING_IDLE);
    fixture->banks[2].finalized_height = 120 + STANDING_BEHIND - 1;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_IDLE);
    fixture->banks[2].finalized_height++;
    expect(fixture, STANDING_CATCHING_UP,
        "catching up: height 120 is final here, and 5000 at bank-2, as it says");
    fixture = still();
    core_of(fixture)->best_view = 19;
    expect(fixture, STANDING_CATCHING_UP,
        "catching up: height 120 is final here, and a later one elsewhere whose blocks have not come");
}

static void certification_that_lags(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.certified_height = 120 - CERTIFICATION_LAG_MAX + 1;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_IDLE);
    fixture->facts.certified_height--;
    fixture->facts.gathering =
        (struct certifier_gathering){.height = 57, .groups = {1, 2, 1}, .group_count = 2, .own_group = 1};
    expect(fixture, STANDING_CERTIFICATION,
        "no payload is proposed before checkpoints are certified again: height 120 is final, height 56 is "
        "certified, by 3 equal signatures of validators; height 57 is signed alike by bank-1, bank-3 (as "
        "computed here), otherwise by bank-2; not signed by bank-4");
    fixture->facts.gathering.group_count = 0;
    memset(fixture->facts.gathering.groups, 0, sizeof fixture->facts.gathering.groups);
    expect(fixture, STANDING_CERTIFICATION,
        "no payload is proposed before checkpoints are certified again: height 120 is final, height 56 is "
        "certified, by 3 equal signatures of validators; height 57 is not signed by bank-1, bank-2, bank-3, "
        "bank-4");
}

static void states_that_are_split(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.certified_height = 119;
    fixture->facts.split = true;
    fixture->facts.gathering =
        (struct certifier_gathering){.height = 120, .groups = {1, 2, 1, 2}, .group_count = 2, .own_group = 2};
    expect(fixture, STANDING_CERTIFICATION,
        "validators signed different states, and no quorum agrees: height 120 is final, height 119 is "
        "certified, by 3 equal signatures of validators; height 120 is signed alike by bank-1, bank-3, "
        "otherwise by bank-2, bank-4 (as computed here)");
    /* Others may have certified what is not final here yet. */
    fixture->facts.certified_height = 121;
    fixture->facts.gathering.height = 122;
    expect(fixture, STANDING_CERTIFICATION,
        "validators signed different states, and no quorum agrees: height 120 is final, height 121 is "
        "certified, by 3 equal signatures of validators; height 122 is signed alike by bank-1, bank-3, "
        "otherwise by bank-2, bank-4 (as computed here)");
}

static void a_state_that_is_rebuilt(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.serving = false;
    expect(fixture, STANDING_CERTIFICATION,
        "a quorum signed another state than this node computed: it does not serve, and rebuilds its state; "
        "if "
        "this lasts, an operator must look at it");
}

static void a_disk_that_does_not_answer(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    fixture->facts.replica.disk_ms = 12345;
    expect(fixture, STANDING_OWN_DISK,
        "this node's disk has not stored what it signed, so nothing of it is sent, for 12 s");
    fixture = fixture_of(4);
    fixture->facts.replica.disk_ms = 1500;
    core_of(fixture)->working = true;
    expect(fixture, STANDING_MOVING,
        "healthy: in view 19; height 120 became final 0.3 s ago; this node's disk has not stored a vote for "
        "1.5 s");
}

static void a_state_that_does_not_keep_up(void **state)
{
    (void)state;
    struct fixture *fixture = still();
    fixture->facts.applied_height = fixture->facts.certified_height = 120 - CERTIFICATION_LAG_MAX;
    expect(fixture, STANDING_OWN_STATE,
        "this node applies final blocks more slowly than they come: height 120 is final, height 56 is "
        "applied");
    fixture->facts.applied_height++;
    assert_int_not_equal(standing_judge(&fixture->facts), STANDING_OWN_STATE);
    fixture->facts.replica.is_behind = true;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_OWN_STATE);
}

static void a_node_that_may_not_vote_says_why(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.may_vote = false;
    fixture->facts.replica.mute_reason = "its vote record: damaged, the header of segment 1";
    expect(fixture, STANDING_IDLE,
        "healthy and idle: nothing waits to be ordered, and height 120 is final; this node follows and does "
        "not vote (its vote record: damaged, the header of segment 1)");
    fixture = fixture_of(4);
    core_of(fixture)->silent_view = 40;
    expect(fixture, STANDING_IDLE,
        "healthy and idle: nothing waits to be ordered, and height 120 is final; this node does not vote up "
        "to "
        "view 40, for which it cannot hold what it signed");
}

/* The longest sentences there can be fit, and list only so many names. */
static void a_node_that_joins_says_how_far_it_is(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.joining = true;
    fixture->facts.serving = false;
    fixture->facts.joiner = (struct joiner_status){.phase = JOINER_ASKING, .answers = 1};
    assert_int_equal(standing_judge(&fixture->facts), STANDING_JOINING);
    assert_false(standing_is_well(STANDING_JOINING));
    standing_say(&fixture->facts, STANDING_JOINING, fixture->text);
    assert_non_null(strstr(fixture->text, "1 peers have answered whether they have a snapshot"));
    fixture->facts.joiner = (struct joiner_status){
        .phase = JOINER_FETCHING, .height = 8000, .chunks_here = 3, .chunk_count = 7, .sources = 2};
    standing_say(&fixture->facts, STANDING_JOINING, fixture->text);
    assert_non_null(
        strstr(fixture->text, "3 of 7 parts of the snapshot at height 8000 are here, from 2 peers"));
    fixture->facts.joiner.phase = JOINER_DONE;
    standing_say(&fixture->facts, STANDING_JOINING, fixture->text);
    assert_non_null(strstr(fixture->text, "the snapshot at height 8000 is here"));
}

/* It serves, and all is well; but where something is wrong, that is said. */
static void a_node_that_back_fills_is_well_and_says_so(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    enum standing otherwise = standing_judge(&fixture->facts);
    fixture->facts.backfill = (struct backfill_status){.height = 1200, .of = 5000};
    assert_int_equal(standing_judge(&fixture->facts), STANDING_BACKFILLING);
    assert_true(standing_is_well(otherwise) && standing_is_well(STANDING_BACKFILLING));
    standing_say(&fixture->facts, STANDING_BACKFILLING, fixture->text);
    assert_non_null(strstr(fixture->text, "back-filling: blocks up to 1200 of 5000 are here"));
    fixture->facts.split = true;
    assert_int_equal(standing_judge(&fixture->facts), STANDING_CERTIFICATION);
    fixture->facts.split = false;
    fixture->facts.backfill.height = 5000;
    assert_int_equal(standing_judge(&fixture->facts), otherwise);
}

static void a_flag_that_this_version_does_not_know_is_told_ahead(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.unknown_flag = 3;
    fixture->facts.unknown_flag_from = 2000;
    expect(fixture, STANDING_IDLE,
        "healthy and idle: nothing waits to be ordered, and height 120 is final; from height 2000 on "
        "protocol "
        "flag 3 is active, which this version does not know: upgrade this node before, or it stops there");
}

static void a_checkpoint_that_is_not_reached_is_said(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_of(4);
    fixture->facts.trust_height = 200;
    expect(fixture, STANDING_IDLE,
        "healthy and idle: nothing waits to be ordered, and height 120 is final; it answers nobody before it "
        "has come to height 200, of the checkpoint that it was told to trust");
}

static void sixty_four_validators_fit(void **state)
{
    (void)state;
    static char name[NAME_SIZE_MAX + 1];
    memset(name, 'n', NAME_SIZE_MAX);
    for (enum standing standing = STANDING_IDLE; standing <= STANDING_FINALIZE_VOTES; standing++) {
        struct fixture *fixture = fixture_of(VALIDATORS_MAX);
        struct consensus_status *core = core_of(fixture);
        *core = (struct consensus_status){.view = UINT64_MAX,
            .floor_height = UINT64_MAX,
            .tip_view = UINT64_MAX,
            .notarize_voters = 0xffff0000u,
            .finalize_voters = 0xffff0000u,
            .nullify_voters = 0xffff0000u,
            .tip_finalize_voters = 0xffff0000u,
            .proposed = true,
            .equivocated = true};
        fixture->facts.replica.disk_ms = UINT64_MAX;
        fixture->facts.joiner = (struct joiner_status){.phase = JOINER_FETCHING,
            .height = UINT64_MAX,
            .chunks_here = UINT32_MAX,
            .chunk_count = UINT32_MAX,
            .sources = UINT32_MAX};
        fixture->facts.backfill = (struct backfill_status){UINT64_MAX, UINT64_MAX};
        fixture->facts.gathering = (struct certifier_gathering){.height = UINT64_MAX, .group_count = 60};
        for (uint32_t i = 0; i < VALIDATORS_MAX; i++) {
            fixture->banks[i].name = name;
            fixture->banks[i].reachable = i % 2 == 0;
            fixture->facts.gathering.groups[i] = (uint8_t)(i < 60 ? i + 1 : 0);
        }
        standing_say(&fixture->facts, standing, fixture->text);
        assert_true(strlen(fixture->text) > NAME_SIZE_MAX && strlen(fixture->text) < STANDING_TEXT_SIZE / 2);
        assert_non_null(strstr(fixture->text, " and 24 more"));
        assert_true(standing_name(standing)[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_is_healthy_and_says_so),
        cmocka_unit_test(a_network_that_moves_is_healthy_whoever_is_silent),
        cmocka_unit_test(a_batch_that_has_just_come_and_a_tip_not_yet_final_are_no_idleness),
        cmocka_unit_test(without_a_quorum_it_names_who_is_silent_since_when),
        cmocka_unit_test(a_node_that_may_not_vote_is_none_of_the_quorum),
        cmocka_unit_test(an_observer_needs_no_quorum_of_links),
        cmocka_unit_test(a_proposal_that_does_not_come),
        cmocka_unit_test(nullify_votes_that_do_not_come),
        cmocka_unit_test(a_payload_that_does_not_come),
        cmocka_unit_test(a_clock_that_is_behind),
        cmocka_unit_test(notarize_votes_that_do_not_come),
        cmocka_unit_test(finalize_votes_that_do_not_come),
        cmocka_unit_test(a_certified_block_that_nobody_brings),
        cmocka_unit_test(a_node_that_is_behind_catches_up),
        cmocka_unit_test(certification_that_lags),
        cmocka_unit_test(states_that_are_split),
        cmocka_unit_test(a_state_that_is_rebuilt),
        cmocka_unit_test(a_disk_that_does_not_answer),
        cmocka_unit_test(a_state_that_does_not_keep_up),
        cmocka_unit_test(a_node_that_may_not_vote_says_why),
        cmocka_unit_test(a_node_that_joins_says_how_far_it_is),
        cmocka_unit_test(a_node_that_back_fills_is_well_and_says_so),
        cmocka_unit_test(a_flag_that_this_version_does_not_know_is_told_ahead),
        cmocka_unit_test(a_checkpoint_that_is_not_reached_is_said),
        cmocka_unit_test(sixty_four_validators_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
