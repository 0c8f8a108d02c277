#include "node/commit/register_index.h"

#include <string.h>

/* A key's x, without the sign of its y: those of one x stand beside each other. */
static uint32_t slot_of(const struct register_index *index, const struct public_key *key)
{
    struct digest x;
    memcpy(x.bytes, key->bytes + 1, DIGEST_SIZE);
    return digest_hash(&index->hash, &x) & (REGISTER_INDEX_SLOTS - 1);
}
_Static_assert(PUBLIC_KEY_SIZE == 1 + DIGEST_SIZE, "a key is a sign and an x");

void register_index_init(struct register_index *index)
{
    digest_hash_key_init(&index->hash);
    memset(index->slots, 0, sizeof index->slots);
}

void register_index_make(struct register_index *index, const struct member_register *of)
{
    memset(index->slots, 0, sizeof index->slots);
    for (uint32_t i = 0; i < of->key_count; i++) {
        uint32_t slot = slot_of(index, &of->keys[i].key);
        while (index->slots[slot] != 0)
            slot = (slot + 1) & (REGISTER_INDEX_SLOTS - 1);
        index->slots[slot] = (uint16_t)(i + 1);
    }
}

const struct register_key *register_index_find(
    const struct register_index *index, const struct member_register *of, const struct public_key *key)
{
    uint32_t slot = slot_of(index, key);
    for (; index->slots[slot] != 0; slot = (slot + 1) & (REGISTER_INDEX_SLOTS - 1)) {
        const struct register_key *found = &of->keys[index->slots[slot] - 1];
        if (public_key_equal(&found->key, key)) return found;
    }
    return NULL;
}
