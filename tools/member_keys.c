#include "tools/member_keys.h"

#include <stdlib.h>

enum tool_exit member_keys_load(struct context *context, const struct home *home, struct import_keys *keys)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) code = home_key(context, home, "signing.key", keys->signing.bytes);
    if (code == TOOL_DONE) code = home_key(context, home, "salt.key", keys->salt_key);
    if (code == TOOL_DONE && secret_key_public(&keys->signing, &keys->signing_public) != TALLY_OK) {
        code =
            context_fail(context, TOOL_REFUSED, "KEY", "%s/signing.key holds no secp256k1 key", home->path);
    }
    if (code == TOOL_DONE) {
        keys->chain_id = genesis->chain_id;
        for (uint32_t i = 0; i < genesis->member_count; i++) {
            const struct genesis_member *member = &genesis->members[i];
            for (uint32_t k = 0; k < member->key_count; k++) {
                if (public_key_equal(&member->keys[k], &keys->signing_public)) keys->member_id = member->id;
            }
        }
        if (keys->member_id == 0) {
            code = context_fail(context, TOOL_REFUSED, "KEY",
                "%s/signing.key is no member's signing key in %s/genesis.json", home->path, home->path);
        }
    }
    free(genesis);
    return code;
}
