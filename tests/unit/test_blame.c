// links: proof codec crypto base
/* Blame with real signatures: each kind of evidence, found, saved, read back and judged by itself; and what
 * must convict nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/vectors/forks.h"

/* Of four validators: quorums of three that share 0 and 3. */
#define FIRST_SIGNERS 0xBu
#define SECOND_SIGNERS 0xDu
#define BOTH_SIGN 0x9u

struct fixture {
    struct sample_network network;
    struct fork_chain chains[2];
    struct blame blame;
    struct blame_law law;
    struct arena arena;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    sample_network_init(&fixture->network, "blame", 4);
    fixture->law = blame_law_of(&fixture->network.validators, &fixture->network.chain_id);
    arena_init(&fixture->arena, EVIDENCE_ARENA_SIZE);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    arena_close(&fixture->arena);
    fork_chain_close(&fixture->chains[0]);
    fork_chain_close(&fixture->chains[1]);
    free(fixture);
    return 0;
}

static void part(struct fixture *fixture, enum fork_shape shape)
{
    fork_chain_close(&fixture->chains[0]);
    fork_chain_close(&fixture->chains[1]);
    fork_make(&fixture->network, shape, FIRST_SIGNERS, SECOND_SIGNERS, fixture->chains);
}

static int blame_both(struct fixture *fixture)
{
    const struct fork_chain *chains = fixture->chains;
    struct blame_chain first = {chains[0].count, chains[0].blocks},
                       second = {chains[1].count, chains[1].blocks};
    return blame_chains(&fixture->law, &first, &second, &fixture->blame);
}

static int check(struct fixture *fixture, const struct evidence *evidence, struct evidence_verdict *verdict)
{
    arena_reset(&fixture->arena);
    return evidence_check(
        &fixture->network.validators, &fixture->network.chain_id, evidence, &fixture->arena, verdict);
}

/* Every culprit's evidence convicts by itself once it has been saved and read back. */
static void culprits_are(struct fixture *fixture, uint64_t guilty)
{
    const struct validator_set *set = &fixture->network.validators.set;
    assert_true(fixture->blame.conflict);
    assert_int_equal(fixture->blame.guilty, guilty);
    assert_int_equal(fixture->blame.count, __builtin_popcountll(guilty));
    for (uint32_t i = 0; i < fixture->blame.count; i++) {
        struct evidence read;
        struct evidence_verdict verdict;
        struct public_key key;
        struct arena arena;
        struct buffer line;
        const struct evidence *culprit = &fixture->blame.culprits[i];
        buffer_init(&line, EVIDENCE_LINE_SIZE_MAX);
        arena_init(&arena, EVIDENCE_ARENA_SIZE);
        evidence_line_print(culprit, &set->keys[culprit->signer], &line);
        assert_false(line.failed);
        assert_int_equal(
            evidence_line_read(span_of(line.data, line.size - 1), &arena, &read, &key), TALLY_OK);
        assert_true(public_key_equal(&key, &set->keys[culprit->signer]));
        assert_int_equal(check(fixture, &read, &verdict), TALLY_OK);
        assert_int_equal(read.signer, culprit->signer);
        arena_close(&arena);
        buffer_close(&line);
    }
}

static void two_finalized_blocks_of_a_view_convict_who_signed_both(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_FINALIZED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    /* Validator 2 leads view 3: it signed both blocks, and so it is guilty without a vote on both sides. */
    culprits_are(fixture, BOTH_SIGN | 1u << 2);
    for (uint32_t i = 0; i < 3; i++) {
        const struct evidence *culprit = &fixture->blame.culprits[i];
        enum statement_kind kind = culprit->signer == 2 ? STATEMENT_PROPOSE : STATEMENT_FINALIZE;
        assert_int_equal(culprit->first.kind, kind);
        assert_int_equal(culprit->second.kind, kind);
    }
}

static void a_finalized_block_beside_a_certified_one_convicts(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_NOTARIZED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN | 1u << 2);
    const struct evidence *culprit = &fixture->blame.culprits[1];
    assert_int_equal(culprit->first.kind, STATEMENT_NOTARIZE);
    assert_int_equal(culprit->second.kind, STATEMENT_FINALIZE);
}

static void a_finalized_block_beside_a_skipped_view_convicts(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_SKIPPED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN);
    assert_int_equal(fixture->blame.culprits[0].first.kind, STATEMENT_FINALIZE);
    assert_int_equal(fixture->blame.culprits[0].second.kind, STATEMENT_NULLIFY);
}

static void two_blocks_that_were_notarized_convict_where_neither_is_finalized(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_NOTARIZED);
    /* Another child of the first side's block of view 3, whose own FC is not shown. */
    fork_extend(&fixture->network, &fixture->chains[0], 5, 0);
    fork_finalize(&fixture->network, &fixture->chains[0]);
    fixture->chains[0].blocks[2].finalization = NULL;
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN | 1u << 2);
    assert_int_equal(fixture->blame.culprits[1].first.kind, STATEMENT_NOTARIZE);
    assert_int_equal(fixture->blame.culprits[1].second.kind, STATEMENT_NOTARIZE);
}

static void a_vote_for_an_unjustified_block_convicts(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_UNJUSTIFIED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, SECOND_SIGNERS);
    assert_int_equal(fixture->blame.culprits[0].form, EVIDENCE_UNJUSTIFIED);
}

static void the_sides_may_be_given_in_any_order(void **state)
{
    struct fixture *fixture = *state;
    for (enum fork_shape shape = FORK_FINALIZED; shape < FORK_SHAPES; shape++) {
        part(fixture, shape);
        assert_int_equal(blame_both(fixture), TALLY_OK);
        uint64_t guilty = fixture->blame.guilty;
        const struct fork_chain *chains = fixture->chains;
        struct blame_chain first = {chains[0].count, chains[0].blocks};
        struct blame_chain second = {chains[1].count, chains[1].blocks};
        assert_int_equal(blame_chains(&fixture->law, &second, &first, &fixture->blame), TALLY_OK);
        assert_int_equal(fixture->blame.guilty, guilty);
    }
}

/* What an adversary may do to a justification that a quorum then votes for. */
static void spoil(struct fixture *fixture, unsigned how, struct fork_chain *chain)
{
    struct justification *justification = &chain->justifications[2];
    struct certificate *certificate = &justification->parent_certificate;
    const struct sample_network *network = &fixture->network;
    switch (how) {
    case 0: /* nobody signed it */
        certificate->signatures[1].bytes[9] ^= 1;
        break;
    case 1: /* fewer than a quorum did */
        fork_certificate(network, VOTE_NOTARIZE, 2, &certificate->block, 3, certificate);
        break;
    case 2: /* more than a quorum */
        fork_certificate(network, VOTE_NOTARIZE, 2, &certificate->block, 15, certificate);
        break;
    case 3: /* of another block */
        fork_certificate(network, VOTE_NOTARIZE, 2, &chain->blocks[0].hash, SECOND_SIGNERS, certificate);
        break;
    case 4: /* of another view */
        fork_certificate(network, VOTE_NOTARIZE, 1, &certificate->block, SECOND_SIGNERS, certificate);
        break;
    case 5: /* another parent's header */
        justification->parent.time_ms++;
        justification->parent_hash = block_header_hash(&justification->parent);
        break;
    case 6: /* one nullification twice, for two views */
        justification->nullification_count = 2;
        chain->skips[2][1] = chain->skips[2][0];
        break;
    case 7: /* a nullification of another view */
        fork_certificate(network, VOTE_NULLIFY, 4, NULL, SECOND_SIGNERS, &chain->skips[2][0]);
        break;
    case 8: /* another kind in its place */
        fork_certificate(
            network, VOTE_NOTARIZE, 3, &chain->blocks[0].hash, SECOND_SIGNERS, &chain->skips[2][0]);
        break;
    case 9: /* genesis for a parent */
        *justification = (struct justification){.parent_is_genesis = true,
            .nullification_count = 1,
            .nullifications = justification->nullifications};
        break;
    case 10: /* a vote for a block of no bytes */
        fork_certificate(network, VOTE_NULLIFY, 3, NULL, SECOND_SIGNERS, &chain->skips[2][0]);
        fork_resign(network, VOTE_NOTARIZE, &chain->skips[2][0]);
        break;
    case 11: /* no later than its parent */
        chain->blocks[2].header.time_ms = justification->parent.time_ms;
        break;
    default: /* of another epoch */
        certificate->epoch = 2;
        fork_resign(network, VOTE_NOTARIZE, certificate);
        break;
    }
}

static void every_spoiled_justification_convicts_its_voters_and_a_good_one_nobody(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned how = 0; how <= 12; how++) {
        part(fixture, FORK_SKIPPED);
        struct fork_chain *chain = &fixture->chains[1];
        const struct block_header *header = &chain->blocks[2].header;
        assert_null(justification_fault(&fixture->law, header, chain->blocks[2].justification));
        spoil(fixture, how, chain);
        fork_encode(&fixture->network, chain, 2);
        fork_finalize(&fixture->network, chain);
        assert_non_null(justification_fault(&fixture->law, header, chain->blocks[2].justification));
        assert_int_equal(blame_both(fixture), TALLY_OK);
        assert_int_equal(fixture->blame.guilty & SECOND_SIGNERS, SECOND_SIGNERS);
        culprits_are(fixture, fixture->blame.guilty);
        assert_int_equal(fixture->blame.guilty & ~(uint64_t)SECOND_SIGNERS, 0);
    }
}

static void a_justification_is_one_headers_alone(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_SKIPPED);
    const struct blame_block *blocks = fixture->chains[1].blocks;
    for (unsigned how = 0; how < 7; how++) {
        struct block_header header = blocks[how == 6 ? 0 : 2].header;
        const struct justification *justification = blocks[how == 6 ? 0 : 2].justification;
        assert_null(justification_fault(&fixture->law, &header, justification));
        if (how == 0) header.height++;
        if (how == 1) header.view++;
        if (how == 2) header.view = 0;
        if (how == 3) header.parent_view = header.view;
        if (how == 4) header.parent_hash.bytes[0] ^= 1;
        if (how == 5) header.parent_view = 0;
        if (how == 6) header.parent_hash.bytes[0] ^= 1;
        assert_non_null(justification_fault(&fixture->law, &header, justification));
    }
    /* A parent of view 2 in place of one of view 1, and view 2 nullified: each certificate is sound. */
    struct justification mixed = *blocks[2].justification;
    struct certificate skips[2];
    struct block_header header = blocks[2].header;
    fork_certificate(&fixture->network, VOTE_NULLIFY, 2, NULL, SECOND_SIGNERS, &skips[0]);
    skips[1] = mixed.nullifications[0];
    mixed.nullifications = skips;
    mixed.nullification_count = 2;
    header.parent_view = 1;
    assert_non_null(justification_fault(&fixture->law, &header, &mixed));
}

/* `bytes` again and again, up to `size`, in place of a justification. */
static void garbage_convicts(struct fixture *fixture, const char *bytes, size_t size)
{
    struct justification decoded;
    part(fixture, FORK_SKIPPED);
    struct fork_chain *chain = &fixture->chains[1];
    buffer_close(&chain->bytes[2]);
    buffer_init(&chain->bytes[2], FRAME_SIZE_MAX);
    while (chain->bytes[2].size < size)
        buffer_append(&chain->bytes[2], bytes, strlen(bytes) + 1);
    assert_false(chain->bytes[2].failed);
    fork_seal(&fixture->network, chain, 2);
    chain->blocks[2].justification = NULL;
    fork_finalize(&fixture->network, chain);
    arena_reset(&fixture->arena);
    int error = justification_decode(chain->blocks[2].justification_bytes, &fixture->arena, &decoded);
    assert_true(error == TALLY_EFORM || error == TALLY_ELIMIT);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, SECOND_SIGNERS);
}

static void bytes_that_are_no_justification_convict_however_many(void **state)
{
    struct fixture *fixture = *state;
    garbage_convicts(fixture, "garbage", 8);
    /* Empty nullifications: two bytes each, and much more memory once decoded. */
    garbage_convicts(fixture, "\x1a", JUSTIFICATION_SIZE_MAX);
    garbage_convicts(fixture, "\x1a", FRAME_SIZE_MAX);
}

/* Whoever voted for the upper block is guilty; what is below it has no certificate that anybody could trust.
 */
static void two_unjustified_blocks_in_a_row_convict(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_UNJUSTIFIED);
    struct fork_chain *chain = &fixture->chains[1];
    fork_extend(&fixture->network, chain, 6, 0);
    buffer_clear(&chain->bytes[3]);
    buffer_append(&chain->bytes[3], "garbage", 7);
    fork_seal(&fixture->network, chain, 3);
    chain->blocks[3].justification = NULL;
    fork_finalize(&fixture->network, chain);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, SECOND_SIGNERS);
}

/* In a later epoch a block may pass for the first one, whose parent's certificate is not judged. What it
 * carries in that place may be of another block, and signed by the honest. */
static void a_certificate_of_another_block_condemns_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->network.validators.set.epoch = 2;
    part(fixture, FORK_UNJUSTIFIED);
    struct fork_chain *chain = &fixture->chains[1];
    fork_extend(&fixture->network, chain, 5, 0);
    struct justification *justification = &chain->justifications[3];
    fork_certificate(&fixture->network, VOTE_NOTARIZE, 2, &chain->blocks[1].hash, FIRST_SIGNERS,
        &justification->parent_certificate);
    for (uint32_t i = 0; i < 4; i++)
        fork_certificate(&fixture->network, VOTE_NULLIFY, i + 1, NULL, SECOND_SIGNERS, &chain->skips[3][i]);
    justification->nullification_count = 4;
    chain->blocks[3].header.parent_view = 0;
    fork_encode(&fixture->network, chain, 3);
    fork_finalize(&fixture->network, chain);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN);
}

static void a_leaders_signature_that_does_not_hold_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    for (int side = 0; side < 2; side++) {
        part(fixture, FORK_FINALIZED);
        fixture->chains[side].blocks[2].signature.bytes[5] ^= 1;
        assert_int_equal(blame_both(fixture), TALLY_OK);
        culprits_are(fixture, BOTH_SIGN);
    }
}

/* From the block at this place on, what is kept above a seal. */
static void keep_headers_only(struct fork_chain *chain, uint32_t from)
{
    for (uint32_t at = from; at < chain->count; at++) {
        struct blame_block *block = &chain->blocks[at];
        *block = (struct blame_block){.header = block->header,
            .hash = block->hash,
            .finalization = block->finalization,
            .header_only = true};
    }
}

static void a_seal_that_a_descendant_finalized_convicts_where_that_shows_it(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_SKIPPED);
    struct fork_chain *seals = &fixture->chains[1];
    fork_extend(&fixture->network, seals, 5, 1);
    seals->blocks[2].finalization = NULL;
    fork_finalize(&fixture->network, seals);
    keep_headers_only(seals, 3);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, FIRST_SIGNERS & SECOND_SIGNERS);
}

static void a_seal_whose_certificate_was_not_kept_convicts_its_leader_alone(void **state)
{
    struct fixture *fixture = *state;
    uint64_t leader = UINT64_C(1) << leader_of(3, 4); /* its two proposals are here */
    part(fixture, FORK_NOTARIZED);
    keep_headers_only(&fixture->chains[1], 3);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, leader);
    fixture->chains[1].blocks[2].has_signature = false;
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, 0);
    /* Nor do voters for a seal that is not justified: who they are is what was not kept. */
    fixture->chains[1].justifications[2].nullification_count = 1;
    assert_int_equal(blame_both(fixture), TALLY_OK);
    culprits_are(fixture, 0);
}

static void chains_that_agree_convict_nobody(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_FINALIZED);
    struct blame_chain whole = {3, fixture->chains[0].blocks}, start = {2, fixture->chains[1].blocks},
                       none = {0};
    assert_int_equal(blame_chains(&fixture->law, &whole, &start, &fixture->blame), TALLY_OK);
    assert_false(fixture->blame.conflict);
    assert_int_equal(blame_chains(&fixture->law, &none, &whole, &fixture->blame), TALLY_OK);
    assert_false(fixture->blame.conflict);
    assert_int_equal(fixture->blame.count, 0);
}

static void refused(struct fixture *fixture, int at_fault)
{
    assert_int_equal(blame_both(fixture), TALLY_EINVALID);
    assert_int_equal(fixture->blame.at_fault, at_fault);
    assert_int_equal(fixture->blame.count, 0);
    assert_true(fixture->blame.detail[0] != '\0');
}

/* Anybody can make blocks; only a quorum can finalize one. */
static void a_chain_that_no_quorum_finalized_is_no_evidence(void **state)
{
    struct fixture *fixture = *state;
    part(fixture, FORK_FINALIZED);
    fixture->chains[1].finalizations[2].signatures[0].bytes[3] ^= 1;
    refused(fixture, 1);
    part(fixture, FORK_FINALIZED);
    fixture->chains[0].finalizations[2].signers = 3;
    refused(fixture, 0);
    part(fixture, FORK_FINALIZED);
    fixture->chains[0].blocks[2].finalization = NULL;
    refused(fixture, 0);
    part(fixture, FORK_FINALIZED);
    fixture->chains[0].finalizations[2].kind = VOTE_NOTARIZE;
    refused(fixture, 0);
    part(fixture, FORK_FINALIZED);
    fixture->chains[1].finalizations[2] = fixture->chains[0].finalizations[2];
    refused(fixture, 1);
    part(fixture, FORK_FINALIZED);
    fixture->chains[1].blocks[2].header.parent_hash.bytes[0] ^= 1;
    refused(fixture, 1);
    part(fixture, FORK_FINALIZED);
    fixture->chains[1].blocks[0].header.chain_id.bytes[0] ^= 1;
    refused(fixture, 1);
    part(fixture, FORK_FINALIZED);
    fixture->chains[0].blocks[1].header.epoch = 2;
    refused(fixture, 0);
}

static struct certified_checkpoint certified(
    const struct fixture *fixture, uint64_t height, const char *block, const char *root, uint64_t signers)
{
    struct digest set_hash = validator_set_hash(&fixture->network.validators.set);
    struct certified_checkpoint certified = {.checkpoint = {.chain_id = fixture->network.chain_id,
                                                 .epoch = 1,
                                                 .height = height,
                                                 .block = sample_digest(block),
                                                 .time_ms = SAMPLE_TIME_MS,
                                                 .state_root = sample_digest(root),
                                                 .set_hash = set_hash,
                                                 .next_set_hash = set_hash}};
    sample_certify(&fixture->network, signers, &certified);
    return certified;
}

static int blame_certified(struct fixture *fixture, const struct certified_checkpoint *first,
    const struct certified_checkpoint *second)
{
    return blame_checkpoints(
        &fixture->network.validators, &fixture->network.chain_id, first, second, &fixture->blame);
}

static void two_checkpoints_of_a_height_are_guilt_or_divergence(void **state)
{
    struct fixture *fixture = *state;
    struct evidence_verdict verdict;
    struct certified_checkpoint one = certified(fixture, 7, "block", "root", FIRST_SIGNERS);
    struct certified_checkpoint result = certified(fixture, 7, "block", "other root", SECOND_SIGNERS);
    struct certified_checkpoint block = certified(fixture, 7, "other block", "root", SECOND_SIGNERS);
    assert_int_equal(blame_certified(fixture, &one, &result), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN);
    assert_int_equal(check(fixture, &fixture->blame.culprits[0], &verdict), TALLY_OK);
    assert_true(verdict.divergence);
    assert_int_equal(blame_certified(fixture, &one, &block), TALLY_OK);
    culprits_are(fixture, BOTH_SIGN);
    assert_int_equal(check(fixture, &fixture->blame.culprits[0], &verdict), TALLY_OK);
    assert_false(verdict.divergence);
    one.signers = FIRST_SIGNERS;
    struct certified_checkpoint again = certified(fixture, 7, "block", "root", SECOND_SIGNERS);
    assert_int_equal(blame_certified(fixture, &one, &again), TALLY_OK);
    assert_false(fixture->blame.conflict);
}

static void checkpoints_that_prove_nothing_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint one = certified(fixture, 7, "block", "root", FIRST_SIGNERS);
    struct certified_checkpoint later = certified(fixture, 8, "block", "root", SECOND_SIGNERS);
    struct certified_checkpoint forged = certified(fixture, 7, "block", "other", SECOND_SIGNERS);
    forged.signatures[1].bytes[0] ^= 1;
    struct certified_checkpoint few = certified(fixture, 7, "block", "other", 3);
    struct certified_checkpoint foreign = one;
    foreign.checkpoint.chain_id.bytes[0] ^= 1;
    sample_certify(&fixture->network, FIRST_SIGNERS, &foreign);
    assert_int_equal(blame_certified(fixture, &one, &later), TALLY_EINVALID);
    assert_int_equal(fixture->blame.at_fault, -1);
    assert_int_equal(blame_certified(fixture, &one, &forged), TALLY_EINVALID);
    assert_int_equal(fixture->blame.at_fault, 1);
    assert_int_equal(blame_certified(fixture, &few, &one), TALLY_EINVALID);
    assert_int_equal(fixture->blame.at_fault, 0);
    assert_int_equal(blame_certified(fixture, &one, &foreign), TALLY_EINVALID);
    assert_int_equal(fixture->blame.at_fault, 1);
    assert_int_equal(fixture->blame.count, 0);
}

/* The lines that tests/vectors/evidence.py judges, and anybody else may: every form, as it is made today. */
static void the_published_evidence_is_what_is_made(void **state)
{
    struct fixture *fixture = *state;
    static char published[64 * 1024];
    struct buffer lines;
    struct certified_checkpoint one = certified(fixture, 7, "block", "root", FIRST_SIGNERS);
    struct certified_checkpoint two = certified(fixture, 7, "block", "other root", SECOND_SIGNERS);
    const struct validator_set *set = &fixture->network.validators.set;
    buffer_init(&lines, MIB);
    for (int i = 0; i <= FORK_SHAPES; i++) {
        if (i < FORK_SHAPES) part(fixture, (enum fork_shape)i);
        assert_int_equal(
            i < FORK_SHAPES ? blame_both(fixture) : blame_certified(fixture, &one, &two), TALLY_OK);
        for (uint32_t k = 0; k < fixture->blame.count; k++) {
            const struct evidence *evidence = &fixture->blame.culprits[k];
            evidence_line_print(evidence, &set->keys[evidence->signer], &lines);
        }
    }
    FILE *file = fopen(TALLY_SOURCE_DIR "/tests/vectors/evidence.jsonl", "r");
    assert_non_null(file);
    size_t size = fread(published, 1, sizeof published, file);
    fclose(file);
    assert_int_equal(size, lines.size);
    assert_memory_equal(published, lines.data, size);
    buffer_close(&lines);
}

/* ---- Evidence by itself ---- */

static struct statement signed_statement(
    const struct fixture *fixture, enum statement_kind kind, const char *block)
{
    struct statement statement = {.kind = kind, .epoch = 1, .view = 6, .signer = 1};
    if (kind != STATEMENT_NULLIFY) statement.block = sample_digest(block);
    struct block_header header = {.epoch = 1, .view = 6};
    struct digest digest =
        kind == STATEMENT_PROPOSE
            ? proposal_digest(&fixture->network.chain_id, &header, &statement.block)
            : vote_digest(&fixture->network.chain_id, 1, (enum vote_kind)kind, 6, &statement.block);
    signature_make(&fixture->network.secrets[1], &digest, &statement.signature);
    return statement;
}

static struct evidence pair_of(
    const struct fixture *fixture, const struct statement *first, const struct statement *second)
{
    struct evidence evidence = {.form = EVIDENCE_STATEMENTS,
        .chain_id = fixture->network.chain_id,
        .epoch = 1,
        .signer = 1,
        .first = *first,
        .second = *second};
    evidence_arrange(&evidence);
    return evidence;
}

/* The whole table of what one validator may and may not sign about one view. */
static void what_an_honest_validator_may_sign_convicts_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum statement_kind first, second;
        bool same_block, guilty;
    } table[] = {
        {STATEMENT_NOTARIZE, STATEMENT_NOTARIZE, false, true},
        {STATEMENT_FINALIZE, STATEMENT_FINALIZE, false, true},
        {STATEMENT_PROPOSE, STATEMENT_PROPOSE, false, true},
        {STATEMENT_NOTARIZE, STATEMENT_FINALIZE, false, true},
        {STATEMENT_NOTARIZE, STATEMENT_FINALIZE, true, false},
        {STATEMENT_FINALIZE, STATEMENT_NULLIFY, true, true},
        {STATEMENT_NOTARIZE, STATEMENT_NULLIFY, true, false},
        {STATEMENT_NOTARIZE, STATEMENT_PROPOSE, true, false},
        {STATEMENT_NOTARIZE, STATEMENT_PROPOSE, false, false},
        {STATEMENT_FINALIZE, STATEMENT_PROPOSE, false, false},
        {STATEMENT_NULLIFY, STATEMENT_PROPOSE, false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct evidence_verdict verdict;
        struct statement first = signed_statement(fixture, table[i].first, "a");
        struct statement second = signed_statement(fixture, table[i].second, table[i].same_block ? "a" : "b");
        struct evidence evidence = pair_of(fixture, &first, &second);
        assert_int_equal(check(fixture, &evidence, &verdict), table[i].guilty ? TALLY_OK : TALLY_EINVALID);
        assert_int_equal(statements_conflict(&first, &second) != NULL, table[i].guilty);
        assert_int_equal(statements_conflict(&second, &first) != NULL, table[i].guilty);
        second.view++;
        assert_null(statements_conflict(&first, &second));
    }
}

static void evidence_of_another_chain_epoch_or_signer_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct evidence_verdict verdict;
    struct statement first = signed_statement(fixture, STATEMENT_NOTARIZE, "a");
    struct statement second = signed_statement(fixture, STATEMENT_NOTARIZE, "b");
    struct evidence evidence = pair_of(fixture, &first, &second), changed = evidence;
    assert_int_equal(check(fixture, &evidence, &verdict), TALLY_OK);
    changed.chain_id.bytes[31] ^= 1;
    assert_int_equal(check(fixture, &changed, &verdict), TALLY_ECHAIN);
    changed = evidence;
    changed.epoch = changed.first.epoch = changed.second.epoch = 2;
    assert_int_equal(check(fixture, &changed, &verdict), TALLY_EINVALID);
    for (uint32_t signer = 0; signer < 6; signer++) {
        if (signer == 1) continue;
        changed = evidence;
        changed.signer = changed.first.signer = changed.second.signer = signer;
        assert_int_equal(check(fixture, &changed, &verdict), signer < 4 ? TALLY_ESIGNATURE : TALLY_EINVALID);
    }
}

static void a_vote_for_a_justified_block_is_no_evidence(void **state)
{
    struct fixture *fixture = *state;
    struct evidence_verdict verdict;
    part(fixture, FORK_UNJUSTIFIED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    struct evidence guilty = fixture->blame.culprits[0];
    assert_int_equal(check(fixture, &guilty, &verdict), TALLY_OK);
    struct fork_chain *chain = &fixture->chains[1];
    /* The nullification that was lacking: the header names other bytes. */
    chain->justifications[2].nullification_count = 1;
    buffer_clear(&chain->bytes[2]);
    justification_encode(&chain->justifications[2], &chain->bytes[2]);
    struct evidence other = guilty;
    other.justification = buffer_span(&chain->bytes[2]);
    assert_int_equal(check(fixture, &other, &verdict), TALLY_EINVALID);
    /* And a vote for the block that carries it is what an honest validator casts. */
    fork_encode(&fixture->network, chain, 2);
    fork_finalize(&fixture->network, chain);
    other.header = chain->blocks[2].header;
    other.justification = chain->blocks[2].justification_bytes;
    other.first.block = chain->blocks[2].hash;
    other.first.signature = chain->finalizations[2].signatures[0];
    assert_int_equal(check(fixture, &other, &verdict), TALLY_EINVALID);
    assert_string_equal(verdict.reason, "The block is justified.");
}

static void a_proposal_of_an_unjustified_block_is_no_vote_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct evidence_verdict verdict;
    part(fixture, FORK_UNJUSTIFIED);
    assert_int_equal(blame_both(fixture), TALLY_OK);
    struct evidence evidence = fixture->blame.culprits[0];
    const struct blame_block *block = &fixture->chains[1].blocks[2];
    evidence.signer = evidence.first.signer = leader_of(block->header.view, 4);
    evidence.first.kind = STATEMENT_PROPOSE;
    evidence.first.signature = block->signature;
    assert_int_equal(check(fixture, &evidence, &verdict), TALLY_EINVALID);
}

static void sign_checkpoints(const struct fixture *fixture, struct evidence *evidence)
{
    struct digest first = checkpoint_digest(&evidence->first_checkpoint);
    struct digest second = checkpoint_digest(&evidence->second_checkpoint);
    signature_make(&fixture->network.secrets[evidence->signer], &first, &evidence->first_signature);
    signature_make(&fixture->network.secrets[evidence->signer], &second, &evidence->second_signature);
}

/* All signed by the accused, who did nothing wrong. */
static void checkpoints_of_two_heights_chains_or_epochs_convict_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct evidence_verdict verdict;
    struct certified_checkpoint one = certified(fixture, 7, "block", "root", FIRST_SIGNERS);
    struct certified_checkpoint two = certified(fixture, 7, "block", "other root", SECOND_SIGNERS);
    assert_int_equal(blame_certified(fixture, &one, &two), TALLY_OK);
    for (unsigned how = 0; how < 7; how++) {
        struct evidence evidence = fixture->blame.culprits[0];
        struct checkpoint *changed = how % 2 == 0 ? &evidence.second_checkpoint : &evidence.first_checkpoint;
        if (how / 2 == 0) changed->height++;
        if (how / 2 == 1) changed->chain_id.bytes[0] ^= 1;
        if (how / 2 == 2) changed->epoch++;
        if (how == 6) *changed = evidence.first_checkpoint;
        sign_checkpoints(fixture, &evidence);
        assert_int_not_equal(check(fixture, &evidence, &verdict), TALLY_OK);
    }
}

/* ---- No bit of saved evidence can be turned against another ---- */

static void flip_every_bit(struct fixture *fixture, const struct evidence *evidence)
{
    const struct validator_set *set = &fixture->network.validators.set;
    struct buffer line;
    buffer_init(&line, EVIDENCE_LINE_SIZE_MAX);
    evidence_line_print(evidence, &set->keys[evidence->signer], &line);
    assert_false(line.failed);
    for (size_t bit = 0; bit < 8 * (line.size - 1); bit++) {
        struct evidence read;
        struct evidence_verdict verdict;
        struct public_key key;
        struct arena arena;
        arena_init(&arena, EVIDENCE_ARENA_SIZE);
        line.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (evidence_line_read(span_of(line.data, line.size - 1), &arena, &read, &key) == TALLY_OK &&
            read.signer < set->count && public_key_equal(&key, &set->keys[read.signer])) {
            assert_int_not_equal(check(fixture, &read, &verdict), TALLY_OK);
        }
        line.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        arena_close(&arena);
    }
    buffer_close(&line);
}

static void a_saved_line_with_any_bit_flipped_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct certified_checkpoint one = certified(fixture, 7, "block", "root", FIRST_SIGNERS);
    struct certified_checkpoint two = certified(fixture, 7, "block", "other root", SECOND_SIGNERS);
    for (enum fork_shape shape = FORK_FINALIZED; shape < FORK_SHAPES; shape++) {
        part(fixture, shape);
        assert_int_equal(blame_both(fixture), TALLY_OK);
        flip_every_bit(fixture, &fixture->blame.culprits[0]);
    }
    assert_int_equal(blame_certified(fixture, &one, &two), TALLY_OK);
    flip_every_bit(fixture, &fixture->blame.culprits[0]);
}

static void a_line_with_anything_more_or_less_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct evidence read;
    struct public_key key;
    struct buffer line;
    struct statement first = signed_statement(fixture, STATEMENT_NOTARIZE, "a");
    struct statement second = signed_statement(fixture, STATEMENT_NOTARIZE, "b");
    struct evidence evidence = pair_of(fixture, &first, &second);
    buffer_init(&line, EVIDENCE_LINE_SIZE_MAX);
    evidence_line_print(&evidence, &fixture->network.validators.set.keys[1], &line);
    for (size_t size = 0; size < line.size - 1; size++) {
        arena_reset(&fixture->arena);
        assert_int_equal(
            evidence_line_read(span_of(line.data, size), &fixture->arena, &read, &key), TALLY_EFORM);
    }
    arena_reset(&fixture->arena);
    assert_int_equal(
        evidence_line_read(span_of(line.data, line.size - 1), &fixture->arena, &read, &key), TALLY_OK);
    line.data[line.size - 1] = ' ';
    assert_int_equal(evidence_line_read(buffer_span(&line), &fixture->arena, &read, &key), TALLY_EFORM);
    buffer_close(&line);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(two_finalized_blocks_of_a_view_convict_who_signed_both),
        TEST(a_finalized_block_beside_a_certified_one_convicts),
        TEST(a_finalized_block_beside_a_skipped_view_convicts),
        TEST(two_blocks_that_were_notarized_convict_where_neither_is_finalized),
        TEST(a_vote_for_an_unjustified_block_convicts),
        TEST(the_sides_may_be_given_in_any_order),
        TEST(every_spoiled_justification_convicts_its_voters_and_a_good_one_nobody),
        TEST(a_justification_is_one_headers_alone),
        TEST(bytes_that_are_no_justification_convict_however_many),
        TEST(two_unjustified_blocks_in_a_row_convict),
        TEST(a_certificate_of_another_block_condemns_nobody),
        TEST(a_leaders_signature_that_does_not_hold_is_passed_over),
        TEST(a_seal_that_a_descendant_finalized_convicts_where_that_shows_it),
        TEST(a_seal_whose_certificate_was_not_kept_convicts_its_leader_alone),
        TEST(chains_that_agree_convict_nobody),
        TEST(a_chain_that_no_quorum_finalized_is_no_evidence),
        TEST(two_checkpoints_of_a_height_are_guilt_or_divergence),
        TEST(checkpoints_that_prove_nothing_are_refused),
        TEST(the_published_evidence_is_what_is_made),
        TEST(what_an_honest_validator_may_sign_convicts_nobody),
        TEST(evidence_of_another_chain_epoch_or_signer_is_refused),
        TEST(a_vote_for_a_justified_block_is_no_evidence),
        TEST(a_proposal_of_an_unjustified_block_is_no_vote_for_it),
        TEST(checkpoints_of_two_heights_chains_or_epochs_convict_nobody),
        TEST(a_saved_line_with_any_bit_flipped_is_refused),
        TEST(a_line_with_anything_more_or_less_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
