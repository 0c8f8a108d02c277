/* One connection's calls, in memory: gRPC over an HTTP/2 session. Bytes in, handlers called; answers in,
 * bytes out. Holds what struct rpc_call is. No socket, no TLS, no loop: the server gives it those. */
#ifndef TALLY_RPC_GRPC_SESSION_H
#define TALLY_RPC_GRPC_SESSION_H

#include "node/rpc/grpc_call.h"

struct grpc_session;

/* `caller` is NULL for a client nobody knows: its first call is answered UNAUTHENTICATED, and the session
 * finishes. `caller` and `address` are copied. `on_output` says that bytes wait for grpc_session_pull.
 * Errors: TALLY_ENOMEM. */
int grpc_session_open(struct grpc_shared *shared, const struct rpc_caller *caller, const char *address,
    void (*on_output)(void *context), void *context, struct grpc_session **session) TALLY_MUST_CHECK;
/* Cancels what is open. NULL is fine. */
void grpc_session_close(struct grpc_session *session);

/* Errors: as http2_receive: pull what is left, then close. */
int grpc_session_receive(struct grpc_session *session, struct span bytes, const char **why) TALLY_MUST_CHECK;
/* As http2_pull; then tells streams that drained. */
int grpc_session_pull(
    struct grpc_session *session, uint8_t *to, size_t size, size_t *pulled) TALLY_MUST_CHECK;
/* Ends what has passed its time: deadlines, requests that do not arrive, readers that take nothing. */
void grpc_session_sweep(struct grpc_session *session);
/* What the caller, who is known, may do in calls that begin from now on. */
void grpc_session_set_roles(struct grpc_session *session, uint32_t roles);
/* Tells the client to make its next calls elsewhere; shared->draining refuses those that come. */
void grpc_session_drain(struct grpc_session *session);
/* Ends every call that is open with UNAVAILABLE, and takes no new ones. */
void grpc_session_stop(struct grpc_session *session);
/* Takes no new calls. */
void grpc_session_finish(struct grpc_session *session);
bool grpc_session_is_finished(const struct grpc_session *session);

/* Calls that are open or not yet fully sent. */
size_t grpc_session_call_count(const struct grpc_session *session);
/* NULL for a client nobody knows. */
const char *grpc_session_caller_name(const struct grpc_session *session);

#endif
