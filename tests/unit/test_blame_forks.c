// links: proof codec crypto base
/* Every shape of a small fork: two chains over the first views, each with a quorum of signatures under all it
 * holds, where everybody but a few signs only what the rules allow. Whoever is named is one of the few, and
 * at least 2q - n of them are. Signatures are stand-ins: a mark of who signed what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/proof/blame.h"

#define VIEWS_MAX 4

static const struct digest chain_id = {{0xC1}};

/* One side of a fork: which views have a block, and which of those are certified by an FC in their child. */
struct side {
    uint32_t blocks;     /* bit v - 1 for view v */
    uint32_t finalized;  /* of them; the last one always is */
    uint32_t first_view; /* the lowest of `blocks` that is this side's own; below it both sides are one */
};

struct chain {
    uint32_t count;
    struct blame_block blocks[VIEWS_MAX];
    struct justification justifications[VIEWS_MAX];
    struct certificate skips[VIEWS_MAX][VIEWS_MAX], finalizations[VIEWS_MAX];
};

/* What one honest validator signed so far. */
struct honest {
    struct digest notarized[VIEWS_MAX + 1], finalized[VIEWS_MAX + 1];
    struct digest proposed[VIEWS_MAX + 1];
    bool has_notarized[VIEWS_MAX + 1], has_finalized[VIEWS_MAX + 1], has_nullified[VIEWS_MAX + 1];
    bool has_proposed[VIEWS_MAX + 1];
};

struct world {
    struct validator_set set;
    uint64_t liars;
    uint32_t rotation; /* from whom on signers of a certificate are taken */
    uint64_t asked;    /* the honest who are asked to sign */
    struct honest honest[VALIDATORS_MAX];
};

static struct signature mark(const struct statement *statement)
{
    struct signature signature = {{0}};
    signature.bytes[0] = (uint8_t)(statement->signer + 1);
    signature.bytes[1] = (uint8_t)statement->kind;
    signature.bytes[2] = (uint8_t)statement->epoch;
    signature.bytes[3] = (uint8_t)statement->view;
    memcpy(signature.bytes + 4, statement->block.bytes, DIGEST_SIZE);
    return signature;
}

static bool mark_holds(const struct blame_law *law, const struct statement *statement)
{
    struct signature signature = mark(statement);
    CHECK(statement->signer < law->set->count && statement->epoch == law->set->epoch);
    return memcmp(&signature, &statement->signature, sizeof signature) == 0;
}

/* Whether an honest validator signs this, after all it has signed; if so it is noted. RULES.md, R3 to R5. */
static bool honest_signs(
    struct honest *honest, enum vote_kind kind, uint64_t view, const struct digest *block)
{
    bool notarized = honest->has_notarized[view], finalized = honest->has_finalized[view];
    if (kind == VOTE_NULLIFY) {
        if (finalized) return false;
        honest->has_nullified[view] = true;
        return true;
    }
    if (notarized && !digest_equal(&honest->notarized[view], block)) return false;
    if (finalized && !digest_equal(&honest->finalized[view], block)) return false;
    if (kind == VOTE_FINALIZE && honest->has_nullified[view]) return false;
    honest->notarized[view] = *block;
    honest->has_notarized[view] = true;
    if (kind == VOTE_NOTARIZE) return true;
    honest->finalized[view] = *block;
    honest->has_finalized[view] = true;
    return true;
}

/* Whether a quorum can be had. Everybody who will sign does, also those whose signature is not taken. */
static bool certify(struct world *world, enum vote_kind kind, uint64_t view, const struct digest *block,
    struct certificate *certificate)
{
    uint32_t n = world->set.count, count = 0;
    uint64_t willing = world->liars, signers = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((world->asked & ~world->liars) >> i & 1 && honest_signs(&world->honest[i], kind, view, block))
            willing |= UINT64_C(1) << i;
    for (uint32_t i = 0; i < n && count < quorum_of(n); i++) {
        uint32_t signer = (i + world->rotation) % n;
        if ((willing >> signer & 1) == 0) continue;
        signers |= UINT64_C(1) << signer;
        count++;
    }
    *certificate =
        (struct certificate){.kind = kind, .epoch = 1, .view = view, .block = *block, .signers = signers};
    count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if ((signers >> i & 1) == 0) continue;
        struct statement statement = {
            .kind = (enum statement_kind)kind, .epoch = 1, .view = view, .block = *block, .signer = i};
        certificate->signatures[count++] = mark(&statement);
    }
    return count == quorum_of(n);
}

/* R2: an honest leader proposes once in a view. */
static bool propose(struct world *world, uint64_t view, struct blame_block *block)
{
    uint32_t leader = leader_of(view, world->set.count);
    struct honest *honest = &world->honest[leader];
    struct statement proposal = {
        .kind = STATEMENT_PROPOSE, .epoch = 1, .view = view, .block = block->hash, .signer = leader};
    block->has_signature = true;
    block->signature = mark(&proposal);
    if (world->liars >> leader & 1) return true;
    if (honest->has_proposed[view]) return digest_equal(&honest->proposed[view], &block->hash);
    honest->has_proposed[view] = true;
    honest->proposed[view] = block->hash;
    return true;
}

/* Puts the block of `view` on the chain; false where its parent or a skipped view finds no quorum. */
static bool extend(
    struct world *world, const struct side *side, uint8_t name, uint32_t view, struct chain *chain)
{
    static const struct digest nothing;
    uint32_t at = chain->count++;
    struct justification *justification = &chain->justifications[at];
    struct blame_block *block = &chain->blocks[at];
    struct block_header *header = &block->header;
    *justification = (struct justification){.parent_is_genesis = at == 0};
    *block = (struct blame_block){.justification = justification};
    *header = (struct block_header){.chain_id = chain_id,
        .epoch = 1,
        .view = view,
        .height = at + 1,
        .parent_hash = chain_id,
        .time_ms = view};
    header->payload_root.bytes[0] = view < side->first_view ? 0 : name;
    bool whole = true;
    if (at > 0) {
        const struct blame_block *parent = &chain->blocks[at - 1];
        bool final = (side->finalized >> (parent->header.view - 1) & 1) != 0;
        header->parent_view = parent->header.view;
        header->parent_hash = parent->hash;
        justification->parent = parent->header;
        justification->parent_hash = parent->hash;
        whole = certify(world, final ? VOTE_FINALIZE : VOTE_NOTARIZE, parent->header.view, &parent->hash,
            &justification->parent_certificate);
    }
    justification->nullifications = chain->skips[at];
    for (uint64_t skipped = header->parent_view + 1; skipped < view; skipped++)
        whole = certify(world, VOTE_NULLIFY, skipped, &nothing,
                    &chain->skips[at][justification->nullification_count++]) &&
                whole;
    block->hash = block_header_hash(header);
    whole = propose(world, view, block) && whole;
    return whole;
}

/* Whether a quorum could be had for all of it. */
static bool build(struct world *world, const struct side *side, uint8_t name, struct chain *chain)
{
    bool whole = true;
    chain->count = 0;
    for (uint32_t view = 1; view <= VIEWS_MAX; view++)
        if ((side->blocks >> (view - 1) & 1) != 0) whole = extend(world, side, name, view, chain) && whole;
    struct blame_block *last = &chain->blocks[chain->count - 1];
    last->finalization = &chain->finalizations[chain->count - 1];
    return certify(world, VOTE_FINALIZE, last->header.view, &last->hash,
               &chain->finalizations[chain->count - 1]) &&
           whole;
}

struct tally {
    uint64_t forks, impossible, named;
    uint64_t most; /* guilty of one fork */
};

static void judge(
    const struct world *world, const struct chain *first, const struct chain *second, struct tally *tally)
{
    static struct blame blame;
    uint32_t n = world->set.count;
    struct blame_law law = {.chain_id = chain_id, .set = &world->set, .holds = mark_holds};
    struct blame_chain a = {first->count, first->blocks}, b = {second->count, second->blocks};
    assert_int_equal(blame_chains(&law, &a, &b, &blame), TALLY_OK);
    assert_true(blame.conflict);
    assert_true(blame.count >= 2 * quorum_of(n) - n);
    assert_int_equal(blame.guilty & ~world->liars, 0);
    assert_int_equal(__builtin_popcountll(blame.guilty), blame.count);
    for (uint32_t i = 0; i < blame.count; i++) {
        const struct evidence *evidence = &blame.culprits[i];
        assert_int_equal(evidence->form, EVIDENCE_STATEMENTS);
        assert_non_null(statements_conflict(&evidence->first, &evidence->second));
        assert_true(mark_holds(&law, &evidence->first) && mark_holds(&law, &evidence->second));
    }
    tally->forks++;
    tally->named += blame.count;
    if (blame.count > tally->most) tally->most = blame.count;
}

/* One fork, where it can be made. Each honest validator sees one side first and does there what it may; then
 * all are asked for the rest, which some may still sign. */
static void try_fork(struct world *world, const struct side sides[2], uint64_t see_first, struct tally *tally)
{
    static struct chain chains[2];
    memset(world->honest, 0, sizeof world->honest);
    world->asked = see_first;
    build(world, &sides[0], 1, &chains[0]);
    world->asked = ~see_first;
    build(world, &sides[1], 2, &chains[1]);
    world->asked = UINT64_MAX;
    if (!build(world, &sides[0], 1, &chains[0]) || !build(world, &sides[1], 2, &chains[1])) {
        tally->impossible++;
        return;
    }
    judge(world, &chains[0], &chains[1], tally);
}

static void try_views(struct world *world, const struct side sides[2], struct tally *tally)
{
    uint64_t all = (UINT64_C(1) << world->set.count) - 1;
    for (uint64_t see_first = 0; see_first <= all; see_first++) {
        if ((see_first & world->liars) != 0) continue;
        world->rotation = (uint32_t)(see_first % world->set.count);
        try_fork(world, sides, see_first, tally);
    }
}

/* Every way the blocks below the last one are certified in their children. */
static void try_certificates(struct world *world, struct side sides[2], struct tally *tally)
{
    for (uint32_t a = 0; a < 1u << VIEWS_MAX; a++) {
        if ((a & ~sides[0].blocks) != 0) continue;
        for (uint32_t b = 0; b < 1u << VIEWS_MAX; b++) {
            uint32_t common = (1u << (sides[0].first_view - 1)) - 1;
            if ((b & ~sides[1].blocks) != 0) continue;
            if ((a & common) != (b & common)) continue;
            sides[0].finalized = a;
            sides[1].finalized = b;
            try_views(world, sides, tally);
        }
    }
}

/* Blocks below `own_view` are the same on both sides; each side has one of its own. */
static void try_shapes(struct world *world, uint32_t views, struct tally *tally)
{
    for (uint32_t own_view = 1; own_view <= views; own_view++) {
        uint32_t common = (1u << (own_view - 1)) - 1;
        for (uint32_t a = 1; a < 1u << views; a++) {
            for (uint32_t b = 1; b < 1u << views; b++) {
                if ((a & common) != (b & common) || (a & ~common) == 0 || (b & ~common) == 0) continue;
                /* The justification of each side's first own block speaks of the common ancestor too. */
                struct side sides[2] = {{a, 0, own_view}, {b, 0, own_view}};
                try_certificates(world, sides, tally);
            }
        }
    }
}

static void forks_of(uint32_t n, uint32_t views)
{
    static struct world world;
    struct tally tally = {0};
    uint32_t least = 2 * quorum_of(n) - n;
    world.set = (struct validator_set){.epoch = 1, .count = n};
    for (uint32_t liars = least; liars <= least + 1; liars++) {
        /* Liars are counted from another place each time, so that they lead other views. */
        for (uint32_t start = 0; start < n; start++) {
            world.liars = 0;
            for (uint32_t i = 0; i < liars; i++)
                world.liars |= UINT64_C(1) << (start + i) % n;
            try_shapes(&world, views, &tally);
        }
    }
    print_message("n = %u, %u views: %llu forks, %llu impossible, at most %llu named\n", n, views,
        (unsigned long long)tally.forks, (unsigned long long)tally.impossible,
        (unsigned long long)tally.most);
    assert_true(tally.forks > 1000 && tally.impossible > 0);
}

static void every_small_fork_of_four_names_liars_alone(void **state)
{
    (void)state;
    forks_of(4, 4);
}

static void every_small_fork_of_five_names_liars_alone(void **state)
{
    (void)state;
    forks_of(5, 3);
}

static void every_small_fork_of_seven_names_liars_alone(void **state)
{
    (void)state;
    forks_of(7, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_fork_of_four_names_liars_alone),
        cmocka_unit_test(every_small_fork_of_five_names_liars_alone),
        cmocka_unit_test(every_small_fork_of_seven_names_liars_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
