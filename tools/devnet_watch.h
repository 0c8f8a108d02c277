/* Starting a development network's nodes, waiting until they agree, and telling how they stand. */
#ifndef TALLY_TOOLS_DEVNET_WATCH_H
#define TALLY_TOOLS_DEVNET_WATCH_H

#include "tools/devnet.h"

#define DEVNET_AGREE_MS 30000

/* Starts what is not running, and waits until every node answers, is on this chain, and is linked to the
 * validators. A node that ends meanwhile fails it, with the last line of its log. */
enum tool_exit devnet_start_all(struct context *context, const struct devnet *devnet) TALLY_MUST_CHECK;
/* The same for one node; the others may be down, so it need only answer. */
enum tool_exit devnet_start_one(
    struct context *context, const struct devnet *devnet, const struct devnet_node *node) TALLY_MUST_CHECK;

/* Prints every node: running or not, where it answers, its height and state root. */
enum tool_exit devnet_print(struct context *context, const struct devnet *devnet) TALLY_MUST_CHECK;

#endif
