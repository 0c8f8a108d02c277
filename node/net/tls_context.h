/* What all TLS connections of one kind share: TLS 1.3 only, one certificate, no tickets and no resumption.
 * The process ignores SIGPIPE: a peer that is gone is an error of a write, not the end of the node. */
#ifndef TALLY_NET_TLS_CONTEXT_H
#define TALLY_NET_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "node/net/log.h"
#include "proto/base/bytes.h"

/* Bytes read from a socket at once, and so the most one on_data call carries. */
#define TLS_READ_SIZE (64u * 1024u)

/* Used by the streams of one loop, on that loop's thread. Must outlive its streams. */
struct tls_context {
    SSL_CTX *ssl;
    const char *service;                /* a constant, for the log: "peer" or "rpc" */
    struct log_limit limit;             /* of lines about refused strangers */
    uint8_t read_bytes[TLS_READ_SIZE];  /* scratch of one read */
    uint8_t plain_bytes[TLS_READ_SIZE]; /* scratch of one decryption */
};

/* For links between nodes: a throwaway self-signed certificate made now; either side asks for the other's
 * certificate and takes any. Serves both accepting and connecting streams. Errors: TALLY_ENOMEM, TALLY_EIO
 * (the library failed). */
int tls_context_peer(struct tls_context **context) TALLY_MUST_CHECK;

/* For the RPC: the certificate (chain) and key of two PEM files. By ALPN the client chooses "h2" or
 * "http/1.1", h2 before the other; one that offers others alone fails the handshake, and one that offers none
 * speaks what it likes. The client is asked for a certificate; any is taken, and so is none: who it is must
 * be settled by its fingerprint. Errors: TALLY_ENOTFOUND, TALLY_EFORM (files), TALLY_EINVALID (the key is not
 * the certificate's), TALLY_ENOMEM, TALLY_EIO. */
int tls_context_server(
    const char *certificate_path, const char *key_path, struct tls_context **context) TALLY_MUST_CHECK;

/* Handshakes that begin from now on use the certificate (chain) and key of these files; the context is one of
 * tls_context_server. Errors: as there; the old ones stay then. */
int tls_context_renew(
    struct tls_context *context, const char *certificate_path, const char *key_path) TALLY_MUST_CHECK;

/* NULL is fine. */
void tls_context_close(struct tls_context *context);

/* The reason of the oldest error in OpenSSL's queue in plain words, a constant; empties the queue. */
const char *tls_error_take(void);

#endif
