#include "tools/trust.h"

#include <stdlib.h>

enum tool_exit trust_from_genesis(
    struct context *context, const struct genesis *genesis, struct proof_trust *trust)
{
    struct validator_set set;
    *trust = (struct proof_trust){.chain_id = genesis->chain_id};
    genesis_validator_set(genesis, &set);
    if (verify_set_init(&set, &trust->validators) != TALLY_OK) {
        return context_fail(
            context, TOOL_REFUSED, "GENESIS", "the genesis names a validator's key that is no key");
    }
    return TOOL_DONE;
}

enum tool_exit trust_from_home(struct context *context, const struct home *home, struct proof_trust *trust)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, genesis, trust);
    free(genesis);
    return code;
}
