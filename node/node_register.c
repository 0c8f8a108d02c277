/* What follows the register: links come and go, for who has a node of the network has a link with it, and who
 * may submit is as it says. */
#include <stdio.h>

#include "node/net/log.h"
#include "node/node_internal.h"
#include "proto/base/check.h"

#define STRANGER_TICKS 60u

/* One that members let go and whose key votes until the epoch ends is spoken to until then: others may not
 * reach a quorum without it. */
static bool is_linked(const struct node *node, const struct member_register *nodes, uint32_t slot)
{
    const struct register_node *of = register_node_by_id(nodes, node->roster.slots[slot].node_id);
    if (of != NULL && (of->until == 0 || register_set_has_node(nodes, &nodes->set, of))) return true;
    /* The seal is applied and not yet certified. */
    return nodes->epoch == node->epoch + 1 && roster_is_validator(&node->roster, slot);
}

/* Before the roster changes: what hears that a link is down still knows the slot by then. */
static void let_go(struct node *node, const struct member_register *nodes)
{
    static const char reason[] = "its node has left the network";
    for (uint32_t slot = 0; slot < PEERS_MAX; slot++) {
        if (node->linked_node[slot] == 0) continue;
        if (is_linked(node, nodes, slot)) continue;
        if (links_drop_peer(node->links, slot, reason)) node_on_down(node, slot, reason);
        node->linked_node[slot] = 0;
        node->peer_heights[slot] = 0;
    }
}

static void keep_link(struct node *node, uint32_t slot)
{
    const struct roster_slot *of = &node->roster.slots[slot];
    struct config_address address = config_peer_address(node->config, of->name, of->address);
    struct links_peer peer = {.key = of->key, .port = address.port};
    snprintf(peer.name, sizeof peer.name, "%s", of->name);
    snprintf(peer.host, sizeof peer.host, "%s", address.host);
    int error = links_set_peer(node->links, slot, &peer);
    CHECK(error == TALLY_OK); /* a register has no key twice, and no address that is none */
    node->linked_node[slot] = of->node_id;
}

static bool is_overtaken(const void *context, const struct batch *batch)
{
    return admission_governance_rule(context, batch->governance) != RULING_OK;
}

static void tell_overtaken(void *context, const struct held_batch *held)
{
    struct node *node = context;
    submissions_overtaken(node->submissions, &held->batch.digest,
        admission_governance_rule(executor_register(node->executor), held->batch.governance));
}

/* Transactions that waited for their turn in vain go. */
static void admit_by(struct node *node, struct register_view *view)
{
    intake_use_register(node->intake, view);
    (void)mempool_drop_governance(node->mempool, is_overtaken, view, tell_overtaken, node);
}

void node_take_register(struct node *node)
{
    struct register_view *view = executor_register(node->executor);
    const struct member_register *nodes = &view->value;
    if (node->submissions != NULL) admit_by(node, view);
    if (node->links != NULL) let_go(node, nodes);
    struct public_key own[NODE_KEYS_MAX];
    node_look_for_next_key(node);
    uint32_t own_count = node_keys_public(node->config->keys, own);
    roster_update(&node->roster, nodes, epoch_book_set(node->epochs, node->epoch), own, own_count);
    node_take_key(node, nodes);
    uint32_t self = node->roster.self;
    atomic_store(&node->member_id, self != ROSTER_NONE ? node->roster.slots[self].member_id : 0);
    if (node->links == NULL) return;
    submissions_set_member(node->submissions, node_member_id(node));
    for (uint32_t slot = 0; slot < node->roster.slot_count; slot++) {
        const struct roster_slot *of = &node->roster.slots[slot];
        if (of->used && slot != self && is_linked(node, nodes, slot)) keep_link(node, slot);
    }
}

/* It dials whom it knows of, and is refused until they have it in their registers. */
void node_watch_membership(struct node *node)
{
    if (node->roster.self != ROSTER_NONE) {
        node->stranger_ticks = 0;
        return;
    }
    if (node->stranger_ticks++ % STRANGER_TICKS == 0)
        LOG_INFO("this node is no member's: it waits until it is admitted, or has heard of that",
            LOG_S("name", node->config->name), LOG_K("key", &node_keys_now(node->config->keys)->key),
            LOG_U("links", links_up_count(node->links)));
}
