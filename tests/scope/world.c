#include "tests/scope/world.h"

#include "proto/base/check.h"

#define LOCAL_BITS 21u
_Static_assert(LOCALS_MAX <= 1u << LOCAL_BITS, "three states fit one word");

void world_begin(uint32_t liar, uint8_t views)
{
    terms_init(liar);
    locals_init(views);
    terms_lie(views);
}

uint32_t world_replica(uint32_t place)
{
    return place >= terms_liar() ? place + 1 : place;
}

uint64_t world_key(const struct world *world)
{
    return (uint64_t)world->local[0] << 2 * LOCAL_BITS | (uint64_t)world->local[1] << LOCAL_BITS |
           world->local[2];
}

struct world world_of(uint64_t key)
{
    uint32_t mask = (1u << LOCAL_BITS) - 1;
    return (struct world){
        {(uint32_t)(key >> 2 * LOCAL_BITS), (uint32_t)(key >> LOCAL_BITS) & mask, (uint32_t)key & mask}};
}

static void possible_fill(const struct world *world, struct claims *possible)
{
    const struct claims *said[HONEST];
    for (uint32_t i = 0; i < HONEST; i++)
        said[i] = &world_local(world, i)->life.said;
    for (uint32_t w = 0; w < CLAIM_WORDS; w++) {
        uint64_t a = said[0]->words[w], b = said[1]->words[w], c = said[2]->words[w];
        possible->words[w] = (a & b) | (a & c) | (b & c);
    }
}

/* The second of a leader's two comes into play after the first: they are alike. */
static bool first_is_known(const struct world *world, uint16_t block)
{
    const struct term *term = term_at(block);
    if (term->variant == 0) return true;
    uint16_t first = term_made(term->view, term->parent, term->link, 0, term->flavour);
    for (uint32_t i = 0; i < HONEST; i++) {
        const struct life *life = &world_local(world, i)->life;
        if (bits_have(&life->taken, first) || claims_have(&life->said, claim_of(VOTE_NOTARIZE, 0, first)))
            return true;
    }
    return false;
}

void world_prospect(const struct world *world, uint8_t views, struct prospect *prospect)
{
    memset(prospect, 0, sizeof *prospect);
    possible_fill(world, &prospect->possible);
    struct block_bits led = {{0}};
    for (uint32_t i = 0; i < HONEST; i++) {
        const struct life *life = &world_local(world, i)->life;
        for (uint32_t w = 0; w < BLOCK_WORDS; w++)
            led.words[w] |= life->led.words[w];
        prospect->crashes += life->crashes;
        prospect->stalls += life->stalls;
    }
    for (uint16_t block = 1; block < terms_count(); block++) {
        const struct term *term = term_at(block);
        if (term->view > views) continue;
        bool by_liar = !is_honest(leader_of(term->view, SCOPE_NODES));
        if (by_liar ? claims_within(&term->needs, &prospect->possible) && first_is_known(world, block)
                    : bits_have(&led, block))
            bits_add(&prospect->offered, block);
    }
}

static uint32_t finals_of(const struct claims *possible, uint16_t finals[BLOCKS_MAX])
{
    uint32_t count = 0;
    for (uint16_t block = 1; block < terms_count(); block++)
        if (claims_have(possible, claim_of(VOTE_FINALIZE, 0, block))) finals[count++] = block;
    return count;
}

static bool agree(uint16_t a, uint16_t b)
{
    return term_at(a)->height > term_at(b)->height ? term_descends(a, b) : term_descends(b, a);
}

/* The certificates that are possible, held against each other. */
static const char *possible_trouble(const struct claims *possible)
{
    uint16_t finals[BLOCKS_MAX], notarized[CLAIM_VIEWS] = {0};
    uint32_t count = finals_of(possible, finals);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (!agree(finals[i], finals[j])) return "FORK: two blocks that conflict are finalized";
    for (uint32_t i = 0; i < count; i++)
        if (claims_have(possible, term_at(finals[i])->view)) return "a view is finalized and nullified";
    for (uint16_t block = 1; block < terms_count(); block++) {
        if (!claims_have(possible, claim_of(VOTE_NOTARIZE, 0, block))) continue;
        if (notarized[term_at(block)->view]) return "two blocks of a view are notarized";
        notarized[term_at(block)->view] = block;
    }
    return NULL;
}

/* Who finalizes a block holds its notarization. */
static bool finalizes_unnotarized(const struct life *life, const struct claims *possible)
{
    for (uint16_t block = 1; block < terms_count(); block++)
        if (claims_have(&life->said, claim_of(VOTE_FINALIZE, 0, block)) &&
            !claims_have(possible, claim_of(VOTE_NOTARIZE, 0, block)))
            return true;
    return false;
}

const char *world_trouble(const struct world *world)
{
    struct claims possible;
    possible_fill(world, &possible);
    const char *trouble = possible_trouble(&possible);
    if (trouble) return trouble;
    for (uint32_t i = 0; i < HONEST; i++) {
        const struct local *local = world_local(world, i);
        if (local_trouble(local)) return local_trouble(local);
        if (!claims_within(&local->rests, &possible))
            return "holds a certificate that no quorum can have made";
        if (finalizes_unnotarized(&local->life, &possible)) return "finalizes what is not notarized";
        for (uint32_t j = 0; j < i; j++)
            if (!agree(local->life.ledger, world_local(world, j)->life.ledger))
                return "FORK: two replicas committed blocks that conflict";
    }
    return NULL;
}
