/* What the system says of this process, under the names that Prometheus' own clients give it, and of its
 * threads, by name. */
#ifndef TALLY_METRICS_PROCESS_H
#define TALLY_METRICS_PROCESS_H

#include "node/metrics/exposition.h"

/* Reads /proc: a fraction of a millisecond. What cannot be read is left out. `started_ms` is when the process
 * began, in ms since 1970. */
void process_metrics(struct exposition *exposition, uint64_t started_ms);

#endif
