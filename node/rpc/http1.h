/* One connection's HTTP/1.1 (and 1.0), the server's side, in memory: a carrier of exchanges, one at a time.
 * Knows nothing of sockets, TLS or calls, and is the one file that calls llhttp.
 *
 * What could be read in two ways is read in none: both a length and chunks, two lengths, two hosts or none, a
 * coding beside chunks, folded lines, bare line ends, control characters. It gets a 400 (or what fits
 * better), and the connection ends. Targets are paths; there are no upgrades. A request that comes before the
 * last one is answered waits, as far as HTTP1_WAITING_SIZE_MAX; more than that is a flood. A response that
 * begins before its request has ended is the connection's last. */
#ifndef TALLY_RPC_HTTP1_H
#define TALLY_RPC_HTTP1_H

#include "node/rpc/exchange.h"

#define HTTP1_WAITING_SIZE_MAX (16u * KIB)
/* Chunks' sizes, extensions and trailers: at most this, and eight times what they bring. */
#define HTTP1_CHUNK_OVERHEAD_MAX (16u * KIB)

/* `head_size_max` bounds a request's line and headers. `hooks` outlives it. Errors: TALLY_ENOMEM. */
int http1_open(size_t head_size_max, const struct exchange_hooks *hooks, void *context,
    struct carrier **carrier) TALLY_MUST_CHECK;

#endif
