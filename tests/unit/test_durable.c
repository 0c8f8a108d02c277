// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/commit/durable.h"
#include "tests/fault/memory_disk.h"

/* The promise that matters: no acknowledgement before the disk has it. */

struct fixture {
    struct memory_disk *disk;
    struct digest chain_id;
    struct vote_record *record;
    struct ledger *ledger;
    struct durable *durable;
    uv_loop_t loop;
    uint64_t recorded;
    int failure;
};

static int count_one(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    (void)type, (void)view, (void)bytes;
    if (context != NULL) (*(uint64_t *)context)++;
    return TALLY_OK;
}

/* What a process that starts after a power cut right now would find. */
static uint64_t records_on_disk(const struct fixture *fixture)
{
    struct memory_disk *left = memory_disk_copy(fixture->disk);
    memory_disk_crash(left, CRASH_KEEPS_SYNCED);
    uint64_t count = 0;
    struct vote_record *record;
    struct vote_record_report report;
    assert_int_equal(
        vote_record_open(&left->disk, "data", &fixture->chain_id, NULL, count_one, &count, &record, &report),
        TALLY_OK);
    vote_record_close(record);
    memory_disk_close(left);
    return count;
}

static void on_recorded(void *context, uint64_t sequence)
{
    struct fixture *fixture = context;
    assert_true(sequence > fixture->recorded);
    fixture->recorded = sequence;
    assert_true(records_on_disk(fixture) >= sequence);
}

static void on_appended(void *context, uint64_t height)
{
    (void)context, (void)height;
    fail_msg("no block was given");
}

static void on_failed(void *context, const char *what, int error)
{
    struct fixture *fixture = context;
    assert_non_null(what);
    fixture->failure = error;
}

static const struct durable_callbacks callbacks = {on_recorded, on_appended, on_failed};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct vote_record_report report;
    struct ledger_report ledger_report;
    fixture->disk = memory_disk_make(1);
    const struct disk *disk = &fixture->disk->disk;
    memset(fixture->chain_id.bytes, 7, DIGEST_SIZE);
    (void)disk->make_dir(disk->context, "data");
    assert_int_equal(vote_record_create(disk, "data", &fixture->chain_id), TALLY_OK);
    assert_int_equal(
        vote_record_open(disk, "data", &fixture->chain_id, NULL, count_one, NULL, &fixture->record, &report),
        TALLY_OK);
    assert_int_equal(
        ledger_open(disk, "data", &fixture->chain_id, NULL, &fixture->ledger, &ledger_report), TALLY_OK);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(durable_open(&fixture->loop, fixture->record, fixture->ledger, &callbacks, fixture,
                         &fixture->durable),
        TALLY_OK);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    durable_close(fixture->durable);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    vote_record_close(fixture->record);
    ledger_close(fixture->ledger);
    memory_disk_close(fixture->disk);
    free(fixture);
    return 0;
}

static uint64_t record(struct fixture *fixture, uint64_t view, uint64_t checkpoint_height)
{
    struct buffer bytes;
    buffer_init(&bytes, 64);
    buffer_u64(&bytes, view);
    return durable_record_take(fixture->durable, 1, view, checkpoint_height, &bytes);
}

static void an_acknowledgement_means_that_a_power_cut_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t view = 1; view <= 20; view++) {
        uint64_t sequence = record(fixture, view, 0);
        durable_commit(fixture->durable);
        if (view % 3 == 0)
            while (fixture->recorded < sequence)
                uv_run(&fixture->loop, UV_RUN_ONCE);
    }
    while (fixture->recorded < 20)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(records_on_disk(fixture), 20);
}

static void what_gathers_during_a_commit_goes_into_the_next(void **state)
{
    struct fixture *fixture = *state;
    uint64_t changes = fixture->disk->changes; /* while no thread writes */
    record(fixture, 1, 0);
    durable_commit(fixture->durable);
    for (uint64_t view = 2; view <= 50; view++)
        record(fixture, view, 0);
    durable_commit(fixture->durable);
    while (fixture->recorded < 50)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_true(fixture->disk->changes - changes < 60); /* fifty writes, not fifty syncs besides */
}

static void a_failed_sync_acknowledges_nothing_ever_again(void **state)
{
    for (uint64_t at = 1; at <= 2; at++) {
        struct fixture *fixture = *state;
        memory_fault(fixture->disk, FAULT_IO, at, 0);
        record(fixture, 1, 0);
        durable_commit(fixture->durable);
        while (fixture->failure == TALLY_OK)
            uv_run(&fixture->loop, UV_RUN_ONCE);
        assert_int_equal(fixture->failure, TALLY_EIO);
        record(fixture, 2, 0);
        durable_commit(fixture->durable);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        assert_int_equal(fixture->recorded, 0);
        close_fixture(state);
        open_fixture(state);
    }
}

static void a_full_disk_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    memory_fault(fixture->disk, FAULT_FULL, 1, 0);
    struct buffer bytes;
    buffer_init(&bytes, 8u * MIB);
    (void)buffer_reserve(&bytes, 8u * MIB);
    memset(bytes.data, 1, bytes.size);
    durable_record_take(fixture->durable, 1, 1, 0, &bytes);
    durable_commit(fixture->durable);
    while (fixture->failure == TALLY_OK)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(fixture->failure, TALLY_EFULL);
    assert_int_equal(fixture->recorded, 0);
}

static void the_promise_of_a_checkpoint_is_recorded_with_its_signature(void **state)
{
    struct fixture *fixture = *state;
    record(fixture, 1, 9);
    durable_commit(fixture->durable);
    while (fixture->recorded < 1)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(vote_record_checkpoint_height(fixture->record), 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(an_acknowledgement_means_that_a_power_cut_loses_nothing),
        TEST(what_gathers_during_a_commit_goes_into_the_next),
        TEST(a_failed_sync_acknowledges_nothing_ever_again),
        TEST(a_full_disk_is_told_as_such),
        TEST(the_promise_of_a_checkpoint_is_recorded_with_its_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
