#include "tests/sim/persist.h"

#include "proto/base/check.h"
#include "tests/sim/execute.h"
#include "tests/sim/full.h"
#include "tests/sim/supply.h"
#include "tests/sim/trace.h"

#define TORN_SIZE_MAX 4096u
/* About how often a start changes something on the disk. */
#define OPENING_CHANGES 16u

static uint64_t sync_us(struct world *world)
{
    uint64_t most = world->plan.sync_us_max;
    uint64_t calm = world->plan.base_timeout_ms * MILLISECOND_US / 16;
    return dice_between(&world->dice, 20, world->healed && most > calm ? calm : most);
}

/* ---- Trouble ---- */

/* One of the next changes of the disk may fail. */
static void draw_trouble(struct world *world, struct replica *replica, uint32_t per_mille, uint64_t changes)
{
    if (world->healed || !replica->honest || !dice_chance(&world->dice, per_mille)) return;
    enum disk_trouble kind = (enum disk_trouble)dice_between(&world->dice, TROUBLE_POWER, TROUBLE_FULL);
    uint64_t at = dice_between(&world->dice, 1, changes);
    disk_trouble(&replica->disk, kind, at, (size_t)dice_below(&world->dice, TORN_SIZE_MAX));
}

static void start_again_later(struct world *world, const struct replica *replica)
{
    struct event restart = {.kind = EVENT_RESTART, .replica = replica->index};
    world_later(world, dice_between(&world->dice, 1000, world->plan.down_us_max + 1000), restart);
}

/* As the node does: nothing more is acknowledged, and the process ends. */
static void end_process(struct world *world, struct replica *replica, int error)
{
    world->counters.disk_errors++;
    trace_replica(world, replica, "ends, because its disk fails: %s", tally_error_text(error));
    if (replica->honest && error != TALLY_EIO && error != TALLY_EFULL)
        checker_fail(
            world->checker, "replica %u cannot write: %s", replica->identity, tally_error_text(error));
    start_again_later(world, replica);
    replica_crash(world, replica, false);
}

/* ---- Starting ---- */

static int open_votes(struct world *world, struct replica *replica, char why[160])
{
    struct disk_found found;
    if (vault_signer(&world->vault, replica->disk.epoch, replica->identity) == SIGNER_NONE) return TALLY_OK;
    int error = disk_open(&replica->disk, &found);
    replica->may_vote = error == TALLY_OK;
    if (error == TALLY_OK)
        checker_promise_found(world->checker, replica->identity, disk_promised(&replica->disk));
    world->counters.records_lost += found.lost;
    if (found.torn > 0) world->counters.tails_torn++;
    memcpy(why, found.detail, sizeof found.detail);
    /* R13: no other end than the loss of the disk takes the vote. */
    return replica_forgets(replica) && error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

bool persist_open(struct world *world, struct replica *replica)
{
    char why[160] = "";
    draw_trouble(world, replica, world->plan.trouble_per_mille, OPENING_CHANGES);
    int error = replica->full == NULL ? TALLY_OK : full_start(replica->full, &replica->disk, why);
    if (error == TALLY_OK) error = open_votes(world, replica, why);
    if (error == TALLY_EIO || error == TALLY_EFULL) {
        world->counters.disk_errors++;
        trace_replica(world, replica, "cannot start, because its disk fails: %s", tally_error_text(error));
        if (replica->full != NULL) full_end(replica->full);
        disk_crash(&replica->disk, &world->dice, false);
        start_again_later(world, replica);
        return false;
    }
    if (error != TALLY_OK)
        checker_fail(world->checker, "replica %u finds its disk so: %s (%s)", replica->identity,
            tally_error_text(error), why);
    checker_restarted(world->checker, replica->identity, replica->disk.block_count, replica->wiped);
    replica->wiped = false;
    if (error == TALLY_OK && replica->full != NULL) execute_found(world, replica);
    return error == TALLY_OK;
}

/* The block that a record names, among those that were stored whole. */
static void complete(struct replica *replica, struct consensus_record *record)
{
    bool names = record->kind == RECORD_PROPOSAL || record->vote.kind == VOTE_NOTARIZE;
    const struct candidate *candidate = names ? supply_find(replica, &record->block) : NULL;
    if (candidate == NULL) return;
    record->proposal = candidate->proposal->message.proposal;
    record->header = record->proposal->header;
}

void persist_restore(struct world *world, struct replica *replica)
{
    const struct replica_disk *disk = &replica->disk;
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct parcel *proposal = disk->entries[i].proposal;
        if (proposal == NULL) continue;
        struct candidate *candidate = supply_keep(world, replica, proposal, true);
        candidate->told = candidate->stored = true;
        supply_learn(world, replica, proposal->payload);
    }
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct consensus_record record = disk->entries[i].record;
        complete(replica, &record);
        if (disk_holds_all(disk)) checker_durable(world->checker, replica->identity, &record);
        checker_restored(world->checker, replica->identity, &record, record.proposal);
        int error = consensus_restore(replica->core, &record, record.proposal != NULL);
        if (error != TALLY_OK && replica->honest)
            checker_fail(
                world->checker, "replica %u cannot restore: %s", replica->identity, tally_error_text(error));
    }
    checker_remembers(world->checker, replica->identity);
    disk_entries_clear(&replica->disk);
}

/* ---- On the way to the disk ---- */

/* The core's number of the newest of the first `count` records; 0 = none of them is the core's. */
static uint64_t newest_sequence(const struct replica_disk *disk, size_t count)
{
    while (count > 0 && disk->records[count - 1]->sequence == 0)
        count--;
    return count == 0 ? 0 : disk->records[count - 1]->sequence;
}

void persist_record(struct world *world, struct replica *replica, const struct consensus_output *output)
{
    struct replica_disk *disk = &replica->disk;
    struct consensus_record record = *output->record;
    struct consensus_status status;
    struct candidate *candidate = NULL;
    bool names = record.kind == RECORD_PROPOSAL || record.vote.kind == VOTE_NOTARIZE;
    record.proposal = NULL;
    if (names) candidate = supply_find(replica, &record.block);
    bool held = candidate != NULL && candidate->held;
    consensus_status(replica->core, &status);
    /* The floor as of this output: a commit of the same step may come after it. */
    uint64_t floor_view = disk_floor_view(disk);
    checker_record(world->checker, replica->identity, &record,
        candidate == NULL ? NULL : candidate->proposal->message.proposal, held, floor_view, status.view);
    if (newest_sequence(disk, disk->record_count) >= output->sequence)
        checker_fail(world->checker, "replica %u numbers its records backward", replica->identity);
    if (names && !held) return;
    disk_record_add(disk, &record, output->sequence, names ? candidate->proposal : NULL,
        names ? &candidate->stored : NULL);
}

/* What the disk holds for good now, whatever anybody was told. */
static void tell_durable(struct world *world, struct replica *replica)
{
    struct disk_record taken;
    while (disk_take_durable(&replica->disk, &taken)) {
        if (taken.checkpoint_height == 0)
            checker_durable(world->checker, replica->identity, &taken.record);
        else
            checker_promised(world->checker, replica->identity, taken.checkpoint_height);
    }
}

static void sync_records(struct world *world, struct replica *replica)
{
    struct replica_disk *disk = &replica->disk;
    if (disk->records_syncing || disk->votes == NULL) return;
    if (disk->record_count == disk->records_written && disk->prune_view == 0) return;
    draw_trouble(world, replica, world->plan.trouble_per_mille, disk->record_count + 4);
    int error = disk_commit_begin(disk);
    tell_durable(world, replica);
    if (error != TALLY_OK) {
        end_process(world, replica, error);
        return;
    }
    disk->records_syncing = true;
    world_later(world, sync_us(world), replica_event_of(replica, EVENT_RECORDS_SYNCED));
}

void persist_sync(struct world *world, struct replica *replica)
{
    struct replica_disk *disk = &replica->disk;
    sync_records(world, replica);
    if (!replica->up) return;
    size_t blocks = disk_blocks_finalized(disk, disk->block_count);
    if (disk->ledger_syncing || blocks == disk->blocks_durable) return;
    if (replica->full != NULL) {
        draw_trouble(world, replica, world->plan.trouble_per_mille, 2 * (blocks - disk->blocks_durable) + 6);
        int error = full_append(replica->full, disk, blocks);
        if (error != TALLY_OK) {
            end_process(world, replica, error);
            return;
        }
    }
    disk->ledger_syncing = true;
    struct event event = replica_event_of(replica, EVENT_LEDGER_SYNCED);
    event.number = blocks;
    world_later(world, sync_us(world), event);
}

/* The newest height promised among the records written. */
static uint64_t newest_promise(const struct replica_disk *disk)
{
    size_t count = disk->records_written;
    while (count > 0 && disk->records[count - 1]->checkpoint_height == 0)
        count--;
    return count == 0 ? 0 : disk->records[count - 1]->checkpoint_height;
}

void persist_records_synced(struct world *world, struct replica *replica)
{
    struct replica_disk *disk = &replica->disk;
    struct consensus_input input = {.kind = INPUT_DURABLE};
    input.sequence = newest_sequence(disk, disk->records_written);
    uint64_t promised = newest_promise(disk);
    int error = world->plan.planted_early_ack ? TALLY_OK : disk_commit_end(disk);
    tell_durable(world, replica);
    if (error != TALLY_OK) {
        end_process(world, replica, error);
        return;
    }
    disk->records_syncing = false;
    if (promised > 0) execute_promised(world, replica, promised);
    persist_sync(world, replica);
    if (replica->up && input.sequence > 0) replica_input(world, replica, &input);
}

void persist_ledger_synced(struct world *world, struct replica *replica, uint64_t count)
{
    struct replica_disk *disk = &replica->disk;
    CHECK(count > 0 && count <= disk->block_count);
    int error = replica->full == NULL ? TALLY_OK : full_sync(replica->full);
    if (error != TALLY_OK) {
        end_process(world, replica, error);
        return;
    }
    disk->ledger_syncing = false;
    disk->blocks_durable = (size_t)count;
    struct consensus_input input = {.kind = INPUT_APPENDED, .height = count};
    const struct block_header *newest = &disk->blocks[count - 1].header;
    uint64_t view = newest->epoch == disk->epoch ? newest->view : 0;
    disk_prune(disk, view);
    supply_sweep(replica, view);
    error = replica->full == NULL ? TALLY_OK : execute_to(world, replica, count);
    if (error != TALLY_OK)
        checker_fail(
            world->checker, "replica %u cannot execute: %s", replica->identity, tally_error_text(error));
    supply_review(world, replica);
    persist_sync(world, replica);
    if (replica->up) replica_input(world, replica, &input);
}
