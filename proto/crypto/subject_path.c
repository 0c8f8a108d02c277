#include "proto/crypto/subject_path.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

static struct digest of_subject(enum tag tag, const struct digest *chain_id, const struct digest *subject_id)
{
    struct hasher hasher;
    hasher_init(&hasher, tag);
    hasher_digest(&hasher, chain_id);
    hasher_digest(&hasher, subject_id);
    return hasher_final(&hasher);
}

struct digest subject_position(const struct digest *chain_id, const struct digest *subject_id)
{
    return of_subject(TAG_SUBJECT_POSITION, chain_id, subject_id);
}

struct digest subject_fold_start(const struct digest *chain_id, const struct digest *subject_id)
{
    return of_subject(TAG_HISTORY_START, chain_id, subject_id);
}

struct digest subject_fold_step(const struct digest *acc, uint64_t index, uint64_t height, uint64_t time_ms,
    uint16_t result, const struct digest *event_id)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_HISTORY_STEP);
    hasher_digest(&hasher, acc);
    hasher_u64(&hasher, index);
    hasher_u64(&hasher, height);
    hasher_u64(&hasher, time_ms);
    hasher_u16(&hasher, result);
    hasher_digest(&hasher, event_id);
    return hasher_final(&hasher);
}

struct digest account_ids_step(const struct digest *before, const struct digest *event_id, uint8_t type,
    uint32_t period, const struct digest *link)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_ACCOUNT_IDS);
    hasher_digest(&hasher, before);
    hasher_digest(&hasher, event_id);
    hasher_u8(&hasher, type);
    hasher_u32(&hasher, period);
    hasher_digest(&hasher, link);
    return hasher_final(&hasher);
}

struct digest item_ids_step(const struct digest *before, uint32_t member_id, const uint8_t item_id[16],
    const struct digest *event_id, uint32_t type, uint32_t result)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_ITEM_IDS);
    hasher_digest(&hasher, before);
    hasher_u32(&hasher, member_id);
    hasher_bytes(&hasher, item_id, 16);
    hasher_digest(&hasher, event_id);
    hasher_u32(&hasher, type);
    hasher_u32(&hasher, result);
    return hasher_final(&hasher);
}

struct digest subject_leaf_hash(const struct digest *position, const struct subject_leaf *leaf)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_MAP_VALUE);
    hasher_u64(&hasher, leaf->count);
    hasher_u64(&hasher, leaf->last_height);
    hasher_digest(&hasher, &leaf->acc);
    hasher_digest(&hasher, &leaf->summary);
    struct digest value = hasher_final(&hasher);
    hasher_init(&hasher, TAG_MAP_LEAF);
    hasher_digest(&hasher, position);
    hasher_digest(&hasher, &value);
    return hasher_final(&hasher);
}

struct digest subject_node_hash(const struct digest *left, const struct digest *right)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_MAP_NODE);
    hasher_digest(&hasher, left);
    hasher_digest(&hasher, right);
    return hasher_final(&hasher);
}

size_t position_shared_bits(const struct digest *a, const struct digest *b)
{
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        unsigned differ = (unsigned)(a->bytes[i] ^ b->bytes[i]);
        if (differ != 0) return 8 * i + (size_t)__builtin_clz(differ) - 24;
    }
    return 8 * DIGEST_SIZE;
}

struct digest subject_path_root(
    const struct digest *position, const struct digest *node, const struct digest *siblings, size_t length)
{
    CHECK(length <= SUBJECT_PATH_LENGTH_MAX);
    struct digest at = *node;
    for (size_t i = length; i > 0; i--) {
        bool is_right = position_bit(position, i - 1) == 1;
        at = is_right ? subject_node_hash(&siblings[i - 1], &at) : subject_node_hash(&at, &siblings[i - 1]);
    }
    return at;
}
