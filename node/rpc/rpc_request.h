/* A call's request on its way in: refused as early as can be, received, brought into protobuf, and handed to
 * its handler. For rpc_session alone. */
#ifndef TALLY_RPC_RPC_REQUEST_H
#define TALLY_RPC_RPC_REQUEST_H

#include "node/rpc/rpc_call.h"

/* Its headers are here: whatever can be refused or answered now is. Who no one knows is served the pages that
 * are for anyone; to all else it hears UNAUTHENTICATED, and the connection finishes. */
void request_screen(struct rpc_call *call);
/* Whether more of its body is wanted. */
bool request_is_open(const struct rpc_call *call);
/* More of its body, which is wanted. */
void request_receive(struct rpc_call *call, struct span bytes);
/* The body, which is wanted, is complete. */
void request_complete(struct rpc_call *call);

/* Ends a call that is not closed with an error, counts that, and logs it, but never more lines than the
 * limit: who called, what, and why not. */
void request_refuse(struct rpc_call *call, enum grpc_status status, const char *reason, const char *why);
void request_refusal_log(const struct rpc_call *call, enum refusal kind, const char *why);

#endif
