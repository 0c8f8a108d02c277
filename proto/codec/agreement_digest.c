/* What is hashed and signed of consensus objects: each field at its fixed width, big-endian, in the order
 * given here. */
#include "proto/codec/agreement.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/merkle.h"

/* The kind byte of every signed tuple. Votes have their own numbers, 1 to 3. */
#define KIND_PROPOSAL 4
#define KIND_CHECKPOINT 5
_Static_assert(VOTE_NULLIFY < KIND_PROPOSAL, "no kind means two things");

/* Starts a signed tuple: (tag, chain id, epoch, kind). */
static void begin_signed(
    struct hasher *hasher, enum tag tag, const struct digest *chain_id, uint64_t epoch, unsigned kind)
{
    hasher_init(hasher, tag);
    hasher_digest(hasher, chain_id);
    hasher_u64(hasher, epoch);
    hasher_u8(hasher, (uint8_t)kind);
}

struct digest block_header_hash(const struct block_header *header)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_BLOCK);
    hasher_digest(&hasher, &header->chain_id);
    hasher_u64(&hasher, header->epoch);
    hasher_u64(&hasher, header->view);
    hasher_u64(&hasher, header->height);
    hasher_u64(&hasher, header->parent_view);
    hasher_digest(&hasher, &header->parent_hash);
    hasher_digest(&hasher, &header->payload_root);
    hasher_u32(&hasher, header->payload_size);
    hasher_u32(&hasher, header->payload_events);
    hasher_u64(&hasher, header->time_ms);
    hasher_u8(&hasher, header->seals ? 1 : 0);
    hasher_u8(&hasher, header->after_seal ? 1 : 0);
    hasher_digest(&hasher, &header->next_set);
    hasher_digest(&hasher, &header->justification_root);
    return hasher_final(&hasher);
}

struct digest justification_root(struct span justification_bytes)
{
    return digest_tagged(TAG_JUSTIFICATION, justification_bytes);
}

struct digest proposal_digest(
    const struct digest *chain_id, const struct block_header *header, const struct digest *hash)
{
    struct hasher hasher;
    begin_signed(&hasher, TAG_PROPOSAL, chain_id, header->epoch, KIND_PROPOSAL);
    hasher_u64(&hasher, header->view);
    hasher_digest(&hasher, hash);
    return hasher_final(&hasher);
}

struct digest vote_digest(const struct digest *chain_id, uint64_t epoch, enum vote_kind kind, uint64_t view,
    const struct digest *block)
{
    struct hasher hasher;
    CHECK(kind >= VOTE_NOTARIZE && kind <= VOTE_NULLIFY);
    begin_signed(&hasher, TAG_VOTE, chain_id, epoch, kind);
    hasher_u64(&hasher, view);
    hasher_digest(&hasher, block);
    return hasher_final(&hasher);
}

struct digest checkpoint_digest(const struct checkpoint *checkpoint)
{
    struct hasher hasher;
    begin_signed(&hasher, TAG_CHECKPOINT, &checkpoint->chain_id, checkpoint->epoch, KIND_CHECKPOINT);
    hasher_u64(&hasher, checkpoint->height);
    hasher_digest(&hasher, &checkpoint->block);
    hasher_u64(&hasher, checkpoint->time_ms);
    hasher_digest(&hasher, &checkpoint->state_root);
    hasher_digest(&hasher, &checkpoint->results_root);
    hasher_digest(&hasher, &checkpoint->history_root);
    hasher_digest(&hasher, &checkpoint->set_hash);
    hasher_digest(&hasher, &checkpoint->next_set_hash);
    return hasher_final(&hasher);
}

struct digest validator_set_hash(const struct validator_set *set)
{
    struct hasher hasher;
    CHECK(set->count <= VALIDATORS_MAX);
    hasher_init(&hasher, TAG_VALIDATOR_SET);
    hasher_u64(&hasher, set->epoch);
    hasher_u32(&hasher, set->count);
    for (uint32_t i = 0; i < set->count; i++)
        hasher_bytes(&hasher, set->keys[i].bytes, PUBLIC_KEY_SIZE);
    return hasher_final(&hasher);
}
