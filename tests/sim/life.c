/* The lives of a replica: it starts from its disk, goes on to the next epoch, and crashes. */
#include "proto/base/check.h"
#include "tests/sim/epoch.h"
#include "tests/sim/full.h"
#include "tests/sim/join.h"
#include "tests/sim/persist.h"
#include "tests/sim/supply.h"
#include "tests/sim/trace.h"

/* Opens the core for the epoch of the disk. */
static void open_core(struct world *world, struct replica *replica)
{
    replica->epoch = replica->disk.epoch;
    const struct seats *seats = vault_seats(&world->vault, replica->epoch);
    struct consensus_config config = {.chain_id = world->vault.chain_id, .set = seats->set};
    config.signer = replica_signer(world, replica);
    config.peer_count = world->identity_count;
    config.may_vote = replica->may_vote && config.signer != SIGNER_NONE;
    config.base_timeout_ms = world->plan.base_timeout_ms;
    config.heartbeat_ms = world->plan.heartbeat_ms;
    config.seed = dice_next(&world->dice);
    struct consensus_floor floor;
    disk_floor(&replica->disk, &world->vault.chain_id, &floor);
    CHECK(consensus_open(&config, &floor, &replica->core) == TALLY_OK);
    replica->wake_us = UINT64_MAX;
    replica->work_told = replica->seal_said = false;
    replica->certified = false;
    replica->certifiers = 0;
    replica->feeding = NULL;
    bool of_this = floor.height > 0 && floor.header.epoch == replica->epoch;
    checker_begins(world->checker, replica->identity, replica->epoch, floor.view,
        of_this ? floor.finalization.view + 1 : 1);
    checker_heard(world->checker, replica->identity, UINT64_MAX, replica_clock_ms(world, replica));
}

void replica_next_epoch(struct world *world, struct replica *replica)
{
    struct consensus_input input = {.kind = INPUT_TIME};
    uint64_t epoch = replica->epoch + 1;
    bool member = vault_signer(&world->vault, epoch, replica->identity) != SIGNER_NONE;
    bool votes = member && epoch > replica->forgotten_epoch;
    join_sign(world, replica, &replica->disk.blocks[replica->disk.block_count - 1]);
    consensus_close(replica->core);
    supply_clear(replica);
    disk_next_epoch(&replica->disk, votes);
    replica->may_vote = votes;
    if (votes && !persist_open(world, replica)) {
        replica->core = NULL;
        replica->up = false;
        replica->incarnation++;
        network_break(world, replica->identity);
        return;
    }
    if (votes && replica->joined) world->counters.joined_votes++;
    open_core(world, replica);
    trace_replica(world, replica, "begins epoch %llu%s", (unsigned long long)epoch,
        votes    ? " as a validator"
        : member ? " as a validator that may not vote"
                 : "");
    replica_input(world, replica, &input);
    for (uint32_t i = 0; i < world->identity_count && replica->up; i++) {
        if (!world->network.linked[replica->identity][i]) continue;
        input = (struct consensus_input){.kind = INPUT_LINK_UP, .peer = i};
        replica_input(world, replica, &input);
    }
}

void replica_start(struct world *world, struct replica *replica)
{
    bool joins = (world->plan.faults & FAULT_JOINS) != 0 && replica->wiped;
    if (joins && replica->disk.block_count == 0) join_try(world, replica);
    replica->epoch = replica->disk.epoch;
    if (!persist_open(world, replica)) return;
    replica->up = true;
    memset(&replica->known, 0, sizeof replica->known);
    memset(&replica->committed, 0, sizeof replica->committed);
    open_core(world, replica);
    for (size_t i = 0; i < replica->disk.block_count; i++) {
        const struct payload *payload = replica->disk.blocks[i].payload;
        for (uint32_t b = 0; b < payload->count; b++) {
            batch_add(&replica->known, batch_of(replica, &payload->batches[b]));
            batch_add(&replica->committed, batch_of(replica, &payload->batches[b]));
        }
    }
    size_t records = replica->disk.entry_count;
    persist_restore(world, replica);
    trace_replica(world, replica, "starts from height %llu with %zu records",
        (unsigned long long)replica->disk.block_count, records);
    struct consensus_input input = {.kind = INPUT_TIME};
    replica_input(world, replica, &input);
    if (!replica->up) return;
    network_reconnect(world, replica->identity);
    replica_keepalive(world, replica);
}

void replica_crash(struct world *world, struct replica *replica, bool wipe)
{
    if (!replica->up) return;
    replica->up = false;
    replica->incarnation++;
    world->counters.crashes++;
    consensus_close(replica->core);
    replica->core = NULL;
    supply_clear(replica);
    if (replica->full != NULL) full_end(replica->full);
    uint64_t epoch = replica->epoch;
    disk_crash(&replica->disk, &world->dice, dice_chance(&world->dice, 500));
    if (wipe) {
        disk_lose(&replica->disk);
        if (replica->full != NULL) full_lose(replica->full);
        if (epoch > replica->forgotten_epoch) replica->forgotten_epoch = epoch;
        replica->wiped = true;
        replica->joined = false;
    }
    network_break(world, replica->identity);
    trace_replica(world, replica, wipe ? "crashes and loses its disk" : "crashes");
}
