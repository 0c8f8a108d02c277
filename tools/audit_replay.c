#include "tools/audit_replay.h"

#include <inttypes.h>

#include "node/commit/replay.h"
#include "proto/codec/ruling.h"
#include "storage/ledger.h"

/* What is kept of one block's results. */
#define RESULTS_ARENA_BUDGET (64u * MIB)
#define HEX_SIZE (2 * DIGEST_SIZE + 1)

/* ---- Life ---- */

static void kept_open(struct audit_replay *replay, const char *kept_dir, const struct state_config *config)
{
    struct audit_difference at = audit_at_height(0);
    int error = state_open(kept_dir, config, &replay->kept);
    if (error == TALLY_OK) {
        replay->report->counts.state_height = state_applied_height(replay->kept);
        return;
    }
    replay->kept = NULL;
    audit_tell(replay->report, &at, "the node's own state, and the checkpoints in it, cannot be read: %s",
        tally_error_text(error));
}

int audit_replay_open(struct audit_report *report, const struct genesis *genesis,
    const struct certified_checkpoint *given, struct ledger *ledger, const char *own_dir,
    const char *kept_dir, struct audit_replay *replay)
{
    struct state_config config = replay_config(genesis);
    *replay = (struct audit_replay){.report = report, .genesis = genesis, .given = given};
    arena_init(&replay->arena, RESULTS_ARENA_BUDGET);
    if (kept_dir != NULL) kept_open(replay, kept_dir, &config);
    int error = state_open(own_dir, &config, &replay->own);
    if (error != TALLY_OK) {
        replay->own = NULL;
        return error;
    }
    struct header_source headers = header_source_of(ledger);
    return execution_open(replay->own, genesis, &headers, &replay->execution);
}

void audit_replay_close(struct audit_replay *replay)
{
    execution_close(replay->execution);
    state_close(replay->own);
    state_close(replay->kept);
    arena_close(&replay->arena);
}

/* ---- Roots ---- */

static void root_compare(struct audit_replay *replay, uint64_t height, const char *name,
    const struct digest *ours, const struct digest *theirs, const char *whose)
{
    char our_hex[HEX_SIZE], their_hex[HEX_SIZE];
    struct audit_difference at = audit_at_height(height);
    if (digest_equal(ours, theirs)) return;
    hex_encode(span_of(ours->bytes, DIGEST_SIZE), our_hex);
    hex_encode(span_of(theirs->bytes, DIGEST_SIZE), their_hex);
    audit_tell(replay->report, &at, "%s: the rules give %s, and %s has %s", name, our_hex, whose, their_hex);
}

static void certified_compare(
    struct audit_replay *replay, const struct checkpoint *ours, const struct certified_checkpoint *certified)
{
    static const char whose[] = "the checkpoint that a quorum signed";
    const struct checkpoint *theirs = &certified->checkpoint;
    root_compare(replay, ours->height, "state_root", &ours->state_root, &theirs->state_root, whose);
    root_compare(replay, ours->height, "results_root", &ours->results_root, &theirs->results_root, whose);
    root_compare(replay, ours->height, "history_root", &ours->history_root, &theirs->history_root, whose);
    struct digest our_digest = checkpoint_digest(ours), their_digest = checkpoint_digest(theirs);
    bool roots_equal = digest_equal(&ours->state_root, &theirs->state_root) &&
                       digest_equal(&ours->results_root, &theirs->results_root) &&
                       digest_equal(&ours->history_root, &theirs->history_root);
    struct audit_difference at = audit_at_height(ours->height);
    if (roots_equal && !digest_equal(&our_digest, &their_digest))
        audit_tell(replay->report, &at, "the epoch, time or validators in %s are not the block's", whose);
    replay->report->counts.checkpoints++;
    replay->report->counts.certified = ours->height;
}

/* `ours` is NULL where nothing was computed. */
static void certified_check(struct audit_replay *replay, const struct block *block,
    const struct checkpoint *ours, const struct certified_checkpoint *certified)
{
    struct audit_difference at = audit_at_height(block->header.height);
    replay->report->counts.signatures += quorum_of(replay->validators.set.count);
    if (!digest_equal(&certified->checkpoint.chain_id, &replay->genesis->chain_id) ||
        certified_checkpoint_check(&replay->validators, certified) != TALLY_OK)
        audit_tell(replay->report, &at, "its certified checkpoint has no quorum of valid signatures");
    else if (!digest_equal(&certified->checkpoint.block, &block->hash))
        audit_tell(replay->report, &at, "its certified checkpoint is of another block");
    else if (ours != NULL)
        certified_compare(replay, ours, certified);
}

/* What the node has of what a quorum signed of this height. */
static int kept_certified_check(
    struct audit_replay *replay, const struct block *block, const struct checkpoint *ours)
{
    struct certified_checkpoint certified;
    struct audit_difference at = audit_at_height(block->header.height);
    int error = state_certified_get(replay->kept, block->header.height, &certified);
    if (error == TALLY_OK) certified_check(replay, block, ours, &certified);
    if (error == TALLY_EDAMAGED) audit_tell(replay->report, &at, "its certified checkpoint cannot be read");
    return error == TALLY_ENOTFOUND || error == TALLY_EDAMAGED ? TALLY_OK : error;
}

/* What the node's own state says stood after this block. */
static int kept_roots_check(struct audit_replay *replay, const struct checkpoint *ours)
{
    static const char whose[] = "the node's own state";
    struct state_roots roots;
    struct audit_difference at = audit_at_height(ours->height);
    if (ours->height > state_applied_height(replay->kept)) return TALLY_OK;
    int error = state_roots_get(replay->kept, ours->height, &roots);
    if (error == TALLY_ENOTFOUND || error == TALLY_EDAMAGED) {
        audit_tell(replay->report, &at, "the node's own state has no roots of this block");
        return TALLY_OK;
    }
    if (error != TALLY_OK) return error;
    root_compare(replay, ours->height, "block", &ours->block, &roots.block, whose);
    root_compare(replay, ours->height, "state_root", &ours->state_root, &roots.state_root, whose);
    root_compare(replay, ours->height, "results_root", &ours->results_root, &roots.results_root, whose);
    root_compare(replay, ours->height, "history_root", &ours->history_root, &roots.history_root, whose);
    return TALLY_OK;
}

/* ---- Results ---- */

static int kept_results_read(struct audit_replay *replay, const struct block *block)
{
    struct state_result *results;
    uint64_t height = block->header.height;
    struct audit_difference at = audit_at_height(height);
    replay->block = block;
    replay->result_count = 0;
    if (replay->kept == NULL || height > state_applied_height(replay->kept)) return TALLY_OK;
    arena_reset(&replay->arena);
    int error = state_results_read(replay->kept, height, &replay->arena, &results, &replay->result_count);
    if (error == TALLY_OK) {
        replay->results = results;
        if (replay->result_count != block_result_count(block))
            audit_tell(replay->report, &at,
                "the node's own state has %" PRIu32 " results of its %" PRIu32
                " events and governance transactions",
                replay->result_count, block_result_count(block));
        return TALLY_OK;
    }
    replay->result_count = 0;
    if (error == TALLY_EPENDING) return TALLY_OK; /* it came with a snapshot, and has them not yet */
    if (error != TALLY_ENOTFOUND && error != TALLY_EDAMAGED) return error;
    audit_tell(replay->report, &at, "the results that the node's own state has of it cannot be read");
    return TALLY_OK;
}

static bool results_equal(const struct event_result *a, const struct event_result *b)
{
    return a->code == b->code && a->detail_size == b->detail_size &&
           memcmp(a->detail, b->detail, a->detail_size) == 0;
}

static const char *name_of(const struct event_result *result)
{
    const char *name = result_name(result->code);
    if (name == NULL) name = ruling_name(result->code);
    return name != NULL ? name : "a code that is none";
}

static void batch_compare(void *context, const struct executed_batch *executed)
{
    struct audit_replay *replay = context;
    for (uint32_t i = 0; i < executed->result_count; i++) {
        uint32_t index = executed->first_index + i;
        if (index >= replay->result_count) return;
        const struct state_result *kept = &replay->results[index];
        const struct event_result *ours = &executed->results[i];
        const struct batch *batch = executed->batch;
        const struct digest *id = batch->governance != NULL ? &batch->digest : &batch->events[i].id;
        replay->report->counts.results++;
        if (digest_equal(&kept->event_id, id) && results_equal(ours, &kept->result)) continue;
        struct audit_difference at = audit_at_event(replay->block, executed->batch_index, index);
        audit_tell(replay->report, &at, "its result: the rules give %s, and the node's own state has %s%s",
            name_of(ours), name_of(&kept->result),
            !digest_equal(&kept->event_id, id) ? ", of another event"
            : ours->code == kept->result.code  ? ", with another detail"
                                               : "");
    }
}

/* ---- A block ---- */

static int apply(struct audit_replay *replay, const struct block *block, struct checkpoint *ours)
{
    int error = kept_results_read(replay, block);
    if (error == TALLY_OK) error = execution_apply(replay->execution, block, batch_compare, replay, ours);
    if (error == TALLY_EINVALID || error == TALLY_ELIMIT) {
        struct audit_difference at = audit_at_height(block->header.height);
        audit_tell(replay->report, &at, "the rules cannot apply it: %s", tally_error_text(error));
        replay->stopped = true;
        return TALLY_OK;
    }
    uint64_t frozen = error == TALLY_OK ? state_frozen_height(replay->own) : 0;
    return frozen != 0 ? state_flush(replay->own, frozen) : error;
}

/* The validators of the block that comes, as the register before it has them. */
static int validators_follow(struct audit_replay *replay)
{
    const struct member_register *members = execution_register(replay->execution);
    struct validator_set set;
    if (members->epoch == replay->validators.set.epoch) return TALLY_OK;
    register_current_set(members, &set);
    return verify_set_init(&set, &replay->validators);
}

int audit_replay_block(struct audit_replay *replay, const struct block *block)
{
    struct checkpoint ours;
    int error = validators_follow(replay);
    if (error == TALLY_OK && !replay->stopped) error = apply(replay, block, &ours);
    if (error != TALLY_OK) return error;
    if (!replay->stopped) replay->report->counts.replayed = ours.height;
    const struct checkpoint *known = replay->stopped ? NULL : &ours;
    if (replay->given != NULL && replay->given->checkpoint.height == block->header.height)
        certified_check(replay, block, known, replay->given);
    if (replay->kept == NULL) return TALLY_OK;
    error = kept_certified_check(replay, block, known);
    if (error == TALLY_OK && known != NULL) error = kept_roots_check(replay, &ours);
    return error;
}

int audit_replay_end(struct audit_replay *replay, uint64_t height)
{
    struct certified_checkpoint certified;
    struct audit_difference at = audit_at_height(height + 1);
    if (replay->given != NULL && replay->given->checkpoint.height > height)
        audit_tell(replay->report, &at, "the checkpoint given is of blocks that the ledger does not have");
    if (replay->kept == NULL) return TALLY_OK;
    if (state_applied_height(replay->kept) > height)
        audit_tell(replay->report, &at, "the node's own state is of blocks that its ledger does not have");
    int error = state_certified_above(replay->kept, height + 1, &certified);
    if (error == TALLY_OK)
        audit_tell(replay->report, &at, "the node has a checkpoint of blocks that its ledger does not have");
    return error == TALLY_ENOTFOUND || error == TALLY_EDAMAGED ? TALLY_OK : error;
}
