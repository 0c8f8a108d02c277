/* The client's side of HTTP/2 and gRPC, in memory: calls in, answers out; bytes in, bytes out. The one file
 * of the client that calls nghttp2. */
#ifndef TALLY_CLIENT_SESSION_H
#define TALLY_CLIENT_SESSION_H

#include "node/client/client.h"

struct session;

enum call_kind {
    CALL_WAITED, /* unary; its starter waits for it */
    CALL_POOLED, /* unary; it goes to whoever waits for any */
    CALL_STREAM,
};

/* One call. Its starter owns it, from session_call_make to session_call_free. */
struct session_call {
    struct session *session;
    struct session_call *previous, *next; /* among the calls under way, then among the pooled that are done */
    enum call_kind kind;
    int32_t stream_id;
    void *context;
    uint64_t deadline_ms; /* of transport_now_ms; UINT64_MAX = none */
    uint8_t *request;     /* its prefix and the message */
    size_t request_size, request_sent;
    uint8_t prefix[GRPC_PREFIX_SIZE]; /* of the message that arrives */
    size_t prefix_size;
    size_t message_size; /* of the message that arrives, once its prefix is here */
    struct buffer reply;
    uint32_t messages; /* that arrived whole */
    bool (*on_message)(void *context, struct span message);
    int http_status;
    int grpc_status; /* -1 = not told yet */
    bool done;
    int result;
    struct client_error error;
};

/* Errors: TALLY_ENOMEM. */
int session_open(struct session **session) TALLY_MUST_CHECK;
/* Every call has been freed. NULL is fine. */
void session_close(struct session *session);

/* Copies the request. NULL when memory is spent. */
struct session_call *session_call_make(enum call_kind kind, struct span request);
/* Forgets the call, cancelling it first if it is under way. NULL is fine. */
void session_call_free(struct session_call *call);
/* Puts the call under way; the bytes come from session_send. Errors: TALLY_ENOMEM, TALLY_ECLOSED (the node
 * takes no more calls). */
int session_call_start(struct session *session, struct session_call *call, const char *path,
    uint32_t timeout_ms) TALLY_MUST_CHECK;
/* Ends a call that is under way from our side. */
void session_call_cancel(struct session_call *call, int result, enum grpc_status status, const char *message);

/* Errors: TALLY_EIO (no HTTP/2), TALLY_ENOMEM. */
int session_receive(struct session *session, struct span bytes) TALLY_MUST_CHECK;
/* *bytes is what is to be sent next, good until the next call; empty = nothing. Errors: TALLY_ENOMEM,
 * TALLY_EIO. */
int session_send(struct session *session, struct span *bytes) TALLY_MUST_CHECK;
/* True when the node has said goodbye and nothing is under way. */
bool session_is_finished(const struct session *session);

/* Calls under way, newest first. */
struct session_call *session_calls(const struct session *session);
/* Takes one pooled call that is done; NULL = none. */
struct session_call *session_done_take(struct session *session);

#endif
