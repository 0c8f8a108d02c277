#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tools/devnet.h"

static enum tool_exit node_open(struct context *context, const struct devnet *devnet,
    const struct genesis_node *from, bool validates, struct devnet_node *node)
{
    snprintf(node->name, sizeof node->name, "%s", from->name);
    node->is_validator = validates;
    return path_join(context, devnet->path, from->name, node->home);
}

enum tool_exit devnet_open(struct context *context, const char *directory, struct devnet *devnet)
{
    char path[HOME_PATH_MAX];
    *devnet = (struct devnet){.node_count = 0};
    if (devnet_kind(directory) != 1) {
        return context_fail(context, TOOL_REFUSED, "NO_DEVNET",
            "%s holds no development network; make one with: tally devnet up --dir %s", directory, directory);
    }
    if (realpath(directory, devnet->path) == NULL) {
        return context_fail(context, TOOL_REFUSED, "FILE", "the directory %s cannot be resolved", directory);
    }
    enum tool_exit code = path_join(context, devnet->path, "genesis.json", path);
    if (code == TOOL_DONE) code = genesis_open(context, path, &devnet->genesis);
    if (code != TOOL_DONE) return code;
    const struct genesis *genesis = devnet->genesis;
    CHECK(genesis->validator_count + genesis->observer_count <= DEVNET_NODES_MAX);
    devnet->nodes = calloc(genesis->validator_count + genesis->observer_count, sizeof *devnet->nodes);
    if (devnet->nodes == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    for (uint32_t i = 0; code == TOOL_DONE && i < genesis->validator_count; i++) {
        code =
            node_open(context, devnet, &genesis->validators[i], true, &devnet->nodes[devnet->node_count++]);
    }
    for (uint32_t i = 0; code == TOOL_DONE && i < genesis->observer_count; i++) {
        code =
            node_open(context, devnet, &genesis->observers[i], false, &devnet->nodes[devnet->node_count++]);
    }
    return code;
}

void devnet_close(struct devnet *devnet)
{
    free(devnet->genesis);
    free(devnet->nodes);
    *devnet = (struct devnet){.node_count = 0};
}

const struct devnet_node *devnet_node_by_name(const struct devnet *devnet, const char *name)
{
    for (uint32_t i = 0; i < devnet->node_count; i++) {
        if (strcmp(devnet->nodes[i].name, name) == 0) return &devnet->nodes[i];
    }
    return NULL;
}
