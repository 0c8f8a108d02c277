/* What the RPC server counts, as a part of the node's page for Prometheus. */
#ifndef TALLY_RPC_RPC_METRICS_H
#define TALLY_RPC_RPC_METRICS_H

#include "node/rpc/server.h"

/* With as many methods as there may be, and paths of at most 96 bytes. */
#define RPC_METRICS_SIZE_MAX (512u * KIB)

/* Counts a call that is over, and sent: `method` is its place in the server's table, or RPC_METHODS_MAX where
 * it is not in there; `status` is a word of gRPC's, as a number in text, or empty where it was cut off. */
void rpc_metrics_call(size_t method, const char *status, uint64_t took_ns);

/* Counts a call that ends with an error which names this reason. */
void rpc_metrics_reason(const char *reason);

/* Appends the families, at most RPC_METRICS_SIZE_MAX bytes. `methods` are the server's. Methods are told by
 * their path, statuses but for OK once they have occurred. */
void rpc_metrics_render(const struct rpc_method *methods, size_t method_count,
    const struct rpc_server_counts *counts, struct buffer *out);

#endif
