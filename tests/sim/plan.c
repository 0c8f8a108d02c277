#include "tests/sim/plan.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/seal.h"

#define MILLISECOND_US 1000u

static const char *const names[] = {"loss", "delay", "reorder", "duplicate", "partition", "script", "crash",
    "blackout", "disk", "clock", "byzantine", "lost-disk", "slow", "epochs", "joins"};
_Static_assert(
    sizeof names / sizeof names[0] == 15 && FAULTS_ALL == (1u << 15) - 1, "one name for each fault");

const char *plan_faults_text(void)
{
    return "loss,delay,reorder,duplicate,partition,script,crash,blackout,disk,clock,byzantine,lost-disk,slow,"
           "epochs,joins";
}

void plan_faults_say(uint32_t faults, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "%s", faults == 0 ? "nothing" : "");
    for (uint32_t i = 0; i < sizeof names / sizeof names[0] && at < size; i++)
        if (faults >> i & 1)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at == 0 ? "" : ", ", names[i]);
}

bool plan_faults_parse(const char *list, uint32_t *faults)
{
    uint32_t found = 0;
    if (strcmp(list, "none") == 0) {
        *faults = 0;
        return true;
    }
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        uint32_t before = found;
        for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strlen(names[i]) == size && strncmp(list, names[i], size) == 0) found |= 1u << i;
        if (size == 3 && strncmp(list, "all", 3) == 0)
            found = FAULTS_ALL;
        else if (found == before)
            return false;
        list += size;
        if (*list == ',') list++;
    }
    *faults = found;
    return found != 0;
}

/* Small sets are run most: they are fast, and most of what can go wrong does so in them. A run of 64 costs as
 * much as 200 of 4; of 100,000 runs 400 are. */
static const struct {
    uint32_t validators, per_mille;
} sizes[] = {{4, 430}, {5, 120}, {6, 120}, {7, 165}, {10, 95}, {16, 45}, {31, 21}, {64, 4}};

static uint32_t draw_validators(struct dice *dice)
{
    uint64_t roll = dice_below(dice, 1000);
    uint32_t i = 0;
    for (; i + 1 < sizeof sizes / sizeof sizes[0] && roll >= sizes[i].per_mille; i++)
        roll -= sizes[i].per_mille;
    return sizes[i].validators;
}

static void draw_network(struct dice *dice, struct plan *plan)
{
    static const uint32_t losses[] = {10, 50, 100, 200, 300};
    uint64_t timeout_us = (uint64_t)plan->base_timeout_ms * MILLISECOND_US;
    if (plan->faults & FAULT_LOSS) plan->loss_per_mille = losses[dice_below(dice, 5)];
    if (plan->faults & FAULT_DUPLICATE) plan->duplicate_per_mille = (uint32_t)dice_between(dice, 10, 300);
    if (plan->faults & FAULT_SCRIPT) {
        plan->script_per_mille = (uint32_t)dice_between(dice, 50, 700);
        plan->script_deaf = dice_chance(dice, 500);
        if (plan->script_deaf) plan->script_per_mille = (uint32_t)dice_between(dice, 300, 1000);
        if (dice_chance(dice, 300)) plan->script_seal_views = (uint32_t)dice_between(dice, 1, 8);
    }
    if (plan->faults & FAULT_DELAY) {
        plan->tail_per_mille = (uint32_t)dice_between(dice, 5, 300);
        plan->tail_us_max = dice_between(dice, timeout_us, 40 * timeout_us);
    }
    plan->delay_us_max = timeout_us / 8;
    if (plan->validators > PLAN_SLOW_VALIDATORS_MAX || dice_chance(dice, 700))
        plan->faults &= ~(uint32_t)FAULT_SLOW;
    if (plan->faults & FAULT_SLOW) plan->delay_us_max = dice_between(dice, timeout_us, 4 * timeout_us);
    if (plan->faults & FAULT_PARTITION)
        plan->partition_gap_us = dice_between(dice, 2 * timeout_us, 100 * timeout_us);
}

static void draw_machines(struct dice *dice, struct plan *plan)
{
    uint64_t timeout_us = (uint64_t)plan->base_timeout_ms * MILLISECOND_US;
    plan->sync_us_max =
        plan->faults & FAULT_DISK ? dice_between(dice, timeout_us / 8, 3 * timeout_us) : timeout_us / 16;
    plan->check_us_max = dice_between(dice, 0, timeout_us / 30);
    plan->record_file_size = KIB << dice_between(dice, 3, 7);
    if (plan->faults & FAULT_DISK) plan->trouble_per_mille = (uint32_t)dice_below(dice, 30);
    if (plan->faults & FAULT_CRASH) {
        plan->crash_gap_us = dice_between(dice, 5 * timeout_us, 200 * timeout_us);
        plan->down_us_max = dice_between(dice, timeout_us, 60 * timeout_us);
        plan->crash_per_million = dice_chance(dice, 500) ? (uint32_t)dice_between(dice, 50, 5000) : 0;
    }
    if (plan->faults & FAULT_CLOCK) {
        plan->skew_ms_max = dice_between(dice, 100, 20000);
        plan->rate_ppm_max = (uint32_t)dice_between(dice, 0, 2000);
    }
}

/* A fork takes the members in common of two quorums. */
static uint32_t draw_liars(struct dice *dice, const struct plan_wish *wish, const struct plan *plan)
{
    uint32_t n = plan->validators, f = faults_of(n), most = n - 2;
    uint32_t forking = 2 * quorum_of(n) - n;
    if (wish->liars == UINT32_MAX)
        return plan->faults & FAULT_BYZANTINE ? (uint32_t)dice_between(dice, 1, f) : 0;
    uint32_t liars = wish->liars;
    if (liars == LIARS_FORKING)
        liars = forking + (uint32_t)dice_below(dice, 3) / 2 * (uint32_t)dice_below(dice, f);
    return liars < most ? liars : most;
}

static void draw_epochs(struct dice *dice, struct plan *plan)
{
    plan->epochs = 1;
    /* The shipped state decides no set yet. */
    if (plan->full || plan->shape != SHAPE_FREE || plan->validators > PLAN_EPOCH_VALIDATORS_MAX)
        plan->faults &= ~(uint32_t)FAULT_EPOCHS;
    if ((plan->faults & FAULT_EPOCHS) == 0) plan->faults &= ~(uint32_t)FAULT_JOINS;
    if ((plan->faults & FAULT_EPOCHS) == 0) return;
    plan->epochs = (uint32_t)dice_between(dice, 2, EPOCHS_MAX);
    plan->spares = (uint32_t)dice_below(dice, 4);
    plan->decide_gap_us = dice_between(dice, 1, plan->fault_us);
    if ((plan->faults & FAULT_JOINS) == 0) return;
    /* Long enough for two epochs to end. */
    if (plan->epochs < 3) plan->epochs = 3;
    plan->decide_gap_us = dice_between(dice, plan->fault_us / 10, plan->fault_us / 4);
    plan->joiners = (uint32_t)dice_between(dice, 1, 2);
    if (plan->spares < plan->joiners) plan->spares = plan->joiners;
}

/* A few views, and nothing but who hears of which: many such runs, each short. */
static void draw_twins(struct dice *dice, struct plan *plan)
{
    plan->faults &= FAULT_REORDER;
    plan->liars = 1;
    plan->only_doubled = true;
    plan->base_timeout_ms = 60;
    plan->heartbeat_ms = 0;
    plan->fault_us = dice_between(dice, 4, 10) * 3 * plan->base_timeout_ms * MILLISECOND_US;
    plan->submit_gap_us = plan->base_timeout_ms * MILLISECOND_US;
}

static void draw_shape(struct dice *dice, const struct plan_wish *wish, struct plan *plan)
{
    uint32_t f = faults_of(plan->validators);
    plan->liars = draw_liars(dice, wish, plan);
    if (wish->twins) {
        plan->shape = SHAPE_TWINS;
        draw_twins(dice, plan);
    } else if (plan->liars > f) {
        plan->shape = SHAPE_FORK;
        plan->only_doubled = dice_chance(dice, 700);
        /* Fewer faults besides, or the camps would seldom get anywhere. */
        plan->faults &= (uint32_t)dice_next(dice) & ~(uint32_t)FAULT_LOST_DISK;
        plan->fault_us = dice_between(dice, 60, 150) * plan->base_timeout_ms * MILLISECOND_US;
    } else if (plan->faults & FAULT_LOST_DISK) {
        plan->lost_disks = (uint32_t)dice_below(dice, f - plan->liars + 1);
    }
}

void plan_draw(uint64_t seed, const struct plan_wish *wish, struct plan *plan)
{
    static const uint32_t timeouts[] = {60, 60, 100, 400};
    struct dice dice;
    dice_init(&dice, seed);
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    plan->full = wish->full;
    plan->validators = draw_validators(&dice);
    plan->observers = (uint32_t)dice_below(&dice, 3);
    if (wish->twins) plan->validators = 4, plan->observers = 0;
    if (wish->validators != 0) plan->validators = wish->validators;
    if (wish->observers != UINT32_MAX) plan->observers = wish->observers;
    plan->blocks = wish->blocks != 0 ? wish->blocks : wish->twins ? 1 : 4;
    plan->base_timeout_ms = timeouts[dice_below(&dice, 4)];
    plan->heartbeat_ms = dice_chance(&dice, 300) ? 10000 : 0;
    uint64_t chosen = dice_next(&dice) | (dice_chance(&dice, 200) ? FAULTS_ALL : 0);
    plan->faults = wish->faults & (uint32_t)chosen;
    uint64_t timeouts_long = dice_between(&dice, 10, plan->validators > 16 ? 40 : 150);
    plan->fault_us = plan->faults == 0 ? 0 : timeouts_long * plan->base_timeout_ms * MILLISECOND_US;
    plan->submit_gap_us = dice_between(&dice, 1, 40) * plan->base_timeout_ms * MILLISECOND_US / 2;
    draw_shape(&dice, wish, plan);
    draw_epochs(&dice, plan);
    draw_network(&dice, plan);
    draw_machines(&dice, plan);
}
