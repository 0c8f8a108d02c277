/* What the page of a node is made of. Nobody else includes it. */
#ifndef TALLY_METRICS_NODE_METRICS_INTERNAL_H
#define TALLY_METRICS_NODE_METRICS_INTERNAL_H

#include "node/metrics/exposition.h"
#include "node/metrics/meters.h"
#include "node/node.h"

/* The node as it stands when the page is asked for. */
struct node_moment {
    struct node *node;
    struct node_status status;
    struct standing_facts facts;
    struct standing_validator validators[VALIDATORS_MAX];
    uint32_t voter_count;
    struct node_voter voters[PEERS_MAX];
};

/* A family of one sample. */
void metric_put(struct exposition *exposition, const char *name, enum exposition_kind kind, const char *help,
    uint64_t value);
void metric_put_ms(struct exposition *exposition, const char *name, const char *help, uint64_t ms);
void metric_put_timing(
    struct exposition *exposition, const char *name, const char *help, const struct timing *timing);
/* A sample for each of `count` meters of the family begun last, whose values of `label` are in `words`. */
void metric_put_meters(struct exposition *exposition, const char *label, const char *const *words,
    const struct meter *values, uint32_t count);

void node_metrics_agreement(struct exposition *exposition, const struct node_moment *moment);
void node_metrics_state(struct exposition *exposition, const struct node_moment *moment);
void node_metrics_traffic(struct exposition *exposition, const struct node_moment *moment);

#endif
