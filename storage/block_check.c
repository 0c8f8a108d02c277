#include "storage/block_check.h"

#include <stdlib.h>

int block_check_open(const struct genesis *genesis, const struct verify_set *validators,
    void (*found)(void *context, const struct block *block, uint32_t batch, const char *what), void *context,
    struct block_check *check)
{
    *check = (struct block_check){
        .genesis = genesis, .validators = validators, .found = found, .context = context};
    block_check_restart(check);
    check->keys = calloc(genesis->member_count + 1, sizeof *check->keys);
    if (check->keys == NULL) return TALLY_ENOMEM;
    int error = TALLY_OK;
    for (uint32_t m = 0; m < genesis->member_count; m++)
        for (uint32_t k = 0; error == TALLY_OK && k < genesis->members[m].key_count; k++)
            error = verify_key_parse(&genesis->members[m].keys[k], &check->keys[m][k]);
    return error;
}

void block_check_close(struct block_check *check)
{
    free(check->keys);
    check->keys = NULL;
}

void block_check_restart(struct block_check *check)
{
    check->has_parent = true;
    check->parent = check->genesis->chain_id;
    check->parent_time_ms = check->genesis->created_ms;
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
    if (block->header.epoch != check->validators->set.epoch)
        holds = tell(check, block, "it is of an epoch whose validators the genesis does not name");
    return holds;
}

static bool check_leader(struct block_check *check, const struct block *block)
{
    const struct verify_set *set = check->validators;
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
    check->signatures += quorum_of(check->validators->set.count);
    if (!block_is_finalized(block))
        return tell(check, block, "the finalization it carries is another block's");
    if (certificate_check(check->validators, &check->genesis->chain_id, fc) != TALLY_OK)
        return tell(check, block, "the finalization it carries has no quorum of valid signatures");
    check->final_height = block->header.height;
    return true;
}

/* The key a batch was signed with, if it is one of its member's. */
static const struct verify_key *key_of(const struct block_check *check, const struct batch *batch)
{
    const struct genesis_member *member = genesis_member_by_id(check->genesis, batch->member_id);
    if (member == NULL) return NULL;
    for (uint32_t k = 0; k < member->key_count; k++)
        if (public_key_equal(&member->keys[k], &batch->signing_key))
            return &check->keys[member - check->genesis->members][k];
    return NULL;
}

static void check_batches(struct block_check *check, const struct block *block)
{
    for (uint32_t b = 0; b < block->batch_count; b++) {
        const struct batch *batch = &block->batches[b];
        const struct verify_key *key = key_of(check, batch);
        if (!digest_equal(&batch->chain_id, &check->genesis->chain_id))
            check->found(check->context, block, b, "a batch in it is of another chain");
        else if (key == NULL)
            check->found(
                check->context, block, b, "a batch in it is signed with a key that its member does not have");
        else if (batch_check(batch, key) != TALLY_OK)
            check->found(check->context, block, b, "the signature of a batch in it does not hold");
    }
    check->batches += block->batch_count;
    check->signatures += block->batch_count;
}

bool block_check_next(struct block_check *check, const struct block *block)
{
    bool follows = check_chain(check, block);
    bool led = check_leader(check, block);
    bool final = check_finalization(check, block);
    check_batches(check, block);
    check->has_parent = true;
    check->parent = block->hash;
    check->parent_time_ms = block->header.time_ms;
    return follows && led && final;
}
