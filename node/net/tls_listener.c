#include "node/net/tls_listener.h"

#include <stdlib.h>

#include "node/net/waiting_room.h"
#include "proto/base/check.h"

/* How long connections wait where memory for one more was spent. */
#define RETRY_MS 100u

/* So many a second, and so many at once after a pause. */
struct pace {
    uint64_t each_us;
    uint64_t at_once;
    uint64_t until_us; /* each puts it off by its share of a second; it is never long past */
};

struct tls_listener {
    uv_tcp_t tcp;
    uv_timer_t retry; /* libuv reports nothing more until the connection at hand is taken */
    uv_timer_t next;  /* when the next handshake may begin */
    struct pace accepts, handshakes;
    struct waiting_room room;
    unsigned handles_open;
    struct tls_context *tls;
    size_t backlog_max;
    tls_on_accept on_accept;
    void *context;
    uint16_t port;
};

static void on_closed(uv_handle_t *handle)
{
    struct tls_listener *listener = handle->data;
    if (--listener->handles_open == 0) free(listener);
}

void tls_listener_close(struct tls_listener *listener)
{
    if (listener == NULL) return;
    struct tls_stream *stream;
    while ((stream = waiting_room_next(&listener->room)) != NULL)
        tls_stream_drop(stream, "nobody listens any more");
    uv_close((uv_handle_t *)&listener->tcp, on_closed);
    uv_close((uv_handle_t *)&listener->retry, on_closed);
    uv_close((uv_handle_t *)&listener->next, on_closed);
}

static void turn_away(struct tls_listener *listener, struct tls_stream *stream, const char *why)
{
    uint64_t suppressed = 0;
    if (log_limit_allows(&listener->tls->limit, uv_now(listener->tcp.loop), &suppressed))
        LOG_UNUSUAL("connection refused", LOG_S("service", listener->tls->service),
            LOG_S("address", tls_stream_address(stream)), LOG_S("why", why));
    tls_stream_drop(stream, why);
}

/* Whether one more may come now; else *delay_ms is after how long. */
static bool pace_allows(struct pace *pace, const uv_loop_t *loop, uint64_t *delay_ms)
{
    uint64_t now_us = uv_now(loop) * 1000u;
    if (pace->until_us < now_us) pace->until_us = now_us;
    uint64_t ahead_us = pace->until_us - now_us;
    if (ahead_us < pace->at_once * pace->each_us) return true;
    *delay_ms = (ahead_us - pace->at_once * pace->each_us) / 1000u + 1;
    return false;
}

static void begin(struct tls_listener *listener, struct tls_stream *stream)
{
    const char *why = "not wanted now";
    tls_stream_begin(stream);
    if (!listener->on_accept(listener->context, stream, &why)) turn_away(listener, stream, why);
}

/* Begins the handshakes that may begin now. */
static void on_next(uv_timer_t *timer)
{
    struct tls_listener *listener = timer->data;
    uint64_t delay_ms = 0;
    while (listener->room.count > 0) {
        if (!pace_allows(&listener->handshakes, timer->loop, &delay_ms)) {
            if (!uv_is_active((uv_handle_t *)timer)) CHECK(uv_timer_start(timer, on_next, delay_ms, 0) == 0);
            return;
        }
        listener->handshakes.until_us += listener->handshakes.each_us;
        begin(listener, waiting_room_next(&listener->room));
    }
}

static void on_retry(uv_timer_t *timer);

static void take_later(struct tls_listener *listener, uint64_t delay_ms)
{
    CHECK(uv_timer_start(&listener->retry, on_retry, delay_ms, 0) == 0);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct tls_listener *listener = server->data;
    struct tls_stream *stream;
    if (status != 0) {
        LOG_UNUSUAL("connection not accepted", LOG_S("service", listener->tls->service),
            LOG_S("why", uv_strerror(status)));
        return;
    }
    uint64_t delay_ms = RETRY_MS;
    if (!pace_allows(&listener->accepts, listener->tcp.loop, &delay_ms)) {
        take_later(listener, delay_ms);
        return;
    }
    int error = tls_stream_accept(server, listener->tls, listener->backlog_max, &stream);
    if (error == TALLY_ENOMEM) {
        take_later(listener, delay_ms);
        return;
    }
    listener->accepts.until_us += listener->accepts.each_us;
    if (error != TALLY_OK) return;
    struct tls_stream *leaving = waiting_room_enter(&listener->room, tls_stream_source(stream), stream);
    if (leaving != NULL) turn_away(listener, leaving, "too many of its address wait");
    on_next(&listener->next);
}

static void on_retry(uv_timer_t *timer)
{
    struct tls_listener *listener = timer->data;
    on_connection((uv_stream_t *)&listener->tcp, 0);
}

static int error_of(int status)
{
    if (status == UV_EADDRINUSE) return TALLY_EBUSY;
    if (status == UV_EADDRNOTAVAIL || status == UV_EINVAL) return TALLY_EINVALID;
    return TALLY_EIO;
}

static int bind_and_listen(struct tls_listener *listener, const struct sockaddr *address)
{
    struct sockaddr_storage bound;
    int size = sizeof bound;
    int status = uv_tcp_bind(&listener->tcp, address, 0);
    if (status == 0) status = uv_listen((uv_stream_t *)&listener->tcp, TLS_LISTENER_BACKLOG, on_connection);
    if (status == 0) status = uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&bound, &size);
    if (status != 0) return error_of(status);
    const void *any = &bound;
    listener->port = bound.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)any)->sin6_port)
                                                 : ntohs(((const struct sockaddr_in *)any)->sin_port);
    return TALLY_OK;
}

int tls_listener_open(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port,
    size_t backlog_max, tls_on_accept on_accept, void *context, struct tls_listener **listener)
{
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    const void *address = NULL;
    if (uv_ip4_addr(host, port, &ip4) == 0)
        address = &ip4;
    else if (uv_ip6_addr(host, port, &ip6) == 0)
        address = &ip6;
    if (address == NULL) return TALLY_EINVALID;
    struct tls_listener *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    CHECK(uv_tcp_init(loop, &made->tcp) == 0);
    CHECK(uv_timer_init(loop, &made->retry) == 0);
    CHECK(uv_timer_init(loop, &made->next) == 0);
    made->tcp.data = made->retry.data = made->next.data = made;
    made->handles_open = 3;
    made->accepts = (struct pace){.each_us = 1000000u / TLS_ACCEPTS_PER_S, .at_once = TLS_ACCEPTS_AT_ONCE};
    made->handshakes =
        (struct pace){.each_us = 1000000u / TLS_HANDSHAKES_PER_S, .at_once = TLS_HANDSHAKES_AT_ONCE};
    made->tls = tls;
    made->backlog_max = backlog_max;
    made->on_accept = on_accept;
    made->context = context;
    int error = bind_and_listen(made, address);
    if (error != TALLY_OK) {
        tls_listener_close(made);
        return error;
    }
    *listener = made;
    return TALLY_OK;
}

uint16_t tls_listener_port(const struct tls_listener *listener)
{
    return listener->port;
}
