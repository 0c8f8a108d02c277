/* What the files of the links share. Nobody else includes it. */
#ifndef TALLY_NET_LINKS_INTERNAL_H
#define TALLY_NET_LINKS_INTERNAL_H

#include "node/net/links.h"
#include "node/net/tls_listener.h"

/* One connection, from its first byte to its last; a peer may have an old and a new one for a moment. */
struct connection {
    struct links *links;
    struct connection *next, *previous;
    struct link *link;
    uint32_t peer;      /* whom we dialled, or who proved to be there; else LINK_PEER_NONE */
    enum links_end end; /* why it is dropped here; 0 = it is not */
};

struct peer {
    struct links_peer info;
    bool set; /* else the slot is empty, and all of it zeros */
    bool self;
    bool dials;                /* we are the one to dial at once: our key is the smaller */
    struct connection *linked; /* the link that is up */
    struct connection *dialling;
    uint64_t down_since_ms;
    uint64_t dial_at_ms;
    uint64_t away_until_ms; /* misbehaved */
    uint32_t retry_ms;
    bool told;          /* this outage is in the log */
    uint32_t short_ups; /* links in a row that ended as soon as they were up */
    bool paused;
    uint64_t charged_ms[LINKS_CHARGES_MAX]; /* a ring of the newest */
    uint32_t charges;
    uint64_t since_ms, heard_ms, bulk_dropped, bytes_in, bytes_out;
    char software[HELLO_SOFTWARE_SIZE_MAX + 1]; /* as its last link said */
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

    struct connection *connections;
    uint32_t stranger_count;
    uint64_t ticked_ms, keepalive_at_ms;
    uint8_t keepalive[LINKS_KEEPALIVE_SIZE_MAX];
    size_t keepalive_size;

    bool telling; /* the owner, of what happens: it changes no peers then */
    bool closing, tick_closed;
    void (*on_closed)(void *context);
    void *closed_context;

    struct peer peers[PEERS_MAX]; /* by slot */
};

/* The slot whose peer has this key now, or LINK_PEER_NONE. */
uint32_t links_slot_of(const struct links *links, const struct public_key *key);
/* It misbehaved: for a while there is no link with it. */
void links_keep_away(struct links *links, struct peer *peer);
/* Ends a connection of our own accord. */
void links_end_connection(struct connection *connection, enum links_end end, const char *reason);

#endif
