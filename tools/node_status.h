/* What a node says about itself, asked and copied into plain values. */
#ifndef TALLY_TOOLS_NODE_STATUS_H
#define TALLY_TOOLS_NODE_STATUS_H

#include "proto/base/agreement.h"
#include "tools/remote.h"

struct node_peer {
    char name[NAME_SIZE_MAX + 1];
    char role[NAME_SIZE_MAX + 1];
    bool connected;
    uint64_t finalized_height;
    uint64_t heard_ms_ago;
};

struct node_status {
    struct digest chain_id;
    char name[NAME_SIZE_MAX + 1];
    char role[NAME_SIZE_MAX + 1];
    char version[NAME_SIZE_MAX + 1];
    uint64_t epoch, view, finalized_height, applied_height, events, subjects;
    uint32_t mempool_batches;
    struct digest applied_state_root;
    bool has_checkpoint;
    uint64_t checkpoint_height, checkpoint_time_ms;
    struct digest checkpoint_state_root;
    uint32_t peer_count;
    struct node_peer peers[PEERS_MAX];
};

/* Asks over an open connection. */
enum tool_exit node_status_ask(
    struct context *context, struct remote *remote, struct node_status *status) TALLY_MUST_CHECK;

#endif
