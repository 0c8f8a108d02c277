/* This node's own key, and its rotation while it runs.
 *
 *   1. HOME/node.key.next is read when the register next changes: a proposal of it does that.
 *   2. The register has it as this node's newest key: links, here and at the peers, go over to it.
 *   3. What is voted and signed in an epoch is by the key that its validators have: the old one, until the
 *      next epoch begins, and the new one from there on. The vote record and the guard know of epochs and
 *      views, not of keys, so that no change of keys lets anything be promised twice.
 *   4. Once no set in force or to come has the old key, the next one takes its file's place.
 *
 * A crash changes nothing of this: which key does what is told by the register and the epoch, and both files
 * are there until 4. */
#include "node/net/log.h"
#include "node/node_internal.h"
#include "proto/base/check.h"

/* So long without any link, and the peers may be at another height than this node, at which this node's key
 * is its other one. */
#define ALONE_TICKS 2u

const struct node_signer *node_epoch_signer(const struct node *node)
{
    const struct roster *roster = &node->roster;
    if (roster->signer == ROSTER_NONE) return NULL;
    return node_keys_find(node->config->keys, &roster->validators->set.keys[roster->signer]);
}

void node_look_for_next_key(struct node *node)
{
    char why[PATH_SIZE_MAX + 256];
    struct node_keys *keys = node->config->keys;
    if (node_keys_next(keys) != NULL) return;
    int error = node_keys_look(keys, why, sizeof why);
    if (error == TALLY_OK)
        LOG_INFO("this node has a next key", LOG_K("key", &node_keys_next(keys)->key));
    else if (error != TALLY_ENOTFOUND)
        LOG_UNUSUAL("this node's next key cannot be read", LOG_S("why", why));
}

const struct node_signer *node_newest_signer(const struct node *node)
{
    const struct node_signer *found = NULL;
    if (node->roster.self != ROSTER_NONE)
        found = node_keys_find(node->config->keys, &node->roster.slots[node->roster.self].key);
    return found != NULL ? found : node_keys_now(node->config->keys);
}

static void link_by(struct node *node, const struct node_signer *signer)
{
    if (node->links != NULL && node->link_signer != signer) links_set_own_key(node->links, signer);
    node->link_signer = signer;
    node->alone_ticks = 0;
}

static bool set_has(const struct register_set *set, const struct public_key *key)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (public_key_equal(&set->keys[i], key)) return true;
    return false;
}

static bool is_needed(
    const struct node *node, const struct member_register *nodes, const struct public_key *key)
{
    const struct validator_set *validators = &node->roster.validators->set;
    for (uint32_t seat = 0; seat < validators->count; seat++)
        if (public_key_equal(&validators->keys[seat], key)) return true;
    return set_has(&nodes->set, key) || set_has(&nodes->next, key);
}

static void advance(struct node *node)
{
    struct node_keys *keys = node->config->keys;
    const struct public_key key = node_keys_next(keys)->key;
    link_by(node, node_keys_next(keys));
    int error = node_keys_advance(keys);
    if (error == TALLY_OK)
        LOG_INFO("this node's next key took the place of the old one, which is of no more use",
            LOG_K("key", &key));
    else
        LOG_UNUSUAL("node.key.next could not take the place of node.key: keep both", LOG_E("why", error));
}

void node_take_key(struct node *node, const struct member_register *nodes)
{
    const struct node_signer *newest = node_newest_signer(node);
    if (newest != node->newest_signer) link_by(node, newest);
    node->newest_signer = newest;
    bool rotated = newest == node_keys_next(node->config->keys);
    if (rotated && !is_needed(node, nodes, &node_keys_now(node->config->keys)->key)) advance(node);
}

void node_watch_key(struct node *node)
{
    const struct node_keys *keys = node->config->keys;
    if (links_up_count(node->links) > 0) {
        node->alone_ticks = 0;
        return;
    }
    if (++node->alone_ticks < ALONE_TICKS) return;
    node->alone_ticks = 0;
    node_look_for_next_key(node);
    if (node_keys_next(keys) == NULL) return;
    link_by(node, node->link_signer == node_keys_now(keys) ? node_keys_next(keys) : node_keys_now(keys));
}
