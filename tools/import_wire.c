#include "tools/import_wire.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "rpc.pb-c.h"

#define SUBMIT_DEADLINE_MS 60000u
#define ACCOUNTS_DEADLINE_MS 60000u
#define ACCOUNTS_REQUEST_SIZE_MAX (64u * KIB)
/* One account's events, at some 70 bytes each; more than a message may carry. */
#define ACCOUNT_ARENA_BUDGET (256u * MIB)

_Static_assert(
    IMPORT_LOOKUP_MAX *(ACCOUNT_REF_SIZE + 2) + 16 < ACCOUNTS_REQUEST_SIZE_MAX, "the references fit");
_Static_assert(IMPORT_LANES <= CLIENT_CALLS_MAX, "every lane may have a call in flight");

/* One lookup under way. */
struct lookup {
    struct arena arena;
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

static int account_take(struct lookup *lookup, const Tallystick__V1__OwnAccount *account)
{
    struct import_known known = {.next_seq = account->next_seq};
    if (account->ref.len != ACCOUNT_REF_SIZE) return TALLY_EFORM;
    memcpy(known.ref, account->ref.data, ACCOUNT_REF_SIZE);
    if (account->head.len != DIGEST_SIZE && account->head.len != 0) return TALLY_EFORM;
    if (account->head.len != 0) memcpy(known.head.bytes, account->head.data, DIGEST_SIZE);
    struct digest *commitments = arena_take_zeroed(&lookup->arena, account->n_events, sizeof *commitments);
    if (commitments == NULL || account->n_events > UINT32_MAX) return TALLY_ENOMEM;
    for (size_t i = 0; i < account->n_events; i++) {
        if (account->events[i]->body_commitment.len != DIGEST_SIZE) return TALLY_EFORM;
        memcpy(commitments[i].bytes, account->events[i]->body_commitment.data, DIGEST_SIZE);
    }
    known.commitments = commitments;
    known.count = (uint32_t)account->n_events;
    return lookup->on_known(lookup->run, &known);
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
    message_encode(&request.base, &out);
    int result = out.failed ? TALLY_ENOMEM
                            : client_stream(remote->client, "/tallystick.v1.Credit/OwnAccounts",
                                  buffer_span(&out), ACCOUNTS_DEADLINE_MS, on_message, NULL, &lookup, error);
    if (lookup.error != TALLY_OK) result = lookup.error;
    arena_close(&lookup.arena);
    buffer_close(&out);
    return result;
}

struct import_wire import_wire_of(struct remote *remote)
{
    return (struct import_wire){
        .context = remote, .start = wire_start, .wait = wire_wait, .accounts = wire_accounts};
}
