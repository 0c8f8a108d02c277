/* A node's home: node.yaml, its keys, and the network's genesis. */
#ifndef TALLY_NODE_CONFIG_H
#define TALLY_NODE_CONFIG_H

#include "node/keys/node_keys.h"
#include "node/net/log.h"
#include "node/rpc/clients.h"
#include "proto/codec/genesis.h"
#include "proto/crypto/signature.h"
#include "proto/proof/verify.h"

#define HOST_SIZE_MAX 253
#define PATH_SIZE_MAX 4096
#define CONFIG_FILE_SIZE_MAX (1u * MIB)

struct config_address {
    char host[HOST_SIZE_MAX + 1];
    uint16_t port;
};

struct config_peer {
    char name[NAME_SIZE_MAX + 1]; /* as the network knows it */
    struct config_address address;
};

struct config {
    char home[PATH_SIZE_MAX];
    char name[NAME_SIZE_MAX + 1]; /* this node's, as the network knows it */
    struct config_address peer_address, rpc_address;
    uint32_t peer_count;
    struct config_peer peers[PEERS_MAX]; /* those that are reached elsewhere than the network says */
    uint32_t client_count;
    struct client_entry clients[CLIENTS_MAX];
    uint32_t subject_cache_mib; /* memory for subjects' states; 0 = not said */
    enum log_level log_level;   /* the least that is written */
    struct node_keys *keys;     /* the node's own; it goes over to the next one by itself */
    struct genesis genesis;
    struct known_checkpoint *trusted; /* what the node was told to trust (node/trust.h); NULL = nothing */
    bool founds;                      /* node.key is that of a validator in genesis */
};

/* Reads HOME/node.yaml, HOME/node.key (which `passphrase` opens where it is sealed; NULL is fine) and
 * HOME/genesis.json, and holds them against each other. On failure `why` is one sentence: what, where, what
 * to do. The struct is large: heap. Errors: TALLY_ENOTFOUND, TALLY_EIO, TALLY_EFORM, TALLY_EDENIED (a key
 * file that others may read). */
int config_load(const char *home, const struct passphrase *passphrase, struct config *config, char *why,
    size_t why_size) TALLY_MUST_CHECK;
/* Takes a checkpoint that this node is told to trust beside its genesis, from a file that tally checkpoint
 * --out saved. `why` as above. Errors: TALLY_ENOTFOUND, TALLY_EIO, TALLY_EFORM, TALLY_EINVALID (it does not
 * hold), TALLY_ENOMEM. */
int config_trust(const char *path, struct config *config, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Wipes the keys. */
void config_close(struct config *config);

/* Reads HOME/node.yaml alone: all but the key, the genesis and what follows from them, which are zero. Errors
 * as above. */
int config_read(const char *home, struct config *config, char *why, size_t why_size) TALLY_MUST_CHECK;
/* The same of a text, into a struct of zeros; `path` is what `why` calls it. On failure `why` names the line,
 * the key, and what is allowed. Errors: TALLY_EFORM. */
int config_parse(
    struct span text, const char *path, struct config *config, char *why, size_t why_size) TALLY_MUST_CHECK;

/* HOST:PORT; an IPv6 address stands in brackets, which are left out. Errors: TALLY_EFORM. */
int config_address_parse(const char *text, struct config_address *address) TALLY_MUST_CHECK;
/* Where a node is reached: as node.yaml's peers say by its name, else as the network does (an address of
 * genesis or the register). */
struct config_address config_peer_address(
    const struct config *config, const char *name, const char *registered);

#endif
