#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/scope/disk.h"
#include "tests/scope/nodes.h"
#include "tests/scope/steps.h"

/* The steps of one view, in order. A crash may follow each. */
enum step {
    STEP_PROPOSAL,
    STEP_SECOND, /* another proposal of a leader that lies */
    STEP_TIMER,
    STEP_NOTARIZED,
    STEP_NULLIFIED,
    STEP_FINALIZED,
    STEP_LATE, /* anything missed */
    STEPS,
};
/* A slot is one replica's turn in one step, or in the crash after it. */
#define SLOTS_A_VIEW (STEPS * 2u * HONEST)

/* How the step went so far: nobody had a choice, all who had made the same one, or not. */
enum mood { MOOD_FRESH, MOOD_EVEN, MOOD_UNEVEN };

static struct {
    const struct bounds *bounds;
    struct findings *findings;
    /* Nodes by slot, as they are met. */
    uint32_t *queues[256];
    uint32_t lengths[256], capacities[256];
} rounds;

uint32_t acts_learn(
    const struct prospect *prospect, const struct local *local, uint8_t from, uint8_t to, uint32_t *acts)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < CLAIM_WORDS; w++) {
        uint64_t word = prospect->possible.words[w] & ~local->quiet_claims.words[w];
        for (; word; word &= word - 1) {
            uint16_t claim = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(word));
            uint8_t view = claim_view(claim);
            if (view < from || view > to) continue;
            CHECK(count < ACTS_MAX / 4);
            acts[count++] = act_of(ACT_LEARN, claim);
        }
    }
    return count;
}

uint32_t acts_offer(
    const struct prospect *prospect, const struct local *local, uint8_t from, uint8_t to, uint32_t *acts)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        uint64_t word = prospect->offered.words[w] & ~local->quiet_blocks.words[w];
        for (; word; word &= word - 1) {
            uint16_t block = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(word));
            uint8_t view = term_at(block)->view;
            if (view < from || view > to) continue;
            CHECK(count < ACTS_MAX / 4);
            acts[count++] = act_of(ACT_OFFER, block);
        }
    }
    return count;
}

uint32_t acts_stalled(const struct bounds *bounds, const struct prospect *prospect, const struct local *local,
    uint32_t *acts, uint32_t count)
{
    if (prospect->stalls >= bounds->stalls || local->life.stalled) return count;
    uint32_t plain = count;
    for (uint32_t i = 0; i < plain; i++) {
        if (act_kind(acts[i]) == ACT_CRASH) continue;
        acts[count] = acts[i];
        acts[count++] |= ACT_STALLS;
    }
    return count;
}

static uint8_t slot_view(uint8_t slot)
{
    return (uint8_t)(slot / SLOTS_A_VIEW + 1);
}

static enum step slot_step(uint8_t slot)
{
    return (enum step)(slot % SLOTS_A_VIEW / (2 * HONEST));
}

static bool slot_crashes(uint8_t slot)
{
    return slot % (2 * HONEST) >= HONEST;
}

static uint8_t slots_end(void)
{
    return (uint8_t)(rounds.bounds->views * SLOTS_A_VIEW);
}

/* Of the certificates of a kind that can come. */
static uint32_t keep_kind(uint32_t *acts, uint32_t count, enum vote_kind kind)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (claim_kind(act_object(acts[i])) == kind) acts[kept++] = acts[i];
    return kept;
}

static uint32_t acts_late(
    const struct prospect *prospect, const struct local *local, uint8_t view, uint32_t *acts)
{
    uint32_t count = acts_learn(prospect, local, 1, view, acts);
    count += acts_offer(prospect, local, 1, view, acts + count);
    if (local->life.view < view && !local->quiet_timer) acts[count++] = act_of(ACT_TIMER, 0);
    return count;
}

uint32_t acts_crash(const struct life *life, uint32_t *acts)
{
    uint32_t appends = disk_appends_waiting(life), records = life_unsynced(life) - appends, count = 0;
    CHECK((records + 1) * (appends + 1) <= ACTS_MAX);
    for (uint32_t r = 0; r <= records; r++)
        for (uint32_t a = 0; a <= appends; a++)
            acts[count++] = crash_of(r, a);
    return count;
}

static uint32_t acts_step(
    const struct prospect *prospect, const struct local *local, uint8_t slot, uint32_t *acts)
{
    uint8_t view = slot_view(slot);
    bool lied = !is_honest(leader_of(view, SCOPE_NODES));
    static const enum vote_kind kinds[STEPS] = {
        [STEP_NOTARIZED] = VOTE_NOTARIZE, [STEP_NULLIFIED] = VOTE_NULLIFY, [STEP_FINALIZED] = VOTE_FINALIZE};
    uint32_t count = 0;
    switch (slot_step(slot)) {
    case STEP_PROPOSAL:
        return acts_offer(prospect, local, view, view, acts);
    case STEP_SECOND:
        return lied ? acts_offer(prospect, local, view, view, acts) : 0;
    case STEP_TIMER:
        if (local->life.view > view || local->quiet_timer) return 0;
        acts[0] = act_of(ACT_TIMER, 0);
        return 1;
    case STEP_NOTARIZED:
    case STEP_NULLIFIED:
    case STEP_FINALIZED:
        count = acts_learn(prospect, local, view, view, acts);
        return keep_kind(acts, count, kinds[slot_step(slot)]);
    case STEP_LATE:
        return acts_late(prospect, local, view, acts);
    case STEPS:
        break;
    }
    CHECK_UNREACHABLE();
}

/* Whether what was spent is within the bounds. */
static bool affordable(const struct node *node)
{
    return node->uneven <= rounds.bounds->uneven && node->crashes <= rounds.bounds->crashes;
}

/* Where only certificates may be missed, they alone come to some and not to others. */
static bool may_be_uneven(enum step step)
{
    return !rounds.bounds->missed || step == STEP_NOTARIZED || step == STEP_NULLIFIED ||
           step == STEP_FINALIZED;
}

/* Notes what the replica whose turn it is does in the step: an act, or 0 for nothing. False where that makes
 * more steps uneven than there may be. */
static bool choose(struct node *node, uint32_t act)
{
    act &= ~ACT_STALLS;
    if (node->mood == MOOD_FRESH) {
        node->mood = MOOD_EVEN;
        node->object = act;
    } else if (node->mood == MOOD_EVEN && node->object != act) {
        node->mood = MOOD_UNEVEN;
        node->object = 0;
        node->uneven++;
        return may_be_uneven(slot_step(node->slot)) && affordable(node);
    }
    return true;
}

static bool spend(struct node *node, uint32_t act)
{
    if (act_kind(act) == ACT_SYNC) return true;
    if (act_kind(act) == ACT_CRASH) {
        node->crashes = (uint8_t)(node->crashes + (node->mood == MOOD_FRESH));
        node->mood = MOOD_UNEVEN;
        return affordable(node);
    }
    if (slot_step(node->slot) != STEP_LATE) return choose(node, act);
    node->uneven++;
    return may_be_uneven(STEP_LATE) && affordable(node);
}

/* Those that there is something left to spend for, and that change something. */
static uint32_t acts_real(const struct node *node, const struct world *world, uint32_t *acts, uint32_t count)
{
    uint32_t kept = 0, place = node->slot % HONEST;
    for (uint32_t i = 0; i < count; i++) {
        struct node spent = *node;
        if (!spend(&spent, acts[i])) continue;
        uint32_t after = local_after(world_replica(place), world->local[place], acts[i]);
        if (after != world->local[place] && after != UINT32_MAX) acts[kept++] = acts[i];
    }
    return kept;
}

static uint32_t acts_of(
    const struct node *node, const struct world *world, const struct prospect *prospect, uint32_t *acts)
{
    uint32_t place = node->slot % HONEST;
    const struct local *local = world_local(world, place);
    if (slot_crashes(node->slot)) {
        /* Once some replica crashed in a step, others do in the same power cut. */
        bool may = node->crashes < rounds.bounds->crashes || node->mood != MOOD_FRESH;
        return may ? acts_crash(&local->life, acts) : 0;
    }
    uint32_t count = acts_step(prospect, local, node->slot, acts);
    count = acts_stalled(rounds.bounds, prospect, local, acts, count);
    if (slot_step(node->slot) == STEP_LATE && local->life.stalled) acts[count++] = act_of(ACT_SYNC, 0);
    return acts_real(node, world, acts, count);
}

static void queue(uint8_t slot, uint32_t number)
{
    if (rounds.lengths[slot] == rounds.capacities[slot]) {
        rounds.capacities[slot] = rounds.capacities[slot] ? rounds.capacities[slot] * 2 : 1024;
        rounds.queues[slot] = realloc(rounds.queues[slot], rounds.capacities[slot] * sizeof(uint32_t));
        CHECK(rounds.queues[slot]);
    }
    rounds.queues[slot][rounds.lengths[slot]++] = number;
}

/* Moves on to the next slot where the replica whose turn it is has a choice, and enters that. */
static void go_on(struct node node, const struct world *world)
{
    struct prospect prospect;
    uint32_t acts[ACTS_MAX];
    world_prospect(world, rounds.bounds->views, &prospect);
    node.key = world_key(world);
    do {
        node.slot++;
        if (node.slot % HONEST == 0) node.mood = MOOD_FRESH, node.object = 0;
    } while (node.slot < slots_end() && acts_of(&node, world, &prospect, acts) == 0);
    uint32_t number = node_enter(&node);
    if (number == NODE_NONE) return;
    queue(node.slot, number);
    if (node.slot == slots_end()) rounds.findings->leaves++;
}

/* The replica whose turn it is does nothing. That makes the step uneven only if it could have done what the
 * others did, or if they do what it could have done. */
static bool pass(struct node *node, const uint32_t *acts, uint32_t count)
{
    if (slot_crashes(node->slot) || slot_step(node->slot) == STEP_LATE) return true;
    if (node->mood == MOOD_FRESH && count > 0) return choose(node, 0);
    for (uint32_t i = 0; i < count; i++)
        if (acts[i] == node->object) return choose(node, 0);
    return true;
}

static void expand(uint32_t number)
{
    struct node node = *node_at(number), next;
    struct world world = world_of(node.key);
    struct prospect prospect;
    uint32_t acts[ACTS_MAX];
    uint32_t place = node.slot % HONEST;
    world_prospect(&world, rounds.bounds->views, &prospect);
    uint32_t count = acts_of(&node, &world, &prospect, acts);
    next = node;
    next.from = number;
    next.act = 0;
    if (pass(&next, acts, count)) go_on(next, &world);
    for (uint32_t i = 0; i < count && !nodes_ended(); i++) {
        struct world after = world;
        next = node;
        next.from = number;
        next.act = placed(place, acts[i]);
        if (!spend(&next, acts[i])) continue;
        after.local[place] = local_after(world_replica(place), world.local[place], acts[i]);
        go_on(next, &after);
    }
    terms_lie(rounds.bounds->views);
}

void search_rounds(const struct bounds *bounds, struct findings *findings)
{
    rounds.bounds = bounds;
    rounds.findings = findings;
    memset(rounds.lengths, 0, sizeof rounds.lengths);
    CHECK(bounds->views * SLOTS_A_VIEW < 256);
    struct node first = {0};
    queue(0, node_enter(&first));
    bool done = true;
    for (uint32_t slot = 0; slot < slots_end(); slot++)
        for (uint32_t i = 0; i < rounds.lengths[slot] && done; i++) {
            expand(rounds.queues[slot][i]);
            done = !nodes_ended();
        }
    nodes_finish(done);
}
