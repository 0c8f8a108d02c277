#include "node/clock_watch.h"

#include "proto/base/check.h"

/* More than f others differ from us in one direction: at least one of them is honest. */
static bool differ_alike(const struct clock_watch *watch)
{
    uint32_t ahead = 0, behind = 0, faulty = (watch->validators - 1) / 3;
    for (uint32_t i = 0; i < watch->validators; i++) {
        if (i == watch->self) continue;
        ahead += watch->ahead_ms[i] > 0;
        behind += watch->ahead_ms[i] < 0;
    }
    return ahead > faulty || behind > faulty;
}

/* True at most once in CLOCK_TOLD_EVERY_MS. */
static bool may_tell(uint64_t *told_ms, uint64_t now_ms)
{
    if (*told_ms != 0 && now_ms - (*told_ms - 1) < CLOCK_TOLD_EVERY_MS) return false;
    *told_ms = now_ms + 1;
    return true;
}

/* a - b, which may be anything that a peer wrote. */
static int64_t difference(uint64_t a, uint64_t b)
{
    const uint64_t most = INT64_MAX;
    if (a >= b) return (int64_t)(a - b < most ? a - b : most);
    return -(int64_t)(b - a < most ? b - a : most);
}

enum clock_verdict clock_watch_proposal(struct clock_watch *watch, uint32_t leader, uint64_t time_ms,
    uint64_t wall_ms, uint64_t now_ms, int64_t *ahead_ms)
{
    CHECK(leader < watch->validators);
    *ahead_ms = difference(time_ms, wall_ms);
    if (leader == watch->self) return CLOCK_FINE;
    bool off = *ahead_ms > CLOCK_OFF_MS || *ahead_ms < -CLOCK_OFF_MS;
    watch->ahead_ms[leader] = off ? *ahead_ms : 0;
    if (differ_alike(watch)) {
        if (watch->doubted_ms == 0) watch->doubted_ms = now_ms + 1;
        bool long_enough = now_ms - (watch->doubted_ms - 1) >= CLOCK_DOUBT_MS;
        if (off && long_enough && may_tell(&watch->own_told_ms, now_ms)) return CLOCK_OWN_OFF;
        if (long_enough) return CLOCK_FINE;
    } else {
        watch->doubted_ms = 0;
    }
    if (*ahead_ms > CLOCK_OFF_MS && may_tell(&watch->told_ms[leader], now_ms)) return CLOCK_LEADER_OFF;
    return CLOCK_FINE;
}
