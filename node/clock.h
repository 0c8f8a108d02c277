/* The daemon's two clocks, read nowhere else. */
#ifndef TALLY_NODE_CLOCK_H
#define TALLY_NODE_CLOCK_H

#include <time.h>
#include <uv.h>

#include "proto/base/check.h"

/* Monotonic, from an arbitrary start. */
static inline uint64_t clock_now_ms(void)
{
    return uv_hrtime() / 1000000u;
}

/* UTC since 1970; may jump. */
static inline uint64_t clock_wall_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

#endif
