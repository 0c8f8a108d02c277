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
/* The node's config lists other clients than before: those that are gone are cut off, those that are new may
 * call, and what each has used of its limits is kept by name. Not while closing, nor from a handler. */
void services_list_clients(struct services *services);
/* Reads rpc.crt and rpc.key again, for the connections to come. Not while closing. Errors: as
 * tls_context_renew; the old ones stay. */
int services_renew_certificate(struct services *services) TALLY_MUST_CHECK;
/* How long calls that are open may take to end once the node is to stop. */
#define SERVICES_DRAIN_MS 1500u
/* The first half of a graceful stop, while the node goes on: calls that come are refused, streams are ended
 * with the height to go on from, and what else is open is waited for. `on_drained` comes from the loop, when
 * nothing is open any more or after SERVICES_DRAIN_MS, unless services_close comes first. Once, and not while
 * closing. */
void services_drain(struct services *services, void (*on_drained)(void *context), void *context);
/* Cancels what is open and closes; on_closed comes from the loop. What the state thread still reads for a
 * call that was cancelled ends by itself: the services' memory stays until it has. */
void services_close(struct services *services, void (*on_closed)(void *context), void *context);

#endif
