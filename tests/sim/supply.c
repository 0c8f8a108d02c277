#include "tests/sim/supply.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/sim/epoch.h"
#include "tests/sim/trace.h"

#define PROPOSAL_BATCHES_MAX 8u
#define CHAIN_MAX 256u

static const struct proposal *proposal_of(const struct candidate *candidate)
{
    return candidate->proposal->message.proposal;
}

struct candidate *supply_find(struct replica *replica, const struct digest *block)
{
    for (size_t i = replica->candidate_count; i-- > 0;)
        if (digest_equal(&proposal_of(&replica->candidates[i])->hash, block)) return &replica->candidates[i];
    return NULL;
}

struct candidate *supply_keep(
    struct world *world, struct replica *replica, struct parcel *proposal, bool held)
{
    struct candidate *candidate = supply_find(replica, &proposal->message.proposal->hash);
    if (candidate == NULL) {
        if (replica->candidate_count == replica->candidate_capacity) {
            replica->candidate_capacity =
                replica->candidate_capacity == 0 ? 16 : 2 * replica->candidate_capacity;
            size_t size = replica->candidate_capacity * sizeof *candidate;
            replica->candidates = realloc(replica->candidates, size);
            CHECK(replica->candidates != NULL);
        }
        candidate = &replica->candidates[replica->candidate_count++];
        *candidate = (struct candidate){.proposal = parcel_hold(proposal)};
        if (replica->candidate_count > CANDIDATES_MAX)
            checker_fail(world->checker, "replica %u holds blocks without bound", replica->identity);
    }
    candidate->held |= held;
    return candidate;
}

static void candidate_remove(struct replica *replica, struct candidate *candidate)
{
    parcel_release(candidate->proposal);
    *candidate = replica->candidates[--replica->candidate_count];
}

void supply_drop(struct replica *replica, const struct digest *block)
{
    struct candidate *candidate = supply_find(replica, block);
    if (candidate != NULL) candidate_remove(replica, candidate);
}

void supply_sweep(struct replica *replica, uint64_t view)
{
    for (size_t i = replica->candidate_count; i-- > 0;)
        if (proposal_of(&replica->candidates[i])->header.view <= view)
            candidate_remove(replica, &replica->candidates[i]);
}

void supply_clear(struct replica *replica)
{
    while (replica->candidate_count > 0)
        candidate_remove(replica, &replica->candidates[0]);
    for (uint32_t i = 0; i < RANGES_KEPT; i++) {
        parcel_release(replica->ranges[i]);
        replica->ranges[i] = NULL;
    }
}

static const struct disk_block *ledger_find(const struct replica *replica, const struct digest *block)
{
    for (size_t i = replica->disk.block_count; i-- > 0;)
        if (digest_equal(&replica->disk.blocks[i].hash, block)) return &replica->disk.blocks[i];
    return NULL;
}

/* Ranges bring blocks whole, payloads included. A range's header may be a liar's; what came with it is then
 * no proposal of it. */
static struct parcel *range_find(const struct replica *replica, const struct digest *block)
{
    for (uint32_t r = 0; r < RANGES_KEPT; r++) {
        const struct parcel *parcel = replica->ranges[r];
        for (uint32_t i = 0; parcel != NULL && i < parcel->range_count; i++) {
            struct parcel *proposal = parcel->range_proposals[i];
            if (proposal != NULL && digest_equal(&proposal->message.proposal->hash, block)) return proposal;
        }
    }
    return NULL;
}

struct payload *supply_payload(struct replica *replica, const struct digest *block)
{
    const struct candidate *candidate = supply_find(replica, block);
    if (candidate != NULL && candidate->held) return candidate->proposal->payload;
    const struct parcel *ranged = range_find(replica, block);
    if (ranged != NULL) return ranged->payload;
    const struct disk_block *stored = ledger_find(replica, block);
    return stored == NULL ? NULL : stored->payload;
}

struct parcel *supply_proposal(struct replica *replica, const struct digest *block)
{
    const struct candidate *candidate = supply_find(replica, block);
    if (candidate != NULL) return candidate->proposal;
    struct parcel *ranged = range_find(replica, block);
    if (ranged != NULL) return ranged;
    const struct disk_block *stored = ledger_find(replica, block);
    return stored == NULL ? NULL : stored->proposal;
}

enum supply_state { SUPPLY_COMPLETE, SUPPLY_LACKING, SUPPLY_PENDING, SUPPLY_MALFORMED };

/* R11: "a voter that has not applied that state yet holds the block pending, and one that finds another set
 * rejects it." */
static enum supply_state candidate_state(
    const struct world *world, const struct replica *replica, const struct candidate *candidate)
{
    const struct payload *payload = candidate->proposal->payload;
    const struct block_header *header = &proposal_of(candidate)->header;
    enum epoch_verdict verdict = header->seals ? epoch_judge(world, replica, header) : SEAL_RIGHT;
    bool lacking = false;
    if (verdict == SEAL_WRONG) return SUPPLY_MALFORMED;
    for (uint32_t i = 0; i < payload->count; i++) {
        uint32_t batch = batch_of(replica, &payload->batches[i]);
        if (batch >= BATCHES_POISONED && replica->honest) return SUPPLY_MALFORMED;
        lacking |= !batch_has(&replica->known, batch);
    }
    if (lacking) return SUPPLY_LACKING;
    return verdict == SEAL_PENDING ? SUPPLY_PENDING : SUPPLY_COMPLETE;
}

static void answer_later(struct world *world, struct replica *replica, struct parcel *proposal, bool ok)
{
    struct event event = replica_event_of(replica, EVENT_PAYLOAD);
    event.ok = ok;
    event.parcel = parcel_hold(proposal);
    world_later(world, dice_below(&world->dice, world->plan.check_us_max + 1), event);
}

static void ask(struct world *world, struct replica *replica, struct parcel *proposal, uint32_t peer)
{
    struct parcel *request = parcel_of_payload(PARCEL_PAYLOAD_REQUEST, &proposal->message.block, NULL);
    network_send(world, replica, peer, request);
    parcel_release(request);
    struct event event = replica_event_of(replica, EVENT_FETCH);
    event.parcel = parcel_hold(proposal);
    world_later(world, world->plan.base_timeout_ms * MILLISECOND_US / 2, event);
}

void supply_need(struct world *world, struct replica *replica, const struct digest *block, uint32_t peer)
{
    struct candidate *candidate = supply_find(replica, block);
    if (candidate == NULL) {
        if (supply_payload(replica, block) != NULL) return;
        if (replica->honest)
            checker_fail(world->checker, "replica %u needs the payload of a block it has no bytes of",
                replica->identity);
        return;
    }
    enum supply_state state = candidate->held ? SUPPLY_COMPLETE : candidate_state(world, replica, candidate);
    if (state == SUPPLY_LACKING || state == SUPPLY_PENDING) {
        bool asked = candidate->wanted;
        candidate->wanted = true;
        if (!asked) ask(world, replica, candidate->proposal, peer);
        return;
    }
    candidate->held = state == SUPPLY_COMPLETE;
    answer_later(world, replica, candidate->proposal, candidate->held);
}

void supply_told(struct replica *replica, const struct digest *block, bool held)
{
    struct candidate *candidate = supply_find(replica, block);
    if (candidate != NULL) candidate->told = held;
}

void supply_check(struct world *world, struct replica *replica, const struct checker_moment *moment)
{
    const struct replica_disk *disk = &replica->disk;
    const struct digest *floor =
        disk->block_count == 0 ? &world->vault.chain_id : &disk->blocks[disk->block_count - 1].hash;
    for (size_t i = 0; i < replica->candidate_count; i++) {
        const struct candidate *candidate = &replica->candidates[i];
        if (candidate->told)
            checker_candidate(world->checker, replica->identity, proposal_of(candidate), floor, moment);
    }
}

void supply_fetch(struct world *world, struct replica *replica, const struct digest *block)
{
    struct candidate *candidate = supply_find(replica, block);
    if (candidate == NULL || !candidate->wanted) return;
    const struct seats *seats = vault_seats(&world->vault, replica->epoch);
    uint32_t peer = seats->identity_of[replica->ask_next++ % seats->set.count];
    if (peer == replica->identity) peer = seats->identity_of[replica->ask_next++ % seats->set.count];
    ask(world, replica, candidate->proposal, peer);
}

void supply_learn(struct world *world, struct replica *replica, const struct payload *payload)
{
    for (uint32_t i = 0; i < payload->count; i++) {
        uint32_t batch = batch_of(replica, &payload->batches[i]);
        if (batch < BATCHES_POISONED || !replica->honest) batch_add(&replica->known, batch);
    }
    supply_review(world, replica);
}

void supply_review(struct world *world, struct replica *replica)
{
    for (size_t i = 0; i < replica->candidate_count; i++) {
        struct candidate *candidate = &replica->candidates[i];
        if (!candidate->wanted) continue;
        enum supply_state state = candidate_state(world, replica, candidate);
        if (state == SUPPLY_LACKING || state == SUPPLY_PENDING) continue;
        candidate->wanted = false;
        candidate->held = state == SUPPLY_COMPLETE;
        answer_later(world, replica, candidate->proposal, candidate->held);
    }
}

void supply_taken(struct replica *replica, const struct digest *tip, struct batch_bits *taken)
{
    struct digest blocks[CHAIN_MAX];
    size_t count = consensus_chain(replica->core, tip, blocks, CHAIN_MAX);
    for (size_t b = 0; b < count; b++) {
        const struct candidate *candidate = supply_find(replica, &blocks[b]);
        if (candidate == NULL) continue;
        const struct payload *payload = candidate->proposal->payload;
        for (uint32_t i = 0; i < payload->count; i++)
            batch_add(taken, batch_of(replica, &payload->batches[i]));
    }
}

static uint32_t choose_batches(
    struct world *world, struct replica *replica, const struct digest *parent, struct digest *batches)
{
    struct batch_bits taken = replica->committed;
    supply_taken(replica, parent, &taken);
    uint32_t count = 0;
    for (uint32_t i = 0; i < BATCHES_MAX && count < PROPOSAL_BATCHES_MAX - 1; i++) {
        if (i % 64 == 0 && (replica->known.words[i / 64] & ~taken.words[i / 64]) == 0) {
            i += 63;
            continue;
        }
        if (batch_has(&replica->known, i) && !batch_has(&taken, i)) batches[count++] = world_batch(world, i);
    }
    /* A mempool may have forgotten what was finalized long ago: then the rules say no. */
    uint32_t again = world->plan.full ? (uint32_t)dice_below(&world->dice, 20 * world->batch_count + 1) : 0;
    if (again > 0 && again < world->batch_count && batch_has(&replica->committed, again))
        batches[count++] = world_batch(world, again);
    if (count < PROPOSAL_BATCHES_MAX && dice_chance(&world->dice, replica->lies.poison)) {
        uint32_t spoiled = (uint32_t)dice_between(&world->dice, BATCHES_WITHHELD, BATCHES_MAX - 1);
        batches[count++] = world_batch(world, spoiled);
        batch_add(&replica->known, spoiled);
    }
    return count;
}

void supply_propose(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    struct event event = replica_event_of(replica, EVENT_PROPOSED);
    uint64_t delay_us = dice_below(&world->dice, world->plan.base_timeout_ms * MILLISECOND_US / 16 + 1);
    if (!world->healed && dice_chance(&world->dice, 10)) {
        world_later(world, delay_us, event);
        return;
    }
    struct digest batches[PROPOSAL_BATCHES_MAX];
    struct proposal proposal = {.header = output->header, .justification = *output->justification};
    const struct justification *justification = output->justification;
    const struct digest *parent =
        justification->parent_is_genesis ? &world->vault.chain_id : &justification->parent_hash;
    if (output->payload_allowed) proposal.batch_count = choose_batches(world, replica, parent, batches);
    proposal.batches = batches;
    proposal.header.payload_root = seal_payload(batches, proposal.batch_count);
    catalogue_measure(replica->catalogue, batches, proposal.batch_count, &proposal.header.payload_size,
        &proposal.header.payload_events);
    proposal.header.justification_root = seal_justification(justification);
    proposal.hash = seal_header(&proposal.header);
    seal_proposal(&world->vault, &proposal);
    event.ok = true;
    event.parcel = parcel_of_proposal(&proposal);
    world_later(world, delay_us, event);
}
