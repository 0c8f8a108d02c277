#include "node/metrics/meter.h"

#define US UINT64_C(1000)
#define MS (1000 * US)

const uint64_t timing_bounds_ns[TIMING_BOUNDS] = {
    100 * US,
    250 * US,
    500 * US,
    1 * MS,
    2 * MS + 500 * US,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    1000 * MS,
    2500 * MS,
    5000 * MS,
    10000 * MS,
};

void timing_add(struct timing *timing, uint64_t ns)
{
    uint32_t bucket = 0;
    while (bucket < TIMING_BOUNDS && ns > timing_bounds_ns[bucket])
        bucket++;
    meter_add(&timing->buckets[bucket], 1);
    meter_add(&timing->sum_ns, ns);
}
