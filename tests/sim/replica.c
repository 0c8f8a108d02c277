#include "tests/sim/replica.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/sim/carry.h"
#include "tests/sim/epoch.h"
#include "tests/sim/full.h"
#include "tests/sim/liar.h"
#include "tests/sim/persist.h"
#include "tests/sim/supply.h"
#include "tests/sim/trace.h"

/* A core that asks to be woken at once this many times in a row without time passing spins. */
#define WAKE_FLOOR_US 200u

void replica_init(struct world *world, uint32_t index, uint32_t identity)
{
    struct replica *replica = &world->replicas[index];
    memset(replica, 0, sizeof *replica);
    replica->index = index;
    replica->identity = identity;
    replica->honest = world->honest[identity];
    replica->may_vote = true;
    replica->clock_ms = dice_below(&world->dice, 1u << 30);
    replica->rate_ppm = dice_below(&world->dice, world->plan.rate_ppm_max + 1);
    replica->skew_ms = (int64_t)dice_below(&world->dice, 200);
    if (!replica->honest) liar_init(world, replica);
    replica->catalogue = world->catalogue;
    disk_make(&replica->disk, &world->vault.chain_id, world->catalogue, dice_next(&world->dice),
        world->plan.record_file_size, vault_signer(&world->vault, 1, identity) != SIGNER_NONE);
    if (!world->plan.full || !replica->honest) return;
    replica->full = full_open(world->catalogue, index, world->plan.record_file_size);
    replica->disk.ledger_shipped = true;
}

struct event replica_event_of(const struct replica *replica, enum event_kind kind)
{
    return (struct event){.kind = kind,
        .replica = replica->index,
        .incarnation = replica->incarnation,
        .epoch = replica->epoch};
}

uint32_t replica_peer(const struct world *world, const struct replica *replica, uint32_t peer)
{
    if (peer >= world->identity_count) return PEER_ALL;
    return vault_seats(&world->vault, replica->epoch)->identity_of[peer];
}

uint32_t replica_signer(const struct world *world, const struct replica *replica)
{
    return vault_signer(&world->vault, replica->epoch, replica->identity);
}

void replica_close(struct replica *replica)
{
    consensus_close(replica->core);
    supply_clear(replica);
    free(replica->candidates);
    full_close(replica->full);
    disk_close(&replica->disk);
    for (size_t i = 0; i < sizeof replica->memory / sizeof replica->memory[0]; i++)
        parcel_release(replica->memory[i]);
}

uint64_t replica_clock_ms(const struct world *world, const struct replica *replica)
{
    return replica->clock_ms + (world->now_us + world->now_us / SECOND_US * replica->rate_ppm) / 1000;
}

static uint64_t wall_ms(const struct world *world, const struct replica *replica)
{
    return (uint64_t)((int64_t)(WALL_START_MS + world->now_us / 1000) + replica->skew_ms);
}

struct checker_moment replica_moment(const struct world *world, const struct replica *replica)
{
    struct checker_moment moment = {
        .may_vote = replica->may_vote && replica_signer(world, replica) != SIGNER_NONE};
    moment.now_ms = replica_clock_ms(world, replica);
    moment.wall_ms = wall_ms(world, replica);
    consensus_status(replica->core, &moment.status);
    for (size_t i = 0; i < replica->candidate_count && !moment.proposed; i++) {
        const struct block_header *header = &replica->candidates[i].proposal->message.proposal->header;
        moment.proposed = header->epoch == replica->epoch && header->view == moment.status.view;
    }
    return moment;
}

/* The simulated time at which the replica's clock shows `at_ms`, or a moment from now where it does already.
 */
static uint64_t wake_time_us(const struct world *world, const struct replica *replica, uint64_t at_ms)
{
    uint64_t now_ms = replica_clock_ms(world, replica);
    uint64_t wait_us = at_ms <= now_ms ? WAKE_FLOOR_US : (at_ms - now_ms) * 1000;
    return world->now_us + wait_us;
}

static void wake_schedule(struct world *world, struct replica *replica)
{
    uint64_t at_ms = consensus_wake_ms(replica->core);
    if (at_ms == UINT64_MAX) {
        replica->wake_us = UINT64_MAX;
        replica->wake_number++;
        return;
    }
    uint64_t at_us = wake_time_us(world, replica, at_ms);
    if (at_us == replica->wake_us) return;
    replica->wake_us = at_us;
    struct event event = replica_event_of(replica, EVENT_WAKE);
    event.number = ++replica->wake_number;
    world_later(world, at_us - world->now_us, event);
}

/* R8: each validator sends every other something every 3 D at least. */
void replica_keepalive(struct world *world, const struct replica *replica)
{
    struct event event = replica_event_of(replica, EVENT_KEEPALIVE);
    event.epoch = 0;
    world_later(world, 3ull * world->plan.base_timeout_ms * MILLISECOND_US, event);
}

/* Work is what is known and not in the chain from the newest certified block down to the floor. */
static bool work_waits(struct replica *replica)
{
    if (!replica_waits(replica)) return false;
    struct consensus_status status;
    consensus_status(replica->core, &status);
    struct batch_bits taken = replica->committed;
    supply_taken(replica, &status.tip_block, &taken);
    for (size_t i = 0; i < BATCHES_MAX / 64; i++)
        if ((replica->known.words[i] & ~taken.words[i]) != 0) return true;
    return false;
}

bool replica_waits(const struct replica *replica)
{
    for (size_t i = 0; i < BATCHES_MAX / 64; i++)
        if ((replica->known.words[i] & ~replica->committed.words[i]) != 0) return true;
    return false;
}

static void mark_input(
    struct world *world, const struct replica *replica, const struct consensus_input *input)
{
    world_mark(world, world->now_us);
    world_mark(world, (uint64_t)replica->index << 40 | (uint64_t)input->kind << 32 | input->peer);
    world_mark(world, input->sequence ^ input->height << 32 ^ (uint64_t)input->ok << 63);
    if (input->kind == INPUT_HEARD) world_mark(world, input->heard);
    if (replica->feeding != NULL) world_mark(world, replica->feeding->mark);
}

static bool comes_from_peer(const struct consensus_input *input)
{
    return input->kind == INPUT_RECEIVED || input->kind == INPUT_VERIFIED || input->kind == INPUT_LINK_UP ||
           input->kind == INPUT_LINK_DOWN;
}

/* R8: what the core must take for a sign of life. */
static void tell_heard(
    struct world *world, const struct replica *replica, const struct consensus_input *input)
{
    bool from_one = input->kind == INPUT_RECEIVED || input->kind == INPUT_LINK_UP;
    uint64_t heard = input->kind == INPUT_HEARD ? input->heard : 0;
    if (from_one && input->peer < vault_seats(&world->vault, replica->epoch)->set.count)
        heard = (uint64_t)1 << input->peer;
    checker_heard(world->checker, replica->identity, heard, input->now_ms);
}

static void step(struct world *world, struct replica *replica, struct consensus_input *input)
{
    input->now_ms = replica_clock_ms(world, replica);
    input->wall_ms = wall_ms(world, replica);
    mark_input(world, replica, input);
    trace_input(world, replica, input);
    /* Peers are identities everywhere but in the core. */
    if (comes_from_peer(input))
        input->peer = vault_seats(&world->vault, replica->epoch)->peer_of[input->peer];
    tell_heard(world, replica, input);
    consensus_step(replica->core, input);
    carry_out(world, replica);
}

/* What the application has for the core and has not said yet; false when nothing. */
static bool application_says(struct world *world, struct replica *replica, struct consensus_input *input)
{
    *input = (struct consensus_input){.kind = INPUT_WORK, .ok = work_waits(replica)};
    if (!replica->work_told || input->ok != replica->work_said) {
        replica->work_told = true;
        replica->work_said = input->ok;
        return true;
    }
    *input = (struct consensus_input){.kind = INPUT_SEAL};
    input->ok = epoch_wanted(world, replica, &input->block);
    if (input->ok == replica->seal_said) return false;
    replica->seal_said = input->ok;
    return true;
}

/* A crash in the middle of carrying out leaves no core behind. */
void replica_input(struct world *world, struct replica *replica, struct consensus_input *input)
{
    struct consensus_input told;
    step(world, replica, input);
    while (replica->up && application_says(world, replica, &told)) {
        replica->feeding = NULL;
        step(world, replica, &told);
    }
    if (replica->up) wake_schedule(world, replica);
}

void replica_submit(struct world *world, struct replica *replica, uint32_t batch)
{
    struct digest digest = world_batch(world, batch);
    struct payload *payload = payload_make(&digest, 1);
    struct parcel *flood = parcel_of_payload(PARCEL_BATCHES, NULL, payload);
    trace_replica(world, replica, "is brought batch %u", batch);
    supply_learn(world, replica, payload);
    network_send(world, replica, PEER_ALL, flood);
    payload_release(payload);
    parcel_release(flood);
    struct consensus_input input = {.kind = INPUT_TIME};
    replica->feeding = NULL;
    replica_input(world, replica, &input);
}

static void carry_event(struct world *world, struct replica *replica, struct event *event)
{
    struct consensus_input input = {.peer = event->peer, .ok = event->ok};
    replica->feeding = event->parcel;
    switch (event->kind) {
    case EVENT_DELIVER:
        carry_in(world, replica, event->peer, event->parcel);
        return;
    case EVENT_VERIFIED:
        input.kind = INPUT_VERIFIED;
        input.message = event->parcel->message;
        if (event->ok && input.message.kind == MESSAGE_PROPOSAL)
            supply_keep(world, replica, event->parcel, false);
        break;
    case EVENT_SIGNED:
        input.kind = INPUT_SIGNED_VOTE;
        input.vote = *event->parcel->message.vote;
        break;
    case EVENT_PROPOSED:
        input.kind = INPUT_PROPOSED;
        if (event->ok) supply_keep(world, replica, event->parcel, true);
        if (event->ok) input.message = event->parcel->message;
        break;
    case EVENT_PAYLOAD:
        input.kind = INPUT_PAYLOAD;
        input.block = event->parcel->message.block;
        supply_told(replica, &input.block, event->ok);
        if (!event->ok)
            checker_rejected(world->checker, replica->identity, event->parcel->message.proposal->header.view);
        break;
    case EVENT_FETCH:
        supply_fetch(world, replica, &event->parcel->message.block);
        return;
    case EVENT_RECORDS_SYNCED:
        persist_records_synced(world, replica);
        return;
    case EVENT_LEDGER_SYNCED:
        persist_ledger_synced(world, replica, event->number);
        epoch_tell(world, replica);
        return;
    case EVENT_WAKE:
        if (event->number != replica->wake_number) return;
        replica->wake_us = UINT64_MAX;
        input.kind = INPUT_TIME;
        break;
    case EVENT_KEEPALIVE:
        input.kind = INPUT_HEARD;
        input.heard = network_heard(world, replica);
        replica_keepalive(world, replica);
        epoch_tell(world, replica);
        break;
    case EVENT_LINK:
        input.kind = event->ok ? INPUT_LINK_UP : INPUT_LINK_DOWN;
        break;
    case EVENT_LINK_CHECK:
    case EVENT_CRASH:
    case EVENT_RESTART:
    case EVENT_PARTITION:
    case EVENT_PARTITION_END:
    case EVENT_CLOCK:
    case EVENT_SUBMIT:
    case EVENT_FLAP:
    case EVENT_DECIDE:
    case EVENT_HEAL:
        CHECK_UNREACHABLE();
    }
    replica_input(world, replica, &input);
}

void replica_event(struct world *world, struct replica *replica, struct event *event)
{
    if (!replica->up || event->incarnation != replica->incarnation) return;
    if (event->epoch != 0 && event->epoch != replica->epoch) return;
    /* A liar that falls silent need not go on listening. */
    if (replica->lies.mute && world->healed) return;
    carry_event(world, replica, event);
    if (replica->up && epoch_over(world, replica)) replica_next_epoch(world, replica);
}
