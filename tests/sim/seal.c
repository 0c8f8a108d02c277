#include "tests/sim/seal.h"

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "tests/sim/dice.h"

/* Two lanes of 64 bits, spread to 256 at the end: collisions are out of reach of any run. */
struct mixer {
    uint64_t left, right;
};

static void mix(struct mixer *mixer, uint64_t word)
{
    mixer->left = (mixer->left ^ word) * 0x9fb21c651e98df25u;
    mixer->left ^= mixer->left >> 29;
    mixer->right = (mixer->right + (word << 23 | word >> 41)) * 0xc2b2ae3d27d4eb4fu;
    mixer->right ^= mixer->right >> 31;
}

static void mix_bytes(struct mixer *mixer, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (; size >= 8; at += 8, size -= 8)
        mix(mixer, get_u64(at));
    uint64_t last = size;
    for (; size > 0; size--)
        last = last << 8 | *at++;
    mix(mixer, last);
}

static void mix_digest(struct mixer *mixer, const struct digest *digest)
{
    mix_bytes(mixer, digest->bytes, DIGEST_SIZE);
}

static struct mixer mixer_start(uint64_t domain)
{
    return (struct mixer){dice_scatter(domain), dice_scatter(~domain)};
}

static struct digest mixer_end(const struct mixer *mixer)
{
    struct digest digest;
    put_u64(digest.bytes, dice_scatter(mixer->left));
    put_u64(digest.bytes + 8, dice_scatter(mixer->right));
    put_u64(digest.bytes + 16, dice_scatter(mixer->left ^ mixer->right));
    put_u64(digest.bytes + 24, dice_scatter(mixer->left + mixer->right));
    return digest;
}

void vault_init(struct vault *vault, uint32_t n, uint64_t seed)
{
    memset(vault, 0, sizeof *vault);
    struct mixer mixer = mixer_start(seed);
    vault->chain_id = mixer_end(&mixer);
    vault->set.epoch = 1;
    vault->set.count = n;
    for (uint32_t i = 0; i < n; i++) {
        vault->secrets[i] = dice_scatter(seed + 77 * (i + 1));
        vault->set.keys[i].bytes[0] = 2;
        put_u32(vault->set.keys[i].bytes + 1, i + 1);
    }
}

static void mix_certificate(struct mixer *mixer, const struct certificate *certificate)
{
    mix(mixer, (uint64_t)certificate->kind);
    mix(mixer, certificate->epoch);
    mix(mixer, certificate->view);
    mix_digest(mixer, &certificate->block);
    mix(mixer, certificate->signers);
    uint32_t count = (uint32_t)__builtin_popcountll(certificate->signers);
    for (uint32_t i = 0; i < count; i++)
        mix_bytes(mixer, certificate->signatures[i].bytes, 16);
}

struct digest seal_header(const struct block_header *header)
{
    return block_header_hash(header);
}

struct digest seal_justification(const struct justification *justification)
{
    struct buffer bytes;
    buffer_init(&bytes, JUSTIFICATION_SIZE_MAX);
    justification_encode(justification, &bytes);
    CHECK(!bytes.failed);
    struct digest root = justification_root(buffer_span(&bytes));
    buffer_close(&bytes);
    return root;
}

struct digest seal_payload(const struct digest *batches, uint32_t count)
{
    return payload_root(batches, count);
}

static uint64_t vote_word(enum vote_kind kind, uint64_t epoch, uint64_t view, const struct digest *block)
{
    struct mixer mixer = mixer_start(4);
    mix(&mixer, (uint64_t)kind);
    mix(&mixer, epoch);
    mix(&mixer, view);
    mix_digest(&mixer, block);
    return mixer.left ^ dice_scatter(mixer.right);
}

static uint64_t tag_of(const struct vault *vault, uint32_t signer, uint64_t word)
{
    return dice_scatter(vault->secrets[signer] ^ dice_scatter(word));
}

uint64_t seal_mark_vote(const struct vote *vote)
{
    uint64_t word = vote_word(vote->kind, vote->epoch, vote->view, &vote->block);
    return seal_mark(vote->signature.bytes, 16, word + vote->signer);
}

uint64_t seal_mark_certificate(const struct certificate *certificate)
{
    struct mixer mixer = mixer_start(5);
    mix_certificate(&mixer, certificate);
    return mixer.left ^ mixer.right;
}

uint64_t seal_mark(const void *data, size_t size, uint64_t start)
{
    struct mixer mixer = mixer_start(start);
    mix_bytes(&mixer, data, size);
    return mixer.left ^ mixer.right;
}

void seal_vote(const struct vault *vault, struct vote *vote, uint8_t variant)
{
    uint64_t word = vote_word(vote->kind, vote->epoch, vote->view, &vote->block);
    memset(&vote->signature, 0, sizeof vote->signature);
    put_u64(vote->signature.bytes, tag_of(vault, vote->signer, word));
    vote->signature.bytes[8] = variant;
}

void seal_proposal(const struct vault *vault, struct proposal *proposal)
{
    uint64_t word = seal_mark(proposal->hash.bytes, DIGEST_SIZE, 6);
    uint32_t leader = leader_of(proposal->header.view, vault->set.count);
    memset(&proposal->signature, 0, sizeof proposal->signature);
    put_u64(proposal->signature.bytes, tag_of(vault, leader, word));
}

bool leader_signature_holds(
    const struct vault *vault, uint64_t view, const struct digest *block, const struct signature *signature)
{
    uint64_t word = seal_mark(block->bytes, DIGEST_SIZE, 6);
    if (view == 0) return false;
    return get_u64(signature->bytes) == tag_of(vault, leader_of(view, vault->set.count), word);
}

bool vote_holds(const struct vault *vault, const struct vote *vote)
{
    if (vote->signer >= vault->set.count || vote->epoch != vault->set.epoch) return false;
    uint64_t word = vote_word(vote->kind, vote->epoch, vote->view, &vote->block);
    return get_u64(vote->signature.bytes) == tag_of(vault, vote->signer, word);
}

bool certificate_holds(const struct vault *vault, const struct certificate *certificate)
{
    uint32_t n = vault->set.count;
    if (certificate->epoch != vault->set.epoch) return false;
    if (n < 64 && certificate->signers >> n != 0) return false;
    if ((uint32_t)__builtin_popcountll(certificate->signers) != quorum_of(n)) return false;
    uint64_t word = vote_word(certificate->kind, certificate->epoch, certificate->view, &certificate->block);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if ((certificate->signers >> i & 1) == 0) continue;
        if (get_u64(certificate->signatures[at++].bytes) != tag_of(vault, i, word)) return false;
    }
    for (; at < VALIDATORS_MAX; at++)
        if (get_u64(certificate->signatures[at].bytes) != 0) return false;
    return true;
}

bool proposal_holds(const struct vault *vault, const struct proposal *proposal)
{
    const struct justification *justification = &proposal->justification;
    if (!leader_signature_holds(vault, proposal->header.view, &proposal->hash, &proposal->signature))
        return false;
    struct digest root = seal_justification(justification);
    if (!digest_equal(&root, &proposal->header.justification_root)) return false;
    if (!justification->parent_is_genesis && !certificate_holds(vault, &justification->parent_certificate))
        return false;
    for (uint32_t i = 0; i < justification->nullification_count; i++)
        if (!certificate_holds(vault, &justification->nullifications[i])) return false;
    return true;
}
