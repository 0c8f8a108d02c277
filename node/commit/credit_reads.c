#include "node/commit/credit_reads.h"

#include "proto/base/check.h"
#include "storage/ledger.h"
#include "storage/state.h"

#define HEADER_ARENA_BUDGET (64u * KIB)

static int read_account_subject(
    void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject_id)
{
    const struct credit_reads *reads = context;

    return state_account_get(reads->state, member_id, ref, subject_id);
}

/* The rules ask only for events that were applied, so one that is missing was lost. */
static int read_account_event(void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE],
    uint32_t seq, struct digest *event_id)
{
    const struct credit_reads *reads = context;
    int error = state_account_event_get(reads->state, member_id, ref, seq, event_id);

    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

/* One that is suspended may be granted consent, and have accounts transferred to it, as it may come back; one
 * that was removed may not. */
static uint32_t read_member_role(void *context, uint32_t member_id)
{
    const struct credit_reads *reads = context;
    const struct register_member *member = register_member_by_id(reads->registered, member_id);

    return member && member->status != MEMBER_REMOVED ? (uint32_t)member->role : 0;
}

static int read_item_event(
    void *context, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct credit_item *item)
{
    const struct credit_reads *reads = context;
    struct state_item stored;
    int error = state_item_get(reads->state, member_id, item_id, &stored);

    if (!error) *item = (struct credit_item){stored.event_id, stored.result == RESULT_OK};
    return error;
}

/* ---- Targets ---- */

static int read_from_ledger(void *context, uint64_t height, uint32_t index, struct event_header *header)
{
    struct arena arena;
    struct span bytes;

    arena_init(&arena, HEADER_ARENA_BUDGET);
    int error = ledger_header_read(context, height, index, &arena, &bytes);
    if (!error) error = event_header_decode(bytes, header);
    arena_close(&arena);
    /* The state says that it is there. */
    bool lost = error == TALLY_ENOTFOUND || error == TALLY_EPENDING || error == TALLY_EFORM ||
                error == TALLY_EVERSION;
    return lost ? TALLY_EDAMAGED : error;
}

struct header_source header_source_of(struct ledger *ledger)
{
    return (struct header_source){read_from_ledger, ledger};
}

static const struct event_header *header_in(const struct block *block, uint32_t index)
{
    for (uint32_t b = 0; b < block->batch_count; b++) {
        const struct batch *batch = &block->batches[b];
        if (index < batch->event_count) return &batch->events[index].fields;
        index -= batch->event_count;
    }
    return NULL;
}

static int read_header(
    const struct credit_reads *reads, const struct state_event *at, struct event_header *header)
{
    if (at->height != reads->block->header.height)
        return reads->headers.read(reads->headers.context, at->height, at->index, header);
    const struct event_header *found = header_in(reads->block, at->index);
    CHECK(found);
    *header = *found;
    return TALLY_OK;
}

static struct credit_target target_of(const struct event_header *header)
{
    struct credit_target target = {
        .type = header->type,
        .member_id = header->member_id,
        .has_account = header->has_account,
        .period = header->period,
    };
    memcpy(target.account_ref, header->account_ref, ACCOUNT_REF_SIZE);
    if (header->type == EVENT_ACCOUNT_OPEN && header->has_transfer_of) {
        target.has_transfer_of = true;
        target.transfer_of = header->transfer_of;
    }
    return target;
}

static struct credit_target target_of_base(const struct state_base_event *event)
{
    struct credit_target target = {
        .type = event->type,
        .member_id = event->member_id,
        .has_account = event->has_account,
        .period = event->period,
        .has_transfer_of = event->has_transfer_of,
        .transfer_of = event->transfer_of,
        .retracted = event->retracted,
        .corrected = event->corrected,
        .corrected_by = event->corrected_by,
    };
    memcpy(target.account_ref, event->ref, ACCOUNT_REF_SIZE);
    return target;
}

/* The event itself, and what had been done to it before the snapshot, where the state came with one. */
static int find_event(const struct credit_reads *reads, const struct digest *subject_id,
    const struct digest *event_id, struct credit_target *target)
{
    struct state_event at;
    struct state_base_event older;
    struct event_header header;
    int error = state_event_get(reads->state, event_id, &at);

    if (!error && at.applied && at.height > state_base_height(reads->state)) {
        error = read_header(reads, &at, &header);
        if (error) return error;
        *target = target_of(&header);
        return digest_equal(&header.subject_id, subject_id) ? TALLY_OK : TALLY_ENOTFOUND;
    }
    if (error && error != TALLY_ENOTFOUND && error != TALLY_EPENDING) return error;
    error = state_base_target(reads->state, subject_id, event_id, &older);
    if (!error) *target = target_of_base(&older);
    return error;
}

/* Whether an event did this to `id`, and which. */
static int find_remedy(const struct credit_reads *reads, enum state_remedy remedy, const struct digest *id,
    bool *found, struct digest *event_id)
{
    struct digest newest;
    int error = state_remedy_get(reads->state, remedy, id, &newest);

    if (error) return error == TALLY_ENOTFOUND ? TALLY_OK : error;
    *found = true;
    *event_id = newest;
    return TALLY_OK;
}

/* What was done to it since. Each CORRECT but the newest was retracted: the rules let there be one in force.
 */
static int add_remedies(
    const struct credit_reads *reads, const struct digest *event_id, struct credit_target *target)
{
    struct digest retraction;
    bool taken_back = false;
    int error = find_remedy(reads, STATE_RETRACTED, event_id, &target->retracted, &retraction);

    if (!error) {
        error = find_remedy(reads, STATE_CORRECTED, event_id, &target->corrected, &target->corrected_by);
    }
    if (!error && target->corrected)
        error = find_remedy(reads, STATE_RETRACTED, &target->corrected_by, &taken_back, &retraction);
    if (taken_back) target->corrected = false;
    return error;
}

static int read_target(void *context, const struct digest *subject_id, const struct digest *event_id,
    struct credit_target *target)
{
    const struct credit_reads *reads = context;
    int error = find_event(reads, subject_id, event_id, target);

    return error ? error : add_remedies(reads, event_id, target);
}

struct credit_read credit_reads_open(struct credit_reads *reads)
{
    return (struct credit_read){reads, read_account_subject, read_account_event, read_member_role,
        read_item_event, read_target, reads->policy};
}
