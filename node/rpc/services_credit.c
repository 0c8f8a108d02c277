#include <stdlib.h>

#include "node/credit/subject_state.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"
#include "storage/query.h"

#define ACCOUNTS_PER_CHUNK 32u
#define REFS_MAX 1000u
/* Of one account, in one message: some 70 bytes each. */
#define EVENTS_PER_MESSAGE 8192u
/* Read at a time, before the client is to take them. */
#define MESSAGES_SIZE_ENOUGH (1u * MIB)
#define HEADER_ARENA_SIZE (1u * MIB)

_Static_assert(ACCOUNTS_PER_CHUNK <= STREAM_CHUNK_MESSAGES_MAX, "a chunk fits a stream's");

/* ---- GetHistory ---- */

static void run_get_history(struct query *query)
{
    const Tallystick__V1__GetHistoryRequest *request =
        (const Tallystick__V1__GetHistoryRequest *)query->request;
    struct executor *executor = node_executor(query->services->node);
    struct digest subject_id;
    struct buffer proof;
    bool more;
    if (request->subject_id.len != DIGEST_SIZE) {
        query_fail(query, GRPC_INVALID_ARGUMENT, "MALFORMED", "subject_id", "a subject id is 32 bytes");
        return;
    }
    memcpy(subject_id.bytes, request->subject_id.data, DIGEST_SIZE);
    buffer_init(&proof, QUERY_PROOF_SIZE_MAX);
    int error = query_history(executor_state(executor), executor_ledger(executor), &subject_id,
        request->since_count, true, &proof, &more);
    if (error == TALLY_EINVALID) {
        query_fail(query, GRPC_OUT_OF_RANGE, "SINCE_AHEAD", "since_count",
            "this node counts fewer events of the subject, as of its newest certified checkpoint");
    } else if (!query_failed(query, error, "no such subject")) {
        Tallystick__V1__GetHistoryReply reply = TALLYSTICK__V1__GET_HISTORY_REPLY__INIT;
        reply.proof = message_bytes(buffer_span(&proof));
        reply.more = more;
        message_encode(&reply.base, &query->reply);
    }
    buffer_close(&proof);
}

void handle_get_history(void *context, struct rpc_call *call)
{
    const struct services *services = context;
    if (!node_config(services->node)->genesis.open_reads) {
        fail_call(call, GRPC_PERMISSION_DENIED, "READS_CLOSED", NULL,
            "this network's genesis does not allow unrecorded reads of a subject's file");
        return;
    }
    query_start(context, call, &tallystick__v1__get_history_request__descriptor, run_get_history);
}

/* ---- OwnAccounts ---- */

struct account_key {
    uint8_t ref[ACCOUNT_REF_SIZE];
    struct digest subject_id;
};

struct own_accounts {
    struct stream stream;
    uint32_t member_id;
    bool events;
    uint32_t ref_count;             /* asked for by name; 0 = all */
    uint32_t next;                  /* of the named ones */
    uint8_t from[ACCOUNT_REF_SIZE]; /* of all: where to go on */
    bool begun;
    uint8_t (*refs)[ACCOUNT_REF_SIZE];
    struct account_key chunk[ACCOUNTS_PER_CHUNK];
    uint32_t chunk_count, chunk_next; /* those before `chunk_next` were told whole */
    uint32_t next_seq;                /* of that one, the first event that was not told */
    bool last_chunk;
};

static bool keep_account(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id)
{
    struct own_accounts *own = context;
    CHECK(own->chunk_count < ACCOUNTS_PER_CHUNK);
    struct account_key *key = &own->chunk[own->chunk_count++];
    memcpy(key->ref, ref, ACCOUNT_REF_SIZE);
    key->subject_id = *subject_id;
    return true;
}

/* The least ref above this one; false where there is none. */
static bool next_ref(uint8_t ref[ACCOUNT_REF_SIZE])
{
    for (size_t i = ACCOUNT_REF_SIZE; i > 0; i--)
        if (++ref[i - 1] != 0) return true;
    return false;
}

/* Which accounts come next: the named ones that exist, or the member's in order. */
static int choose_chunk(struct own_accounts *own, struct state *state)
{
    own->chunk_count = own->chunk_next = 0;
    if (own->ref_count == 0) {
        int error = state_account_scan(
            state, own->member_id, own->begun ? own->from : NULL, ACCOUNTS_PER_CHUNK, keep_account, own);
        if (error != TALLY_OK) return error;
        own->begun = true;
        own->last_chunk = own->chunk_count < ACCOUNTS_PER_CHUNK;
        if (own->chunk_count > 0) {
            memcpy(own->from, own->chunk[own->chunk_count - 1].ref, ACCOUNT_REF_SIZE);
            if (!next_ref(own->from)) own->last_chunk = true;
        }
        return TALLY_OK;
    }
    while (own->next < own->ref_count && own->chunk_count < ACCOUNTS_PER_CHUNK) {
        struct digest subject_id;
        const uint8_t *ref = own->refs[own->next++];
        int error = state_account_get(state, own->member_id, ref, &subject_id);
        if (error == TALLY_OK)
            keep_account(own, ref, &subject_id);
        else if (error != TALLY_ENOTFOUND)
            return error;
    }
    own->last_chunk = own->next == own->ref_count;
    return TALLY_OK;
}

static int commitment_read(
    struct own_accounts *own, const struct digest *id, struct arena *scratch, struct digest *commitment)
{
    struct executor *executor = node_executor(own->stream.services->node);
    struct state_event place;
    struct event_header header;
    struct span bytes;
    arena_reset(scratch);
    int error = state_event_get(executor_state(executor), id, &place);
    if (error == TALLY_OK)
        error = ledger_header_read(executor_ledger(executor), place.height, place.index, scratch, &bytes);
    if (error == TALLY_OK) error = event_header_decode(bytes, &header);
    if (error == TALLY_OK) *commitment = header.body_commitment;
    return error;
}

/* The account's applied events from own->next_seq on, as many as a message holds: their ids, and the
 * commitments by which a furnisher knows its own lines again. */
static int list_events(struct own_accounts *own, const struct account *account, struct arena *arena,
    Tallystick__V1__OwnAccount *message)
{
    struct state *state = executor_state(node_executor(own->stream.services->node));
    uint32_t left = account->next_seq - own->next_seq;
    uint32_t count = left < EVENTS_PER_MESSAGE ? left : EVENTS_PER_MESSAGE;
    Tallystick__V1__OwnAccountEvent *events = arena_take_zeroed(arena, count, sizeof *events);
    struct digest *ids = arena_take_zeroed(arena, count, sizeof *ids);
    struct digest *commitments = arena_take_zeroed(arena, count, sizeof *commitments);
    message->events = arena_take_zeroed(arena, count, sizeof *message->events);
    if (events == NULL || ids == NULL || commitments == NULL || message->events == NULL) return TALLY_ENOMEM;
    struct arena scratch;
    arena_init(&scratch, HEADER_ARENA_SIZE);
    int error = state_account_ids(state, own->member_id, account->ref, own->next_seq, count, ids);
    for (uint32_t i = 0; error == TALLY_OK && i < count; i++) {
        error = commitment_read(own, &ids[i], &scratch, &commitments[i]);
        tallystick__v1__own_account_event__init(&events[i]);
        events[i].event_id = message_bytes(span_of(ids[i].bytes, DIGEST_SIZE));
        events[i].body_commitment = message_bytes(span_of(commitments[i].bytes, DIGEST_SIZE));
        message->events[i] = &events[i];
    }
    arena_close(&scratch);
    message->n_events = count;
    message->first_seq = own->next_seq;
    own->next_seq += count;
    return error;
}

static int tell_account(
    struct own_accounts *own, const struct account *account, const struct account_key *key)
{
    Tallystick__V1__OwnAccount message;
    struct arena arena;
    arena_init(&arena, 16u * MIB);
    tallystick__v1__own_account__init(&message);
    message.ref = message_bytes(span_of(key->ref, ACCOUNT_REF_SIZE));
    message.subject_id = message_bytes(span_of(key->subject_id.bytes, DIGEST_SIZE));
    message.state = (char *)(uintptr_t)account_state_name(account->state);
    message.next_seq = account->next_seq;
    message.head = message_bytes(span_of(account->head.bytes, DIGEST_SIZE));
    message.account_type = (Tallystick__V1__AccountType)account->type;
    message.currency = account->currency;
    int error = own->events ? list_events(own, account, &arena, &message) : TALLY_OK;
    if (error == TALLY_OK) {
        message_encode(&message.base, &own->stream.bytes);
        stream_message_end(&own->stream, 0);
    }
    arena_close(&arena);
    if (own->events && own->next_seq < account->next_seq) return error;
    own->chunk_next++;
    own->next_seq = 0;
    return error;
}

/* One message of the account that is next. */
static int add_account(struct own_accounts *own, struct state *state)
{
    const struct account_key *key = &own->chunk[own->chunk_next];
    struct state_subject stored;
    struct subject_state subject;
    struct arena arena;
    arena_init(&arena, 16u * MIB);
    subject_state_init(&subject);
    int error = state_subject_get(state, &key->subject_id, &arena, &stored);
    if (error == TALLY_OK) error = subject_state_decode(stored.bytes, &subject);
    const struct account *account =
        error == TALLY_OK ? subject_state_account(&subject, own->member_id, key->ref) : NULL;
    if (error == TALLY_OK && account == NULL) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) error = tell_account(own, account, key);
    subject_state_close(&subject);
    arena_close(&arena);
    return error;
}

static void run_own_accounts(struct stream *stream)
{
    struct own_accounts *own = (struct own_accounts *)(void *)stream;
    struct state *state = executor_state(node_executor(stream->services->node));
    if (own->chunk_next == own->chunk_count) stream->error = choose_chunk(own, state);
    while (own->chunk_next < own->chunk_count && stream->error == TALLY_OK &&
           stream->count < STREAM_CHUNK_MESSAGES_MAX && stream->bytes.size < MESSAGES_SIZE_ENOUGH)
        stream->error = add_account(own, state);
    stream->finished = own->last_chunk && own->chunk_next == own->chunk_count;
}

static bool always_ready(const struct stream *stream)
{
    (void)stream;
    return true;
}

static void own_accounts_close(struct stream *stream)
{
    free(((struct own_accounts *)(void *)stream)->refs);
}

/* Copies the refs asked for; false where one is no ref. */
static bool take_refs(const Tallystick__V1__OwnAccountsRequest *request, struct own_accounts *own)
{
    own->ref_count = (uint32_t)request->n_refs;
    own->refs = calloc(own->ref_count + 1, sizeof *own->refs);
    CHECK(own->refs != NULL);
    for (uint32_t i = 0; i < own->ref_count; i++) {
        if (request->refs[i].len != ACCOUNT_REF_SIZE) return false;
        memcpy(own->refs[i], request->refs[i].data, ACCOUNT_REF_SIZE);
    }
    return true;
}

void handle_own_accounts(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct arena arena;
    ProtobufCMessage *message;
    if (!stream_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__own_accounts_request__descriptor, &arena, &message)) return;
    const Tallystick__V1__OwnAccountsRequest *request = (const Tallystick__V1__OwnAccountsRequest *)message;
    struct own_accounts *own = calloc(1, sizeof *own);
    CHECK(own != NULL);
    own->member_id = node_member_id(services->node);
    own->events = request->events;
    own->stream.run = run_own_accounts;
    own->stream.ready = always_ready;
    own->stream.close = own_accounts_close;
    bool ok = request->n_refs <= REFS_MAX && take_refs(request, own);
    arena_close(&arena);
    if (!ok) {
        free(own->refs);
        free(own);
        fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", "refs",
            "at most 1,000 account references of 16 bytes each");
        return;
    }
    stream_start(services, call, &own->stream);
}
