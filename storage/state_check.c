#include "storage/state_check.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/base_record.h"
#include "storage/state_internal.h"

#define IDS_AT_ONCE 1024u
#define HEADER_ARENA_SIZE (1u * MIB)

struct checking {
    struct state *state;
    const struct state_checker *checker;
    struct state_base_reader *base;
    struct arena arena; /* a header */
    struct digest ids[IDS_AT_ONCE];
    /* The subject that is looked at. */
    struct digest subject_id, position;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint32_t chain_count;
    struct item_chain items;
    struct snapshot_seam *seam; /* what its history makes */
    struct digest
        by_history[ACCOUNTS_PER_SUBJECT_MAX]; /* over the ids that its history has of each account */
    bool broken;                              /* its history stops before its end; told */
    /* How many there are to be, over all subjects. */
    uint64_t accounts, account_events;
    uint64_t base_items; /* under 'J' */
    uint64_t base_names; /* in the index of events */
    uint64_t indexed;    /* under 'D' */
    uint32_t alone;      /* those of a subject's first piece, until another is seen */
    uint64_t counted;
    int error;
};

static void tell(const struct checking *checking, const char *what)
{
    checking->checker->found(checking->checker->context, what);
}

/* Over ids alone, as they are found by seq. */
static struct digest over_ids(const struct digest *before, const struct digest *id)
{
    static const struct digest none;
    return account_ids_step(before, id, 0, 0, &none);
}

/* ---- A subject's history ---- */

static void break_off(struct checking *checking, const char *what)
{
    tell(checking, what);
    checking->broken = true;
}

static void take(struct checking *checking, const struct snapshot_event *event)
{
    if (!snapshot_seam_step(checking->seam, event)) {
        break_off(checking, "an event of a subject is of an account that its file does not have");
    } else if (!snapshot_event_has_item(event)) {
        struct digest *ids = &checking->by_history[event->account];
        *ids = over_ids(ids, &event->id);
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
        tell(checking, "an item id that was used up before the snapshot is not said to be, or not by that");
    checking->base_items++;
    checking->base_names++;
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
    if (!said) tell(checking, "what was corrected or retracted before the snapshot is not said to be");
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
    if (!has) tell(checking, "an event that came with a snapshot is not found by its id");
    checking->base_names++;
    if (!is_remedy(event)) return TALLY_OK;
    struct digest name = base_remedy_name(event->facts.type, &event->facts.link);
    error = has_number(checking, &name, number, &has);
    checking->base_names += has; /* of several, the newest alone */
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
        take(checking, &event);
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
    take(checking, &event);
    return TALLY_OK;
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

/* ---- What a file says ---- */

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
static int check_history(struct checking *checking, const struct state_subject *subject)
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

/* The ids from the first on, as the indexes have them, are the history's, as far as that is whole. */
static int check_ids(struct checking *checking, uint32_t number, bool whole)
{
    const struct account_chain *chain = &checking->chains[number];
    struct digest ids = {{0}}, id = {{0}};
    for (uint32_t seq = 0; seq < chain->next_seq;) {
        uint32_t left = chain->next_seq - seq, count = left < IDS_AT_ONCE ? left : IDS_AT_ONCE;
        int error =
            state_account_ids(checking->state, chain->member_id, chain->ref, seq, count, checking->ids);
        if (error == TALLY_ENOTFOUND) {
            tell(checking, "an event of an account is missing in the index by seq");
            return TALLY_OK;
        }
        if (error != TALLY_OK) return error;
        for (uint32_t i = 0; i < count; i++)
            ids = over_ids(&ids, &checking->ids[i]);
        id = checking->ids[count - 1];
        seq += count;
    }
    if ((whole && !digest_equal(&ids, &checking->by_history[number])) || !digest_equal(&id, &chain->head))
        tell(checking, "the index of an account's events has others than its file fixes");
    return TALLY_OK;
}

static int check_account(struct checking *checking, uint32_t number, bool whole)
{
    const struct account_chain *chain = &checking->chains[number];
    struct digest found;
    int error = state_account_get(checking->state, chain->member_id, chain->ref, &found);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (error == TALLY_ENOTFOUND || !digest_equal(&found, &checking->subject_id))
        tell(checking, "an account is not said to be in the file that holds it");
    checking->accounts++;
    checking->account_events += chain->next_seq;
    return error == TALLY_OK ? check_ids(checking, number, whole) : TALLY_OK;
}

static int check_subject(struct checking *checking, struct span value)
{
    struct state_subject subject;
    int error = state_subject_decode(value, &subject);
    if (error == TALLY_OK)
        error = checking->state->config.accounts(
            subject.bytes, checking->chains, &checking->chain_count, &checking->items);
    if (error != TALLY_OK) return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
    checking->subject_id = subject.subject_id;
    checking->position = subject_position(&checking->state->config.chain_id, &subject.subject_id);
    error = check_history(checking, &subject);
    bool whole = !checking->broken && checking->seam->count == subject.leaf.count;
    for (uint32_t i = 0; error == TALLY_OK && i < checking->chain_count; i++)
        error = check_account(checking, i, whole);
    return error;
}

static bool subject_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    (void)key;
    checking->error = check_subject(checking, value);
    return checking->error == TALLY_OK;
}

/* ---- How many there are ---- */

static bool key_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    (void)key, (void)value;
    checking->counted++;
    return true;
}

static bool base_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    struct base_chunk chunk;
    uint32_t count = 0;
    checking->error = base_chunk_decode(key, value, &chunk);
    if (checking->error != TALLY_OK) return false;
    for (uint32_t i = 0; i < chunk.count; i++)
        count += !snapshot_event_has_item(&chunk.events[i]);
    checking->counted += count;
    if (chunk.first > 0) checking->indexed += checking->alone + count;
    checking->alone = chunk.first == 0 ? count : 0;
    return true;
}

static bool index_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    (void)key;
    checking->counted += value.size / 4;
    return true;
}

static bool items_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    (void)key;
    checking->counted += value.size / BASE_ITEM_SIZE;
    return true;
}

/* Tells `what` where there are others than `expected` behind the keys of a kind. */
static int check_count(struct checking *checking, char kind,
    bool (*seen)(void *context, struct span key, struct span value), uint64_t expected, const char *what)
{
    struct state_key prefix = state_key_alone(kind);
    int error =
        store_scan(checking->state->store, state_key_span(&prefix), state_key_span(&prefix), seen, checking);
    if (error == TALLY_OK) error = checking->error;
    if (error == TALLY_OK && checking->counted != expected) tell(checking, what);
    checking->counted = 0;
    return error;
}

static int check_counts(struct checking *checking)
{
    uint64_t names = 0;
    struct event_index *index = checking->state->index;
    int error = check_count(
        checking, 'A', key_seen, checking->accounts, "there are other accounts than in the subjects' files");
    if (error == TALLY_OK) error = event_index_count(index, INDEX_ACCOUNT, &checking->counted);
    if (error == TALLY_OK)
        error = check_count(checking, 'H', base_seen, checking->account_events,
            "there are other events of accounts than their files count");
    if (error == TALLY_OK)
        error = check_count(checking, 'D', index_seen, checking->indexed,
            "the index of what came with a snapshot is not of as many events as that");
    if (error == TALLY_OK)
        error = check_count(checking, 'J', items_seen, checking->base_items,
            "there are other item ids of what came with a snapshot than that has");
    if (error == TALLY_OK) error = event_index_count(index, INDEX_BASE, &names);
    if (error == TALLY_OK && names != checking->base_names)
        tell(checking, "there are other entries of what came with a snapshot than it makes");
    return error;
}

/* ---- The whole ---- */

static int check_all(struct checking *checking)
{
    struct state_key prefix = state_key_alone('S');
    int error = state_base_reader_open(checking->state, &checking->base);
    if (error != TALLY_OK) return error;
    error = store_scan(
        checking->state->store, state_key_span(&prefix), state_key_span(&prefix), subject_seen, checking);
    if (error == TALLY_OK) error = checking->error;
    if (error == TALLY_OK) error = check_counts(checking);
    state_base_reader_close(checking->base);
    return error;
}

int state_check_accounts(struct state *state, const struct state_checker *checker)
{
    CHECK(!state->block.open && state->config.accounts != NULL);
    struct checking *checking = calloc(1, sizeof *checking);
    if (checking == NULL) return TALLY_ENOMEM;
    checking->state = state;
    checking->checker = checker;
    arena_init(&checking->arena, HEADER_ARENA_SIZE);
    checking->seam = snapshot_seam_make(ACCOUNTS_PER_SUBJECT_MAX);
    int error = checking->seam != NULL ? check_all(checking) : TALLY_ENOMEM;
    free(checking->seam);
    arena_close(&checking->arena);
    free(checking);
    return error;
}
