/* One connection's calls, in memory, in whatever HTTP and dialect they come. Bytes in, handlers called;
 * answers in, bytes out. No socket, no TLS, no loop: the server gives it those. */
#ifndef TALLY_RPC_RPC_SESSION_H
#define TALLY_RPC_RPC_SESSION_H

#include "node/rpc/rpc_call.h"

struct rpc_session;

enum rpc_http { RPC_HTTP_1, RPC_HTTP_2 };

/* `caller` is NULL for a client nobody knows, with a certificate or without: it may have the pages that are
 * for anyone; any call is answered UNAUTHENTICATED, and the session finishes. `caller` and `address` are
 * copied. `on_output` says that bytes wait for rpc_session_pull.
 * Errors: TALLY_ENOMEM. */
int rpc_session_open(struct rpc_shared *shared, enum rpc_http http, const struct rpc_caller *caller,
    const char *address, void (*on_output)(void *context), void *context,
    struct rpc_session **session) TALLY_MUST_CHECK;
/* Cancels what is open. NULL is fine. */
void rpc_session_close(struct rpc_session *session);

/* Errors: as carrier_receive: pull what is left, then close. */
int rpc_session_receive(struct rpc_session *session, struct span bytes, const char **why) TALLY_MUST_CHECK;
/* As carrier_pull; then tells streams that drained. */
int rpc_session_pull(struct rpc_session *session, uint8_t *to, size_t size, size_t *pulled) TALLY_MUST_CHECK;
/* Begins calls whose requests wait for a turn, as far as this turn may (RPC_TURN_SIZE_MAX). */
void rpc_session_work(struct rpc_session *session);
/* Whether such calls are left. */
bool rpc_session_has_work(const struct rpc_session *session);
/* Ends what has passed its time: deadlines, requests that do not arrive, readers that take nothing. */
void rpc_session_sweep(struct rpc_session *session);
/* The certificate it shows: for the log. */
void rpc_session_set_certificate(struct rpc_session *session, const struct digest *fingerprint);
/* What the caller, who is known, may do in calls that begin from now on. */
void rpc_session_set_roles(struct rpc_session *session, uint32_t roles);
/* Tells the client to make its next calls elsewhere; shared->draining refuses those that come. */
void rpc_session_drain(struct rpc_session *session);
/* Ends every call that is open with UNAVAILABLE, and takes no new ones. */
void rpc_session_stop(struct rpc_session *session);
/* Takes no new calls. */
void rpc_session_finish(struct rpc_session *session);
bool rpc_session_is_finished(const struct rpc_session *session);

/* Calls that are open or not yet fully sent. */
size_t rpc_session_call_count(const struct rpc_session *session);
/* NULL for a client nobody knows. */
const char *rpc_session_caller_name(const struct rpc_session *session);

#endif
