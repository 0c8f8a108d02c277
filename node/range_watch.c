#include "node/range_watch.h"

#include "node/backfill.h"
#include "proto/base/check.h"

void range_watch_asked(struct range_watch *watch, uint32_t peer, uint64_t now_ms)
{
    CHECK(peer < PEERS_MAX && now_ms > 0);
    if (watch->asked_ms[peer] == 0) watch->asked_ms[peer] = now_ms;
}

bool range_watch_came(struct range_watch *watch, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    bool awaited = watch->asked_ms[peer] != 0;
    watch->asked_ms[peer] = 0;
    return awaited;
}

void range_watch_answered(struct range_watch *watch, uint32_t peer, uint64_t bare_to)
{
    CHECK(peer < PEERS_MAX);
    watch->bare_to[peer] = bare_to;
}

void range_watch_down(struct range_watch *watch, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    watch->asked_ms[peer] = 0;
    watch->bare_to[peer] = 0;
}

bool range_watch_gone(const struct range_watch *watch, const bool up[PEERS_MAX], uint32_t peer_count,
    uint32_t validator_count, uint64_t height, uint64_t now_ms)
{
    bool waited_for[PEERS_MAX] = {false}, without[PEERS_MAX] = {false};
    for (uint32_t peer = 0; peer < peer_count; peer++) {
        uint64_t asked_ms = watch->asked_ms[peer];
        waited_for[peer] = up[peer] && (asked_ms == 0 || now_ms - asked_ms < RANGE_PATIENCE_MS);
        without[peer] = watch->bare_to[peer] >= height;
    }
    return older_bodies_are_gone(waited_for, without, peer_count, validator_count);
}

uint32_t range_watch_next(
    const struct range_watch *watch, const bool up[PEERS_MAX], uint32_t peer_count, uint64_t height)
{
    uint32_t next = PEERS_MAX;
    for (uint32_t peer = 0; peer < peer_count; peer++) {
        if (!up[peer] || watch->asked_ms[peer] != 0 || watch->bare_to[peer] >= height) continue;
        if (next == PEERS_MAX || watch->bare_to[peer] < watch->bare_to[next]) next = peer;
    }
    return next;
}
