/* The public services of a node: what rpc.proto promises, answered. */
#ifndef TALLY_RPC_SERVICES_H
#define TALLY_RPC_SERVICES_H

#include <uv.h>

#include "proto/base/error.h"

struct node;
struct services;

/* Starts the RPC server of the node's home (rpc.crt, rpc.key) on its rpc_address. The node is borrowed. On an
 * error `why` is one sentence. */
int services_open(uv_loop_t *loop, struct node *node, struct services **services, char *why,
    size_t why_size) TALLY_MUST_CHECK;
/* Cancels what is open and closes; on_closed comes from the loop. What the state thread still reads for a
 * call that was cancelled ends by itself: the services' memory stays until it has. */
void services_close(struct services *services, void (*on_closed)(void *context), void *context);

#endif
