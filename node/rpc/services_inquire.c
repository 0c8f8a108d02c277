/* What a member's clients are told of subjects and events: see node/inquiry.h. */
#include "node/clock.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

/* In one reply of OwnEvents. */
#define OWN_EVENTS_MAX 256u
/* And as many bytes of seals, which each event's receipt has for itself: after that the reply ends early. */
#define OWN_EVENTS_SEALS_MAX (1u * MIB)

struct asker services_asker(const struct services *services)
{
    struct executor *executor = node_executor(services->node);
    const struct config *config = node_config(services->node);
    return (struct asker){
        .state = executor_state(executor),
        .ledger = executor_ledger(executor),
        .chain_id = config->genesis.chain_id,
        .member_id = node_member_id(services->node),
    };
}

static bool read_id(struct query *query, ProtobufCBinaryData bytes, const char *field, struct digest *id)
{
    if (digest_from_bytes(bytes, id) == TALLY_OK) return true;
    query_fail(query, GRPC_INVALID_ARGUMENT, "MALFORMED", field, "an id is 32 bytes");
    return false;
}

/* ---- Inquire ---- */

/* The id of the inquiry that the request is about; a batch is of one. */
static bool inquiry_id(struct query *query, const Tallystick__V1__InquireRequest *request, struct digest *id)
{
    if (request->by_case != TALLYSTICK__V1__INQUIRE_REQUEST__BY_BATCH)
        return read_id(query, request->inquiry, "inquiry", id);
    *id = event_id(&node_config(query->services->node)->genesis.chain_id,
        span_of_bytes(request->batch->events[0]->header));
    return true;
}

static void run_inquire(struct query *query)
{
    const Tallystick__V1__InquireRequest *request = (const Tallystick__V1__InquireRequest *)query->request;
    struct asker asker = services_asker(query->services);
    struct receipt *receipt = arena_take(&query->arena, sizeof *receipt);
    struct digest inquiry;
    struct buffer proof;
    if (query_failed(query, receipt == NULL ? TALLY_ENOMEM : TALLY_OK, "")) return;
    if (!inquiry_id(query, request, &inquiry)) return;
    buffer_init(&proof, QUERY_PROOF_SIZE_MAX);
    bool more;
    int error = inquiry_answer(
        &asker, &inquiry, request->since_count, clock_wall_ms(), &query->arena, receipt, &proof, &more);
    if (error == TALLY_EINVALID) {
        query_fail(query, GRPC_OUT_OF_RANGE, "SINCE_AHEAD", "since_count",
            "this node counts fewer events of the subject, as of its newest certified checkpoint");
    } else if (error == TALLY_ETIMEOUT) {
        query_fail(query, GRPC_FAILED_PRECONDITION, "INQUIRY_OVER", "inquiry",
            "the inquiry is not answered any more; make a new one");
    } else if (!query_failed(query, error, "the member has no such inquiry")) {
        Tallystick__V1__InquireReply reply = TALLYSTICK__V1__INQUIRE_REPLY__INIT;
        struct receipt_message nested;
        receipt_to_message(receipt, &nested);
        reply.receipt = &nested.outer;
        reply.proof = message_bytes(buffer_span(&proof));
        reply.more = more;
        message_encode(&reply.base, &query->reply);
    }
    buffer_close(&proof);
}

/* Ordered now, or known from before: what came of it is read from the state, the same way in either case. */
static void inquiry_ordered(
    struct services *services, struct rpc_call *call, const struct submission_outcome *outcome)
{
    (void)outcome;
    query_start(services, call, &tallystick__v1__inquire_request__descriptor, run_inquire);
}

void handle_inquire(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct arena arena;
    ProtobufCMessage *message;
    if (!services_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__inquire_request__descriptor, &arena, &message)) return;
    const Tallystick__V1__InquireRequest *request = (const Tallystick__V1__InquireRequest *)message;
    if (request->by_case != TALLYSTICK__V1__INQUIRE_REQUEST__BY_BATCH)
        query_start(services, call, &tallystick__v1__inquire_request__descriptor, run_inquire);
    else if (!batch_is_of_one(request->batch, EVENT_INQUIRY))
        fail_call(call, GRPC_INVALID_ARGUMENT, "NOT_AN_INQUIRY", "batch", "the batch is not of one INQUIRY");
    else
        submit_batch(services, call, request->batch, SUBMISSION_CHECKPOINTED, inquiry_ordered);
    arena_close(&arena);
}

/* ---- OwnEvents ---- */

struct own_event {
    struct receipt receipt;
    struct receipt_message receipt_message;
    Tallystick__V1__OwnEvent message;
    Tallystick__V1__PlainBody plain;
};

static int own_event_read(
    const struct asker *asker, const struct state_event *place, struct arena *arena, struct own_event *own)
{
    struct ledger_event stored;
    int error = query_receipt(asker->state, place->height, place->index, arena, &own->receipt);
    if (error == TALLY_OK)
        error = ledger_event_read(asker->ledger, place->height, place->index, arena, &stored);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    tallystick__v1__own_event__init(&own->message);
    receipt_to_message(&own->receipt, &own->receipt_message);
    own->message.receipt = &own->receipt_message.outer;
    own->message.header = message_bytes(stored.header);
    if (!stored.has_body) return TALLY_OK;
    tallystick__v1__plain_body__init(&own->plain);
    own->plain.salt.data = arena_take(arena, SALT_SIZE);
    if (own->plain.salt.data == NULL) return TALLY_ENOMEM;
    memcpy(own->plain.salt.data, stored.salt, SALT_SIZE);
    own->plain.salt.len = SALT_SIZE;
    own->plain.body = message_bytes(stored.body);
    own->message.body_case = TALLYSTICK__V1__OWN_EVENT__BODY_PLAIN;
    own->message.plain = &own->plain;
    return TALLY_OK;
}

static bool is_after(const struct state_event *place, const Tallystick__V1__Position *after)
{
    return after == NULL || place->height > after->height ||
           (place->height == after->height && place->index > after->index);
}

/* The reply's events, of the arena: the first OWN_EVENTS_MAX after the place where the last reply ended. */
static int own_events_read(const struct asker *asker, const Tallystick__V1__OwnEventsRequest *request,
    const struct digest *subject_id, struct arena *arena, Tallystick__V1__OwnEventsReply *reply)
{
    struct state_event *places;
    uint32_t count, first = 0;
    size_t seals = 0;
    int error = own_events(asker, subject_id, arena, &places, &count);
    if (error != TALLY_OK) return error;
    while (first < count && !is_after(&places[first], request->after))
        first++;
    reply->n_events = count - first < OWN_EVENTS_MAX ? count - first : OWN_EVENTS_MAX;
    reply->events = arena_take_zeroed(arena, OWN_EVENTS_MAX, sizeof *reply->events);
    if (reply->events == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < reply->n_events; i++) {
        struct own_event *own = arena_take(arena, sizeof *own);
        if (own == NULL) return TALLY_ENOMEM;
        reply->events[i] = &own->message;
        error = own_event_read(asker, &places[first + i], arena, own);
        if (error != TALLY_OK) return error;
        seals += own->receipt.seals.size;
        if (seals > OWN_EVENTS_SEALS_MAX) reply->n_events = i + 1;
    }
    reply->more = reply->n_events < count - first;
    return TALLY_OK;
}

static void run_own_events(struct query *query)
{
    const Tallystick__V1__OwnEventsRequest *request =
        (const Tallystick__V1__OwnEventsRequest *)query->request;
    struct asker asker = services_asker(query->services);
    struct digest subject_id;
    Tallystick__V1__OwnEventsReply reply = TALLYSTICK__V1__OWN_EVENTS_REPLY__INIT;
    if (!read_id(query, request->subject_id, "subject_id", &subject_id)) return;
    int error = own_events_read(&asker, request, &subject_id, &query->arena, &reply);
    if (!query_failed(query, error, "")) message_encode(&reply.base, &query->reply);
}

void handle_own_events(void *context, struct rpc_call *call)
{
    query_start(context, call, &tallystick__v1__own_events_request__descriptor, run_own_events);
}

/* ---- GetEvent ---- */

/* What the asker may see of an ordered event, which is open to it in any case or else by its header; the rest
 * of the message was told already. */
static int event_show(const struct asker *asker, const struct state_event *place, bool is_open,
    struct arena *arena, Tallystick__V1__PlainBody *plain, Tallystick__V1__BlockEvent *message)
{
    struct ledger_event *stored = arena_take(arena, sizeof *stored);
    struct state_result result;
    struct event_header header;
    bool owns = is_open;
    if (stored == NULL) return TALLY_ENOMEM;
    int error = ledger_event_read(asker->ledger, place->height, place->index, arena, stored);
    if (error == TALLY_OK) error = event_header_decode(stored->header, &header);
    if (error == TALLY_OK && !is_open) error = asker_owns(asker, &header, &owns);
    if (error != TALLY_OK || !owns) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    error = state_result_get(asker->state, place->height, place->index, &result);
    if (error != TALLY_OK) return error;
    message->result = result.result.code;
    message->header = message_bytes(stored->header);
    if (!stored->has_body) return TALLY_OK;
    tallystick__v1__plain_body__init(plain);
    plain->salt = message_bytes(span_of(stored->salt, SALT_SIZE));
    plain->body = message_bytes(stored->body);
    message->body_case = TALLYSTICK__V1__BLOCK_EVENT__BODY_PLAIN;
    message->plain = plain;
    return TALLY_OK;
}

static void run_get_event(struct query *query)
{
    const Tallystick__V1__GetEventRequest *request = (const Tallystick__V1__GetEventRequest *)query->request;
    struct asker asker = services_asker(query->services);
    Tallystick__V1__GetEventReply reply = TALLYSTICK__V1__GET_EVENT_REPLY__INIT;
    Tallystick__V1__BlockEvent event = TALLYSTICK__V1__BLOCK_EVENT__INIT;
    Tallystick__V1__PlainBody plain;
    struct state_event place;
    struct digest id;
    if (!read_id(query, request->event_id, "event_id", &id)) return;
    int error = state_event_get(asker.state, &id, &place);
    if (query_failed(query, error, "no such event was ordered")) return;
    event.index = place.index;
    event.event_id = digest_bytes(&id);
    bool is_open = query_is_supervised(query, request->inquiry, place.height);
    if (query->status != GRPC_OK) return;
    error = event_show(&asker, &place, is_open, &query->arena, &plain, &event);
    if (query_failed(query, error, "")) return;
    reply.height = place.height;
    reply.event = &event;
    message_encode(&reply.base, &query->reply);
}

void handle_get_event(void *context, struct rpc_call *call)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (!read_request(call, &tallystick__v1__get_event_request__descriptor, &arena, &message)) return;
    if (supervision_admit(call, ((const Tallystick__V1__GetEventRequest *)message)->inquiry))
        query_start(context, call, &tallystick__v1__get_event_request__descriptor, run_get_event);
    arena_close(&arena);
}
