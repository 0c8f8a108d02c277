/* One authenticated connection between two nodes: TLS, then a Hello frame each way, then frames. Whoever is
 * not in the membership, of another chain or version, or ourselves is dropped before any other frame is read,
 * with one line in the log: who (address, claimed key), and why. */
#ifndef TALLY_NET_LINK_H
#define TALLY_NET_LINK_H

#include "node/net/frame.h"
#include "node/net/hello.h"
#include "node/net/tls_stream.h"

#define LINK_HELLO_TIMEOUT_MS 5000u
/* Plain bytes of the urgent lane that may wait in one link: two of the largest proposals, and room for votes.
 */
#define LINK_URGENT_SIZE_MAX FRAME_SIZE_MAX
/* Bytes of the bulk lane that may wait in one link. */
#define LINK_BULK_SIZE_MAX (32u * MIB)
#define LINK_BULK_COUNT_MAX 4096u
/* How a peer is answered that is not in the table. */
#define LINK_PEER_NONE UINT32_MAX

_Static_assert(LINK_BULK_SIZE_MAX >= 2 * FRAME_SIZE_MAX, "the largest bulk frame fits beside another");

/* Bytes of a bulk frame, header included, that several links may have queued. Counted references. */
struct link_bulk;
/* The first reference is the caller's. NULL when memory is spent. `kind` is a bulk kind, payload within its
 * bound. */
struct link_bulk *link_bulk_make(enum frame_kind kind, struct span payload);
void link_bulk_release(struct link_bulk *bulk);

struct link;

/* None may be NULL. Like a stream's callbacks: from the loop, never from within a call of this module. */
struct link_callbacks {
    /* The index of the peer with this node key, or LINK_PEER_NONE. Asked before the signature is checked. */
    uint32_t (*peer_of_key)(void *context, const struct public_key *key);
    /* The Hellos are exchanged and hold: `peer` is who it is. False refuses it: the owner has then dropped
     * the link. */
    bool (*on_up)(void *context, struct link *link, uint32_t peer);
    /* A frame of any kind but HELLO and PART; `payload` is borrowed for the call. */
    void (*on_frame)(void *context, struct link *link, enum frame_kind kind, struct span payload);
    /* Exactly once; the link is gone when it returns. */
    void (*on_close)(void *context, struct link *link, const char *reason);
};

struct link_stats {
    uint64_t frames_in, bytes_in;        /* payloads' */
    uint64_t frames_out, bytes_out;      /* queued, parts not counted apart */
    uint64_t bulk_dropped;               /* bulk frames pushed out by newer ones */
    size_t urgent_pending, bulk_pending; /* bytes that wait */
};

/* Connects, and expects `peer` there: another's proof is refused.
 * Errors: as tls_stream_connect. */
int link_connect(uv_loop_t *loop, struct tls_context *tls, const struct link_identity *identity,
    const char *host, uint16_t port, uint32_t peer, const struct link_callbacks *callbacks, void *context,
    struct link **link) TALLY_MUST_CHECK;
/* Takes a stream that a listener has just accepted. Errors: TALLY_ENOMEM; the stream is then the listener's
 * still. */
int link_accept(uv_loop_t *loop, const struct link_identity *identity, struct tls_stream *stream,
    const struct link_callbacks *callbacks, void *context, struct link **link) TALLY_MUST_CHECK;

/* Queues a frame of an urgent kind. Errors: TALLY_ECLOSED (not up), TALLY_ELIMIT (payload over its kind's
 * bound), TALLY_EFULL (the lane is full: the link is dropped, because it cannot keep up with agreement),
 * TALLY_ENOMEM. */
int link_send(struct link *link, enum frame_kind kind, struct span payload) TALLY_MUST_CHECK;
/* Queues a bulk frame and takes a reference of its own. Where the lane is full the oldest frames are dropped
 * and counted, but never one that is partly sent. Errors: TALLY_ECLOSED, TALLY_ENOMEM. */
int link_send_bulk(struct link *link, struct link_bulk *bulk) TALLY_MUST_CHECK;

/* Stops and starts reading. At most TLS_READ_SIZE bytes of frames that were read already still come. */
void link_pause(struct link *link);
void link_resume(struct link *link);

void link_drop(struct link *link, const char *reason);
/* True where the link ended, or is ending, by what the other side sent: a Hello that does not hold, or no
 * frames. */
bool link_is_at_fault(const struct link *link);
/* uv_now when bytes were last read from it. */
uint64_t link_heard_ms(const struct link *link);
bool link_is_up(const struct link *link);
bool link_is_accepted(const struct link *link);
const char *link_address(const struct link *link);
/* What the other side runs, as it says: at most HELLO_SOFTWARE_SIZE_MAX bytes of UTF-8; "" where it is not up
 * yet. */
const char *link_software(const struct link *link);
void link_stats(const struct link *link, struct link_stats *stats);

#endif
