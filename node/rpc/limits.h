/* The bounds of the RPC: of its server as a whole, of a connection, of a call. Where an option of
 * rpc_server_options can change one, this is its default. */
#ifndef TALLY_RPC_LIMITS_H
#define TALLY_RPC_LIMITS_H

#include "proto/base/limits.h"

/* The server. */
#define RPC_METHODS_MAX 64u
#define RPC_PAGES_MAX 16u /* and feeds */
#define RPC_CONNECTIONS_MAX 256u
#define RPC_MEMORY_MAX (128u * MIB) /* requests and replies held, all connections together */

/* Requests that a turn of the loop begins with, all connections together, before it looks after the node's
 * other work: bytes as they came, each JSON one as so many, and each call as so many more. Of those that are
 * larger, one begins in a turn besides. The others wait for the turns that follow. A longer JSON request is
 * brought into protobuf by a worker: the largest batch takes 15 ms, what only looks like JSON until its end
 * 40 (tests/unit/test_transcode.c prints them). */
#define RPC_TURN_SIZE_MAX (512u * KIB)
#define RPC_TURN_CALL_SIZE (8u * KIB)
#define RPC_TURN_TEXT_FACTOR 8u
#define RPC_TURN_TEXT_SIZE_MAX (32u * KIB) /* a longer JSON request is converted by a worker */

/* A connection. */
#define RPC_STREAMS_MAX 100u                    /* calls at once */
#define RPC_IDLE_TIMEOUT_MS (15u * 60u * 1000u) /* without a call */
#define RPC_STRANGER_TIMEOUT_MS 5000u           /* the same, of a client that nobody knows */
#define RPC_RESETS_MAX 200u                     /* calls a client may reset in 10 s */
#define RPC_CONTROL_FRAMES_MAX 1000u            /* PING, SETTINGS, PRIORITY and the like in 10 s */

/* A call. */
#define RPC_HEADERS_SIZE_MAX (16u * KIB)  /* its header list */
#define RPC_REQUEST_SIZE_MAX (4u * MIB)   /* its request, in whatever form it comes */
#define RPC_REPLY_SIZE_MAX (32u * MIB)    /* one message, unary or of a stream */
#define RPC_TEXT_SIZE_MAX (8u * MIB)      /* the same as JSON */
#define RPC_PAGE_SIZE_MAX (2u * MIB)      /* a plain page */
#define RPC_STREAM_BACKLOG_MAX (8u * MIB) /* queued on one stream; a single message may be larger */
#define RPC_REQUEST_TIMEOUT_MS 15000u /* from a call's headers to the end of its request; and for a head */
#define RPC_STALL_TIMEOUT_MS 20000u   /* a reader that takes nothing of what waits for it */
#define RPC_KEEPALIVE_MS 15000u       /* what an idle stream of events is kept open with */
#define RPC_CLOSE_TIMEOUT_MS 1000u    /* what is left to send when the server closes */
#define RPC_SHUTDOWN_RETRY_MS 2000u   /* what is told to clients of a node that stops */

/* JSON says in more bytes what a request's bound counts in protobuf's. */
#define RPC_TEXT_EXPANSION 4u

_Static_assert(RPC_REQUEST_SIZE_MAX > BATCH_SIZE_MAX + 64u * KIB, "a batch fits a request");
_Static_assert(RPC_MEMORY_MAX >= 2u * RPC_REPLY_SIZE_MAX, "a largest reply fits beside others");
_Static_assert(RPC_KEEPALIVE_MS < RPC_STALL_TIMEOUT_MS, "a reader that stalls is noticed");

#endif
