#include "storage/snapshot_merge.h"

void snapshot_merge_init(
    struct snapshot_merge *merge, const struct store_view *view, struct snapshot_spill *spill)
{
    *merge = (struct snapshot_merge){.spill = spill};
    store_records_init(&merge->base, view, 'H');
}

void snapshot_merge_close(struct snapshot_merge *merge)
{
    store_records_close(&merge->base);
}

/* Of whom what comes next is: what was before was taken, so it is not of an earlier subject. */
static int whose(const uint8_t *found, const struct digest *position)
{
    int order = memcmp(found, position->bytes, DIGEST_SIZE);
    return order == 0 ? TALLY_OK : order < 0 ? TALLY_EDAMAGED : TALLY_ENOTFOUND;
}

static int base_hold(struct snapshot_merge *merge)
{
    struct store_record record;
    if (merge->held) return TALLY_OK;
    int error = store_records_peek(&merge->base, &record);
    if (error == TALLY_OK) error = base_chunk_decode(record.key, record.value, &merge->chunk);
    if (error != TALLY_OK) return error;
    merge->position = record.key.data + 1;
    merge->chunk_at = 0;
    merge->held = true;
    return TALLY_OK;
}

static int base_next(struct snapshot_merge *merge, const struct digest *position,
    const struct account_chain *chains, uint32_t chain_count, struct snapshot_event *event)
{
    int error = base_hold(merge);
    if (error == TALLY_OK) error = whose(merge->position, position);
    if (error != TALLY_OK) return error;
    *event = merge->chunk.events[merge->chunk_at];
    if (!snapshot_event_has_item(event)) {
        struct base_account account = base_chunk_account(&merge->chunk, event->account);
        event->account = account_chain_find(chains, chain_count, account.member_id, account.ref);
        if (event->account == chain_count) return TALLY_EDAMAGED;
    }
    if (++merge->chunk_at < merge->chunk.count) return TALLY_OK;
    merge->held = false;
    store_records_next(&merge->base);
    return TALLY_OK;
}

static int spill_next(struct snapshot_merge *merge, const struct digest *position,
    const struct account_chain *chains, uint32_t chain_count, struct snapshot_event *event)
{
    const struct spilled_event *spilled = snapshot_spill_peek(merge->spill);
    int error = spilled == NULL ? TALLY_ENOTFOUND : whose(spilled->position.bytes, position);
    if (error != TALLY_OK) return error;
    *event = (struct snapshot_event){.account = SNAPSHOT_NO_ACCOUNT,
        .height = spilled->height,
        .time_ms = spilled->time_ms,
        .result = (uint16_t)spilled->result,
        .id = spilled->id,
        .facts = spilled->facts};
    if (!event_facts_has_item(&spilled->facts)) {
        event->account = account_chain_find(chains, chain_count, spilled->member_id, spilled->ref);
        if (event->account == chain_count) return TALLY_EDAMAGED;
    }
    return snapshot_spill_next(merge->spill);
}

int snapshot_merge_next(struct snapshot_merge *merge, const struct digest *position,
    const struct account_chain *chains, uint32_t chain_count, struct snapshot_event *event)
{
    int error = base_next(merge, position, chains, chain_count, event);
    return error == TALLY_ENOTFOUND ? spill_next(merge, position, chains, chain_count, event) : error;
}

int snapshot_merge_end(struct snapshot_merge *merge)
{
    int error = base_hold(merge);
    if (error == TALLY_OK || snapshot_spill_peek(merge->spill) != NULL) return TALLY_EDAMAGED;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}
