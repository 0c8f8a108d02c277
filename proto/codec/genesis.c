/* What follows from a genesis: its chain id, its first validators, and the roots that stand under the state.
 */
#include "proto/codec/genesis.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/signature.h"

#define FIRST_EPOCH 1

static void hash_text(struct hasher *hasher, const char *text)
{
    hasher_sized(hasher, span_of(text, strlen(text)));
}

static void hash_keys(struct hasher *hasher, const struct public_key *keys, uint32_t count)
{
    hasher_u32(hasher, count);
    for (uint32_t i = 0; i < count; i++)
        hasher_bytes(hasher, keys[i].bytes, PUBLIC_KEY_SIZE);
}

static void hash_members(struct hasher *hasher, const struct genesis *genesis)
{
    hasher_u32(hasher, genesis->member_count);
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        hasher_u32(hasher, member->id);
        hash_text(hasher, member->name);
        hash_text(hasher, member->kind);
        hash_text(hasher, member->licence);
        hasher_u8(hasher, (uint8_t)member->role);
        hash_keys(hasher, member->keys, member->key_count);
        hash_keys(hasher, member->ballot_keys, member->ballot_key_count);
    }
}

static void hash_nodes(struct hasher *hasher, const struct genesis_node *nodes, uint32_t count)
{
    hasher_u32(hasher, count);
    for (uint32_t i = 0; i < count; i++) {
        hash_text(hasher, nodes[i].name);
        hasher_u32(hasher, nodes[i].member_id);
        hash_text(hasher, nodes[i].address);
        hasher_bytes(hasher, nodes[i].key.bytes, PUBLIC_KEY_SIZE);
    }
}

void genesis_identify(struct genesis *genesis)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_GENESIS);
    hash_text(&hasher, genesis->network);
    hasher_u64(&hasher, genesis->created_ms);
    hasher_u8(&hasher, genesis->open_reads ? 1 : 0);
    hasher_u32(&hasher, genesis->base_timeout_ms);
    hasher_u32(&hasher, genesis->heartbeat_ms);
    struct digest policy = credit_policy_root(&genesis->policy);
    hasher_digest(&hasher, &policy);
    hash_members(&hasher, genesis);
    hash_nodes(&hasher, genesis->validators, genesis->validator_count);
    hash_nodes(&hasher, genesis->observers, genesis->observer_count);
    genesis->chain_id = hasher_final(&hasher);
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, PUBLIC_KEY_SIZE);
}

void genesis_validator_set(const struct genesis *genesis, struct validator_set *set)
{
    CHECK(genesis->validator_count >= VALIDATORS_MIN && genesis->validator_count <= VALIDATORS_MAX);
    *set = (struct validator_set){.epoch = FIRST_EPOCH, .count = genesis->validator_count};
    for (uint32_t i = 0; i < set->count; i++)
        set->keys[i] = genesis->validators[i].key;
    qsort(set->keys, set->count, sizeof set->keys[0], compare_keys);
}

const struct genesis_member *genesis_member_by_id(const struct genesis *genesis, uint32_t id)
{
    for (uint32_t i = 0; i < genesis->member_count; i++)
        if (genesis->members[i].id == id) return &genesis->members[i];
    return NULL;
}

static const struct genesis_node *find_node(
    const struct genesis_node *nodes, uint32_t count, const struct public_key *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (public_key_equal(&nodes[i].key, key)) return &nodes[i];
    return NULL;
}

const struct genesis_node *genesis_node_by_key(const struct genesis *genesis, const struct public_key *key)
{
    const struct genesis_node *node = find_node(genesis->validators, genesis->validator_count, key);
    return node != NULL ? node : find_node(genesis->observers, genesis->observer_count, key);
}
