#include "tests/sim/fork.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/proof/blame.h"
#include "tests/sim/trace.h"

static bool statement_holds(const struct blame_law *law, const struct statement *statement)
{
    const struct vault *vault = law->context;
    if (statement->kind == STATEMENT_PROPOSE)
        return leader_of(statement->view, law->set->count) == statement->signer &&
               leader_signature_holds(
                   vault, statement->epoch, statement->view, &statement->block, &statement->signature);
    struct vote vote = {.kind = (enum vote_kind)statement->kind,
        .epoch = statement->epoch,
        .view = statement->view,
        .block = statement->block,
        .signer = statement->signer,
        .signature = statement->signature};
    return vote_holds(vault, &vote);
}

/* How many blocks the two ledgers have in common. */
static size_t common_blocks(const struct replica_disk *first, const struct replica_disk *second)
{
    size_t count = 0;
    while (count < first->block_count && count < second->block_count &&
           digest_equal(&first->blocks[count].hash, &second->blocks[count].hash))
        count++;
    return count;
}

static struct blame_block blame_block_of(
    struct world *world, uint32_t identity, const struct disk_block *block)
{
    struct blame_block told = {
        .header = block->header, .hash = block->hash, .finalization = block->finalization};
    if (block->proposal == NULL) {
        checker_fail(world->checker, "replica %u keeps no justification of height %llu", identity,
            (unsigned long long)block->header.height);
        return told;
    }
    const struct proposal *proposal = block->proposal->message.proposal;
    told.justification = &proposal->justification;
    told.has_signature = true;
    told.signature = proposal->signature;
    return told;
}

/* What stands above `below` up to the first finalization, which every ledger ends at. The caller frees. */
static struct blame_chain chain_of(struct world *world, uint32_t identity, size_t below)
{
    const struct replica_disk *disk = &world->replicas[identity].disk;
    size_t end = below;
    while (disk->blocks[end].finalization == NULL)
        end++;
    struct blame_block *blocks = calloc(end + 1 - below, sizeof *blocks);
    CHECK(blocks != NULL);
    for (size_t i = below; i <= end; i++)
        blocks[i - below] = blame_block_of(world, identity, &disk->blocks[i]);
    return (struct blame_chain){(uint32_t)(end + 1 - below), blocks};
}

static void judge_blame(struct world *world, const struct blame *blame, struct verdict *verdict)
{
    uint32_t n = world->plan.validators;
    trace_world(world, "a fork is blamed on %u validators", blame->count);
    if (!blame->conflict || blame->count < 2 * quorum_of(n) - n)
        checker_fail(world->checker, "a fork is blamed on %u validators only", blame->count);
    if ((uint32_t)__builtin_popcountll(blame->guilty) != blame->count)
        checker_fail(world->checker, "blame names somebody twice");
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        if ((blame->guilty >> i & 1) != 0 && (i >= n || world->honest[i]))
            checker_fail(world->checker, "a fork is blamed on %u, which is honest", i);
    if (verdict->culprits_max == 0 || blame->count < verdict->culprits_min)
        verdict->culprits_min = blame->count;
    if (blame->count > verdict->culprits_max) verdict->culprits_max = blame->count;
}

static void judge_pair(
    struct world *world, uint32_t first, uint32_t second, struct blame *blame, struct verdict *verdict)
{
    const struct replica_disk *left = &world->replicas[first].disk, *right = &world->replicas[second].disk;
    size_t common = common_blocks(left, right);
    if (common == left->block_count || common == right->block_count) return;
    struct blame_law law = {.chain_id = world->vault.chain_id, .set = &vault_seats(&world->vault, 1)->set};
    law.holds = statement_holds;
    law.context = &world->vault;
    struct blame_chain a = chain_of(world, first, common), b = chain_of(world, second, common);
    if (checker_violation(world->checker) == NULL) {
        if (blame_chains(&law, &a, &b, blame) == TALLY_OK)
            judge_blame(world, blame, verdict);
        else
            checker_fail(world->checker, "blame refuses a fork: %s", blame->detail);
    }
    free((void *)(uintptr_t)a.blocks);
    free((void *)(uintptr_t)b.blocks);
}

void fork_judge(struct world *world, struct verdict *verdict)
{
    struct blame *blame = calloc(1, sizeof *blame);
    CHECK(blame != NULL);
    for (uint32_t i = 0; i < world->identity_count; i++)
        for (uint32_t j = i + 1; j < world->identity_count; j++)
            if (world->honest[i] && world->honest[j]) judge_pair(world, i, j, blame, verdict);
    free(blame);
    if (checker_forked(world->checker) && verdict->culprits_max == 0)
        checker_fail(world->checker, "a fork was committed, and no two ledgers show it");
}
