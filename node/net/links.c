/* The links: connections, dialling, and frames. Who has which slot is in links_peers.c. */
#include <stdlib.h>

#include "node/net/links_internal.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

/* Where links are refused as soon as they are up: so often it is told, and so rarely it is tried again. */
#define SHORT_UPS_TOLD 3u
#define REFUSED_RETRY_MS_MAX 10000u
#define TICK_MS_MIN 20u
#define TICK_MS_MAX 100u

_Static_assert(LINKS_KEEPALIVE_SIZE_MAX <= 64, "a keepalive fits its frame");

/* ---- Connections ---- */

static struct connection *connection_make(struct links *links, uint32_t peer)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) return NULL;
    connection->links = links;
    connection->peer = peer;
    connection->next = links->connections;
    if (connection->next != NULL) connection->next->previous = connection;
    links->connections = connection;
    if (peer == LINK_PEER_NONE) links->stranger_count++;
    return connection;
}

static void connection_free(struct connection *connection)
{
    struct links *links = connection->links;
    if (connection->peer == LINK_PEER_NONE) links->stranger_count--;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        links->connections = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    free(connection);
}

static void finish_if_closed(struct links *links)
{
    if (!links->closing || !links->tick_closed || links->connections != NULL) return;
    void (*on_closed)(void *) = links->on_closed;
    void *context = links->closed_context;
    tls_context_close(links->tls);
    free(links);
    if (on_closed != NULL) on_closed(context);
}

/* ---- Dialling ---- */

static uint32_t jitter_ms(uint32_t ms)
{
    uint32_t value;
    random_bytes(&value, sizeof value);
    return ms + value % (ms / 10 + 1);
}

static void dial_later(struct links *links, struct peer *peer)
{
    uint32_t retry_ms_max = peer->short_ups > SHORT_UPS_TOLD ? REFUSED_RETRY_MS_MAX : LINKS_RETRY_MS_MAX;
    peer->dial_at_ms = uv_now(links->loop) + jitter_ms(peer->retry_ms);
    peer->retry_ms = peer->retry_ms * 2 < retry_ms_max ? peer->retry_ms * 2 : retry_ms_max;
}

static bool may_dial(const struct links *links, const struct peer *peer)
{
    uint64_t now_ms = uv_now(links->loop);
    if (!peer->set || peer->self || peer->info.host[0] == '\0' || peer->linked != NULL ||
        peer->dialling != NULL)
        return false;
    if (now_ms < peer->dial_at_ms || now_ms < peer->away_until_ms) return false;
    return peer->dials || now_ms - peer->down_since_ms >= LINKS_GRACE_MS;
}

static const struct link_callbacks link_callbacks;

static void dial(struct links *links, uint32_t index)
{
    struct peer *peer = &links->peers[index];
    struct connection *connection = connection_make(links, index);
    int error = TALLY_ENOMEM;
    if (connection != NULL)
        error = link_connect(links->loop, links->tls, &links->identity, peer->info.host, peer->info.port,
            index, &link_callbacks, connection, &connection->link);
    if (error == TALLY_OK) {
        peer->dialling = connection;
        return;
    }
    if (connection != NULL) connection_free(connection);
    dial_later(links, peer);
}

/* Once for each outage: what comes after is the same news. */
static void tell_unreachable(struct peer *peer, const char *reason)
{
    if (peer->told) return;
    peer->told = true;
    LOG_INFO("peer not reached", LOG_S("peer", peer->info.name), LOG_S("host", peer->info.host),
        LOG_U("port", peer->info.port), LOG_S("why", reason));
}

/* ---- Links coming and going ---- */

static enum links_end end_of(const struct connection *connection)
{
    if (connection->end != 0) return connection->end;
    return link_is_at_fault(connection->link) ? LINKS_END_INVALID : LINKS_END_LOST;
}

void links_end_connection(struct connection *connection, enum links_end end, const char *reason)
{
    connection->end = end;
    link_drop(connection->link, reason);
}

static void tell_up(struct links *links, uint32_t index)
{
    links->telling = true;
    links->callbacks->on_up(links->context, index);
    links->telling = false;
}

static void tell_down(struct links *links, uint32_t index, const char *reason)
{
    links->telling = true;
    links->callbacks->on_down(links->context, index, reason);
    links->telling = false;
}

/* What has been told a few times in a row is no news. */
static enum log_level told_level(const struct peer *peer)
{
    return peer->short_ups <= SHORT_UPS_TOLD ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

/* What a link that ends leaves in its peer's record. */
static void peer_unlink(struct links *links, struct peer *peer, const char *reason)
{
    struct connection *connection = peer->linked;
    struct link_stats stats;
    CHECK(connection != NULL);
    link_stats(connection->link, &stats);
    peer->bulk_dropped += stats.bulk_dropped;
    peer->bytes_in += stats.bytes_in;
    peer->bytes_out += stats.bytes_out;
    peer->ends[end_of(connection)]++;
    peer->heard_ms = link_heard_ms(connection->link);
    peer->linked = NULL;
    peer->paused = false;
    /* A link that ends as soon as it is up is refused over there, perhaps because that node does not know of
     * this one yet: dialling at once again would only flap. */
    if (uv_now(links->loop) - peer->since_ms >= LINKS_RETRY_MS_MAX) {
        peer->retry_ms = LINKS_RETRY_MS_MIN;
        peer->short_ups = 0;
        peer->told = false;
    } else {
        peer->short_ups++;
    }
    peer->since_ms = peer->down_since_ms = uv_now(links->loop);
    dial_later(links, peer);
    if (links->closing) return;
    if (link_is_at_fault(connection->link)) {
        LOG_UNUSUAL("peer dropped", LOG_S("peer", peer->info.name),
            LOG_S("address", link_address(connection->link)), LOG_S("why", reason));
        links_keep_away(links, peer);
    } else {
        LOG_AT(told_level(peer), "peer down", LOG_S("peer", peer->info.name), LOG_S("why", reason));
    }
}

static uint32_t on_peer_of_key(void *context, const struct public_key *key)
{
    const struct connection *connection = context;
    const struct links *links = connection->links;
    return links_slot_of(links, key);
}

/* Of two links with one peer, which stays. Both sides decide alike: see links.h. */
static bool newer_stays(const struct peer *peer, const struct link *older, const struct link *newer)
{
    if (link_is_accepted(older) == link_is_accepted(newer)) return true;
    return link_is_accepted(newer) != peer->dials;
}

static bool refuse_quietly(struct link *link, const char *reason)
{
    link_drop(link, reason);
    return false;
}

static bool on_link_up(void *context, struct link *link, uint32_t index)
{
    struct connection *connection = context;
    struct links *links = connection->links;
    struct peer *peer = &links->peers[index];
    if (links->closing) return refuse_quietly(link, "this node is closing");
    if (uv_now(links->loop) < peer->away_until_ms)
        return refuse_quietly(link, "kept away for what it did before");
    if (peer->linked != NULL) {
        if (link_is_up(peer->linked->link) && !newer_stays(peer, peer->linked->link, link))
            return refuse_quietly(link, "a second link with this peer");
        struct link *older = peer->linked->link;
        peer->linked->end = LINKS_END_REPLACED;
        peer_unlink(links, peer, "replaced by a newer link");
        link_drop(older, "replaced by a newer link");
        tell_down(links, index, "replaced by a newer link");
        if (links->closing) return refuse_quietly(link, "this node is closing");
    }
    if (connection->peer == LINK_PEER_NONE) links->stranger_count--;
    connection->peer = index;
    if (peer->dialling == connection) peer->dialling = NULL;
    peer->linked = connection;
    peer->since_ms = uv_now(links->loop);
    peer->ups++;
    snprintf(peer->software, sizeof peer->software, "%s", link_software(link));
    LOG_AT(told_level(peer), "peer up", LOG_S("peer", peer->info.name), LOG_S("address", link_address(link)),
        LOG_S("dialled_by", link_is_accepted(link) ? "peer" : "us"));
    tell_up(links, index);
    return link_is_up(link);
}

static void on_link_frame(void *context, struct link *link, enum frame_kind kind, struct span payload)
{
    struct connection *connection = context;
    struct links *links = connection->links;
    (void)link;
    /* One that was replaced is closing; nothing of it counts any more. */
    if (links->closing || links->peers[connection->peer].linked != connection) return;
    links->telling = true;
    links->callbacks->on_frame(links->context, connection->peer, kind, payload);
    links->telling = false;
}

static void on_link_close(void *context, struct link *link, const char *reason)
{
    struct connection *connection = context;
    struct links *links = connection->links;
    uint32_t index = connection->peer;
    struct peer *peer = index != LINK_PEER_NONE ? &links->peers[index] : NULL;
    bool was_linked = peer != NULL && peer->linked == connection;
    if (was_linked) peer_unlink(links, peer, reason);
    if (peer != NULL && peer->dialling == connection) {
        peer->dialling = NULL;
        if (peer->linked == NULL && connection->end == 0 && !links->closing) tell_unreachable(peer, reason);
        dial_later(links, peer);
        /* Somebody in the wrong answers there. The peer itself may still come by another way. */
        if (link_is_at_fault(link)) peer->dial_at_ms = uv_now(links->loop) + LINKS_BACKOFF_MS;
    }
    connection_free(connection);
    if (was_linked && !links->closing) tell_down(links, index, reason);
    finish_if_closed(links);
}

static const struct link_callbacks link_callbacks = {
    .peer_of_key = on_peer_of_key,
    .on_up = on_link_up,
    .on_frame = on_link_frame,
    .on_close = on_link_close,
};

static bool on_accept(void *context, struct tls_stream *stream, const char **reason)
{
    struct links *links = context;
    *reason = "too many connections that have not proven who they are";
    if (links->stranger_count >= LINKS_STRANGERS_MAX) return false;
    *reason = "out of memory";
    struct connection *connection = connection_make(links, LINK_PEER_NONE);
    if (connection == NULL) return false;
    if (link_accept(links->loop, &links->identity, stream, &link_callbacks, connection, &connection->link) ==
        TALLY_OK)
        return true;
    connection_free(connection);
    return false;
}

/* ---- The clock ---- */

/* A turn of the loop that took long says nothing about the peers: what they sent meanwhile is still unread.
 */
static void close_silent(struct links *links, bool late)
{
    uint64_t now_ms = uv_now(links->loop);
    if (late) return;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &links->peers[i];
        if (peer->linked == NULL || peer->paused) continue;
        if (now_ms - link_heard_ms(peer->linked->link) > links->silence_ms)
            links_end_connection(peer->linked, LINKS_END_SILENT, "it fell silent");
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct links *links = timer->data;
    uint64_t now_ms = uv_now(links->loop);
    bool late = now_ms - links->ticked_ms > links->silence_ms / 2;
    links->ticked_ms = now_ms;
    close_silent(links, late);
    if (now_ms >= links->keepalive_at_ms) {
        links->keepalive_at_ms = now_ms + links->keepalive_ms;
        (void)links_broadcast(links, FRAME_KEEPALIVE, span_of(links->keepalive, links->keepalive_size));
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (may_dial(links, &links->peers[i])) dial(links, i);
}

/* ---- Opening and closing ---- */

static void take_pace(struct links *links, uint32_t keepalive_ms, uint32_t silence_ms)
{
    links->keepalive_ms = keepalive_ms;
    links->silence_ms = silence_ms > LINKS_SILENCE_MS_MIN ? silence_ms : LINKS_SILENCE_MS_MIN;
}

static struct links *links_make(uv_loop_t *loop, const struct links_options *options)
{
    struct links *links = calloc(1, sizeof *links);
    if (links == NULL) return NULL;
    links->loop = loop;
    links->identity = (struct link_identity){
        .chain_id = options->chain_id,
        .signer = options->signer,
        .software = links->software,
        .refusals = &links->refusals,
    };
    memcpy(links->software, options->software, strlen(options->software));
    take_pace(links, options->keepalive_ms, options->silence_ms);
    links->callbacks = options->callbacks;
    links->context = options->context;
    return links;
}

/* Whole ticks make up the time between keepalives, or they would come later than promised. */
static uint32_t tick_ms(uint32_t keepalive_ms)
{
    uint32_t ticks = (keepalive_ms + TICK_MS_MAX - 1) / TICK_MS_MAX;
    uint32_t ms = keepalive_ms / ticks;
    return ms > TICK_MS_MIN ? ms : TICK_MS_MIN;
}

int links_open(uv_loop_t *loop, const struct links_options *options, struct links **links)
{
    if (options->keepalive_ms == 0 || strlen(options->software) > HELLO_SOFTWARE_SIZE_MAX)
        return TALLY_EINVALID;
    struct links *made = links_make(loop, options);
    if (made == NULL) return TALLY_ENOMEM;
    int error = tls_context_peer(&made->tls);
    if (error == TALLY_OK)
        error = tls_listener_open(loop, made->tls, options->host, options->port, LINK_URGENT_SIZE_MAX,
            on_accept, made, &made->listener);
    if (error != TALLY_OK) {
        tls_context_close(made->tls);
        free(made);
        return error;
    }
    CHECK(uv_timer_init(loop, &made->tick) == 0);
    made->tick.data = made;
    made->ticked_ms = uv_now(loop);
    CHECK(uv_timer_start(&made->tick, on_tick, 0, tick_ms(made->keepalive_ms)) == 0);
    LOG_INFO("listening for peers", LOG_S("host", options->host), LOG_U("port", links_port(made)));
    *links = made;
    return TALLY_OK;
}

void links_set_pace(struct links *links, uint32_t keepalive_ms, uint32_t silence_ms)
{
    CHECK(keepalive_ms > 0);
    take_pace(links, keepalive_ms, silence_ms);
    uint32_t ms = tick_ms(keepalive_ms);
    CHECK(uv_timer_start(&links->tick, on_tick, ms, ms) == 0);
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct links *links = handle->data;
    links->tick_closed = true;
    finish_if_closed(links);
}

void links_close(struct links *links, void (*on_closed)(void *context), void *context)
{
    CHECK(!links->closing);
    links->closing = true;
    links->on_closed = on_closed;
    links->closed_context = context;
    tls_listener_close(links->listener);
    uv_close((uv_handle_t *)&links->tick, on_tick_closed);
    for (struct connection *connection = links->connections; connection != NULL;
         connection = connection->next)
        link_drop(connection->link, "this node is closing");
}

uint16_t links_port(const struct links *links)
{
    return tls_listener_port(links->listener);
}

/* ---- Sending ---- */

static int send_urgent(struct peer *peer, enum frame_kind kind, struct span payload)
{
    if (peer->linked == NULL) return TALLY_ECLOSED;
    int error = link_send(peer->linked->link, kind, payload);
    if (error == TALLY_EFULL) peer->linked->end = LINKS_END_SLOW;
    return error;
}

static int send_bulk(struct peer *peer, struct link_bulk *bulk)
{
    return peer->linked != NULL ? link_send_bulk(peer->linked->link, bulk) : TALLY_ECLOSED;
}

int links_send(struct links *links, uint32_t index, enum frame_kind kind, struct span payload)
{
    CHECK(index < PEERS_MAX);
    struct peer *peer = &links->peers[index];
    if (payload.size > frame_size_max(kind)) return TALLY_ELIMIT;
    if (peer->linked == NULL || links->closing) return TALLY_ECLOSED;
    if (!frame_is_bulk(kind)) return send_urgent(peer, kind, payload);
    struct link_bulk *bulk = link_bulk_make(kind, payload);
    if (bulk == NULL) return TALLY_ENOMEM;
    int error = send_bulk(peer, bulk);
    link_bulk_release(bulk);
    return error;
}

uint32_t links_broadcast(struct links *links, enum frame_kind kind, struct span payload)
{
    struct link_bulk *bulk = NULL;
    uint32_t count = 0;
    if (payload.size > frame_size_max(kind) || links->closing) return 0;
    if (frame_is_bulk(kind)) {
        bulk = link_bulk_make(kind, payload);
        if (bulk == NULL) return 0;
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        int error =
            bulk != NULL ? send_bulk(&links->peers[i], bulk) : send_urgent(&links->peers[i], kind, payload);
        if (error == TALLY_OK) count++;
    }
    link_bulk_release(bulk);
    return count;
}

void links_set_keepalive(struct links *links, struct span payload)
{
    CHECK(payload.size <= LINKS_KEEPALIVE_SIZE_MAX);
    if (payload.size > 0) memcpy(links->keepalive, payload.data, payload.size);
    links->keepalive_size = payload.size;
}
