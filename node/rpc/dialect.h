/* The ways a call can be spoken: gRPC; Connect, unary or a stream, in protobuf or JSON; server-sent events;
 * and plain HTTP, for what is no call. Pure: what tells them apart, and what their errors are. */
#ifndef TALLY_RPC_DIALECT_H
#define TALLY_RPC_DIALECT_H

#include "node/client/grpc.h"
#include "node/rpc/exchange.h"
#include "proto/base/bytes.h"

enum dialect_kind {
    DIALECT_PLAIN, /* no call: an HTTP status tells the end */
    DIALECT_GRPC,
    DIALECT_UNARY,  /* Connect: the body is the message; an HTTP status and JSON tell an error */
    DIALECT_STREAM, /* Connect: messages in envelopes; the last envelope tells the end */
    DIALECT_EVENTS, /* server-sent events, for browsers: each message is one; so is an error */
};

struct dialect {
    enum dialect_kind kind;
    bool json;                /* messages are JSON, else protobuf */
    const char *content_type; /* of the request, and of the response */
};

/* What a request's content type asks for; plain where it is none that is spoken here. Not NULL. */
const struct dialect *dialect_of(const char *content_type);

/* Of server-sent events, which no content type asks for. */
const struct dialect *dialect_events(void);

/* Whether each message of a request and a response has a prefix of GRPC_PREFIX_SIZE. */
static inline bool dialect_is_framed(const struct dialect *dialect)
{
    return dialect->kind == DIALECT_GRPC || dialect->kind == DIALECT_STREAM;
}

/* The request's timeout as its dialect writes it; UINT64_MAX = it has none. Errors: TALLY_EFORM. */
int dialect_timeout(const struct dialect *dialect, const struct exchange_request *request,
    uint64_t *timeout_ms) TALLY_MUST_CHECK;
/* Whether the request's messages are compressed in a way its dialect can say. */
bool dialect_is_compressed(const struct dialect *dialect, const struct exchange_request *request);

/* The HTTP status of an error that is one; of GRPC_OK, 200. */
unsigned connect_http_status(enum grpc_status status);

/* Connect's error as JSON: code, message, and the detail (may be NULL). */
#define CONNECT_ERROR_SIZE_MAX (4u * KIB)
void connect_error_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out);
/* The same as a server-sent event. */
void events_error_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out);
/* The last envelope of a stream, which tells its end; `message` and `detail` matter to an error alone. */
void connect_end_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out);

#endif
