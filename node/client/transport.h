/* The client's connection: TCP and TLS 1.3 with a pinned server certificate. Moves bytes without blocking;
 * waits with poll. Never raises SIGPIPE. */
#ifndef TALLY_CLIENT_TRANSPORT_H
#define TALLY_CLIENT_TRANSPORT_H

#include "node/client/client.h"

struct transport;

/* Connects and shakes hands, within `timeout_ms` in all. On failure `why` is a sentence's worth for people.
 * Errors: TALLY_ECLOSED (nobody there), TALLY_ETIMEOUT, TALLY_EIO (files, TLS, not the pinned certificate),
 * TALLY_ENOMEM. */
int transport_open(const struct client_options *options, uint32_t timeout_ms, struct transport **transport,
    char why[GRPC_MESSAGE_SIZE_MAX + 1]) TALLY_MUST_CHECK;
/* NULL is fine. */
void transport_close(struct transport *transport);

/* *got bytes were read, 0 = none now. Errors: TALLY_ECLOSED, TALLY_EIO; transport_why tells. */
int transport_read(struct transport *transport, uint8_t *to, size_t size, size_t *got) TALLY_MUST_CHECK;
/* *taken bytes of `bytes` were taken, 0 = none now. Errors: as transport_read. */
int transport_write(struct transport *transport, struct span bytes, size_t *taken) TALLY_MUST_CHECK;
/* Waits until something can be read, or what waits can be written, or timeout_ms have passed. */
void transport_wait(struct transport *transport, uint64_t timeout_ms);
/* Why the connection was lost. */
const char *transport_why(const struct transport *transport);

/* Milliseconds of a clock that only goes forward. */
uint64_t transport_now_ms(void);

#endif
