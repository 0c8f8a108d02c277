/* Certified checkpoints, the versions proofs are made at, and the proofs. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state_internal.h"

/* ---- Versions ---- */

static void release_oldest(struct state *state)
{
    CHECK(state->version_count > 0);
    struct state_version *oldest = state_version_at(state, 0);
    subject_map_release(state->pool, oldest->map);
    *oldest = (struct state_version){0};
    state->version_first = (state->version_first + 1) % STATE_VERSIONS_MAX;
    state->version_count--;
}

/* Proofs are made at the newest certified version: those below it are of no more use. */
void state_versions_release(struct state *state)
{
    uint32_t keep = 0;
    for (uint32_t i = 0; i < state->version_count; i++)
        if (state_version_at(state, i)->certified) keep = i;
    while (keep-- > 0)
        release_oldest(state);
}

static bool checkpoint_matches(const struct checkpoint *checkpoint, const struct state_roots *roots)
{
    return checkpoint->height == roots->height && checkpoint->time_ms == roots->time_ms &&
           digest_equal(&checkpoint->block, &roots->block) &&
           digest_equal(&checkpoint->state_root, &roots->state_root) &&
           digest_equal(&checkpoint->results_root, &roots->results_root) &&
           digest_equal(&checkpoint->history_root, &roots->history_root);
}

int state_version_push(struct state *state, struct subject_map_node *map, const struct state_roots *roots)
{
    if (state->version_count == STATE_VERSIONS_MAX) release_oldest(state);
    state->version_count++;
    *state_newest(state) = (struct state_version){.map = map, .roots = *roots};
    if (!state->has_certified || state->certified.checkpoint.height < roots->height) return TALLY_OK;
    struct certified_checkpoint checkpoint;
    int error = state_certified_get(state, roots->height, &checkpoint);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error != TALLY_OK) return error;
    if (!checkpoint_matches(&checkpoint.checkpoint, roots)) return TALLY_OK;
    state_newest(state)->certified = true;
    state_versions_release(state);
    return TALLY_OK;
}

/* ---- Certified checkpoints ---- */

int state_pending_gather(struct state *state, struct store_batch *batch)
{
    if (state->pending_count == 0) return TALLY_OK;
    for (uint32_t i = 0; i < state->pending_count; i++) {
        struct state_key key = state_key_of_height('C', state->pending[i].checkpoint.height);
        buffer_clear(&state->scratch);
        certified_checkpoint_encode(&state->pending[i], &state->scratch);
        if (state->scratch.failed) return TALLY_ENOMEM;
        store_batch_put(batch, state_key_span(&key), buffer_span(&state->scratch));
    }
    buffer_clear(&state->scratch);
    uint8_t height[8];
    put_u64(height, state->certified.checkpoint.height);
    struct state_key newest = state_key_alone('Q');
    store_batch_put(batch, state_key_span(&newest), span_of(height, sizeof height));
    return TALLY_OK;
}

/* Writes the pending checkpoints without any block. */
static int pending_flush(struct state *state)
{
    struct store_batch *batch = store_batch_make();
    if (batch == NULL) return TALLY_ENOMEM;
    int error = state_pending_gather(state, batch);
    if (error == TALLY_OK) error = store_commit(state->store, batch);
    if (error == TALLY_OK) state->pending_count = 0;
    store_batch_close(batch);
    return error;
}

int state_certified_put(struct state *state, const struct certified_checkpoint *checkpoint)
{
    CHECK(!state->block.open);
    if (state->failed) return TALLY_EIO;
    uint64_t height = checkpoint->checkpoint.height;
    struct state_version *version = NULL;
    for (uint32_t i = 0; i < state->version_count; i++)
        if (state_version_at(state, i)->roots.height == height) version = state_version_at(state, i);
    if (version != NULL && !checkpoint_matches(&checkpoint->checkpoint, &version->roots))
        return TALLY_EINVALID;
    struct certified_checkpoint known;
    int error = state_certified_get(state, height, &known);
    if (error == TALLY_OK) return TALLY_OK;
    if (error != TALLY_ENOTFOUND) return error;
    if (state->pending_count == STATE_PENDING_MAX) {
        error = pending_flush(state);
        if (error != TALLY_OK) return state_fail(state, error);
    }
    state->pending[state->pending_count++] = *checkpoint;
    if (!state->has_certified || state->certified.checkpoint.height < height) state->certified = *checkpoint;
    state->has_certified = true;
    if (version != NULL) {
        version->certified = true;
        state_versions_release(state);
    }
    return TALLY_OK;
}

int state_certified_newest(struct state *state, struct certified_checkpoint *checkpoint)
{
    if (!state->has_certified) return TALLY_ENOTFOUND;
    *checkpoint = state->certified;
    return TALLY_OK;
}

static int checkpoint_decode_stored(struct span value, struct certified_checkpoint *checkpoint)
{
    return certified_checkpoint_decode(value, checkpoint) == TALLY_OK ? TALLY_OK : TALLY_EDAMAGED;
}

int state_certified_get(struct state *state, uint64_t height, struct certified_checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < state->pending_count; i++) {
        if (state->pending[i].checkpoint.height != height) continue;
        *checkpoint = state->pending[i];
        return TALLY_OK;
    }
    struct state_key key = state_key_of_height('C', height);
    struct span value;
    int error = state_value_get(state, &key, &value);
    return error == TALLY_OK ? checkpoint_decode_stored(value, checkpoint) : error;
}

struct above {
    struct certified_checkpoint checkpoint;
    bool found;
    int error;
};

static bool above_seen(void *context, struct span key, struct span value)
{
    struct above *above = context;
    (void)key;
    above->error = checkpoint_decode_stored(value, &above->checkpoint);
    above->found = above->error == TALLY_OK;
    return false;
}

int state_certified_above(struct state *state, uint64_t height, struct certified_checkpoint *checkpoint)
{
    if (!state->has_certified || state->certified.checkpoint.height < height) return TALLY_ENOTFOUND;
    struct above above = {.error = TALLY_OK};
    struct state_key prefix = state_key_alone('C'), start = state_key_of_height('C', height);
    int error = store_scan(state->store, state_key_span(&prefix), state_key_span(&start), above_seen, &above);
    if (error == TALLY_OK) error = above.error;
    if (error != TALLY_OK) return error;
    for (uint32_t i = 0; i < state->pending_count; i++) {
        uint64_t candidate = state->pending[i].checkpoint.height;
        if (candidate < height || (above.found && candidate >= above.checkpoint.checkpoint.height)) continue;
        above.checkpoint = state->pending[i];
        above.found = true;
    }
    if (!above.found) return TALLY_ENOTFOUND;
    *checkpoint = above.checkpoint;
    return TALLY_OK;
}

/* ---- Proofs ---- */

int state_provable_height(struct state *state, uint64_t *height)
{
    for (uint32_t i = state->version_count; i > 0; i--) {
        const struct state_version *version = state_version_at(state, i - 1);
        if (!version->certified) continue;
        *height = version->roots.height;
        return TALLY_OK;
    }
    return TALLY_EBUSY;
}

int state_prove(
    struct state *state, uint64_t height, const struct digest *subject_id, struct state_proof *proof)
{
    const struct state_version *version = NULL;
    for (uint32_t i = 0; i < state->version_count; i++)
        if (state_version_at(state, i)->roots.height == height) version = state_version_at(state, i);
    if (version == NULL) return TALLY_EBUSY;
    struct digest position = subject_position(&state->config.chain_id, subject_id);
    struct subject_map_proof *path = malloc(sizeof *path);
    if (path == NULL) return TALLY_ENOMEM;
    subject_map_prove(version->map, &position, path);
    proof->parts = version->roots.parts;
    proof->place = path->place;
    proof->leaf = path->leaf;
    proof->other_position = path->other_position;
    proof->sibling_count = path->sibling_count;
    memcpy(proof->siblings, path->siblings, path->sibling_count * sizeof *path->siblings);
    free(path);
    return TALLY_OK;
}

int state_tree_get(void *context, uint32_t level, uint64_t index, struct digest *node)
{
    struct state *state = context;
    struct state_key key = state_key_of_tree(level, index);
    struct span value;
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_ENOTFOUND) return TALLY_EDAMAGED;
    return error == TALLY_OK ? state_digest_decode(value, node) : error;
}

int state_history_path(
    struct state *state, uint64_t under, uint64_t height, struct digest *path, size_t *path_length)
{
    if (height == 0 || height > under || under > state->meta.height) return TALLY_ENOTFOUND;
    return merkle_stored_path(under, height - 1, state_tree_get, state, path, path_length);
}
