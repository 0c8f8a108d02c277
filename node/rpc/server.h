/* The RPC server: one port, on a libuv loop, for gRPC over HTTP/2, for Connect's protocol (in JSON or
 * protobuf) over HTTP/1.1 or HTTP/2, for server-sent events, and for plain pages; all of it over TLS 1.3. A
 * handler sees a call (request, caller, reply) and not how it arrived.
 *
 * Who may: a client is who its certificate says, by its fingerprint. One without a certificate, or with one
 * that the owner does not list, gets the pages that have no roles, which is what load balancers and probes
 * ask for, and of everything else, whether it exists or not, only UNAUTHENTICATED (as a page, 401); then its
 * connection ends. Where there is no room for another connection, the oldest of such clients makes some.
 *
 * A call's life. The handler gets the call when its whole request is here and the caller may make it. The
 * call is open, and its pointer and request are good, until exactly one of these: rpc_call_reply,
 * rpc_call_end or rpc_call_fail was called; or its on_cancel was called (the client cancelled, its deadline
 * passed, the connection broke, the server closes). After either, the pointer must not be used again. A
 * handler that returns with the call still open must have set on_cancel through rpc_call_watch (a bug
 * otherwise: the process ends). on_cancel and on_drain come from the loop, never from inside a function of
 * this header, save rpc_server_close.
 *
 * Everything here is called from the loop's thread only. Calls only queue; bytes are written once a loop
 * turn. */
#ifndef TALLY_RPC_SERVER_H
#define TALLY_RPC_SERVER_H

#include <uv.h>

#include "node/client/grpc.h"
#include "node/rpc/limits.h"
#include "node/rpc/roles.h"
#include "proto/base/bytes.h"
#include "proto/codec/message.h"

#define RPC_CALLER_NAME_SIZE_MAX 64u

/* Who calls, as the owner's lookup told it. */
struct rpc_caller {
    char name[RPC_CALLER_NAME_SIZE_MAX + 1];
    uint32_t roles; /* of enum rpc_role */
};

struct rpc_server;
struct rpc_call;

typedef void (*rpc_handler)(void *context, struct rpc_call *call);

struct rpc_method {
    const char *path;          /* "/tallystick.v1.Ledger/SubmitBatch" */
    uint32_t roles;            /* the caller must hold one of these; 0 = every known caller */
    uint32_t request_size_max; /* bytes of the message in protobuf, at most RPC_REQUEST_SIZE_MAX; a larger one
                                  is RESOURCE_EXHAUSTED */
    rpc_handler handle;
    bool streams; /* it answers through rpc_call_write; else through rpc_call_reply */
    /* In the place of `handle`, of a call that streams both ways: answers each message of the client with
     * one. Errors: TALLY_EFORM (no such request), TALLY_ENOMEM; they end the call. */
    int (*answer)(struct span request, struct buffer *reply);
    /* What the request and each reply are, for callers that speak JSON; NULL = the bytes are no protobuf, and
     * no such caller is served. */
    const ProtobufCMessageDescriptor *request, *reply;
};

/* A text that whoever connects, or a caller with a role, may GET. */
struct rpc_page {
    const char *path; /* "/healthz" */
    const char *content_type;
    uint32_t roles; /* the caller must hold one of these; 0 = anyone, without a certificate too */
    /* Appends the text, at most RPC_PAGE_SIZE_MAX bytes, and returns the HTTP status. */
    unsigned (*render)(void *context, struct buffer *out);
};

/* A call that streams, told as server-sent events to whoever GETs a path. */
struct rpc_feed {
    const char *path;   /* "/events" */
    const char *method; /* the path of the call, which is in the table, and has messages */
    /* Appends the call's request: what the query says, from behind the event of `last_id` on; either may be
     * empty. On an error `why` (a constant) says what is wrong. Errors: TALLY_EFORM. */
    int (*ask)(const char *query, const char *last_id, struct buffer *request, const char **why);
    /* What one message is called, a constant, and the id by which a client goes on behind it; 0 = none. */
    const char *(*tell)(struct span message, uint64_t *id);
};

struct rpc_server_options {
    const char *address;          /* a numeric address to listen on: "127.0.0.1", "::1" */
    uint16_t port;                /* 0 = any free one */
    const char *certificate_path; /* PEM; the paths are read during rpc_server_open only */
    const char *key_path;
    /* Who holds the certificate with this SHA-256 (of its DER)? TALLY_OK fills *caller; anything else refuses
     * it. Asked once a connection. */
    int (*find_caller)(void *context, const struct digest *fingerprint, struct rpc_caller *caller);
    /* Asked for each request of a known caller, before it is read; NULL admits all. TALLY_OK: it counts, and
     * call_end comes for it once, when it is over and sent. TALLY_EFULL (the caller is over its rate) and
     * TALLY_EBUSY (as many of its calls are open as may be) refuse it with RESOURCE_EXHAUSTED and that hint,
     * at least 1; TALLY_ENOTFOUND (it is listed no longer) with UNAUTHENTICATED. `caller` is its name. */
    int (*call_begin)(void *context, const char *caller, uint32_t *retry_after_ms);
    void (*call_end)(void *context, const char *caller);
    const struct rpc_method *methods; /* borrowed until the server has closed, as are pages and feeds */
    size_t method_count;
    const struct rpc_page *pages;
    size_t page_count;
    const struct rpc_feed *feeds;
    size_t feed_count;
    void *context; /* given to find_caller, call_begin, call_end, to every handler and every page */
    /* 0 = the default above. */
    uint32_t connections_max;
    uint32_t idle_timeout_ms;
    uint32_t request_timeout_ms;
    uint32_t stall_timeout_ms;
    size_t stream_backlog_max;
    size_t memory_max;
};

/* Listens. On failure *why (a constant) says what to look at.
 * Errors: as tls_context_server and tls_listener_open; TALLY_EINVALID (a method out of range, or two with one
 * path). */
int rpc_server_open(uv_loop_t *loop, const struct rpc_server_options *options, struct rpc_server **server,
    const char **why) TALLY_MUST_CHECK;

/* The owner lists other callers than before: find_caller is asked again for every connection. Whoever is not
 * listed any more, or under another name, is cut off at once, its open calls too; the roles of the others
 * hold for the calls they begin from now on. Not from inside a handler. */
void rpc_server_recheck(struct rpc_server *server);

/* Connections that come from now on are shown the certificate of these files; those that are open stay.
 * Errors: as tls_context_renew; the old one stays. */
int rpc_server_renew(
    struct rpc_server *server, const char *certificate_path, const char *key_path) TALLY_MUST_CHECK;

/* The first half of a graceful stop: every call that comes from now on is refused with UNAVAILABLE, reason
 * SHUTTING_DOWN; clients are told to go elsewhere; calls that are open go on. */
void rpc_server_drain(struct rpc_server *server);

/* Stops listening, ends every open call with UNAVAILABLE, reason SHUTTING_DOWN (their on_cancel are called
 * before this returns), and closes the connections once what was answered is sent, or after
 * RPC_CLOSE_TIMEOUT_MS. The memory goes, and on_closed (may be NULL) is called, on later turns of the loop,
 * which must still run. Not from inside a handler. NULL is fine (on_closed is then not called). */
void rpc_server_close(struct rpc_server *server, void (*on_closed)(void *context), void *context);

/* The port it listens on. */
uint16_t rpc_server_port(const struct rpc_server *server);

struct rpc_server_counts {
    uint32_t connections; /* now */
    uint32_t calls;       /* open now */
    size_t memory;        /* bytes of requests and replies held now */
    uint64_t calls_total;
    uint64_t calls_failed; /* of these: ended with another status than OK */
    uint64_t refused;      /* connections and calls turned away: certificate, role, bounds, floods */
};
struct rpc_server_counts rpc_server_counts(const struct rpc_server *server);

/* The request message, without its frame. Good while the call is open. */
struct span rpc_call_request(const struct rpc_call *call);
/* Good while the call is open. */
const struct rpc_caller *rpc_call_caller(const struct rpc_call *call);
/* What is left of the client's deadline; UINT64_MAX where it set none. */
uint64_t rpc_call_time_left_ms(const struct rpc_call *call);

/* For a call that is answered later, or streams. on_cancel: the call is over, forget it. on_drain (may be
 * NULL): what was written to the stream has gone out; comes after each time the backlog became empty. */
void rpc_call_watch(struct rpc_call *call, void *context,
    void (*on_drain)(void *context, struct rpc_call *call),
    void (*on_cancel)(void *context, struct rpc_call *call));

/* The one reply of a unary call, and its end with status OK. The bytes are copied. Where the reply is above
 * RPC_REPLY_SIZE_MAX, or memory_max is spent, the client gets RESOURCE_EXHAUSTED instead. Closes the call. */
void rpc_call_reply(struct rpc_call *call, struct span reply);

/* How the messages of a call's answer are written. A handler that reads on another thread writes JSON there,
 * so that the loop need not. */
struct rpc_form {
    bool is_json; /* else in protobuf: they travel as they are */
    bool is_framed;
    const ProtobufCMessageDescriptor *reply;
    const struct rpc_feed *feed; /* NULL = not as events */
};
/* On the loop, while the call is open. It is good as long as the server is. */
struct rpc_form rpc_call_form(const struct rpc_call *call);
/* Of a form in JSON, on any thread: writes a message that is in protobuf into `text`, which is empty, as it
 * travels. A bound of RPC_TEXT_SIZE_MAX is what others have. Errors: TALLY_ELIMIT (`text` has no room for
 * it), TALLY_EFORM (not a message of its type: a bug of whoever made it), TALLY_ENOMEM. */
int rpc_form_write(const struct rpc_form *form, struct span message, struct buffer *text) TALLY_MUST_CHECK;
/* As rpc_call_reply, of what rpc_form_write wrote and returned. */
void rpc_call_reply_text(struct rpc_call *call, int error, struct span text);

/* One more message of a stream; the bytes are copied. The call stays open in every case.
 * Errors: TALLY_EFULL (the client reads too slowly: more than stream_backlog_max would wait, or memory_max is
 * spent; nothing was queued; wait for on_drain, or fail the call), TALLY_ELIMIT (above RPC_REPLY_SIZE_MAX).
 */
int rpc_call_write(struct rpc_call *call, struct span message) TALLY_MUST_CHECK;
/* The same of what rpc_form_write wrote. */
int rpc_call_write_text(struct rpc_call *call, struct span text) TALLY_MUST_CHECK;
/* Bytes written to the stream that have not gone out. */
size_t rpc_call_pending(const struct rpc_call *call);
/* Ends a stream with status OK, after what was written. Closes the call. */
void rpc_call_end(struct rpc_call *call);

/* Ends the call with an error; of a stream, after what was written. `message` is for people (at most
 * GRPC_MESSAGE_SIZE_MAX bytes travel), `detail` (may be NULL) for machines. Neither may hold secrets or
 * personal data. Closes the call. */
void rpc_call_fail(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail);

#endif
