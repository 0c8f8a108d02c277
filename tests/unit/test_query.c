// links: storage proof codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/proof/history_pieces.h"
#include "proto/proof/verify.h"
#include "storage/query.h"
#include "storage/state_consistency.h"
#include "tests/fault/blocks.h"
#include "tests/fault/memory_disk.h"
#include "tests/vectors/samples.h"

#define BLOCKS 9
#define SUBJECTS 16

struct world {
    char dir[32];
    struct memory_disk *disk;
    struct arena arena;
    struct sample_network network;
    struct state_config config;
    struct ledger *ledger;
    struct state *state;
    struct block blocks[BLOCKS + 1];
    struct state_roots roots[BLOCKS + 1];
    uint32_t folded[SUBJECTS];
};

static uint32_t subject_number(const struct digest *subject_id)
{
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        struct digest id = blocks_digest(1u << 20 | i);
        if (digest_equal(&id, subject_id)) return i;
    }
    fail_msg("a stranger");
    return 0;
}

/* A third of the events are refused. */
static struct event_result result_of(const struct batch_event *event)
{
    struct event_result result = {.code = event->id.bytes[0] % 3 == 0 ? RESULT_GAP : RESULT_OK};
    if (result.code == RESULT_GAP) result.detail_size = 36;
    memset(result.detail, event->id.bytes[1], result.detail_size);
    return result;
}

static void apply(struct world *world, uint64_t height)
{
    const struct block *block = &world->blocks[height];
    uint32_t index = 0;
    assert_int_equal(state_block_begin(world->state, height, &block->hash, block->header.time_ms), TALLY_OK);
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct batch_event *event = &block->batches[b].events[e];
            struct event_result result = result_of(event);
            const struct digest *subject = &event->fields.subject_id;
            if (result.code == RESULT_OK) {
                assert_int_equal(state_subject_put(world->state, subject, event->header), TALLY_OK);
                assert_int_equal(state_fold(world->state, subject, &event->id, index, result.code), TALLY_OK);
            }
            assert_int_equal(state_result_record(world->state, index, &event->id, &result), TALLY_OK);
        }
    }
    assert_int_equal(state_block_end(world->state, &world->roots[height]), TALLY_OK);
}

static struct certified_checkpoint certify(const struct world *world, uint64_t height)
{
    const struct state_roots *roots = &world->roots[height];
    struct digest set_hash = validator_set_hash(&world->network.validators.set);
    struct certified_checkpoint checkpoint = {.checkpoint = {.chain_id = world->network.chain_id,
                                                  .epoch = world->network.validators.set.epoch,
                                                  .height = height,
                                                  .block = roots->block,
                                                  .time_ms = roots->time_ms,
                                                  .state_root = roots->state_root,
                                                  .results_root = roots->results_root,
                                                  .history_root = roots->history_root,
                                                  .set_hash = set_hash,
                                                  .next_set_hash = set_hash}};
    sample_certify(&world->network, sample_quorum(&world->network), &checkpoint);
    return checkpoint;
}

static void certified(struct world *world, uint64_t height)
{
    struct certified_checkpoint checkpoint = certify(world, height);
    assert_int_equal(state_certified_put(world->state, &checkpoint), TALLY_OK);
}

static void open_world(struct world *world)
{
    struct ledger_report report;
    assert_int_equal(
        ledger_open(&world->disk->disk, "home", &world->network.chain_id, NULL, &world->ledger, &report),
        TALLY_OK);
    assert_int_equal(state_open(world->dir, &world->config, &world->state), TALLY_OK);
}

static void close_world(struct world *world)
{
    ledger_close(world->ledger);
    state_close(world->state);
}

/* A ledger of BLOCKS blocks, all of them applied and none certified. */
static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    strcpy(world->dir, "query-test-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->disk = memory_disk_make(1);
    assert_int_equal(world->disk->disk.make_dir(world->disk, "home"), TALLY_OK);
    arena_init(&world->arena, 64 * MIB);
    sample_network_init(&world->network, "chain", 4);
    world->network.chain_id = blocks_chain_id();
    world->config = (struct state_config){.chain_id = world->network.chain_id};
    open_world(world);
    world->blocks[0].hash = world->network.chain_id;
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct block *block = &world->blocks[height];
        *block = blocks_make(
            &world->arena, height, &world->blocks[height - 1].hash, (uint32_t)height % 4, 11, true, true);
        assert_int_equal(ledger_append(world->ledger, block), TALLY_OK);
        for (uint32_t b = 0; b < block->batch_count; b++) {
            for (uint32_t e = 0; e < block->batches[b].event_count; e++) {
                const struct batch_event *event = &block->batches[b].events[e];
                uint32_t subject = subject_number(&event->fields.subject_id);
                world->folded[subject] += result_of(event).code == RESULT_OK;
            }
        }
    }
    assert_int_equal(ledger_sync(world->ledger), TALLY_OK);
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        apply(world, height);
        if (height == 6) assert_int_equal(state_freeze(world->state), TALLY_OK);
    }
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    close_world(world);
    assert_int_equal(state_discard(world->dir), TALLY_OK);
    assert_int_equal(rmdir(world->dir), 0);
    arena_close(&world->arena);
    memory_disk_close(world->disk);
    free(world);
    return 0;
}

static struct proof_verdict verify_history(
    struct world *world, const struct digest *subject, bool with_bodies)
{
    static struct history_proof proof;
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = world->network.validators};
    struct proof_verdict verdict;
    struct arena arena;
    struct buffer bytes;
    bool more;
    arena_init(&arena, 16 * MIB);
    buffer_init(&bytes, QUERY_PROOF_SIZE_MAX);
    assert_int_equal(
        query_history(world->state, world->ledger, subject, 0, with_bodies, &bytes, &more), TALLY_OK);
    assert_false(more);
    int error = history_verify(&trust, buffer_span(&bytes), &arena, &proof, &verdict);
    if (error != TALLY_OK) print_message("%s: %s\n", proof_reason_name(verdict.reason), verdict.detail);
    assert_int_equal(error, TALLY_OK);
    assert_true(verdict.authentic && verdict.complete);
    buffer_close(&bytes);
    arena_close(&arena);
    return verdict;
}

static void every_history_verifies_and_is_complete(void **state)
{
    struct world *world = *state;
    certified(world, BLOCKS);
    uint32_t events = 0;
    for (uint32_t s = 0; s < SUBJECTS; s++) {
        struct digest subject = blocks_digest(1u << 20 | s);
        struct proof_verdict verdict = verify_history(world, &subject, true);
        assert_int_equal(verdict.events, world->folded[s]);
        assert_int_equal(verdict.absent, world->folded[s] == 0);
        assert_int_equal(verdict.withheld, 0);
        assert_int_equal(verdict.as_of_height, BLOCKS);
        verdict = verify_history(world, &subject, false);
        assert_int_equal(verdict.withheld, world->folded[s]);
        events += verdict.events;
    }
    assert_true(events > 50);
}

static void what_came_since_an_older_proof_verifies_from_there(void **state)
{
    struct world *world = *state;
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = world->network.validators};
    static struct history_proof proof;
    static struct history_base bases[SUBJECTS];
    struct proof_verdict verdict;
    uint32_t before = 0, after = 0;
    certified(world, 5);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t s = 0; s < SUBJECTS; s++) {
            struct digest subject = blocks_digest(1u << 20 | s);
            uint64_t since = pass == 0 ? 0 : bases[s].count;
            struct arena arena;
            struct buffer bytes;
            bool more;
            arena_init(&arena, 16 * MIB);
            buffer_init(&bytes, QUERY_PROOF_SIZE_MAX);
            assert_int_equal(
                query_history(world->state, world->ledger, &subject, since, true, &bytes, &more), TALLY_OK);
            assert_int_equal(history_verify_since(&trust, pass == 0 ? NULL : &bases[s], buffer_span(&bytes),
                                 &arena, &proof, &verdict),
                TALLY_OK);
            if (pass == 0) bases[s] = history_base_of(&proof);
            *(pass == 0 ? &before : &after) += verdict.events;
            assert_int_equal(verdict.since + verdict.events, pass == 0 ? verdict.events : world->folded[s]);
            size_t size = bytes.size;
            assert_int_equal(query_history(world->state, world->ledger, &subject, since + verdict.events + 1,
                                 true, &bytes, &more),
                TALLY_EINVALID);
            assert_int_equal(bytes.size, size);
            buffer_close(&bytes);
            arena_close(&arena);
        }
        if (pass == 0) certified(world, BLOCKS);
    }
    assert_true(before > 0 && after > 0);
}

static void a_subject_without_a_file_is_proven_absent(void **state)
{
    struct world *world = *state;
    certified(world, BLOCKS);
    for (uint32_t i = 0; i < 30; i++) {
        struct digest stranger = blocks_digest(7000 + i);
        struct proof_verdict verdict = verify_history(world, &stranger, true);
        assert_true(verdict.absent);
        assert_int_equal(verdict.events, 0);
    }
}

static void an_older_certified_height_is_proven_as_it_was_then(void **state)
{
    struct world *world = *state;
    certified(world, 5);
    uint32_t events = 0, all = 0;
    for (uint32_t s = 0; s < SUBJECTS; s++) {
        struct digest subject = blocks_digest(1u << 20 | s);
        struct proof_verdict verdict = verify_history(world, &subject, true);
        assert_int_equal(verdict.as_of_height, 5);
        events += verdict.events;
        all += world->folded[s];
    }
    assert_true(events > 0 && events < all);
}

static void without_a_certified_checkpoint_there_is_no_answer_yet(void **state)
{
    struct world *world = *state;
    struct digest subject = blocks_digest(1u << 20);
    struct buffer bytes;
    bool more;
    static struct receipt receipt;
    buffer_init(&bytes, MIB);
    buffer_u8(&bytes, 1);
    assert_int_equal(
        query_history(world->state, world->ledger, &subject, 0, true, &bytes, &more), TALLY_EBUSY);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(query_receipt(world->state, 1, 0, &world->arena, &receipt), TALLY_EBUSY);
    buffer_close(&bytes);
}

static void an_answer_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    struct world *world = *state;
    certified(world, BLOCKS);
    struct digest subject = blocks_digest(1u << 20);
    struct buffer bytes;
    bool more;
    buffer_init(&bytes, 700);
    buffer_u8(&bytes, 1);
    assert_int_equal(
        query_history(world->state, world->ledger, &subject, 0, true, &bytes, &more), TALLY_ELIMIT);
    assert_int_equal(bytes.size, 1);
    assert_false(bytes.failed);
    buffer_close(&bytes);
}

/* Pieces of a few events each, the last ones as of a later checkpoint. */
static void a_history_in_pieces_verifies_once_they_are_together(void **state)
{
    struct world *world = *state;
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = world->network.validators};
    struct digest subject = blocks_digest(1u << 20);
    struct history_pieces pieces = {.since = 0};
    static struct history_proof proof;
    struct proof_verdict verdict;
    struct arena arena;
    struct buffer whole;
    uint32_t count = 0;
    bool more = true;
    certified(world, 5);
    arena_init(&arena, 16 * MIB);
    for (; more; count++) {
        struct buffer bytes;
        if (count == 1) certified(world, BLOCKS);
        buffer_init(&bytes, QUERY_PROOF_FRAME_SIZE + 500);
        assert_int_equal(query_history(world->state, world->ledger, &subject, history_pieces_next(&pieces),
                             true, &bytes, &more),
            TALLY_OK);
        uint8_t *kept = arena_take(&arena, bytes.size);
        memcpy(kept, bytes.data, bytes.size);
        struct span piece = span_of(kept, bytes.size);
        if (more || count > 0)
            assert_int_not_equal(history_verify(&trust, piece, &arena, &proof, &verdict), TALLY_OK);
        assert_int_equal(history_pieces_add(&pieces, piece, &arena), TALLY_OK);
        if (more) assert_int_equal(history_pieces_add(&pieces, piece, &arena), TALLY_EFORM); /* twice */
        buffer_close(&bytes);
    }
    assert_true(count > 2);
    buffer_init(&whole, MIB);
    history_pieces_join(&pieces, &whole);
    assert_int_equal(history_verify(&trust, buffer_span(&whole), &arena, &proof, &verdict), TALLY_OK);
    assert_int_equal(verdict.events, world->folded[0]);
    assert_int_equal(verdict.as_of_height, BLOCKS);
    history_pieces_close(&pieces);
    buffer_close(&whole);
    arena_close(&arena);
}

static void pieces_that_do_not_follow_each_other_are_refused(void **state)
{
    struct world *world = *state;
    struct digest subject = blocks_digest(1u << 20), other = blocks_digest(1u << 20 | 1);
    struct history_pieces pieces = {.since = 0};
    struct arena arena;
    struct buffer first, elsewhere, ahead;
    bool more;
    certified(world, BLOCKS);
    arena_init(&arena, 16 * MIB);
    buffer_init(&first, QUERY_PROOF_FRAME_SIZE + 500);
    buffer_init(&elsewhere, MIB);
    buffer_init(&ahead, MIB);
    assert_int_equal(query_history(world->state, world->ledger, &subject, 0, true, &first, &more), TALLY_OK);
    assert_true(more);
    assert_int_equal(history_pieces_add(&pieces, buffer_span(&first), &arena), TALLY_OK);
    uint64_t next = history_pieces_next(&pieces);
    assert_int_equal(
        query_history(world->state, world->ledger, &other, next, true, &elsewhere, &more), TALLY_OK);
    assert_int_equal(
        query_history(world->state, world->ledger, &subject, next + 1, true, &ahead, &more), TALLY_OK);
    assert_int_equal(history_pieces_add(&pieces, buffer_span(&elsewhere), &arena), TALLY_EFORM);
    assert_int_equal(history_pieces_add(&pieces, buffer_span(&ahead), &arena), TALLY_EFORM);
    assert_int_equal(history_pieces_add(&pieces, span_of("no piece", 8), &arena), TALLY_EFORM);
    assert_int_equal(history_pieces_next(&pieces), next);
    history_pieces_close(&pieces);
    buffer_close(&first);
    buffer_close(&elsewhere);
    buffer_close(&ahead);
    arena_close(&arena);
}

static void an_erased_body_is_withheld_and_all_else_verifies(void **state)
{
    struct world *world = *state;
    certified(world, BLOCKS);
    const struct batch_event *event = NULL;
    uint32_t index = 0;
    for (; event == NULL; index++)
        if (result_of(&world->blocks[1].batches[0].events[index]).code == RESULT_OK)
            event = &world->blocks[1].batches[0].events[index];
    assert_int_equal(ledger_body_erase(world->ledger, 1, index - 1), TALLY_OK);
    struct proof_verdict verdict = verify_history(world, &event->fields.subject_id, true);
    assert_int_equal(verdict.withheld, 1);
    assert_int_equal(verdict.events, world->folded[subject_number(&event->fields.subject_id)]);
}

static void a_restart_at_the_certified_height_proves_at_once(void **state)
{
    struct world *world = *state;
    certified(world, 6);
    assert_int_equal(state_flush(world->state, 6), TALLY_OK);
    close_world(world);
    open_world(world);
    struct digest subject = blocks_digest(1u << 20 | 3);
    assert_int_equal(verify_history(world, &subject, true).as_of_height, 6);
    for (uint64_t height = 7; height <= BLOCKS; height++)
        apply(world, height);
    assert_int_equal(verify_history(world, &subject, true).as_of_height, 6);
    certified(world, BLOCKS);
    assert_int_equal(verify_history(world, &subject, true).as_of_height, BLOCKS);
}

static void every_ordered_event_has_a_receipt_that_verifies(void **state)
{
    struct world *world = *state;
    static struct receipt receipt, verified;
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = world->network.validators};
    certified(world, 4);
    certified(world, BLOCKS - 1);
    uint32_t count = 0;
    for (uint64_t height = 1; height < BLOCKS; height++) {
        uint32_t index = 0;
        for (uint32_t b = 0; b < world->blocks[height].batch_count; b++) {
            for (uint32_t e = 0; e < world->blocks[height].batches[b].event_count; e++, index++, count++) {
                const struct batch_event *event = &world->blocks[height].batches[b].events[e];
                struct proof_verdict verdict;
                struct buffer bytes;
                buffer_init(&bytes, MIB);
                assert_int_equal(
                    query_receipt_of(world->state, &event->id, &world->arena, &receipt), TALLY_OK);
                assert_int_equal(receipt.height, height);
                assert_int_equal(receipt.index, index);
                assert_int_equal(receipt.result.code, result_of(event).code);
                receipt_encode(&receipt, &bytes);
                int error = receipt_verify(&trust, buffer_span(&bytes), &verified, &verdict);
                if (error != TALLY_OK) print_message("%s\n", verdict.detail);
                assert_int_equal(error, TALLY_OK);
                assert_true(digest_equal(&verified.event_id, &event->id));
                buffer_close(&bytes);
            }
        }
        assert_int_equal(
            query_receipt(world->state, height, index, &world->arena, &receipt), TALLY_ENOTFOUND);
    }
    assert_true(count > 100);
    assert_int_equal(query_receipt(world->state, BLOCKS, 0, &world->arena, &receipt), TALLY_EBUSY);
    assert_int_equal(query_receipt(world->state, BLOCKS + 1, 0, &world->arena, &receipt), TALLY_ENOTFOUND);
    assert_int_equal(query_receipt(world->state, 0, 0, &world->arena, &receipt), TALLY_ENOTFOUND);
}

static void every_pair_of_certified_checkpoints_is_shown_consistent(void **state)
{
    struct world *world = *state;
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = world->network.validators};
    static struct consistency_proof proof, read;
    size_t length;
    for (uint64_t newer = 1; newer <= BLOCKS; newer++)
        for (uint64_t older = 1; older <= newer; older++) {
            struct proof_verdict verdict;
            struct buffer bytes;
            proof.older = certify(world, older);
            proof.newer = certify(world, newer);
            assert_int_equal(
                state_history_consistency(world->state, older, newer, proof.path, &length), TALLY_OK);
            proof.path_length = (uint32_t)length;
            buffer_init(&bytes, MIB);
            consistency_proof_encode(&proof, &bytes);
            assert_int_equal(consistency_verify(&trust, buffer_span(&bytes), &read, &verdict), TALLY_OK);
            buffer_close(&bytes);
        }
    assert_int_equal(state_history_consistency(world->state, 0, 1, proof.path, &length), TALLY_ENOTFOUND);
    assert_int_equal(state_history_consistency(world->state, 5, 4, proof.path, &length), TALLY_ENOTFOUND);
    assert_int_equal(
        state_history_consistency(world->state, 1, BLOCKS + 1, proof.path, &length), TALLY_ENOTFOUND);
}

/* The epoch ends at this height, and these are the next validators. */
static struct epoch_seal seal_epoch(struct world *world, uint64_t height, uint32_t first, uint32_t count)
{
    struct sample_network next;
    struct epoch_seal seal = {.checkpoint = certify(world, height)};
    sample_network_of(&next, "chain", world->network.validators.set.epoch + 1, first, count);
    next.chain_id = world->network.chain_id;
    seal.next_set = next.validators.set;
    seal.checkpoint.checkpoint.next_set_hash = validator_set_hash(&seal.next_set);
    sample_certify(&world->network, sample_quorum(&world->network), &seal.checkpoint);
    assert_int_equal(state_certified_put(world->state, &seal.checkpoint), TALLY_OK);
    world->network = next;
    return seal;
}

/* Of everything that is asked under the newest checkpoint, against the validators of genesis. */
static void verify_from(struct world *world, const struct verify_set *genesis, uint64_t epoch)
{
    struct proof_trust trust = {.chain_id = world->network.chain_id, .validators = *genesis};
    struct digest subject = blocks_digest(1u << 20 | 3);
    static struct history_proof proof;
    static struct receipt receipt, read;
    struct proof_verdict verdict;
    struct arena arena;
    struct buffer bytes;
    bool more;
    arena_init(&arena, 16 * MIB);
    buffer_init(&bytes, QUERY_PROOF_SIZE_MAX);
    assert_int_equal(query_history(world->state, world->ledger, &subject, 0, true, &bytes, &more), TALLY_OK);
    assert_int_equal(history_verify(&trust, buffer_span(&bytes), &arena, &proof, &verdict), TALLY_OK);
    assert_int_equal(verdict.epoch, epoch);
    buffer_clear(&bytes);
    assert_int_equal(query_receipt(world->state, 1, 0, &arena, &receipt), TALLY_OK);
    receipt_encode(&receipt, &bytes);
    assert_int_equal(receipt_verify(&trust, buffer_span(&bytes), &read, &verdict), TALLY_OK);
    assert_int_equal(verdict.epoch, epoch);
    buffer_close(&bytes);
    arena_close(&arena);
}

static void proofs_of_a_later_epoch_verify_from_genesis(void **state)
{
    struct world *world = *state;
    struct verify_set genesis = world->network.validators;
    struct epoch_seal first = seal_epoch(world, 3, 0, 7);
    verify_from(world, &genesis, 1);
    assert_int_equal(state_seal_put(world->state, &first), TALLY_OK);
    verify_from(world, &genesis, 1);
    certified(world, 5);
    verify_from(world, &genesis, 2);
    struct epoch_seal second = seal_epoch(world, 6, 3, 4);
    assert_int_equal(state_seal_put(world->state, &second), TALLY_OK);
    certified(world, BLOCKS);
    verify_from(world, &genesis, 3);
    assert_int_equal(state_flush(world->state, BLOCKS), TALLY_OK);
    close_world(world);
    open_world(world);
    verify_from(world, &genesis, 3);
}

static void without_the_seals_that_lead_to_it_nothing_is_proven(void **state)
{
    struct world *world = *state;
    struct digest subject = blocks_digest(1u << 20 | 3);
    static struct receipt receipt;
    struct buffer bytes, seals;
    bool more;
    buffer_init(&bytes, QUERY_PROOF_SIZE_MAX);
    buffer_init(&seals, EPOCH_SEALS_SIZE_MAX);
    struct epoch_seal first = seal_epoch(world, 3, 0, 7);
    certified(world, 5);
    assert_int_equal(
        query_history(world->state, world->ledger, &subject, 0, true, &bytes, &more), TALLY_EBUSY);
    assert_int_equal(query_receipt(world->state, 1, 0, &world->arena, &receipt), TALLY_EBUSY);
    assert_int_equal(state_seals_read(world->state, 2, &seals), TALLY_ENOTFOUND);
    assert_int_equal(state_seal_put(world->state, &first), TALLY_OK);
    assert_int_equal(state_seals_read(world->state, 3, &seals), TALLY_ENOTFOUND);
    assert_int_equal(seals.size, 0);
    assert_int_equal(state_seals_read(world->state, EPOCH_SEALS_MAX + 2, &seals), TALLY_ELIMIT);
    assert_int_equal(state_seals_read(world->state, 1, &seals), TALLY_OK);
    assert_int_equal(seals.size, 0);
    assert_int_equal(state_seals_read(world->state, 2, &seals), TALLY_OK);
    assert_int_not_equal(seals.size, 0);
    buffer_close(&seals);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_history_verifies_and_is_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_came_since_an_older_proof_verifies_from_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_subject_without_a_file_is_proven_absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_older_certified_height_is_proven_as_it_was_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_a_certified_checkpoint_there_is_no_answer_yet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_answer_that_does_not_fit_leaves_the_buffer_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_history_in_pieces_verifies_once_they_are_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_that_do_not_follow_each_other_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_erased_body_is_withheld_and_all_else_verifies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_at_the_certified_height_proves_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_ordered_event_has_a_receipt_that_verifies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            every_pair_of_certified_checkpoints_is_shown_consistent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proofs_of_a_later_epoch_verify_from_genesis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_the_seals_that_lead_to_it_nothing_is_proven, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
