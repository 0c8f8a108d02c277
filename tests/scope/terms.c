#include "tests/scope/terms.h"

#include "proto/base/check.h"

static struct term terms[BLOCKS_MAX];
static uint16_t term_total;
static uint32_t the_liar;
static uint16_t lied_up_to; /* blocks below this have the liar's upon them */

static struct digest digest_numbered(uint32_t number, uint8_t domain)
{
    struct digest digest = {{0}};
    put_u32(digest.bytes, number);
    digest.bytes[DIGEST_SIZE - 1] = domain;
    return digest;
}

void terms_init(uint32_t liar)
{
    memset(terms, 0, sizeof terms);
    the_liar = liar;
    lied_up_to = GENESIS;
    term_total = 1;
    terms[GENESIS].proposal.hash = digest_numbered(GENESIS, 1);
}

uint32_t terms_liar(void)
{
    return the_liar;
}

uint16_t terms_count(void)
{
    return term_total;
}

void terms_cut(uint16_t count)
{
    CHECK(count >= 1 && count <= term_total);
    term_total = count;
}

const struct term *term_at(uint16_t block)
{
    CHECK(block < term_total);
    return &terms[block];
}

uint16_t term_of_hash(const struct digest *hash)
{
    uint32_t number = get_u32(hash->bytes);
    if (number >= term_total || !digest_equal(hash, &terms[number].proposal.hash)) return NO_BLOCK;
    return (uint16_t)number;
}

bool term_descends(uint16_t block, uint16_t ancestor)
{
    while (term_at(block)->height > term_at(ancestor)->height)
        block = terms[block].parent;
    return block == ancestor;
}

static uint16_t term_find(
    uint64_t view, uint16_t parent, enum vote_kind link, uint8_t variant, enum flavour flavour)
{
    for (uint16_t i = 1; i < term_total; i++) {
        const struct term *term = &terms[i];
        if (term->view == view && term->parent == parent && term->link == link && term->variant == variant &&
            term->flavour == flavour)
            return i;
    }
    return NO_BLOCK;
}

static void needs_fill(struct term *term)
{
    const struct justification *j = &term->proposal.justification;
    memset(&term->needs, 0, sizeof term->needs);
    if (!j->parent_is_genesis) claims_add(&term->needs, claim_of_certificate(&j->parent_certificate));
    for (uint32_t i = 0; i < j->nullification_count; i++)
        claims_add(&term->needs, claim_of_certificate(&j->nullifications[i]));
}

/* Completes the header and makes the term a block. */
static uint16_t term_add(const struct term *made)
{
    CHECK(term_total < BLOCKS_MAX);
    uint16_t block = term_total++;
    struct term *term = &terms[block];
    *term = *made;
    struct proposal *proposal = &term->proposal;
    proposal->justification.nullifications = term->nullifications;
    proposal->hash = digest_numbered(block, 1);
    proposal->header.payload_root = digest_numbered(block, 2);
    proposal->header.justification_root = digest_numbered(block, 3);
    proposal->signature.bytes[0] = (uint8_t)(leader_of(term->view, SCOPE_NODES) + 1);
    needs_fill(term);
    term->lies = term->flavour != FLAVOUR_PROVEN;
    return block;
}

uint16_t term_proposed(const struct block_header *header, const struct justification *j)
{
    static struct term made;
    uint16_t parent = j->parent_is_genesis ? GENESIS : term_of_hash(&j->parent_hash);
    CHECK(parent != NO_BLOCK);
    if (j->nullification_count > SCOPE_VIEWS_MAX || header->view >= CLAIM_VIEWS) return NO_BLOCK;
    enum vote_kind link = parent == GENESIS ? 0 : j->parent_certificate.kind;
    bool proven = j->nullification_count == header->view - terms[parent].view - 1;
    enum flavour flavour = proven ? FLAVOUR_PROVEN : FLAVOUR_SKIPS;
    uint16_t known = term_find(header->view, parent, link, 0, flavour);
    if (known != NO_BLOCK || term_total == BLOCKS_MAX) return known;
    memset(&made, 0, sizeof made);
    made.view = (uint8_t)header->view;
    made.height = (uint8_t)(terms[parent].height + 1);
    made.parent = parent;
    made.link = link;
    made.flavour = flavour;
    made.proposal.header = *header;
    made.proposal.justification = *j;
    memcpy(made.nullifications, j->nullifications, j->nullification_count * sizeof *j->nullifications);
    return term_add(&made);
}

static void header_make(struct term *made)
{
    const struct term *parent = &terms[made->parent];
    struct block_header *header = &made->proposal.header;
    header->chain_id = terms[GENESIS].proposal.hash;
    header->epoch = 1;
    header->view = made->view;
    header->height = made->height;
    header->parent_view = parent->view;
    header->parent_hash = parent->proposal.hash;
    header->time_ms = SCOPE_WALL_MS + made->height - 1;
}

static void justification_make(struct term *made)
{
    const struct term *parent = &terms[made->parent];
    struct justification *j = &made->proposal.justification;
    j->parent_is_genesis = made->parent == GENESIS;
    if (made->parent != GENESIS) {
        j->parent = parent->proposal.header;
        j->parent_hash = parent->proposal.hash;
        claim_certificate(claim_of(made->link, parent->view, made->parent), &j->parent_certificate);
    }
    if (made->flavour == FLAVOUR_SKIPS) return;
    uint8_t skipped = (uint8_t)(made->view - parent->view - 1);
    for (uint8_t i = 0; i < skipped; i++) {
        /* Foreign: the one nullification that there is, over and over. */
        uint64_t view = made->flavour == FLAVOUR_FOREIGN ? 1 : parent->view + 1u + i;
        claim_certificate(claim_of(VOTE_NULLIFY, view, NO_BLOCK), &made->nullifications[i]);
    }
    j->nullification_count = skipped;
    j->nullifications = made->nullifications;
}

uint16_t term_made(uint8_t view, uint16_t parent, enum vote_kind link, uint8_t variant, enum flavour flavour)
{
    static struct term made;
    CHECK(parent < term_total);
    uint16_t known = term_find(view, parent, link, variant, flavour);
    if (known != NO_BLOCK || term_total == BLOCKS_MAX) return known;
    uint8_t below = terms[parent].view;
    if (view <= below || view - below > (int)SCOPE_VIEWS_MAX || (parent == GENESIS) != (link == 0))
        return NO_BLOCK;
    /* A lie about views skipped needs one that is; one about other views, one besides the first. */
    if (flavour != FLAVOUR_PROVEN && view == below + 1) return NO_BLOCK;
    if (flavour == FLAVOUR_FOREIGN && below == 0 && view == 2) return NO_BLOCK;
    memset(&made, 0, sizeof made);
    made.view = view;
    made.height = (uint8_t)(terms[parent].height + 1);
    made.parent = parent;
    made.link = link;
    made.variant = variant;
    made.flavour = flavour;
    header_make(&made);
    justification_make(&made);
    return term_add(&made);
}

void terms_lie(uint8_t views)
{
    for (; lied_up_to < term_total; lied_up_to++) {
        uint16_t parent = lied_up_to;
        if (terms[parent].lies) continue;
        enum vote_kind link = parent == GENESIS ? 0 : VOTE_NOTARIZE;
        for (uint8_t view = 1; view <= views; view++) {
            if (leader_of(view, SCOPE_NODES) != the_liar) continue;
            (void)term_made(view, parent, link, 0, FLAVOUR_PROVEN);
            (void)term_made(view, parent, link, 1, FLAVOUR_PROVEN);
            (void)term_made(view, parent, link, 0, FLAVOUR_SKIPS);
            (void)term_made(view, parent, link, 0, FLAVOUR_FOREIGN);
        }
    }
}
