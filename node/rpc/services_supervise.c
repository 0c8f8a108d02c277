/* What opens other members' events to a regulator's clients: see node/supervision.h. */
#include "node/clock.h"
#include "node/rpc/services_internal.h"
#include "node/supervision.h"
#include "proto/codec/convert.h"

bool supervision_admit(struct rpc_call *call, ProtobufCBinaryData inquiry)
{
    if (inquiry.len == 0) return true;
    if ((rpc_call_caller(call)->roles & RPC_ROLE_INQUIRE) == 0)
        fail_call(call, GRPC_PERMISSION_DENIED, "ROLE", "inquiry",
            "a client that reads under an inquiry has the role inquire");
    else if (inquiry.len != DIGEST_SIZE)
        fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", "inquiry", "an id is 32 bytes");
    else
        return true;
    return false;
}

static const struct read_refusal unknown = {GRPC_FAILED_PRECONDITION, "NO_INQUIRY",
    "no inquiry of this node's member about blocks has this id; submit one, and wait until it is final"};
static const struct read_refusal denied = {GRPC_PERMISSION_DENIED, "NOT_SUPERVISOR",
    "the inquiry was refused, or this node's member is no active regulator"};
static const struct read_refusal over = {
    GRPC_FAILED_PRECONDITION, "INQUIRY_OVER", "the inquiry is not answered any more; make a new one"};
static const struct read_refusal outside = {
    GRPC_OUT_OF_RANGE, "OUTSIDE_INQUIRY", "the inquiry is about other blocks; make one about these"};

int supervision_read(const struct services *services, const struct digest *inquiry, uint64_t height,
    struct block_range *blocks, const struct read_refusal **refusal)
{
    const struct asker asker = services_asker(services);
    int error = supervision_open(&asker, inquiry, clock_wall_ms(), blocks);
    *refusal = NULL;
    if (error == TALLY_OK && (height < blocks->first || height > blocks->last))
        *refusal = &outside;
    else if (error == TALLY_ENOTFOUND)
        *refusal = &unknown;
    else if (error == TALLY_EDENIED)
        *refusal = &denied;
    else if (error == TALLY_ETIMEOUT)
        *refusal = &over;
    return *refusal == NULL ? error : TALLY_OK;
}

bool query_is_supervised(struct query *query, ProtobufCBinaryData inquiry, uint64_t height)
{
    const struct read_refusal *refusal = NULL;
    struct block_range blocks;
    struct digest id;
    if (digest_from_bytes(inquiry, &id) != TALLY_OK) return false;
    int error = supervision_read(query->services, &id, height, &blocks, &refusal);
    if (refusal != NULL) query_fail(query, refusal->status, refusal->reason, "inquiry", refusal->message);
    return !query_failed(query, error, "") && refusal == NULL;
}
