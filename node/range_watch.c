#include "node/range_watch.h"

#include "proto/base/check.h"
#include "proto/codec/agreement.h"

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

static bool is_waited_for(const struct range_watch *watch, uint32_t peer, uint64_t now_ms)
{
    uint64_t asked_ms = watch->asked_ms[peer];
    return asked_ms == 0 || now_ms - asked_ms < RANGE_PATIENCE_MS;
}

/* How many validators came without it up to this height. */
static uint32_t lacking(const struct range_watch *watch, const struct range_peers *peers, uint64_t height)
{
    uint32_t count = 0;
    for (uint32_t peer = 0; peer < peers->count; peer++)
        count += peers->validator[peer] && watch->bare_to[peer] >= height;
    return count;
}

uint64_t range_watch_gone_to(
    const struct range_watch *watch, const struct range_peers *peers, uint64_t now_ms)
{
    uint32_t needed = faults_of(peers->validator_count) + 1, others = lacking(watch, peers, 0);
    uint64_t all = UINT64_MAX, quorum = 0;
    if (needed > others) needed = others;
    for (uint32_t peer = 0; peer < peers->count; peer++) {
        uint64_t to = watch->bare_to[peer];
        if (peers->up[peer] && is_waited_for(watch, peer, now_ms) && to < all) all = to;
        if (to > quorum && lacking(watch, peers, to) >= needed) quorum = to;
    }
    return all < quorum ? all : quorum;
}

uint32_t range_watch_next(const struct range_watch *watch, const struct range_peers *peers, uint64_t height)
{
    uint32_t next = PEERS_MAX;
    for (uint32_t peer = 0; peer < peers->count; peer++) {
        if (!peers->up[peer] || watch->asked_ms[peer] != 0 || watch->bare_to[peer] >= height) continue;
        if (next == PEERS_MAX || watch->bare_to[peer] < watch->bare_to[next]) next = peer;
    }
    return next;
}
