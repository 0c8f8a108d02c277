#include "node/net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/net/certificate.h"
#include "proto/base/check.h"

/* Who somebody is gets settled after the handshake, by a node key or a fingerprint: here every certificate
 * will do. The handshake still proves that the other side holds its private key. */
static int take_any_certificate(int preverified, X509_STORE_CTX *store)
{
    (void)preverified;
    (void)store;
    return 1;
}

static int select_http(SSL *ssl, const unsigned char **selected, unsigned char *selected_size,
    const unsigned char *offered, unsigned offered_size, void *argument)
{
    static const unsigned char spoken[] = "\x02h2\x08http/1.1";
    unsigned char *found = NULL;
    (void)ssl;
    (void)argument;
    if (SSL_select_next_proto(&found, selected_size, spoken, sizeof spoken - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *selected = found;
    return SSL_TLSEXT_ERR_OK;
}

/* The options common to both makers. */
static int context_make(const char *service, const SSL_METHOD *method, struct tls_context **context)
{
    struct tls_context *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    made->service = service;
    made->ssl = SSL_CTX_new(method);
    if (made->ssl == NULL) {
        free(made);
        return TALLY_ENOMEM;
    }
    CHECK(SSL_CTX_set_min_proto_version(made->ssl, TLS1_3_VERSION) == 1);
    CHECK(SSL_CTX_set_max_proto_version(made->ssl, TLS1_3_VERSION) == 1);
    SSL_CTX_set_options(made->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    CHECK(SSL_CTX_set_num_tickets(made->ssl, 0) == 1);
    SSL_CTX_set_session_cache_mode(made->ssl, SSL_SESS_CACHE_OFF);
    /* Idle connections give their 16 KiB buffers back; a partial write never has to be repeated from the same
     * place. */
    SSL_CTX_set_mode(made->ssl,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *context = made;
    return TALLY_OK;
}

int tls_context_peer(struct tls_context **context)
{
    struct tls_context *made;
    X509 *certificate;
    EVP_PKEY *key;
    int error = context_make("peer", TLS_method(), &made);
    if (error != TALLY_OK) return error;
    error = certificate_make("tallystick peer", NULL, 0, &certificate, &key);
    if (error != TALLY_OK) {
        tls_context_close(made);
        return error;
    }
    if (SSL_CTX_use_certificate(made->ssl, certificate) != 1 || SSL_CTX_use_PrivateKey(made->ssl, key) != 1)
        error = TALLY_EIO;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (error != TALLY_OK) {
        ERR_clear_error();
        tls_context_close(made);
        return error;
    }
    SSL_CTX_set_verify(made->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any_certificate);
    *context = made;
    return TALLY_OK;
}

static int load_files(SSL_CTX *ssl, const char *certificate_path, const char *key_path)
{
    if (access(certificate_path, R_OK) != 0 || access(key_path, R_OK) != 0)
        return errno == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO;
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate_path) != 1) return TALLY_EFORM;
    if (SSL_CTX_use_PrivateKey_file(ssl, key_path, SSL_FILETYPE_PEM) != 1)
        return ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ? TALLY_EINVALID
                                                                                   : TALLY_EFORM;
    return SSL_CTX_check_private_key(ssl) == 1 ? TALLY_OK : TALLY_EINVALID;
}

int tls_context_server(const char *certificate_path, const char *key_path, struct tls_context **context)
{
    struct tls_context *made;
    int error = context_make("rpc", TLS_server_method(), &made);
    if (error != TALLY_OK) return error;
    error = load_files(made->ssl, certificate_path, key_path);
    if (error != TALLY_OK) {
        ERR_clear_error();
        tls_context_close(made);
        return error;
    }
    SSL_CTX_set_alpn_select_cb(made->ssl, select_http, NULL);
    SSL_CTX_set_verify(made->ssl, SSL_VERIFY_PEER, take_any_certificate);
    *context = made;
    return TALLY_OK;
}

int tls_context_renew(struct tls_context *context, const char *certificate_path, const char *key_path)
{
    /* Read apart, so that nothing of a pair that does not fit takes effect. */
    SSL_CTX *fresh = SSL_CTX_new(TLS_server_method());
    if (fresh == NULL) return TALLY_ENOMEM;
    STACK_OF(X509) *chain = NULL;
    int error = load_files(fresh, certificate_path, key_path);
    if (error == TALLY_OK && (SSL_CTX_get0_chain_certs(fresh, &chain) != 1 ||
                                 SSL_CTX_use_cert_and_key(context->ssl, SSL_CTX_get0_certificate(fresh),
                                     SSL_CTX_get0_privatekey(fresh), chain, 1) != 1))
        error = TALLY_EIO;
    SSL_CTX_free(fresh);
    ERR_clear_error();
    return error;
}

void tls_context_close(struct tls_context *context)
{
    if (context == NULL) return;
    SSL_CTX_free(context->ssl);
    free(context);
}

const char *tls_error_take(void)
{
    static const struct {
        int reason;
        const char *words;
    } known[] = {
        {SSL_R_UNSUPPORTED_PROTOCOL, "it offers a TLS version before 1.3"},
        {SSL_R_VERSION_TOO_LOW, "it offers a TLS version before 1.3"},
        {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it does not take TLS 1.3"},
        {SSL_R_WRONG_VERSION_NUMBER, "it does not speak TLS"},
        {SSL_R_HTTP_REQUEST, "it speaks plain HTTP, not TLS"},
        {SSL_R_HTTPS_PROXY_REQUEST, "it speaks plain HTTP, not TLS"},
        {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it presents no certificate"},
        {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it requires a certificate"},
        {SSL_R_NO_APPLICATION_PROTOCOL, "it offers neither HTTP/2 nor HTTP/1.1 (ALPN)"},
        {SSL_R_NO_SHARED_CIPHER, "no cipher in common"},
        {SSL_R_UNEXPECTED_EOF_WHILE_READING, "it hung up without a TLS goodbye"},
        {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it refused our certificate"},
        {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it refused our certificate"},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a TLS record was damaged on the way"},
    };
    unsigned long error = ERR_get_error();
    const char *words = error != 0 ? ERR_reason_error_string(error) : NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == known[i].reason)
            words = known[i].words;
    ERR_clear_error();
    return words != NULL ? words : "a TLS failure without a reason";
}
