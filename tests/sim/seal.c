#include "tests/sim/seal.h"

#include <stdlib.h>

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
    bool member[PEERS_MAX] = {false};
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        vault->secrets[i] = dice_scatter(seed + 77 * (i + 1));
        member[i] = i < n;
    }
    vault_add_epoch(vault, member);
}

struct key_pair {
    struct public_key key; /* first: they are sorted by it */
    struct secret_key secret;
};

static int key_order(const void *a, const void *b)
{
    return memcmp(a, b, PUBLIC_KEY_SIZE);
}

/* In ascending order, as identities are; made once, because a key takes as long as many a run's step. */
static const struct key_pair *key_pairs(void)
{
    static struct key_pair pairs[PEERS_MAX];
    static bool made;
    if (made) return pairs;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        put_u32(pairs[i].secret.bytes, i + 1);
        CHECK(secret_key_public(&pairs[i].secret, &pairs[i].key) == TALLY_OK);
    }
    qsort(pairs, PEERS_MAX, sizeof pairs[0], key_order);
    made = true;
    return pairs;
}

const struct secret_key *vault_key(uint32_t identity)
{
    CHECK(identity < PEERS_MAX);
    return &key_pairs()[identity].secret;
}

static void seat(struct seats *seats, uint32_t peer, uint32_t identity)
{
    seats->identity_of[peer] = identity;
    seats->peer_of[identity] = peer;
}

void vault_add_epoch(struct vault *vault, const bool member[PEERS_MAX])
{
    CHECK(vault->epoch_count < EPOCHS_MAX);
    struct seats *seats = &vault->seats[++vault->epoch_count];
    uint32_t next = 0;
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (member[i]) seat(seats, next++, i);
    seats->set.epoch = vault->epoch_count;
    seats->set.count = next;
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (!member[i]) seat(seats, next++, i);
    for (uint32_t i = 0; i < seats->set.count; i++)
        seats->set.keys[i] = key_pairs()[seats->identity_of[i]].key;
}

const struct seats *vault_seats(const struct vault *vault, uint64_t epoch)
{
    return epoch == 0 || epoch > vault->epoch_count ? NULL : &vault->seats[epoch];
}

uint32_t vault_signer(const struct vault *vault, uint64_t epoch, uint32_t identity)
{
    const struct seats *seats = vault_seats(vault, epoch);
    if (seats == NULL || seats->peer_of[identity] >= seats->set.count) return SIGNER_NONE;
    return seats->peer_of[identity];
}

uint32_t vault_identity(const struct vault *vault, uint64_t epoch, uint32_t signer)
{
    const struct seats *seats = vault_seats(vault, epoch);
    return seats == NULL || signer >= seats->set.count ? PEER_ALL : seats->identity_of[signer];
}

uint32_t vault_leader(const struct vault *vault, uint64_t epoch, uint64_t view)
{
    const struct seats *seats = vault_seats(vault, epoch);
    if (seats == NULL || view == 0) return PEER_ALL;
    return seats->identity_of[leader_of(view, seats->set.count)];
}

struct digest vault_set_hash(const struct vault *vault, uint64_t epoch)
{
    const struct seats *seats = vault_seats(vault, epoch);
    if (seats == NULL) return (struct digest){{0}};
    return validator_set_hash(&seats->set);
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

static uint64_t tag_of(const struct vault *vault, uint32_t identity, uint64_t word)
{
    return dice_scatter(vault->secrets[identity] ^ dice_scatter(word));
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
    uint32_t identity = vault_identity(vault, vote->epoch, vote->signer);
    CHECK(identity != PEER_ALL);
    memset(&vote->signature, 0, sizeof vote->signature);
    put_u64(vote->signature.bytes, tag_of(vault, identity, word));
    vote->signature.bytes[8] = variant;
}

void seal_proposal(const struct vault *vault, struct proposal *proposal)
{
    uint64_t word = seal_mark(proposal->hash.bytes, DIGEST_SIZE, 6);
    uint32_t leader = vault_leader(vault, proposal->header.epoch, proposal->header.view);
    CHECK(leader != PEER_ALL);
    memset(&proposal->signature, 0, sizeof proposal->signature);
    put_u64(proposal->signature.bytes, tag_of(vault, leader, word));
}

bool leader_signature_holds(const struct vault *vault, uint64_t epoch, uint64_t view,
    const struct digest *block, const struct signature *signature)
{
    uint64_t word = seal_mark(block->bytes, DIGEST_SIZE, 6);
    uint32_t leader = vault_leader(vault, epoch, view);
    return leader != PEER_ALL && get_u64(signature->bytes) == tag_of(vault, leader, word);
}

bool vote_holds(const struct vault *vault, const struct vote *vote)
{
    uint32_t identity = vault_identity(vault, vote->epoch, vote->signer);
    uint64_t word = vote_word(vote->kind, vote->epoch, vote->view, &vote->block);
    return identity != PEER_ALL && get_u64(vote->signature.bytes) == tag_of(vault, identity, word);
}

bool certificate_holds(const struct vault *vault, const struct certificate *certificate)
{
    const struct seats *seats = vault_seats(vault, certificate->epoch);
    if (seats == NULL) return false;
    uint32_t n = seats->set.count;
    if (n < 64 && certificate->signers >> n != 0) return false;
    if ((uint32_t)__builtin_popcountll(certificate->signers) != quorum_of(n)) return false;
    uint64_t word = vote_word(certificate->kind, certificate->epoch, certificate->view, &certificate->block);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if ((certificate->signers >> i & 1) == 0) continue;
        uint64_t tag = tag_of(vault, seats->identity_of[i], word);
        if (get_u64(certificate->signatures[at++].bytes) != tag) return false;
    }
    for (; at < VALIDATORS_MAX; at++)
        if (get_u64(certificate->signatures[at].bytes) != 0) return false;
    return true;
}

bool seal_path_holds(const struct vault *vault, const struct block_header *sealing,
    const struct block_header *path, uint32_t count, const struct certificate *finalization)
{
    const struct block_header *last = sealing;
    struct digest hash = seal_header(sealing);
    for (uint32_t i = 0; i < count; i++) {
        const struct block_header *next = &path[i];
        if (!digest_equal(&next->parent_hash, &hash) || next->epoch != sealing->epoch || !next->after_seal ||
            next->height != last->height + 1 || next->parent_view != last->view || next->view <= last->view)
            return false;
        hash = seal_header(next);
        last = next;
    }
    return finalization->kind == VOTE_FINALIZE && finalization->epoch == sealing->epoch &&
           finalization->view == last->view && digest_equal(&finalization->block, &hash) &&
           certificate_holds(vault, finalization);
}

bool proposal_holds(const struct vault *vault, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *because = &proposal->justification;
    if (!leader_signature_holds(vault, header->epoch, header->view, &proposal->hash, &proposal->signature))
        return false;
    struct digest root = seal_justification(because);
    if (!digest_equal(&root, &header->justification_root)) return false;
    if (!because->parent_is_genesis && !certificate_holds(vault, &because->parent_certificate)) return false;
    if (!because->parent_is_genesis && because->parent.epoch != header->epoch &&
        !seal_path_holds(vault, &because->parent, because->seal_path, because->seal_path_count,
            &because->parent_certificate))
        return false;
    for (uint32_t i = 0; i < because->nullification_count; i++)
        if (!certificate_holds(vault, &because->nullifications[i])) return false;
    return true;
}
