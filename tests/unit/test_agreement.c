// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/agreement.h"
#include "tests/vectors/samples.h"

static struct sample_network network;
static struct buffer bytes;
static struct arena arena;

static int begin(void **state)
{
    (void)state;
    sample_network_init(&network, "chain", 4);
    buffer_init(&bytes, FRAME_SIZE_MAX);
    arena_init(&arena, 64 * MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_close(&bytes);
    arena_close(&arena);
    return 0;
}

static struct block_header sample_block_header(uint64_t view)
{
    return (struct block_header){
        .chain_id = network.chain_id,
        .epoch = 1,
        .view = view,
        .height = view,
        .parent_view = view - 1,
        .parent_hash = sample_digest("parent"),
        .payload_root = payload_root(NULL, 0),
        .time_ms = SAMPLE_TIME_MS,
        .justification_root = justification_root(span_of(NULL, 0)),
    };
}

static struct vote sample_vote(enum vote_kind kind, uint32_t signer)
{
    struct vote vote = {.kind = kind, .epoch = 1, .view = 5, .signer = signer};
    if (kind != VOTE_NULLIFY) vote.block = sample_digest("block");
    struct digest digest = vote_digest(&network.chain_id, 1, kind, 5, &vote.block);
    signature_make(&network.secrets[signer], &digest, &vote.signature);
    return vote;
}

static void a_header_hash_binds_every_field(void **state)
{
    (void)state;
    struct block_header header = sample_block_header(3);
    struct digest before = block_header_hash(&header), hash;
#define changes(change)                                                                                      \
    do {                                                                                                     \
        header = sample_block_header(3);                                                                     \
        change;                                                                                              \
        hash = block_header_hash(&header);                                                                   \
        assert_false(digest_equal(&hash, &before));                                                          \
    } while (0)
    changes(header.chain_id.bytes[0] ^= 1);
    changes(header.epoch++);
    changes(header.view++);
    changes(header.height++);
    changes(header.parent_view++);
    changes(header.parent_hash.bytes[0] ^= 1);
    changes(header.payload_root.bytes[0] ^= 1);
    changes(header.payload_size++);
    changes(header.payload_events++);
    changes(header.time_ms++);
    changes(header.seals = true);
    changes(header.after_seal = true);
    changes(header.next_set.bytes[0] ^= 1);
    changes(header.justification_root.bytes[0] ^= 1);
#undef changes
}

static void no_two_kinds_or_places_sign_the_same(void **state)
{
    (void)state;
    struct digest block = sample_digest("block"), other_chain = sample_digest("other chain");
    struct block_header header = sample_block_header(5);
    struct checkpoint checkpoint = {.chain_id = network.chain_id, .epoch = 1, .height = 5, .block = block};
    struct digest digests[] = {
        vote_digest(&network.chain_id, 1, VOTE_NOTARIZE, 5, &block),
        vote_digest(&network.chain_id, 1, VOTE_FINALIZE, 5, &block),
        vote_digest(&network.chain_id, 1, VOTE_NULLIFY, 5, &block),
        vote_digest(&network.chain_id, 2, VOTE_NOTARIZE, 5, &block),
        vote_digest(&network.chain_id, 1, VOTE_NOTARIZE, 6, &block),
        vote_digest(&other_chain, 1, VOTE_NOTARIZE, 5, &block),
        proposal_digest(&network.chain_id, &header, &block),
        proposal_digest(&other_chain, &header, &block),
        checkpoint_digest(&checkpoint),
    };
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&digests[i], &digests[j]));
}

static void a_checkpoint_digest_binds_every_field(void **state)
{
    (void)state;
    struct checkpoint checkpoint = {.epoch = 1, .height = 2, .time_ms = 3}, changed;
    struct digest before = checkpoint_digest(&checkpoint), digest;
#define changes(change)                                                                                      \
    do {                                                                                                     \
        changed = checkpoint;                                                                                \
        change;                                                                                              \
        digest = checkpoint_digest(&changed);                                                                \
        assert_false(digest_equal(&digest, &before));                                                        \
    } while (0)
    changes(changed.chain_id.bytes[3] ^= 1);
    changes(changed.epoch++);
    changes(changed.height++);
    changes(changed.block.bytes[3] ^= 1);
    changes(changed.time_ms++);
    changes(changed.state_root.bytes[3] ^= 1);
    changes(changed.results_root.bytes[3] ^= 1);
    changes(changed.history_root.bytes[3] ^= 1);
    changes(changed.set_hash.bytes[3] ^= 1);
    changes(changed.next_set_hash.bytes[3] ^= 1);
#undef changes
}

static void a_set_is_sorted_distinct_and_of_points(void **state)
{
    (void)state;
    struct verify_set verify;
    struct validator_set set = network.validators.set;
    assert_int_equal(verify_set_init(&set, &verify), TALLY_OK);
    set.keys[1] = set.keys[0];
    assert_int_equal(verify_set_init(&set, &verify), TALLY_EFORM);
    set = network.validators.set;
    struct public_key first = set.keys[0];
    set.keys[0] = set.keys[1];
    set.keys[1] = first;
    assert_int_equal(verify_set_init(&set, &verify), TALLY_EFORM);
    set = network.validators.set;
    memset(set.keys[3].bytes, 0xFF, PUBLIC_KEY_SIZE);
    assert_int_equal(verify_set_init(&set, &verify), TALLY_EFORM);
    set = network.validators.set;
    set.count = VALIDATORS_MIN - 1;
    assert_int_equal(verify_set_init(&set, &verify), TALLY_EFORM);
    set.count = VALIDATORS_MAX + 1;
    assert_int_equal(verify_set_init(&set, &verify), TALLY_EFORM);
}

static void a_vote_comes_back_as_it_was_and_checks(void **state)
{
    (void)state;
    for (enum vote_kind kind = VOTE_NOTARIZE; kind <= VOTE_NULLIFY; kind++) {
        struct vote vote = sample_vote(kind, 2), read;
        memset(&read, 0, sizeof read);
        buffer_clear(&bytes);
        vote_encode(&vote, &bytes);
        assert_int_equal(vote_decode(buffer_span(&bytes), &read), TALLY_OK);
        assert_int_equal(read.kind, kind);
        assert_int_equal(read.epoch, 1);
        assert_int_equal(read.view, 5);
        assert_int_equal(read.signer, 2);
        assert_true(digest_equal(&read.block, &vote.block));
        assert_int_equal(vote_check(&network.validators, &network.chain_id, &read), TALLY_OK);
    }
}

static void a_vote_for_anything_else_fails(void **state)
{
    (void)state;
    struct digest other_chain = sample_digest("other chain");
    struct vote vote = sample_vote(VOTE_NOTARIZE, 1);
    const struct verify_set *set = &network.validators;
    assert_int_equal(vote_check(set, &other_chain, &vote), TALLY_ESIGNATURE);
    vote.kind = VOTE_FINALIZE;
    assert_int_equal(vote_check(set, &network.chain_id, &vote), TALLY_ESIGNATURE);
    vote = sample_vote(VOTE_NOTARIZE, 1);
    vote.view++;
    assert_int_equal(vote_check(set, &network.chain_id, &vote), TALLY_ESIGNATURE);
    vote = sample_vote(VOTE_NOTARIZE, 1);
    vote.signer = 0;
    assert_int_equal(vote_check(set, &network.chain_id, &vote), TALLY_ESIGNATURE);
    vote.signer = 4;
    assert_int_equal(vote_check(set, &network.chain_id, &vote), TALLY_ESIGNATURE);
    vote = sample_vote(VOTE_NOTARIZE, 1);
    vote.epoch = 2;
    assert_int_equal(vote_check(set, &network.chain_id, &vote), TALLY_EINVALID);
}

static void a_vote_of_no_kind_or_with_a_stray_block_is_malformed(void **state)
{
    (void)state;
    struct vote vote = sample_vote(VOTE_NULLIFY, 0), read;
    vote_encode(&vote, &bytes);
    bytes.data[1] = VOTE_NOTARIZE; /* now its block is missing */
    assert_int_equal(vote_decode(buffer_span(&bytes), &read), TALLY_EFORM);
    vote = sample_vote(VOTE_NOTARIZE, 0);
    buffer_clear(&bytes);
    vote_encode(&vote, &bytes);
    bytes.data[1] = VOTE_NULLIFY; /* now it has one too many */
    assert_int_equal(vote_decode(buffer_span(&bytes), &read), TALLY_EFORM);
    assert_int_equal(vote_decode(span_of(bytes.data + 2, bytes.size - 2), &read), TALLY_EFORM); /* no kind */
    vote.signer = VALIDATORS_MAX;
    buffer_clear(&bytes);
    vote_encode(&vote, &bytes);
    assert_int_equal(vote_decode(buffer_span(&bytes), &read), TALLY_EFORM);
}

static void certificates_of_every_size_of_set_come_back_and_check(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4, 5, 6, 7, 10, 16, 31, 64};
    static struct sample_network large;
    struct digest block = sample_digest("block");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct certificate certificate, read;
        sample_network_init(&large, "chain", sizes[i]);
        sample_certificate(&large, i % 2 == 0 ? VOTE_FINALIZE : VOTE_NULLIFY, 9, &block, &certificate);
        buffer_clear(&bytes);
        certificate_encode(&certificate, &bytes);
        memset(&read, 0xEE, sizeof read);
        assert_int_equal(certificate_decode(buffer_span(&bytes), &read), TALLY_OK);
        assert_memory_equal(read.signatures, certificate.signatures, sizeof read.signatures);
        assert_int_equal(read.signers, certificate.signers);
        assert_true(digest_equal(&read.block, &certificate.block));
        assert_int_equal(certificate_check(&large.validators, &large.chain_id, &read), TALLY_OK);
    }
}

static void a_certificate_needs_exactly_a_quorum_of_its_set(void **state)
{
    (void)state;
    struct certificate certificate;
    struct digest block = sample_digest("block");
    const struct verify_set *set = &network.validators;
    struct digest digest = vote_digest(&network.chain_id, 1, VOTE_NOTARIZE, 9, &block);
    static const uint64_t wrong[] = {0, 1, 3, 15, 5, 7ull << 4, 3 | 1ull << 63};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sample_certificate(&network, VOTE_NOTARIZE, 9, &block, &certificate);
        certificate.signers = wrong[i];
        sample_sign(&network, &digest, wrong[i], certificate.signatures);
        assert_int_equal(certificate_check(set, &network.chain_id, &certificate), TALLY_ESIGNATURE);
    }
    sample_certificate(&network, VOTE_NOTARIZE, 9, &block, &certificate);
    certificate.signatures[1] = certificate.signatures[0];
    assert_int_equal(certificate_check(set, &network.chain_id, &certificate), TALLY_ESIGNATURE);
    sample_certificate(&network, VOTE_NOTARIZE, 9, &block, &certificate);
    certificate.signers = 14; /* other signers than signed */
    assert_int_equal(certificate_check(set, &network.chain_id, &certificate), TALLY_ESIGNATURE);
    sample_certificate(&network, VOTE_NOTARIZE, 9, &block, &certificate);
    certificate.kind = VOTE_FINALIZE;
    assert_int_equal(certificate_check(set, &network.chain_id, &certificate), TALLY_ESIGNATURE);
    sample_certificate(&network, VOTE_NOTARIZE, 9, &block, &certificate);
    certificate.epoch = 2;
    assert_int_equal(certificate_check(set, &network.chain_id, &certificate), TALLY_EINVALID);
}

static void a_certificate_carries_one_signature_a_signer(void **state)
{
    (void)state;
    struct certificate certificate, read;
    struct digest block = sample_digest("block");
    sample_certificate(&network, VOTE_NULLIFY, 9, &block, &certificate);
    certificate_encode(&certificate, &bytes);
    /* kind 2, epoch 2, view 2, then the key of signers and its eight bytes. */
    assert_int_equal(bytes.data[6], 0x29);
    bytes.data[7] = 15;
    assert_int_equal(certificate_decode(buffer_span(&bytes), &read), TALLY_EFORM);
    bytes.data[7] = 3;
    assert_int_equal(certificate_decode(buffer_span(&bytes), &read), TALLY_EFORM);
    bytes.data[7] = 7;
    assert_int_equal(certificate_decode(buffer_span(&bytes), &read), TALLY_OK);
}

static void a_checkpoint_comes_back_and_checks(void **state)
{
    (void)state;
    struct certified_checkpoint certified = {.checkpoint = {.chain_id = network.chain_id,
                                                 .epoch = 1,
                                                 .height = 77,
                                                 .block = sample_digest("block"),
                                                 .time_ms = SAMPLE_TIME_MS,
                                                 .state_root = sample_digest("state")}};
    struct certified_checkpoint read;
    struct checkpoint bare;
    sample_certify(&network, 14, &certified);
    certified_checkpoint_encode(&certified, &bytes);
    assert_int_equal(certified_checkpoint_decode(buffer_span(&bytes), &read), TALLY_OK);
    assert_int_equal(certified_checkpoint_check(&network.validators, &read), TALLY_OK);
    assert_int_equal(read.checkpoint.height, 77);
    assert_true(digest_equal(&read.checkpoint.state_root, &certified.checkpoint.state_root));
    read.checkpoint.height++;
    assert_int_equal(certified_checkpoint_check(&network.validators, &read), TALLY_ESIGNATURE);
    read.checkpoint.epoch = 2;
    assert_int_equal(certified_checkpoint_check(&network.validators, &read), TALLY_EINVALID);
    buffer_clear(&bytes);
    checkpoint_encode(&certified.checkpoint, &bytes);
    assert_int_equal(checkpoint_decode(buffer_span(&bytes), &bare), TALLY_OK);
    struct digest a = checkpoint_digest(&bare), b = checkpoint_digest(&certified.checkpoint);
    assert_true(digest_equal(&a, &b));
}

static void small_objects_refuse_large_bytes(void **state)
{
    (void)state;
    struct vote vote;
    struct certificate certificate;
    uint8_t *large = calloc(1, MIB);
    assert_non_null(large);
    memcpy(large, "\x32\xfb\xff\x3f", 4); /* a signature of almost a mebibyte */
    assert_int_equal(vote_decode(span_of(large, MIB), &vote), TALLY_EFORM);
    assert_int_equal(certificate_decode(span_of(large, MIB), &certificate), TALLY_EFORM);
    free(large);
}

static void no_truncation_of_a_certificate_decodes(void **state)
{
    (void)state;
    struct certificate certificate, read;
    struct digest block = sample_digest("block");
    sample_certificate(&network, VOTE_FINALIZE, 9, &block, &certificate);
    certificate_encode(&certificate, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_not_equal(certificate_decode(span_of(bytes.data, size), &read), TALLY_OK);
}

/* A justification of a parent in view 1 and nullifications of the views up to `view`. */
static void make_justification(
    uint64_t view, struct certificate *nullifications, struct justification *justification)
{
    *justification =
        (struct justification){.parent = sample_block_header(1), .nullifications = nullifications};
    justification->parent_hash = block_header_hash(&justification->parent);
    sample_certificate(
        &network, VOTE_NOTARIZE, 1, &justification->parent_hash, &justification->parent_certificate);
    for (uint64_t v = 2; v < view; v++)
        sample_certificate(
            &network, VOTE_NULLIFY, v, NULL, &nullifications[justification->nullification_count++]);
}

static void make_proposal(const struct justification *justification, struct span justification_bytes,
    const struct digest *batches, uint32_t batch_count, struct proposal *proposal)
{
    *proposal = (struct proposal){
        .header = sample_block_header(4),
        .justification = *justification,
        .justification_bytes = justification_bytes,
        .batch_count = batch_count,
        .batches = batches,
    };
    proposal->header.justification_root = justification_root(justification_bytes);
    proposal->header.payload_root = payload_root(batches, batch_count);
    proposal->hash = block_header_hash(&proposal->header);
    struct digest digest = proposal_digest(&network.chain_id, &proposal->header, &proposal->hash);
    signature_make(&network.secrets[leader_of(4, 4)], &digest, &proposal->signature);
}

static void a_proposal_comes_back_as_it_was_and_checks(void **state)
{
    (void)state;
    struct certificate nullifications[2];
    struct justification justification;
    struct proposal proposal, read;
    struct buffer inner;
    struct digest batches[3] = {sample_digest("a"), sample_digest("b"), sample_digest("c")};
    buffer_init(&inner, JUSTIFICATION_SIZE_MAX);
    make_justification(4, nullifications, &justification);
    justification_encode(&justification, &inner);
    make_proposal(&justification, buffer_span(&inner), batches, 3, &proposal);
    proposal_encode(&proposal, &bytes);
    assert_int_equal(proposal_decode(buffer_span(&bytes), &arena, &read), TALLY_OK);
    assert_true(digest_equal(&read.hash, &proposal.hash));
    assert_int_equal(read.batch_count, 3);
    assert_memory_equal(read.batches, batches, sizeof batches);
    assert_int_equal(read.justification.nullification_count, 2);
    assert_int_equal(read.justification.nullifications[1].view, 3);
    assert_true(digest_equal(&read.justification.parent_hash, &justification.parent_hash));
    assert_false(read.justification.parent_is_genesis);
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &read), TALLY_OK);

    struct proposal spoiled = read;
    spoiled.signature.bytes[0] ^= 1;
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &spoiled), TALLY_ESIGNATURE);
    spoiled = read;
    spoiled.hash.bytes[0] ^= 1;
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &spoiled), TALLY_EINVALID);
    spoiled = read;
    spoiled.justification.parent_certificate.signatures[0].bytes[9] ^= 1;
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &spoiled), TALLY_ESIGNATURE);
    spoiled = read;
    nullifications[1].signatures[2].bytes[9] ^= 1;
    spoiled.justification.nullifications = nullifications;
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &spoiled), TALLY_ESIGNATURE);
    struct digest other_chain = sample_digest("other chain");
    assert_int_equal(proposal_check(&network.validators, &other_chain, &read), TALLY_ESIGNATURE);
    buffer_close(&inner);
}

static void a_proposal_on_genesis_needs_no_justification(void **state)
{
    (void)state;
    struct justification justification = {.parent_is_genesis = true};
    struct proposal proposal, read;
    struct buffer inner;
    buffer_init(&inner, JUSTIFICATION_SIZE_MAX);
    justification_encode(&justification, &inner);
    assert_int_equal(inner.size, 0);
    make_proposal(&justification, buffer_span(&inner), NULL, 0, &proposal);
    proposal_encode(&proposal, &bytes);
    assert_int_equal(proposal_decode(buffer_span(&bytes), &arena, &read), TALLY_OK);
    assert_true(read.justification.parent_is_genesis);
    assert_int_equal(read.batch_count, 0);
    assert_int_equal(proposal_check(&network.validators, &network.chain_id, &read), TALLY_OK);
    buffer_close(&inner);
}

static void a_proposal_that_carries_something_else_than_its_header_says_is_malformed(void **state)
{
    (void)state;
    struct justification justification = {.parent_is_genesis = true};
    struct digest batches[2] = {sample_digest("a"), sample_digest("b")};
    struct proposal proposal, read;
    make_proposal(&justification, span_of(NULL, 0), batches, 2, &proposal);
    proposal.batch_count = 1;
    proposal_encode(&proposal, &bytes);
    assert_int_equal(proposal_decode(buffer_span(&bytes), &arena, &read), TALLY_EFORM);
    make_proposal(&justification, span_of(NULL, 0), batches, 2, &proposal);
    proposal.justification_bytes = span_of("\x1a\x00", 2);
    buffer_clear(&bytes);
    proposal_encode(&proposal, &bytes);
    assert_int_equal(proposal_decode(buffer_span(&bytes), &arena, &read), TALLY_EFORM);
}

static void a_parent_and_its_certificate_come_together(void **state)
{
    (void)state;
    struct justification justification, read;
    make_justification(2, NULL, &justification);
    justification_encode(&justification, &bytes);
    assert_int_equal(justification_decode(buffer_span(&bytes), &arena, &read), TALLY_OK);
    size_t parent_size = 2 + (size_t)(bytes.data[1] & 0x7F) + 128 * (size_t)(bytes.data[2] & 1);
    parent_size += (bytes.data[1] & 0x80) != 0 ? 1 : 0;
    assert_int_equal(bytes.data[parent_size], 0x12);
    assert_int_equal(justification_decode(span_of(bytes.data, parent_size), &arena, &read), TALLY_EFORM);
    assert_int_equal(
        justification_decode(span_of(bytes.data + parent_size, bytes.size - parent_size), &arena, &read),
        TALLY_EFORM);
}

static void the_proof_of_a_seal_travels_in_a_justification(void **state)
{
    (void)state;
    static struct block_header path[SEAL_PATH_MAX + 1];
    struct justification justification, read;
    make_justification(2, NULL, &justification);
    for (uint32_t i = 0; i <= SEAL_PATH_MAX; i++) {
        path[i] = justification.parent;
        path[i].view += i + 1;
        path[i].after_seal = true;
    }
    justification.seal_path = path;
    justification.seal_path_count = SEAL_PATH_MAX;
    justification_encode(&justification, &bytes);
    assert_false(bytes.failed);
    assert_int_equal(justification_decode(buffer_span(&bytes), &arena, &read), TALLY_OK);
    assert_int_equal(read.seal_path_count, SEAL_PATH_MAX);
    assert_memory_equal(read.seal_path, path, SEAL_PATH_MAX * sizeof *path);
    /* One header more, by appending the last once again; and a path that leads away from nothing. */
    struct buffer last;
    buffer_init(&last, 64 * KIB);
    justification.seal_path = &path[SEAL_PATH_MAX];
    justification.seal_path_count = 1;
    justification.parent_is_genesis = true;
    justification_encode(&justification, &last);
    assert_int_equal(justification_decode(buffer_span(&last), &arena, &read), TALLY_EFORM);
    buffer_append(&bytes, last.data, last.size);
    assert_int_equal(justification_decode(buffer_span(&bytes), &arena, &read), TALLY_ELIMIT);
    buffer_close(&last);
}

static void the_longest_justification_fits_its_bounds(void **state)
{
    (void)state;
    static struct sample_network large;
    static struct certificate nullifications[VIEWS_SKIPPED_MAX + 1];
    struct justification justification = {.parent_is_genesis = true, .nullifications = nullifications}, read;
    sample_network_init(&large, "chain", VALIDATORS_MAX);
    sample_certificate(&large, VOTE_NULLIFY, 1, NULL, &nullifications[0]);
    for (uint32_t i = 0; i <= VIEWS_SKIPPED_MAX; i++) {
        nullifications[i] = nullifications[0];
        nullifications[i].view = UINT64_MAX - i;
    }
    justification.nullification_count = VIEWS_SKIPPED_MAX;
    justification_encode(&justification, &bytes);
    assert_false(bytes.failed);
    assert_true(bytes.size <= JUSTIFICATION_SIZE_MAX);
    assert_int_equal(justification_decode(buffer_span(&bytes), &arena, &read), TALLY_OK);
    assert_int_equal(read.nullification_count, VIEWS_SKIPPED_MAX);
    struct buffer more;
    buffer_init(&more, 64 * KIB);
    justification.nullification_count = 1;
    justification_encode(&justification, &more);
    buffer_append(&bytes, more.data, more.size);
    assert_int_equal(justification_decode(buffer_span(&bytes), &arena, &read), TALLY_ELIMIT);
    buffer_close(&more);
}

#define with_network(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_network(a_header_hash_binds_every_field),
        with_network(no_two_kinds_or_places_sign_the_same),
        with_network(a_checkpoint_digest_binds_every_field),
        with_network(a_set_is_sorted_distinct_and_of_points),
        with_network(a_vote_comes_back_as_it_was_and_checks),
        with_network(a_vote_for_anything_else_fails),
        with_network(a_vote_of_no_kind_or_with_a_stray_block_is_malformed),
        with_network(certificates_of_every_size_of_set_come_back_and_check),
        with_network(a_certificate_needs_exactly_a_quorum_of_its_set),
        with_network(a_certificate_carries_one_signature_a_signer),
        with_network(a_checkpoint_comes_back_and_checks),
        with_network(small_objects_refuse_large_bytes),
        with_network(no_truncation_of_a_certificate_decodes),
        with_network(a_proposal_comes_back_as_it_was_and_checks),
        with_network(a_proposal_on_genesis_needs_no_justification),
        with_network(a_proposal_that_carries_something_else_than_its_header_says_is_malformed),
        with_network(a_parent_and_its_certificate_come_together),
        with_network(the_proof_of_a_seal_travels_in_a_justification),
        with_network(the_longest_justification_fits_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
