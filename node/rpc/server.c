#include "node/rpc/server.h"

#include <stdlib.h>

#include "node/net/tls_listener.h"
#include "node/rpc/rpc_session.h"
#include "proto/base/check.h"

/* What is pulled from a session at once, and the most that waits in its stream: so much is lost to a client
 * that cancels, and no more is copied ahead of one that reads slowly. */
#define PULL_SIZE (64u * KIB)
#define STREAM_BACKLOG_MAX (2u * PULL_SIZE)
/* How late a deadline may be noticed while some call has one; and how often the rest is looked at. */
#define SWEEP_FINE_MS 25u
#define SWEEP_COARSE_MS 1000u
_Static_assert(PULL_SIZE >= CARRIER_PULL_SIZE_MIN, "a frame fits a pull");
_Static_assert(STREAM_BACKLOG_MAX >= PULL_SIZE + TLS_DRAIN_SIZE, "a pull fits a stream that has drained");

struct connection {
    struct rpc_server *server;
    struct connection *previous, *next;
    struct tls_stream *stream;
    struct digest fingerprint;   /* of a known client's certificate */
    struct rpc_session *session; /* NULL until the handshake is done, and once the stream is closing */
    uint64_t idle_since_ms;
    uint64_t waiting_since_ms; /* since when the stream owes us an on_drain */
    bool waiting;
    bool known;
    bool dropped; /* to make room for another */
};

struct rpc_server {
    uv_loop_t *loop;
    struct rpc_shared shared;
    struct tls_context *tls;
    struct tls_listener *listener;
    uv_timer_t sweep;
    uint64_t sweep_due_ms; /* UINT64_MAX = not armed */
    uv_idle_t turn;        /* active while calls began in this turn, or wait for the next */
    unsigned handles_open;
    bool closing;
    int (*find_caller)(void *context, const struct digest *fingerprint, struct rpc_caller *caller);
    uint32_t connections_max;
    uint32_t idle_timeout_ms;
    struct connection *connections;
    struct connection *first; /* whose waiting calls begin first in the next turn; NULL = any */
    void (*on_closed)(void *context);
    void *closed_context;
    uint8_t scratch[PULL_SIZE];
};

static uint64_t clock_now_ms(void *clock)
{
    return uv_now(clock);
}

/* The sweep: one timer, armed only while there are connections, and finely only while some call has a
 * deadline. */

static void on_sweep(uv_timer_t *timer);

static void sweep_arm(struct rpc_server *server)
{
    if (server->closing || server->connections == NULL) return;
    uint64_t delay_ms = server->shared.deadlines > 0 ? SWEEP_FINE_MS : SWEEP_COARSE_MS;
    uint64_t due_ms = uv_now(server->loop) + delay_ms;
    if (due_ms >= server->sweep_due_ms) return;
    server->sweep_due_ms = due_ms;
    CHECK(uv_timer_start(&server->sweep, on_sweep, delay_ms, 0) == 0);
}

/* Connections. */

static void on_handle_closed(uv_handle_t *handle);

static void server_free_if_done(struct rpc_server *server)
{
    if (!server->closing || server->connections != NULL) return;
    if (server->handles_open > 0) {
        if (!uv_is_closing((uv_handle_t *)&server->sweep)) {
            worker_close(server->shared.worker);
            uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
            uv_close((uv_handle_t *)&server->turn, on_handle_closed);
        }
        return;
    }
    void (*on_closed)(void *context) = server->on_closed;
    void *context = server->closed_context;
    CHECK(server->shared.counts.calls == 0 && server->shared.counts.memory == 0);
    tls_context_close(server->tls);
    free(server);
    if (on_closed != NULL) on_closed(context);
}

static void connection_free(struct connection *connection)
{
    struct rpc_server *server = connection->server;
    rpc_session_close(connection->session);
    if (connection->previous != NULL) connection->previous->next = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    if (server->connections == connection) server->connections = connection->next;
    if (server->first == connection) server->first = connection->next;
    CHECK(server->shared.counts.connections > 0);
    server->shared.counts.connections--;
    free(connection);
    server_free_if_done(server);
}

/* The session has no more to say or cannot go on: what it made is sent, then the stream closes. */
static void connection_finish(struct connection *connection, const char *reason)
{
    struct rpc_session *session = connection->session;
    connection->session = NULL;
    rpc_session_close(session);
    tls_stream_close(connection->stream, reason);
}

static void on_output(void *context)
{
    struct connection *connection = context;
    if (connection->waiting) return;
    connection->waiting = true;
    connection->waiting_since_ms = uv_now(connection->server->loop);
    tls_stream_want_drain(connection->stream);
}

/* A turn's requests. */

static void connection_work(struct connection *connection)
{
    if (connection->session == NULL || !rpc_session_has_work(connection->session)) return;
    rpc_session_work(connection->session);
    connection->idle_since_ms = uv_now(connection->server->loop);
}

/* The connection after `connection`, round and round. */
static struct connection *connection_after(const struct connection *connection)
{
    return connection->next != NULL ? connection->next : connection->server->connections;
}

static bool turn_is_used(const struct rpc_server *server)
{
    return server->shared.turn_spent > 0 || server->shared.turn_large;
}

/* A turn of the loop begins. Those who wait have it before those whose bytes are read in it, each connection
 * in its order, and another one first each time. */
static void on_turn(uv_idle_t *handle)
{
    struct rpc_server *server = handle->data;
    bool waiting = false;
    server->shared.turn_spent = 0;
    server->shared.turn_large = false;
    if (server->connections == NULL) {
        uv_idle_stop(handle);
        return;
    }
    if (server->first == NULL) server->first = server->connections;
    struct connection *at = server->first;
    do {
        connection_work(at);
        waiting = waiting || (at->session != NULL && rpc_session_has_work(at->session));
        at = connection_after(at);
    } while (at != server->first);
    server->first = connection_after(server->first);
    if (!waiting && !turn_is_used(server)) uv_idle_stop(handle);
}

static void turn_arm(struct rpc_server *server)
{
    if (server->closing || !turn_is_used(server)) return;
    CHECK(uv_idle_start(&server->turn, on_turn) == 0);
}

/* Moves what the session made into the stream, as much as it takes. Returns false when the session broke. */
static bool output_move(struct connection *connection, bool *moved)
{
    struct rpc_server *server = connection->server;
    size_t room = STREAM_BACKLOG_MAX - tls_stream_pending(connection->stream);
    size_t pulled = 0;
    *moved = false;
    if (room > PULL_SIZE) room = PULL_SIZE;
    if (room < CARRIER_PULL_SIZE_MIN) return true;
    int error = rpc_session_pull(connection->session, server->scratch, room, &pulled);
    turn_arm(server); /* the next request of a connection of HTTP/1.1 begins when one is answered */
    if (error != TALLY_OK) return false;
    if (pulled == 0) return true;
    *moved = true;
    return tls_stream_write(connection->stream, span_of(server->scratch, pulled)) == TALLY_OK;
}

/* The one place that writes. */
static void on_drain(void *context, struct tls_stream *stream)
{
    struct connection *connection = context;
    (void)stream;
    if (connection->session == NULL) return;
    /* A stream that drains during the pull queues more, which the next on_drain takes. */
    connection->waiting = true;
    bool moved = false;
    if (!output_move(connection, &moved)) {
        connection_finish(connection, "the session failed");
        return;
    }
    connection->waiting = false;
    if (moved) {
        on_output(connection);
    } else if (rpc_session_is_finished(connection->session)) {
        connection_finish(connection, "finished");
    }
}

static void on_data(void *context, struct tls_stream *stream, struct span bytes)
{
    struct connection *connection = context;
    const char *why = "";
    if (connection->session == NULL) return;
    int error = rpc_session_receive(connection->session, bytes, &why);
    turn_arm(connection->server);
    if (rpc_session_call_count(connection->session) > 0) {
        connection->idle_since_ms = uv_now(connection->server->loop);
    }
    if (error != TALLY_OK) {
        struct rpc_shared *shared = &connection->server->shared;
        uint64_t suppressed = 0;
        bool moved = false;
        shared->counts.refused++;
        if (log_limit_allows(&shared->limits[REFUSAL_FORM], uv_now(connection->server->loop), &suppressed)) {
            LOG_UNUSUAL("client dropped", LOG_S("address", tls_stream_address(stream)),
                LOG_S("caller", rpc_session_caller_name(connection->session)), LOG_S("why", why),
                LOG_U("not_shown", suppressed));
        }
        (void)output_move(connection, &moved);
        connection_finish(connection, why);
        return;
    }
    sweep_arm(connection->server);
}

static void on_open(void *context, struct tls_stream *stream)
{
    struct connection *connection = context;
    struct rpc_server *server = connection->server;
    struct rpc_caller caller = {0};
    struct digest fingerprint = {0};
    bool certified = tls_stream_peer_fingerprint(stream, &fingerprint) == TALLY_OK;
    connection->known =
        certified && server->find_caller(server->shared.context, &fingerprint, &caller) == TALLY_OK;
    caller.name[RPC_CALLER_NAME_SIZE_MAX] = '\0';
    enum rpc_http http = tls_stream_speaks(stream, "h2") ? RPC_HTTP_2 : RPC_HTTP_1;
    if (rpc_session_open(&server->shared, http, connection->known ? &caller : NULL,
            tls_stream_address(stream), on_output, connection, &connection->session) != TALLY_OK) {
        tls_stream_drop(stream, "out of memory");
        return;
    }
    if (certified) rpc_session_set_certificate(connection->session, &fingerprint);
    connection->fingerprint = fingerprint;
    connection->idle_since_ms = uv_now(server->loop);
    on_output(connection);
}

static void on_close(void *context, struct tls_stream *stream, const char *reason)
{
    struct connection *connection = context;
    if (connection->session != NULL) {
        LOG_DEBUG("client gone", LOG_S("address", tls_stream_address(stream)),
            LOG_S("caller", rpc_session_caller_name(connection->session)), LOG_S("why", reason));
    }
    connection_free(connection);
}

/* Where there is no room, whoever is not known, or has not said who it is yet, makes some: the one that has
 * been here longest. So strangers, whom anyone can send, never keep out a client. */
static bool room_make(struct rpc_server *server)
{
    struct connection *oldest = NULL;
    for (struct connection *at = server->connections; at != NULL; at = at->next)
        if (!at->known && !at->dropped) oldest = at;
    if (oldest == NULL) return false;
    oldest->dropped = true;
    server->shared.counts.refused++;
    tls_stream_drop(oldest->stream, "it makes room for another");
    return true;
}

static bool on_accept(void *context, struct tls_stream *stream, const char **reason)
{
    static const struct tls_callbacks callbacks = {
        .on_open = on_open,
        .on_data = on_data,
        .on_drain = on_drain,
        .on_close = on_close,
    };
    struct rpc_server *server = context;
    if (server->shared.counts.connections >= server->connections_max && !room_make(server)) {
        server->shared.counts.refused++;
        *reason = "too many connections";
        return false;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        *reason = "out of memory";
        return false;
    }
    connection->server = server;
    connection->stream = stream;
    connection->next = server->connections;
    if (connection->next != NULL) connection->next->previous = connection;
    server->connections = connection;
    server->shared.counts.connections++;
    tls_stream_own(stream, &callbacks, connection);
    sweep_arm(server);
    return true;
}

/* Ends what takes too long. The connection itself is freed later, by the loop. */
static void connection_sweep(struct connection *connection, uint64_t now_ms)
{
    struct rpc_server *server = connection->server;
    rpc_session_sweep(connection->session);
    if (connection->waiting && now_ms - connection->waiting_since_ms >= server->shared.stall_timeout_ms) {
        LOG_UNUSUAL("client dropped", LOG_S("address", tls_stream_address(connection->stream)),
            LOG_S("caller", rpc_session_caller_name(connection->session)),
            LOG_S("why", "it does not read what it asked for"));
        tls_stream_drop(connection->stream, "it does not read");
        return;
    }
    if (rpc_session_call_count(connection->session) > 0) {
        connection->idle_since_ms = now_ms;
        return;
    }
    uint64_t idle_max_ms = connection->known ? server->idle_timeout_ms : RPC_STRANGER_TIMEOUT_MS;
    uint64_t idle_ms = now_ms - connection->idle_since_ms;
    if (idle_ms >= idle_max_ms) rpc_session_finish(connection->session);
    /* A client that does not hang up after a GOAWAY is helped. */
    if (idle_ms >= idle_max_ms + RPC_STRANGER_TIMEOUT_MS) connection_finish(connection, "idle");
}

static void on_sweep(uv_timer_t *timer)
{
    struct rpc_server *server = timer->data;
    server->sweep_due_ms = UINT64_MAX;
    uint64_t now_ms = uv_now(server->loop);
    for (struct connection *at = server->connections; at != NULL; at = at->next) {
        if (at->session != NULL) connection_sweep(at, now_ms);
    }
    sweep_arm(server);
}

/* The server. */

static const struct rpc_method *method_of(const struct rpc_server_options *options, const char *path)
{
    for (size_t i = 0; i < options->method_count; i++)
        if (strcmp(options->methods[i].path, path) == 0) return &options->methods[i];
    return NULL;
}

static int feeds_check(const struct rpc_server_options *options, const char **why)
{
    *why = "a feed is out of range";
    if (options->feed_count > RPC_PAGES_MAX) return TALLY_EINVALID;
    for (size_t i = 0; i < options->feed_count; i++) {
        const struct rpc_feed *feed = &options->feeds[i];
        const struct rpc_method *method = method_of(options, feed->method);
        if (feed->path[0] != '/' || feed->ask == NULL || feed->tell == NULL) return TALLY_EINVALID;
        if (method == NULL || !method->streams || method->handle == NULL || method->reply == NULL)
            return TALLY_EINVALID;
    }
    return TALLY_OK;
}

static int pages_check(const struct rpc_server_options *options, const char **why)
{
    *why = "a page is out of range";
    if (options->page_count > RPC_PAGES_MAX) return TALLY_EINVALID;
    for (size_t i = 0; i < options->page_count; i++) {
        const struct rpc_page *page = &options->pages[i];
        if (page->path[0] != '/' || page->content_type == NULL || page->render == NULL) return TALLY_EINVALID;
        if (method_of(options, page->path) != NULL) return TALLY_EINVALID;
    }
    return TALLY_OK;
}

static int methods_check(const struct rpc_server_options *options, const char **why)
{
    if (options->method_count == 0 || options->method_count > RPC_METHODS_MAX) {
        *why = "the number of methods is out of range";
        return TALLY_EINVALID;
    }
    for (size_t i = 0; i < options->method_count; i++) {
        const struct rpc_method *method = &options->methods[i];
        if (method->path[0] != '/' || strlen(method->path) > EXCHANGE_PATH_SIZE_MAX ||
            (method->handle == NULL) == (method->answer == NULL) ||
            method->request_size_max > RPC_REQUEST_SIZE_MAX) {
            *why = "a method is out of range";
            return TALLY_EINVALID;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(options->methods[k].path, method->path) != 0) continue;
            *why = "two methods have one path";
            return TALLY_EINVALID;
        }
    }
    return TALLY_OK;
}

static uint32_t option_u32(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void options_take(struct rpc_server *server, const struct rpc_server_options *options)
{
    server->find_caller = options->find_caller;
    server->connections_max = option_u32(options->connections_max, RPC_CONNECTIONS_MAX);
    server->idle_timeout_ms = option_u32(options->idle_timeout_ms, RPC_IDLE_TIMEOUT_MS);
    CHECK((options->call_begin == NULL) == (options->call_end == NULL));
    struct rpc_shared *shared = &server->shared;
    shared->call_begin = options->call_begin;
    shared->call_end = options->call_end;
    shared->methods = options->methods;
    shared->method_count = options->method_count;
    shared->pages = options->pages;
    shared->page_count = options->page_count;
    shared->feeds = options->feeds;
    shared->feed_count = options->feed_count;
    shared->context = options->context;
    shared->memory_max = options->memory_max != 0 ? options->memory_max : RPC_MEMORY_MAX;
    shared->stream_backlog_max =
        options->stream_backlog_max != 0 ? options->stream_backlog_max : RPC_STREAM_BACKLOG_MAX;
    shared->request_timeout_ms = option_u32(options->request_timeout_ms, RPC_REQUEST_TIMEOUT_MS);
    shared->stall_timeout_ms = option_u32(options->stall_timeout_ms, RPC_STALL_TIMEOUT_MS);
    shared->now_ms = clock_now_ms;
    shared->clock = server->loop;
    shared->submit = worker_submit;
}

int rpc_server_open(
    uv_loop_t *loop, const struct rpc_server_options *options, struct rpc_server **server, const char **why)
{
    CHECK(options->find_caller != NULL);
    int error = methods_check(options, why);
    if (error == TALLY_OK) error = pages_check(options, why);
    if (error == TALLY_OK) error = feeds_check(options, why);
    if (error != TALLY_OK) return error;
    struct rpc_server *made = calloc(1, sizeof *made);
    *why = "out of memory";
    if (made == NULL) return TALLY_ENOMEM;
    made->loop = loop;
    made->sweep_due_ms = UINT64_MAX;
    options_take(made, options);
    *why = "its certificate or key cannot be used";
    error = tls_context_server(options->certificate_path, options->key_path, &made->tls);
    if (error != TALLY_OK) goto cleanup;
    *why = "its address cannot be listened on";
    error = tls_listener_open(loop, made->tls, options->address, options->port, STREAM_BACKLOG_MAX, on_accept,
        made, &made->listener);
    if (error != TALLY_OK) goto cleanup;
    *why = "out of memory";
    error = worker_open(loop, "json", 1, &made->shared.worker);
    if (error != TALLY_OK) {
        tls_listener_close(made->listener);
        goto cleanup;
    }
    CHECK(uv_timer_init(loop, &made->sweep) == 0);
    CHECK(uv_idle_init(loop, &made->turn) == 0);
    made->sweep.data = made->turn.data = made;
    made->handles_open = 2;
    *server = made;
    return TALLY_OK;

cleanup:
    tls_context_close(made->tls);
    free(made);
    return error;
}

static void connection_recheck(struct connection *connection)
{
    struct rpc_server *server = connection->server;
    struct rpc_caller caller = {0};
    const char *name = rpc_session_caller_name(connection->session);
    if (server->find_caller(server->shared.context, &connection->fingerprint, &caller) == TALLY_OK &&
        strcmp(caller.name, name) == 0) {
        rpc_session_set_roles(connection->session, caller.roles);
        return;
    }
    server->shared.counts.refused++;
    LOG_UNUSUAL("client cut off", LOG_S("address", tls_stream_address(connection->stream)),
        LOG_S("caller", name), LOG_S("why", "its certificate is no longer listed"));
    tls_stream_drop(connection->stream, "its certificate is no longer listed");
}

void rpc_server_recheck(struct rpc_server *server)
{
    for (struct connection *at = server->connections; at != NULL; at = at->next)
        if (at->session != NULL && at->known) connection_recheck(at);
}

int rpc_server_renew(struct rpc_server *server, const char *certificate_path, const char *key_path)
{
    return tls_context_renew(server->tls, certificate_path, key_path);
}

void rpc_server_drain(struct rpc_server *server)
{
    CHECK(!server->closing);
    server->shared.draining = true;
    for (struct connection *at = server->connections; at != NULL; at = at->next)
        if (at->session != NULL) rpc_session_drain(at->session);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct rpc_server *server = handle->data;
    CHECK(server->handles_open > 0);
    server->handles_open--;
    server_free_if_done(server);
}

/* Whoever has not taken the rest by now does not hold the node up. */
static void on_close_timeout(uv_timer_t *timer)
{
    struct rpc_server *server = timer->data;
    for (struct connection *at = server->connections; at != NULL; at = at->next)
        tls_stream_drop(at->stream, "the node is stopping");
}

void rpc_server_close(struct rpc_server *server, void (*on_closed)(void *context), void *context)
{
    if (server == NULL) return;
    CHECK(!server->closing);
    server->closing = true;
    server->on_closed = on_closed;
    server->closed_context = context;
    tls_listener_close(server->listener);
    uv_idle_stop(&server->turn);
    CHECK(uv_timer_start(&server->sweep, on_close_timeout, RPC_CLOSE_TIMEOUT_MS, 0) == 0);
    /* No stream is freed here: on_close comes from the loop. */
    for (struct connection *at = server->connections; at != NULL; at = at->next) {
        bool moved = false;
        if (at->session == NULL) {
            tls_stream_close(at->stream, "the node is stopping");
            continue;
        }
        rpc_session_stop(at->session);
        (void)output_move(at, &moved);
        connection_finish(at, "the node is stopping");
    }
    server_free_if_done(server);
}

uint16_t rpc_server_port(const struct rpc_server *server)
{
    return tls_listener_port(server->listener);
}

struct rpc_server_counts rpc_server_counts(const struct rpc_server *server)
{
    return server->shared.counts;
}
