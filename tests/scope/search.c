#include "tests/scope/search.h"

#include "proto/base/check.h"
#include "tests/scope/nodes.h"
#include "tests/scope/steps.h"

/* Everything that can happen to one replica at any time. */
static uint32_t acts_free(const struct bounds *bounds, const struct world *world,
    const struct prospect *prospect, uint32_t place, uint32_t *acts)
{
    const struct local *local = world_local(world, place);
    const struct life *life = &local->life;
    uint32_t count = acts_learn(prospect, local, 1, bounds->views, acts);
    count += acts_offer(prospect, local, 1, bounds->views, acts + count);
    if (life->view <= bounds->views && !local->quiet_timer) acts[count++] = act_of(ACT_TIMER, 0);
    if (life->stalled) acts[count++] = act_of(ACT_SYNC, 0);
    if (prospect->crashes < bounds->crashes) count += acts_crash(life, acts + count);
    return acts_stalled(bounds, prospect, local, acts, count);
}

static void expand_free(const struct bounds *bounds, struct findings *findings, uint64_t number)
{
    struct world world = world_of(node_at(number)->key);
    struct prospect prospect;
    world_prospect(&world, bounds->views, &prospect);
    uint64_t before = nodes_count();
    for (uint32_t place = 0; place < HONEST; place++) {
        uint32_t acts[ACTS_MAX];
        uint32_t count = acts_free(bounds, &world, &prospect, place, acts);
        for (uint32_t i = 0; i < count; i++) {
            struct world next = world;
            next.local[place] = local_after(world_replica(place), world.local[place], acts[i]);
            struct node node = {
                .key = world_key(&next), .from = (uint32_t)number, .act = placed(place, acts[i])};
            if (next.local[place] != world.local[place] && next.local[place] != UINT32_MAX)
                (void)node_enter(&node);
        }
    }
    if (nodes_count() == before) findings->leaves++;
    terms_lie(bounds->views);
}

static void search_free(const struct bounds *bounds, struct findings *findings)
{
    uint64_t number = 0;
    for (; number < nodes_count() && !nodes_ended(); number++)
        expand_free(bounds, findings, number);
    nodes_finish(number == nodes_count());
}

void search(const struct bounds *bounds, struct findings *findings)
{
    CHECK(bounds->views >= 1 && bounds->views <= SCOPE_VIEWS_MAX - 2);
    world_begin(bounds->liar, bounds->views);
    nodes_init(bounds, findings);
    if (bounds->rounds) {
        search_rounds(bounds, findings);
        return;
    }
    struct node first = {0};
    (void)node_enter(&first);
    search_free(bounds, findings);
}
