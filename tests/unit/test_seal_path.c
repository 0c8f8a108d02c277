// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/agreement.h"
#include "tests/vectors/samples.h"

#define PATH 2u

/* Epoch 1's validators, and epoch 2's; a seal of the first, with what followed it. */
static struct sample_network old, new;
static struct block seal, read;
static struct block_header path[PATH];
static struct buffer bytes, inner;
static struct arena arena;

static void finalize(uint64_t view, const struct digest *hash)
{
    seal.has_finalization = true;
    sample_certificate(&old, VOTE_FINALIZE, view, hash, &seal.finalization);
}

static int begin(void **state)
{
    (void)state;
    sample_network_of(&old, "chain", 1, 0, 4);
    sample_network_of(&new, "chain", 2, 10, 5);
    new.validators.before = &old.validators;
    seal = (struct block){.header = {.chain_id = old.chain_id,
                              .epoch = 1,
                              .view = 7,
                              .height = 5,
                              .parent_view = 6,
                              .parent_hash = sample_digest("parent"),
                              .payload_root = payload_root(NULL, 0),
                              .time_ms = SAMPLE_TIME_MS,
                              .seals = true,
                              .next_set = validator_set_hash(&new.validators.set),
                              .justification_root = justification_root(span_of(NULL, 0))}};
    seal.hash = block_header_hash(&seal.header);
    struct digest parent = seal.hash;
    for (uint32_t i = 0; i < PATH; i++) {
        path[i] = seal.header;
        path[i].seals = false;
        path[i].after_seal = true;
        path[i].next_set = (struct digest){{0}};
        path[i].view = seal.header.view + 1 + i;
        path[i].parent_view = seal.header.view + i;
        path[i].height = seal.header.height + 1 + i;
        path[i].time_ms = seal.header.time_ms + 1 + i;
        path[i].parent_hash = parent;
        parent = block_header_hash(&path[i]);
    }
    finalize(path[PATH - 1].view, &parent);
    seal.seal_path = path;
    seal.seal_path_count = PATH;
    buffer_init(&bytes, FRAME_SIZE_MAX);
    buffer_init(&inner, FRAME_SIZE_MAX);
    arena_init(&arena, 64 * MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_close(&bytes);
    buffer_close(&inner);
    arena_close(&arena);
    return 0;
}

static int decode(void)
{
    buffer_clear(&bytes);
    block_encode(&seal, true, &bytes);
    assert_false(bytes.failed);
    return block_decode(buffer_span(&bytes), &old.chain_id, &arena, &read);
}

static void a_seal_comes_back_with_its_path(void **state)
{
    (void)state;
    assert_int_equal(decode(), TALLY_OK);
    assert_int_equal(read.seal_path_count, PATH);
    assert_memory_equal(read.seal_path, path, sizeof path);
    assert_true(block_is_finalized(&read));
    seal.seal_path_count = 0;
    finalize(seal.header.view, &seal.hash);
    assert_int_equal(decode(), TALLY_OK);
    assert_int_equal(read.seal_path_count, 0);
    assert_true(block_is_finalized(&read));
}

static void no_other_block_has_a_path(void **state)
{
    (void)state;
    seal.has_finalization = false;
    assert_int_equal(decode(), TALLY_EFORM);
    seal.has_finalization = true;
    seal.header.seals = false;
    seal.header.next_set = (struct digest){{0}};
    assert_int_equal(decode(), TALLY_EFORM);
    assert_false(block_is_finalized(&seal));
}

static void only_a_path_from_the_seal_to_what_is_finalized_proves_it(void **state)
{
    (void)state;
    assert_true(block_is_finalized(&seal));
    seal.seal_path_count = 1;
    assert_false(block_is_finalized(&seal));
    seal.seal_path_count = 0;
    assert_false(block_is_finalized(&seal));
    seal.seal_path_count = PATH;
    struct block_header kept = path[0];
#define SPOIL(change)                                                                                        \
    change;                                                                                                  \
    assert_false(block_is_finalized(&seal));                                                                 \
    path[0] = kept
    SPOIL(path[0].after_seal = false);
    SPOIL(path[0].height++);
    SPOIL(path[0].epoch++);
    SPOIL(path[0].parent_view--);
    SPOIL(path[0].view = 7);
    SPOIL(path[0].parent_hash.bytes[0] ^= 1);
    SPOIL(path[0].time_ms++);
#undef SPOIL
    seal.finalization.kind = VOTE_NOTARIZE;
    assert_false(block_is_finalized(&seal));
}

static void nothing_follows_a_path_in_a_range(void **state)
{
    (void)state;
    struct block child = {.header = path[0]};
    struct buffer encoded[2];
    struct span spans[2];
    struct block *blocks;
    struct certificate finalization;
    size_t count = 0;
    child.hash = block_header_hash(&child.header);
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&encoded[i], FRAME_SIZE_MAX);
        block_encode(i == 0 ? &seal : &child, true, &encoded[i]);
        spans[i] = buffer_span(&encoded[i]);
    }
    block_range_encode(spans, 1, &seal.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &old.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_OK);
    assert_int_equal(blocks[0].seal_path_count, PATH);
    buffer_clear(&bytes);
    block_range_encode(spans, 2, &seal.finalization, &bytes);
    assert_int_equal(
        block_range_decode(buffer_span(&bytes), &old.chain_id, &arena, &blocks, &count, &finalization),
        TALLY_EFORM);
    for (size_t i = 0; i < 2; i++)
        buffer_close(&encoded[i]);
}

/* The first block of epoch 2, on the seal. */
static int check_first(void)
{
    struct justification justification = {.parent = seal.header,
        .parent_hash = seal.hash,
        .parent_certificate = seal.finalization,
        .seal_path_count = seal.seal_path_count,
        .seal_path = seal.seal_path};
    struct proposal proposal = {.header = {.chain_id = new.chain_id,
                                    .epoch = 2,
                                    .view = 1,
                                    .height = seal.header.height + 1,
                                    .parent_hash = seal.hash,
                                    .payload_root = payload_root(NULL, 0),
                                    .time_ms = SAMPLE_TIME_MS + 9}};
    struct proposal decoded;
    struct signature signatures[VALIDATORS_MAX];
    buffer_clear(&inner);
    buffer_clear(&bytes);
    justification_encode(&justification, &inner);
    proposal.justification_bytes = buffer_span(&inner);
    proposal.header.justification_root = justification_root(proposal.justification_bytes);
    proposal.hash = block_header_hash(&proposal.header);
    struct digest digest = proposal_digest(&new.chain_id, &proposal.header, &proposal.hash);
    sample_sign(&new, &digest, 1, signatures);
    proposal.signature = signatures[0];
    proposal_encode(&proposal, &bytes);
    assert_int_equal(proposal_decode(buffer_span(&bytes), &arena, &decoded), TALLY_OK);
    return proposal_check(&new.validators, &new.chain_id, &decoded);
}

static void the_first_block_of_an_epoch_proves_the_seal_by_the_validators_before(void **state)
{
    (void)state;
    assert_int_equal(check_first(), TALLY_OK);
    seal.seal_path_count = 1;
    assert_int_equal(check_first(), TALLY_EINVALID);
    seal.seal_path_count = PATH;
    seal.finalization.signatures[1].bytes[3] ^= 1;
    assert_int_equal(check_first(), TALLY_ESIGNATURE);
    seal.finalization.signatures[1].bytes[3] ^= 1;
    new.validators.before = NULL;
    assert_int_equal(check_first(), TALLY_ENOTFOUND);
    new.validators.before = &new.validators;
    assert_int_equal(check_first(), TALLY_EINVALID);
}

static void the_seal_names_the_set(void **state)
{
    (void)state;
    seal.header.next_set.bytes[0] ^= 1;
    seal.hash = block_header_hash(&seal.header);
    seal.seal_path_count = 0;
    finalize(seal.header.view, &seal.hash);
    assert_int_equal(check_first(), TALLY_EINVALID);
    seal.header.next_set.bytes[0] ^= 1;
    seal.hash = block_header_hash(&seal.header);
    finalize(seal.header.view, &seal.hash);
    assert_int_equal(check_first(), TALLY_OK);
}

#define with_seal(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_seal(a_seal_comes_back_with_its_path),
        with_seal(no_other_block_has_a_path),
        with_seal(only_a_path_from_the_seal_to_what_is_finalized_proves_it),
        with_seal(nothing_follows_a_path_in_a_range),
        with_seal(the_first_block_of_an_epoch_proves_the_seal_by_the_validators_before),
        with_seal(the_seal_names_the_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
