/* The calling half of the RPC, for tools: blocking calls, streams, and many calls in flight, over one
 * connection. gRPC over HTTP/2 over TLS 1.3; the server's certificate must be the pinned one. One thread at a
 * time. No libuv.
 *
 * Functions that talk return
 *   TALLY_OK         the call ended with status OK
 *   TALLY_EDENIED    the node answered, with an error: error->status, message and detail say which
 *   TALLY_ETIMEOUT   the deadline passed (error->status is GRPC_DEADLINE_EXCEEDED)
 *   TALLY_ECLOSED    the node cannot be reached, or the connection was lost: whether the call took effect is
 * unknown TALLY_EIO        TLS, a certificate, a key file, or the protocol failed; trying again will not help
 *   TALLY_ELIMIT     a message above its bound
 *   TALLY_ENOMEM
 * and in every case but TALLY_OK fill *error (which may be NULL) with a sentence for people. After
 * TALLY_ECLOSED or TALLY_EIO every later call on this client fails the same way: open another. */
#ifndef TALLY_CLIENT_CLIENT_H
#define TALLY_CLIENT_CLIENT_H

#include "node/client/grpc.h"
#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define CLIENT_CALLS_MAX 4096u /* in flight; the node runs 100 of them at once, the rest wait their turn */
#define CLIENT_MESSAGE_SIZE_MAX (32u * MIB) /* one request or reply */

struct client;

struct client_options {
    const char *host; /* name or numeric address */
    uint16_t port;
    const char *server_certificate_path; /* PEM: the node's rpc.crt, compared whole */
    const char *certificate_path;        /* PEM: our own */
    const char *key_path;
    uint32_t connect_timeout_ms; /* for reaching the node and the handshake; 0 = 5,000 */
};

struct client_error {
    enum grpc_status status; /* GRPC_UNAVAILABLE where the node could not be reached */
    char message[GRPC_MESSAGE_SIZE_MAX + 1];
    struct grpc_error_detail detail; /* all zero where the node gave none */
};

/* Connects, and checks the node's certificate before anything is sent.
 * Errors: TALLY_ECLOSED, TALLY_ETIMEOUT (nobody there), TALLY_EIO (files, TLS, not the pinned certificate),
 * TALLY_ENOMEM. */
int client_open(const struct client_options *options, struct client **client,
    struct client_error *error) TALLY_MUST_CHECK;
void client_close(struct client *client);

/* A unary call. Appends the reply message to `reply`, whose bound holds; deadline_ms 0 = none. Calls in
 * flight go on meanwhile. */
int client_call(struct client *client, const char *path, struct span request, uint32_t deadline_ms,
    struct buffer *reply, struct client_error *error) TALLY_MUST_CHECK;

/* A server-streaming call; on_message gets each message (borrowed for that moment) and ends the call by
 * returning false, which counts as TALLY_OK. `goes_on` (may be NULL) is asked at least twice a second, and
 * ends it in the same way. Neither may use the client. Returns when the stream has ended. */
int client_stream(struct client *client, const char *path, struct span request, uint32_t deadline_ms,
    bool (*on_message)(void *context, struct span message), bool (*goes_on)(void *context), void *context,
    struct client_error *error) TALLY_MUST_CHECK;

/* Starts a unary call and returns at once; the request is copied, and sent as soon as the connection takes
 * it. `context` comes back with its answer. Errors: TALLY_EFULL (CLIENT_CALLS_MAX in flight: wait for one),
 * TALLY_ELIMIT, TALLY_ENOMEM; TALLY_ECLOSED and TALLY_EIO where the connection was lost before. */
int client_start(struct client *client, const char *path, struct span request, uint32_t deadline_ms,
    void *context) TALLY_MUST_CHECK;

struct client_completed {
    void *context;
    int result;        /* as in the list above */
    struct span reply; /* good until the next call on this client; empty unless result is TALLY_OK */
    struct client_error error;
};

/* Waits until some call that was started is answered, or has failed, in no particular order. When the
 * connection is lost every call in flight completes with TALLY_ECLOSED, one a time. Errors: TALLY_ETIMEOUT
 * (none within timeout_ms; they go on), TALLY_ENOTFOUND (none is in flight). */
int client_wait_any(
    struct client *client, uint32_t timeout_ms, struct client_completed *completed) TALLY_MUST_CHECK;

/* Why the connection was lost, for people; empty while it stands. Good as long as the client. */
const char *client_why(const struct client *client);

/* Calls started and not yet handed out by client_wait_any. */
size_t client_in_flight(const struct client *client);

#endif
