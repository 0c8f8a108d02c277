#include <stdio.h>

#include "proto/base/check.h"
#include "tests/scope/terms.h"

uint16_t claim_of(enum vote_kind kind, uint64_t view, uint16_t block)
{
    switch (kind) {
    case VOTE_NULLIFY:
        return view < CLAIM_VIEWS ? (uint16_t)view : 0;
    case VOTE_NOTARIZE:
        CHECK(block < BLOCKS_MAX);
        return (uint16_t)(CLAIM_VIEWS + block);
    case VOTE_FINALIZE:
        CHECK(block < BLOCKS_MAX);
        return (uint16_t)(CLAIM_VIEWS + BLOCKS_MAX + block);
    }
    CHECK_UNREACHABLE();
}

uint16_t claim_of_vote(const struct vote *vote)
{
    return claim_of(
        vote->kind, vote->view, vote->kind == VOTE_NULLIFY ? NO_BLOCK : term_of_hash(&vote->block));
}

uint16_t claim_of_certificate(const struct certificate *certificate)
{
    uint16_t block = certificate->kind == VOTE_NULLIFY ? NO_BLOCK : term_of_hash(&certificate->block);
    return claim_of(certificate->kind, certificate->view, block);
}

enum vote_kind claim_kind(uint16_t claim)
{
    if (claim < CLAIM_VIEWS) return VOTE_NULLIFY;
    return claim < CLAIM_VIEWS + BLOCKS_MAX ? VOTE_NOTARIZE : VOTE_FINALIZE;
}

uint16_t claim_block(uint16_t claim)
{
    return claim < CLAIM_VIEWS ? NO_BLOCK : (uint16_t)((claim - CLAIM_VIEWS) % BLOCKS_MAX);
}

uint8_t claim_view(uint16_t claim)
{
    return claim < CLAIM_VIEWS ? (uint8_t)claim : term_at(claim_block(claim))->view;
}

/* A symbol: who signed, and what. */
static struct signature signature_of(
    enum vote_kind kind, uint64_t view, const struct digest *block, uint32_t signer)
{
    struct signature signature = {{0}};
    signature.bytes[0] = (uint8_t)(signer + 1);
    signature.bytes[1] = (uint8_t)kind;
    put_u16(signature.bytes + 2, (uint16_t)view);
    memcpy(signature.bytes + 4, block->bytes, 4);
    return signature;
}

void vote_sign(struct vote *vote)
{
    vote->signature = signature_of(vote->kind, vote->view, &vote->block, vote->signer);
}

struct vote claim_vote(uint16_t claim, uint32_t signer)
{
    struct vote vote = {.kind = claim_kind(claim), .epoch = 1, .view = claim_view(claim), .signer = signer};
    if (vote.kind != VOTE_NULLIFY) vote.block = term_at(claim_block(claim))->proposal.hash;
    vote_sign(&vote);
    return vote;
}

/* All but one honest validator signed it, whoever did in truth: see above. */
void claim_certificate(uint16_t claim, struct certificate *certificate)
{
    memset(certificate, 0, sizeof *certificate);
    certificate->kind = claim_kind(claim);
    certificate->epoch = 1;
    certificate->view = claim_view(claim);
    if (certificate->kind != VOTE_NULLIFY) certificate->block = term_at(claim_block(claim))->proposal.hash;
    uint32_t left_out = is_honest(SCOPE_NODES - 1) ? SCOPE_NODES - 1 : SCOPE_NODES - 2;
    uint32_t count = 0;
    for (uint32_t signer = 0; signer < SCOPE_NODES; signer++) {
        if (signer == left_out) continue;
        certificate->signers |= UINT64_C(1) << signer;
        certificate->signatures[count++] =
            signature_of(certificate->kind, certificate->view, &certificate->block, signer);
    }
    CHECK(count == SCOPE_QUORUM);
}

static bool signature_holds(const struct signature *signature, enum vote_kind kind, uint64_t view,
    const struct digest *block, uint32_t signer)
{
    struct signature right = signature_of(kind, view, block, signer);
    return memcmp(signature, &right, sizeof right) == 0;
}

bool vote_signed_well(const struct vote *vote)
{
    return vote->epoch == 1 && vote->signer < SCOPE_NODES &&
           signature_holds(&vote->signature, vote->kind, vote->view, &vote->block, vote->signer);
}

bool certificate_signed_well(const struct certificate *certificate)
{
    uint32_t count = 0;
    if (certificate->epoch != 1 || certificate->signers >> SCOPE_NODES) return false;
    for (uint32_t signer = 0; signer < SCOPE_NODES; signer++) {
        if (!(certificate->signers >> signer & 1)) continue;
        if (count == SCOPE_QUORUM || !signature_holds(&certificate->signatures[count++], certificate->kind,
                                         certificate->view, &certificate->block, signer))
            return false;
    }
    return count == SCOPE_QUORUM;
}

static const char lie_marks[] = {' ', '!', '?'};

void block_name(uint16_t block, char name[NAME_SIZE])
{
    size_t size = 0;
    if (block == GENESIS) snprintf(name, NAME_SIZE, "genesis");
    while (block != GENESIS && size + 8 < NAME_SIZE) {
        const struct term *term = term_at(block);
        size += (size_t)snprintf(
            name + size, NAME_SIZE - size, "%u%c", (unsigned)term->view, 'a' + term->variant);
        if (term->flavour != FLAVOUR_PROVEN) name[size++] = lie_marks[term->flavour];
        if (term->parent != GENESIS) name[size++] = term->link == VOTE_NOTARIZE ? '-' : '=';
        name[size] = 0;
        block = term->parent;
    }
}

uint16_t block_named(const char *name)
{
    if (*name < '1' || *name > '9' || name[1] < 'a' || name[1] > 'b') return NO_BLOCK;
    uint8_t view = (uint8_t)(*name - '0'), variant = (uint8_t)(name[1] - 'a');
    enum flavour flavour = name[2] == '!' ? FLAVOUR_SKIPS : name[2] == '?' ? FLAVOUR_FOREIGN : FLAVOUR_PROVEN;
    const char *rest = name + 2 + (flavour != FLAVOUR_PROVEN);
    if (*rest == 0) return term_made(view, GENESIS, 0, variant, flavour);
    if (*rest != '-' && *rest != '=') return NO_BLOCK;
    uint16_t parent = block_named(rest + 1);
    if (parent == NO_BLOCK) return NO_BLOCK;
    return term_made(view, parent, *rest == '-' ? VOTE_NOTARIZE : VOTE_FINALIZE, variant, flavour);
}

void claim_name(uint16_t claim, char name[NAME_SIZE + 16])
{
    static const char *const kinds[] = {"", "notarize", "finalize", "nullify"};
    char block[NAME_SIZE];
    if (claim_kind(claim) == VOTE_NULLIFY) {
        snprintf(name, NAME_SIZE + 16, "nullify %u", (unsigned)claim);
        return;
    }
    block_name(claim_block(claim), block);
    snprintf(name, NAME_SIZE + 16, "%s %s", kinds[claim_kind(claim)], block);
}
