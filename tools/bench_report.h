/* Reports of benchmarks: figures from samples, a table for people, beside a baseline. */
#ifndef TALLY_TOOLS_BENCH_REPORT_H
#define TALLY_TOOLS_BENCH_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "tools/command.h"

/* {"p50", "p99", "p999", "max"} in milliseconds, by nearest rank; sorts the samples, in nanoseconds. NULLs
 * where there are none. */
json_t *report_latency(uint64_t *samples_ns, size_t count);

/* So many events happened at that time. */
struct report_moment {
    uint64_t at_ns;
    uint64_t events;
};
/* The least rate, in events a second, over any one second between the start (0) and the last moment; moments
 * are in order. Negative where the whole lasted less than a second. */
double report_rate_min(const struct report_moment *moments, size_t count);
/* The longest time in which nothing happened, from 0 on. */
uint64_t report_gap_max(const struct report_moment *moments, size_t count);

/* Reads a report that --out wrote. */
enum tool_exit report_read(struct context *context, const char *path, json_t **report) TALLY_MUST_CHECK;
/* Writes it as --out does. */
enum tool_exit report_write(struct context *context, const char *path, const json_t *report) TALLY_MUST_CHECK;

/* Prints every figure on a line of its own; with a baseline, also the baseline's, and how many times it this
 * one is. */
void report_print(json_t *report, const json_t *baseline);

#endif
