#include "proto/codec/agreement.h"

#include <stdatomic.h>

#include "proto/base/check.h"

int verify_set_init(const struct validator_set *set, struct verify_set *verify)
{
    struct verify_set read = {.set = *set};
    if (set->count < VALIDATORS_MIN || set->count > VALIDATORS_MAX) return TALLY_EFORM;
    for (uint32_t i = 0; i < set->count; i++) {
        if (i > 0 && memcmp(set->keys[i - 1].bytes, set->keys[i].bytes, PUBLIC_KEY_SIZE) >= 0)
            return TALLY_EFORM;
        int error = verify_key_parse(&set->keys[i], &read.parsed[i]);
        if (error != TALLY_OK) return error;
    }
    *verify = read;
    return TALLY_OK;
}

/* One signature each, over the same digest, of exactly a quorum of the set. */
static int quorum_check(const struct verify_set *set, const struct digest *digest, uint64_t signers,
    const struct signature *signatures)
{
    uint32_t n = set->set.count;
    CHECK(n >= VALIDATORS_MIN && n <= VALIDATORS_MAX);
    if (n < 64 && signers >> n != 0) return TALLY_ESIGNATURE;
    if ((uint32_t)__builtin_popcountll(signers) != quorum_of(n)) return TALLY_ESIGNATURE;
    for (uint32_t signer = 0, next = 0; signer < n; signer++) {
        if ((signers >> signer & 1) == 0) continue;
        int error = signature_check(&set->parsed[signer], digest, &signatures[next++]);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

int vote_check(const struct verify_set *set, const struct digest *chain_id, const struct vote *vote)
{
    if (vote->epoch != set->set.epoch) return TALLY_EINVALID;
    if (vote->signer >= set->set.count) return TALLY_ESIGNATURE;
    struct digest digest = vote_digest(chain_id, vote->epoch, vote->kind, vote->view, &vote->block);
    return signature_check(&set->parsed[vote->signer], &digest, &vote->signature);
}

int certificate_check(
    const struct verify_set *set, const struct digest *chain_id, const struct certificate *certificate)
{
    if (certificate->epoch != set->set.epoch) return TALLY_EINVALID;
    struct digest digest =
        vote_digest(chain_id, certificate->epoch, certificate->kind, certificate->view, &certificate->block);
    return quorum_check(set, &digest, certificate->signers, certificate->signatures);
}

int certified_checkpoint_check(const struct verify_set *set, const struct certified_checkpoint *checkpoint)
{
    if (checkpoint->checkpoint.epoch != set->set.epoch) return TALLY_EINVALID;
    struct digest digest = checkpoint_digest(&checkpoint->checkpoint);
    return quorum_check(set, &digest, checkpoint->signers, checkpoint->signatures);
}

bool finalization_is_of(const struct certificate *finalization, const struct block_header *header,
    const struct digest *hash, const struct block_header *seal_path, uint32_t seal_path_count)
{
    struct digest last = *hash;
    uint64_t view = header->view;
    if (seal_path_count > 0 && !header->seals) return false;
    for (uint32_t i = 0; i < seal_path_count; i++) {
        const struct block_header *child = &seal_path[i];
        bool follows = child->epoch == header->epoch && child->height == header->height + 1 + i &&
                       child->parent_view == view && child->view > view && child->after_seal &&
                       !child->seals && digest_equal(&child->parent_hash, &last);
        if (!follows) return false;
        last = block_header_hash(child);
        view = child->view;
    }
    return finalization->kind == VOTE_FINALIZE && finalization->epoch == header->epoch &&
           finalization->view == view && digest_equal(&finalization->block, &last);
}

bool block_is_finalized(const struct block *block)
{
    return block->has_finalization && finalization_is_of(&block->finalization, &block->header, &block->hash,
                                          block->seal_path, block->seal_path_count);
}

/* The parent ended the epoch before: that it is final is proven by that epoch's validators. */
static int seal_check(
    const struct verify_set *set, const struct digest *chain_id, const struct justification *justification)
{
    const struct verify_set *before = atomic_load_explicit(&set->before, memory_order_acquire);
    if (before == NULL) return TALLY_ENOTFOUND;
    if (before->set.epoch != justification->parent.epoch) return TALLY_EINVALID;
    if (!finalization_is_of(&justification->parent_certificate, &justification->parent,
            &justification->parent_hash, justification->seal_path, justification->seal_path_count))
        return TALLY_EINVALID;
    struct digest next = validator_set_hash(&set->set);
    if (!digest_equal(&justification->parent.next_set, &next)) return TALLY_EINVALID;
    return certificate_check(before, chain_id, &justification->parent_certificate);
}

static int parent_check(
    const struct verify_set *set, const struct digest *chain_id, const struct justification *justification)
{
    struct digest hash = block_header_hash(&justification->parent);
    if (!digest_equal(&hash, &justification->parent_hash)) return TALLY_EINVALID;
    if (justification->parent.seals && justification->parent.epoch + 1 == set->set.epoch)
        return seal_check(set, chain_id, justification);
    return certificate_check(set, chain_id, &justification->parent_certificate);
}

static int justification_check(
    const struct verify_set *set, const struct digest *chain_id, const struct justification *justification)
{
    if (!justification->parent_is_genesis) {
        int error = parent_check(set, chain_id, justification);
        if (error != TALLY_OK) return error;
    }
    for (uint32_t i = 0; i < justification->nullification_count; i++) {
        int error = certificate_check(set, chain_id, &justification->nullifications[i]);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

int proposal_check(
    const struct verify_set *set, const struct digest *chain_id, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    if (header->epoch != set->set.epoch || header->view == 0) return TALLY_EINVALID;
    struct digest hash = block_header_hash(header);
    struct digest root = justification_root(proposal->justification_bytes);
    struct digest payload = payload_root(proposal->batches, proposal->batch_count);
    if (!digest_equal(&hash, &proposal->hash)) return TALLY_EINVALID;
    if (!digest_equal(&root, &header->justification_root)) return TALLY_EINVALID;
    if (!digest_equal(&payload, &header->payload_root)) return TALLY_EINVALID;
    /* The leader first: nobody else can make others check a long justification. */
    struct digest digest = proposal_digest(chain_id, header, &proposal->hash);
    uint32_t leader = leader_of(header->view, set->set.count);
    int error = signature_check(&set->parsed[leader], &digest, &proposal->signature);
    return error == TALLY_OK ? justification_check(set, chain_id, &proposal->justification) : error;
}
