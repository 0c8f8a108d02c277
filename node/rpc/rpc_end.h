/* How the answer to a call begins and ends, in each dialect. For the other files of this kind. */
#ifndef TALLY_RPC_RPC_END_H
#define TALLY_RPC_RPC_END_H

#include "node/rpc/rpc_call.h"

/* Queues the response's headers, if they are not yet. Errors: TALLY_ENOMEM. */
int call_headers_send(struct rpc_call *call) TALLY_MUST_CHECK;
/* Begins the answer before there is any of it, so that the client knows it is being followed. */
void call_respond(struct rpc_call *call);
/* Sends what says nothing, where an open stream of events has been still for RPC_KEEPALIVE_MS. */
void call_keep_alive(struct rpc_call *call, uint64_t now_ms);

/* Ends a call that is not closed, with a status. Its handler is not told. */
void call_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail);
/* The same with a bare HTTP status, for what is no call; `header` may be NULL. */
void call_end_http(struct rpc_call *call, unsigned http_status, const struct exchange_field *header);
/* The same with a body, which a HEAD leaves out. */
void call_end_page(struct rpc_call *call, unsigned http_status, const char *content_type, struct span body);
/* Of gRPC, grpc-status, and of an error its message and detail; borrowed from the call. Returns how many. */
size_t call_trailers(const struct rpc_call *call, struct exchange_field *fields);

#endif
