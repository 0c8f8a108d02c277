// links: sim consensus base
/* The simulator itself: one seed is one run, the plan keeps its promises, the disk loses what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/world.h"

static const struct plan_wish any = {.observers = UINT32_MAX, .faults = FAULTS_ALL};

static struct verdict verdict_of(uint64_t seed)
{
    struct plan plan;
    struct verdict verdict;
    plan_draw(seed, &any, &plan);
    world_run(&plan, false, &verdict);
    assert_string_equal(verdict.violation, "");
    return verdict;
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

static void another_seed_is_another_run(void **state)
{
    (void)state;
    assert_int_not_equal(verdict_of(1).trace_digest, verdict_of(2).trace_digest);
}

static void a_wish_is_kept_and_the_rest_drawn(void **state)
{
    (void)state;
    struct plan_wish wish = {
        .validators = 7, .observers = 3, .blocks = 9, .faults = FAULT_LOSS | FAULT_CRASH};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct plan plan;
        plan_draw(seed, &wish, &plan);
        assert_int_equal(plan.validators, 7);
        assert_int_equal(plan.observers, 3);
        assert_int_equal(plan.blocks, 9);
        assert_int_equal(plan.faults & ~wish.faults, 0);
        assert_int_equal(plan.liars, 0);
        assert_true((plan.loss_per_mille > 0) == ((plan.faults & FAULT_LOSS) != 0));
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

static void add_record(struct disk *disk, uint64_t sequence, uint64_t view)
{
    struct consensus_record record = {.kind = RECORD_VOTE, .vote = {.kind = VOTE_NULLIFY, .view = view}};
    disk_record_add(disk, &record, sequence, NULL);
}

static void a_crash_keeps_what_was_acknowledged_and_a_prefix_of_the_rest(void **state)
{
    (void)state;
    struct dice dice;
    bool lost_some = false, kept_some = false;
    dice_init(&dice, 3);
    for (uint32_t round = 0; round < 100; round++) {
        struct disk disk = {0};
        for (uint64_t i = 1; i <= 6; i++)
            add_record(&disk, i, i);
        disk.records_durable = 2;
        disk_crash(&disk, &dice);
        assert_true(disk.record_count >= 2 && disk.record_count <= 6);
        assert_int_equal(disk.records_durable, disk.record_count);
        for (size_t i = 0; i < disk.record_count; i++)
            assert_int_equal(disk.records[i]->sequence, i + 1);
        lost_some |= disk.record_count < 6;
        kept_some |= disk.record_count > 2;
        disk_close(&disk);
    }
    assert_true(lost_some && kept_some);
}

static void a_ledger_after_a_crash_ends_at_a_finalization(void **state)
{
    (void)state;
    struct dice dice;
    struct certificate finalization = {.kind = VOTE_FINALIZE};
    struct payload *payload = payload_make(NULL, 0);
    dice_init(&dice, 4);
    for (uint32_t round = 0; round < 100; round++) {
        struct disk disk = {0};
        for (uint64_t height = 1; height <= 9; height++) {
            struct block_header header = {.height = height, .view = height};
            struct digest hash = seal_header(&header);
            disk_block_add(&disk, &header, &hash, height % 3 == 0 ? &finalization : NULL, payload, NULL);
        }
        disk.blocks_durable = 3;
        disk_crash(&disk, &dice);
        assert_true(disk.block_count >= 3 && disk.block_count % 3 == 0);
        disk_close(&disk);
    }
    payload_release(payload);
}

static void pruning_keeps_what_is_above_the_floor_or_not_yet_durable(void **state)
{
    (void)state;
    struct disk disk = {0};
    for (uint64_t i = 1; i <= 6; i++)
        add_record(&disk, i, i);
    disk.records_durable = 4;
    disk_prune(&disk, 5);
    assert_int_equal(disk.record_count, 2);
    assert_int_equal(disk.records_durable, 0);
    assert_int_equal(disk.records[0]->record.vote.view, 5);
    disk_close(&disk);
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
        cmocka_unit_test(another_seed_is_another_run),
        cmocka_unit_test(a_wish_is_kept_and_the_rest_drawn),
        cmocka_unit_test(no_more_validators_fail_for_good_than_are_tolerated),
        cmocka_unit_test(fault_lists_are_read_whole_or_refused),
        cmocka_unit_test(a_crash_keeps_what_was_acknowledged_and_a_prefix_of_the_rest),
        cmocka_unit_test(a_ledger_after_a_crash_ends_at_a_finalization),
        cmocka_unit_test(pruning_keeps_what_is_above_the_floor_or_not_yet_durable),
        cmocka_unit_test(events_come_in_order_of_time_then_of_adding),
        cmocka_unit_test(a_message_is_copied_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
