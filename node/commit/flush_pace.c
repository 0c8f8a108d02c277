#include "node/commit/flush_pace.h"

/* A disk that keeps up does not come so far: half a flush gathered behind the one under way; or, of
 * STATE_FLUSH_LAG_MAX. */
#define UNHURRIED_SIZE (3u * (STATE_FREEZE_SIZE / 2))
#define UNHURRIED_LAG 7u
/* Where it has come to the worst, for each MiB: some 30,000 events a second still pass. */
#define PAUSE_US_PER_MIB 80000u
#define PAUSE_US_MAX 50000u

/* In thousandths. */
static uint64_t part_of(uint64_t value, uint64_t least, uint64_t most)
{
    if (value <= least) return 0;
    return value >= most ? 1000 : (value - least) * 1000 / (most - least);
}

uint32_t flush_pause_us(size_t unflushed, size_t added, uint32_t lag)
{
    uint64_t by_size = part_of(unflushed, UNHURRIED_SIZE, FLUSH_SIZE_MAX);
    uint64_t by_lag = part_of(lag, UNHURRIED_LAG, STATE_FLUSH_LAG_MAX);
    uint64_t worst = by_size > by_lag ? by_size : by_lag;
    if (added > STATE_FREEZE_SIZE) added = STATE_FREEZE_SIZE;
    uint64_t pause_us = worst * added * PAUSE_US_PER_MIB / (1000 * MIB);
    return pause_us < PAUSE_US_MAX ? (uint32_t)pause_us : PAUSE_US_MAX;
}
