/* What of a call can be judged by its headers, before its body is here: who may, what there is, and in which
 * form. And how a call is refused. For rpc_session and rpc_request alone. */
#ifndef TALLY_RPC_RPC_SCREEN_H
#define TALLY_RPC_RPC_SCREEN_H

#include "node/rpc/rpc_call.h"

/* Its headers are here: whatever can be refused or answered now is. Who no one knows is served the pages that
 * are for anyone; to all else it hears UNAUTHENTICATED, and the connection finishes. */
void request_screen(struct rpc_call *call);

/* The most bytes a request's message may have as it travels. */
size_t request_message_size_max(const struct rpc_call *call);

/* Ends a call that is not closed with an error, counts that, and logs it, but never more lines than the
 * limit: who called, what, and why not. */
void request_refuse(struct rpc_call *call, enum grpc_status status, const char *reason, const char *why);
void request_refusal_log(const struct rpc_call *call, enum refusal kind, const char *why);

#endif
