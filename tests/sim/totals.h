/* What many runs came to, added up and told. */
#ifndef TALLY_SIM_TOTALS_H
#define TALLY_SIM_TOTALS_H

#include "tests/sim/world.h"

/* The largest part of a bound that was used, and by which seed. */
struct share {
    uint64_t per_mille, seed;
};

struct totals {
    uint64_t runs, violations, first_bad_seed;
    uint64_t runs_of[VALIDATORS_MAX + 1]; /* by the number of validators */
    struct counters counters;
    uint64_t trace_digest;
    uint64_t forks;                      /* runs in which honest replicas finalized two chains */
    uint32_t culprits_min, culprits_max; /* named for one of these */
    struct share recovery, calm;         /* of the bounds on progress */
};

void totals_add(struct totals *totals, const struct plan *plan, const struct verdict *verdict);
/* As one JSON object, or as prose, on stdout. */
void totals_print_json(const struct totals *totals, double seconds);
void totals_print(const struct totals *totals, double seconds);

#endif
