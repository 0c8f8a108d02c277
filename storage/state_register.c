/* The register in the state: bytes under one key, and their root among the state's parts. */
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/state_internal.h"

static struct state_register_roots roots_of(const struct state_register *stored)
{
    return (struct state_register_roots){
        .members_root = digest_tagged(TAG_REGISTER, stored->bytes), .policy_root = stored->policy_root};
}

struct state_parts state_parts_of(const struct digest *subjects_root,
    const struct state_register_roots *registered, const struct state_meta *meta)
{
    return (struct state_parts){.subjects_root = *subjects_root,
        .members_root = registered->members_root,
        .policy_root = registered->policy_root,
        .replay_root = replay_window_root(&meta->window),
        .counts_root = state_counts_root(&meta->counts)};
}

int state_register_open(struct state *state)
{
    struct state_key key = state_key_alone('N');
    struct state_register stored;
    int error = state_value_get(state, &key, &state->held);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error == TALLY_OK) error = state_register_decode(buffer_span(&state->held), &stored);
    if (error == TALLY_OK) state->registered = roots_of(&stored);
    return error;
}

int state_register_put(struct state *state, const struct state_register *put)
{
    CHECK(state->block.open);
    if (put->bytes.size == 0 || put->bytes.size > STATE_REGISTER_SIZE_MAX) return TALLY_ELIMIT;
    struct state_key key = state_key_alone('N');
    state->block.registered = roots_of(put);
    state_register_encode(put, &state->scratch);
    return state_fail(state, state_value_put(state, &key));
}

int state_register_get(struct state *state, struct arena *arena, struct state_register *stored)
{
    struct state_key key = state_key_alone('N');
    struct state_register read;
    struct buffer value;
    state_value_init(&value);
    int error = state_value_get(state, &key, &value);
    if (error == TALLY_OK) error = state_register_decode(buffer_span(&value), &read);
    if (error == TALLY_OK) {
        uint8_t *bytes = arena_take(arena, read.bytes.size);
        if (bytes == NULL) {
            error = TALLY_ENOMEM;
        } else {
            memcpy(bytes, read.bytes.data, read.bytes.size);
            *stored = read;
            stored->bytes.data = bytes;
        }
    }
    buffer_close(&value);
    return error;
}
