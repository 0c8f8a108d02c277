#include "tests/sim/execute.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "tests/sim/full.h"

#define FLUSH_PER_MILLE 150u

void execute_found(struct world *world, struct replica *replica)
{
    uint64_t top = full_applied(replica->full), replayed = full_replayed(replica->full);
    world->counters.blocks_replayed += replayed;
    if (top != replica->disk.block_count)
        checker_fail(world->checker, "replica %u starts with a state of height %llu over a ledger of %zu",
            replica->identity, (unsigned long long)top, replica->disk.block_count);
    for (uint64_t height = top - replayed; height <= top; height++) {
        struct checkpoint checkpoint;
        if (height == 0) continue;
        if (full_checkpoint(replica->full, height, &checkpoint) != TALLY_OK)
            checker_fail(world->checker, "replica %u has no roots of height %llu", replica->identity,
                (unsigned long long)height);
        else
            checker_applied(world->checker, replica->identity, &checkpoint);
    }
}

static uint64_t *signers_of(struct world *world, uint64_t height)
{
    while (height >= world->checkpoint_capacity) {
        uint64_t grown = world->checkpoint_capacity == 0 ? 1024 : 2 * world->checkpoint_capacity;
        size_t size = sizeof world->checkpoint_signers[0];
        world->checkpoint_signers = realloc(world->checkpoint_signers, (size_t)grown * size);
        CHECK(world->checkpoint_signers != NULL);
        memset(world->checkpoint_signers + world->checkpoint_capacity, 0,
            (size_t)(grown - world->checkpoint_capacity) * size);
        world->checkpoint_capacity = grown;
    }
    return &world->checkpoint_signers[height];
}

void execute_promised(struct world *world, struct replica *replica, uint64_t height)
{
    struct checkpoint checkpoint;
    if (full_checkpoint(replica->full, height, &checkpoint) != TALLY_OK) {
        checker_fail(world->checker,
            "replica %u promised the checkpoint of height %llu, which it does not have", replica->identity,
            (unsigned long long)height);
        return;
    }
    checker_checkpoint_sent(world->checker, replica->identity, &checkpoint);
    uint64_t *signers = signers_of(world, height);
    uint32_t quorum = quorum_of(world->plan.validators);
    if ((uint32_t)__builtin_popcountll(*signers) == quorum) return;
    *signers |= (uint64_t)1 << replica->identity;
    if ((uint32_t)__builtin_popcountll(*signers) < quorum) return;
    world->counters.checkpoints_certified++;
    if (height > world->certified_height) world->certified_height = height;
}

/* A height is signed once ever, and not every height. */
static void promise_checkpoint(struct world *world, struct replica *replica, uint64_t height)
{
    struct replica_disk *disk = &replica->disk;
    struct checkpoint checkpoint;
    struct buffer bytes;
    if (!replica->may_vote || replica->identity >= world->plan.validators) return;
    if (height <= disk_promised(disk) || full_checkpoint(replica->full, height, &checkpoint) != TALLY_OK)
        return;
    buffer_init(&bytes, 4 * KIB);
    checkpoint_encode(&checkpoint, &bytes);
    disk_promise_add(disk, height, disk->blocks[height - 1].header.view, buffer_span(&bytes));
    buffer_close(&bytes);
}

int execute_to(struct world *world, struct replica *replica, uint64_t count)
{
    int error = TALLY_OK;
    while (error == TALLY_OK && full_applied(replica->full) < count) {
        struct checkpoint checkpoint;
        error = full_apply(replica->full, &replica->disk, &checkpoint);
        if (error == TALLY_OK) checker_applied(world->checker, replica->identity, &checkpoint);
    }
    uint64_t certified = world->certified_height;
    if (error == TALLY_OK && certified > 0 && certified <= count)
        error = full_certified(replica->full, certified, world->checkpoint_signers[certified]);
    if (error == TALLY_OK) promise_checkpoint(world, replica, count);
    if (error == TALLY_OK && dice_chance(&world->dice, FLUSH_PER_MILLE)) error = full_flush(replica->full);
    return error;
}

struct verifying {
    struct world *world;
    const struct replica *replica;
    uint64_t count;
};

static void on_state(void *context, const struct checkpoint *checkpoint)
{
    struct verifying *verifying = context;
    verifying->count++;
    checker_applied(verifying->world->checker, verifying->replica->identity, checkpoint);
}

void execute_verify(struct world *world, struct replica *replica)
{
    struct verifying verifying = {world, replica, 0};
    if (replica->full == NULL || !replica->up) return;
    int error = full_replay(replica->full, on_state, &verifying);
    if (error != TALLY_OK || verifying.count != full_applied(replica->full))
        checker_fail(world->checker, "replica %u cannot be replayed from genesis beyond height %llu: %s",
            replica->identity, (unsigned long long)verifying.count, tally_error_text(error));
    full_count(replica->full, &world->counters.events_ordered, &world->counters.events_applied);
}
