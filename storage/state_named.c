/* Events found by what they use up or aim at: a member's item id, an event that they correct or retract. */
#include "proto/base/check.h"
#include "storage/state_internal.h"

static enum event_index_kind kind_of(enum state_remedy remedy)
{
    return remedy == STATE_CORRECTED ? INDEX_CORRECTED : INDEX_RETRACTED;
}

/* ---- In a block ---- */

int state_item_put(
    struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], uint32_t index)
{
    CHECK(state->block.open);
    struct digest name = state_item_name(member_id, item_id);
    struct state_place place = {state->block.height, index};
    return state_fail(state, event_index_add(state->index, INDEX_ITEM, &name, place));
}

int state_remedy_put(
    struct state *state, enum state_remedy remedy, const struct digest *target, uint32_t index)
{
    CHECK(state->block.open);
    struct state_place place = {state->block.height, index};
    return state_fail(state, event_index_add(state->index, kind_of(remedy), target, place));
}

/* ---- Reading ---- */

/* The event that stands where the index says. */
static int named_get(
    struct state *state, enum event_index_kind kind, const struct digest *name, struct state_result *stored)
{
    struct state_place place;
    int error = state_event_find(state, kind, name, &place);
    if (error != TALLY_OK) return error;
    error = state_result_get(state, place.height, place.index, stored);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

int state_item_get(
    struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct state_item *item)
{
    struct state_result stored;
    struct digest name = state_item_name(member_id, item_id);
    int error = named_get(state, INDEX_ITEM, &name, &stored);
    if (error == TALLY_ENOTFOUND) return state_base_item(state, member_id, item_id, item);
    if (error == TALLY_OK) *item = (struct state_item){stored.event_id, stored.result.code};
    return error;
}

int state_remedy_get(
    struct state *state, enum state_remedy remedy, const struct digest *target, struct digest *event_id)
{
    struct state_result stored;
    int error = named_get(state, kind_of(remedy), target, &stored);
    if (error == TALLY_OK) *event_id = stored.event_id;
    return error;
}
