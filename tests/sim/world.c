#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/sim/epoch.h"
#include "tests/sim/execute.h"
#include "tests/sim/fault.h"
#include "tests/sim/fork.h"
#include "tests/sim/full.h"
#include "tests/sim/trace.h"

void world_mark(struct world *world, uint64_t fact)
{
    world->trace_digest = dice_scatter(world->trace_digest ^ dice_scatter(fact)) + 0x9e3779b97f4a7c15u;
}

void world_later(struct world *world, uint64_t delay_us, struct event event)
{
    event.at_us = world->now_us + delay_us;
    queue_add(&world->queue, event);
}

struct digest world_batch(struct world *world, uint32_t number)
{
    return catalogue_name(world->catalogue, number, WALL_START_MS + world->now_us / MILLISECOND_US);
}

static void open_world(struct world *world, const struct plan *plan, bool traced)
{
    world->plan = *plan;
    world->traced = traced;
    world->trace_digest = plan->seed;
    dice_init(&world->dice, dice_scatter(plan->seed) + 1);
    vault_init(&world->vault, plan->validators, plan->seed);
    world->catalogue = catalogue_open(&world->vault, dice_next(&world->dice), plan->full);
    if (plan->full) full_scratch_make();
    world->identity_count = plan->validators + plan->spares + plan->observers;
    world->replica_count = world->identity_count + plan->liars;
    world->network.script = dice_next(&world->dice);
    for (uint32_t i = 0; i < world->identity_count; i++)
        world->honest[i] = true;
    fault_choose(world);
    epoch_draw(world);
    world->checker = checker_open(&world->vault, world->honest, world->identity_count, plan->base_timeout_ms);
    world->replicas = calloc(world->replica_count, sizeof world->replicas[0]);
    CHECK(world->replicas != NULL);
    uint32_t second = world->identity_count;
    for (uint32_t i = 0; i < world->identity_count; i++) {
        replica_init(world, i, i);
        if (world->honest[i]) continue;
        replica_init(world, second, i);
        world->replicas[i].twin = world->replicas[second].twin = true;
        second++;
    }
    CHECK(second == world->replica_count);
    trace_begin(world);
    for (uint32_t i = 0; i < world->replica_count; i++)
        replica_start(world, &world->replicas[i]);
}

static void close_world(struct world *world)
{
    for (uint32_t i = 0; i < world->replica_count; i++)
        replica_close(&world->replicas[i]);
    free(world->replicas);
    queue_close(&world->queue);
    checker_close(world->checker);
    catalogue_close(world->catalogue);
    free(world->checkpoint_signers);
    if (world->plan.full) full_scratch_remove();
}

static bool carry_event(struct world *world)
{
    struct event event;
    if (checker_violation(world->checker) != NULL || !queue_next(&world->queue, &event)) return false;
    CHECK(event.at_us >= world->now_us);
    world->now_us = event.at_us;
    world->counters.events++;
    if (world->counters.events > EVENTS_MAX)
        checker_fail(world->checker, "the run does not end: %u events", EVENTS_MAX);
    if (!fault_event(world, &event)) replica_event(world, &world->replicas[event.replica], &event);
    parcel_release(event.parcel);
    return true;
}

/* Runs until the time given, or until nothing is left to happen. */
static void run_until(struct world *world, uint64_t until_us)
{
    while (queue_next_us(&world->queue) <= until_us)
        if (!carry_event(world)) return;
    if (world->now_us < until_us) world->now_us = until_us;
}

/* Every honest replica is up, has committed everything it knows of, and stands at one height. */
static bool settled(const struct world *world)
{
    uint64_t top = checker_top(world->checker);
    for (uint32_t i = 0; i < world->identity_count; i++) {
        const struct replica *replica = &world->replicas[i];
        if (!replica->honest) continue;
        if (!replica->up || replica_waits(replica) || checker_height(world->checker, i) != top) return false;
        if (epoch_ends(world, replica)) return false;
    }
    return true;
}

static void explain_unsettled(struct world *world, const char *what, uint64_t bound_us)
{
    char text[160];
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < world->identity_count && at + 32 < sizeof text; i++) {
        struct consensus_status status = {0};
        if (!world->honest[i] || !world->replicas[i].up) continue;
        consensus_status(world->replicas[i].core, &status);
        at += (size_t)snprintf(text + at, sizeof text - at, " %u:e%llu v%llu h%llu", i,
            (unsigned long long)world->replicas[i].epoch, (unsigned long long)status.view,
            (unsigned long long)status.floor_height);
    }
    checker_fail(world->checker, "no progress: %s within %llu ms;%s", what,
        (unsigned long long)(bound_us / 1000), text);
}

/* The longest D_k of any honest validator now (R7), in microseconds. */
static uint64_t longest_timeout_us(const struct world *world)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < world->identity_count; i++) {
        struct consensus_status status = {0};
        if (!world->honest[i] || !world->replicas[i].up) continue;
        if (vault_signer(&world->vault, world->replicas[i].epoch, i) == SIGNER_NONE) continue;
        consensus_status(world->replicas[i].core, &status);
        uint64_t timeout_us = world->plan.base_timeout_ms * MILLISECOND_US;
        for (uint32_t k = 0; k < status.timeouts && timeout_us < 30 * SECOND_US; k++)
            timeout_us += timeout_us / 2;
        if (timeout_us > 30 * SECOND_US) timeout_us = 30 * SECOND_US;
        if (timeout_us > most) most = timeout_us;
    }
    return most;
}

/* How long everything may take until all stand at one height: every faulty leader in a row costs a view, and
 * whoever is behind asks again at the pace of R10. Where the network is slower than D, timers must first grow
 * to eight times its delay, f + 1 views for each step of one and a half. */
static uint64_t bound_us(const struct world *world, uint64_t timeout_us)
{
    uint64_t faulty = world->plan.liars + world->plan.lost_disks + world->plan.joiners;
    uint64_t growing_us = 0;
    if (world->plan.faults & FAULT_SLOW) {
        uint64_t enough_us = 8 * world->plan.delay_us_max;
        if (timeout_us < enough_us) timeout_us = enough_us;
        growing_us = 9 * (faults_of(world->plan.validators) + 1) * enough_us;
    }
    uint64_t standstill_us = 2 * timeout_us > SECOND_US ? 2 * timeout_us : SECOND_US;
    return growing_us + (faulty + 3) * 3 * 2 * timeout_us + (faulty + 2) * 4 * standstill_us + 2 * SECOND_US;
}

static void await_settled(struct world *world, uint64_t within_us, const char *what)
{
    uint64_t deadline_us = world->now_us + within_us;
    while (!settled(world)) {
        if (queue_next_us(&world->queue) > deadline_us) {
            explain_unsettled(world, what, within_us);
            return;
        }
        if (!carry_event(world)) return;
    }
}

static void submit_somewhere(struct world *world)
{
    uint32_t at = (uint32_t)dice_below(&world->dice, world->plan.validators);
    while (!world->honest[at])
        at = (at + 1) % world->plan.validators;
    replica_submit(world, &world->replicas[at], world->batch_count++);
}

/* Faults have stopped: batches brought one after another must each be committed everywhere in time. */
static void demand_progress(struct world *world, struct verdict *verdict)
{
    uint64_t within_us = bound_us(world, longest_timeout_us(world));
    for (uint32_t i = 0; i < world->plan.blocks && checker_violation(world->checker) == NULL; i++) {
        uint64_t start_us = world->now_us;
        /* The end of an epoch is a second thing to agree on, and a third to certify. */
        if (dice_chance(&world->dice, 400) && epoch_decide(world)) within_us *= 3;
        submit_somewhere(world);
        await_settled(world, within_us, i == 0 ? "the first batch after the faults" : "a batch in calm");
        uint64_t took_ms = (world->now_us - start_us) / 1000;
        if (i == 0) {
            verdict->recovery_ms = took_ms;
            verdict->recovery_bound_ms = within_us / 1000;
        } else if (took_ms > verdict->calm_ms_max) {
            verdict->calm_ms_max = took_ms;
            verdict->calm_bound_ms = within_us / 1000;
        }
        within_us = bound_us(world, 4ull * world->plan.base_timeout_ms * MILLISECOND_US);
        run_until(world, world->now_us + dice_below(&world->dice, 4 * world->plan.submit_gap_us));
    }
}

/* One replica at rest, after watched_us in which it began in `view` and at `height`. */
static void demand_rest_of(
    struct world *world, uint32_t index, uint64_t view, uint64_t height, uint64_t watched_us)
{
    struct consensus_status status;
    const struct plan *plan = &world->plan;
    consensus_status(world->replicas[index].core, &status);
    uint64_t beats = plan->heartbeat_ms == 0 ? 0 : watched_us / 1000 / plan->heartbeat_ms + 1;
    /* A liar may propose when it is its turn, work or not, or make a block whose time comes now; and a view
     * that led to a commit was not burnt. */
    uint64_t causes = beats + plan->liars + (status.floor_height - height);
    uint64_t views_max = causes * (3 + 2 * plan->liars + 2 * (plan->lost_disks + plan->joiners));
    bool slow_beats = beats > 0 && (plan->faults & FAULT_SLOW) != 0;
    if (status.view > view + views_max && !slow_beats)
        checker_fail(world->checker, "idle replica %u burns views: %llu in %llu s", index,
            (unsigned long long)(status.view - view), (unsigned long long)(watched_us / SECOND_US));
    if (beats > 0) return;
    /* A liar's block from the future is looked at again, and a liar's message may begin a wait; nothing else
     * may need the clock. */
    bool still = world->replicas[index].wake_us == UINT64_MAX;
    if (!still && plan->liars == 0) checker_fail(world->checker, "idle replica %u wants to be woken", index);
    if (plan->liars == 0 && status.timeouts > 0)
        checker_fail(world->checker, "replica %u still counts timeouts after a finalization", index);
    if ((still || plan->liars == 0) && status.tip_view > status.floor_view)
        checker_fail(world->checker, "replica %u rests on a tip that is not finalized", index);
}

static void demand_rest(struct world *world)
{
    uint64_t views[PEERS_MAX] = {0}, heights[PEERS_MAX] = {0};
    uint64_t calm_us = bound_us(world, 4ull * world->plan.base_timeout_ms * MILLISECOND_US);
    uint64_t watched_us = 30 * SECOND_US;
    run_until(world, world->now_us + calm_us);
    for (uint32_t i = 0; i < world->identity_count; i++) {
        struct consensus_status status = {0};
        if (world->honest[i]) consensus_status(world->replicas[i].core, &status);
        views[i] = status.view;
        heights[i] = status.floor_height;
    }
    run_until(world, world->now_us + watched_us);
    for (uint32_t i = 0; i < world->identity_count && checker_violation(world->checker) == NULL; i++)
        if (world->honest[i]) demand_rest_of(world, i, views[i], heights[i], watched_us);
}

/* What the plan's shape owes once faults have stopped. */
static void demand_all(struct world *world, struct verdict *verdict)
{
    switch (world->plan.shape) {
    case SHAPE_FREE:
        demand_progress(world, verdict);
        if (checker_violation(world->checker) == NULL) demand_rest(world);
        return;
    case SHAPE_TWINS:
        demand_progress(world, verdict);
        return;
    case SHAPE_FORK:
        /* Nobody is owed progress; the two chains meet, and are judged. */
        run_until(world, world->now_us + 40ull * world->plan.base_timeout_ms * MILLISECOND_US);
        if (checker_violation(world->checker) == NULL) fork_judge(world, verdict);
        return;
    }
    CHECK_UNREACHABLE();
}

void world_run(const struct plan *plan, bool traced, struct verdict *verdict)
{
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    memset(verdict, 0, sizeof *verdict);
    open_world(world, plan, traced);
    fault_begin(world);
    run_until(world, plan->fault_us);
    fault_stop(world);
    /* Links return within a second, and what was down is up by then. */
    run_until(world, world->now_us + SECOND_US + 10 * MILLISECOND_US);
    if (checker_violation(world->checker) == NULL) demand_all(world, verdict);
    for (uint32_t i = 0; i < world->identity_count && checker_violation(world->checker) == NULL; i++)
        execute_verify(world, &world->replicas[i]);
    world->counters.blocks = checker_top(world->checker);
    world->counters.seals = checker_epoch(world->checker) - 1;
    const char *violation = checker_violation(world->checker);
    if (violation != NULL) {
        snprintf(verdict->violation, sizeof verdict->violation, "%s", violation);
        trace_world(world, "VIOLATION: %s", violation);
    }
    verdict->counters = world->counters;
    verdict->trace_digest = world->trace_digest;
    close_world(world);
    free(world);
}
