/* All that is told of a node in numbers, as one page for Prometheus; README.md lists it. What is of one
 * moment is looked up when it is asked for, what is counted is in meters.h.
 *
 * Labels have few values: words of this program, and names of the network's nodes. Nothing tells of one
 * subject; but how the state takes a single inquiry may be read from sums before and after it, so the page is
 * for who runs the node, and not for its clients. */
#ifndef TALLY_METRICS_NODE_METRICS_H
#define TALLY_METRICS_NODE_METRICS_H

#include "node/metrics/exposition.h"

struct node;

/* With as many nodes as there may be, and names as long. */
#define NODE_METRICS_SIZE_MAX (1u * MIB)

/* Appends the page; `out` has room for NODE_METRICS_SIZE_MAX more, or fails. On the loop. */
void node_metrics_render(struct node *node, struct buffer *out);

#endif
