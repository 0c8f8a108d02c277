/* Whether a borrower may be lent to, asked before the money moves. */
#include "node/rpc/services_internal.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "storage/query.h"

static void refusal_say(const struct event_result *result, Tallystick__V1__ReserveRefusal *refusal)
{
    const char *name = result_name(result->code);
    bool tells_cap = result->code == RESULT_REFUSED_CAP && result->detail_size == 1;
    refusal->result_name = (char *)(uintptr_t)(name == NULL ? "UNKNOWN" : name);
    if (tells_cap) refusal->cap = (char *)(uintptr_t)refusal_name(result->detail[0]);
    refusal->message = (char *)(uintptr_t)(tells_cap      ? refusal_sentence(result->detail[0])
                                           : name == NULL ? "?"
                                                          : result_sentence(result->code));
}

static void run_reserve(struct query *query)
{
    const Tallystick__V1__ReserveRequest *request = (const Tallystick__V1__ReserveRequest *)query->request;
    struct state *state = executor_state(node_executor(query->services->node));
    struct digest id = event_id(&node_config(query->services->node)->genesis.chain_id,
        span_of_bytes(request->batch->events[0]->header));
    Tallystick__V1__ReserveReply reply = TALLYSTICK__V1__RESERVE_REPLY__INIT;
    Tallystick__V1__ReserveRefusal refusal;
    struct receipt_message nested;
    struct state_event place;
    struct receipt receipt;
    int error = state_event_get(state, &id, &place);
    if (error == TALLY_OK) error = query_receipt(state, place.height, place.index, &query->arena, &receipt);
    if (query_failed(query, error, "no such event was ordered")) return;
    receipt_to_message(&receipt, &nested);
    reply.receipt = &nested.outer;
    if (receipt.result.code == RESULT_OK) {
        reply.outcome_case = TALLYSTICK__V1__RESERVE_REPLY__OUTCOME_AUTHORIZATION;
        reply.authorization = digest_bytes(&id);
    } else {
        tallystick__v1__reserve_refusal__init(&refusal);
        refusal_say(&receipt.result, &refusal);
        reply.outcome_case = TALLYSTICK__V1__RESERVE_REPLY__OUTCOME_REFUSAL;
        reply.refusal = &refusal;
    }
    message_encode(&reply.base, &query->reply);
}

/* Ordered now, or known from before: what came of it is read from the state, the same way in either case. */
static void reservation_ordered(
    struct services *services, struct rpc_call *call, const struct submission_outcome *outcome)
{
    (void)outcome;
    query_start(services, call, &tallystick__v1__reserve_request__descriptor, run_reserve);
}

void handle_reserve(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct arena arena;
    ProtobufCMessage *message;
    if (!services_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__reserve_request__descriptor, &arena, &message)) return;
    const Tallystick__V1__ReserveRequest *request = (const Tallystick__V1__ReserveRequest *)message;
    if (request->batch == NULL)
        fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", "batch", "the request has no batch");
    else if (!batch_is_of_one(request->batch, EVENT_RESERVE))
        fail_call(
            call, GRPC_INVALID_ARGUMENT, "NOT_A_RESERVATION", "batch", "the batch is not of one RESERVE");
    else
        submit_batch(services, call, request->batch, SUBMISSION_CHECKPOINTED, reservation_ordered);
    arena_close(&arena);
}
