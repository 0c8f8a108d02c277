#include "storage/state_check.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/state_check_internal.h"

#define HEADER_ARENA_SIZE (1u * MIB)

/* ---- What a file says ---- */

/* Appends to *marks what the indexes lead to at `count` seqs from `from` on. */
static int read_marks(struct checking *checking, const struct account_chain *chain, uint32_t from,
    uint32_t count, struct digest *marks)
{
    uint32_t found;
    int error = state_base_account_read(
        checking->base, chain->member_id, chain->ref, from, count, checking->ids, &found);
    for (uint32_t i = 0; error == TALLY_OK && i < count; i++) {
        struct digest mark = checking->ids[i];
        if (i >= found) {
            struct state_place place;
            struct digest name = state_account_seq_name(chain->member_id, chain->ref, from + i);
            error = state_event_find(checking->state, INDEX_ACCOUNT, &name, &place);
            if (error != TALLY_OK) return error;
            mark = check_mark_of(&place);
        }
        *marks = check_marks_step(marks, &mark);
    }
    return error;
}

static int check_head(struct checking *checking, const struct account_chain *chain, bool *right)
{
    struct digest id = {{0}};
    int error = TALLY_OK;
    if (chain->next_seq > 0)
        error =
            state_account_event_get(checking->state, chain->member_id, chain->ref, chain->next_seq - 1, &id);
    *right = digest_equal(&id, &chain->head);
    return error;
}

/* Its events, from the first on, are found by seq where the history has them, as far as that is whole. */
static int check_seqs(struct checking *checking, uint32_t number, bool whole)
{
    const struct account_chain *chain = &checking->chains[number];
    struct digest marks = {{0}};
    bool right = false;
    int error = TALLY_OK;
    for (uint32_t seq = 0; error == TALLY_OK && seq < chain->next_seq;) {
        uint32_t left = chain->next_seq - seq, count = left < CHECK_IDS_AT_ONCE ? left : CHECK_IDS_AT_ONCE;
        error = read_marks(checking, chain, seq, count, &marks);
        seq += count;
    }
    if (error == TALLY_OK) error = check_head(checking, chain, &right);
    if (error == TALLY_ENOTFOUND) {
        check_tell(checking, "an event of an account is missing in the index by seq");
        return TALLY_OK;
    }
    if (error != TALLY_OK) return error;
    if (!right || (whole && !digest_equal(&marks, &checking->by_history[number])))
        check_tell(checking, "the index of an account's events has others than its file fixes");
    return TALLY_OK;
}

static int check_account(struct checking *checking, uint32_t number, bool whole)
{
    const struct account_chain *chain = &checking->chains[number];
    struct digest found;
    int error = state_account_get(checking->state, chain->member_id, chain->ref, &found);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (error == TALLY_ENOTFOUND || !digest_equal(&found, &checking->subject_id))
        check_tell(checking, "an account is not said to be in the file that holds it");
    checking->accounts++;
    checking->account_events += chain->next_seq;
    return error == TALLY_OK ? check_seqs(checking, number, whole) : TALLY_OK;
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
    if (!whole) checking->partial = true;
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
    if (error == TALLY_OK && checking->counted != expected) check_tell(checking, what);
    checking->counted = 0;
    return error;
}

/* Every event that was applied has one entry, once all that was ordered is here. */
static int check_names(struct checking *checking)
{
    uint64_t counts[EVENT_INDEX_KINDS];
    const struct state *state = checking->state;
    int error = event_index_count(state->index, counts);
    if (error != TALLY_OK) return error;
    checking->counted = counts[INDEX_ACCOUNT];
    if (!state_is_pending(state, state->base.height) && counts[INDEX_APPLIED] != state->meta.counts.applied)
        check_tell(checking, "the index of events has other applied events than were counted");
    if (checking->partial) return TALLY_OK;
    static const enum event_index_kind kinds[] = {INDEX_ITEM, INDEX_CORRECTED, INDEX_RETRACTED, INDEX_BASE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t there = counts[kinds[i]], made = checking->names[kinds[i]];
        /* Of an event that was corrected again and again, the index need not keep the older places. */
        if (there > made || (there < made && kinds[i] != INDEX_CORRECTED))
            check_tell(
                checking, "the index of events has other entries of a kind than the subjects' events make");
    }
    return TALLY_OK;
}

static int check_counts(struct checking *checking)
{
    int error = check_count(
        checking, 'A', key_seen, checking->accounts, "there are other accounts than in the subjects' files");
    if (error == TALLY_OK) error = check_names(checking);
    if (error == TALLY_OK)
        error = check_count(checking, 'H', base_seen, checking->account_events,
            "there are other events of accounts than their files count");
    if (error == TALLY_OK)
        error = check_count(checking, 'D', index_seen, checking->indexed,
            "the index of what came with a snapshot is not of as many events as that");
    if (error == TALLY_OK && !checking->partial)
        error = check_count(checking, 'J', items_seen, checking->base_items,
            "there are other item ids of what came with a snapshot than that has");
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
