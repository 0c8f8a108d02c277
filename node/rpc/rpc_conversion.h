/* A request in JSON that is brought into protobuf by a worker, since it is too long for the loop. For
 * rpc_request and rpc_session alone. */
#ifndef TALLY_RPC_RPC_CONVERSION_H
#define TALLY_RPC_RPC_CONVERSION_H

#include <stdatomic.h>

#include "node/rpc/rpc_call.h"

#define CONVERSION_WHY_SIZE 160u

struct conversion {
    struct job job;
    struct rpc_shared *shared;
    struct rpc_call *call; /* NULL = it is over */
    atomic_bool is_over;   /* the same, for the worker */
    const struct rpc_method *method;
    struct buffer json; /* the request as it came, still counted by memory_max */
    size_t json_at;     /* where in it the message begins */
    void (*on_done)(struct rpc_call *call, struct conversion *conversion);
    /* As transcode_from_json left them. */
    int error;
    struct buffer message;
    char why[CONVERSION_WHY_SIZE];
};

/* Whether the call's request, which is complete, is one for the worker. */
bool conversion_is_due(const struct rpc_call *call);
/* Takes the request's bytes and hands them to the worker. on_done comes on a later turn of the loop, with
 * call->conversion NULL again and the bytes given back, unless the call is closed or gone by then; it may
 * take the message. Errors: TALLY_ENOMEM. */
int conversion_begin(struct rpc_call *call,
    void (*on_done)(struct rpc_call *call, struct conversion *conversion)) TALLY_MUST_CHECK;
/* The call goes. */
void conversion_forget(struct rpc_call *call);

#endif
