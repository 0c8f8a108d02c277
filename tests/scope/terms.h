/* The words of a small world: blocks, and what votes and certificates claim of them, by number.
 *
 * Signatures are symbols, and a certificate is told by what it claims, never by who signed it: two schedules
 * that differ in nothing but the signers of a certificate are one. Blocks are told by their place in the
 * tree, by how they link to it, and by the variant of their leader. */
#ifndef TALLY_SCOPE_TERMS_H
#define TALLY_SCOPE_TERMS_H

#include "consensus/consensus.h"

/* n, q, and those who are honest. Written down, not computed: the core is to agree with them. */
#define SCOPE_NODES 4u
#define SCOPE_QUORUM 3u
#define SCOPE_VIEWS_MAX 8u
#define BLOCKS_MAX 256u
#define NO_BLOCK UINT16_MAX
/* Block 0 is genesis. */
#define GENESIS 0u

/* Wall clocks stand still: a block's time is then told by its height. */
#define SCOPE_WALL_MS UINT64_C(1700000000000)

/* Views past this, which only healing reaches, have no nullification that can be told. */
#define CLAIM_VIEWS 64u
#define CLAIMS_MAX (CLAIM_VIEWS + 2u * BLOCKS_MAX)
#define CLAIM_WORDS (CLAIMS_MAX / 64u)
#define BLOCK_WORDS (BLOCKS_MAX / 64u)

struct claims {
    uint64_t words[CLAIM_WORDS];
};

struct block_bits {
    uint64_t words[BLOCK_WORDS];
};

/* How a proposal justifies itself. */
enum flavour {
    FLAVOUR_PROVEN = 0, /* a nullification for every view skipped */
    FLAVOUR_SKIPS,      /* a lie: none of those that are needed */
    FLAVOUR_FOREIGN,    /* a lie: nullifications of other views in the place of those that are needed */
};

struct term {
    uint8_t view, height;
    uint16_t parent;
    enum vote_kind link; /* what certifies the parent: VOTE_NOTARIZE or VOTE_FINALIZE; 0 above genesis */
    uint8_t variant;     /* 0, or 1 for the second of a leader that makes two */
    enum flavour flavour;
    bool lies;           /* made by the liar and not to be accepted */
    struct claims needs; /* the certificates in its justification */
    struct proposal proposal;
    struct certificate nullifications[SCOPE_VIEWS_MAX];
};

/* Forgets all blocks. `liar` is the validator that is not honest, or SIGNER_NONE. */
void terms_init(uint32_t liar);
uint32_t terms_liar(void);
static inline bool is_honest(uint32_t signer)
{
    return signer != terms_liar();
}

uint16_t terms_count(void);
/* Forgets the blocks from `count` on: those that only healing made. */
void terms_cut(uint16_t count);
const struct term *term_at(uint16_t block);
/* NO_BLOCK when it is not of this world, GENESIS for the chain id. */
uint16_t term_of_hash(const struct digest *hash);
/* The block that an honest leader makes of what its core asked for. NO_BLOCK when there are too many. */
uint16_t term_proposed(const struct block_header *header, const struct justification *justification);
/* The block that a liar, or a replay, makes. `link` is 0 above genesis. NO_BLOCK when there are too many, or
 * when no such block makes sense. */
uint16_t term_made(uint8_t view, uint16_t parent, enum vote_kind link, uint8_t variant, enum flavour flavour);
/* Makes the liar's blocks, for views up to `views`, on every block that has none yet. */
void terms_lie(uint8_t views);
bool term_descends(uint16_t block, uint16_t ancestor);

/* ---- Claims: "notarize b", "finalize b", "nullify v" ---- */
uint16_t claim_of(enum vote_kind kind, uint64_t view, uint16_t block);
uint16_t claim_of_vote(const struct vote *vote);
uint16_t claim_of_certificate(const struct certificate *certificate);
enum vote_kind claim_kind(uint16_t claim);
uint16_t claim_block(uint16_t claim); /* NO_BLOCK for a nullification */
uint8_t claim_view(uint16_t claim);
struct vote claim_vote(uint16_t claim, uint32_t signer);
void claim_certificate(uint16_t claim, struct certificate *certificate);

/* Whether the signatures are those of who is said to have signed. */
bool vote_signed_well(const struct vote *vote);
bool certificate_signed_well(const struct certificate *certificate);
void vote_sign(struct vote *vote);

static inline void claims_add(struct claims *claims, uint16_t claim)
{
    claims->words[claim / 64] |= UINT64_C(1) << claim % 64;
}
static inline bool claims_have(const struct claims *claims, uint16_t claim)
{
    return claims->words[claim / 64] >> claim % 64 & 1;
}
static inline bool claims_within(const struct claims *some, const struct claims *all)
{
    for (uint32_t i = 0; i < CLAIM_WORDS; i++)
        if (some->words[i] & ~all->words[i]) return false;
    return true;
}
static inline void bits_add(struct block_bits *bits, uint16_t block)
{
    bits->words[block / 64] |= UINT64_C(1) << block % 64;
}
static inline bool bits_have(const struct block_bits *bits, uint16_t block)
{
    return bits->words[block / 64] >> block % 64 & 1;
}

/* ---- Names. A block is its view and variant, and after it its parent, by '-' for a notarization and '=' for
 * a finalization: "3a-1a" skips view 2. A lie ends in '!' or '?'. Genesis is not said. ---- */
#define NAME_SIZE 64u
void block_name(uint16_t block, char name[NAME_SIZE]);
/* NO_BLOCK when it is no name. */
uint16_t block_named(const char *name);
/* "notarize 3a-1a" */
void claim_name(uint16_t claim, char name[NAME_SIZE + 16]);

#endif
