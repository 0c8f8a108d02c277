#include "storage/state_check.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/snapshot_event.h"
#include "storage/state_internal.h"

struct checking {
    struct state *state;
    void (*found)(void *context, const char *what);
    void *context;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint64_t accounts, events; /* that the files say there are */
    uint64_t counted;
    int error;
};

/* ---- What a file says ---- */

/* The ids from the first on, as the indexes have them, make what the file holds. */
static int check_ids(struct checking *checking, const struct account_chain *chain)
{
    struct digest ids = {{0}}, id = {{0}};
    for (uint32_t seq = 0; seq < chain->next_seq; seq++) {
        int error = state_account_event_get(checking->state, chain->member_id, chain->ref, seq, &id);
        if (error == TALLY_ENOTFOUND) {
            checking->found(checking->context, "an event of an account is missing in the index by seq");
            return TALLY_OK;
        }
        if (error != TALLY_OK) return error;
        ids = account_ids_step(&ids, &id);
    }
    if (!digest_equal(&ids, &chain->ids) || !digest_equal(&id, &chain->head))
        checking->found(checking->context, "the index of an account's events has others than its file fixes");
    return TALLY_OK;
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
    struct reader reader;
    (void)key;
    reader_init(&reader, value);
    (void)reader_span(&reader, reader_u16(&reader) * (4u + ACCOUNT_REF_SIZE));
    checking->counted += reader.left / SNAPSHOT_EVENT_SIZE;
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
    int error = scan(checking, 'S', subject_seen);
    if (error == TALLY_OK) error = check_counts(checking);
    free(checking);
    return error;
}
