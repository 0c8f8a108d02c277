#include "tests/sim/network.h"

#include "proto/base/check.h"
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

/* A different fixed number for everything that a script decides on. */
static uint64_t script_roll(const struct world *world, uint64_t a, uint64_t b, uint64_t c)
{
    return dice_scatter(world->network.script ^ dice_scatter(a << 32 | b << 16 | c)) % 1000;
}

/* Drops one kind of message of one view on one link: certificates form that only one replica holds. */
static bool sparse_script_drops(
    const struct world *world, uint32_t from, uint32_t to, const struct parcel *parcel)
{
    uint64_t view = parcel_view(parcel);
    uint64_t kind = (uint64_t)parcel->message.kind;
    if (parcel->message.kind == MESSAGE_VOTE) kind += 16 * (uint64_t)parcel->message.vote->kind;
    /* It loosens every few views, or nothing would ever be certified. */
    uint64_t strength = script_roll(world, view / 3, 1, 0) % 3;
    return script_roll(world, view, kind, from << 8 | to) < world->plan.script_per_mille * strength / 2;
}

/* In each view up to f replicas hear nothing that is said of it, then or later, and many views see no
 * proposal: replicas pass the same views by different certificates, and afterwards nobody has every link. */
static bool deaf_script_drops(const struct world *world, uint32_t to, const struct parcel *parcel)
{
    uint64_t view = parcel_view(parcel);
    uint32_t n = world->plan.validators;
    if (parcel->message.kind == MESSAGE_PROPOSAL &&
        script_roll(world, view, 2, 0) < world->plan.script_per_mille)
        return true;
    for (uint32_t i = 0; i < faults_of(n); i++)
        if (script_roll(world, view, 3, i) % (n + n / 2) == to) return true;
    return false;
}

/* A seal stays unfinalized for some views, so that blocks follow it. */
static bool seal_script_drops(struct world *world, const struct parcel *parcel)
{
    const struct consensus_message *message = &parcel->message;
    if (message->kind == MESSAGE_PROPOSAL && message->proposal->header.seals) {
        const struct block_header *header = &message->proposal->header;
        uint64_t *newest = &world->network.seal_view[header->epoch];
        if (header->view > *newest) *newest = header->view;
    }
    uint64_t epoch = 0, view = parcel_view(parcel);
    if (message->kind == MESSAGE_VOTE && message->vote->kind == VOTE_FINALIZE) epoch = message->vote->epoch;
    if (message->kind == MESSAGE_CERTIFICATE && message->certificate->kind == VOTE_FINALIZE)
        epoch = message->certificate->epoch;
    if (epoch == 0 || epoch > EPOCHS_MAX) return false;
    uint64_t seal_view = world->network.seal_view[epoch];
    return seal_view != 0 && view >= seal_view && view < seal_view + world->plan.script_seal_views;
}

/* A fixed function of what is sent, so that resending does not help until faults stop: it reaches states that
 * chance does not. */
static bool script_drops(struct world *world, uint32_t from, uint32_t to, const struct parcel *parcel)
{
    if (world->plan.script_per_mille == 0 || parcel_view(parcel) == 0) return false;
    if (world->plan.script_seal_views > 0) return seal_script_drops(world, parcel);
    return world->plan.script_deaf ? deaf_script_drops(world, to, parcel)
                                   : sparse_script_drops(world, from, to, parcel);
}

static uint64_t draw_delay_us(struct world *world)
{
    const struct plan *plan = &world->plan;
    uint64_t delay_us = dice_between(&world->dice, 50, plan->delay_us_max);
    if (!world->healed && plan->tail_per_mille > 0 && dice_chance(&world->dice, plan->tail_per_mille))
        delay_us += dice_below(&world->dice, plan->tail_us_max);
    return delay_us;
}

/* Twins: whoever is drawn into one of up to three groups hears what the same group says of a view. */
static uint64_t group_in(const struct world *world, uint64_t view, uint32_t replica)
{
    return script_roll(world, view, 5, replica) % (1 + script_roll(world, view, 4, 0) % 3);
}

/* Whether this instance of the receiver never sees what that instance of the sender says. */
static bool apart(
    struct world *world, const struct replica *from, const struct replica *to, const struct parcel *parcel)
{
    uint64_t view = parcel_view(parcel);
    /* The two instances of a liar do not see the same. */
    bool missed = to->twin && dice_chance(&world->dice, 200);
    switch (world->plan.shape) {
    case SHAPE_FREE:
        return missed;
    case SHAPE_FORK:
        return world->healed ? missed : world->camp[from->index] != world->camp[to->index];
    case SHAPE_TWINS:
        return !world->healed && view > 0 &&
               group_in(world, view, from->index) != group_in(world, view, to->index);
    }
    CHECK_UNREACHABLE();
}

static void deliver_later(struct world *world, const struct replica *from, uint32_t to, struct parcel *parcel)
{
    uint64_t delay_us = draw_delay_us(world);
    uint64_t *last_us = &world->network.last_us[from->identity][to];
    if (world->healed || !(world->plan.faults & FAULT_REORDER)) {
        if (world->now_us + delay_us < *last_us) delay_us = *last_us - world->now_us;
        *last_us = world->now_us + delay_us;
    }
    for (uint32_t i = 0; i < world->replica_count; i++) {
        const struct replica *replica = &world->replicas[i];
        if (replica->identity != to || !replica->up) continue;
        if (apart(world, from, replica, parcel)) continue;
        struct event event = {.kind = EVENT_DELIVER, .replica = i, .incarnation = replica->incarnation};
        event.peer = from->identity;
        event.parcel = parcel_hold(parcel);
        world_later(world, delay_us, event);
    }
}

bool network_reaches(const struct world *world, const struct replica *from, uint32_t to)
{
    if (from->lies.mute && world->healed) return false;
    return to != from->identity && world->network.linked[from->identity][to];
}

static void send_one(struct world *world, const struct replica *from, uint32_t to, struct parcel *parcel)
{
    struct network *network = &world->network;
    if (!network_reaches(world, from, to)) return;
    world->counters.messages++;
    bool lost = network->cut[from->identity][to] > 0;
    if (!world->healed) {
        lost |= dice_chance(&world->dice, world->plan.loss_per_mille);
        lost |= script_drops(world, from->identity, to, parcel);
    }
    if (lost) {
        world->counters.lost++;
        return;
    }
    deliver_later(world, from, to, parcel);
    if (!world->healed && dice_chance(&world->dice, world->plan.duplicate_per_mille))
        deliver_later(world, from, to, parcel);
}

void network_send(struct world *world, const struct replica *from, uint32_t to, struct parcel *parcel)
{
    if (to != PEER_ALL) {
        if (to < world->identity_count) send_one(world, from, to, parcel);
        return;
    }
    for (uint32_t i = 0; i < world->identity_count; i++)
        send_one(world, from, i, parcel);
}

static void tell_link(struct world *world, uint32_t identity, uint32_t peer, bool up, uint64_t delay_us)
{
    for (uint32_t i = 0; i < world->replica_count; i++) {
        const struct replica *replica = &world->replicas[i];
        if (replica->identity != identity || !replica->up) continue;
        struct event event = {.kind = EVENT_LINK, .replica = i, .incarnation = replica->incarnation};
        event.peer = peer;
        event.ok = up;
        world_later(world, delay_us, event);
    }
}

void network_link_check(struct world *world, uint32_t a, uint32_t b)
{
    struct network *network = &world->network;
    bool both = world->replicas[a].up && world->replicas[b].up;
    bool wanted = both && network->cut[a][b] == 0 && network->cut[b][a] == 0;
    if (a == b || wanted == network->linked[a][b]) return;
    network->linked[a][b] = network->linked[b][a] = wanted;
    tell_link(world, a, b, wanted, 0);
    tell_link(world, b, a, wanted, 0);
}

void network_break(struct world *world, uint32_t identity)
{
    for (uint32_t i = 0; i < world->identity_count; i++) {
        if (!world->network.linked[identity][i]) continue;
        world->network.linked[identity][i] = world->network.linked[i][identity] = false;
        tell_link(world, i, identity, false, 0);
    }
}

static void check_later(struct world *world, uint32_t a, uint32_t b, uint64_t delay_us)
{
    struct event event = {.kind = EVENT_LINK_CHECK, .replica = a, .peer = b};
    world_later(world, delay_us, event);
}

void network_flap(struct world *world, uint32_t a, uint32_t b)
{
    struct network *network = &world->network;
    if (!network->linked[a][b]) return;
    network->linked[a][b] = network->linked[b][a] = false;
    tell_link(world, a, b, false, 0);
    tell_link(world, b, a, false, 0);
    check_later(world, a, b, dice_between(&world->dice, 1000, SECOND_US));
}

void network_reconnect(struct world *world, uint32_t identity)
{
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (i != identity) check_later(world, identity, i, dice_between(&world->dice, 1000, SECOND_US));
}

static bool cuts(const struct partition *partition, uint32_t from, uint32_t to)
{
    if (partition->inside[from] == partition->inside[to]) return false;
    return !partition->one_way || partition->inside[from];
}

bool network_partition(struct world *world)
{
    struct network *network = &world->network;
    uint32_t index = 0;
    while (index < PARTITIONS_MAX && network->partitions[index].active)
        index++;
    if (index == PARTITIONS_MAX) return false;
    struct partition *partition = &network->partitions[index];
    partition->active = true;
    partition->one_way = dice_chance(&world->dice, 400);
    uint32_t share = (uint32_t)dice_between(&world->dice, 100, 600);
    for (uint32_t i = 0; i < world->identity_count; i++)
        partition->inside[i] = dice_chance(&world->dice, share);
    /* TCP notices a silent link after 10 D. */
    uint64_t silent_us = 10ull * world->plan.base_timeout_ms * MILLISECOND_US;
    for (uint32_t a = 0; a < world->identity_count; a++)
        for (uint32_t b = 0; b < world->identity_count; b++) {
            if (!cuts(partition, a, b)) continue;
            network->cut[a][b]++;
            check_later(world, a, b, silent_us);
        }
    world->counters.partitions++;
    trace_partition(world, partition);
    struct event end = {.kind = EVENT_PARTITION_END, .number = index};
    world_later(world, dice_between(&world->dice, silent_us / 20, 6 * silent_us), end);
    return true;
}

void network_partition_end(struct world *world, uint32_t index)
{
    struct partition *partition = &world->network.partitions[index];
    if (!partition->active) return;
    partition->active = false;
    for (uint32_t a = 0; a < world->identity_count; a++)
        for (uint32_t b = 0; b < world->identity_count; b++) {
            if (!cuts(partition, a, b)) continue;
            world->network.cut[a][b]--;
            check_later(world, a, b, dice_between(&world->dice, 1000, SECOND_US));
        }
}

uint64_t network_heard(struct world *world, const struct replica *to)
{
    const struct network *network = &world->network;
    const struct seats *seats = vault_seats(&world->vault, to->epoch);
    uint64_t heard = 0;
    for (uint32_t signer = 0; signer < seats->set.count; signer++) {
        uint32_t i = seats->identity_of[signer];
        if (!network->linked[i][to->identity] || network->cut[i][to->identity] > 0) continue;
        if (world->healed ? world->replicas[i].lies.mute
                          : dice_chance(&world->dice, world->plan.loss_per_mille))
            continue;
        heard |= (uint64_t)1 << signer;
    }
    return heard;
}

static bool camps_differ(const struct world *world, uint32_t a, uint32_t b)
{
    return world->honest[a] && world->honest[b] && world->camp[a] != world->camp[b];
}

void network_part(struct world *world)
{
    for (uint32_t a = 0; a < world->identity_count; a++)
        for (uint32_t b = 0; b < world->identity_count; b++)
            if (camps_differ(world, a, b)) world->network.cut[a][b]++;
}

void network_join(struct world *world)
{
    for (uint32_t a = 0; a < world->identity_count; a++)
        for (uint32_t b = 0; b < world->identity_count; b++)
            if (camps_differ(world, a, b)) world->network.cut[a][b]--;
}

void network_heal(struct world *world)
{
    for (uint32_t i = 0; i < PARTITIONS_MAX; i++)
        network_partition_end(world, i);
    for (uint32_t i = 0; i < world->identity_count; i++)
        network_reconnect(world, i);
}
