#include "tests/scope/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "tests/scope/remember.h"

/* About one state of a replica in so many is made again from its first input. */
#define AUDIT_SHARE 256u

static struct {
    const struct bounds *bounds;
    struct findings *findings;
    struct node *nodes;
    uint64_t count, capacity;
    uint32_t *slots;  /* by node but for how it was come to: number + 1 */
    uint64_t *worlds; /* keys + 1 */
    uint64_t slot_count;
    bool full;
    double started;
} met;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool alike(const struct node *a, const struct node *b)
{
    return a->key == b->key && a->slot == b->slot && a->mood == b->mood && a->crashes == b->crashes &&
           a->object == b->object;
}

static uint64_t slot_of(const struct node *node)
{
    uint64_t tail = (uint64_t)node->slot | (uint64_t)node->mood << 8 | (uint64_t)node->crashes << 16 |
                    (uint64_t)node->object << 24;
    uint64_t slot = scatter(node->key ^ scatter(tail)) & (met.slot_count - 1);
    while (met.slots[slot] != 0 && !alike(&met.nodes[met.slots[slot] - 1], node))
        slot = (slot + 1) & (met.slot_count - 1);
    return slot;
}

/* True when the world is new. */
static bool world_note(uint64_t key)
{
    uint64_t slot = scatter(key) & (met.slot_count - 1);
    while (met.worlds[slot] != 0 && met.worlds[slot] != key + 1)
        slot = (slot + 1) & (met.slot_count - 1);
    if (met.worlds[slot] != 0) return false;
    met.worlds[slot] = key + 1;
    return true;
}

static void *zeros(uint64_t count, size_t size)
{
    void *taken = calloc(count, size);
    CHECK(taken);
    return taken;
}

static void grow(void)
{
    if (met.count < met.capacity) return;
    met.capacity = met.capacity ? met.capacity * 2 : 1u << 16;
    met.nodes = realloc(met.nodes, met.capacity * sizeof *met.nodes);
    CHECK(met.nodes);
    free(met.slots);
    free(met.worlds);
    met.slot_count = met.capacity * 2;
    met.slots = zeros(met.slot_count, sizeof *met.slots);
    met.worlds = zeros(met.slot_count, sizeof *met.worlds);
    for (uint64_t i = 0; i < met.count; i++) {
        met.slots[slot_of(&met.nodes[i])] = (uint32_t)i + 1;
        (void)world_note(met.nodes[i].key);
    }
}

uint64_t nodes_count(void)
{
    return met.count;
}

const struct node *node_at(uint64_t number)
{
    CHECK(number < met.count);
    return &met.nodes[number];
}

double nodes_seconds(void)
{
    return seconds_now() - met.started;
}

bool nodes_ended(void)
{
    if (met.findings->trouble[0] || met.full) return true;
    return met.bounds->seconds > 0 && nodes_seconds() > met.bounds->seconds;
}

static void found(uint64_t node, const char *trouble)
{
    struct schedule *schedule = &met.findings->schedule;
    if (met.findings->trouble[0]) return;
    snprintf(met.findings->trouble, sizeof met.findings->trouble, "%s", trouble);
    schedule->views = met.bounds->views;
    uint32_t count = 0;
    for (uint64_t at = node; at != 0; at = met.nodes[at].from)
        count += met.nodes[at].act != 0;
    CHECK(count <= SCHEDULE_ACTS_MAX);
    schedule->count = count;
    for (uint64_t at = node; at != 0; at = met.nodes[at].from)
        if (met.nodes[at].act != 0) schedule->acts[--count] = met.nodes[at].act;
}

static void heal(uint64_t node, const struct world *world, bool links_return)
{
    char trouble[TROUBLE_SIZE];
    uint64_t took_ms = 0;
    double start = seconds_now();
    bool healed = world_heals(world, links_return, &took_ms, trouble);
    met.findings->healed++;
    met.findings->heal_seconds += seconds_now() - start;
    if (took_ms > met.findings->heal_ms_max) met.findings->heal_ms_max = took_ms;
    if (!healed) found(node, trouble);
}

static void check(uint64_t node)
{
    struct world world = world_of(met.nodes[node].key);
    const char *trouble = world_trouble(&world);
    met.findings->worlds++;
    if (trouble) {
        found(node, trouble);
        return;
    }
    uint64_t lot = scatter(met.nodes[node].key * 3 + 1);
    if (met.bounds->heal_share && lot % met.bounds->heal_share == 0) heal(node, &world, lot >> 63);
}

uint32_t node_enter(const struct node *node)
{
    uint64_t slot = slot_of(node);
    if (met.slots[slot] != 0) {
        struct node *known = &met.nodes[met.slots[slot] - 1];
        if (node->uneven < known->uneven) {
            known->uneven = node->uneven;
            known->from = node->from;
            known->act = node->act;
        }
        return NODE_NONE;
    }
    if (met.findings->worlds >= met.bounds->worlds_max || met.count >= UINT32_MAX - 1) {
        met.full = true;
        return NODE_NONE;
    }
    uint64_t number = met.count++;
    met.slots[slot] = (uint32_t)number + 1;
    met.nodes[number] = *node;
    bool new = world_note(node->key);
    grow();
    if (new) check(number);
    return (uint32_t)number;
}

void nodes_init(const struct bounds *bounds, struct findings *findings)
{
    free(met.nodes);
    free(met.slots);
    free(met.worlds);
    memset(&met, 0, sizeof met);
    memset(findings, 0, sizeof *findings);
    met.bounds = bounds;
    met.findings = findings;
    met.started = seconds_now();
    grow();
}

void nodes_finish(bool complete)
{
    struct findings *findings = met.findings;
    findings->complete = complete && !met.full && !findings->trouble[0];
    findings->core_runs = locals_runs();
    for (uint32_t place = 0; place < HONEST; place++) {
        uint32_t replica = world_replica(place), count = locals_count(replica);
        findings->locals += count;
        for (uint32_t i = 0; i < count; i += 1 + (uint32_t)(scatter(i) % (2 * AUDIT_SHARE))) {
            if (local_at(replica, i)->trouble) continue;
            CHECK(local_audit(replica, i));
            findings->audited++;
        }
    }
    findings->seconds = nodes_seconds();
}
