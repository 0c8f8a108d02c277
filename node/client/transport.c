#include "node/client/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"

#define CIPHER_SIZE (64u * KIB)
/* Plain bytes one SSL_write takes: a TLS record. */
#define RECORD_SIZE (16u * KIB)

struct transport {
    int fd;
    SSL_CTX *context;
    SSL *ssl;       /* owns both BIOs */
    BIO *from_node; /* cipher bytes that were received */
    BIO *to_node;   /* cipher bytes to send */
    X509 *pinned;
    bool pin_differs;
    bool ended; /* the node has closed its side */
    char why[GRPC_MESSAGE_SIZE_MAX + 1];
    uint8_t cipher[CIPHER_SIZE]; /* being sent: cipher_size bytes from cipher_start on */
    size_t cipher_start, cipher_size;
    uint8_t received[CIPHER_SIZE];
};

uint64_t transport_now_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *transport_why(const struct transport *transport)
{
    return transport->why;
}

#define why_set(transport, ...) ((void)snprintf((transport)->why, sizeof(transport)->why, __VA_ARGS__))

/* Certificates. */

/* Called instead of OpenSSL's chain checks: the one question is whether this is the pinned certificate. */
static int pin_verify(X509_STORE_CTX *store, void *argument)
{
    struct transport *transport = argument;
    const X509 *theirs = X509_STORE_CTX_get0_cert(store);
    if (theirs != NULL && X509_cmp(theirs, transport->pinned) == 0) return 1;
    transport->pin_differs = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static int pin_read(struct transport *transport, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        why_set(transport, "the node's certificate %s cannot be read: %s", path, strerror(errno));
        return TALLY_EIO;
    }
    transport->pinned = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (transport->pinned != NULL) return TALLY_OK;
    why_set(transport, "the node's certificate %s holds no certificate", path);
    return TALLY_EIO;
}

static int context_make(struct transport *transport, const struct client_options *options)
{
    static const uint8_t alpn[] = {2, 'h', '2'};
    int error = pin_read(transport, options->server_certificate_path);
    if (error != TALLY_OK) return error;
    SSL_CTX *context = transport->context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) return TALLY_ENOMEM;
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) return TALLY_EIO;
    if (SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn) != 0) return TALLY_ENOMEM;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, pin_verify, transport);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate_path) != 1) {
        why_set(transport, "the client certificate %s cannot be read", options->certificate_path);
        return TALLY_EIO;
    }
    if (SSL_CTX_use_PrivateKey_file(context, options->key_path, SSL_FILETYPE_PEM) != 1) {
        why_set(
            transport, "the client key %s cannot be read, or is not the certificate's", options->key_path);
        return TALLY_EIO;
    }
    return TALLY_OK;
}

/* Why TLS failed, in plain words, from the oldest error in the library's queue. */
static int tls_fail(struct transport *transport)
{
    unsigned long code = ERR_get_error();
    const char *text = ERR_reason_error_string(code);
    ERR_clear_error();
    if (transport->pin_differs) {
        why_set(transport, "the node shows another certificate than the pinned one");
        return TALLY_EIO;
    }
    switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
        why_set(transport, "what answers there does not speak TLS");
        break;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        why_set(transport, "the node asks for a client certificate");
        break;
    default:
        why_set(transport, "TLS with the node failed: %s", text != NULL ? text : "no reason given");
        break;
    }
    return TALLY_EIO;
}

/* Bytes. */

void transport_wait(struct transport *transport, uint64_t timeout_ms)
{
    bool sending = transport->cipher_size > 0 || BIO_ctrl_pending(transport->to_node) > 0;
    struct pollfd waited = {.fd = transport->fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0))};
    (void)poll(&waited, 1, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
}

static int socket_fail(struct transport *transport)
{
    if (transport->why[0] == '\0')
        why_set(transport, "the connection to the node was lost: %s", strerror(errno));
    return TALLY_ECLOSED;
}

/* Hands cipher bytes to the kernel until it takes no more. */
static int flush(struct transport *transport)
{
    for (;;) {
        if (transport->cipher_size == 0) {
            int size = BIO_read(transport->to_node, transport->cipher, CIPHER_SIZE);
            if (size <= 0) return TALLY_OK;
            transport->cipher_start = 0;
            transport->cipher_size = (size_t)size;
        }
        ssize_t sent = send(transport->fd, transport->cipher + transport->cipher_start,
            transport->cipher_size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN ? TALLY_OK : socket_fail(transport);
        }
        transport->cipher_start += (size_t)sent;
        transport->cipher_size -= (size_t)sent;
    }
}

/* Takes what the kernel holds for us, once. *some: there was something. */
static int fetch(struct transport *transport, bool *some)
{
    *some = false;
    if (transport->ended) {
        if (transport->why[0] == '\0') why_set(transport, "the node closed the connection");
        return TALLY_ECLOSED;
    }
    ssize_t size;
    do {
        size = recv(transport->fd, transport->received, CIPHER_SIZE, MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return errno == EAGAIN ? TALLY_OK : socket_fail(transport);
    *some = true;
    if (size == 0) {
        transport->ended = true;
        return TALLY_OK;
    }
    return BIO_write(transport->from_node, transport->received, (int)size) == (int)size ? TALLY_OK
                                                                                        : TALLY_ENOMEM;
}

int transport_read(struct transport *transport, uint8_t *to, size_t size, size_t *got)
{
    *got = 0;
    for (;;) {
        ERR_clear_error();
        size_t part = 0;
        if (SSL_read_ex(transport->ssl, to + *got, size - *got, &part) == 1) {
            *got += part;
            if (*got == size) return TALLY_OK;
            continue;
        }
        int reason = SSL_get_error(transport->ssl, 0);
        /* What was read before the end is handed out first; the end shows itself again. */
        if (*got > 0) return TALLY_OK;
        if (reason == SSL_ERROR_ZERO_RETURN) {
            why_set(transport, "the node closed the connection");
            return TALLY_ECLOSED;
        }
        if (reason != SSL_ERROR_WANT_READ) return tls_fail(transport);
        bool some = false;
        int error = fetch(transport, &some);
        if (error != TALLY_OK) return error;
        if (!some) return TALLY_OK;
    }
}

int transport_write(struct transport *transport, struct span bytes, size_t *taken)
{
    *taken = 0;
    for (;;) {
        int error = flush(transport);
        if (error != TALLY_OK) return error;
        if (transport->cipher_size > 0 || *taken == bytes.size) return TALLY_OK;
        size_t size = bytes.size - *taken;
        size_t part = 0;
        ERR_clear_error();
        if (SSL_write_ex(
                transport->ssl, bytes.data + *taken, size < RECORD_SIZE ? size : RECORD_SIZE, &part) != 1) {
            return tls_fail(transport);
        }
        *taken += part;
    }
}

/* Connecting. */

static int connect_one(struct transport *transport, const struct addrinfo *to, uint64_t until_ms)
{
    int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
    if (fd < 0) return TALLY_EIO;
    int problem = connect(fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS) {
        uint64_t now_ms = transport_now_ms();
        struct pollfd waited = {.fd = fd, .events = POLLOUT};
        int ready = poll(&waited, 1, now_ms < until_ms ? (int)(until_ms - now_ms) : 0);
        socklen_t size = sizeof problem;
        if (ready <= 0) {
            problem = ETIMEDOUT;
        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
            problem = errno;
        }
    }
    if (problem != 0) {
        (void)close(fd);
        errno = problem;
        return problem == ETIMEDOUT ? TALLY_ETIMEOUT : TALLY_ECLOSED;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    transport->fd = fd;
    return TALLY_OK;
}

static int connect_any(struct transport *transport, const struct client_options *options, uint64_t until_ms)
{
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    int failure = getaddrinfo(options->host, port, &hints, &found);
    if (failure != 0) {
        why_set(
            transport, "the address of the node, %s, is not found: %s", options->host, gai_strerror(failure));
        return TALLY_ECLOSED;
    }
    int error = TALLY_ECLOSED;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        error = connect_one(transport, at, until_ms);
        if (error == TALLY_OK) break;
        why_set(transport, "no node answers at %s port %s: %s", options->host, port, strerror(errno));
    }
    freeaddrinfo(found);
    if (error == TALLY_OK) transport->why[0] = '\0';
    return error;
}

static int shake_hands(struct transport *transport, uint64_t until_ms)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(transport->ssl);
        int reason = result == 1 ? SSL_ERROR_NONE : SSL_get_error(transport->ssl, result);
        if (reason != SSL_ERROR_NONE && reason != SSL_ERROR_WANT_READ) {
            int error = tls_fail(transport);
            /* The alert tells the node why; it is no matter if it does not arrive. */
            (void)!flush(transport);
            return error;
        }
        int error = flush(transport);
        if (error != TALLY_OK) return error;
        if (result == 1) return TALLY_OK;
        bool some = false;
        error = fetch(transport, &some);
        if (error != TALLY_OK) return error;
        if (some) continue;
        uint64_t now_ms = transport_now_ms();
        if (now_ms >= until_ms) {
            why_set(transport, "the node does not answer");
            return TALLY_ETIMEOUT;
        }
        transport_wait(transport, until_ms - now_ms);
    }
}

static int tls_start(struct transport *transport)
{
    transport->ssl = SSL_new(transport->context);
    transport->from_node = BIO_new(BIO_s_mem());
    transport->to_node = BIO_new(BIO_s_mem());
    if (transport->ssl == NULL || transport->from_node == NULL || transport->to_node == NULL) {
        BIO_free(transport->from_node);
        BIO_free(transport->to_node);
        return TALLY_ENOMEM;
    }
    SSL_set_bio(transport->ssl, transport->from_node, transport->to_node);
    SSL_set_connect_state(transport->ssl);
    return TALLY_OK;
}

int transport_open(const struct client_options *options, uint32_t timeout_ms, struct transport **transport,
    char why[GRPC_MESSAGE_SIZE_MAX + 1])
{
    struct transport *made = calloc(1, sizeof *made);
    snprintf(why, GRPC_MESSAGE_SIZE_MAX + 1, "memory ran out");
    if (made == NULL) return TALLY_ENOMEM;
    made->fd = -1;
    uint64_t until_ms = transport_now_ms() + timeout_ms;
    int error = context_make(made, options);
    if (error == TALLY_OK) error = tls_start(made);
    if (error == TALLY_OK) error = connect_any(made, options, until_ms);
    if (error == TALLY_OK) error = shake_hands(made, until_ms);
    if (error == TALLY_OK) {
        const unsigned char *protocol = NULL;
        unsigned size = 0;
        SSL_get0_alpn_selected(made->ssl, &protocol, &size);
        if (size != 2 || memcmp(protocol, "h2", 2) != 0) {
            why_set(made, "what answers there does not speak HTTP/2");
            error = TALLY_EIO;
        }
    }
    if (error != TALLY_OK) {
        if (made->why[0] != '\0') memcpy(why, made->why, sizeof made->why);
        ERR_clear_error();
        transport_close(made);
        return error;
    }
    *transport = made;
    return TALLY_OK;
}

void transport_close(struct transport *transport)
{
    if (transport == NULL) return;
    if (transport->ssl != NULL && SSL_is_init_finished(transport->ssl)) {
        /* A goodbye, where the kernel takes it at once. */
        (void)SSL_shutdown(transport->ssl);
        (void)!flush(transport);
        ERR_clear_error();
    }
    SSL_free(transport->ssl);
    SSL_CTX_free(transport->context);
    X509_free(transport->pinned);
    if (transport->fd >= 0) (void)close(transport->fd);
    free(transport);
}
