#include "node/net/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define KIND_BIT(kind) (UINT32_C(1) << (kind))
#define KINDS_BEFORE_HELLO KIND_BIT(FRAME_HELLO)
#define KINDS_IN_PARTS                                                                                       \
    (KIND_BIT(FRAME_BATCH) | KIND_BIT(FRAME_RANGE) | KIND_BIT(FRAME_SNAPSHOT) | KIND_BIT(FRAME_CHUNK) |      \
        KIND_BIT(FRAME_BACKFILL))
#define KINDS_ALL ((KIND_BIT(FRAME_KIND_MAX) << 1) - KIND_BIT(1))
#define KINDS_AFTER_HELLO (KINDS_ALL & ~KINDS_BEFORE_HELLO)

_Static_assert(FRAME_KIND_MAX < 31, "a word holds the kinds");
_Static_assert(FRAME_HEADER_SIZE + FRAME_PART_SIZE_MAX <= TLS_DRAIN_SIZE, "a part fits under the drain mark");

static const char hello_timeout[] = "it sent no Hello in time";

struct link_bulk {
    uint32_t references;
    size_t size; /* header included */
    uint8_t bytes[];
};

struct bulk_node {
    struct bulk_node *next;
    struct link_bulk *bulk;
};

struct link {
    uv_loop_t *loop;
    struct tls_stream *stream;
    const struct link_identity *identity;
    const struct link_callbacks *callbacks;
    void *context;

    bool accepted;
    bool opened;
    bool up;
    bool at_fault;
    uint32_t expected; /* the peer that was dialled, or LINK_PEER_NONE */
    struct digest exporter;
    uint64_t heard_ms;
    char software[HELLO_SOFTWARE_SIZE_MAX + 1]; /* the other side's, as it says; "" before its Hello */

    struct frame_parser wire;  /* what the stream carries */
    struct frame_parser parts; /* what the FRAME_PARTs in it carry */

    struct bulk_node *bulk_first, *bulk_last;
    size_t bulk_count, bulk_size;
    size_t bulk_sent; /* bytes of the first one that are on their way */
    struct link_stats stats;
};

/* ---- Bulk frames ---- */

struct link_bulk *link_bulk_make(enum frame_kind kind, struct span payload)
{
    CHECK(frame_is_bulk(kind));
    struct link_bulk *bulk = malloc(sizeof *bulk + FRAME_HEADER_SIZE + payload.size);
    if (bulk == NULL) return NULL;
    bulk->references = 1;
    bulk->size = FRAME_HEADER_SIZE + payload.size;
    frame_header_put(bulk->bytes, kind, payload.size);
    if (payload.size > 0) memcpy(bulk->bytes + FRAME_HEADER_SIZE, payload.data, payload.size);
    return bulk;
}

void link_bulk_release(struct link_bulk *bulk)
{
    if (bulk == NULL) return;
    CHECK(bulk->references > 0);
    if (--bulk->references == 0) free(bulk);
}

static void bulk_unlink(struct link *link, struct bulk_node *before, struct bulk_node *node)
{
    if (before != NULL)
        before->next = node->next;
    else
        link->bulk_first = node->next;
    if (link->bulk_last == node) link->bulk_last = before;
    link->bulk_count--;
    link->bulk_size -= node->bulk->size;
    link_bulk_release(node->bulk);
    free(node);
}

static void bulk_drop_all(struct link *link)
{
    while (link->bulk_first != NULL)
        bulk_unlink(link, NULL, link->bulk_first);
    CHECK(link->bulk_count == 0 && link->bulk_size == 0);
}

/* Drops old frames until `size` more bytes fit. The first one stays when the other side has part of it: a
 * frame cannot be taken back halfway. */
static void bulk_make_room(struct link *link, size_t size)
{
    while (link->bulk_count >= LINK_BULK_COUNT_MAX || link->bulk_size + size > LINK_BULK_SIZE_MAX) {
        struct bulk_node *before = link->bulk_sent > 0 ? link->bulk_first : NULL;
        struct bulk_node *oldest = before != NULL ? before->next : link->bulk_first;
        CHECK(oldest != NULL); /* two of the largest fit */
        bulk_unlink(link, before, oldest);
        link->stats.bulk_dropped++;
    }
}

int link_send_bulk(struct link *link, struct link_bulk *bulk)
{
    if (!link_is_up(link)) return TALLY_ECLOSED;
    struct bulk_node *node = malloc(sizeof *node);
    if (node == NULL) return TALLY_ENOMEM;
    bulk_make_room(link, bulk->size);
    bulk->references++;
    *node = (struct bulk_node){.next = NULL, .bulk = bulk};
    if (link->bulk_last != NULL)
        link->bulk_last->next = node;
    else
        link->bulk_first = node;
    link->bulk_last = node;
    link->bulk_count++;
    link->bulk_size += bulk->size;
    link->stats.frames_out++;
    link->stats.bytes_out += bulk->size - FRAME_HEADER_SIZE;
    tls_stream_want_drain(link->stream);
    return TALLY_OK;
}

/* Writes the next piece of the first bulk frame: the whole of a small one, else a part. */
static int bulk_write_piece(struct link *link)
{
    struct link_bulk *bulk = link->bulk_first->bulk;
    size_t left = bulk->size - link->bulk_sent;
    int error;
    if (bulk->size <= FRAME_HEADER_SIZE + FRAME_PART_SIZE_MAX) {
        error = tls_stream_write(link->stream, span_of(bulk->bytes, bulk->size));
    } else {
        uint8_t header[FRAME_HEADER_SIZE];
        if (left > FRAME_PART_SIZE_MAX) left = FRAME_PART_SIZE_MAX;
        frame_header_put(header, FRAME_PART, left);
        error = tls_stream_write_two(
            link->stream, span_of(header, sizeof header), span_of(bulk->bytes + link->bulk_sent, left));
    }
    if (error != TALLY_OK) return error;
    link->bulk_sent += left;
    if (link->bulk_sent == bulk->size) {
        bulk_unlink(link, NULL, link->bulk_first);
        link->bulk_sent = 0;
    }
    return TALLY_OK;
}

/* Bulk is fed only while little else waits, so an urgent frame finds at most TLS_DRAIN_SIZE and a part before
 * it. */
static void on_drain(void *context, struct tls_stream *stream)
{
    struct link *link = context;
    while (link->up && link->bulk_first != NULL && tls_stream_pending(stream) < TLS_DRAIN_SIZE) {
        if (bulk_write_piece(link) != TALLY_OK) {
            tls_stream_drop(stream, "out of memory");
            return;
        }
    }
}

int link_send(struct link *link, enum frame_kind kind, struct span payload)
{
    uint8_t header[FRAME_HEADER_SIZE];
    CHECK(!frame_is_bulk(kind) && kind != FRAME_HELLO && kind != FRAME_PART);
    if (!link_is_up(link)) return TALLY_ECLOSED;
    if (payload.size > frame_size_max(kind)) return TALLY_ELIMIT;
    frame_header_put(header, kind, payload.size);
    int error = tls_stream_write_two(link->stream, span_of(header, sizeof header), payload);
    if (error == TALLY_EFULL) link_drop(link, "it does not take what agreement needs to tell it");
    if (error != TALLY_OK) return error;
    link->stats.frames_out++;
    link->stats.bytes_out += payload.size;
    return TALLY_OK;
}

/* ---- Hello ---- */

static uint8_t side_of(const struct link *link, bool own)
{
    return link->accepted == own ? HELLO_SIDE_ACCEPTED : HELLO_SIDE_CONNECTED;
}

static void hello_send(struct link *link)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct buffer payload;
    buffer_init(&payload, HELLO_SIZE_MAX);
    int error = hello_encode(link->identity, &link->exporter, side_of(link, true), &payload);
    CHECK(payload.size <= frame_size_max(FRAME_HELLO));
    if (error == TALLY_OK && payload.failed) error = TALLY_ENOMEM;
    if (error == TALLY_OK) {
        frame_header_put(header, FRAME_HELLO, payload.size);
        error = tls_stream_write_two(link->stream, span_of(header, sizeof header), buffer_span(&payload));
    }
    buffer_close(&payload);
    if (error != TALLY_OK) tls_stream_drop(link->stream, tally_error_text(error));
}

/* One line for each stranger, within the bound that strangers cannot pass. */
static void log_refusal(struct link *link, const struct public_key *claimed, const char *why)
{
    uint64_t suppressed = 0;
    if (!log_limit_allows(link->identity->refusals, uv_now(link->loop), &suppressed)) return;
    if (suppressed > 0)
        LOG_UNUSUAL("refusals left out of the log", LOG_S("service", "peer"), LOG_U("count", suppressed));
    if (claimed != NULL)
        LOG_UNUSUAL("peer refused", LOG_S("address", link_address(link)), LOG_K("claimed_key", claimed),
            LOG_S("why", why));
    else
        LOG_UNUSUAL("peer refused", LOG_S("address", link_address(link)), LOG_S("why", why));
}

static int refuse(struct link *link, const struct public_key *claimed, const char *why)
{
    link->at_fault = true;
    log_refusal(link, claimed, why);
    link_drop(link, why);
    return TALLY_EDENIED;
}

/* Why this Hello does not make a link; NULL when it does, and *peer is then who sent it. The cheap reasons
 * first. */
static const char *hello_judge(struct link *link, const struct hello *hello, uint32_t *peer)
{
    if (!digest_equal(&hello->chain_id, &link->identity->chain_id)) return "it belongs to another chain";
    if (public_key_equal(&hello->key, &link->identity->signer->key))
        return "it is this node itself, or has its key";
    uint32_t index = link->callbacks->peer_of_key(link->context, &hello->key);
    if (index == LINK_PEER_NONE) return "its node key is not in the membership";
    if (link->expected != LINK_PEER_NONE && index != link->expected)
        return "another peer than the one dialled";
    if (hello_check(hello, &link->exporter, side_of(link, false)) != TALLY_OK)
        return "its signature does not prove its node key";
    *peer = index;
    return NULL;
}

static int on_hello(struct link *link, struct span payload)
{
    struct hello hello;
    char why[64];
    uint32_t peer = LINK_PEER_NONE;
    int error = hello_decode(payload, &hello);
    if (error == TALLY_EVERSION) {
        snprintf(
            why, sizeof why, "it speaks version %u of the protocol, not %u", hello.version, HELLO_VERSION);
        return refuse(link, NULL, why);
    }
    if (error != TALLY_OK) return refuse(link, NULL, "its Hello does not parse");
    const char *refused = hello_judge(link, &hello, &peer);
    if (refused != NULL) return refuse(link, &hello.key, refused);
    tls_stream_set_deadline(link->stream, 0, NULL);
    frame_parser_allow(&link->wire, KINDS_AFTER_HELLO);
    memcpy(link->software, hello.software, sizeof link->software);
    link->up = true;
    if (!link->callbacks->on_up(link->context, link, peer)) link->up = false;
    return link_is_up(link) ? TALLY_OK : TALLY_ECLOSED;
}

/* ---- Frames ---- */

static int frame_deliver(void *context, enum frame_kind kind, struct span payload)
{
    struct link *link = context;
    link->stats.frames_in++;
    link->stats.bytes_in += payload.size;
    link->callbacks->on_frame(link->context, link, kind, payload);
    return link_is_up(link) ? TALLY_OK : TALLY_ECLOSED;
}

static int on_wire_frame(void *context, enum frame_kind kind, struct span payload)
{
    struct link *link = context;
    if (kind == FRAME_HELLO) return on_hello(link, payload);
    if (kind != FRAME_PART) return frame_deliver(link, kind, payload);
    /* A part of nothing would cost us and not its sender. */
    if (payload.size == 0) return TALLY_EFORM;
    return frame_parser_feed(&link->parts, payload, frame_deliver, link);
}

static void on_data(void *context, struct tls_stream *stream, struct span bytes)
{
    struct link *link = context;
    link->heard_ms = uv_now(link->loop);
    int error = frame_parser_feed(&link->wire, bytes, on_wire_frame, link);
    if (error == TALLY_OK || !tls_stream_is_open(stream)) return;
    const char *why = error == TALLY_ELIMIT   ? "it sent a frame over its size bound"
                      : error == TALLY_ENOMEM ? "out of memory"
                      : link->up              ? "it sent what is no frame"
                                              : "it sent something else before its Hello";
    if (error == TALLY_ENOMEM)
        link_drop(link, why);
    else if (!link->up)
        (void)refuse(link, NULL, why);
    else {
        link->at_fault = true;
        link_drop(link, why);
    }
}

/* ---- Life ---- */

static void on_open(void *context, struct tls_stream *stream)
{
    struct link *link = context;
    link->opened = true;
    link->heard_ms = uv_now(link->loop);
    if (tls_stream_exporter(stream, HELLO_EXPORTER_LABEL, &link->exporter) != TALLY_OK) {
        tls_stream_drop(stream, "the TLS library gives no exporter value");
        return;
    }
    tls_stream_set_deadline(stream, LINK_HELLO_TIMEOUT_MS, hello_timeout);
    hello_send(link);
}

static void on_close(void *context, struct tls_stream *stream, const char *reason)
{
    struct link *link = context;
    (void)stream;
    if (link->opened && !link->up && strcmp(reason, hello_timeout) == 0) log_refusal(link, NULL, reason);
    link->up = false;
    link->callbacks->on_close(link->context, link, reason);
    bulk_drop_all(link);
    frame_parser_close(&link->wire);
    frame_parser_close(&link->parts);
    free(link);
}

static const struct tls_callbacks stream_callbacks = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_close = on_close,
};

static struct link *link_make(uv_loop_t *loop, const struct link_identity *identity,
    const struct link_callbacks *callbacks, void *context)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) return NULL;
    link->loop = loop;
    link->identity = identity;
    link->callbacks = callbacks;
    link->context = context;
    link->expected = LINK_PEER_NONE;
    frame_parser_init(&link->wire, KINDS_BEFORE_HELLO);
    frame_parser_init(&link->parts, KINDS_IN_PARTS);
    return link;
}

int link_connect(uv_loop_t *loop, struct tls_context *tls, const struct link_identity *identity,
    const char *host, uint16_t port, uint32_t peer, const struct link_callbacks *callbacks, void *context,
    struct link **link)
{
    struct link *made = link_make(loop, identity, callbacks, context);
    if (made == NULL) return TALLY_ENOMEM;
    made->expected = peer;
    int error = tls_stream_connect(
        loop, tls, host, port, LINK_URGENT_SIZE_MAX, &stream_callbacks, made, &made->stream);
    if (error != TALLY_OK) {
        free(made);
        return error;
    }
    *link = made;
    return TALLY_OK;
}

int link_accept(uv_loop_t *loop, const struct link_identity *identity, struct tls_stream *stream,
    const struct link_callbacks *callbacks, void *context, struct link **link)
{
    struct link *made = link_make(loop, identity, callbacks, context);
    if (made == NULL) return TALLY_ENOMEM;
    made->accepted = true;
    made->stream = stream;
    tls_stream_own(stream, &stream_callbacks, made);
    *link = made;
    return TALLY_OK;
}

void link_pause(struct link *link)
{
    tls_stream_pause(link->stream);
}

void link_resume(struct link *link)
{
    link->heard_ms = uv_now(link->loop);
    tls_stream_resume(link->stream);
}

void link_drop(struct link *link, const char *reason)
{
    tls_stream_drop(link->stream, reason);
}

bool link_is_at_fault(const struct link *link)
{
    return link->at_fault;
}

uint64_t link_heard_ms(const struct link *link)
{
    return link->heard_ms;
}

bool link_is_up(const struct link *link)
{
    return link->up && tls_stream_is_open(link->stream);
}

bool link_is_accepted(const struct link *link)
{
    return link->accepted;
}

const char *link_address(const struct link *link)
{
    return tls_stream_address(link->stream);
}

const char *link_software(const struct link *link)
{
    return link->software;
}

void link_stats(const struct link *link, struct link_stats *stats)
{
    *stats = link->stats;
    stats->urgent_pending = tls_stream_pending(link->stream);
    stats->bulk_pending = link->bulk_size - link->bulk_sent;
}
