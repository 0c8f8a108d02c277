#include "tools/import_wire.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "rpc.pb-c.h"

#define SUBMIT_DEADLINE_MS 60000u
#define ACCOUNTS_DEADLINE_MS 60000u
#define ACCOUNTS_REQUEST_SIZE_MAX (64u * KIB)
/* One message. */
#define ACCOUNT_ARENA_BUDGET (256u * MIB)
/* The commitments of one account's events, which may come in several. */
#define ACCOUNT_COMMITMENTS_SIZE_MAX (1u * 1024u * MIB)

_Static_assert(
    IMPORT_LOOKUP_MAX *(ACCOUNT_REF_SIZE + 2) + 16 < ACCOUNTS_REQUEST_SIZE_MAX, "the references fit");
_Static_assert(IMPORT_LANES <= CLIENT_CALLS_MAX, "every lane may have a call in flight");

/* One lookup under way. */
struct lookup {
    struct arena arena;
    struct import_known known; /* the account that comes now, */
    struct buffer commitments; /* and those of its events so far */
    bool begun;                /* one does */
    int (*on_known)(void *run, const struct import_known *known);
    void *run;
    int error;
};

static int wire_start(void *context, struct span request, uint32_t lane)
{
    struct remote *remote = context;
    return client_start(remote->client, "/tallystick.v1.Ledger/SubmitBatch", request, SUBMIT_DEADLINE_MS,
        (void *)(uintptr_t)lane);
}

static int wire_wait(void *context, uint32_t timeout_ms, struct import_answer *answer)
{
    struct remote *remote = context;
    struct client_completed completed;
    int error = client_wait_any(remote->client, timeout_ms, &completed);
    if (error != TALLY_OK) return error;
    answer->lane = (uint32_t)(uintptr_t)completed.context;
    answer->result = completed.result;
    answer->error = completed.error;
    answer->reply = completed.reply;
    return TALLY_OK;
}

/* All of the account is here. */
static int account_end(struct lookup *lookup)
{
    if (!lookup->begun) return TALLY_OK;
    lookup->begun = false;
    lookup->known.commitments = (const struct digest *)(const void *)lookup->commitments.data;
    lookup->known.count = (uint32_t)(lookup->commitments.size / DIGEST_SIZE);
    return lookup->on_known(lookup->run, &lookup->known);
}

static int account_begin(struct lookup *lookup, const Tallystick__V1__OwnAccount *account)
{
    int error = account_end(lookup);
    memcpy(lookup->known.ref, account->ref.data, ACCOUNT_REF_SIZE);
    buffer_clear(&lookup->commitments);
    lookup->begun = true;
    return error;
}

static int account_take(struct lookup *lookup, const Tallystick__V1__OwnAccount *account)
{
    _Static_assert(sizeof(struct digest) == DIGEST_SIZE, "digests lie one after the other");
    if (account->ref.len != ACCOUNT_REF_SIZE) return TALLY_EFORM;
    if (account->head.len != DIGEST_SIZE && account->head.len != 0) return TALLY_EFORM;
    if (account->first_seq == 0) {
        int error = account_begin(lookup, account);
        if (error != TALLY_OK) return error;
    }
    if (!lookup->begun || memcmp(lookup->known.ref, account->ref.data, ACCOUNT_REF_SIZE) != 0 ||
        (uint64_t)account->first_seq * DIGEST_SIZE != lookup->commitments.size)
        return TALLY_EFORM;
    /* As of its last message: it may have grown since the first. */
    lookup->known.next_seq = account->next_seq;
    lookup->known.head = (struct digest){{0}};
    if (account->head.len != 0) memcpy(lookup->known.head.bytes, account->head.data, DIGEST_SIZE);
    for (size_t i = 0; i < account->n_events; i++) {
        if (account->events[i]->body_commitment.len != DIGEST_SIZE) return TALLY_EFORM;
        buffer_append(&lookup->commitments, account->events[i]->body_commitment.data, DIGEST_SIZE);
    }
    return lookup->commitments.failed ? TALLY_ENOMEM : TALLY_OK;
}

static bool on_message(void *context, struct span bytes)
{
    struct lookup *lookup = context;
    ProtobufCMessage *message;
    arena_reset(&lookup->arena);
    lookup->error = message_decode(
        &tallystick__v1__own_account__descriptor, MESSAGE_LENIENT, bytes, &lookup->arena, &message);
    if (lookup->error == TALLY_OK) lookup->error = account_take(lookup, (const void *)message);
    return lookup->error == TALLY_OK;
}

static int wire_accounts(void *context, const struct import_account *const *accounts, size_t count,
    int (*on_known)(void *run, const struct import_known *known), void *run, struct client_error *error)
{
    struct remote *remote = context;
    Tallystick__V1__OwnAccountsRequest request = TALLYSTICK__V1__OWN_ACCOUNTS_REQUEST__INIT;
    ProtobufCBinaryData refs[IMPORT_LOOKUP_MAX];
    struct lookup lookup = {.on_known = on_known, .run = run};
    struct buffer out;
    CHECK(count > 0 && count <= IMPORT_LOOKUP_MAX);
    for (size_t i = 0; i < count; i++)
        refs[i] = message_bytes(span_of(accounts[i]->ref, ACCOUNT_REF_SIZE));
    request.n_refs = count;
    request.refs = refs;
    request.events = true;
    buffer_init(&out, ACCOUNTS_REQUEST_SIZE_MAX);
    arena_init(&lookup.arena, ACCOUNT_ARENA_BUDGET);
    buffer_init(&lookup.commitments, ACCOUNT_COMMITMENTS_SIZE_MAX);
    message_encode(&request.base, &out);
    int result = out.failed ? TALLY_ENOMEM
                            : client_stream(remote->client, "/tallystick.v1.Credit/OwnAccounts",
                                  buffer_span(&out), ACCOUNTS_DEADLINE_MS, on_message, NULL, &lookup, error);
    if (result == TALLY_OK && lookup.error == TALLY_OK) lookup.error = account_end(&lookup);
    if (lookup.error != TALLY_OK) result = lookup.error;
    buffer_close(&lookup.commitments);
    arena_close(&lookup.arena);
    buffer_close(&out);
    return result;
}

struct import_wire import_wire_of(struct remote *remote)
{
    return (struct import_wire){
        .context = remote, .start = wire_start, .wait = wire_wait, .accounts = wire_accounts};
}
