/* One connection's HTTP/2, the server's side, in memory: a carrier of exchanges. Knows nothing of sockets,
 * TLS or gRPC, and is the one file that calls nghttp2's server session. */
#ifndef TALLY_RPC_HTTP2_H
#define TALLY_RPC_HTTP2_H

#include "node/rpc/exchange.h"

#define HTTP2_STREAM_WINDOW_SIZE (1u * MIB)
#define HTTP2_CONNECTION_WINDOW_SIZE (4u * MIB)
#define HTTP2_WINDOW_MS 10000u /* the period floods are counted in */

struct http2_limits {
    uint32_t streams_max;
    uint32_t headers_size_max; /* names and values and 32 a field, as RFC 9113, 6.5.2 counts */
    uint32_t resets_max;       /* of the client, in HTTP2_WINDOW_MS */
    uint32_t
        control_frames_max; /* frames that carry no work, in HTTP2_WINDOW_MS; each DATA frame earns two */
};

/* Starts the server's side: settings are queued. `hooks` outlives it. A client that begins with no HTTP/2, or
 * makes a flood of control frames or resets, is an error of carrier_receive. Errors: TALLY_ENOMEM. */
int http2_open(const struct http2_limits *limits, const struct exchange_hooks *hooks, void *context,
    struct carrier **carrier) TALLY_MUST_CHECK;

#endif
