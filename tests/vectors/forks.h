/* Forks with real signatures: two chains that share their first blocks, each whole, signed by a quorum of its
 * own. */
#ifndef TALLY_TESTS_FORKS_H
#define TALLY_TESTS_FORKS_H

#include "proto/proof/blame.h"
#include "tests/vectors/samples.h"

#define FORK_BLOCKS_MAX 8u
#define FORK_SKIPS_MAX 4u

struct fork_chain {
    uint64_t signers; /* a quorum, of every certificate above the common blocks */
    uint32_t count;
    struct blame_block blocks[FORK_BLOCKS_MAX];
    struct justification justifications[FORK_BLOCKS_MAX];
    struct certificate skips[FORK_BLOCKS_MAX][FORK_SKIPS_MAX], finalizations[FORK_BLOCKS_MAX];
    struct buffer bytes[FORK_BLOCKS_MAX]; /* of the justifications */
};

static inline void fork_certificate(const struct sample_network *network, enum vote_kind kind, uint64_t view,
    const struct digest *block, uint64_t signers, struct certificate *certificate)
{
    static const struct digest nothing;
    const struct digest *named = kind == VOTE_NULLIFY ? &nothing : block;
    uint64_t epoch = network->validators.set.epoch;
    *certificate =
        (struct certificate){.kind = kind, .epoch = epoch, .view = view, .block = *named, .signers = signers};
    struct digest digest = vote_digest(&network->chain_id, epoch, kind, view, named);
    sample_sign(network, &digest, signers, certificate->signatures);
}

/* Makes it one of another kind, signed as such. */
static inline void fork_resign(
    const struct sample_network *network, enum vote_kind kind, struct certificate *certificate)
{
    certificate->kind = kind;
    struct digest digest =
        vote_digest(&network->chain_id, certificate->epoch, kind, certificate->view, &certificate->block);
    sample_sign(network, &digest, certificate->signers, certificate->signatures);
}

/* The leader's signature, and the header's hash and root, once the justification's bytes are what they are to
 * be. */
static inline void fork_seal(const struct sample_network *network, struct fork_chain *chain, uint32_t at)
{
    struct blame_block *block = &chain->blocks[at];
    block->justification_bytes = buffer_span(&chain->bytes[at]);
    block->header.justification_root = justification_root(block->justification_bytes);
    block->hash = block_header_hash(&block->header);
    struct digest digest = proposal_digest(&network->chain_id, &block->header, &block->hash);
    uint32_t leader = leader_of(block->header.view, network->validators.set.count);
    signature_make(&network->secrets[leader], &digest, &block->signature);
    block->has_signature = true;
}

static inline void fork_encode(const struct sample_network *network, struct fork_chain *chain, uint32_t at)
{
    buffer_clear(&chain->bytes[at]);
    justification_encode(&chain->justifications[at], &chain->bytes[at]);
    CHECK(!chain->bytes[at].failed);
    fork_seal(network, chain, at);
}

/* Puts an empty block of `view` on top. Two of one view and height differ where `time` does. */
static inline void fork_extend(
    const struct sample_network *network, struct fork_chain *chain, uint64_t view, uint64_t time)
{
    uint32_t at = chain->count++;
    CHECK(at < FORK_BLOCKS_MAX);
    struct justification *justification = &chain->justifications[at];
    struct block_header *header = &chain->blocks[at].header;
    *justification = (struct justification){.parent_is_genesis = at == 0, .nullifications = chain->skips[at]};
    *header = (struct block_header){.chain_id = network->chain_id,
        .epoch = network->validators.set.epoch,
        .view = view,
        .height = at + 1,
        .parent_hash = network->chain_id,
        .payload_root = payload_root(NULL, 0),
        .time_ms = SAMPLE_TIME_MS + 1000 * view + time};
    if (at > 0) {
        const struct blame_block *parent = &chain->blocks[at - 1];
        header->parent_view = parent->header.view;
        header->parent_hash = parent->hash;
        justification->parent = parent->header;
        justification->parent_hash = parent->hash;
        fork_certificate(network, VOTE_NOTARIZE, parent->header.view, &parent->hash, chain->signers,
            &justification->parent_certificate);
    }
    for (uint64_t skipped = header->parent_view + 1; skipped < view; skipped++) {
        CHECK(justification->nullification_count < FORK_SKIPS_MAX);
        fork_certificate(network, VOTE_NULLIFY, skipped, NULL, chain->signers,
            &chain->skips[at][justification->nullification_count++]);
    }
    chain->blocks[at].justification = justification;
    buffer_init(&chain->bytes[at], JUSTIFICATION_SIZE_MAX);
    fork_encode(network, chain, at);
}

/* Finalizes the newest block. */
static inline void fork_finalize(const struct sample_network *network, struct fork_chain *chain)
{
    uint32_t at = chain->count - 1;
    fork_certificate(network, VOTE_FINALIZE, chain->blocks[at].header.view, &chain->blocks[at].hash,
        chain->signers, &chain->finalizations[at]);
    chain->blocks[at].finalization = &chain->finalizations[at];
}

static inline void fork_chain_init(struct fork_chain *chain, uint64_t signers)
{
    memset(chain, 0, sizeof *chain);
    chain->signers = signers;
}

static inline void fork_chain_close(struct fork_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++)
        buffer_close(&chain->bytes[i]);
}

enum fork_shape {
    FORK_FINALIZED,   /* two blocks of view 3, each finalized */
    FORK_NOTARIZED,   /* one is finalized, the other certified by its child */
    FORK_SKIPPED,     /* the block of view 3 is finalized, and the other side skips that view */
    FORK_UNJUSTIFIED, /* likewise, but nobody signed the nullification: a quorum voted without it */
    FORK_SHAPES,
};

/* Both have blocks of views 1 and 2; at height 3 they part. */
static inline void fork_make(const struct sample_network *network, enum fork_shape shape,
    uint64_t first_signers, uint64_t second_signers, struct fork_chain chains[2])
{
    for (int i = 0; i < 2; i++) {
        fork_chain_init(&chains[i], first_signers);
        fork_extend(network, &chains[i], 1, 0);
        fork_extend(network, &chains[i], 2, 0);
        fork_finalize(network, &chains[i]);
        chains[i].signers = i == 0 ? first_signers : second_signers;
    }
    fork_extend(network, &chains[0], 3, 0);
    fork_finalize(network, &chains[0]);
    switch (shape) {
    case FORK_FINALIZED:
        fork_extend(network, &chains[1], 3, 1);
        break;
    case FORK_NOTARIZED:
        fork_extend(network, &chains[1], 3, 1);
        fork_extend(network, &chains[1], 4, 1);
        break;
    case FORK_SKIPPED:
    case FORK_UNJUSTIFIED:
    case FORK_SHAPES:
        fork_extend(network, &chains[1], 4, 1);
        break;
    }
    if (shape == FORK_UNJUSTIFIED) {
        chains[1].justifications[2].nullification_count = 0;
        fork_encode(network, &chains[1], 2);
    }
    fork_finalize(network, &chains[1]);
}

#endif
