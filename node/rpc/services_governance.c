/* Governance by RPC: transactions that a member's clients signed, ordered like batches, and what became of
 * them. */
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/governance.h"
#include "proto/codec/message.h"
#include "proto/codec/ruling.h"

/* The transaction of a request; decoded once more when it is answered, so that nothing is kept meanwhile. */
struct governance_call {
    struct arena arena; /* of the request, and of what is decoded from it */
    const Tallystick__V1__GovernanceRequest *request;
    struct governance_transaction *transaction;
};

/* On failure the call is ended, and there is nothing to close. */
static bool read_transaction(struct rpc_call *call, struct governance_call *to)
{
    ProtobufCMessage *message;
    if (!read_request(call, &tallystick__v1__governance_request__descriptor, &to->arena, &message))
        return false;
    to->request = (const Tallystick__V1__GovernanceRequest *)message;
    to->arena.budget += GOVERNANCE_ARENA_BUDGET + sizeof *to->transaction;
    to->transaction = arena_take(&to->arena, sizeof *to->transaction);
    CHECK(to->transaction != NULL);
    if (governance_decode(span_of_bytes(to->request->transaction), &to->arena, to->transaction) == TALLY_OK)
        return true;
    arena_close(&to->arena);
    fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", "transaction",
        "the request has no transaction in its one encoding");
    return false;
}

/* What a transaction is about: the proposal that it makes, or that it names; else false. */
static bool proposal_of(const struct governance_transaction *transaction, struct digest *id)
{
    if (transaction->kind == GOVERNANCE_PROPOSE) *id = transaction->digest;
    if (transaction->kind == GOVERNANCE_BALLOT || transaction->kind == GOVERNANCE_WITHDRAW)
        *id = transaction->proposal;
    return transaction->kind != GOVERNANCE_REVOKE_OWN_KEY && transaction->kind != GOVERNANCE_READY;
}

/* What has become of the proposal by now. */
static void fill_proposal(
    const struct member_register *from, const struct digest *id, Tallystick__V1__GovernanceReply *reply)
{
    const struct register_proposal *open = register_proposal_find(from, id);
    const struct closed_proposal *closed = register_closed_find(from, id);
    uint32_t outcome = PROPOSAL_OPEN;
    if (open == NULL && closed == NULL) return;
    reply->proposal_number = open != NULL ? open->number : closed->number;
    if (open == NULL) outcome = (uint32_t)closed->outcome;
    reply->proposal_outcome = (char *)(uintptr_t)proposal_outcome_name(outcome);
    if (outcome == PROPOSAL_VOID) reply->proposal_why = (char *)(uintptr_t)ruling_name(closed->why);
}

static void fill_ruling(const struct event_result *result, Tallystick__V1__GovernanceReply *reply)
{
    const char *name = ruling_name(result->code);
    reply->ruling = result->code;
    reply->ruling_name = (char *)(uintptr_t)(name == NULL ? "UNKNOWN" : name);
    if (result->code != RULING_OK) reply->message = (char *)(uintptr_t)ruling_sentence(result->code);
    if (result->code == RULING_OUT_OF_SEQUENCE && result->detail_size == sizeof(uint64_t))
        reply->next_sequence = get_u64(result->detail);
}

static void reply_ruling(
    struct services *services, struct rpc_call *call, const struct submission_outcome *outcome)
{
    Tallystick__V1__GovernanceReply reply;
    const struct member_register *now = &executor_register(node_executor(services->node))->value;
    struct governance_call asked;
    struct digest proposal;
    if (!read_transaction(call, &asked)) return;
    CHECK(outcome->result_count <= 1);
    tallystick__v1__governance_reply__init(&reply);
    reply.digest = digest_bytes(&outcome->batch);
    reply.height = outcome->height;
    if (outcome->result_count == 1) {
        fill_ruling(&outcome->results[0].result, &reply);
        if (proposal_of(asked.transaction, &proposal)) fill_proposal(now, &proposal, &reply);
    }
    reply_at_once(call, &reply.base);
    arena_close(&asked.arena);
}

static void submit_governance(struct services *services, struct rpc_call *call, enum governance_kind kind)
{
    Tallystick__V1__Batch batch = TALLYSTICK__V1__BATCH__INIT;
    struct governance_call asked;
    if (!services_admit(services, call)) return;
    if (!read_transaction(call, &asked)) return;
    if (asked.transaction->kind == kind) {
        batch.governance = asked.request->transaction;
        submit_batch(services, call, &batch, wait_of(asked.request->wait_for), reply_ruling);
    } else {
        fail_call(call, GRPC_INVALID_ARGUMENT, "WRONG_KIND", "transaction",
            "the transaction is of another kind than this call takes");
    }
    arena_close(&asked.arena);
}

void handle_propose(void *context, struct rpc_call *call)
{
    submit_governance(context, call, GOVERNANCE_PROPOSE);
}

void handle_ballot(void *context, struct rpc_call *call)
{
    submit_governance(context, call, GOVERNANCE_BALLOT);
}

void handle_withdraw(void *context, struct rpc_call *call)
{
    submit_governance(context, call, GOVERNANCE_WITHDRAW);
}

void handle_revoke_own_key(void *context, struct rpc_call *call)
{
    submit_governance(context, call, GOVERNANCE_REVOKE_OWN_KEY);
}
