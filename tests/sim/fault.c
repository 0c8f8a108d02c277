#include "tests/sim/fault.h"

#include "proto/base/check.h"
#include "tests/sim/epoch.h"
#include "tests/sim/liar.h"
#include "tests/sim/trace.h"

#define CALM_SKEW_MS 300u

/* Half of the honest in each, and each liar in both. */
static void choose_camps(struct world *world)
{
    uint8_t next = (uint8_t)dice_below(&world->dice, 2);
    uint32_t n = world->plan.validators, first = (uint32_t)dice_below(&world->dice, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t identity = (first + i) % n;
        if (world->honest[identity]) world->camp[identity] = next ^= 1;
    }
    for (uint32_t i = n; i < world->identity_count; i++)
        world->camp[i] = (uint8_t)dice_below(&world->dice, 2);
    for (uint32_t i = world->identity_count; i < world->replica_count; i++)
        world->camp[i] = 1;
}

void fault_choose(struct world *world)
{
    uint32_t n = world->plan.validators;
    for (uint32_t i = 0; i < world->plan.liars;) {
        uint32_t chosen = (uint32_t)dice_below(&world->dice, n);
        if (!world->honest[chosen]) continue;
        world->honest[chosen] = false;
        i++;
    }
    for (uint32_t i = 0; i < world->plan.lost_disks;) {
        uint32_t chosen = (uint32_t)dice_below(&world->dice, n);
        if (!world->honest[chosen] || world->doomed[chosen]) continue;
        world->doomed[chosen] = true;
        i++;
    }
    for (uint32_t i = 0; i < world->plan.joiners; i++)
        world->doomed[n + i] = true;
    if (world->plan.shape == SHAPE_FORK) choose_camps(world);
}

/* Between half the gap and one and a half. */
static void again(struct world *world, enum event_kind kind, uint64_t gap_us)
{
    struct event event = {.kind = kind, .replica = UINT32_MAX};
    world_later(world, gap_us / 2 + dice_below(&world->dice, gap_us + 1), event);
}

void fault_begin(struct world *world)
{
    const struct plan *plan = &world->plan;
    if (plan->fault_us == 0) return;
    if (plan->shape == SHAPE_FORK) network_part(world);
    again(world, EVENT_SUBMIT, plan->submit_gap_us);
    if (plan->crash_gap_us > 0) again(world, EVENT_CRASH, plan->crash_gap_us);
    if (plan->partition_gap_us > 0) again(world, EVENT_PARTITION, plan->partition_gap_us);
    if (plan->skew_ms_max > 0) again(world, EVENT_CLOCK, plan->fault_us / 5);
    if (plan->epochs > 1) again(world, EVENT_DECIDE, plan->decide_gap_us);
    for (uint32_t i = 0; i < world->identity_count; i++) {
        if (!world->doomed[i]) continue;
        struct event event = {.kind = EVENT_CRASH, .replica = i, .number = 1};
        /* A joiner late, when there are epochs to join. */
        uint64_t after_us = i < plan->validators ? 0 : plan->fault_us / 2;
        world_later(world, after_us + dice_below(&world->dice, plan->fault_us - after_us), event);
    }
}

static void crash(struct world *world, struct replica *replica)
{
    if (!replica->up || !replica->honest) return;
    replica_crash(world, replica, world->doomed[replica->identity]);
    struct event restart = {.kind = EVENT_RESTART, .replica = replica->index};
    world_later(world, dice_between(&world->dice, 1000, world->plan.down_us_max + 1000), restart);
}

static void crash_drawn(struct world *world, const struct event *event)
{
    if (event->number != 0) {
        crash(world, &world->replicas[event->replica]);
        return;
    }
    /* Mostly one, sometimes a storm. */
    uint32_t share = dice_chance(&world->dice, 800) ? 0 : (uint32_t)dice_between(&world->dice, 200, 1000);
    crash(world, &world->replicas[dice_below(&world->dice, world->identity_count)]);
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (dice_chance(&world->dice, share)) crash(world, &world->replicas[i]);
    again(world, EVENT_CRASH, world->plan.crash_gap_us);
}

/* At most f honest clocks are far off at once; all run on. */
static void jump_clock(struct world *world)
{
    uint32_t n = world->plan.validators;
    uint32_t chosen = (uint32_t)dice_below(&world->dice, n);
    uint64_t skew_ms = dice_below(&world->dice, 2 * world->plan.skew_ms_max);
    world->replicas[chosen].skew_ms = (int64_t)skew_ms - (int64_t)world->plan.skew_ms_max;
    trace_replica(world, &world->replicas[chosen], "wall clock is off by %lld ms",
        (long long)world->replicas[chosen].skew_ms);
    again(world, EVENT_CLOCK, world->plan.fault_us / 5);
}

static void submit(struct world *world)
{
    uint32_t at = (uint32_t)dice_below(&world->dice, world->plan.validators);
    struct replica *replica = &world->replicas[at];
    if (replica->up && world->batch_count + 64 < BATCHES_WITHHELD)
        replica_submit(world, replica, world->batch_count++);
    again(world, EVENT_SUBMIT, world->plan.submit_gap_us);
}

static void restart(struct world *world, struct replica *replica)
{
    if (replica->up) return;
    world->counters.restarts++;
    replica_start(world, replica);
}

void fault_stop(struct world *world)
{
    if (world->plan.faults & FAULT_BLACKOUT) {
        trace_world(world, "a blackout");
        for (uint32_t i = 0; i < world->identity_count; i++)
            if (world->honest[i]) replica_crash(world, &world->replicas[i], false);
    }
    world->healed = true;
    world->healed_us = world->now_us;
    trace_world(world, "faults stop");
    for (uint32_t i = 0; i < world->replica_count; i++) {
        world->replicas[i].skew_ms = (int64_t)dice_below(&world->dice, CALM_SKEW_MS);
        disk_calm(&world->replicas[i].disk);
        restart(world, &world->replicas[i]);
    }
    if (world->plan.shape == SHAPE_FORK) network_join(world);
    network_heal(world);
}

bool fault_event(struct world *world, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CRASH:
        if (!world->healed) crash_drawn(world, event);
        return true;
    case EVENT_RESTART:
        restart(world, &world->replicas[event->replica]);
        return true;
    case EVENT_PARTITION:
        if (world->healed) return true;
        network_partition(world);
        again(world, EVENT_PARTITION, world->plan.partition_gap_us);
        return true;
    case EVENT_PARTITION_END:
        network_partition_end(world, (uint32_t)event->number);
        return true;
    case EVENT_CLOCK:
        if (!world->healed) jump_clock(world);
        return true;
    case EVENT_SUBMIT:
        if (!world->healed) submit(world);
        return true;
    case EVENT_LINK_CHECK:
        network_link_check(world, event->replica, event->peer);
        return true;
    case EVENT_DECIDE:
        if (world->healed) return true;
        epoch_decide(world);
        again(world, EVENT_DECIDE, world->plan.decide_gap_us);
        return true;
    case EVENT_FLAP:
        liar_flap(world, &world->replicas[event->replica]);
        return true;
    case EVENT_HEAL:
        return true;
    case EVENT_DELIVER:
    case EVENT_VERIFIED:
    case EVENT_SIGNED:
    case EVENT_PROPOSED:
    case EVENT_PAYLOAD:
    case EVENT_FETCH:
    case EVENT_RECORDS_SYNCED:
    case EVENT_LEDGER_SYNCED:
    case EVENT_WAKE:
    case EVENT_KEEPALIVE:
    case EVENT_LINK:
        return false;
    }
    CHECK_UNREACHABLE();
}
