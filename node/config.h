/* A node's home: node.yaml, its keys, and the network's genesis. */
#ifndef TALLY_NODE_CONFIG_H
#define TALLY_NODE_CONFIG_H

#include "proto/codec/genesis.h"
#include "proto/crypto/signature.h"

#define HOST_SIZE_MAX 253
#define CLIENTS_MAX 256
#define PATH_SIZE_MAX 4096

enum client_role {
    CLIENT_SUBMIT = 1 << 0,
    CLIENT_READ = 1 << 1,
    CLIENT_ADMIN = 1 << 2,
    CLIENT_INQUIRE = 1 << 3,
};

struct config_address {
    char host[HOST_SIZE_MAX + 1];
    uint16_t port;
};

struct config_peer {
    char name[NAME_SIZE_MAX + 1]; /* as in genesis */
    struct config_address address;
};

struct config_client {
    char name[NAME_SIZE_MAX + 1];
    struct digest fingerprint; /* SHA-256 of the client's certificate, DER */
    uint32_t roles;            /* enum client_role, or-ed */
};

struct config {
    char home[PATH_SIZE_MAX];
    char name[NAME_SIZE_MAX + 1]; /* this node's, as in genesis */
    struct config_address peer_address, rpc_address;
    uint32_t peer_count;
    struct config_peer peers[PEERS_MAX];
    uint32_t client_count;
    struct config_client clients[CLIENTS_MAX];
    uint32_t subject_cache_mib; /* memory for subjects' states; 0 = not said */
    struct secret_key node_key;
    struct genesis genesis;
    const struct genesis_node *self; /* in genesis: found by node_key, and of the same name */
    bool is_validator;
};

/* Reads HOME/node.yaml, HOME/node.key and HOME/genesis.json, and holds them against each other. On failure
 * `why` is one sentence: what, where, what to do. The struct is large: heap. Errors: TALLY_ENOTFOUND,
 * TALLY_EIO, TALLY_EFORM, TALLY_EDENIED (a key file that others may read). */
int config_load(const char *home, struct config *config, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Wipes the key. */
void config_close(struct config *config);

#endif
