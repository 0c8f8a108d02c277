/* What the rules ask of events that were folded before the snapshot. */
#include "storage/state_internal.h"

/* A snapshot holds no event with an item id, nor one that aims at another, before its format has their facts.
 */
int state_base_item(
    struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct state_item *item)
{
    (void)state, (void)member_id, (void)item_id, (void)item;
    return TALLY_ENOTFOUND;
}

int state_base_target(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    struct state_base_event *event)
{
    (void)state, (void)subject_id, (void)event_id, (void)event;
    return TALLY_ENOTFOUND;
}
