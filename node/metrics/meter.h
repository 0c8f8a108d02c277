/* What is measured, as numbers in memory: counts and gauges, and how long things take. Any thread may change
 * them and any may read them meanwhile; they order nothing else. No memory is taken. */
#ifndef TALLY_METRICS_METER_H
#define TALLY_METRICS_METER_H

#include <stdatomic.h>
#include <stdint.h>

/* A count, which only grows, or a gauge, which is set. Zeros are a fresh one. */
struct meter {
    _Atomic uint64_t value;
};

static inline void meter_add(struct meter *meter, uint64_t by)
{
    (void)atomic_fetch_add_explicit(&meter->value, by, memory_order_relaxed);
}

static inline void meter_set(struct meter *meter, uint64_t value)
{
    atomic_store_explicit(&meter->value, value, memory_order_relaxed);
}

static inline uint64_t meter_get(const struct meter *meter)
{
    return atomic_load_explicit(&meter->value, memory_order_relaxed);
}

/* How often something took how long. Every one has the same bounds, from a tenth of a millisecond to ten
 * seconds. Zeros are a fresh one. */
#define TIMING_BOUNDS 16u
extern const uint64_t timing_bounds_ns[TIMING_BOUNDS]; /* ascending */

struct timing {
    struct meter buckets[TIMING_BOUNDS + 1]; /* each alone: up to its bound and above the one before; at last
                                                what is above all */
    struct meter sum_ns;
};

void timing_add(struct timing *timing, uint64_t ns);

#endif
