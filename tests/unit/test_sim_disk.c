// links: sim
/* The simulated disk: what it may lose, what it may not, and in how many ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/catalogue.h"
#include "tests/sim/disk.h"
#include "tests/sim/seal.h"

#define FILE_SIZE (64u * KIB)
#define ROUNDS 300u

static const struct digest chain_id = {{7}};
static struct catalogue *catalogue;

static int open_catalogue(void **state)
{
    static struct vault vault;
    (void)state;
    vault_init(&vault, 4, 1);
    catalogue = catalogue_open(&vault, 1, false);
    return 0;
}

static int close_catalogue(void **state)
{
    (void)state;
    catalogue_close(catalogue);
    return 0;
}

static struct consensus_record nullify_of(uint64_t view)
{
    struct consensus_record record = {.kind = RECORD_VOTE};
    record.vote = (struct vote){.kind = VOTE_NULLIFY, .epoch = 1, .view = view, .signer = 2};
    record.has_admission = true;
    record.admission = (struct certificate){.kind = VOTE_NULLIFY, .epoch = 1, .view = view - 1, .signers = 7};
    for (uint32_t i = 0; i < 3; i++)
        record.admission.signatures[i].bytes[0] = (uint8_t)(view + i);
    return record;
}

static void add(struct replica_disk *disk, uint64_t view)
{
    struct consensus_record record = nullify_of(view);
    disk_record_add(disk, &record, view, NULL, NULL);
}

static void commit(struct replica_disk *disk)
{
    assert_int_equal(disk_commit_begin(disk), TALLY_OK);
    assert_int_equal(disk_commit_end(disk), TALLY_OK);
}

static struct disk_found reopen(struct replica_disk *disk)
{
    struct disk_found found;
    assert_int_equal(disk_open(disk, &found), TALLY_OK);
    return found;
}

static void make(struct replica_disk *disk, uint64_t seed)
{
    disk_make(disk, &chain_id, catalogue, seed, FILE_SIZE, true);
    struct disk_found found = reopen(disk);
    assert_int_equal(found.lost + found.torn, 0);
    assert_int_equal(disk->entry_count, 0);
}

/* What is found is views 1 to some number, in order and unchanged. */
static void assert_prefix(const struct replica_disk *disk, size_t at_least, size_t at_most)
{
    assert_in_range(disk->entry_count, at_least, at_most);
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct consensus_record expected = nullify_of(i + 1);
        const struct consensus_record *record = &disk->entries[i].record;
        assert_int_equal(record->vote.view, i + 1);
        assert_memory_equal(&record->vote, &expected.vote, sizeof expected.vote);
        assert_memory_equal(&record->admission, &expected.admission, sizeof expected.admission);
    }
}

static void a_power_cut_keeps_what_was_synced_and_a_prefix_of_the_rest(void **state)
{
    (void)state;
    struct dice dice;
    bool lost_some = false, lost_all = false, kept_all = false, torn = false;
    dice_init(&dice, 3);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct replica_disk disk;
        make(&disk, round);
        add(&disk, 1);
        add(&disk, 2);
        commit(&disk);
        for (uint64_t view = 3; view <= 6; view++)
            add(&disk, view);
        assert_int_equal(disk_commit_begin(&disk), TALLY_OK);
        add(&disk, 7);
        disk_crash(&disk, &dice, true);
        struct disk_found found = reopen(&disk);
        assert_prefix(&disk, 2, 6);
        assert_int_equal(found.lost, 7 - disk.entry_count);
        lost_all |= disk.entry_count == 2;
        lost_some |= disk.entry_count > 2 && disk.entry_count < 6;
        kept_all |= disk.entry_count == 6;
        torn |= found.torn > 0;
        disk_close(&disk);
    }
    assert_true(lost_some && lost_all && kept_all && torn);
}

static void a_process_that_is_killed_loses_only_what_it_had_not_written(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    dice_init(&dice, 4);
    make(&disk, 1);
    add(&disk, 1);
    assert_int_equal(disk_commit_begin(&disk), TALLY_OK);
    add(&disk, 2);
    disk_crash(&disk, &dice, false);
    struct disk_found found = reopen(&disk);
    assert_prefix(&disk, 1, 1);
    assert_int_equal(found.lost, 1);
    /* What was found is on disk from then on. */
    disk_crash(&disk, &dice, true);
    found = reopen(&disk);
    assert_prefix(&disk, 1, 1);
    assert_int_equal(found.lost, 0);
    disk_close(&disk);
}

static void a_failed_sync_acknowledges_nothing_and_loses_what_it_was_to_write(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    struct disk_record taken;
    dice_init(&dice, 5);
    make(&disk, 1);
    add(&disk, 1);
    commit(&disk);
    assert_true(disk_take_durable(&disk, &taken));
    assert_int_equal(taken.record.vote.view, 1);
    add(&disk, 2);
    assert_int_equal(disk_commit_begin(&disk), TALLY_OK);
    disk_trouble(&disk, TROUBLE_IO, 1, 0);
    assert_int_equal(disk_commit_end(&disk), TALLY_EIO);
    assert_false(disk_take_durable(&disk, &taken));
    assert_int_equal(disk_commit_end(&disk), TALLY_EIO);
    disk_crash(&disk, &dice, false);
    struct disk_found found = reopen(&disk);
    assert_prefix(&disk, 1, 1);
    assert_int_equal(found.lost, 1);
    disk_close(&disk);
}

static void what_only_a_page_cache_holds_is_on_disk_once_it_is_found(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    dice_init(&dice, 5);
    make(&disk, 1);
    add(&disk, 1);
    commit(&disk);
    add(&disk, 2);
    assert_int_equal(disk_commit_begin(&disk), TALLY_OK);
    disk_trouble(&disk, TROUBLE_PHANTOM, 1, 0);
    assert_int_equal(disk_commit_end(&disk), TALLY_EIO);
    disk_crash(&disk, &dice, false);
    assert_false(disk_holds_all(&disk));
    (void)reopen(&disk);
    assert_prefix(&disk, 2, 2);
    assert_true(disk_holds_all(&disk));
    disk_crash(&disk, &dice, true);
    (void)reopen(&disk);
    assert_prefix(&disk, 2, 2);
    disk_close(&disk);
}

static void a_promise_is_kept_across_a_crash_and_never_made_again(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    dice_init(&dice, 5);
    make(&disk, 1);
    disk_promise_add(&disk, 7, 1, span_of("seven", 5));
    assert_int_equal(disk_promised(&disk), 7);
    commit(&disk);
    disk_promise_add(&disk, 9, 1, span_of("nine", 4));
    disk_crash(&disk, &dice, true);
    (void)reopen(&disk);
    assert_int_equal(disk_promised(&disk), 7);
    disk_promise_add(&disk, 7, 1, span_of("again", 5));
    assert_int_equal(disk_commit_begin(&disk), TALLY_EEXISTS);
    disk_close(&disk);
}

static void a_full_disk_ends_the_process_and_keeps_what_was_synced(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    uint64_t view = 0;
    dice_init(&dice, 6);
    make(&disk, 1);
    disk_trouble(&disk, TROUBLE_FULL, 1, 100);
    int error = TALLY_OK;
    while (error == TALLY_OK && view < 1000) {
        add(&disk, ++view);
        error = disk_commit_begin(&disk);
        if (error == TALLY_OK) assert_int_equal(disk_commit_end(&disk), TALLY_OK);
    }
    assert_int_equal(error, TALLY_EFULL);
    disk_crash(&disk, &dice, true);
    (void)reopen(&disk);
    assert_prefix(&disk, view - 1, view - 1);
    disk_close(&disk);
}

static void a_power_cut_in_the_middle_of_anything_loses_nothing_that_was_synced(void **state)
{
    (void)state;
    struct dice dice;
    bool struck = false, in_opening = false;
    dice_init(&dice, 7);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct replica_disk disk;
        struct disk_found found;
        uint64_t view = 0, synced = 0;
        disk_make(&disk, &chain_id, catalogue, round, 2 * KIB, true);
        (void)reopen(&disk);
        disk_trouble(&disk, TROUBLE_POWER, 1 + round % 60, round * 7);
        for (int error = TALLY_OK; error == TALLY_OK && view < 40;) {
            add(&disk, ++view);
            error = disk_commit_begin(&disk);
            if (error == TALLY_OK) error = disk_commit_end(&disk);
            if (error == TALLY_OK) synced = view;
            struck |= error != TALLY_OK;
        }
        disk_crash(&disk, &dice, true);
        disk_trouble(&disk, TROUBLE_POWER, 1 + round % 3, 0);
        if (disk_open(&disk, &found) != TALLY_OK) {
            in_opening = true;
            disk_crash(&disk, &dice, true);
            (void)reopen(&disk);
        }
        assert_prefix(&disk, synced, view);
        disk_close(&disk);
    }
    assert_true(struck && in_opening);
}

static void add_block(struct replica_disk *disk, uint64_t height, bool finalized)
{
    struct block_header header = {.epoch = 1, .height = height, .view = height};
    struct digest hash = seal_header(&header);
    struct certificate finalization = {.kind = VOTE_FINALIZE};
    struct proposal proposal = {.header = header, .justification.parent_is_genesis = true};
    struct parcel *parcel = parcel_of_proposal(&proposal);
    disk_block_add(disk, &header, &hash, finalized ? &finalization : NULL, parcel->payload, parcel);
    parcel_release(parcel);
}

static void what_is_pruned_was_below_the_floor(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    dice_init(&dice, 8);
    disk_make(&disk, &chain_id, catalogue, 1, 1 * KIB, true);
    (void)reopen(&disk);
    for (uint64_t view = 1; view <= 40; view++) {
        add(&disk, view);
        add_block(&disk, view, true);
        if (view == 30) disk_prune(&disk, 25);
        commit(&disk);
    }
    disk.blocks_durable = 25;
    do
        disk_crash(&disk, &dice, true);
    while (disk_open(&disk, &(struct disk_found){0}) != TALLY_OK);
    size_t floor = disk.block_count;
    assert_in_range(floor, 25, 40);
    assert_int_equal(disk.entry_count, 40 - floor);
    for (size_t i = 0; i < disk.entry_count; i++)
        assert_int_equal(disk.entries[i].record.vote.view, floor + 1 + i);
    disk_close(&disk);
}

static void a_lost_disk_has_no_vote_record_ever_again(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    struct disk_found found;
    dice_init(&dice, 9);
    make(&disk, 1);
    add(&disk, 1);
    commit(&disk);
    disk_crash(&disk, &dice, true);
    disk_lose(&disk);
    assert_int_equal(disk_open(&disk, &found), TALLY_ENOTFOUND);
    assert_int_equal(disk_open(&disk, &found), TALLY_ENOTFOUND);
    disk_close(&disk);
}

static void a_ledger_after_a_crash_ends_at_a_finalization(void **state)
{
    (void)state;
    struct dice dice;
    dice_init(&dice, 4);
    for (uint32_t round = 0; round < 100; round++) {
        struct replica_disk disk;
        disk_make(&disk, &chain_id, catalogue, round, FILE_SIZE, true);
        for (uint64_t height = 1; height <= 9; height++)
            add_block(&disk, height, height % 3 == 0);
        disk.blocks_durable = 3;
        disk_crash(&disk, &dice, true);
        assert_true(disk.block_count >= 3 && disk.block_count % 3 == 0);
        disk_close(&disk);
    }
}

/* A proposal with its payload, stored with one record and named by the next. */
static void a_block_comes_back_with_the_first_record_that_names_it(void **state)
{
    (void)state;
    struct dice dice;
    struct replica_disk disk;
    struct vault vault;
    bool stored = false;
    struct digest batches[2] = {{{1}}, {{2}}};
    dice_init(&dice, 10);
    vault_init(&vault, 4, 1);
    struct proposal proposal = {.header = {.chain_id = chain_id, .epoch = 1, .view = 1, .height = 1}};
    proposal.batch_count = 2;
    proposal.batches = batches;
    proposal.justification.parent_is_genesis = true;
    proposal.header.payload_root = seal_payload(batches, 2);
    proposal.header.justification_root = seal_justification(&proposal.justification);
    proposal.hash = seal_header(&proposal.header);
    seal_proposal(&vault, &proposal);
    struct parcel *parcel = parcel_of_proposal(&proposal);
    struct consensus_record own = {
        .kind = RECORD_PROPOSAL, .header = proposal.header, .block = proposal.hash};
    struct consensus_record vote = {.kind = RECORD_VOTE, .header = proposal.header, .block = proposal.hash};
    vote.vote = (struct vote){.kind = VOTE_NOTARIZE, .epoch = 1, .view = 1, .block = proposal.hash};
    make(&disk, 1);
    disk_record_add(&disk, &own, 1, parcel, &stored);
    assert_true(stored);
    disk_record_add(&disk, &vote, 2, parcel, &stored);
    commit(&disk);
    disk_crash(&disk, &dice, true);
    (void)reopen(&disk);
    assert_int_equal(disk.entry_count, 2);
    assert_null(disk.entries[1].proposal);
    struct parcel *found = disk.entries[0].proposal;
    assert_non_null(found);
    assert_true(digest_equal(&found->message.proposal->hash, &proposal.hash));
    assert_int_equal(found->payload->count, 2);
    assert_memory_equal(found->payload->batches, batches, sizeof batches);
    assert_true(proposal_holds(&vault, found->message.proposal));
    parcel_release(parcel);
    disk_close(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_keeps_what_was_synced_and_a_prefix_of_the_rest),
        cmocka_unit_test(a_process_that_is_killed_loses_only_what_it_had_not_written),
        cmocka_unit_test(a_failed_sync_acknowledges_nothing_and_loses_what_it_was_to_write),
        cmocka_unit_test(what_only_a_page_cache_holds_is_on_disk_once_it_is_found),
        cmocka_unit_test(a_promise_is_kept_across_a_crash_and_never_made_again),
        cmocka_unit_test(a_full_disk_ends_the_process_and_keeps_what_was_synced),
        cmocka_unit_test(a_power_cut_in_the_middle_of_anything_loses_nothing_that_was_synced),
        cmocka_unit_test(what_is_pruned_was_below_the_floor),
        cmocka_unit_test(a_lost_disk_has_no_vote_record_ever_again),
        cmocka_unit_test(a_ledger_after_a_crash_ends_at_a_finalization),
        cmocka_unit_test(a_block_comes_back_with_the_first_record_that_names_it),
    };
    return cmocka_run_group_tests(tests, open_catalogue, close_catalogue);
}
