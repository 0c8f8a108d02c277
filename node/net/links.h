/* All peers of this node: listens, dials, keeps one authenticated link with each, and carries frames.
 *
 * Who dials. Of two nodes that both know each other's address, the one with the smaller node key dials at
 * once and again within about a second whenever the link is down. The other waits LINKS_GRACE_MS without a
 * link before it dials too, so that a pair is connected when only one direction works. Where two links of a
 * pair come up at once, both nodes keep the one dialled by the smaller key; of two dialled by the same node,
 * the newer, since who dials has lost the older.
 *
 * Peers come and go while the network runs: each has a slot of its own for as long as it stays, whose number
 * all calls and callbacks speak of. What happens to one slot touches no other link.
 *
 * All calls and callbacks are on the loop's thread; callbacks never come from within a call of this module.
 * The peers, and this node's own key, are not changed from within a callback (CHECKed).
 */
#ifndef TALLY_NET_LINKS_H
#define TALLY_NET_LINKS_H

#include "node/net/link.h"

#define LINKS_NAME_SIZE_MAX 64u
#define LINKS_RETRY_MS_MIN 50u
#define LINKS_RETRY_MS_MAX 1000u /* plus a jitter of at most a tenth */
#define LINKS_GRACE_MS 3000u
#define LINKS_SILENCE_MS_MIN 2000u
#define LINKS_BACKOFF_MS 10000u
#define LINKS_CHARGES_MAX 10u
#define LINKS_CHARGE_WINDOW_MS 60000u
/* Accepted connections that have not proven who they are. */
#define LINKS_STRANGERS_MAX 64u
#define LINKS_KEEPALIVE_SIZE_MAX 64u

/* Who has a slot. */
struct links_peer {
    char name[LINKS_NAME_SIZE_MAX + 1];
    struct public_key key;
    char host[TLS_HOST_SIZE_MAX + 1]; /* an address or a name; empty = not known: it must dial us */
    uint16_t port;
};

/* None may be NULL. */
struct links_callbacks {
    void (*on_up)(void *context, uint32_t peer);
    /* Frames that were queued are lost. `reason` is for people. */
    void (*on_down)(void *context, uint32_t peer, const char *reason);
    /* Of an urgent or bulk kind, keepalives included; nothing of it is checked but its size. Borrowed for the
     * call. */
    void (*on_frame)(void *context, uint32_t peer, enum frame_kind kind, struct span payload);
};

/* Everything is copied but `signer`, which must outlive the links, or links_set_own_key. */
struct links_options {
    struct digest chain_id;
    const struct node_signer *signer; /* this node's; the slot with its key is its own, if there is one */
    const char *software;
    const char *host;      /* an address literal to listen on */
    uint16_t port;         /* 0 = any */
    uint32_t keepalive_ms; /* a keepalive goes out so often: 3 D; at least 1 */
    uint32_t silence_ms;   /* a link that brings nothing for so long is closed: 10 D; raised to
                              LINKS_SILENCE_MS_MIN */
    const struct links_callbacks *callbacks;
    void *context;
};

struct links;

/* Listens, and has no peers yet.
 * Errors: TALLY_EINVALID (a host that cannot be), TALLY_EBUSY (the port is taken), TALLY_EIO, TALLY_ENOMEM.
 */
int links_open(uv_loop_t *loop, const struct links_options *options, struct links **links) TALLY_MUST_CHECK;
/* Closes every link without on_down, and the listener. `on_closed` comes from the loop when all is freed; it
 * may be NULL. No other callback comes after this call. */
void links_close(struct links *links, void (*on_closed)(void *context), void *context);

uint16_t links_port(const struct links *links);
/* Goes over to another pace, from the next keepalive on; both as in the options. */
void links_set_pace(struct links *links, uint32_t keepalive_ms, uint32_t silence_ms);

/* Gives a slot, below PEERS_MAX, to a peer, or tells what is new of the one that has it. A peer is dialled
 * from the next turn of the loop on, at its newest address; a link that is up stays up, whatever the address.
 * Where its key is another one, the link that the old key made ends, on_down follows from the loop, and only
 * the new key makes a link again.
 * Errors: TALLY_EINVALID (a name or a host that does not end, a host without a port), TALLY_EEXISTS (another
 * slot has the key); nothing has changed then. */
int links_set_peer(struct links *links, uint32_t slot, const struct links_peer *peer) TALLY_MUST_CHECK;
/* Takes a slot back; one that is empty stays so. The link ends, and no callback comes for this peer any more:
 * whoever is to know it is told by the caller. Returns whether its link was up: on_up came, and on_down did
 * not. `reason` is a constant, for people. */
bool links_drop_peer(struct links *links, uint32_t slot, const char *reason);
/* Who has the slot; NULL where nobody has. Borrowed until the slot changes. */
const struct links_peer *links_peer(const struct links *links, uint32_t slot);
/* Goes over to another key of this node's own: all links end, and come up again by this key. `signer` must
 * outlive the links; the old one is of no more use here. */
void links_set_own_key(struct links *links, const struct node_signer *signer);

/* Queues one frame, in the lane of its kind.
 * Errors: TALLY_ECLOSED (no link with this peer now, or nobody has the slot), TALLY_ELIMIT (payload over its
 * kind's bound), TALLY_EFULL (an urgent lane is full: the link is dropped, on_down follows), TALLY_ENOMEM. */
int links_send(
    struct links *links, uint32_t peer, enum frame_kind kind, struct span payload) TALLY_MUST_CHECK;
/* The same to every linked peer, encoded once. Returns how many links queued it. */
uint32_t links_broadcast(struct links *links, enum frame_kind kind, struct span payload);
/* What keepalives carry from now on: an encoded Keepalive, at most LINKS_KEEPALIVE_SIZE_MAX bytes (CHECKed).
 * Until then they are empty. */
void links_set_keepalive(struct links *links, struct span payload);

/* Reports that `peer` brought something that failed a check; of an empty slot it is nothing.
 * LINKS_CHARGES_MAX of them within LINKS_CHARGE_WINDOW_MS drop the link and keep the peer away for
 * LINKS_BACKOFF_MS. `reason` is a constant.
 */
void links_charge(struct links *links, uint32_t peer, const char *reason);

/* Stops and starts reading from a peer: back-pressure by TCP. A paused link is not silent. A new link starts
 * unpaused. */
void links_pause(struct links *links, uint32_t peer);
void links_resume(struct links *links, uint32_t peer);

/* Why a link ended. */
enum links_end {
    LINKS_END_LOST = 1, /* by the other side, or on the way, or with this node */
    LINKS_END_REPLACED, /* by a newer one with the same peer */
    LINKS_END_SILENT,
    LINKS_END_INVALID, /* what came was no Hello, or no frames */
    LINKS_END_CHARGED, /* links_charge, too often */
    LINKS_END_SLOW,    /* its urgent lane is full */
    LINKS_END_REKEYED, /* its key or this node's was changed */
};
#define LINKS_ENDS (LINKS_END_REKEYED + 1)

struct links_status {
    bool up;
    bool dialled;                 /* by us, where up */
    uint64_t since_ms;            /* uv_now of the last change of `up`; 0 = never up */
    uint64_t heard_ms;            /* uv_now when the last bytes of it were read; 0 = never */
    uint64_t bulk_dropped;        /* in all its links */
    uint64_t bytes_in, bytes_out; /* payloads', in all its links */
    const char *software;         /* as its last link said; "" before the first. Borrowed until the next */
    uint32_t ups;                 /* how often it came up */
    uint32_t charges;             /* links_charge */
    uint32_t ends[LINKS_ENDS];    /* of its links, by enum links_end */
    struct link_stats link;       /* of the present link; zeros where down */
};

/* Of an empty slot: zeros, and no software. */
void links_peer_status(const struct links *links, uint32_t peer, struct links_status *status);
uint32_t links_up_count(const struct links *links);

#endif
