#include <stdio.h>

#include "proto/base/check.h"
#include "tests/scope/disk.h"
#include "tests/scope/tell.h"
#include "tests/scope/world.h"

/* Far above what was ever seen. */
#define HEAL_MS_MAX 60000u
#define HEAL_MESSAGES_MAX 100000u
#define QUEUE_MAX 2048u
/* 3 D */
#define KEEPALIVE_MS 1200u
/* A world where messages take no time would fill an instant with blocks. */
#define LATENCY_MS 60u

static struct envelope queue[QUEUE_MAX];
static uint32_t queue_first, queue_count;
static struct actor actors[HONEST];
static uint64_t healed_ms; /* since the faults stopped */

static void post(const struct envelope *envelope)
{
    CHECK(queue_count < QUEUE_MAX);
    struct envelope *place = &queue[(queue_first + queue_count++) % QUEUE_MAX];
    size_t size =
        envelope->kind == MESSAGE_CERTIFICATE ? sizeof *envelope : offsetof(struct envelope, certificate);
    memcpy(place, envelope, size);
    place->due_ms = healed_ms + LATENCY_MS;
}

/* The ledger of whoever was asked answers, from the height asked for to its end. */
static void range_answer(const struct actor *asked, const struct envelope *request)
{
    static struct envelope answer;
    uint32_t height = term_at(asked->life.ledger)->height;
    if (request->height == 0 || request->height > height || height - request->height >= SCOPE_RANGE_MAX)
        return;
    memset(&answer, 0, offsetof(struct envelope, certificate));
    answer.from = asked->index;
    answer.to = request->from;
    answer.kind = MESSAGE_RANGE;
    answer.block = asked->life.ledger;
    answer.height = request->height;
    post(&answer);
}

static void deliver(void)
{
    static struct envelope envelope;
    envelope = queue[queue_first];
    queue_first = (queue_first + 1) % QUEUE_MAX;
    queue_count--;
    for (uint32_t place = 0; place < HONEST; place++) {
        struct actor *actor = &actors[place];
        if (actor->index == envelope.from || (envelope.to != PEER_ALL && envelope.to != actor->index))
            continue;
        if (envelope.kind == MESSAGE_RANGE_REQUEST)
            range_answer(actor, &envelope);
        else
            actor_receive(actor, &envelope);
    }
}

/* All hear of each other, and nothing of the liar. */
static void keepalives_come(void)
{
    uint64_t honest = (1u << SCOPE_NODES) - 1;
    if (terms_liar() < SCOPE_NODES) honest &= ~(UINT64_C(1) << terms_liar());
    for (uint32_t place = 0; place < HONEST; place++)
        actor_hear(&actors[place], 0, honest);
}

/* All clocks move to where a message arrives, a keepalive is due, or somebody is to be woken. */
static void clocks_move(void)
{
    uint64_t least = KEEPALIVE_MS - healed_ms % KEEPALIVE_MS;
    bool keepalive = true;
    for (uint32_t place = 0; place < HONEST; place++) {
        uint64_t wake_ms = consensus_wake_ms(actors[place].core), now_ms = actors[place].now_ms;
        uint64_t wait_ms = wake_ms > now_ms ? wake_ms - now_ms : 1;
        if (wait_ms < least) least = wait_ms, keepalive = false;
    }
    uint64_t due_ms = queue_count > 0 ? queue[queue_first].due_ms - healed_ms : UINT64_MAX;
    if (due_ms < least) least = due_ms, keepalive = false;
    healed_ms += least;
    for (uint32_t place = 0; place < HONEST; place++)
        actors[place].now_ms += least;
    if (keepalive) keepalives_come();
    for (uint32_t place = 0; place < HONEST; place++)
        if (consensus_wake_ms(actors[place].core) <= actors[place].now_ms) actor_wake(&actors[place], 0);
}

static uint32_t height_least(void)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t place = 0; place < HONEST; place++) {
        uint32_t height = term_at(actors[place].life.ledger)->height;
        if (height < least) least = height;
    }
    return least;
}

static uint32_t height_most(void)
{
    uint32_t most = 0;
    for (uint32_t place = 0; place < HONEST; place++) {
        uint32_t height = term_at(actors[place].life.ledger)->height;
        if (height > most) most = height;
    }
    return most;
}

static void actors_load(const struct world *world, bool links_return)
{
    queue_count = 0;
    for (uint32_t place = 0; place < HONEST; place++) {
        local_load(world_replica(place), world->local[place], &actors[place]);
        actors[place].post = post;
        actors[place].tell = tell_output;
    }
    for (uint32_t place = 0; place < HONEST; place++) {
        struct actor *actor = &actors[place];
        if (actor->life.stalled) actor_unstall(actor);
        for (uint32_t peer = 0; peer < SCOPE_NODES && links_return; peer++) {
            if (peer == actor->index) continue;
            actor_link(actor, peer, false);
            actor_link(actor, peer, true);
        }
    }
}

static const char *actors_trouble(void)
{
    for (uint32_t place = 0; place < HONEST; place++) {
        struct actor *actor = &actors[place];
        const char *lie = life_equivocates(&actor->life, actor->index);
        if (lie) actor_trouble(actor, "%s", lie);
        if (actor->trouble[0]) return actor->trouble;
        for (uint32_t other = 0; other < place; other++) {
            uint16_t a = actor->life.ledger, b = actors[other].life.ledger;
            if (term_at(a)->height > term_at(b)->height ? !term_descends(a, b) : !term_descends(b, a))
                return "FORK: two replicas committed blocks that conflict";
        }
    }
    return NULL;
}

struct healing {
    const struct world *world;
    bool links_return;
    bool healed;
};

static void heal(void *context)
{
    struct healing *healing = context;
    uint32_t messages = 0;
    actors_load(healing->world, healing->links_return);
    uint32_t goal = height_most() + 1;
    while (height_least() < goal && healed_ms < HEAL_MS_MAX && messages < HEAL_MESSAGES_MAX) {
        for (; queue_count > 0 && queue[queue_first].due_ms <= healed_ms; messages++)
            deliver();
        clocks_move();
    }
    healing->healed = height_least() >= goal;
}

bool world_heals(const struct world *world, bool links_return, uint64_t *took_ms, char trouble[TROUBLE_SIZE])
{
    uint16_t terms = terms_count(), records = disk_records_count();
    struct healing healing = {world, links_return, false};
    healed_ms = 0;
    trouble[0] = 0;
    bool checked = core_guarded(heal, &healing);
    const char *violated = checked ? actors_trouble() : "fails a check of its own";
    if (violated)
        snprintf(trouble, TROUBLE_SIZE, "%.140s, once healed", violated);
    else if (!healing.healed)
        snprintf(trouble, TROUBLE_SIZE,
            "DEADLOCK: nothing is committed by all in %llu s after all faults stopped",
            (unsigned long long)healed_ms / 1000);
    *took_ms = healed_ms;
    terms_cut(terms);
    disk_records_cut(records);
    return healing.healed && !violated;
}
