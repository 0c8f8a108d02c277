/* One request and its response, and the connection that carries such, whichever HTTP it speaks: bytes in,
 * requests out; responses in, bytes out. http1.h and http2.h open carriers; what is above them sees this.
 *
 * Functions that answer only queue; carrier_pull alone makes bytes. An exchange is never freed inside a call
 * of its owner: on_gone comes from carrier_receive, carrier_pull or carrier_close. */
#ifndef TALLY_RPC_EXCHANGE_H
#define TALLY_RPC_EXCHANGE_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define EXCHANGE_PATH_SIZE_MAX 255u
#define EXCHANGE_QUERY_SIZE_MAX 127u
#define EXCHANGE_FIELD_SIZE_MAX 127u
#define EXCHANGE_HEADERS_MAX 6u
/* Of a request that was answered before its end: so much is let pass, so that the client gets to read. */
#define EXCHANGE_DISCARD_SIZE_MAX (4u * MIB)
#define EXCHANGE_TRAILERS_MAX 4u

/* What of a request matters to the RPC, NUL-terminated and empty where it was not there. A text that is too
 * long to be any that is known is kept as EXCHANGE_CUT, which none of them is. */
#define EXCHANGE_CUT "?"
struct exchange_request {
    char method[16];
    char path[EXCHANGE_PATH_SIZE_MAX + 1];
    char query[EXCHANGE_QUERY_SIZE_MAX + 1]; /* what follows the path's '?', that left out */
    char content_type[EXCHANGE_FIELD_SIZE_MAX + 1];
    char content_encoding[32];
    char grpc_encoding[32];
    char grpc_timeout[16];
    char connect_encoding[32]; /* connect-content-encoding */
    char connect_timeout[16];  /* connect-timeout-ms */
    char connect_version[16];  /* connect-protocol-version */
    char last_event_id[32];
    bool headers_too_large; /* the list is above the bound; fields after it were not read */
};

/* Keeps a header's value, if it is one of the above. `name` is in lower case. */
void exchange_field_take(struct exchange_request *request, struct span name, struct span value);
/* Splits the request's target into path and query. */
void exchange_target_take(struct exchange_request *request, struct span target);

/* A header or trailer to send; NUL-terminated, names in lower case. */
struct exchange_field {
    const char *name;
    const char *value;
};

struct exchange;

/* All are called from carrier_receive, carrier_pull or carrier_close. They may answer exchanges; they may not
 * call these three. */
struct exchange_hooks {
    /* A request's headers are here. False: no memory for it; it is reset. */
    bool (*on_request)(void *context, struct exchange *exchange);
    /* More of its body; not called after the exchange was ended. */
    void (*on_body)(void *context, struct exchange *exchange, struct span bytes);
    /* The body is complete; not called after the exchange was ended. */
    void (*on_request_end)(void *context, struct exchange *exchange);
    /* The exchange needs bytes to send, at most `size`: copies some to `to` and returns how many; 0 = none
     * now, until exchange_wake; where `*last` is set, these are the last, and the trailers follow. */
    size_t (*on_fill)(void *context, struct exchange *exchange, uint8_t *to, size_t size, bool *last);
    /* The trailers to end with, at most EXCHANGE_TRAILERS_MAX, which may be none; the values are copied at
     * once. Not called where the carrier has none. */
    size_t (*on_trailers)(void *context, struct exchange *exchange, struct exchange_field *trailers);
    /* The exchange is over: ended both ways, reset, or the connection ended. The last word about it; comes
     * only for those whose on_request returned true. */
    void (*on_gone)(void *context, struct exchange *exchange);
    /* Something is queued: call carrier_pull at the end of the turn. */
    void (*on_output)(void *context);
};

struct carrier;

/* What a carrier does; the functions below say what each means. */
struct carrier_ops {
    bool has_trailers;
    int (*receive)(struct carrier *carrier, struct span bytes, uint64_t now_ms, const char **why);
    int (*pull)(struct carrier *carrier, uint8_t *to, size_t size, size_t *pulled);
    void (*shut)(struct carrier *carrier);
    void (*finish)(struct carrier *carrier);
    bool (*is_finished)(const struct carrier *carrier);
    void (*close)(struct carrier *carrier);
    int (*respond)(
        struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count);
    int (*refuse)(
        struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count);
    void (*wake)(struct exchange *exchange);
    void (*reset)(struct exchange *exchange);
};

struct carrier {
    const struct carrier_ops *ops;
    uint64_t head_since_ms; /* since when a part of a request's head is here; UINT64_MAX = none is */
};

struct exchange {
    const struct carrier_ops *ops;
    void *owner;  /* of whoever has the hooks */
    bool patient; /* set by the owner: answered early, it waits for the request's end, as far as the bound
                     above; plain HTTP clients that are cut off in the middle of one lose the answer */
    struct exchange_request request;
};

/* Takes bytes of the client. `now_ms` counts floods.
 * Errors: TALLY_EFORM (not this HTTP), TALLY_ELIMIT (a flood), TALLY_ENOMEM. After one, nothing more is
 * taken; pull what is queued (it says why), then close. *why is a constant phrase. */
static inline int TALLY_MUST_CHECK carrier_receive(
    struct carrier *carrier, struct span bytes, uint64_t now_ms, const char **why)
{
    return carrier->ops->receive(carrier, bytes, now_ms, why);
}

/* Copies at most `size` bytes to send into `to`; 0 = nothing waits. `size` is at least CARRIER_PULL_SIZE_MIN,
 * so that a frame fits. Errors: TALLY_ENOMEM, TALLY_EFORM (the session broke): close. */
#define CARRIER_PULL_SIZE_MIN (32u * KIB)
static inline int TALLY_MUST_CHECK carrier_pull(
    struct carrier *carrier, uint8_t *to, size_t size, size_t *pulled)
{
    return carrier->ops->pull(carrier, to, size, pulled);
}

/* Tells the client to make its next requests on another connection: those that come are still taken. */
static inline void carrier_shut(struct carrier *carrier)
{
    carrier->ops->shut(carrier);
}

/* Exchanges that are open may end, new ones are not taken. */
static inline void carrier_finish(struct carrier *carrier)
{
    carrier->ops->finish(carrier);
}

/* True when there is nothing left to receive or to send: the connection can be closed. */
static inline bool carrier_is_finished(const struct carrier *carrier)
{
    return carrier->ops->is_finished(carrier);
}

/* Every exchange is gone first. NULL is fine. */
static inline void carrier_close(struct carrier *carrier)
{
    if (carrier != NULL) carrier->ops->close(carrier);
}

/* Queues the response's status and headers, at most EXCHANGE_HEADERS_MAX, which are copied; the body comes
 * through on_fill. Errors: TALLY_ENOMEM. */
static inline int TALLY_MUST_CHECK exchange_respond(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    return exchange->ops->respond(exchange, status, headers, count);
}

/* Queues what is the whole response; no more of the request is given. A content-length among the headers is
 * that of the body which a HEAD leaves out. Errors: TALLY_ENOMEM. */
static inline int TALLY_MUST_CHECK exchange_refuse(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    return exchange->ops->refuse(exchange, status, headers, count);
}

/* The owner has more to send, or the end: on_fill will be called. */
static inline void exchange_wake(struct exchange *exchange)
{
    exchange->ops->wake(exchange);
}

/* Ends the exchange at once, in a way the client can tell from a good end. on_gone follows from carrier_pull.
 */
static inline void exchange_reset(struct exchange *exchange)
{
    exchange->ops->reset(exchange);
}

#endif
