#include "node/net/tls_stream.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/net/byte_queue.h"
#include "node/net/certificate.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define RECORD_SIZE (16u * 1024u)
/* RFC 8446, 5.5, allows 2^24.5 full records under one AES-GCM key; links that live for years stay well below.
 */
#define RECORDS_MAX (UINT32_C(1) << 22)
/* Most that one stream sends in a turn of the loop before the others have theirs. */
#define TURN_SIZE (256u * 1024u)
/* What the library itself may queue (alerts, key updates) for a peer that does not read. */
#define CIPHER_SIZE_MAX (1024u * 1024u)
#define REASON_SIZE 160u
#define ADDRESS_SIZE (TLS_HOST_SIZE_MAX + sizeof "[]:65535")

_Static_assert(ADDRESS_SIZE >= TLS_ADDRESS_TEXT_SIZE, "an address literal fits as well as a name");

enum stream_state {
    STREAM_CONNECTING, /* resolving and connecting */
    STREAM_WAITING,    /* accepted, and its handshake has not begun */
    STREAM_HANDSHAKE,
    STREAM_OPEN,
    STREAM_CLOSING, /* sending the rest, then waiting for the other side's end */
    STREAM_DEAD,    /* the handles are closing */
};

struct tls_stream {
    uv_tcp_t tcp;
    uv_timer_t timer; /* of the handshake, then of the owner's deadline, then of the closing */
    uv_idle_t turn;   /* active while there is something to do at the end of the turn */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    unsigned parts_open; /* handles and a resolution that the loop still refers to */

    struct tls_context *tls;
    SSL *ssl; /* owns both BIOs */
    BIO *from_peer;
    BIO *to_peer;
    const struct tls_callbacks *callbacks;
    void *context;

    enum stream_state state;
    bool accepted;
    bool resolving;
    bool paused;
    bool resting; /* it has had its share of reading until the end of the turn */
    bool writing; /* `flight` is under way */
    bool pumping;
    bool drain_wanted;
    bool said_goodbye;
    const char *deadline_reason;

    struct byte_queue queue; /* plain bytes */
    uint32_t records;        /* written under the present key */
    uint8_t *flight;         /* cipher bytes the kernel did not take at once */

    char address[ADDRESS_SIZE];
    uint64_t source;
    char reason[REASON_SIZE];
};

static void stream_die(struct tls_stream *stream, const char *reason);
static void stream_pump(struct tls_stream *stream);
static void on_turn(uv_idle_t *handle);

/* ---- Making and ending ---- */

static void stream_free(struct tls_stream *stream)
{
    SSL_free(stream->ssl);
    byte_queue_close(&stream->queue);
    free(stream->flight);
    free(stream);
}

static void part_closed(struct tls_stream *stream)
{
    CHECK(stream->parts_open > 0);
    stream->parts_open--;
    if (stream->parts_open > 0) return;
    CHECK(stream->state == STREAM_DEAD);
    if (stream->callbacks != NULL) stream->callbacks->on_close(stream->context, stream, stream->reason);
    stream_free(stream);
}

static void on_handle_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

/* A stranger that did not get through the handshake is told of here; whoever did is the owner's to tell of.
 * One that merely hung up is no news. */
static void log_refusal(struct tls_stream *stream, const char *why, bool hung_up)
{
    uint64_t suppressed = 0;
    if (!stream->accepted || stream->state != STREAM_HANDSHAKE) return;
    if (hung_up) {
        LOG_DEBUG("connection ended before its handshake", LOG_S("service", stream->tls->service),
            LOG_S("address", stream->address));
        return;
    }
    if (!log_limit_allows(&stream->tls->limit, uv_now(stream->tcp.loop), &suppressed)) return;
    if (suppressed > 0)
        LOG_UNUSUAL("refusals left out of the log", LOG_S("service", stream->tls->service),
            LOG_U("count", suppressed));
    LOG_UNUSUAL("connection refused", LOG_S("service", stream->tls->service),
        LOG_S("address", stream->address), LOG_S("why", why));
}

static void set_reason(struct tls_stream *stream, const char *reason)
{
    if (stream->reason[0] == '\0') snprintf(stream->reason, sizeof stream->reason, "%s", reason);
}

/* Closes every handle; on_close follows from the loop. The first reason stays. */
static void stream_die(struct tls_stream *stream, const char *reason)
{
    if (stream->state == STREAM_DEAD) return;
    set_reason(stream, reason);
    stream->state = STREAM_DEAD;
    if (stream->resolving) uv_cancel((uv_req_t *)&stream->resolve); /* it calls back either way */
    uv_close((uv_handle_t *)&stream->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&stream->timer, on_handle_closed);
    uv_close((uv_handle_t *)&stream->turn, on_handle_closed);
}

static void on_timeout(uv_timer_t *timer)
{
    struct tls_stream *stream = timer->data;
    bool handshake = stream->state == STREAM_HANDSHAKE;
    if (handshake) log_refusal(stream, "its handshake took too long", false);
    stream_die(stream, handshake ? "the handshake took too long" : "it took too long to connect");
}

static void timeout_start(struct tls_stream *stream)
{
    CHECK(uv_timer_start(&stream->timer, on_timeout, TLS_HANDSHAKE_TIMEOUT_MS, 0) == 0);
}

static struct tls_stream *stream_make(
    uv_loop_t *loop, struct tls_context *tls, size_t backlog_max, bool accepted)
{
    struct tls_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) return NULL;
    stream->ssl = SSL_new(tls->ssl);
    stream->from_peer = BIO_new(BIO_s_mem());
    stream->to_peer = BIO_new(BIO_s_mem());
    if (stream->ssl == NULL || stream->from_peer == NULL || stream->to_peer == NULL) {
        BIO_free(stream->from_peer);
        BIO_free(stream->to_peer);
        ERR_clear_error();
        stream_free(stream);
        return NULL;
    }
    SSL_set_bio(stream->ssl, stream->from_peer, stream->to_peer);
    if (accepted)
        SSL_set_accept_state(stream->ssl);
    else
        SSL_set_connect_state(stream->ssl);
    stream->tls = tls;
    byte_queue_init(&stream->queue, backlog_max);
    stream->accepted = accepted;

    CHECK(uv_tcp_init(loop, &stream->tcp) == 0);
    CHECK(uv_timer_init(loop, &stream->timer) == 0);
    CHECK(uv_idle_init(loop, &stream->turn) == 0);
    stream->tcp.data = stream->timer.data = stream->turn.data = stream;
    stream->resolve.data = stream->connect.data = stream->write.data = stream->shutdown.data = stream;
    stream->parts_open = 3;
    if (!accepted) timeout_start(stream);
    return stream;
}

static void turn_arm(struct tls_stream *stream)
{
    if (stream->state != STREAM_DEAD) CHECK(uv_idle_start(&stream->turn, on_turn) == 0);
}

/* ---- Writing: queue -> library -> socket ---- */

int tls_stream_write_two(struct tls_stream *stream, struct span first, struct span second)
{
    if (stream->state != STREAM_OPEN) return TALLY_ECLOSED;
    int error = byte_queue_push(&stream->queue, first, second);
    if (error == TALLY_OK) tls_stream_want_drain(stream);
    return error;
}

int tls_stream_write(struct tls_stream *stream, struct span bytes)
{
    return tls_stream_write_two(stream, bytes, span_of(NULL, 0));
}

static void stream_fail_tls(struct tls_stream *stream)
{
    const char *why = tls_error_take();
    log_refusal(stream, why, false);
    stream_die(stream, why);
}

/* Moves plain bytes into the library until a few records wait. */
static void encrypt(struct tls_stream *stream)
{
    while (stream->queue.size > 0 && BIO_ctrl_pending(stream->to_peer) < TLS_DRAIN_SIZE) {
        struct span front = byte_queue_front(&stream->queue);
        size_t size = front.size < RECORD_SIZE ? front.size : RECORD_SIZE;
        size_t taken = 0;
        ERR_clear_error();
        if (SSL_write_ex(stream->ssl, front.data, size, &taken) != 1) {
            stream_fail_tls(stream);
            return;
        }
        CHECK(taken > 0 && taken <= size);
        byte_queue_pop(&stream->queue, taken);
        if (++stream->records >= RECORDS_MAX) tls_stream_renew_keys(stream);
    }
}

void tls_stream_renew_keys(struct tls_stream *stream)
{
    stream->records = 0;
    if (stream->state != STREAM_OPEN && stream->state != STREAM_CLOSING) return;
    if (SSL_key_update(stream->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) ERR_clear_error();
}

static void on_written(uv_write_t *write, int status)
{
    struct tls_stream *stream = write->data;
    free(stream->flight);
    stream->flight = NULL;
    stream->writing = false;
    if (stream->state == STREAM_DEAD) return;
    if (status != 0) {
        stream_die(stream, uv_strerror(status));
        return;
    }
    stream_pump(stream);
}

/* Hands the library's cipher bytes to the kernel; what it does not take now goes out later, as one write. */
static void send_cipher(struct tls_stream *stream)
{
    char *bytes = NULL;
    long size = BIO_get_mem_data(stream->to_peer, &bytes);
    CHECK(!stream->writing);
    if (size <= 0) return;
    uv_buf_t whole = uv_buf_init(bytes, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)&stream->tcp, &whole, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        stream_die(stream, uv_strerror(sent));
        return;
    }
    size_t left = (size_t)size - (size_t)(sent > 0 ? sent : 0);
    if (left > 0) {
        stream->flight = malloc(left);
        if (stream->flight == NULL) {
            stream_die(stream, "out of memory");
            return;
        }
        memcpy(stream->flight, bytes + (size - (long)left), left);
        uv_buf_t rest = uv_buf_init((char *)stream->flight, (unsigned)left);
        int error = uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &rest, 1, on_written);
        if (error != 0) {
            stream_die(stream, uv_strerror(error));
            return;
        }
        stream->writing = true;
    }
    CHECK(BIO_reset(stream->to_peer) == 1);
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
    struct tls_stream *stream = shutdown->data;
    if (status != 0) stream_die(stream, uv_strerror(status));
}

/* The queue is sent: says goodbye, and ends our half. The other side's end of stream, or the timer, ends the
 * rest. */
static void finish_closing(struct tls_stream *stream)
{
    ERR_clear_error();
    if (!stream->said_goodbye) {
        stream->said_goodbye = true;
        (void)SSL_shutdown(stream->ssl);
        ERR_clear_error();
        send_cipher(stream);
        if (stream->state == STREAM_DEAD) return;
        int error = uv_shutdown(&stream->shutdown, (uv_stream_t *)&stream->tcp, on_shut_down);
        if (error != 0) stream_die(stream, uv_strerror(error));
    }
}

static bool may_drain(const struct tls_stream *stream)
{
    return stream->drain_wanted && stream->state == STREAM_OPEN && stream->queue.size < TLS_DRAIN_SIZE;
}

/* Sends what there is, asking the owner for more as the queue falls, until the kernel is full, nothing is
 * left, or this stream has had its share of the turn. */
static void stream_pump(struct tls_stream *stream)
{
    size_t sent = 0;
    if (stream->pumping) return;
    stream->pumping = true;
    while (!stream->writing && (stream->state == STREAM_OPEN || stream->state == STREAM_CLOSING)) {
        if (may_drain(stream)) {
            stream->drain_wanted = false;
            if (stream->callbacks->on_drain != NULL) stream->callbacks->on_drain(stream->context, stream);
            if (stream->state == STREAM_DEAD) break;
        }
        encrypt(stream);
        if (stream->state == STREAM_DEAD) break;
        size_t waiting = BIO_ctrl_pending(stream->to_peer);
        if (waiting == 0) break;
        sent += waiting;
        send_cipher(stream);
        if (sent >= TURN_SIZE) break;
    }
    stream->pumping = false;
    if (stream->state == STREAM_DEAD || stream->writing) return;
    if (stream->queue.size > 0 || may_drain(stream))
        turn_arm(stream);
    else if (stream->state == STREAM_CLOSING)
        finish_closing(stream);
}

void tls_stream_flush(struct tls_stream *stream)
{
    stream_pump(stream);
}

void tls_stream_want_drain(struct tls_stream *stream)
{
    stream->drain_wanted = true;
    if (!stream->writing && !stream->pumping && stream->state == STREAM_OPEN) turn_arm(stream);
}

/* ---- Reading: socket -> library -> owner ---- */

/* Fills the scratch buffer from the library. Returns false where the stream has ended; what was read before
 * is still to be delivered, and *why says how it ended. */
static bool decrypt(struct tls_stream *stream, size_t *size, const char **why)
{
    *size = 0;
    while (*size < TLS_READ_SIZE) {
        size_t got = 0;
        ERR_clear_error();
        if (SSL_read_ex(stream->ssl, stream->tls->plain_bytes + *size, TLS_READ_SIZE - *size, &got) == 1) {
            *size += got;
            continue;
        }
        int error = SSL_get_error(stream->ssl, 0);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
        *why = error == SSL_ERROR_ZERO_RETURN ? "closed by the other side" : tls_error_take();
        return false;
    }
    return true;
}

static void deliver(struct tls_stream *stream)
{
    while (stream->state == STREAM_OPEN && !stream->paused) {
        size_t size = 0;
        const char *why = NULL;
        bool lives = decrypt(stream, &size, &why);
        if (size > 0 && stream->callbacks->on_data != NULL)
            stream->callbacks->on_data(stream->context, stream, span_of(stream->tls->plain_bytes, size));
        if (!lives && stream->state != STREAM_CLOSING) stream_die(stream, why);
        if (size < TLS_READ_SIZE) break;
    }
    if (stream->state == STREAM_DEAD || stream->state == STREAM_CLOSING) return;
    /* Reading can make the library write: answers to key updates. */
    size_t waiting = BIO_ctrl_pending(stream->to_peer);
    if (waiting > CIPHER_SIZE_MAX)
        stream_die(stream, "it asks for answers and does not read them");
    else if (waiting > 0 && !stream->writing)
        turn_arm(stream);
}

/* The handshake never needs more than the socket's buffer holds, so a short write here is a failure. */
static void send_handshake(struct tls_stream *stream)
{
    if (!stream->writing) send_cipher(stream);
}

static void shake_hands(struct tls_stream *stream)
{
    ERR_clear_error();
    int result = SSL_do_handshake(stream->ssl);
    int error = SSL_get_error(stream->ssl, result);
    if (result != 1 && error != SSL_ERROR_WANT_READ) {
        const char *why = tls_error_take();
        log_refusal(stream, why, false);
        send_handshake(stream); /* the alert that tells the other side why */
        stream_die(stream, why);
        return;
    }
    send_handshake(stream);
    if (result != 1 || stream->state == STREAM_DEAD) return;
    stream->state = STREAM_OPEN;
    uv_timer_stop(&stream->timer);
    if (stream->callbacks->on_open != NULL) stream->callbacks->on_open(stream->context, stream);
    deliver(stream);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct tls_stream *stream = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)stream->tls->read_bytes, TLS_READ_SIZE);
}

static void on_ended(struct tls_stream *stream, int status)
{
    if (stream->state == STREAM_HANDSHAKE) log_refusal(stream, "it hung up", true);
    if (status == UV_EOF)
        stream_die(stream, stream->state == STREAM_HANDSHAKE ? "it hung up during the handshake"
                                                             : "closed by the other side");
    else
        stream_die(stream, uv_strerror(status));
}

/* libuv would read on for as long as there is something, and the others would wait: one full read is a
 * stream's share of a turn. */
static void rest(struct tls_stream *stream)
{
    if (stream->state != STREAM_OPEN || stream->paused) return;
    uv_read_stop((uv_stream_t *)&stream->tcp);
    stream->resting = true;
    turn_arm(stream);
}

static void on_read(uv_stream_t *tcp, ssize_t size, const uv_buf_t *bytes)
{
    struct tls_stream *stream = tcp->data;
    if (size == 0 || stream->state == STREAM_DEAD) return;
    if (size < 0) {
        on_ended(stream, (int)size);
        return;
    }
    if (stream->state == STREAM_CLOSING) return;
    if (BIO_write(stream->from_peer, bytes->base, (int)size) != (int)size) {
        stream_die(stream, "out of memory");
        return;
    }
    if (stream->state == STREAM_HANDSHAKE)
        shake_hands(stream);
    else
        deliver(stream);
    if ((size_t)size == bytes->len) rest(stream);
}

static void start_reading(struct tls_stream *stream)
{
    int error = uv_read_start((uv_stream_t *)&stream->tcp, on_allocate, on_read);
    if (error != 0 && error != UV_EALREADY) stream_die(stream, uv_strerror(error));
}

void tls_stream_pause(struct tls_stream *stream)
{
    if (stream->paused || stream->state != STREAM_OPEN) return;
    stream->paused = true;
    uv_read_stop((uv_stream_t *)&stream->tcp);
}

void tls_stream_resume(struct tls_stream *stream)
{
    if (!stream->paused) return;
    stream->paused = false;
    if (stream->state != STREAM_OPEN) return;
    start_reading(stream);
    turn_arm(stream); /* what was read before the pause waits in the library */
}

static void on_turn(uv_idle_t *handle)
{
    struct tls_stream *stream = handle->data;
    uv_idle_stop(handle);
    if (stream->state == STREAM_HANDSHAKE)
        shake_hands(stream);
    else if (stream->state == STREAM_OPEN)
        deliver(stream);
    if (stream->state == STREAM_OPEN || stream->state == STREAM_CLOSING) stream_pump(stream);
    if (!stream->resting) return;
    stream->resting = false;
    if (!stream->paused && (stream->state == STREAM_OPEN || stream->state == STREAM_CLOSING))
        start_reading(stream);
}

/* ---- Connecting and accepting ---- */

/* The first `size` bytes, most significant first. */
static uint64_t number_of(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

static uint64_t source_of(const struct sockaddr_storage *peer)
{
    const void *any = peer;
    if (peer->ss_family != AF_INET6) return ntohl(((const struct sockaddr_in *)any)->sin_addr.s_addr);
    const struct in6_addr *ip6 = &((const struct sockaddr_in6 *)any)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(ip6) ? number_of(ip6->s6_addr + 12, 4) : number_of(ip6->s6_addr, 8);
}

static void set_address(struct tls_stream *stream)
{
    struct sockaddr_storage peer;
    char host[INET6_ADDRSTRLEN];
    int size = sizeof peer;
    if (uv_tcp_getpeername(&stream->tcp, (struct sockaddr *)&peer, &size) != 0) return;
    if (uv_ip_name((const struct sockaddr *)&peer, host, sizeof host) != 0) return;
    const void *any = &peer;
    stream->source = source_of(&peer);
    if (peer.ss_family == AF_INET6) {
        unsigned port = ntohs(((const struct sockaddr_in6 *)any)->sin6_port);
        snprintf(stream->address, sizeof stream->address, "[%s]:%u", host, port);
    } else {
        unsigned port = ntohs(((const struct sockaddr_in *)any)->sin_port);
        snprintf(stream->address, sizeof stream->address, "%s:%u", host, port);
    }
}

/* The connection stands: what the socket is told, and the first step of the handshake at the end of this
 * turn. */
static void start_handshake(struct tls_stream *stream)
{
    uv_os_fd_t fd;
    int unsent_size = TLS_UNSENT_SIZE;
    uv_tcp_nodelay(&stream->tcp, 1);
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_size, sizeof unsent_size);
    stream->state = STREAM_HANDSHAKE;
    start_reading(stream);
    turn_arm(stream);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct tls_stream *stream = connect->data;
    if (stream->state == STREAM_DEAD) return;
    if (status != 0) {
        stream_die(stream, uv_strerror(status));
        return;
    }
    set_address(stream);
    start_handshake(stream);
}

static int connect_to(struct tls_stream *stream, const struct sockaddr *address)
{
    return uv_tcp_connect(&stream->connect, &stream->tcp, address, on_connected);
}

/* One of the addresses at random: whoever dials again will come to the others. */
static const struct addrinfo *choose(const struct addrinfo *list)
{
    uint32_t count = 0, chosen;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next)
        count++;
    if (count == 0) return NULL;
    random_bytes(&chosen, sizeof chosen);
    for (chosen %= count; chosen > 0; chosen--)
        list = list->ai_next;
    return list;
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *list)
{
    struct tls_stream *stream = resolve->data;
    stream->resolving = false;
    if (stream->state != STREAM_DEAD) {
        const struct addrinfo *chosen = status == 0 ? choose(list) : NULL;
        int error = status == 0 ? UV_EAI_NONAME : status;
        if (chosen != NULL) error = connect_to(stream, chosen->ai_addr);
        if (error != 0) stream_die(stream, uv_strerror(error));
    }
    uv_freeaddrinfo(list);
    part_closed(stream);
}

static int resolve_host(struct tls_stream *stream, const char *host, uint16_t port)
{
    char service[8];
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int error = uv_getaddrinfo(stream->tcp.loop, &stream->resolve, on_resolved, host, service, &hints);
    if (error != 0) return error;
    stream->resolving = true;
    stream->parts_open++;
    return 0;
}

int tls_stream_connect(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port,
    size_t backlog_max, const struct tls_callbacks *callbacks, void *context, struct tls_stream **stream)
{
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    const void *address = NULL;
    size_t host_size = strlen(host);
    CHECK(callbacks != NULL && callbacks->on_close != NULL);
    if (host_size == 0 || host_size > TLS_HOST_SIZE_MAX || port == 0) return TALLY_EINVALID;
    struct tls_stream *made = stream_make(loop, tls, backlog_max, false);
    if (made == NULL) return TALLY_ENOMEM;
    tls_stream_own(made, callbacks, context);
    snprintf(made->address, sizeof made->address, "%s:%u", host, (unsigned)port);

    if (uv_ip4_addr(host, port, &ip4) == 0)
        address = &ip4;
    else if (uv_ip6_addr(host, port, &ip6) == 0)
        address = &ip6;
    int error = address != NULL ? connect_to(made, address) : resolve_host(made, host, port);
    if (error != 0) stream_die(made, uv_strerror(error));
    *stream = made;
    return TALLY_OK;
}

int tls_stream_accept(
    uv_stream_t *server, struct tls_context *tls, size_t backlog_max, struct tls_stream **stream)
{
    struct tls_stream *made = stream_make(server->loop, tls, backlog_max, true);
    if (made == NULL) return TALLY_ENOMEM;
    if (uv_accept(server, (uv_stream_t *)&made->tcp) != 0) {
        stream_die(made, "gone before it was accepted");
        return TALLY_EIO;
    }
    made->state = STREAM_WAITING;
    set_address(made);
    *stream = made;
    return TALLY_OK;
}

void tls_stream_begin(struct tls_stream *stream)
{
    CHECK(stream->state == STREAM_WAITING);
    timeout_start(stream);
    start_handshake(stream);
}

uint64_t tls_stream_source(const struct tls_stream *stream)
{
    CHECK(stream->accepted);
    return stream->source;
}

void tls_stream_own(struct tls_stream *stream, const struct tls_callbacks *callbacks, void *context)
{
    CHECK(callbacks != NULL && callbacks->on_close != NULL);
    stream->callbacks = callbacks;
    stream->context = context;
}

/* ---- Closing and looking in ---- */

static void on_closing_timeout(uv_timer_t *timer)
{
    struct tls_stream *stream = timer->data;
    stream_die(stream, "the other side did not take the rest");
}

void tls_stream_close(struct tls_stream *stream, const char *reason)
{
    if (stream->state == STREAM_DEAD || stream->state == STREAM_CLOSING) return;
    if (stream->state != STREAM_OPEN) {
        stream_die(stream, reason);
        return;
    }
    set_reason(stream, reason);
    stream->state = STREAM_CLOSING;
    CHECK(uv_timer_start(&stream->timer, on_closing_timeout, TLS_CLOSE_TIMEOUT_MS, 0) == 0);
    if (stream->paused) start_reading(stream);
    turn_arm(stream);
}

static void on_deadline(uv_timer_t *timer)
{
    struct tls_stream *stream = timer->data;
    stream_die(stream, stream->deadline_reason);
}

void tls_stream_set_deadline(struct tls_stream *stream, uint32_t timeout_ms, const char *reason)
{
    if (stream->state != STREAM_OPEN) return;
    stream->deadline_reason = reason;
    if (timeout_ms == 0)
        uv_timer_stop(&stream->timer);
    else
        CHECK(uv_timer_start(&stream->timer, on_deadline, timeout_ms, 0) == 0);
}

void tls_stream_drop(struct tls_stream *stream, const char *reason)
{
    stream_die(stream, reason);
}

size_t tls_stream_pending(const struct tls_stream *stream)
{
    return stream->queue.size;
}

bool tls_stream_is_open(const struct tls_stream *stream)
{
    return stream->state == STREAM_OPEN;
}

const char *tls_stream_address(const struct tls_stream *stream)
{
    return stream->address;
}

int tls_stream_exporter(const struct tls_stream *stream, const char *label, struct digest *value)
{
    struct digest made;
    if (stream->state != STREAM_OPEN) return TALLY_ECLOSED;
    if (SSL_export_keying_material(stream->ssl, made.bytes, DIGEST_SIZE, label, strlen(label), NULL, 0, 0) !=
        1) {
        ERR_clear_error();
        return TALLY_EIO;
    }
    *value = made;
    return TALLY_OK;
}

bool tls_stream_speaks(const struct tls_stream *stream, const char *protocol)
{
    const unsigned char *chosen = NULL;
    unsigned size = 0;
    if (stream->state == STREAM_OPEN) SSL_get0_alpn_selected(stream->ssl, &chosen, &size);
    return span_equal(span_of(chosen, size), span_of(protocol, strlen(protocol)));
}

int tls_stream_peer_fingerprint(const struct tls_stream *stream, struct digest *fingerprint)
{
    X509 *certificate = stream->state == STREAM_OPEN ? SSL_get1_peer_certificate(stream->ssl) : NULL;
    if (certificate == NULL) return TALLY_ENOTFOUND;
    int error = certificate_fingerprint(certificate, fingerprint);
    X509_free(certificate);
    return error;
}
