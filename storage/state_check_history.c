/* A subject's events, from the first on, as a state has them: held against the subject's leaf and file. */
#include <stdlib.h>

#include "storage/state_check_internal.h"

struct digest check_mark_of(const struct state_place *place)
{
    struct digest mark = {{0}};
    put_u64(mark.bytes, place->height);
    put_u32(mark.bytes + 8, place->index);
    return mark;
}

struct digest check_marks_step(const struct digest *before, const struct digest *mark)
{
    static const struct digest none;
    return account_ids_step(before, mark, 0, 0, &none);
}

static void break_off(struct checking *checking, const char *what)
{
    check_tell(checking, what);
    checking->broken = true;
}

static void take(struct checking *checking, const struct snapshot_event *event, const struct digest *mark)
{
    if (!snapshot_seam_step(checking->seam, event)) {
        break_off(checking, "an event of a subject is of an account that its file does not have");
    } else if (!snapshot_event_has_item(event)) {
        struct digest *marks = &checking->by_history[event->account];
        *marks = check_marks_step(marks, mark);
    }
}

/* Whether the index has this number under the name. */
static int has_number(struct checking *checking, const struct digest *name, uint64_t number, bool *has)
{
    struct state_place place = {0};
    int error = event_index_find(checking->state->index, INDEX_BASE, name, &place);
    *has = error == TALLY_OK && place.height == number + 1;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

static int check_base_item(struct checking *checking, const struct snapshot_event *event)
{
    struct state_item item;
    int error = state_base_item(checking->state, event->facts.member_id, event->facts.item_id, &item);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (error == TALLY_ENOTFOUND || !digest_equal(&item.event_id, &event->id) || item.result != event->result)
        check_tell(
            checking, "an item id that was used up before the snapshot is not said to be, or not by that");
    checking->base_items++;
    checking->names[INDEX_BASE]++;
    return TALLY_OK;
}

/* What it aims at says so. A correction may have been taken back. */
static int check_base_remedy(struct checking *checking, const struct snapshot_event *event)
{
    struct state_base_event target, own;
    int error = state_base_target(checking->state, &checking->subject_id, &event->facts.link, &target);
    if (error == TALLY_OK)
        error = state_base_target(checking->state, &checking->subject_id, &event->id, &own);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    bool said =
        error == TALLY_OK && (event->facts.type == EVENT_RETRACT
                                     ? target.retracted
                                     : own.retracted || digest_equal(&target.corrected_by, &event->id));
    if (!said) check_tell(checking, "what was corrected or retracted before the snapshot is not said to be");
    return TALLY_OK;
}

static bool is_remedy(const struct snapshot_event *event)
{
    return event->facts.type == EVENT_CORRECT || event->facts.type == EVENT_RETRACT;
}

/* Those of a subject that is more than one piece are found by their numbers. */
static int check_base_names(struct checking *checking, const struct snapshot_event *event, uint64_t number)
{
    bool has;
    int error = has_number(checking, &event->id, number, &has);
    if (error != TALLY_OK) return error;
    if (!has) check_tell(checking, "an event that came with a snapshot is not found by its id");
    checking->names[INDEX_BASE]++;
    if (!is_remedy(event)) return TALLY_OK;
    struct digest name = base_remedy_name(event->facts.type, &event->facts.link);
    error = has_number(checking, &name, number, &has);
    checking->names[INDEX_BASE] += has; /* of several, the newest alone */
    return error;
}

static int check_base_event(
    struct checking *checking, const struct snapshot_event *event, uint64_t number, bool alone)
{
    int error = snapshot_event_has_item(event) ? check_base_item(checking, event) : TALLY_OK;
    if (error == TALLY_OK && !alone) error = check_base_names(checking, event, number);
    return error == TALLY_OK && is_remedy(event) ? check_base_remedy(checking, event) : error;
}

static int take_piece(struct checking *checking, const struct base_chunk *chunk, bool alone)
{
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && !checking->broken && i < chunk->count; i++) {
        struct snapshot_event event = chunk->events[i];
        if (!snapshot_event_has_item(&event)) {
            struct base_account account = base_chunk_account(chunk, event.account);
            event.account =
                account_chain_find(checking->chains, checking->chain_count, account.member_id, account.ref);
        }
        take(checking, &event, &event.id);
        if (!checking->broken) error = check_base_event(checking, &event, chunk->first + i, alone);
    }
    return error;
}

/* What came with a snapshot, from the first event on. */
static int take_base(struct checking *checking)
{
    const struct base_chunk *chunk;
    int error = state_base_chunk(checking->base, &checking->position, 0, &chunk);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_OK : error;
    error = state_base_chunk(checking->base, &checking->position, chunk->count, &chunk);
    bool alone = error == TALLY_ENOTFOUND;
    for (error = TALLY_OK; error == TALLY_OK && !checking->broken;) {
        error = state_base_chunk(checking->base, &checking->position, checking->seam->count, &chunk);
        if (error == TALLY_OK) error = take_piece(checking, chunk, alone);
    }
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

static int check_item(struct checking *checking, const struct snapshot_event *event)
{
    struct state_item item;
    int error = state_item_get(checking->state, event->facts.member_id, event->facts.item_id, &item);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (error == TALLY_ENOTFOUND || !digest_equal(&item.event_id, &event->id) || item.result != event->result)
        check_tell(checking, "an item id is not said to be used up, or not by the event that did");
    checking->names[INDEX_ITEM]++;
    return TALLY_OK;
}

/* An event is retracted once, and corrected again after that. */
static int check_remedy(struct checking *checking, const struct snapshot_event *event)
{
    bool retracts = event->facts.type == EVENT_RETRACT;
    struct digest id;
    int error = state_remedy_get(
        checking->state, retracts ? STATE_RETRACTED : STATE_CORRECTED, &event->facts.link, &id);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    bool own = error == TALLY_OK && digest_equal(&id, &event->id);
    if (error == TALLY_OK && !own && !retracts)
        error = state_remedy_get(checking->state, STATE_RETRACTED, &event->id, &id);
    if (error != TALLY_OK || (retracts && !own))
        check_tell(checking, "an event is not said to be corrected or retracted, or not by the one that did");
    checking->names[retracts ? INDEX_RETRACTED : INDEX_CORRECTED]++;
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* What finds an event of a history finds it in its place. */
static int check_entry(
    struct checking *checking, const struct state_history_entry *entry, const struct snapshot_event *event)
{
    struct state_event at;
    int error = state_event_get(checking->state, &event->id, &at);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND && error != TALLY_EPENDING) return error;
    if (error != TALLY_OK || at.height != entry->height || at.index != entry->index ||
        at.applied != (entry->result == RESULT_OK))
        check_tell(checking, "an event of a subject is not found by its id");
    error = snapshot_event_has_item(event) ? check_item(checking, event) : TALLY_OK;
    return error == TALLY_OK && is_remedy(event) ? check_remedy(checking, event) : error;
}

/* What the header says of an event that was applied here. */
static int take_entry(struct checking *checking, const struct state_history_entry *entry)
{
    const struct state_checker *checker = checking->checker;
    struct event_header header;
    struct span bytes;
    arena_reset(&checking->arena);
    int error = checker->header(checker->context, entry->height, entry->index, &checking->arena, &bytes);
    if (error != TALLY_OK) return error;
    struct digest id = event_id(&checking->state->config.chain_id, bytes);
    if (!digest_equal(&id, &entry->event_id) || event_header_decode(bytes, &header) != TALLY_OK) {
        break_off(checking, "an event of a subject is not the one that the ledger has there");
        return TALLY_OK;
    }
    struct snapshot_event event = {.account = SNAPSHOT_NO_ACCOUNT,
        .height = entry->height,
        .time_ms = entry->time_ms,
        .result = entry->result,
        .id = id,
        .facts = event_facts_of(&header)};
    if (header.has_account)
        event.account =
            account_chain_find(checking->chains, checking->chain_count, header.member_id, header.account_ref);
    struct state_place place = {.height = entry->height, .index = entry->index};
    struct digest mark = check_mark_of(&place);
    take(checking, &event, &mark);
    return checking->broken ? TALLY_OK : check_entry(checking, entry, &event);
}

/* What was applied since. */
static int take_rest(struct checking *checking, const struct state_subject *subject)
{
    size_t count = (size_t)(subject->leaf.count - checking->seam->count);
    struct state_history_entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) return TALLY_ENOMEM;
    int error =
        state_history_read(checking->state, &subject->subject_id, checking->seam->count, count, entries);
    for (size_t i = 0; error == TALLY_OK && !checking->broken && i < count; i++)
        error = take_entry(checking, &entries[i]);
    free(entries);
    return error;
}

/* ---- The whole of it ---- */

static bool chains_meet(const struct checking *checking)
{
    const struct snapshot_seam *made = checking->seam;
    for (uint32_t i = 0; i < checking->chain_count; i++)
        if (made->accounts[i].next_seq != checking->chains[i].next_seq ||
            !digest_equal(&made->accounts[i].head, &checking->chains[i].head) ||
            !digest_equal(&made->accounts[i].ids, &checking->chains[i].ids))
            return false;
    return item_chains_equal(&made->items, &checking->items);
}

/* A subject's events, with all that is said of them, make what its leaf in the map and its file fix. */
int check_history(struct checking *checking, const struct state_subject *subject)
{
    struct snapshot_seam *seam = checking->seam;
    snapshot_seam_start(seam, &checking->state->config.chain_id, &subject->subject_id, checking->chains,
        checking->chain_count);
    memset(checking->by_history, 0, sizeof checking->by_history);
    checking->broken = false;
    int error = take_base(checking);
    if (error != TALLY_OK) return error;
    if (seam->count > subject->leaf.count)
        break_off(checking, "a subject has more events than its leaf says");
    if (seam->count < subject->leaf.count && !checking->broken && checking->checker->header != NULL)
        error = take_rest(checking, subject);
    if (error != TALLY_OK || checking->broken || seam->count < subject->leaf.count) return error;
    if (!digest_equal(&seam->acc, &subject->leaf.acc) || seam->last_height != subject->leaf.last_height)
        break_off(checking, "the events of a subject do not fold to its leaf");
    else if (!chains_meet(checking))
        break_off(checking, "the events of a subject are not those that its file fixes");
    return TALLY_OK;
}
