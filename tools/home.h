/* A node's home directory, as the command line sees it: where the node answers, and the member's keys.
 *
 *   node.yaml      name, addresses, peers, client certificates and their roles
 *   node.key       the node's secp256k1 secret        signing.key  the member's, which signs batches
 *   ballot.key     the member's, by which it votes    salt.key  the member's key for derived salts
 *   subject.key    the network's key for subject ids
 *   genesis.json   a copy of the network's
 *   rpc.crt .key   the RPC's certificate              client.crt .key  the member's own client
 *   data/          the node's own                     node.log, node.pid  a development network's */
#ifndef TALLY_TOOLS_HOME_H
#define TALLY_TOOLS_HOME_H

#include <limits.h>

#include "proto/codec/genesis.h"
#include "tools/command.h"
#include "tools/file.h"
#include "tools/secret_file.h"

#define HOME_PATH_MAX PATH_MAX
#define HOME_HOST_MAX 255
#define GENESIS_FILE_SIZE_MAX (1u * MIB)

struct home {
    char path[HOME_PATH_MAX];
    char name[NAME_SIZE_MAX + 1]; /* the node's */
    char rpc_host[HOME_HOST_MAX + 1];
    uint16_t rpc_port;
};

/* Reads DIR/node.yaml. The context holds why it failed. */
enum tool_exit home_open(struct context *context, const char *directory, struct home *home) TALLY_MUST_CHECK;
/* The same for the home the command line names. */
enum tool_exit home_open_given(struct context *context, struct home *home) TALLY_MUST_CHECK;

/* directory/file; a path that is too long fails. */
enum tool_exit path_join(struct context *context, const char *directory, const char *file,
    char path[HOME_PATH_MAX]) TALLY_MUST_CHECK;

/* Takes the lock of a stopped node's data folder, so that none starts on it meanwhile; disk_unlock lets go.
 */
enum tool_exit data_lock(struct context *context, const char *data, int *lock) TALLY_MUST_CHECK;

/* A key file of the home, such as "signing.key"; the caller wipes it. */
enum tool_exit home_key(struct context *context, const struct home *home, const char *file,
    uint8_t key[KEY_TEXT_SECRET_SIZE]) TALLY_MUST_CHECK;

/* Reads and checks a genesis file. The result is the caller's to free(). */
enum tool_exit genesis_open(
    struct context *context, const char *path, struct genesis **genesis) TALLY_MUST_CHECK;
enum tool_exit home_genesis(
    struct context *context, const struct home *home, struct genesis **genesis) TALLY_MUST_CHECK;

/* Splits "host:port" or "[host]:port". Errors: TALLY_EFORM. */
int address_parse(const char *text, char host[HOME_HOST_MAX + 1], uint16_t *port) TALLY_MUST_CHECK;

#endif
