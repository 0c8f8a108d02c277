/* One TLS 1.3 connection on a libuv loop: non-blocking, with a bounded backlog and back-pressure both ways.
 *
 * Life: tls_stream_connect or a listener makes a stream; on_open comes once the handshake is done; on_close
 * comes exactly once, always from the loop and never from within a call of this module, and when it returns
 * the stream is gone. Until then the pointer is valid. Callbacks may call anything here. All calls are made
 * on the loop's thread.
 *
 * A handshake that an accepted stranger fails (plain text, an old TLS, no certificate) is logged here, with
 * the address and the reason in plain words. All other closing is the owner's to log. */
#ifndef TALLY_NET_TLS_STREAM_H
#define TALLY_NET_TLS_STREAM_H

#include <uv.h>

#include "node/net/tls_context.h"

#define TLS_HANDSHAKE_TIMEOUT_MS 5000u
/* How long a graceful close waits for the other side to take the rest. */
#define TLS_CLOSE_TIMEOUT_MS 3000u
/* on_drain comes when fewer plain bytes than this wait: about two TLS records. */
#define TLS_DRAIN_SIZE (32u * 1024u)
/* The kernel holds no more unsent bytes than this, so that what is urgent does not queue there. */
#define TLS_UNSENT_SIZE (64u * 1024u)
#define TLS_ADDRESS_TEXT_SIZE 64u
#define TLS_HOST_SIZE_MAX 253u

struct tls_stream;

/* Any may be NULL but on_close. `context` is the owner's. */
struct tls_callbacks {
    /* The handshake is done; the peer's certificate and the exporter are available. */
    void (*on_open)(void *context, struct tls_stream *stream);
    /* 1 to TLS_READ_SIZE plain bytes, borrowed for the call. */
    void (*on_data)(void *context, struct tls_stream *stream, struct span bytes);
    /* The backlog has fallen under TLS_DRAIN_SIZE while sending: a place to write more. Comes only after a
     * write. */
    void (*on_drain)(void *context, struct tls_stream *stream);
    /* The end. `reason` is one plain phrase, valid for the call: "closed by the other side", what the owner
     * passed to tls_stream_drop, or what failed. */
    void (*on_close)(void *context, struct tls_stream *stream, const char *reason);
};

/* Starts connecting to `host` (an address or a name, at most TLS_HOST_SIZE_MAX bytes) and `port`. The backlog
 * bound is in plain bytes. Failing to connect comes as on_close. Errors: TALLY_ENOMEM, TALLY_EINVALID (host
 * or port out of range); there is then no stream and no callback. */
int tls_stream_connect(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port,
    size_t backlog_max, const struct tls_callbacks *callbacks, void *context,
    struct tls_stream **stream) TALLY_MUST_CHECK;

/* Takes the connection that waits at `server`, which has just reported it. Nothing is read, and no callback
 * comes, before tls_stream_begin; until then it may be dropped.
 * Errors: TALLY_ENOMEM (the connection still waits), TALLY_EIO (it is gone). */
int tls_stream_accept(uv_stream_t *server, struct tls_context *tls, size_t backlog_max,
    struct tls_stream **stream) TALLY_MUST_CHECK;
/* Starts the handshake of an accepted stream at the end of this turn. The caller gives it an owner with
 * tls_stream_own, or drops it, before it returns to the loop. */
void tls_stream_begin(struct tls_stream *stream);
/* Where an accepted stream comes from: its IPv4 address, or the half of its IPv6 address that names a
 * network, since one client may have all of the other half. */
uint64_t tls_stream_source(const struct tls_stream *stream);

/* Gives the stream its owner. `callbacks` must outlive it (a static constant). */
void tls_stream_own(struct tls_stream *stream, const struct tls_callbacks *callbacks, void *context);

/* Queues a copy of `bytes`. Small writes of one turn of the loop leave together, at its end.
 * Errors: TALLY_EFULL (the backlog would pass its bound: nothing is queued), TALLY_ECLOSED (not open, or
 * closing), TALLY_ENOMEM. */
int tls_stream_write(struct tls_stream *stream, struct span bytes) TALLY_MUST_CHECK;
/* The same for two spans that belong together: both or neither. */
int tls_stream_write_two(struct tls_stream *stream, struct span first, struct span second) TALLY_MUST_CHECK;
/* Sends what is queued now, instead of at the end of the turn. */
void tls_stream_flush(struct tls_stream *stream);
/* Asks for on_drain at the end of this turn even when nothing is queued: for an owner with a queue of its
 * own. */
void tls_stream_want_drain(struct tls_stream *stream);
/* What is sent from the next record on has fresh keys. A stream does this by itself as often as the cipher
 * needs. */
void tls_stream_renew_keys(struct tls_stream *stream);
/* Plain bytes that wait to be encrypted. */
size_t tls_stream_pending(const struct tls_stream *stream);

/* No on_data comes until resume, and TCP holds the other side back. */
void tls_stream_pause(struct tls_stream *stream);
void tls_stream_resume(struct tls_stream *stream);

/* Sends what is queued, says goodbye, and closes; no on_data comes any more. After TLS_CLOSE_TIMEOUT_MS it is
 * dropped. */
void tls_stream_close(struct tls_stream *stream, const char *reason);
/* Closes at once; what is queued is lost. `reason` is copied. A second close or drop changes nothing but the
 * speed. */
void tls_stream_drop(struct tls_stream *stream, const char *reason);

/* From now on, an open stream is dropped with `reason` (a constant) unless another deadline is set within
 * `timeout_ms`; 0 sets none. */
void tls_stream_set_deadline(struct tls_stream *stream, uint32_t timeout_ms, const char *reason);

/* True from on_open until the stream begins to close. */
bool tls_stream_is_open(const struct tls_stream *stream);
/* "192.0.2.1:7001" or "[2001:db8::1]:7001"; what was dialled where it never connected. Valid as long as the
 * stream. */
const char *tls_stream_address(const struct tls_stream *stream);

/* `value` = the TLS exporter (RFC 8446, 7.5) under `label`, without context: equal on both sides of this
 * connection and on no other. Errors: TALLY_ECLOSED (not open yet), TALLY_EIO. */
int tls_stream_exporter(
    const struct tls_stream *stream, const char *label, struct digest *value) TALLY_MUST_CHECK;
/* Whether ALPN settled on `protocol`, such as "h2"; false too where the client offered nothing. */
bool tls_stream_speaks(const struct tls_stream *stream, const char *protocol);
/* The SHA-256 fingerprint of the peer's certificate. Errors: TALLY_ENOTFOUND (it sent none, or is not open
 * yet), TALLY_EIO. */
int tls_stream_peer_fingerprint(const struct tls_stream *stream, struct digest *fingerprint) TALLY_MUST_CHECK;

#endif
