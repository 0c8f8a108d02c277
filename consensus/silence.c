#include "consensus/core.h"

#define SILENT_TIMEOUTS 10u
#define HEARD_TIMEOUTS 5u

void peers_heard(struct consensus *c, uint64_t peers)
{
    for (uint32_t peer = 0; peer < c->n; peer++)
        if (peers >> peer & 1) c->peers[peer].heard_ms = c->now_ms;
}

static bool heard_within(const struct consensus *c, uint32_t peer, uint32_t timeouts)
{
    return c->now_ms - c->peers[peer].heard_ms < (uint64_t)timeouts * c->config.base_timeout_ms;
}

/* R8: "nothing came from it, keepalives included, for 10 D, while q - 1 other validators were each heard
 * within 5 D." "f views at most are skipped so between two finalizations." Who hears from nobody is cut off,
 * and learns nothing about the leader from that. */
bool leader_silent(const struct consensus *c)
{
    uint32_t leader = leader_of(c->view, c->n);
    if (leader == c->config.signer || c->silent_skips >= c->f) return false;
    if (heard_within(c, leader, SILENT_TIMEOUTS)) return false;
    uint32_t others = 0;
    for (uint32_t peer = 0; peer < c->n; peer++)
        if (peer != leader && peer != c->config.signer && heard_within(c, peer, HEARD_TIMEOUTS)) others++;
    return others + 1 >= c->q;
}
