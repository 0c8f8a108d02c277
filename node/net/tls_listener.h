/* A listening socket whose connections become TLS streams. */
#ifndef TALLY_NET_TLS_LISTENER_H
#define TALLY_NET_TLS_LISTENER_H

#include "node/net/tls_stream.h"

/* Connections that may wait in the kernel. */
#define TLS_LISTENER_BACKLOG 128
/* A handshake takes some 0.4 ms of the loop, and anybody may begin one. So many begin in a second, and so
 * many at once after a pause; the others wait, a turn for each address (node/net/waiting_room.h), so that one
 * address has the whole pace only while no other wants any of it. */
#define TLS_HANDSHAKES_PER_S 400u
#define TLS_HANDSHAKES_AT_ONCE 32u
/* The same of connections taken from the kernel, some 0.02 ms each, whether to wait or to be turned away
 * where too many do; the others wait in the kernel. */
#define TLS_ACCEPTS_PER_S 4000u
#define TLS_ACCEPTS_AT_ONCE 128u

struct tls_listener;

/* What a listener does with a connection: the owner takes `stream`, not yet open, with tls_stream_own, and
 * returns true; or returns false, and it is dropped at once and logged with `reason`, which the owner may set
 * to a constant. */
typedef bool (*tls_on_accept)(void *context, struct tls_stream *stream, const char **reason);

/* Listens on `host` (an address literal) and `port`, 0 for any. Accepted streams have this backlog bound.
 * Errors: TALLY_EINVALID (not an address), TALLY_EBUSY (the port is taken), TALLY_EIO, TALLY_ENOMEM. */
int tls_listener_open(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port,
    size_t backlog_max, tls_on_accept on_accept, void *context,
    struct tls_listener **listener) TALLY_MUST_CHECK;
/* The port it listens on. */
uint16_t tls_listener_port(const struct tls_listener *listener);
/* Stops listening; its streams live on. Its memory is freed by the loop. NULL is fine. */
void tls_listener_close(struct tls_listener *listener);

#endif
