#include "tests/scope/local.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/scope/arena.h"
#include "tests/scope/remember.h"

/* Longer than any timer of a few views. */
#define TIMER_MS 100000u
#define TROUBLES_MAX 64u

struct mark {
    uint64_t low, high;
};

struct table {
    struct local *locals;
    struct mark *marks;
    uint32_t count;
    uint32_t *slots; /* by mark: number + 1 */
};

#define SLOTS (LOCALS_MAX * 2u)

static struct table tables[SCOPE_NODES];
static uint64_t run_count;
static uint8_t view_bound;
static char troubles[TROUBLES_MAX][TROUBLE_SIZE];
static uint32_t trouble_count;
static sigjmp_buf core_failed;
static struct consensus *cores[SCOPE_NODES]; /* each at one address for good */

static struct mark mark_of(const struct life *life)
{
    struct mark mark = {1, 2};
    _Static_assert(sizeof *life % 8 == 0, "a life is whole words");
    const uint8_t *at = (const uint8_t *)life;
    for (size_t i = 0; i < sizeof *life; i += 8) {
        uint64_t word = get_u64(at + i);
        mark.low = (mark.low ^ word) * 0x9fb21c651e98df25u;
        mark.low ^= mark.low >> 29;
        mark.high = (mark.high + (word << 23 | word >> 41)) * 0xc2b2ae3d27d4eb4fu;
        mark.high ^= mark.high >> 31;
    }
    return mark;
}

static void on_abort(int number)
{
    (void)number;
    siglongjmp(core_failed, 1);
}

static void *pages(size_t count, size_t size)
{
    void *taken = calloc(count, size);
    CHECK(taken);
    return taken;
}

static uint32_t trouble_number(const char *text)
{
    if (!text[0] || trouble_count == TROUBLES_MAX) return trouble_count == TROUBLES_MAX ? 1 : 0;
    strcpy(troubles[trouble_count], text);
    return ++trouble_count;
}

/* The number of the actor's state, new or known; UINT32_MAX when there is no room. */
static uint32_t local_number(struct actor *actor, uint32_t from, uint32_t act)
{
    struct table *table = &tables[actor->index];
    struct mark mark = mark_of(&actor->life);
    uint64_t at = mark.low & (SLOTS - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (SLOTS - 1)) {
        uint32_t known = table->slots[at] - 1;
        if (table->marks[known].low != mark.low || table->marks[known].high != mark.high) continue;
        if (!actor->trouble[0]) return known;
    }
    if (table->count == LOCALS_MAX) return UINT32_MAX;
    uint32_t number = table->count++;
    struct local *local = &table->locals[number];
    memset(local, 0, sizeof *local);
    memcpy(&local->life, &actor->life, sizeof local->life);
    local->now_ms = actor->now_ms;
    local->sequence = actor->sequence;
    local->from = from;
    local->act = act;
    local->rests = actor->rests;
    local->trouble = trouble_number(actor->trouble);
    table->marks[number] = mark;
    if (!local->trouble) table->slots[at] = number + 1;
    if (act == 0) arena_base_set(actor->index);
    local->core = arena_save(actor->index);
    return number;
}

static void settle(struct actor *actor)
{
    const char *lie = life_equivocates(&actor->life, actor->index);
    if (lie) actor_trouble(actor, "%s", lie);
}

bool core_guarded(void (*run)(void *context), void *context)
{
    void (*before)(int) = signal(SIGABRT, on_abort);
    bool good = sigsetjmp(core_failed, 1) == 0;
    if (good)
        run(context);
    else
        arena_leave();
    signal(SIGABRT, before);
    return good;
}

/* An actor, and what is to be done to it; no act at all is its start. */
struct deed {
    struct actor *actor;
    uint32_t act;
};

static void do_act(struct actor *actor, uint32_t act)
{
    uint16_t object = act_object(act);
    if (act & ACT_STALLS) {
        actor->life.stalled = true;
        actor->life.stalls++;
    }
    switch (act_kind(act)) {
    case ACT_LEARN:
        actor_learn(actor, object);
        return;
    case ACT_OFFER:
        actor_offer(actor, object);
        return;
    case ACT_TIMER:
        /* With a sign of life of everybody: a leader skipped for its silence is a timer that fires early. */
        actor_hear(actor, TIMER_MS, (1u << SCOPE_NODES) - 1);
        return;
    case ACT_SYNC:
        actor_unstall(actor);
        return;
    case ACT_CRASH:
        actor_crash(actor, object & 0xff, object >> 8);
        return;
    }
    CHECK_UNREACHABLE();
}

static void do_deed(void *context)
{
    struct deed *deed = context;
    if (deed->act == 0)
        actor_start(deed->actor);
    else
        do_act(deed->actor, deed->act);
    settle(deed->actor);
}

void local_act(struct actor *actor, uint32_t act)
{
    struct deed deed = {actor, act};
    if (!core_guarded(do_deed, &deed)) actor_trouble(actor, "fails a check of its own");
}

void locals_init(uint8_t views)
{
    view_bound = views;
    run_count = 0;
    trouble_count = 0;
    remember_nothing();
    arenas_forget();
    for (uint32_t replica = 0; replica < SCOPE_NODES; replica++) {
        struct table *table = &tables[replica];
        free(table->slots);
        if (!table->locals) table->locals = pages(LOCALS_MAX, sizeof *table->locals);
        if (!table->marks) table->marks = pages(LOCALS_MAX, sizeof *table->marks);
        table->slots = pages(SLOTS, sizeof *table->slots);
        table->count = 0;
        if (!is_honest(replica)) continue;
        static struct actor actor;
        actor_init(&actor, replica, views);
        local_act(&actor, 0);
        cores[replica] = actor.core;
        (void)local_number(&actor, 0, 0);
    }
}

const struct local *local_at(uint32_t replica, uint32_t number)
{
    CHECK(replica < SCOPE_NODES && number < tables[replica].count);
    return &tables[replica].locals[number];
}

uint32_t locals_count(uint32_t replica)
{
    return tables[replica].count;
}

uint64_t locals_runs(void)
{
    return run_count;
}

const char *local_trouble(const struct local *local)
{
    return local->trouble ? troubles[local->trouble - 1] : NULL;
}

void local_load(uint32_t replica, uint32_t number, struct actor *actor)
{
    const struct local *local = local_at(replica, number);
    actor_init(actor, replica, view_bound);
    memcpy(&actor->life, &local->life, sizeof actor->life);
    actor->now_ms = local->now_ms;
    actor->sequence = local->sequence;
    actor->core = cores[replica];
    arena_load(replica, local->core);
}

static void be_quiet(struct local *local, uint32_t act)
{
    if (act_kind(act) == ACT_LEARN) claims_add(&local->quiet_claims, act_object(act));
    if (act_kind(act) == ACT_OFFER) bits_add(&local->quiet_blocks, act_object(act));
    if (act_kind(act) == ACT_TIMER) local->quiet_timer = true;
}

/* A silent disk is told apart from one that answers only by what it has not answered. */
static bool stalls_nothing(const struct actor *actor, uint32_t act)
{
    return (act & ACT_STALLS) && life_unsynced(&actor->life) == 0;
}

/* Whether a certificate did no more than be remembered, by a replica that will not propose soon. */
static bool merely_learns(const struct life *before, const struct actor *actor, uint32_t act)
{
    const struct life *life = &actor->life;
    if (act_kind(act) != ACT_LEARN || actor->trouble[0] || life->view != before->view) return false;
    if (memcmp(&life->said, &before->said, sizeof life->said) ||
        memcmp(&life->led, &before->led, sizeof life->led))
        return false;
    if (life->ledger != before->ledger || life->log_count != before->log_count) return false;
    return leader_of(life->view, SCOPE_NODES) != actor->index &&
           leader_of(life->view + 1u, SCOPE_NODES) != actor->index;
}

static uint32_t run(uint32_t replica, uint32_t number, uint32_t act)
{
    static struct actor actor;
    run_count++;
    local_load(replica, number, &actor);
    local_act(&actor, act);
    if (stalls_nothing(&actor, act) && !actor.trouble[0]) return number;
    uint32_t after = merely_learns(&local_at(replica, number)->life, &actor, act)
                         ? number
                         : local_number(&actor, number, act);
    if (after == number && !(act & ACT_STALLS)) be_quiet(&tables[replica].locals[number], act);
    return after;
}

uint32_t local_after(uint32_t replica, uint32_t number, uint32_t act)
{
    uint64_t key = (uint64_t)replica << 60 | (uint64_t)number << 32 | act;
    uint32_t after;
    if (remembered(key, &after)) return after;
    after = run(replica, number, act);
    remember(key, after);
    return after;
}

bool local_audit(uint32_t replica, uint32_t number)
{
    static struct actor actor;
    uint32_t acts[256], count = 0;
    for (uint32_t at = number; local_at(replica, at)->act != 0; at = local_at(replica, at)->from) {
        CHECK(count < 256);
        acts[count++] = local_at(replica, at)->act;
    }
    actor_init(&actor, replica, view_bound);
    local_act(&actor, 0);
    while (count > 0)
        local_act(&actor, acts[--count]);
    return memcmp(&actor.life, &local_at(replica, number)->life, sizeof actor.life) == 0;
}
