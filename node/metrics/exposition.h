/* Metrics as text, in Prometheus' exposition format 0.0.4: families, each with its meaning and kind, and
 * their samples. Names are constants of the program; what varies goes into label values, which are escaped. A
 * buffer that is full says so by `failed`. */
#ifndef TALLY_METRICS_EXPOSITION_H
#define TALLY_METRICS_EXPOSITION_H

#include "node/metrics/meter.h"
#include "proto/base/bytes.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4"

enum exposition_kind {
    EXPOSITION_COUNTER = 1,
    EXPOSITION_GAUGE,
    EXPOSITION_HISTOGRAM,
};

struct exposition {
    struct buffer *out;
    const char *family; /* begun last */
};

struct exposition_label {
    const char *name, *value;
};
/* EXPOSITION_LABELS({"peer", name}, {"direction", "in"}) */
#define EXPOSITION_LABELS(...) ((const struct exposition_label[]){__VA_ARGS__, {NULL, NULL}})
#define EXPOSITION_PLAIN NULL

/* Begins a family, once each: `name` ends in its unit, and a counter's in _total; `help` is one sentence on
 * one line. */
void exposition_family(
    struct exposition *exposition, const char *name, enum exposition_kind kind, const char *help);

/* One sample of the family begun last: of a counter or a gauge. `labels` ends with a NULL name; NULL = none.
 */
void exposition_value(struct exposition *exposition, const struct exposition_label *labels, uint64_t value);
/* The same, in seconds. */
void exposition_seconds(struct exposition *exposition, const struct exposition_label *labels, uint64_t ns);
/* The samples of a histogram, in seconds. Its count is that of its buckets, whatever is added meanwhile. */
void exposition_timing(
    struct exposition *exposition, const struct exposition_label *labels, const struct timing *timing);

#endif
