#include "consensus/core.h"

#define SILENT_TIMEOUTS 10u
#define HEARD_TIMEOUTS 5u
/* A link that broke is tried again once a second. */
#define SILENT_MS_MIN 2000u

void peers_heard(struct consensus *c, uint64_t peers)
{
    for (uint32_t peer = 0; peer < c->n; peer++)
        if (peers >> peer & 1) c->peers[peer].heard_ms = c->now_ms;
}

static uint64_t silent_ms(const struct consensus *c)
{
    uint64_t wait = SILENT_TIMEOUTS * (uint64_t)c->config.base_timeout_ms;
    return wait > SILENT_MS_MIN ? wait : SILENT_MS_MIN;
}

static bool heard_lately(const struct consensus *c, uint32_t peer)
{
    return c->now_ms - c->peers[peer].heard_ms < HEARD_TIMEOUTS * (uint64_t)c->config.base_timeout_ms;
}

/* R8: "nothing came from it, keepalives included, for 10 D and 2 s, while q - 1 other validators were each
 * heard within 5 D." "With work it must have been so when the view was entered", "f views at most are skipped
 * so between two finalizations." Who hears from nobody is cut off, and learns nothing about the leader from
 * that. */
bool leader_silent(const struct consensus *c)
{
    uint32_t leader = leader_of(c->view, c->n);
    if (leader == c->config.signer || c->silent_skips >= c->f) return false;
    uint64_t at_ms = c->working ? c->entered_ms : c->now_ms;
    if (at_ms < c->peers[leader].heard_ms + silent_ms(c)) return false;
    uint32_t others = 0;
    for (uint32_t peer = 0; peer < c->n; peer++)
        if (peer != leader && peer != c->config.signer && heard_lately(c, peer)) others++;
    return others + 1 >= c->q;
}
