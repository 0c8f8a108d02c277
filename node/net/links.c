#include "node/net/links.h"

#include <stdlib.h>

#include "node/net/tls_listener.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define TICK_MS_MIN 20u
#define TICK_MS_MAX 100u

/* One connection, from its first byte to its last; a peer may have an old and a new one for a moment. */
struct slot {
    struct links *links;
    struct slot *next, *previous;
    struct link *link;
    uint32_t peer;      /* whom we dialled, or who proved to be there; else LINK_PEER_NONE */
    enum links_end end; /* why it is dropped here; 0 = it is not */
};

struct peer {
    struct links_peer info;
    bool self;
    bool dials;          /* we are the one to dial at once: our key is the smaller */
    struct slot *linked; /* the link that is up */
    struct slot *dialling;
    uint64_t down_since_ms;
    uint64_t dial_at_ms;
    uint64_t away_until_ms; /* misbehaved */
    uint32_t retry_ms;
    bool told; /* this outage is in the log */
    bool paused;
    uint64_t charged_ms[LINKS_CHARGES_MAX]; /* a ring of the newest */
    uint32_t charges;
    uint64_t since_ms, heard_ms, bulk_dropped, bytes_in, bytes_out;
    uint32_t ups, charges_ever;
    uint32_t ends[LINKS_ENDS];
};

struct links {
    uv_loop_t *loop;
    uv_timer_t tick;
    struct tls_context *tls;
    struct tls_listener *listener;
    struct link_identity identity;
    struct log_limit refusals;
    char software[HELLO_SOFTWARE_SIZE_MAX + 1];
    uint32_t keepalive_ms, silence_ms;
    const struct links_callbacks *callbacks;
    void *context;

    struct slot *slots;
    uint32_t stranger_count;
    uint64_t ticked_ms, keepalive_at_ms;
    uint8_t keepalive[LINKS_KEEPALIVE_SIZE_MAX];
    size_t keepalive_size;

    bool closing, tick_closed;
    void (*on_closed)(void *context);
    void *closed_context;

    uint32_t peer_count;
    struct peer peers[];
};

_Static_assert(LINKS_KEEPALIVE_SIZE_MAX <= 64, "a keepalive fits its frame");

/* ---- Slots ---- */

static struct slot *slot_make(struct links *links, uint32_t peer)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) return NULL;
    slot->links = links;
    slot->peer = peer;
    slot->next = links->slots;
    if (slot->next != NULL) slot->next->previous = slot;
    links->slots = slot;
    if (peer == LINK_PEER_NONE) links->stranger_count++;
    return slot;
}

static void slot_free(struct slot *slot)
{
    struct links *links = slot->links;
    if (slot->peer == LINK_PEER_NONE) links->stranger_count--;
    if (slot->previous != NULL)
        slot->previous->next = slot->next;
    else
        links->slots = slot->next;
    if (slot->next != NULL) slot->next->previous = slot->previous;
    free(slot);
}

static void finish_if_closed(struct links *links)
{
    if (!links->closing || !links->tick_closed || links->slots != NULL) return;
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
    peer->dial_at_ms = uv_now(links->loop) + jitter_ms(peer->retry_ms);
    peer->retry_ms = peer->retry_ms * 2 < LINKS_RETRY_MS_MAX ? peer->retry_ms * 2 : LINKS_RETRY_MS_MAX;
}

static bool may_dial(const struct links *links, const struct peer *peer)
{
    uint64_t now_ms = uv_now(links->loop);
    if (peer->self || peer->info.host[0] == '\0' || peer->linked != NULL || peer->dialling != NULL)
        return false;
    if (now_ms < peer->dial_at_ms || now_ms < peer->away_until_ms) return false;
    return peer->dials || now_ms - peer->down_since_ms >= LINKS_GRACE_MS;
}

static const struct link_callbacks link_callbacks;

static void dial(struct links *links, uint32_t index)
{
    struct peer *peer = &links->peers[index];
    struct slot *slot = slot_make(links, index);
    int error = TALLY_ENOMEM;
    if (slot != NULL)
        error = link_connect(links->loop, links->tls, &links->identity, peer->info.host, peer->info.port,
            index, &link_callbacks, slot, &slot->link);
    if (error == TALLY_OK) {
        peer->dialling = slot;
        return;
    }
    if (slot != NULL) slot_free(slot);
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

static void keep_away(struct links *links, struct peer *peer)
{
    peer->away_until_ms = uv_now(links->loop) + LINKS_BACKOFF_MS;
}

static enum links_end end_of(const struct slot *slot)
{
    if (slot->end != 0) return slot->end;
    return link_is_at_fault(slot->link) ? LINKS_END_INVALID : LINKS_END_LOST;
}

static void slot_drop(struct slot *slot, enum links_end end, const char *reason)
{
    slot->end = end;
    link_drop(slot->link, reason);
}

/* What a link that ends leaves in its peer's record. */
static void peer_unlink(struct links *links, struct peer *peer, const char *reason)
{
    struct slot *slot = peer->linked;
    struct link_stats stats;
    CHECK(slot != NULL);
    link_stats(slot->link, &stats);
    peer->bulk_dropped += stats.bulk_dropped;
    peer->bytes_in += stats.bytes_in;
    peer->bytes_out += stats.bytes_out;
    peer->ends[end_of(slot)]++;
    peer->heard_ms = link_heard_ms(slot->link);
    peer->linked = NULL;
    peer->paused = false;
    /* A link that ends as soon as it is up is refused over there: dialling at once again would only flap. */
    if (uv_now(links->loop) - peer->since_ms >= LINKS_RETRY_MS_MAX) peer->retry_ms = LINKS_RETRY_MS_MIN;
    peer->since_ms = peer->down_since_ms = uv_now(links->loop);
    dial_later(links, peer);
    if (links->closing) return;
    if (link_is_at_fault(slot->link)) {
        LOG_UNUSUAL("peer dropped", LOG_S("peer", peer->info.name),
            LOG_S("address", link_address(slot->link)), LOG_S("why", reason));
        keep_away(links, peer);
    } else {
        LOG_INFO("peer down", LOG_S("peer", peer->info.name), LOG_S("why", reason));
    }
}

static uint32_t on_peer_of_key(void *context, const struct public_key *key)
{
    const struct slot *slot = context;
    const struct links *links = slot->links;
    for (uint32_t i = 0; i < links->peer_count; i++)
        if (public_key_equal(&links->peers[i].info.key, key)) return i;
    return LINK_PEER_NONE;
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
    struct slot *slot = context;
    struct links *links = slot->links;
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
        links->callbacks->on_down(links->context, index, "replaced by a newer link");
        if (links->closing) return refuse_quietly(link, "this node is closing");
    }
    if (slot->peer == LINK_PEER_NONE) links->stranger_count--;
    slot->peer = index;
    if (peer->dialling == slot) peer->dialling = NULL;
    peer->linked = slot;
    peer->since_ms = uv_now(links->loop);
    peer->told = false;
    peer->ups++;
    LOG_INFO("peer up", LOG_S("peer", peer->info.name), LOG_S("address", link_address(link)),
        LOG_S("dialled_by", link_is_accepted(link) ? "peer" : "us"));
    links->callbacks->on_up(links->context, index);
    return link_is_up(link);
}

static void on_link_frame(void *context, struct link *link, enum frame_kind kind, struct span payload)
{
    struct slot *slot = context;
    struct links *links = slot->links;
    (void)link;
    /* One that was replaced is closing; nothing of it counts any more. */
    if (links->closing || links->peers[slot->peer].linked != slot) return;
    links->callbacks->on_frame(links->context, slot->peer, kind, payload);
}

static void on_link_close(void *context, struct link *link, const char *reason)
{
    struct slot *slot = context;
    struct links *links = slot->links;
    uint32_t index = slot->peer;
    struct peer *peer = index != LINK_PEER_NONE ? &links->peers[index] : NULL;
    bool was_linked = peer != NULL && peer->linked == slot;
    if (was_linked) peer_unlink(links, peer, reason);
    if (peer != NULL && peer->dialling == slot) {
        peer->dialling = NULL;
        if (peer->linked == NULL && !links->closing) tell_unreachable(peer, reason);
        dial_later(links, peer);
        /* Somebody in the wrong answers there. The peer itself may still come by another way. */
        if (link_is_at_fault(link)) peer->dial_at_ms = uv_now(links->loop) + LINKS_BACKOFF_MS;
    }
    slot_free(slot);
    if (was_linked && !links->closing) links->callbacks->on_down(links->context, index, reason);
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
    struct slot *slot = slot_make(links, LINK_PEER_NONE);
    if (slot == NULL) return false;
    if (link_accept(links->loop, &links->identity, stream, &link_callbacks, slot, &slot->link) == TALLY_OK)
        return true;
    slot_free(slot);
    return false;
}

/* ---- The clock ---- */

/* A turn of the loop that took long says nothing about the peers: what they sent meanwhile is still unread.
 */
static void close_silent(struct links *links, bool late)
{
    uint64_t now_ms = uv_now(links->loop);
    if (late) return;
    for (uint32_t i = 0; i < links->peer_count; i++) {
        struct peer *peer = &links->peers[i];
        if (peer->linked == NULL || peer->paused) continue;
        if (now_ms - link_heard_ms(peer->linked->link) > links->silence_ms)
            slot_drop(peer->linked, LINKS_END_SILENT, "it fell silent");
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
    for (uint32_t i = 0; i < links->peer_count; i++)
        if (may_dial(links, &links->peers[i])) dial(links, i);
}

/* ---- Opening and closing ---- */

static bool text_ends(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static bool options_are_valid(const struct links_options *options)
{
    if (options->peer_count > PEERS_MAX || options->keepalive_ms == 0) return false;
    if (strlen(options->software) > HELLO_SOFTWARE_SIZE_MAX) return false;
    for (uint32_t i = 0; i < options->peer_count; i++) {
        const struct links_peer *peer = &options->peers[i];
        if (!text_ends(peer->name, sizeof peer->name) || !text_ends(peer->host, sizeof peer->host))
            return false;
        if (peer->host[0] != '\0' && peer->port == 0) return false;
        for (uint32_t j = 0; j < i; j++)
            if (public_key_equal(&peer->key, &options->peers[j].key)) return false;
    }
    return true;
}

static void peers_fill(struct links *links, const struct links_options *options)
{
    links->peer_count = options->peer_count;
    for (uint32_t i = 0; i < options->peer_count; i++) {
        struct peer *peer = &links->peers[i];
        int order = memcmp(options->key.bytes, options->peers[i].key.bytes, PUBLIC_KEY_SIZE);
        peer->info = options->peers[i];
        peer->self = order == 0;
        peer->dials = order < 0;
        peer->retry_ms = LINKS_RETRY_MS_MIN;
        peer->down_since_ms = uv_now(links->loop);
    }
}

static struct links *links_make(uv_loop_t *loop, const struct links_options *options)
{
    struct links *links = calloc(1, sizeof *links + options->peer_count * sizeof links->peers[0]);
    if (links == NULL) return NULL;
    links->loop = loop;
    links->identity = (struct link_identity){
        .chain_id = options->chain_id,
        .key = options->key,
        .secret = options->secret,
        .software = links->software,
        .refusals = &links->refusals,
    };
    memcpy(links->software, options->software, strlen(options->software));
    links->keepalive_ms = options->keepalive_ms;
    links->silence_ms =
        options->silence_ms > LINKS_SILENCE_MS_MIN ? options->silence_ms : LINKS_SILENCE_MS_MIN;
    links->callbacks = options->callbacks;
    links->context = options->context;
    peers_fill(links, options);
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
    if (!options_are_valid(options)) return TALLY_EINVALID;
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
    for (struct slot *slot = links->slots; slot != NULL; slot = slot->next)
        link_drop(slot->link, "this node is closing");
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
    CHECK(index < links->peer_count);
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
    for (uint32_t i = 0; i < links->peer_count; i++) {
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

/* ---- Judging and looking in ---- */

void links_charge(struct links *links, uint32_t index, const char *reason)
{
    CHECK(index < links->peer_count);
    struct peer *peer = &links->peers[index];
    uint64_t now_ms = uv_now(links->loop);
    uint64_t *place = &peer->charged_ms[peer->charges % LINKS_CHARGES_MAX];
    LOG_DEBUG("peer charged", LOG_S("peer", peer->info.name), LOG_S("why", reason));
    *place = now_ms;
    peer->charges++;
    peer->charges_ever++;
    /* The next place holds the oldest of the newest LINKS_CHARGES_MAX. */
    uint64_t oldest_ms = peer->charged_ms[peer->charges % LINKS_CHARGES_MAX];
    if (peer->charges < LINKS_CHARGES_MAX || now_ms - oldest_ms > LINKS_CHARGE_WINDOW_MS) return;
    peer->charges = 0;
    keep_away(links, peer);
    LOG_UNUSUAL("peer kept away", LOG_S("peer", peer->info.name), LOG_U("for_ms", LINKS_BACKOFF_MS),
        LOG_S("why", reason));
    if (peer->linked != NULL) slot_drop(peer->linked, LINKS_END_CHARGED, reason);
}

void links_pause(struct links *links, uint32_t index)
{
    CHECK(index < links->peer_count);
    struct peer *peer = &links->peers[index];
    if (peer->linked == NULL || peer->paused) return;
    peer->paused = true;
    link_pause(peer->linked->link);
}

void links_resume(struct links *links, uint32_t index)
{
    CHECK(index < links->peer_count);
    struct peer *peer = &links->peers[index];
    if (!peer->paused) return;
    peer->paused = false;
    link_resume(peer->linked->link);
}

void links_peer_status(const struct links *links, uint32_t index, struct links_status *status)
{
    CHECK(index < links->peer_count);
    const struct peer *peer = &links->peers[index];
    *status = (struct links_status){
        .since_ms = peer->since_ms,
        .heard_ms = peer->heard_ms,
        .bulk_dropped = peer->bulk_dropped,
        .bytes_in = peer->bytes_in,
        .bytes_out = peer->bytes_out,
        .ups = peer->ups,
        .charges = peer->charges_ever,
    };
    memcpy(status->ends, peer->ends, sizeof status->ends);
    if (peer->linked == NULL) return;
    status->up = link_is_up(peer->linked->link);
    status->dialled = !link_is_accepted(peer->linked->link);
    status->heard_ms = link_heard_ms(peer->linked->link);
    link_stats(peer->linked->link, &status->link);
    status->bulk_dropped += status->link.bulk_dropped;
    status->bytes_in += status->link.bytes_in;
    status->bytes_out += status->link.bytes_out;
}

uint32_t links_up_count(const struct links *links)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < links->peer_count; i++) {
        const struct peer *peer = &links->peers[i];
        if (peer->linked != NULL && link_is_up(peer->linked->link)) count++;
    }
    return count;
}
