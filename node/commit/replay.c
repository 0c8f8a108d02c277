#include "node/commit/replay.h"

#include "node/clock.h"
#include "node/credit/subject_state.h"
#include "node/net/log.h"
#include "proto/base/check.h"

/* What a restart may have to replay so that it comes back at a certified block. */
#define REPLAY_SIZE_MAX (24u * MIB)
/* Without a certificate it is written all the same, once so much waits: early enough that what comes while it
 * is written finds room. */
#define UNCERTIFIED_SIZE_MAX (144u * MIB)
#define REPLAY_ARENA_BUDGET (64u * MIB)
#define REPLAY_TELL_BLOCKS 10000u

struct state_config replay_config(const struct genesis *genesis)
{
    return (struct state_config){
        .chain_id = genesis->chain_id,
        .accounts = subject_state_chains,
    };
}

static int open_state(struct replay *replay)
{
    const struct genesis *genesis = replay->genesis;
    struct state_config config = replay_config(genesis);
    config.cache_size_max = replay->subject_cache_size;
    uint64_t began_ms = clock_now_ms();
    int error = state_open(replay->data_dir, &config, &replay->state);
    if (error != TALLY_OK) return error;
    LOG_INFO("the state is open", LOG_U("height", state_applied_height(replay->state)),
        LOG_U("ms", clock_now_ms() - began_ms));
    struct header_source headers = header_source_of(replay->ledger);
    error = execution_open(replay->state, genesis, &headers, &replay->execution);
    if (error != TALLY_OK) {
        state_close(replay->state);
        replay->state = NULL;
    }
    return error;
}

void replay_close(struct replay *replay)
{
    execution_close(replay->execution);
    state_close(replay->state);
    replay->execution = NULL;
    replay->state = NULL;
}

int replay_checkpoint(struct replay *replay, uint64_t height, struct checkpoint *checkpoint)
{
    struct state_roots roots;
    int error = state_roots_get(replay->state, height, &roots);
    if (error != TALLY_OK) return error;
    *checkpoint = (struct checkpoint){
        .chain_id = replay->genesis->chain_id,
        .height = height,
        .block = roots.block,
        .time_ms = roots.time_ms,
        .state_root = roots.state_root,
        .results_root = roots.results_root,
        .history_root = roots.history_root,
    };
    execution_epoch_at(replay->execution, height, checkpoint);
    return TALLY_OK;
}

/* What was certified before must come out again; else the state is not what a quorum signed. */
static int compare_certified(struct replay *replay, const struct checkpoint *checkpoint)
{
    struct certified_checkpoint certified;
    int error = state_certified_get(replay->state, checkpoint->height, &certified);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error != TALLY_OK) return error;
    struct digest ours = checkpoint_digest(checkpoint), theirs = checkpoint_digest(&certified.checkpoint);
    return digest_equal(&ours, &theirs) ? TALLY_OK : TALLY_EDAMAGED;
}

static int replay_block(struct replay *replay, uint64_t height, struct arena *arena)
{
    struct block block;
    arena_reset(arena);
    int error = ledger_read(replay->ledger, height, false, arena, &block);
    if (error != TALLY_OK) return error == TALLY_EDAMAGED ? TALLY_EPENDING : error;
    struct checkpoint checkpoint;
    error = execution_apply(replay->execution, &block, NULL, NULL, &checkpoint);
    if (error != TALLY_OK) return error;
    error = compare_certified(replay, &checkpoint);
    uint64_t frozen = state_frozen_height(replay->state);
    return error == TALLY_OK && frozen != 0 ? state_flush(replay->state, frozen) : error;
}

int replay_catch_up(struct replay *replay)
{
    struct ledger_head head;
    struct arena arena;
    arena_init(&arena, REPLAY_ARENA_BUDGET);
    ledger_head(replay->ledger, &head);
    uint64_t from = state_applied_height(replay->state) + 1, began_ms = clock_now_ms();
    if (from > head.height + 1) return TALLY_EDAMAGED; /* a state of blocks that this ledger does not have */
    int error = TALLY_OK;
    for (uint64_t height = from; height <= head.height && error == TALLY_OK; height++) {
        error = replay_block(replay, height, &arena);
        if ((height - from + 1) % REPLAY_TELL_BLOCKS == 0)
            LOG_INFO("replaying the ledger", LOG_U("height", height), LOG_U("of", head.height));
    }
    if (error == TALLY_OK && head.height >= from)
        LOG_INFO("replayed the ledger", LOG_U("from", from), LOG_U("to", head.height),
            LOG_U("ms", clock_now_ms() - began_ms));
    arena_close(&arena);
    return error;
}

int replay_rebuild(struct replay *replay)
{
    replay_close(replay);
    int error = state_discard(replay->data_dir);
    if (error == TALLY_OK) error = open_state(replay);
    if (error == TALLY_OK) error = replay_catch_up(replay);
    return error;
}

int replay_open(struct replay *replay)
{
    int error = open_state(replay);
    if (error == TALLY_OK) error = replay_catch_up(replay);
    if (error != TALLY_EDAMAGED) return error;
    LOG_UNUSUAL("the state is damaged; rebuilding it from the ledger");
    return replay_rebuild(replay);
}

int replay_apply(struct replay *replay, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint)
{
    return execution_apply(replay->execution, block, done, context, checkpoint);
}

static uint64_t certified_height(struct replay *replay)
{
    struct certified_checkpoint certified;
    return state_certified_newest(replay->state, &certified) == TALLY_OK ? certified.checkpoint.height : 0;
}

bool replay_flush_due(struct replay *replay)
{
    uint64_t frozen = state_frozen_height(replay->state);
    return frozen != 0 &&
           (frozen <= certified_height(replay) || state_unflushed_size(replay->state) > UNCERTIFIED_SIZE_MAX);
}

int replay_flush(struct replay *replay)
{
    struct state *state = replay->state;
    uint64_t height = state_applied_height(state), certified = certified_height(replay);
    if (state_unflushed_size(state) < REPLAY_SIZE_MAX && certified != 0 && certified < height)
        height = certified;
    return state_flush(state, height);
}
