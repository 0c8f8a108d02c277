/* Who has which slot of the links, and what is known of each. */
#include "node/net/links_internal.h"
#include "proto/base/check.h"

/* ---- Who has a slot ---- */

uint32_t links_slot_of(const struct links *links, const struct public_key *key)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (links->peers[i].set && public_key_equal(&links->peers[i].info.key, key)) return i;
    return LINK_PEER_NONE;
}

/* Who of the two dials follows from both keys. */
static void compare_keys(const struct links *links, struct peer *peer)
{
    int order = memcmp(links->identity.signer->key.bytes, peer->info.key.bytes, PUBLIC_KEY_SIZE);
    peer->self = order == 0;
    peer->dials = order < 0;
}

/* Dialled at once, as if it had never been tried; but one that is kept away stays away. */
static void begin_anew(struct links *links, struct peer *peer)
{
    peer->retry_ms = LINKS_RETRY_MS_MIN;
    peer->dial_at_ms = 0;
    peer->told = false;
    peer->short_ups = 0;
    if (peer->linked == NULL) peer->down_since_ms = uv_now(links->loop);
}

static bool text_ends(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static bool same_address(const struct links_peer *a, const struct links_peer *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

int links_set_peer(struct links *links, uint32_t slot, const struct links_peer *info)
{
    CHECK(slot < PEERS_MAX && !links->telling);
    struct peer *peer = &links->peers[slot];
    if (!text_ends(info->name, sizeof info->name) || !text_ends(info->host, sizeof info->host))
        return TALLY_EINVALID;
    if (info->host[0] != '\0' && info->port == 0) return TALLY_EINVALID;
    uint32_t with_key = links_slot_of(links, &info->key);
    if (with_key != LINK_PEER_NONE && with_key != slot) return TALLY_EEXISTS;
    bool is_new = !peer->set;
    bool rekeyed = !is_new && with_key != slot;
    bool moved = !is_new && !same_address(&peer->info, info);
    peer->set = true;
    peer->info = *info;
    compare_keys(links, peer);
    if (is_new || rekeyed || moved) begin_anew(links, peer);
    if (rekeyed && peer->linked != NULL)
        links_end_connection(peer->linked, LINKS_END_REKEYED, "its key was changed");
    /* One that is being dialled shows its key later, and by then the new one is asked for. Where the address
     * is another, it may be somebody else's by now. */
    if (moved && peer->dialling != NULL)
        links_end_connection(peer->dialling, LINKS_END_LOST, "its address was changed");
    return TALLY_OK;
}

bool links_drop_peer(struct links *links, uint32_t slot, const char *reason)
{
    CHECK(slot < PEERS_MAX && !links->telling);
    struct peer *peer = &links->peers[slot];
    bool was_linked = peer->linked != NULL;
    if (!peer->set) return false;
    LOG_INFO("peer let go", LOG_S("peer", peer->info.name), LOG_K("key", &peer->info.key),
        LOG_S("why", reason), LOG_S("linked", was_linked ? "yes" : "no"));
    if (was_linked) links_end_connection(peer->linked, LINKS_END_LOST, reason);
    if (peer->dialling != NULL) links_end_connection(peer->dialling, LINKS_END_LOST, reason);
    /* What still closes finds that the slot is not its own. */
    memset(peer, 0, sizeof *peer);
    return was_linked;
}

const struct links_peer *links_peer(const struct links *links, uint32_t slot)
{
    CHECK(slot < PEERS_MAX);
    return links->peers[slot].set ? &links->peers[slot].info : NULL;
}

void links_set_own_key(struct links *links, const struct node_signer *signer)
{
    CHECK(!links->telling);
    LOG_INFO("this node goes over to another key", LOG_K("key", &signer->key));
    links->identity.signer = signer;
    /* Also those that are not up: a Hello by the old key may be on its way. */
    for (struct connection *at = links->connections; at != NULL; at = at->next)
        links_end_connection(at, LINKS_END_REKEYED, "this node's key was changed");
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &links->peers[i];
        if (!peer->set) continue;
        compare_keys(links, peer);
        begin_anew(links, peer);
    }
}

/* ---- Judging and looking in ---- */

void links_keep_away(struct links *links, struct peer *peer)
{
    peer->away_until_ms = uv_now(links->loop) + LINKS_BACKOFF_MS;
}

void links_charge(struct links *links, uint32_t index, const char *reason)
{
    CHECK(index < PEERS_MAX);
    struct peer *peer = &links->peers[index];
    if (!peer->set) return;
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
    links_keep_away(links, peer);
    LOG_UNUSUAL("peer kept away", LOG_S("peer", peer->info.name), LOG_U("for_ms", LINKS_BACKOFF_MS),
        LOG_S("why", reason));
    if (peer->linked != NULL) links_end_connection(peer->linked, LINKS_END_CHARGED, reason);
}

void links_pause(struct links *links, uint32_t index)
{
    CHECK(index < PEERS_MAX);
    struct peer *peer = &links->peers[index];
    if (peer->linked == NULL || peer->paused) return;
    peer->paused = true;
    link_pause(peer->linked->link);
}

void links_resume(struct links *links, uint32_t index)
{
    CHECK(index < PEERS_MAX);
    struct peer *peer = &links->peers[index];
    if (!peer->paused) return;
    peer->paused = false;
    link_resume(peer->linked->link);
}

void links_peer_status(const struct links *links, uint32_t index, struct links_status *status)
{
    CHECK(index < PEERS_MAX);
    const struct peer *peer = &links->peers[index];
    *status = (struct links_status){
        .since_ms = peer->since_ms,
        .heard_ms = peer->heard_ms,
        .bulk_dropped = peer->bulk_dropped,
        .bytes_in = peer->bytes_in,
        .bytes_out = peer->bytes_out,
        .software = peer->software,
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
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct peer *peer = &links->peers[i];
        if (peer->linked != NULL && link_is_up(peer->linked->link)) count++;
    }
    return count;
}
