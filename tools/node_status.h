/* What a node says about itself, asked and copied into plain values. */
#ifndef TALLY_TOOLS_NODE_STATUS_H
#define TALLY_TOOLS_NODE_STATUS_H

#include "proto/base/agreement.h"
#include "proto/codec/register.h"
#include "tools/remote.h"

struct node_peer {
    char name[NAME_SIZE_MAX + 1];
    char role[NAME_SIZE_MAX + 1];
    bool connected;
    uint64_t finalized_height;
    uint64_t heard_ms_ago;
    char software[NAME_SIZE_MAX + 1]; /* as it says; "" = it has not */
};

/* NODE_NEVER stands for "not since the node started". */
#define NODE_NEVER UINT64_MAX
struct node_validator {
    char name[NAME_SIZE_MAX + 1];
    bool reachable;
    uint64_t heard_ms_ago, spoke_ms_ago, spoke_view;
    bool notarized, nullified; /* in the current view */
    bool finalized;            /* in tip_view */
};

/* The register's epoch, and the protocol flags that members switched on. */
struct node_register {
    uint64_t epoch, epoch_from;
    uint64_t next_settled; /* 0 = no next epoch is wanted */
    uint32_t next_validators;
    uint32_t flags_known; /* by the node's program: 1 to so many */
    uint32_t flag_count;
    struct register_flag flags[REGISTER_FLAGS_MAX];
};

#define NODE_WHY_SIZE_MAX 16384
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
    char standing[NAME_SIZE_MAX + 1], leader[NAME_SIZE_MAX + 1], mute_reason[MESSAGE_SIZE_MAX];
    char why[NODE_WHY_SIZE_MAX + 1];
    bool healthy, may_vote;
    uint32_t quorum;
    uint64_t tip_view;
    uint32_t validator_count;
    struct node_validator validators[VALIDATORS_MAX];
    uint64_t uncertified_height; /* 0 = none, and no groups */
    uint32_t group_count;
    uint32_t groups[VALIDATORS_MAX]; /* by validator: who signed alike has one number; 0 = has not signed */
    uint32_t own_group;              /* of what the node computed; 0 = nobody signed that */
    struct node_register members;
};

/* Asks over an open connection. */
enum tool_exit node_status_ask(
    struct context *context, struct remote *remote, struct node_status *status) TALLY_MUST_CHECK;

#endif
