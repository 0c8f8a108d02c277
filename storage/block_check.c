#include "storage/block_check.h"

#include "proto/base/check.h"

int block_check_open(const struct genesis *genesis, struct span seals,
    void (*found)(void *context, const struct block *block, uint32_t batch, const char *what), void *context,
    struct block_check *check)
{
    *check = (struct block_check){.genesis = genesis, .seals = seals, .found = found, .context = context};
    int error = epoch_sets_init(genesis, seals, &check->sets);
    if (error == TALLY_OK) block_check_restart(check);
    return error;
}

void block_check_restart(struct block_check *check)
{
    check->has_parent = true;
    check->parent = check->genesis->chain_id;
    check->parent_time_ms = check->genesis->created_ms;
    /* It was sound when this was opened. */
    CHECK(epoch_sets_init(check->genesis, check->seals, &check->sets) == TALLY_OK);
}

int block_check_follow(struct block_check *check, const struct member_register *members)
{
    struct validator_set set;
    check->members = members;
    check->members_height = UINT64_MAX;
    if (members->epoch == check->sets.validators.set.epoch) return TALLY_OK;
    register_current_set(members, &set);
    return verify_set_init(&set, &check->sets.validators);
}

/* Returns false, for whoever ends with it. */
static bool tell(struct block_check *check, const struct block *block, const char *what)
{
    check->found(check->context, block, BLOCK_CHECK_NO_BATCH, what);
    return false;
}

static bool check_chain(struct block_check *check, const struct block *block)
{
    bool holds = true;
    if (check->has_parent && !digest_equal(&check->parent, &block->header.parent_hash))
        holds = tell(check, block, "it does not follow the block before it: their hashes differ");
    if (check->has_parent && block->header.time_ms <= check->parent_time_ms)
        holds = tell(check, block, "its time is not after the time of the block before it");
    return holds;
}

static bool check_epoch(struct block_check *check, const struct block *block)
{
    if (epoch_sets_reach(&check->sets, block->header.epoch)) return true;
    return tell(check, block, "it is of an epoch whose validators are not known: no seal leads to them");
}

static bool check_leader(struct block_check *check, const struct block *block)
{
    const struct verify_set *set = &check->sets.validators;
    struct digest digest = proposal_digest(&check->genesis->chain_id, &block->header, &block->hash);
    uint32_t leader = block->header.view == 0 ? 0 : leader_of(block->header.view, set->set.count);
    check->signatures++;
    if (signature_check(&set->parsed[leader], &digest, &block->signature) == TALLY_OK) return true;
    return tell(check, block, "its leader's signature does not hold");
}

static bool check_finalization(struct block_check *check, const struct block *block)
{
    const struct certificate *fc = &block->finalization;
    if (!block->has_finalization) return true;
    check->signatures += quorum_of(check->sets.validators.set.count);
    if (!block_is_finalized(block))
        return tell(check, block, "the finalization it carries is another block's");
    if (certificate_check(&check->sets.validators, &check->genesis->chain_id, fc) != TALLY_OK)
        return tell(check, block, "the finalization it carries has no quorum of valid signatures");
    check->final_height = block->header.height;
    return true;
}

static bool key_fits(const struct register_key *key, const struct batch *batch)
{
    if (key == NULL || key->member_id != batch->member_id) return false;
    if (batch->governance == NULL) return key->kind == KEY_SIGNING;
    return key->kind == (batch->governance->kind == GOVERNANCE_READY ? KEY_NODE : KEY_BALLOT);
}

/* Keys stay in the register for good, so one that was revoked since is found too. */
static bool key_is_members(
    const struct block_check *check, const struct block *block, const struct batch *batch)
{
    if (check->members == NULL || block->header.height > check->members_height) return true;
    return key_fits(register_key_find(check->members, &batch->signing_key), batch);
}

static bool signature_holds(const struct batch *batch)
{
    struct verify_key key;
    return verify_key_parse(&batch->signing_key, &key) == TALLY_OK && batch_check(batch, &key) == TALLY_OK;
}

static void check_batches(struct block_check *check, const struct block *block)
{
    for (uint32_t b = 0; b < block->batch_count; b++) {
        const struct batch *batch = &block->batches[b];
        if (!digest_equal(&batch->chain_id, &check->genesis->chain_id))
            check->found(check->context, block, b, "a batch in it is of another chain");
        else if (!key_is_members(check, block, batch))
            check->found(
                check->context, block, b, "a batch in it is signed with a key that its member does not have");
        else if (!signature_holds(batch))
            check->found(check->context, block, b, "the signature of a batch in it does not hold");
    }
    check->batches += block->batch_count;
    check->signatures += block->batch_count;
}

bool block_check_next(struct block_check *check, const struct block *block)
{
    bool follows = check_chain(check, block);
    bool known = check_epoch(check, block);
    bool led = known && check_leader(check, block);
    bool final = known && check_finalization(check, block);
    check_batches(check, block);
    check->has_parent = true;
    check->parent = block->hash;
    check->parent_time_ms = block->header.time_ms;
    return follows && led && final;
}
