/* A call's request on its way in: received, brought into protobuf, and handed to its handler. For rpc_session
 * alone. */
#ifndef TALLY_RPC_RPC_REQUEST_H
#define TALLY_RPC_RPC_REQUEST_H

#include "node/rpc/rpc_call.h"

/* Whether more of its body is wanted. */
bool request_is_open(const struct rpc_call *call);
/* More of its body, which is wanted. */
void request_receive(struct rpc_call *call, struct span bytes);
/* The body, which is wanted, is complete. */
void request_complete(struct rpc_call *call);

#endif
