/* A run told as prose, one line for each thing that happens. Prints nothing unless the world is traced. */
#ifndef TALLY_SIM_TRACE_H
#define TALLY_SIM_TRACE_H

#include "tests/sim/world.h"

/* The run's plan, and how to read what follows. */
void trace_begin(const struct world *world);
void trace_input(
    const struct world *world, const struct replica *replica, const struct consensus_input *input);
void trace_output(
    const struct world *world, const struct replica *replica, const struct consensus_output *output);
/* "12345.678  validator 3 <text>". printf-like. */
void trace_replica(const struct world *world, const struct replica *replica, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void trace_world(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_partition(const struct world *world, const struct partition *partition);

#endif
