// links: sim
/* The simulator itself: one seed is one run, the plan keeps its promises, disks lose what they must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/world.h"

static const struct plan_wish any = {.observers = UINT32_MAX, .faults = FAULTS_ALL, .liars = UINT32_MAX};

static struct verdict verdict_on(const struct plan *plan)
{
    struct verdict verdict;
    world_run(plan, false, &verdict);
    assert_string_equal(verdict.violation, "");
    return verdict;
}

static struct verdict verdict_of(uint64_t seed)
{
    struct plan plan;
    plan_draw(seed, &any, &plan);
    return verdict_on(&plan);
}

static void one_seed_is_one_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct verdict first = verdict_of(seed), second = verdict_of(seed);
        assert_int_equal(first.trace_digest, second.trace_digest);
        assert_int_equal(first.counters.events, second.counters.events);
        assert_int_equal(first.counters.messages, second.counters.messages);
    }
}

static void a_full_run_is_one_run_too_and_executes(void **state)
{
    (void)state;
    struct plan_wish wish = any;
    wish.validators = 4;
    wish.full = true;
    struct counters sum = {0};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        struct verdict first = verdict_on(&plan), second = verdict_on(&plan);
        assert_int_equal(first.trace_digest, second.trace_digest);
        assert_int_equal(first.counters.events_applied, second.counters.events_applied);
        sum.events_ordered += first.counters.events_ordered;
        sum.events_applied += first.counters.events_applied;
        sum.blocks_replayed += first.counters.blocks_replayed;
    }
    assert_true(sum.events_applied > 0 && sum.events_applied < sum.events_ordered);
    assert_true(sum.blocks_replayed > 0);
}

static void another_seed_is_another_run(void **state)
{
    (void)state;
    assert_int_not_equal(verdict_of(1).trace_digest, verdict_of(2).trace_digest);
}

static void a_wish_is_kept_and_the_rest_drawn(void **state)
{
    (void)state;
    struct plan_wish wish = {.validators = 7,
        .observers = 3,
        .blocks = 9,
        .faults = FAULT_LOSS | FAULT_CRASH,
        .liars = UINT32_MAX};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        assert_int_equal(plan.validators, 7);
        assert_int_equal(plan.observers, 3);
        assert_int_equal(plan.blocks, 9);
        assert_int_equal(plan.faults & ~wish.faults, 0);
        assert_int_equal(plan.liars, 0);
        assert_true((plan.loss_per_mille > 0) == ((plan.faults & FAULT_LOSS) != 0));
        assert_int_equal(plan.epochs, 1);
        assert_true((plan.crash_gap_us > 0) == ((plan.faults & FAULT_CRASH) != 0));
    }
}

static void no_more_validators_fail_for_good_than_are_tolerated(void **state)
{
    (void)state;
    bool liars = false, lost = false;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct plan plan;
        plan_draw(seed, &any, &plan);
        assert_true(plan.liars + plan.lost_disks <= faults_of(plan.validators));
        liars |= plan.liars > 0;
        lost |= plan.lost_disks > 0;
    }
    assert_true(liars && lost);
}

static void too_many_liars_fork_the_chain_and_are_blamed(void **state)
{
    (void)state;
    struct plan_wish wish = any;
    uint32_t forks = 0;
    wish.liars = LIARS_FORKING;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        uint32_t n = plan.validators, common = 2 * quorum_of(n) - n;
        if (n > 16) continue;
        assert_int_equal(plan.shape, SHAPE_FORK);
        assert_in_range(plan.liars, common, n - 2);
        struct verdict verdict = verdict_on(&plan);
        if (verdict.culprits_max == 0) continue;
        assert_in_range(verdict.culprits_min, common, plan.liars);
        forks++;
    }
    assert_true(forks >= 8);
}

static void twins_are_one_validator_of_four_and_fork_nothing(void **state)
{
    (void)state;
    struct plan_wish wish = any;
    uint64_t lies = 0;
    wish.twins = true;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        assert_int_equal(plan.validators, 4);
        assert_int_equal(plan.liars, 1);
        struct verdict verdict = verdict_on(&plan);
        lies += verdict.counters.double_proposals + verdict.counters.double_votes;
    }
    assert_true(lies > 0);
}

static void validator_sets_change_and_nobody_notices(void **state)
{
    (void)state;
    struct plan_wish wish = any;
    uint64_t seals = 0;
    wish.faults = FAULT_EPOCHS;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        if (plan.validators > 10) continue;
        struct verdict verdict = verdict_on(&plan);
        seals += verdict.counters.seals;
    }
    assert_true(seals >= 10);
}

static void who_has_no_disk_joins_by_the_seals_and_votes_later(void **state)
{
    (void)state;
    struct plan_wish wish = any;
    struct counters sum = {0};
    wish.faults = FAULT_EPOCHS | FAULT_JOINS | FAULT_LOST_DISK | FAULT_BYZANTINE;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        if (plan.validators > 7 || (plan.faults & FAULT_JOINS) == 0) continue;
        struct verdict verdict = verdict_on(&plan);
        sum.joins += verdict.counters.joins;
        sum.joins_late += verdict.counters.joins_late;
        sum.joined_votes += verdict.counters.joined_votes;
        sum.joins_refused += verdict.counters.joins_refused;
    }
    assert_true(sum.joins >= 10 && sum.joins_late >= 5);
    assert_true(sum.joined_votes > 0 && sum.joins_refused > 0);
}

static void fault_lists_are_read_whole_or_refused(void **state)
{
    (void)state;
    uint32_t faults = 5;
    assert_true(plan_faults_parse("none", &faults));
    assert_int_equal(faults, 0);
    assert_true(plan_faults_parse("loss,crash", &faults));
    assert_int_equal(faults, FAULT_LOSS | FAULT_CRASH);
    assert_true(plan_faults_parse(plan_faults_text(), &faults));
    assert_int_equal(faults, FAULTS_ALL);
    assert_true(plan_faults_parse("all", &faults));
    assert_int_equal(faults, FAULTS_ALL);
    assert_false(plan_faults_parse("loss,earthquake", &faults));
    assert_false(plan_faults_parse("", &faults));
}

static void the_checker_notices_a_driver_that_acknowledges_too_early(void **state)
{
    (void)state;
    struct plan_wish calm = {.validators = 4, .observers = 0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct plan plan;
        struct verdict verdict;
        plan_draw(seed, &calm, &plan);
        plan.planted_early_ack = true;
        world_run(&plan, false, &verdict);
        assert_non_null(strstr(verdict.violation, "not on its disk"));
    }
}

static void disks_tear_and_lose_and_fail(void **state)
{
    (void)state;
    struct plan_wish wish = {.validators = 4, .faults = FAULT_CRASH | FAULT_BLACKOUT | FAULT_DISK};
    struct counters sum = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        struct verdict verdict = verdict_on(&plan);
        sum.tails_torn += verdict.counters.tails_torn;
        sum.records_lost += verdict.counters.records_lost;
        sum.disk_errors += verdict.counters.disk_errors;
    }
    assert_true(sum.tails_torn > 0 && sum.records_lost > 0 && sum.disk_errors > 0);
}

static void events_come_in_order_of_time_then_of_adding(void **state)
{
    (void)state;
    struct queue queue = {0};
    struct event event;
    struct dice dice;
    dice_init(&dice, 5);
    for (uint64_t i = 0; i < 500; i++)
        queue_add(&queue, (struct event){.at_us = dice_below(&dice, 40), .number = i, .kind = EVENT_WAKE});
    uint64_t last_us = 0, last_number = 0;
    for (uint32_t i = 0; i < 500; i++) {
        assert_true(queue_next(&queue, &event));
        assert_true(
            event.at_us > last_us || (event.at_us == last_us && (i == 0 || event.number > last_number)));
        last_us = event.at_us;
        last_number = event.number;
    }
    assert_false(queue_next(&queue, &event));
    queue_close(&queue);
}

static void a_message_is_copied_whole(void **state)
{
    (void)state;
    struct certificate skipped[2] = {{.kind = VOTE_NULLIFY, .view = 1}, {.kind = VOTE_NULLIFY, .view = 2}};
    struct digest batch = {{9}};
    struct proposal proposal = {.header = {.view = 3, .height = 1}, .batch_count = 1, .batches = &batch};
    proposal.justification.parent_is_genesis = true;
    proposal.justification.nullification_count = 2;
    proposal.justification.nullifications = skipped;
    struct parcel *parcel = parcel_of_proposal(&proposal);
    memset(skipped, 0xee, sizeof skipped);
    memset(&batch, 0xee, sizeof batch);
    const struct proposal *copy = parcel->message.proposal;
    assert_int_equal(copy->justification.nullifications[1].view, 2);
    assert_int_equal(copy->batches[0].bytes[0], 9);
    struct digest hash = seal_header(&proposal.header);
    assert_true(digest_equal(&copy->hash, &hash));
    assert_int_equal(parcel_view(parcel), 3);
    parcel_release(parcel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_is_one_run),
        cmocka_unit_test(a_full_run_is_one_run_too_and_executes),
        cmocka_unit_test(another_seed_is_another_run),
        cmocka_unit_test(a_wish_is_kept_and_the_rest_drawn),
        cmocka_unit_test(no_more_validators_fail_for_good_than_are_tolerated),
        cmocka_unit_test(too_many_liars_fork_the_chain_and_are_blamed),
        cmocka_unit_test(twins_are_one_validator_of_four_and_fork_nothing),
        cmocka_unit_test(validator_sets_change_and_nobody_notices),
        cmocka_unit_test(who_has_no_disk_joins_by_the_seals_and_votes_later),
        cmocka_unit_test(fault_lists_are_read_whole_or_refused),
        cmocka_unit_test(the_checker_notices_a_driver_that_acknowledges_too_early),
        cmocka_unit_test(disks_tear_and_lose_and_fail),
        cmocka_unit_test(events_come_in_order_of_time_then_of_adding),
        cmocka_unit_test(a_message_is_copied_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
