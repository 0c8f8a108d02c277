/* What a new home is made of, file by file. Nothing that is there is ever written over. */
#ifndef TALLY_TOOLS_HOME_MAKE_H
#define TALLY_TOOLS_HOME_MAKE_H

#include "proto/crypto/signature.h"
#include "tools/home.h"

/* Makes a directory for this user alone; one that is there will do. */
enum tool_exit directory_make(struct context *context, const char *path) TALLY_MUST_CHECK;

/* directory/file with this content. */
enum tool_exit text_make(struct context *context, const char *directory, const char *file, mode_t mode,
    struct span content) TALLY_MUST_CHECK;
/* directory/file with a secret, and its public half where it has one. */
enum tool_exit secret_make(struct context *context, const char *directory, const char *file,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *key) TALLY_MUST_CHECK;

/* rpc.crt and rpc.key, for a server called `node` that is reached by `names`; client.crt and client.key, of
 * the member's own client, whose fingerprint node.yaml lists. */
enum tool_exit certificates_make(struct context *context, const char *directory, const char *node,
    const char *const *names, size_t name_count, struct digest *client) TALLY_MUST_CHECK;

#endif
