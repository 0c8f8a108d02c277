#include "storage/state_check.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/subject_path.h"
#include "storage/base_record.h"
#include "storage/state_internal.h"

#define IDS_AT_ONCE 1024u

struct checking {
    struct state *state;
    void (*found)(void *context, const char *what);
    void *context;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    struct digest ids[IDS_AT_ONCE];
    struct state_base_reader *base;
    uint64_t accounts, events; /* that the files say there are */
    uint64_t indexed;          /* events that the index of what came with a snapshot is to have */
    uint32_t alone;            /* those of a subject's first chunk, until another is seen */
    uint64_t counted;
    int error;
};

/* ---- What a file says ---- */

/* The ids from the first on, as the indexes have them, make what the file holds. */
static int check_ids(struct checking *checking, const struct account_chain *chain)
{
    struct digest ids = {{0}}, id = {{0}};
    for (uint32_t seq = 0; seq < chain->next_seq;) {
        uint32_t left = chain->next_seq - seq, count = left < IDS_AT_ONCE ? left : IDS_AT_ONCE;
        int error =
            state_account_ids(checking->state, chain->member_id, chain->ref, seq, count, checking->ids);
        if (error == TALLY_ENOTFOUND) {
            checking->found(checking->context, "an event of an account is missing in the index by seq");
            return TALLY_OK;
        }
        if (error != TALLY_OK) return error;
        for (uint32_t i = 0; i < count; i++)
            ids = account_ids_step(&ids, &checking->ids[i]);
        id = checking->ids[count - 1];
        seq += count;
    }
    if (!digest_equal(&ids, &chain->ids) || !digest_equal(&id, &chain->head))
        checking->found(checking->context, "the index of an account's events has others than its file fixes");
    return TALLY_OK;
}

static void fold(struct subject_leaf *leaf, const struct state_history_entry *entry)
{
    leaf->acc = subject_fold_step(
        &leaf->acc, leaf->count, entry->height, entry->time_ms, entry->result, &entry->event_id);
    leaf->last_height = entry->height;
    leaf->count++;
}

/* What came with a snapshot, from the first event on. */
static int fold_base(
    struct checking *checking, const struct state_subject *subject, struct subject_leaf *leaf)
{
    const struct digest *chain_id = &checking->state->config.chain_id;
    struct digest position = subject_position(chain_id, &subject->subject_id);
    struct state_history_entry entry;
    int error = TALLY_OK;
    *leaf = (struct subject_leaf){.acc = subject_fold_start(chain_id, &subject->subject_id)};
    while (error == TALLY_OK && leaf->count < subject->leaf.count) {
        error = state_base_entry(checking->base, &position, leaf->count, &entry);
        if (error == TALLY_OK) fold(leaf, &entry);
    }
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* What was applied since. */
static int fold_rest(
    struct checking *checking, const struct state_subject *subject, struct subject_leaf *leaf)
{
    size_t count = (size_t)(subject->leaf.count - leaf->count);
    if (count == 0) return TALLY_OK;
    struct state_history_entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) return TALLY_ENOMEM;
    int error = state_history_read(checking->state, &subject->subject_id, leaf->count, count, entries);
    for (size_t i = 0; error == TALLY_OK && i < count; i++)
        fold(leaf, &entries[i]);
    free(entries);
    return error;
}

/* A subject's events, their heights, times and results fold to what its leaf in the map says. */
static int check_history(struct checking *checking, const struct state_subject *subject)
{
    struct subject_leaf leaf;
    int error = fold_base(checking, subject, &leaf);
    if (error == TALLY_OK) error = fold_rest(checking, subject, &leaf);
    if (error == TALLY_OK &&
        (!digest_equal(&leaf.acc, &subject->leaf.acc) || leaf.last_height != subject->leaf.last_height))
        checking->found(
            checking->context, "the events of a subject that came with a snapshot do not fold to its leaf");
    return error;
}

static int check_account(
    struct checking *checking, const struct digest *subject_id, const struct account_chain *chain)
{
    struct digest found;
    int error = state_account_get(checking->state, chain->member_id, chain->ref, &found);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (error == TALLY_ENOTFOUND || !digest_equal(&found, subject_id))
        checking->found(checking->context, "an account is not said to be in the file that holds it");
    checking->accounts++;
    checking->events += chain->next_seq;
    return error == TALLY_OK ? check_ids(checking, chain) : TALLY_OK;
}

static bool subject_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    struct state_subject subject;
    uint32_t count = 0;
    (void)key;
    checking->error = state_subject_decode(value, &subject);
    if (checking->error == TALLY_OK)
        checking->error = checking->state->config.accounts(subject.bytes, checking->chains, &count);
    if (checking->error == TALLY_EFORM) checking->error = TALLY_EDAMAGED;
    for (uint32_t i = 0; checking->error == TALLY_OK && i < count; i++)
        checking->error = check_account(checking, &subject.subject_id, &checking->chains[i]);
    if (checking->error == TALLY_OK && checking->state->base.height > 0)
        checking->error = check_history(checking, &subject);
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
    checking->error = base_chunk_decode(key, value, &chunk);
    if (checking->error != TALLY_OK) return false;
    checking->counted += chunk.count;
    if (chunk.first > 0) checking->indexed += checking->alone + chunk.count;
    checking->alone = chunk.first == 0 ? chunk.count : 0;
    return true;
}

static bool index_seen(void *context, struct span key, struct span value)
{
    struct checking *checking = context;
    (void)key;
    checking->counted += value.size / 4;
    return true;
}

static int scan(struct checking *checking, char kind, bool (*seen)(void *, struct span, struct span))
{
    struct state_key prefix = state_key_alone(kind);
    int error =
        store_scan(checking->state->store, state_key_span(&prefix), state_key_span(&prefix), seen, checking);
    return error == TALLY_OK ? checking->error : error;
}

static int check_counts(struct checking *checking)
{
    checking->counted = 0;
    int error = scan(checking, 'A', key_seen);
    if (error == TALLY_OK && checking->counted != checking->accounts)
        checking->found(checking->context, "there are other accounts than in the subjects' files");
    checking->counted = 0;
    if (error == TALLY_OK)
        error = event_index_count(checking->state->index, INDEX_ACCOUNT, &checking->counted);
    if (error == TALLY_OK) error = scan(checking, 'H', base_seen);
    if (error == TALLY_OK && checking->counted != checking->events)
        checking->found(checking->context, "there are other events of accounts than their files count");
    checking->counted = 0;
    if (error == TALLY_OK) error = scan(checking, 'D', index_seen);
    if (error == TALLY_OK && checking->counted != checking->indexed)
        checking->found(
            checking->context, "the index of what came with a snapshot is not of as many events as that");
    return error;
}

int state_check_accounts(struct state *state, void (*found)(void *context, const char *what), void *context)
{
    CHECK(!state->block.open && state->config.accounts != NULL);
    struct checking *checking = calloc(1, sizeof *checking);
    if (checking == NULL) return TALLY_ENOMEM;
    checking->state = state;
    checking->found = found;
    checking->context = context;
    int error = state_base_reader_open(state, &checking->base);
    if (error == TALLY_OK) error = scan(checking, 'S', subject_seen);
    if (error == TALLY_OK) error = check_counts(checking);
    state_base_reader_close(checking->base);
    free(checking);
    return error;
}
