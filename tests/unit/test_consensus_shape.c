// links: consensus base
/* What can be said of a proposal, a certificate or a range without a signature check: each is built right,
 * and then spoilt in one place at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "consensus/core.h"

#define SET_SIZE 4u
#define EPOCH 2u

static struct digest digest_of(uint8_t byte)
{
    struct digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct certificate certificate_of(enum vote_kind kind, uint64_t view, uint8_t block)
{
    struct certificate certificate = {.kind = kind, .epoch = EPOCH, .view = view, .signers = 7};
    if (kind != VOTE_NULLIFY) certificate.block = digest_of(block);
    return certificate;
}

static struct block_header header_of(uint64_t height, uint64_t view, uint64_t parent_view, uint8_t parent)
{
    struct block_header header = {.epoch = EPOCH, .view = view, .height = height, .parent_view = parent_view};
    header.chain_id = digest_of('z');
    header.parent_hash = digest_of(parent);
    header.time_ms = 1000 + view;
    return header;
}

/* Block 4, of view 4, on block 1, of view 1; views 2 and 3 are nullified. */
struct scene {
    struct consensus *consensus;
    struct proposal proposal;
    struct certificate nullifications[2];
    struct block_header headers[3]; /* a range, and what lies behind it in memory */
    struct digest hashes[3];
    struct certificate finalization;
    struct consensus_range range;
};

static void scene_open(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    struct consensus_config config = {.may_vote = true, .signer = 3, .base_timeout_ms = 100};
    config.set.count = config.peer_count = SET_SIZE;
    config.set.epoch = EPOCH;
    config.chain_id = digest_of('z');
    struct consensus_floor floor = {.block = config.chain_id, .time_ms = 500};
    assert_int_equal(consensus_open(&config, &floor, &scene->consensus), TALLY_OK);

    scene->proposal.hash = digest_of(4);
    scene->proposal.header = header_of(2, 4, 1, 1);
    struct justification *j = &scene->proposal.justification;
    j->parent = header_of(1, 1, 0, 'z');
    j->parent_hash = digest_of(1);
    j->parent_certificate = certificate_of(VOTE_NOTARIZE, 1, 1);
    scene->nullifications[0] = certificate_of(VOTE_NULLIFY, 2, 0);
    scene->nullifications[1] = certificate_of(VOTE_NULLIFY, 3, 0);
    j->nullifications = scene->nullifications;
    j->nullification_count = 2;

    scene->headers[0] = j->parent;
    scene->headers[1] = scene->proposal.header;
    scene->headers[2] = header_of(3, 5, 4, 4);
    for (uint8_t i = 0; i < 3; i++)
        scene->hashes[i] = digest_of((uint8_t[]){1, 4, 5}[i]);
    scene->finalization = certificate_of(VOTE_FINALIZE, 4, 4);
    scene->range = (struct consensus_range){2, scene->headers, scene->hashes, &scene->finalization};
}

/* As if its parent were genesis: view 1, nothing skipped. */
static void scene_make_first(struct scene *scene)
{
    memset(&scene->proposal.justification, 0, sizeof scene->proposal.justification);
    scene->proposal.justification.parent_is_genesis = true;
    scene->proposal.header = header_of(1, 1, 0, 'z');
}

/* As if it were the first block of its epoch: its parent seals the one before. */
static void scene_make_first_of_epoch(struct scene *scene)
{
    struct justification *j = &scene->proposal.justification;
    j->parent.epoch = EPOCH - 1;
    j->parent.seals = true;
    j->parent.next_set = digest_of('n');
    j->parent_certificate = certificate_of(VOTE_FINALIZE, 1, 1);
    j->parent_certificate.epoch = EPOCH - 1;
    j->nullification_count = 0;
    scene->proposal.header = header_of(2, 1, 0, 1);
    scene->proposal.header.time_ms++;
}

/* As if its parent sealed the epoch, so that it comes after the seal. */
static void scene_make_after_seal(struct scene *scene)
{
    scene->proposal.justification.parent.seals = true;
    scene->proposal.justification.parent.next_set = digest_of('n');
    scene->proposal.header.after_seal = true;
    scene->headers[0] = scene->proposal.justification.parent;
    scene->headers[1] = scene->proposal.header;
}

/* ---- One wrong thing each ---- */

#define H (&scene->proposal.header)
#define J (&scene->proposal.justification)
#define WRONG(name, ...)                                                                                     \
    static void name(struct scene *scene)                                                                    \
    {                                                                                                        \
        __VA_ARGS__;                                                                                         \
    }

WRONG(chain, H->chain_id.bytes[9] ^= 1)
WRONG(epoch, H->epoch++)
WRONG(view_zero, scene_make_first(scene), H->view = 0)
WRONG(height_zero, H->height = 0)
WRONG(parent_not_below, H->parent_view = 4)
WRONG(payload_size, H->payload_size = BLOCK_SIZE_MAX + 1)
WRONG(payload_events, H->payload_events = BLOCK_EVENTS_MAX + 1)
WRONG(seal_of_nobody, H->seals = true)
WRONG(next_set_unsealed, H->next_set = digest_of('n'))
WRONG(sealed_twice, scene_make_after_seal(scene), seal_of_nobody(scene), next_set_unsealed(scene))
WRONG(size_after_seal, scene_make_after_seal(scene), H->payload_size = 1)
WRONG(events_after_seal, scene_make_after_seal(scene), H->payload_events = 1)
WRONG(flag_forgotten, scene_make_after_seal(scene), H->after_seal = false)
WRONG(flag_forgotten_later, J->parent.after_seal = true)
WRONG(flag_from_nowhere, H->after_seal = true)
WRONG(flag_after_genesis, scene_make_first(scene), H->after_seal = true)
WRONG(path_within_an_epoch, J->seal_path_count = 1)
WRONG(seal_that_does_not, scene_make_first_of_epoch(scene), J->parent.seals = false)
WRONG(seal_long_ago, scene_make_first_of_epoch(scene), J->parent.epoch = EPOCH - 2,
    J->parent_certificate.epoch = EPOCH - 2)
WRONG(seals_chain, scene_make_first_of_epoch(scene), J->parent.chain_id.bytes[0] ^= 1)
WRONG(seals_view, scene_make_first_of_epoch(scene), H->view = 2, H->parent_view = 1)
WRONG(seals_hash, scene_make_first_of_epoch(scene), J->parent_hash = digest_of(2))
WRONG(seals_flag, scene_make_first_of_epoch(scene), H->after_seal = true)
WRONG(seals_height, scene_make_first_of_epoch(scene), H->height = 1)
WRONG(seals_time, scene_make_first_of_epoch(scene), H->time_ms--)
WRONG(seals_certificate_kind, scene_make_first_of_epoch(scene), J->parent_certificate.kind = VOTE_NOTARIZE)
WRONG(seals_certificate_epoch, scene_make_first_of_epoch(scene), J->parent_certificate.epoch = EPOCH)
WRONG(seals_path, scene_make_first_of_epoch(scene), J->seal_path_count = SEAL_PATH_MAX + 1)
WRONG(first_parent_view, scene_make_first(scene), H->view = 2, H->parent_view = 1)
WRONG(first_height, scene_make_first(scene), H->height = 2)
WRONG(first_genesis, scene_make_first(scene), H->parent_hash = digest_of('y'))
WRONG(first_parent_named, scene_make_first(scene), J->parent_hash = digest_of(1))
WRONG(first_certified, scene_make_first(scene), J->parent_certificate.signers = 7)
WRONG(first_time, scene_make_first(scene), H->time_ms = 500)
WRONG(parents_header, J->parent.chain_id.bytes[0] ^= 1)
WRONG(parents_view, J->parent.view = 2)
WRONG(parents_hash, J->parent_hash = digest_of(2))
WRONG(height, H->height = 3)
WRONG(time_ms, H->time_ms = J->parent.time_ms)
WRONG(parents_certificate_short, J->parent_certificate.signers = 3)
WRONG(parents_certificate_long, J->parent_certificate.signers = 15)
WRONG(parents_certificate_strange, J->parent_certificate.signers = 16 + 3)
WRONG(parents_certificate_kind, J->parent_certificate = certificate_of(VOTE_NULLIFY, 1, 0))
WRONG(parents_certificate_no_kind, J->parent_certificate.kind = (enum vote_kind)0)
WRONG(parents_certificate_epoch, J->parent_certificate.epoch--)
WRONG(parents_certificate_of_nothing, J->parent_certificate.block = digest_of(0))
WRONG(parents_certificate_view, J->parent_certificate.view = 2)
WRONG(parents_certificate_block, J->parent_certificate.block = digest_of(2))
WRONG(nullification_lacking, J->nullification_count = 1)
WRONG(nullification_form, scene->nullifications[1].signers = 3)
WRONG(nullification_kind, scene->nullifications[1] = certificate_of(VOTE_NOTARIZE, 3, 9))
WRONG(nullification_view, scene->nullifications[1] = certificate_of(VOTE_NULLIFY, 2, 0))
WRONG(range_empty, scene->range.count = 0)
WRONG(range_long, scene->range.count = UINT32_MAX)
WRONG(range_header, scene->headers[0].epoch++)
WRONG(range_height, scene->headers[1].height = 3)
WRONG(range_parent_view, scene->headers[1].parent_view = 2)
WRONG(range_time, scene->headers[1].time_ms = scene->headers[0].time_ms)
WRONG(range_hash, scene->headers[1].parent_hash = digest_of(2))
WRONG(range_flags, scene_make_after_seal(scene), scene->headers[1].after_seal = false)
WRONG(range_finalization_form, scene->finalization.signers = 3)
WRONG(range_finalization_kind, scene->finalization.kind = VOTE_NOTARIZE)
WRONG(range_finalization_view, scene->finalization.view = 3)
WRONG(range_finalization_block, scene->finalization.block = digest_of(1))

struct wrong {
    void (*spoil)(struct scene *scene);
    const char *fault;
};

static const struct wrong wrong_proposals[] = {
    {chain, "header of another chain"},
    {epoch, "header of another epoch"},
    {view_zero, "header's view or height"},
    {height_zero, "header's view or height"},
    {parent_not_below, "header's view or height"},
    {payload_size, "payload over its limit"},
    {payload_events, "payload over its limit"},
    {seal_of_nobody, "header's next set"},
    {next_set_unsealed, "header's next set"},
    {sealed_twice, "header seals a sealed epoch"},
    {size_after_seal, "payload after a seal"},
    {events_after_seal, "payload after a seal"},
    {flag_forgotten, "flags do not follow the parent's"},
    {flag_forgotten_later, "flags do not follow the parent's"},
    {flag_from_nowhere, "flags do not follow the parent's"},
    {flag_after_genesis, "flags do not follow the parent's"},
    {path_within_an_epoch, "a seal's path within an epoch"},
    {seal_that_does_not, "parent does not seal the epoch before"},
    {seal_long_ago, "parent does not seal the epoch before"},
    {seals_chain, "parent's header"},
    {seals_view, "parent's header is not the parent"},
    {seals_hash, "parent's header is not the parent"},
    {seals_flag, "flags do not follow the parent's"},
    {seals_height, "height is not the parent's and one"},
    {seals_time, "time is not after the parent's"},
    {seals_certificate_kind, "parent's certificate"},
    {seals_certificate_epoch, "parent's certificate"},
    {seals_path, "a seal's path over its limit"},
    {first_parent_view, "a genesis parent of a later block"},
    {first_height, "a genesis parent of a later block"},
    {first_genesis, "genesis of another chain"},
    {first_parent_named, "genesis is not certified"},
    {first_certified, "genesis is not certified"},
    {first_time, "time is not after the parent's"},
    {parents_header, "parent's header"},
    {parents_view, "parent's header is not the parent"},
    {parents_hash, "parent's header is not the parent"},
    {height, "height is not the parent's and one"},
    {time_ms, "time is not after the parent's"},
    {parents_certificate_short, "parent's certificate"},
    {parents_certificate_long, "parent's certificate"},
    {parents_certificate_strange, "parent's certificate"},
    {parents_certificate_kind, "parent's certificate"},
    {parents_certificate_no_kind, "parent's certificate"},
    {parents_certificate_epoch, "parent's certificate"},
    {parents_certificate_of_nothing, "parent's certificate"},
    {parents_certificate_view, "parent's certificate is of another block"},
    {parents_certificate_block, "parent's certificate is of another block"},
    {nullification_lacking, "nullifications do not cover the skipped views"},
    {nullification_form, "a nullification's form"},
    {nullification_kind, "a nullification's form"},
    {nullification_view, "a nullification of another view"},
};

static const struct wrong wrong_ranges[] = {
    {range_empty, "range's length"},
    {range_long, "range's length"},
    {range_header, "a header of the range"},
    {range_height, "range is not a chain"},
    {range_parent_view, "range is not a chain"},
    {range_time, "range is not a chain"},
    {range_flags, "range is not a chain"},
    {range_hash, "range is not a chain"},
    {range_finalization_form, "range's finalization"},
    {range_finalization_kind, "range's finalization"},
    {range_finalization_view, "range's finalization is of another block"},
    {range_finalization_block, "range's finalization is of another block"},
};

static void what_is_wrong_with_a_proposal_is_told(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_null(proposal_fault(scene.consensus, &scene.proposal));
    scene_make_after_seal(&scene);
    assert_null(proposal_fault(scene.consensus, &scene.proposal));
    assert_null(range_fault(scene.consensus, &scene.range));
    scene_make_first_of_epoch(&scene);
    assert_null(proposal_fault(scene.consensus, &scene.proposal));
    scene_make_first(&scene);
    assert_null(proposal_fault(scene.consensus, &scene.proposal));
    consensus_close(scene.consensus);
    for (size_t i = 0; i < sizeof wrong_proposals / sizeof *wrong_proposals; i++) {
        scene_open(&scene);
        wrong_proposals[i].spoil(&scene);
        const char *fault = proposal_fault(scene.consensus, &scene.proposal);
        if (!fault) fail_msg("nothing is told where it should be: %s (%zu)", wrong_proposals[i].fault, i);
        assert_string_equal(fault, wrong_proposals[i].fault);
        consensus_close(scene.consensus);
    }
}

static void what_is_wrong_with_a_range_is_told(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_null(range_fault(scene.consensus, &scene.range));
    consensus_close(scene.consensus);
    for (size_t i = 0; i < sizeof wrong_ranges / sizeof *wrong_ranges; i++) {
        scene_open(&scene);
        wrong_ranges[i].spoil(&scene);
        const char *fault = range_fault(scene.consensus, &scene.range);
        if (!fault) fail_msg("nothing is told where it should be: %s (%zu)", wrong_ranges[i].fault, i);
        assert_string_equal(fault, wrong_ranges[i].fault);
        consensus_close(scene.consensus);
    }
}

/* Block 5, which lies behind the range in memory, would follow a floor of height 2. */
static void a_range_that_does_not_reach_the_floor_has_no_start(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_int_equal(range_start(scene.consensus, &scene.range), 0);
    scene.consensus->floor.height = 1;
    assert_int_equal(range_start(scene.consensus, &scene.range), 1);
    scene.consensus->floor.height = 2;
    assert_int_equal(range_start(scene.consensus, &scene.range), 2);
    scene.consensus->floor.height = 4;
    assert_int_equal(range_start(scene.consensus, &scene.range), 2);
    scene.headers[0].height = 9;
    assert_int_equal(range_start(scene.consensus, &scene.range), 2);
    scene.consensus->floor.height = 0;
    consensus_close(scene.consensus);
}

/* R1: "a J may not bridge more than 1,024 views in any case." */
static void a_justification_bridges_so_many_views_and_no_more(void **state)
{
    (void)state;
    static struct certificate nullifications[VIEWS_SKIPPED_MAX + 1];
    struct scene scene;
    scene_open(&scene);
    scene_make_first(&scene);
    struct justification *j = &scene.proposal.justification;
    j->nullifications = nullifications;
    for (uint32_t count = VIEWS_SKIPPED_MAX; count <= VIEWS_SKIPPED_MAX + 1; count++) {
        for (uint32_t i = 0; i < count; i++)
            nullifications[i] = certificate_of(VOTE_NULLIFY, i + 1, 0);
        j->nullification_count = count;
        scene.proposal.header.view = count + 1;
        assert_true(
            (proposal_fault(scene.consensus, &scene.proposal) == NULL) == (count == VIEWS_SKIPPED_MAX));
    }
    consensus_close(scene.consensus);
}

static void a_set_of_sixty_four_fills_the_whole_bitmap(void **state)
{
    (void)state;
    struct consensus_config config = {.signer = SIGNER_NONE, .base_timeout_ms = 100};
    config.set.count = config.peer_count = 64;
    config.set.epoch = EPOCH;
    struct consensus_floor floor = {.block = config.chain_id};
    struct consensus *consensus = NULL;
    assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_OK);
    struct certificate certificate = certificate_of(VOTE_NULLIFY, 1, 0);
    certificate.signers = UINT64_MAX << 21; /* 43, the last one of the set among them */
    assert_true(certificate_well_formed(consensus, &certificate));
    certificate.signers = UINT64_MAX << 22;
    assert_false(certificate_well_formed(consensus, &certificate));
    certificate = certificate_of(VOTE_NULLIFY, 0, 0);
    certificate.signers = UINT64_MAX << 21;
    assert_false(certificate_well_formed(consensus, &certificate));
    consensus_close(consensus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_proposal_is_told),
        cmocka_unit_test(what_is_wrong_with_a_range_is_told),
        cmocka_unit_test(a_range_that_does_not_reach_the_floor_has_no_start),
        cmocka_unit_test(a_justification_bridges_so_many_views_and_no_more),
        cmocka_unit_test(a_set_of_sixty_four_fills_the_whole_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
