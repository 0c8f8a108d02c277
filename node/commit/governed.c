#include "node/commit/governed.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state.h"

#define ARENA_SIZE (REGISTER_SIZE_MAX + 64u * KIB)
#define WHY_SIZE 128u

_Static_assert(REGISTER_SIZE_MAX <= STATE_REGISTER_SIZE_MAX, "the register fits its place in the state");

/* ---- Opening ---- */

static struct digest set_hash_of(const struct member_register *value)
{
    struct validator_set set;
    register_current_set(value, &set);
    return validator_set_hash(&set);
}

/* What the rules ask, of the value as it is now. */
static int work_out(struct governed *governed)
{
    const struct member_register *value = governed->value;
    char why[WHY_SIZE];
    register_index_make(&governed->index, value);
    governed->set_hash = set_hash_of(value);
    int error =
        credit_policy_parse(span_of(value->policy, value->policy_size), &governed->policy, why, sizeof why);
    return error == TALLY_OK || error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
}

static int read_stored(struct governed *governed)
{
    struct state_register stored;
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    int error = state_register_get(governed->state, &arena, &stored);
    if (error == TALLY_OK) error = register_decode(stored.bytes, governed->value);
    if (error == TALLY_OK) governed->set_before = stored.set_before;
    arena_close(&arena);
    return error == TALLY_ENOTFOUND || error == TALLY_EFORM ? TALLY_EDAMAGED : error;
}

int governed_open(struct governed *governed, struct state *state, const struct genesis *genesis)
{
    *governed = (struct governed){.state = state, .chain_id = genesis->chain_id};
    register_index_init(&governed->index);
    governed->value = calloc(1, sizeof *governed->value);
    if (governed->value == NULL) return TALLY_ENOMEM;
    int error = state_applied_height(state) > 0 ? read_stored(governed)
                                                : register_from_genesis(genesis, governed->value);
    return error == TALLY_OK ? work_out(governed) : error;
}

void governed_close(struct governed *governed)
{
    free(governed->value);
    governed->value = NULL;
}

/* ---- A batch of events ---- */

enum result_code governed_batch_rule(
    const struct governed *governed, const struct batch *batch, uint64_t height)
{
    const struct register_member *member = register_member_by_id(governed->value, batch->member_id);
    if (member == NULL || member->status != MEMBER_ACTIVE) return RESULT_NOT_ALLOWED;
    const struct register_key *key =
        register_index_find(&governed->index, governed->value, &batch->signing_key);
    bool holds = key != NULL && key->kind == KEY_SIGNING && key->member_id == member->id &&
                 key->from <= height && (key->until == 0 || height < key->until);
    return holds ? RESULT_OK : RESULT_KEY_REVOKED;
}

/* ---- The block ---- */

static int put(struct governed *governed)
{
    struct buffer bytes;
    buffer_init(&bytes, REGISTER_SIZE_MAX);
    register_encode(governed->value, &bytes);
    int error = bytes.failed ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK)
        error = state_register_put(
            governed->state, &(struct state_register){.policy_root = credit_policy_root(&governed->policy),
                                 .set_before = governed->set_before,
                                 .bytes = buffer_span(&bytes)});
    buffer_close(&bytes);
    CHECK(error != TALLY_ELIMIT);
    return error;
}

static int transactions_apply(struct governed *governed, const struct governance_block *at,
    const struct block *block, struct event_result *results)
{
    uint32_t count = 0;
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < block->batch_count; i++) {
        const struct governance_transaction *transaction = block->batches[i].governance;
        if (transaction == NULL) continue;
        error = governance_apply(governed->value, at, transaction, &results[count++]);
        governed->changed = true;
    }
    return error;
}

int governed_block(struct governed *governed, const struct block *block, struct event_result *results,
    struct digest *set_hash, struct digest *next_set_hash)
{
    const struct block_header *header = &block->header;
    struct governance_block at = {
        .chain_id = governed->chain_id, .height = header->height, .time_ms = header->time_ms};
    bool ended;
    *set_hash = governed->set_hash;
    governed->changed = governance_begin(governed->value, &at);
    int error = transactions_apply(governed, &at, block, results);
    if (error == TALLY_OK)
        error = governance_end(governed->value, &at, header->seals ? &header->next_set : NULL, &ended);
    if (error != TALLY_OK) return error == TALLY_EINVALID ? TALLY_EDAMAGED : error;
    governed->changed = governed->changed || ended;
    if (header->seals) governed->set_before = *set_hash;
    if (governed->changed) error = work_out(governed);
    /* The genesis's is put too: from the first block on there is one. */
    if (error == TALLY_OK && (governed->changed || header->height == 1)) error = put(governed);
    *next_set_hash = governed->set_hash;
    return error;
}

void governed_epoch_at(const struct governed *governed, uint64_t height, struct checkpoint *checkpoint)
{
    const struct member_register *value = governed->value;
    bool before = height < value->epoch_from;
    checkpoint->epoch = before ? value->epoch - 1 : value->epoch;
    checkpoint->set_hash = before ? governed->set_before : governed->set_hash;
    checkpoint->next_set_hash = height + 1 < value->epoch_from ? governed->set_before : governed->set_hash;
}
