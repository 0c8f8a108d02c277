/* Certified checkpoints, the versions proofs are made at, and the proofs. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state_internal.h"

/* ---- Versions ---- */

static void release_oldest(struct state *state)
{
    CHECK(state->version_count > 0);
    struct state_version *oldest = state_version_at(state, 0);
    *oldest = (struct state_version){0};
    state->version_first = (state->version_first + 1) % STATE_VERSIONS_MAX;
    state->version_count--;
    subject_map_release_oldest(state->pool);
}

/* A node that catches up is told of no certificate until it has: its versions would fill the memory. */
static bool versions_are_many(const struct state *state)
{
    return state->version_count == STATE_VERSIONS_MAX ||
           (state->version_count >= STATE_VERSIONS_MIN &&
               subject_map_pool_older_nodes(state->pool) > state->config.older_nodes_max);
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

int state_version_push(struct state *state, const struct subject_map *map, const struct state_roots *roots)
{
    state_lock(state);
    while (versions_are_many(state))
        release_oldest(state);
    state->version_count++;
    *state_newest(state) = (struct state_version){.map = *map, .roots = *roots};
    state_unlock(state);
    if (!state->has_certified || state->certified.checkpoint.height < roots->height) return TALLY_OK;
    struct certified_checkpoint checkpoint;
    int error = state_certified_get(state, roots->height, &checkpoint);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error != TALLY_OK) return error;
    if (!checkpoint_matches(&checkpoint.checkpoint, roots)) return TALLY_OK;
    state_lock(state);
    state_newest(state)->certified = true;
    state_versions_release(state);
    state_unlock(state);
    return TALLY_OK;
}

/* ---- Certified checkpoints ---- */

/* All that is in memory under keys of this kind. */
static int gather_kind(struct state *state, char kind, struct store_batch *batch)
{
    struct state_key prefix = state_key_alone(kind);
    struct overlay_pair *pairs;
    size_t count;
    struct arena arena;
    arena_init(&arena, SIZE_MAX / 8);
    int error = overlay_scan(
        state->overlay, state_key_span(&prefix), state_key_span(&prefix), &arena, &pairs, &count);
    for (size_t i = 0; error == TALLY_OK && i < count; i++)
        store_batch_put(batch, pairs[i].key, pairs[i].value);
    arena_close(&arena);
    return error;
}

int state_certified_gather(struct state *state, struct store_batch *batch)
{
    struct state_key newest = state_key_alone('Q');
    uint8_t height[8];
    int error = gather_kind(state, 'K', batch);
    if (error != TALLY_OK || !state->has_certified) return error;
    error = gather_kind(state, 'C', batch);
    put_u64(height, state->certified.checkpoint.height);
    store_batch_put(batch, state_key_span(&newest), span_of(height, sizeof height));
    return error;
}

static int checkpoint_keep(struct state *state, const struct certified_checkpoint *checkpoint, bool is_newest)
{
    struct state_key key = state_key_of_height('C', checkpoint->checkpoint.height);
    struct state_key newest = state_key_alone('Q');
    buffer_clear(&state->scratch);
    certified_checkpoint_encode(checkpoint, &state->scratch);
    int error = state_value_put(state, &key);
    if (error == TALLY_OK && is_newest) {
        buffer_u64(&state->scratch, checkpoint->checkpoint.height);
        error = state_value_put(state, &newest);
    }
    if (error == TALLY_OK) overlay_publish(state->overlay);
    return state_fail(state, error);
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
    bool is_newest = !state->has_certified || state->certified.checkpoint.height < height;
    /* Whoever sees that the height is provable looks for its checkpoint. */
    error = checkpoint_keep(state, checkpoint, is_newest);
    if (error != TALLY_OK) return error;
    state_lock(state);
    if (is_newest) state->certified = *checkpoint;
    state->has_certified = true;
    if (version != NULL) {
        version->certified = true;
        state_versions_release(state);
    }
    state_unlock(state);
    return TALLY_OK;
}

int state_certified_newest(struct state *state, struct certified_checkpoint *checkpoint)
{
    state_lock(state);
    bool has = state->has_certified;
    if (has) *checkpoint = state->certified;
    state_unlock(state);
    return has ? TALLY_OK : TALLY_ENOTFOUND;
}

static int checkpoint_decode_stored(struct span value, struct certified_checkpoint *checkpoint)
{
    return certified_checkpoint_decode(value, checkpoint) == TALLY_OK ? TALLY_OK : TALLY_EDAMAGED;
}

int state_certified_get(struct state *state, uint64_t height, struct certified_checkpoint *checkpoint)
{
    struct state_key key = state_key_of_height('C', height);
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = checkpoint_decode_stored(buffer_span(&value), checkpoint);
    buffer_close(&value);
    return error;
}

static bool above_seen(void *context, struct span key, struct span value)
{
    struct buffer *found = context;
    buffer_append(found, key.data, key.size);
    buffer_append(found, value.data, value.size);
    return false;
}

/* The first of both: what is in the store alone, or in memory, or in both. */
static int checkpoint_first(struct span pair, const struct overlay_pair *newer, size_t newer_count,
    struct certified_checkpoint *checkpoint)
{
    size_t key_size = 1 + 8;
    if (pair.size == 0 && newer_count == 0) return TALLY_ENOTFOUND;
    if (pair.size == 0 || (newer_count > 0 && memcmp(newer[0].key.data, pair.data, key_size) <= 0))
        return checkpoint_decode_stored(newer[0].value, checkpoint);
    return checkpoint_decode_stored(span_of(pair.data + key_size, pair.size - key_size), checkpoint);
}

int state_certified_above(struct state *state, uint64_t height, struct certified_checkpoint *checkpoint)
{
    struct state_key prefix = state_key_alone('C'), start = state_key_of_height('C', height);
    struct overlay_pair *pairs;
    size_t count;
    struct arena arena;
    struct buffer stored;
    arena_init(&arena, SIZE_MAX / 8);
    state_value_init(&stored);
    int error =
        overlay_scan(state->overlay, state_key_span(&prefix), state_key_span(&start), &arena, &pairs, &count);
    if (error == TALLY_OK)
        error =
            store_scan(state->store, state_key_span(&prefix), state_key_span(&start), above_seen, &stored);
    if (error == TALLY_OK && stored.failed) error = TALLY_ENOMEM;
    if (error == TALLY_OK) error = checkpoint_first(buffer_span(&stored), pairs, count, checkpoint);
    buffer_close(&stored);
    arena_close(&arena);
    return error;
}

/* ---- Seals ---- */

int state_seal_put(struct state *state, const struct epoch_seal *seal)
{
    CHECK(!state->block.open);
    CHECK(checkpoint_seals(&seal->checkpoint.checkpoint));
    if (state->failed) return TALLY_EIO;
    struct state_key key = state_key_of_height('K', seal->checkpoint.checkpoint.epoch);
    buffer_clear(&state->scratch);
    epoch_seal_append(seal, &state->scratch);
    int error = state_value_put(state, &key);
    if (error == TALLY_OK) overlay_publish(state->overlay);
    return state_fail(state, error);
}

int state_seals_read(struct state *state, uint64_t epoch, struct buffer *seals)
{
    struct buffer value;
    size_t before = seals->size;
    int error = epoch > EPOCH_SEALS_MAX + 1 ? TALLY_ELIMIT : TALLY_OK;
    state_value_init(&value);
    for (uint64_t past = 1; error == TALLY_OK && past < epoch; past++) {
        struct state_key key = state_key_of_height('K', past);
        error = state_value_get(state, &key, &value);
        if (error == TALLY_OK) buffer_append(seals, value.data, value.size);
    }
    if (error == TALLY_OK && seals->failed) error = TALLY_ENOMEM;
    if (error != TALLY_OK) seals->size = before;
    buffer_close(&value);
    return error;
}

int state_seals_known(struct state *state, struct buffer *seals)
{
    struct buffer value;
    int error = TALLY_OK;
    state_value_init(&value);
    for (uint64_t epoch = 1; error == TALLY_OK && epoch <= EPOCH_SEALS_MAX; epoch++) {
        struct state_key key = state_key_of_height('K', epoch);
        error = state_value_get(state, &key, &value);
        if (error == TALLY_OK) buffer_append(seals, value.data, value.size);
    }
    buffer_close(&value);
    if (error == TALLY_ENOTFOUND) error = TALLY_OK;
    return error == TALLY_OK && seals->failed ? TALLY_ENOMEM : error;
}

/* ---- Proofs ---- */

int state_provable_height(struct state *state, uint64_t *height)
{
    int error = TALLY_EBUSY;
    state_lock(state);
    for (uint32_t i = state->version_count; i > 0 && error != TALLY_OK; i--) {
        const struct state_version *version = state_version_at(state, i - 1);
        if (!version->certified) continue;
        *height = version->roots.height;
        error = TALLY_OK;
    }
    state_unlock(state);
    return error;
}

int state_prove(
    struct state *state, uint64_t height, const struct digest *subject_id, struct state_proof *proof)
{
    const struct state_version *version = NULL;
    struct digest position = subject_position(&state->config.chain_id, subject_id);
    struct subject_map_proof *path = malloc(sizeof *path);
    if (path == NULL) return TALLY_ENOMEM;
    /* As long as the lock is held the version is not let go; its nodes do not change. */
    state_lock(state);
    for (uint32_t i = 0; i < state->version_count; i++)
        if (state_version_at(state, i)->roots.height == height) version = state_version_at(state, i);
    if (version != NULL) {
        subject_map_prove(&version->map, &position, path);
        proof->parts = version->roots.parts;
    }
    state_unlock(state);
    if (version == NULL) {
        free(path);
        return TALLY_EBUSY;
    }
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
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = state_digest_decode(buffer_span(&value), node);
    buffer_close(&value);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

int state_history_path(
    struct state *state, uint64_t under, uint64_t height, struct digest *path, size_t *path_length)
{
    if (height == 0 || height > under || under > state_applied_height(state)) return TALLY_ENOTFOUND;
    return merkle_stored_path(under, height - 1, state_tree_get, state, path, path_length);
}
