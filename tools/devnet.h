/* A development network: a directory of homes on this machine, and the nodes that run from them. */
#ifndef TALLY_TOOLS_DEVNET_H
#define TALLY_TOOLS_DEVNET_H

#include <sys/types.h>

#include "tools/home.h"

#define DEVNET_NODES_MAX (VALIDATORS_MAX + OBSERVERS_MAX)
#define DEVNET_PORT_MIN 20000
#define DEVNET_PORT_MAX 32000 /* below the range the system gives to outgoing connections */

struct devnet_plan {
    uint32_t validators; /* VALIDATORS_MIN to VALIDATORS_MAX */
    uint32_t observers;  /* at most OBSERVERS_MAX */
    struct credit_policy policy;
    bool open_reads; /* as in genesis */
};

struct devnet_node {
    char name[NAME_SIZE_MAX + 1];
    bool is_validator;
    char home[HOME_PATH_MAX]; /* absolute */
};

struct devnet {
    char path[HOME_PATH_MAX]; /* absolute */
    struct genesis *genesis;
    uint32_t node_count;
    struct devnet_node *nodes; /* validators, then observers */
};

/* Makes keys, certificates, genesis and homes in an empty or missing directory. Writes DIR/genesis.json last,
 * so a directory with one is whole. Refuses a directory that holds anything else. */
enum tool_exit devnet_make(
    struct context *context, const char *directory, const struct devnet_plan *plan) TALLY_MUST_CHECK;

/* Opens a directory that devnet_make made. *devnet is to be closed either way. */
enum tool_exit devnet_open(
    struct context *context, const char *directory, struct devnet *devnet) TALLY_MUST_CHECK;
void devnet_close(struct devnet *devnet);
/* Whether the directory holds a development network (1), is empty or missing (0), or is something else (-1).
 */
int devnet_kind(const char *directory);
/* NULL where there is none of that name. */
const struct devnet_node *devnet_node_by_name(const struct devnet *devnet, const char *name);

/* Fills `ports` with `count` different TCP ports that nothing listens on now, in one run where that is
 * possible. */
enum tool_exit devnet_ports(struct context *context, uint32_t count, uint16_t *ports) TALLY_MUST_CHECK;

/* The node's process, or 0 where it is not running. */
pid_t devnet_node_pid(const struct devnet_node *node);
/* Starts the daemon in a session of its own, its log behind node.log. The first start of a home also makes
 * its vote record, which a node never makes by itself. The node need not answer yet when this returns. */
enum tool_exit devnet_node_start(struct context *context, const struct devnet_node *node) TALLY_MUST_CHECK;
/* Asks the nodes that run to end, waits 5 s, and kills those that have not. */
enum tool_exit devnet_nodes_stop(
    struct context *context, const struct devnet_node *nodes, uint32_t count) TALLY_MUST_CHECK;
/* The last line of the node's log, "" where there is none. */
void devnet_log_last(const struct devnet_node *node, char *line, size_t line_size);

#endif
