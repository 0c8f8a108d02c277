/* One connection's HTTP/2, the server's side, in memory: bytes in, requests out; responses in, bytes out.
 * Knows nothing of sockets, TLS or gRPC, and is the one file that calls nghttp2's server session.
 *
 * Functions that answer a stream only queue; http2_pull alone makes bytes. A stream is never freed inside a
 * call of its owner: on_gone comes from http2_receive, http2_pull or http2_close. */
#ifndef TALLY_RPC_HTTP2_H
#define TALLY_RPC_HTTP2_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define HTTP2_PATH_SIZE_MAX 255u
#define HTTP2_FIELD_SIZE_MAX 127u
#define HTTP2_TRAILERS_MAX 4u
#define HTTP2_STREAM_WINDOW_SIZE (1u * MIB)
#define HTTP2_CONNECTION_WINDOW_SIZE (4u * MIB)
#define HTTP2_WINDOW_MS 10000u /* the period floods are counted in */

/* What of a request's headers matters to the RPC; a value that is too long to be any that is known is left
 * empty, and the bit of what was cut is set. */
struct http2_request {
    char method[16];
    char path[HTTP2_PATH_SIZE_MAX + 1];
    char content_type[HTTP2_FIELD_SIZE_MAX + 1];
    char encoding[HTTP2_FIELD_SIZE_MAX + 1]; /* grpc-encoding */
    char timeout[16];                        /* grpc-timeout */
    bool timeout_cut;                        /* a grpc-timeout that cannot be one */
    bool headers_too_large;                  /* the list is above the bound; fields after it were not read */
};

/* A header or trailer to send; NUL-terminated, names in lower case. */
struct http2_field {
    const char *name;
    const char *value;
};

struct http2;
struct http2_stream;

/* All are called from http2_receive, http2_pull or http2_close. They may answer streams; they may not call
 * these three. */
struct http2_hooks {
    /* A request's headers are here. False: no memory for it; the stream is reset. */
    bool (*on_request)(void *context, struct http2_stream *stream);
    /* More of its body; not called after the stream was ended. */
    void (*on_body)(void *context, struct http2_stream *stream, struct span bytes);
    /* The body is complete; not called after the stream was ended. */
    void (*on_request_end)(void *context, struct http2_stream *stream);
    /* The stream needs bytes to send, at most `size`: copies some to `to` and returns how many; 0 = none now,
     * until http2_stream_wake; where `*last` is set, these are the last, and the trailers follow. */
    size_t (*on_fill)(void *context, struct http2_stream *stream, uint8_t *to, size_t size, bool *last);
    /* The trailers to end with, at most HTTP2_TRAILERS_MAX; the values are copied at once. */
    size_t (*on_trailers)(void *context, struct http2_stream *stream, struct http2_field *trailers);
    /* The stream is gone: ended both ways, reset, or the connection ended. The last word about it; comes only
     * for streams whose on_request returned true. */
    void (*on_gone)(void *context, struct http2_stream *stream);
    /* Something is queued: call http2_pull at the end of the turn. */
    void (*on_output)(void *context);
};

struct http2_limits {
    uint32_t streams_max;
    uint32_t headers_size_max; /* names and values and 32 a field, as RFC 9113, 6.5.2 counts */
    uint32_t resets_max;       /* of the client, in HTTP2_WINDOW_MS */
    uint32_t
        control_frames_max; /* frames that carry no work, in HTTP2_WINDOW_MS; each DATA frame earns two */
};

/* Starts the server's side: settings are queued. `hooks` outlives it. Errors: TALLY_ENOMEM. */
int http2_open(const struct http2_limits *limits, const struct http2_hooks *hooks, void *context,
    struct http2 **http2) TALLY_MUST_CHECK;
/* Every stream is gone first. NULL is fine. */
void http2_close(struct http2 *http2);

/* Takes bytes of the client. `now_ms` counts floods.
 * Errors: TALLY_EFORM (no HTTP/2), TALLY_ELIMIT (a flood), TALLY_ENOMEM. After one, nothing more is taken;
 * pull what is queued (it says why), then close. *why is a constant phrase. */
int http2_receive(struct http2 *http2, struct span bytes, uint64_t now_ms, const char **why) TALLY_MUST_CHECK;

/* Copies at most `size` bytes to send into `to`; 0 = nothing waits. `size` is at least HTTP2_PULL_SIZE_MIN,
 * so that a frame fits. Errors: TALLY_ENOMEM, TALLY_EFORM (the session broke): close. */
#define HTTP2_PULL_SIZE_MIN (32u * KIB)
int http2_pull(struct http2 *http2, uint8_t *to, size_t size, size_t *pulled) TALLY_MUST_CHECK;

/* Says GOAWAY for streams that the client has not begun when it hears of it: those that come until then are
 * taken. */
void http2_shut(struct http2 *http2);
/* Says GOAWAY: streams that are open may end, new ones are not taken. */
void http2_finish(struct http2 *http2);
/* True when there is nothing left to receive or to send: the connection can be closed. */
bool http2_is_finished(const struct http2 *http2);
size_t http2_stream_count(const struct http2 *http2);

const struct http2_request *http2_stream_request(const struct http2_stream *stream);
void http2_stream_set_owner(struct http2_stream *stream, void *owner);
void *http2_stream_owner(const struct http2_stream *stream);
uint32_t http2_stream_id(const struct http2_stream *stream);

/* Queues the response's headers; the body comes through on_fill. Errors: TALLY_ENOMEM. */
int http2_stream_respond(
    struct http2_stream *stream, const struct http2_field *headers, size_t count) TALLY_MUST_CHECK;
/* Queues headers that are the whole response; the stream has ended. Errors: TALLY_ENOMEM. */
int http2_stream_refuse(
    struct http2_stream *stream, const struct http2_field *headers, size_t count) TALLY_MUST_CHECK;
/* The owner has more to send, or the end: on_fill will be called. */
void http2_stream_wake(struct http2_stream *stream);
/* No more of the request is wanted: on_body and on_request_end come no more. */
void http2_stream_ignore(struct http2_stream *stream);
/* Ends the stream at once: CANCEL for the client. on_gone follows from http2_pull. */
void http2_stream_reset(struct http2_stream *stream);

#endif
