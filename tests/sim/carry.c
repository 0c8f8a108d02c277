#include "tests/sim/carry.h"

#include "proto/base/check.h"
#include "tests/sim/epoch.h"
#include "tests/sim/liar.h"
#include "tests/sim/persist.h"
#include "tests/sim/supply.h"
#include "tests/sim/trace.h"

/* The parcel being fed where the output speaks of the same message; else a copy of it. */
static struct parcel *parcel_for(const struct replica *replica, const struct consensus_message *message)
{
    struct parcel *feeding = replica->feeding;
    if (feeding != NULL && feeding->kind == PARCEL_MESSAGE && feeding->message.kind == message->kind &&
        feeding->message.vote == message->vote && feeding->message.proposal == message->proposal &&
        feeding->message.certificate == message->certificate && feeding->message.range == message->range)
        return parcel_hold(feeding);
    return parcel_of_message(message);
}

static bool message_holds(const struct world *world, const struct consensus_message *message)
{
    const struct vault *vault = &world->vault;
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        return proposal_holds(vault, message->proposal);
    case MESSAGE_VOTE:
        return vote_holds(vault, message->vote);
    case MESSAGE_CERTIFICATE:
        return certificate_holds(vault, message->certificate);
    case MESSAGE_RANGE:
        return certificate_holds(vault, message->range->finalization);
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        return true;
    }
    CHECK_UNREACHABLE();
}

static void carry_verify(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    struct event event = replica_event_of(replica, EVENT_VERIFIED);
    event.peer = replica_peer(world, replica, output->peer);
    event.parcel = parcel_for(replica, &output->message);
    event.ok = message_holds(world, &event.parcel->message);
    world_later(world, dice_below(&world->dice, world->plan.check_us_max + 1), event);
}

static void carry_sign(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    struct vote vote = output->vote;
    struct checker_moment moment = replica_moment(world, replica);
    const struct parcel *parcel = vote.kind == VOTE_NULLIFY ? NULL : supply_proposal(replica, &vote.block);
    const struct proposal *proposal = parcel == NULL ? NULL : parcel->message.proposal;
    checker_signing(world->checker, replica->identity, &vote, proposal, &moment);
    if (vault_identity(&world->vault, vote.epoch, vote.signer) == PEER_ALL) return;
    /* Links take a second to come up. */
    if ((world->plan.faults & ~(uint32_t)FAULT_EPOCHS) == 0 && world->plan.liars == 0 &&
        world->now_us > 2 * SECOND_US && vote.kind == VOTE_NULLIFY)
        checker_fail(world->checker, "replica %u nullifies view %llu, though nothing is wrong",
            replica->identity, (unsigned long long)vote.view);
    seal_vote(&world->vault, &vote, replica->honest ? 0 : (uint8_t)dice_below(&world->dice, 4));
    struct event event = replica_event_of(replica, EVENT_SIGNED);
    event.parcel = parcel_of_vote(&vote);
    world_later(world, dice_below(&world->dice, world->plan.check_us_max + 1), event);
}

static void carry_send(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    struct parcel *parcel;
    if (output->message.kind == MESSAGE_PROPOSAL) {
        parcel = supply_proposal(replica, &output->message.block);
        if (parcel == NULL) {
            if (replica->honest)
                checker_fail(
                    world->checker, "replica %u sends a block it was told to drop", replica->identity);
            return;
        }
        parcel_hold(parcel);
    } else {
        parcel = parcel_for(replica, &output->message);
    }
    checker_sent(world->checker, replica->identity, &parcel->message);
    uint32_t to = replica_peer(world, replica, output->peer);
    if (replica->honest)
        network_send(world, replica, to, parcel);
    else
        liar_send(world, replica, to, parcel);
    parcel_release(parcel);
}

static void carry_commit(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    checker_commit(world->checker, replica->identity, output);
    struct parcel *proposal = supply_proposal(replica, &output->block);
    struct payload *payload = supply_payload(replica, &output->block);
    if (proposal == NULL || payload == NULL || output->header.height != replica->disk.block_count + 1) {
        if (replica->honest)
            checker_fail(world->checker, "replica %u commits height %llu, whose payload it does not hold",
                replica->identity, (unsigned long long)output->header.height);
        return;
    }
    disk_block_add(&replica->disk, &output->header, &output->block, output->certificate, payload, proposal);
    disk_block_sealed(&replica->disk, output->seal_path, output->seal_path_count);
    for (uint32_t i = 0; i < payload->count; i++) {
        batch_add(&replica->known, batch_of(replica, &payload->batches[i]));
        batch_add(&replica->committed, batch_of(replica, &payload->batches[i]));
    }
}

static void carry_flood(struct world *world, struct replica *replica)
{
    struct digest batches[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < BATCHES_MAX && count < 64; i++)
        if (batch_has(&replica->known, i) && !batch_has(&replica->committed, i))
            batches[count++] = world_batch(world, i);
    struct payload *payload = payload_make(batches, count);
    struct parcel *parcel = parcel_of_payload(PARCEL_BATCHES, NULL, payload);
    network_send(world, replica, PEER_ALL, parcel);
    payload_release(payload);
    parcel_release(parcel);
}

/* The FC by which its ledger knows that the epoch is over. */
static void carry_prove_seal(
    struct world *world, struct replica *replica, const struct consensus_output *output)
{
    const struct replica_disk *disk = &replica->disk;
    for (size_t i = disk->block_count; i-- > 0;) {
        const struct disk_block *block = &disk->blocks[i];
        if (!block->header.seals || block->header.epoch != output->epoch) continue;
        struct parcel *parcel = parcel_of_certificate(block->finalization);
        network_send(world, replica, replica_peer(world, replica, output->peer), parcel);
        parcel_release(parcel);
        return;
    }
    if (replica->honest)
        checker_fail(
            world->checker, "replica %u is to prove the end of an epoch that has none", replica->identity);
}

static void carry_one(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    switch (output->kind) {
    case OUTPUT_VERIFY:
        carry_verify(world, replica, output);
        return;
    case OUTPUT_SIGN_VOTE:
        carry_sign(world, replica, output);
        return;
    case OUTPUT_PROPOSE:
        if (!replica->may_vote)
            checker_fail(world->checker, "replica %u leads without its record", replica->identity);
        supply_propose(world, replica, output);
        return;
    case OUTPUT_PERSIST:
        persist_record(world, replica, output);
        return;
    case OUTPUT_SEND:
        carry_send(world, replica, output);
        return;
    case OUTPUT_NEED_PAYLOAD:
        supply_need(world, replica, &output->block, replica_peer(world, replica, output->peer));
        return;
    case OUTPUT_COMMIT:
        carry_commit(world, replica, output);
        return;
    case OUTPUT_PROVE_SEAL:
        carry_prove_seal(world, replica, output);
        return;
    case OUTPUT_FLOOD_WORK:
        carry_flood(world, replica);
        return;
    case OUTPUT_EVIDENCE:
        world->counters.evidence++;
        checker_evidence(world->checker, replica->identity, output->evidence);
        return;
    case OUTPUT_CHARGE:
        checker_charge(
            world->checker, replica->identity, replica_peer(world, replica, output->peer), output->reason);
        return;
    case OUTPUT_ENTERED:
        return;
    case OUTPUT_DROP:
        supply_drop(replica, &output->block);
        return;
    }
    checker_fail(world->checker, "replica %u gives an output of no kind", replica->identity);
}

static bool crash_here(struct world *world, const struct replica *replica)
{
    if (world->healed || !replica->honest || world->plan.crash_per_million == 0) return false;
    return dice_below(&world->dice, 1000000) < world->plan.crash_per_million;
}

void carry_out(struct world *world, struct replica *replica)
{
    const struct consensus_output *output;
    while ((output = consensus_next_output(replica->core)) != NULL) {
        if (crash_here(world, replica)) {
            struct event restart = {.kind = EVENT_RESTART, .replica = replica->index};
            world_later(world, dice_between(&world->dice, 1000, world->plan.down_us_max), restart);
            replica_crash(world, replica, false);
            return;
        }
        trace_output(world, replica, output);
        carry_one(world, replica, output);
    }
    struct checker_moment moment = replica_moment(world, replica);
    checker_turn(world->checker, replica->identity, &moment);
    supply_check(world, replica, &moment);
    persist_sync(world, replica);
}

static void serve_payload(
    struct world *world, struct replica *replica, uint32_t peer, const struct digest *block)
{
    struct payload *payload = supply_payload(replica, block);
    if (payload == NULL || dice_chance(&world->dice, replica->lies.withhold)) return;
    struct parcel *reply = parcel_of_payload(PARCEL_PAYLOAD, block, payload);
    network_send(world, replica, peer, reply);
    parcel_release(reply);
}

/* How many blocks a range from `height` on has: up to one with a finalization, and to a seal at most. */
static uint32_t range_length(struct world *world, const struct replica_disk *disk, uint64_t height)
{
    /* Short ranges too, so that catching up takes several. */
    uint64_t most = dice_chance(&world->dice, 300) ? dice_between(&world->dice, 1, 3) : RANGE_BLOCKS_MAX;
    uint32_t finalized = 0;
    for (uint32_t count = 1; count <= RANGE_BLOCKS_MAX; count++) {
        if (height - 1 + count > disk->blocks_durable || (count > most && finalized > 0)) break;
        const struct disk_block *block = &disk->blocks[height - 2 + count];
        if (block->finalization != NULL) finalized = count;
        if (block->header.seals) break;
    }
    return finalized;
}

static void serve_range(struct world *world, struct replica *replica, uint32_t peer, uint64_t height)
{
    const struct replica_disk *disk = &replica->disk;
    static struct block_header headers[RANGE_BLOCKS_MAX + SEAL_PATH_MAX];
    struct parcel *proposals[RANGE_BLOCKS_MAX + SEAL_PATH_MAX] = {NULL};
    if (height == 0 || dice_chance(&world->dice, replica->lies.withhold)) return;
    uint32_t count = range_length(world, disk, height);
    if (count == 0) return;
    for (uint32_t i = 0; i < count; i++) {
        const struct disk_block *block = &disk->blocks[height - 1 + i];
        headers[i] = block->header;
        proposals[i] = block->proposal;
    }
    const struct disk_block *last = &disk->blocks[height - 2 + count];
    for (uint32_t i = 0; i < last->seal_path_count; i++)
        headers[count++] = last->seal_path[i];
    if (dice_chance(&world->dice, replica->lies.tamper)) headers[count / 2].time_ms++;
    struct parcel *reply = parcel_of_range(headers, proposals, count, last->finalization);
    network_send(world, replica, peer, reply);
    parcel_release(reply);
}

static void feed(struct world *world, struct replica *replica, uint32_t peer, struct parcel *parcel)
{
    struct consensus_input input = {.kind = INPUT_RECEIVED, .peer = peer, .message = parcel->message};
    if (parcel->message.kind == MESSAGE_RANGE) {
        uint32_t slot = replica->range_next++ % RANGES_KEPT;
        parcel_release(replica->ranges[slot]);
        replica->ranges[slot] = parcel_hold(parcel);
    }
    replica->feeding = parcel;
    replica_input(world, replica, &input);
}

void carry_in(struct world *world, struct replica *replica, uint32_t peer, struct parcel *parcel)
{
    struct consensus_input input = {.kind = INPUT_TIME};
    switch (parcel->kind) {
    case PARCEL_MESSAGE:
        if (parcel->message.kind == MESSAGE_RANGE_REQUEST)
            serve_range(world, replica, peer, parcel->message.height);
        else
            feed(world, replica, peer, parcel);
        return;
    case PARCEL_BATCHES:
    case PARCEL_PAYLOAD:
        supply_learn(world, replica, parcel->payload);
        replica_input(world, replica, &input);
        return;
    case PARCEL_CHECKPOINT:
    case PARCEL_CERTIFIED:
        epoch_told(world, replica, peer, parcel);
        return;
    case PARCEL_PAYLOAD_REQUEST:
        serve_payload(world, replica, peer, &parcel->block);
        return;
    }
    CHECK_UNREACHABLE();
}
