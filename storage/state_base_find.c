/* What the rules ask of events that were folded before the snapshot. The index of events has the number of
 * each in its subject's history, where that is more than one piece; one that is not is looked through. */
#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/base_record.h"
#include "storage/state_internal.h"

/* The number that the index has under a name. */
static int number_find(struct state *state, const struct digest *name, uint64_t *number)
{
    struct state_place place;
    int error = event_index_find(state->index, INDEX_BASE, name, &place);
    if (error == TALLY_OK) *number = place.height - 1;
    return error;
}

/* ---- Item ids ---- */

int state_base_item(
    struct state *state, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct state_item *item)
{
    struct digest name = state_item_name(member_id, item_id);
    struct buffer value;
    uint64_t number = 0;
    if (state->base.height == 0) return TALLY_ENOTFOUND;
    int error = number_find(state, &name, &number);
    if (error != TALLY_OK) return error;
    state_value_init(&value);
    struct state_key key = state_key_of_base_items((uint32_t)(number / BASE_ITEMS));
    error = store_get(state->store, state_key_span(&key), &value);
    if (error == TALLY_OK) error = base_item_decode(buffer_span(&value), number % BASE_ITEMS, item);
    buffer_close(&value);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

/* ---- Targets ---- */

struct finding {
    struct state *state;
    struct state_base_reader *reader;
    struct digest position;
};

/* The event of an id, or the newest of a type that aims at it. */
struct wanted {
    const struct digest *id;
    enum event_type remedy; /* 0: the event itself */
};

static bool is_wanted(const struct snapshot_event *event, const struct wanted *wanted)
{
    if (wanted->remedy == 0) return digest_equal(&event->id, wanted->id);
    return event->facts.type == wanted->remedy && digest_equal(&event->facts.link, wanted->id);
}

/* The oldest piece, which is all of it where the index has none of it. */
static int look_through(
    struct finding *finding, const struct wanted *wanted, const struct base_chunk **chunk, uint32_t *at)
{
    int error = state_base_chunk(finding->reader, &finding->position, 0, chunk);
    if (error != TALLY_OK) return error;
    for (uint32_t i = (*chunk)->count; i > 0; i--) {
        *at = i - 1;
        if (is_wanted(&(*chunk)->events[i - 1], wanted)) return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}

/* A number may be that of an event of another subject: then it is not the one that is wanted here. */
static int look_up(
    struct finding *finding, const struct wanted *wanted, const struct base_chunk **chunk, uint32_t *at)
{
    struct digest name = wanted->remedy == 0 ? *wanted->id : base_remedy_name(wanted->remedy, wanted->id);
    uint64_t number = 0;
    int error = number_find(finding->state, &name, &number);
    if (error == TALLY_OK) error = state_base_chunk(finding->reader, &finding->position, number, chunk);
    if (error != TALLY_OK) return error;
    *at = (uint32_t)number - (*chunk)->first;
    return is_wanted(&(*chunk)->events[*at], wanted) ? TALLY_OK : TALLY_ENOTFOUND;
}

static int find(
    struct finding *finding, const struct wanted *wanted, const struct base_chunk **chunk, uint32_t *at)
{
    int error = look_up(finding, wanted, chunk, at);
    return error == TALLY_ENOTFOUND ? look_through(finding, wanted, chunk, at) : error;
}

/* What was refused is no target, though it was folded. */
static int find_event(struct finding *finding, const struct digest *event_id, struct state_base_event *found)
{
    const struct base_chunk *chunk;
    uint32_t at;
    int error = find(finding, &(struct wanted){.id = event_id}, &chunk, &at);
    if (error != TALLY_OK) return error;
    const struct snapshot_event *event = &chunk->events[at];
    if (event->result != RESULT_OK) return TALLY_ENOTFOUND;
    *found = (struct state_base_event){.type = event->facts.type,
        .member_id = event->facts.member_id,
        .has_account = !snapshot_event_has_item(event),
        .period = event->facts.period};
    if (!found->has_account) return TALLY_OK;
    struct base_account account = base_chunk_account(chunk, event->account);
    found->member_id = account.member_id;
    memcpy(found->ref, account.ref, ACCOUNT_REF_SIZE);
    found->has_transfer_of = found->type == EVENT_ACCOUNT_OPEN && !digest_is_zero(&event->facts.link);
    if (found->has_transfer_of) found->transfer_of = event->facts.link;
    return TALLY_OK;
}

/* The id of the newest event of a type that aims at this one. */
static int find_remedy(struct finding *finding, enum event_type type, const struct digest *event_id,
    bool *there, struct digest *remedy_id)
{
    const struct base_chunk *chunk;
    uint32_t at;
    int error = find(finding, &(struct wanted){.id = event_id, .remedy = type}, &chunk, &at);
    *there = error == TALLY_OK;
    if (error == TALLY_OK) *remedy_id = chunk->events[at].id;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* Of several that correct it, all but the newest were retracted: the rules have it so. */
static int find_remedies(
    struct finding *finding, const struct digest *event_id, struct state_base_event *found)
{
    struct digest id;
    bool taken_back = false;
    int error = find_remedy(finding, EVENT_RETRACT, event_id, &found->retracted, &id);
    if (error == TALLY_OK)
        error = find_remedy(finding, EVENT_CORRECT, event_id, &found->corrected, &found->corrected_by);
    if (error == TALLY_OK && found->corrected)
        error = find_remedy(finding, EVENT_RETRACT, &found->corrected_by, &taken_back, &id);
    if (taken_back) {
        found->corrected = false;
        found->corrected_by = (struct digest){{0}};
    }
    return error;
}

int state_base_target(struct state *state, const struct digest *subject_id, const struct digest *event_id,
    struct state_base_event *event)
{
    struct finding finding = {
        .state = state, .position = subject_position(&state->config.chain_id, subject_id)};
    struct state_base_event found;
    if (state->base.height == 0) return TALLY_ENOTFOUND;
    int error = state_base_reader_open(state, &finding.reader);
    if (error != TALLY_OK) return error;
    error = find_event(&finding, event_id, &found);
    if (error == TALLY_OK) error = find_remedies(&finding, event_id, &found);
    state_base_reader_close(finding.reader);
    if (error == TALLY_OK) *event = found;
    return error;
}
