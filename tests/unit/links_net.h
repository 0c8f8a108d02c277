/* What tests of links share beside the harness: a network in one loop. */
#ifndef TALLY_TESTS_LINKS_NET_H
#define TALLY_TESTS_LINKS_NET_H

#include "node/net/links.h"
#include "tests/unit/test_links_harness.h"

#define NODES_MAX 4u
#define CHAIN 0x11

struct node {
    struct links *links;
    struct harness_key *key;
    uint32_t index;
    bool closed;
    unsigned ups[NODES_MAX], downs[NODES_MAX];
    unsigned frames[FRAME_KIND_MAX + 1];
    uint64_t bytes;
    char order[64]; /* the first letters of the kinds that came, keepalives aside */
    char down_reason[160];
    struct digest last; /* of the last payload that was no keepalive */
    unsigned uneven;    /* payloads whose bytes are not all the same */
    uint32_t charge_peer_on_vote;
    bool is_up[NODES_MAX]; /* by what the callbacks say */
};

/* A network in one loop: every node has the same table. */
static struct {
    struct harness_key keys[NODES_MAX + 1];
    struct links_peer table[NODES_MAX];
    struct node nodes[NODES_MAX];
    uint32_t count;
} net;

static inline void on_up(void *context, uint32_t peer)
{
    struct node *node = context;
    assert_false(node->is_up[peer]);
    node->is_up[peer] = true;
    node->ups[peer]++;
}

static inline void on_down(void *context, uint32_t peer, const char *reason)
{
    struct node *node = context;
    assert_true(node->is_up[peer]);
    node->is_up[peer] = false;
    node->downs[peer]++;
    snprintf(node->down_reason, sizeof node->down_reason, "%s", reason);
}

static inline void on_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload)
{
    struct node *node = context;
    assert_true(node->is_up[peer]);
    node->frames[kind]++;
    if (kind == FRAME_KEEPALIVE) return;
    node->bytes += payload.size;
    if (payload.size > 1 && memcmp(payload.data, payload.data + 1, payload.size - 1) != 0) node->uneven++;
    size_t length = strlen(node->order);
    if (length + 1 < sizeof node->order) node->order[length] = frame_kind_name(kind)[0];
    if (payload.size < MIB || frame_is_bulk(kind)) node->last = digest_plain(payload);
    if (node->charge_peer_on_vote > 0 && kind == FRAME_VOTE)
        for (uint32_t i = 0; i < node->charge_peer_on_vote; i++)
            links_charge(node->links, peer, "a bad vote");
}

static const struct links_callbacks callbacks = {.on_up = on_up, .on_down = on_down, .on_frame = on_frame};

static inline void on_closed(void *context)
{
    struct node *node = context;
    node->closed = true;
    memset(node->is_up, 0, sizeof node->is_up);
    node->links = NULL;
}

static inline void net_init(uint32_t count)
{
    memset(&net, 0, sizeof net);
    net.count = count;
    harness_keys(net.keys, count + 1); /* the last one is a stranger's, or spare */
    for (uint32_t i = 0; i < count; i++) {
        struct links_peer *peer = &net.table[i];
        snprintf(peer->name, sizeof peer->name, "validator-%u", i + 1);
        snprintf(peer->host, sizeof peer->host, "127.0.0.1");
        peer->key = net.keys[i].key;
        peer->port = harness_free_port();
        net.nodes[i].index = i;
        net.nodes[i].key = &net.keys[i];
    }
}

static inline int node_open_with(uint32_t index, uint8_t chain, const struct links_peer *table)
{
    struct node *node = &net.nodes[index];
    struct links_options options = {
        .chain_id = harness_digest(chain),
        .signer = &node->key->signer,
        .software = "tallyd test",
        .host = "127.0.0.1",
        .port = net.table[index].port,
        .keepalive_ms = 50,
        .silence_ms = 400, /* raised to LINKS_SILENCE_MS_MIN */
        .callbacks = &callbacks,
        .context = node,
    };
    node->closed = false;
    int error = links_open(&harness.loop, &options, &node->links);
    for (uint32_t i = 0; error == TALLY_OK && i < net.count; i++)
        error = links_set_peer(node->links, i, &table[i]);
    return error;
}

static inline void node_open(uint32_t index)
{
    assert_int_equal(node_open_with(index, CHAIN, net.table), TALLY_OK);
}

static inline bool node_is_closed(void *context)
{
    return ((struct node *)context)->closed;
}

static inline void node_close(uint32_t index)
{
    struct node *node = &net.nodes[index];
    if (node->links == NULL) return;
    links_close(node->links, on_closed, node);
    assert_true(harness_run(node_is_closed, node, 5000));
}

static inline void net_close(void)
{
    for (uint32_t i = 0; i < net.count; i++)
        node_close(i);
    assert_int_equal(harness.broken_lines, 0);
}

static inline bool all_up(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < net.count; i++)
        if (net.nodes[i].links == NULL || links_up_count(net.nodes[i].links) != net.count - 1) return false;
    return true;
}

static inline void two_up(void)
{
    net_init(2);
    node_open(0);
    node_open(1);
    assert_true(harness_run(all_up, NULL, 5000));
}

#endif
