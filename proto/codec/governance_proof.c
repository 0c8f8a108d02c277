/* The keys that an action brings, and that their holders want it to. */
#include "proto/base/check.h"
#include "proto/codec/governance.h"
#include "proto/crypto/digest.h"

uint32_t action_new_keys(const struct governance_action *action, const struct public_key **keys)
{
    const struct join *join = &action->join;
    uint32_t count = 0;
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        for (uint32_t i = 0; i < join->signing_key_count; i++)
            keys[count++] = &join->signing_keys[i];
        for (uint32_t i = 0; i < join->ballot_key_count; i++)
            keys[count++] = &join->ballot_keys[i];
        for (uint32_t i = 0; i < join->node_count; i++)
            keys[count++] = &join->nodes[i].key;
        return count;
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
        keys[0] = &action->key;
        return 1;
    case ACTION_ADD_NODE:
        keys[0] = &action->node.key;
        return 1;
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
    case ACTION_REVOKE_KEY:
    case ACTION_SET_VALIDATORS:
    case ACTION_SET_POLICY:
    case ACTION_SET_PARAMETER:
    case ACTION_SET_FLAG:
        return 0;
    }
    CHECK_UNREACHABLE();
}

struct digest action_proof_digest(const struct digest *chain_id, struct span action)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_KEY_PROOF);
    hasher_digest(&hasher, chain_id);
    hasher_sized(&hasher, action);
    return hasher_final(&hasher);
}

int action_proofs_check(const struct governance_action *action, const struct digest *chain_id,
    struct span action_bytes, struct span proofs)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = action_new_keys(action, keys);
    struct digest digest = action_proof_digest(chain_id, action_bytes);
    if (proofs.size != (size_t)count * SIGNATURE_SIZE) return TALLY_ESIGNATURE;
    for (uint32_t i = 0; i < count; i++) {
        struct verify_key parsed;
        struct signature signature;
        memcpy(signature.bytes, proofs.data + (size_t)i * SIGNATURE_SIZE, SIGNATURE_SIZE);
        if (verify_key_parse(keys[i], &parsed) != TALLY_OK) return TALLY_ESIGNATURE;
        int error = signature_check(&parsed, &digest, &signature);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}
