#include "tools/member_keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "tools/key_in_force.h"
#include "tools/remote_register.h"

/* The member whose key genesis says it is; 0 for none. */
static uint32_t founder_of(const struct genesis *genesis, const struct public_key *key)
{
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        for (uint32_t k = 0; k < member->key_count; k++)
            if (public_key_equal(&member->keys[k], key)) return member->id;
    }
    return 0;
}

/* The key that the network has in force by now, and whose it is. */
static enum tool_exit newest_load(struct context *context, const struct home *home, struct import_keys *keys)
{
    struct key_pair pair = {0};
    struct remote remote = {.client = NULL};
    uint64_t height;
    struct member_register *now = calloc(1, sizeof *now);
    enum tool_exit code = now == NULL ? context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory")
                                      : remote_open(context, home, &remote);
    if (code == TOOL_DONE) code = remote_register(context, &remote, now, &height);
    if (code == TOOL_DONE) code = key_in_force(context, home, now, KEY_SIGNING, &pair, &keys->member_id);
    keys->signing = pair.secret;
    keys->signing_public = pair.public;
    secret_key_close(&pair.secret);
    remote_close(&remote);
    free(now);
    return code;
}

/* A key of genesis that nobody is about to change needs no question. */
static enum tool_exit signing_load(
    struct context *context, const struct home *home, const struct genesis *genesis, struct import_keys *keys)
{
    char path[HOME_PATH_MAX], next[HOME_PATH_MAX];
    struct key_pair pair = {0};
    enum tool_exit code = path_join(context, home->path, "signing.key", path);
    if (code == TOOL_DONE) code = path_join(context, home->path, "signing.key.next", next);
    if (code == TOOL_DONE) code = key_pair_open(context, path, &pair);
    if (code != TOOL_DONE) return code;
    keys->member_id = founder_of(genesis, &pair.public);
    keys->signing = pair.secret;
    keys->signing_public = pair.public;
    secret_key_close(&pair.secret);
    return keys->member_id != 0 && access(next, F_OK) != 0 ? TOOL_DONE : newest_load(context, home, keys);
}

enum tool_exit member_keys_load(struct context *context, const struct home *home, struct import_keys *keys)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) code = signing_load(context, home, genesis, keys);
    if (code == TOOL_DONE) code = home_key(context, home, "salt.key", keys->salt_key);
    if (code == TOOL_DONE) keys->chain_id = genesis->chain_id;
    free(genesis);
    return code;
}
