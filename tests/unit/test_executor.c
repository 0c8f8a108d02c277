// links: policies node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "node/commit/executor.h"
#include "storage/segment.h"
#include "tests/fault/blocks.h"
#include "tests/fault/memory_disk.h"
#include "tests/vectors/profile.h"
#include "tests/vectors/samples.h"

#define BLOCKS 6u

struct fixture {
    struct memory_disk *disk;
    struct ledger *ledger;
    struct genesis genesis;
    char dir[64];
    uv_loop_t loop;
    struct executor *executor;
    struct arena arena;
    struct block blocks[BLOCKS + 1];
    uint64_t applied, rebuilt, anew;
    bool level;
    int awaited; /* on_failed's error that is to come; TALLY_OK once it has */
    uint32_t results;
    struct checkpoint checkpoints[BLOCKS + 1], last;
};

static void on_applied(void *context, const struct applied_block *applied)
{
    struct fixture *fixture = context;
    uint64_t height = applied->block->header.height;
    assert_int_equal(height, fixture->applied + 1);
    assert_int_equal(applied->result_count, applied->block->header.payload_events);
    fixture->applied = height;
    fixture->results += applied->result_count;
    fixture->checkpoints[height] = applied->checkpoint;
}

static void on_anew(void *context)
{
    ((struct fixture *)context)->anew++;
}

static void on_rebuilt(void *context, const struct checkpoint *last)
{
    struct fixture *fixture = context;
    assert_int_equal(fixture->anew, 1);
    fixture->rebuilt++;
    fixture->last = *last;
}

static void on_level(void *context)
{
    ((struct fixture *)context)->level = true;
}

static void on_failed(void *context, const char *what, int error)
{
    struct fixture *fixture = context;
    if (error != fixture->awaited) fail_msg("%s: %s", what, tally_error_text(error));
    fixture->awaited = TALLY_OK;
}

static const struct executor_callbacks callbacks = {
    on_applied, on_rebuilt, on_level, on_failed, NULL, on_anew, NULL};

static void open_executor(struct fixture *fixture)
{
    char why[256] = "";
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    if (executor_open(&fixture->loop, fixture->dir, 0, &fixture->genesis, fixture->ledger, &callbacks,
            fixture, &fixture->executor, why, sizeof why) != TALLY_OK)
        fail_msg("%s", why);
}

static void close_executor(struct fixture *fixture)
{
    executor_close(fixture->executor);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct sample_network network;
    struct ledger_report report;
    sample_network_init(&network, "executor", 4);
    fixture->genesis.chain_id = blocks_chain_id();
    fixture->genesis.base_timeout_ms = 400;
    fixture->genesis.heartbeat_ms = 10000;
    fixture->genesis.member_count = 1;
    fixture->genesis.members[0] = (struct genesis_member){
        .id = 1, .role = ROLE_LENDER, .ballot_key_count = 1, .ballot_keys = {{{2, 9}}}};
    fixture->genesis.validator_count = 4;
    fixture->genesis.policy = profile("dev");
    for (uint32_t i = 0; i < 4; i++) {
        fixture->genesis.validators[i].member_id = 1;
        fixture->genesis.validators[i].key = network.validators.set.keys[i];
    }
    strcpy(fixture->dir, "/tmp/tally-executor-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    fixture->disk = memory_disk_make(1);
    const struct disk *disk = &fixture->disk->disk;
    (void)disk->make_dir(disk->context, "data");
    assert_int_equal(
        ledger_open(disk, "data", &fixture->genesis.chain_id, NULL, &fixture->ledger, &report), TALLY_OK);
    arena_init(&fixture->arena, 64u * MIB);
    struct digest parent = fixture->genesis.chain_id;
    for (uint32_t height = 1; height <= BLOCKS; height++) {
        fixture->blocks[height] = blocks_make(&fixture->arena, height, &parent, 2, 5, true, true);
        parent = fixture->blocks[height].hash;
    }
    open_executor(fixture);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    close_executor(fixture);
    ledger_close(fixture->ledger);
    memory_disk_close(fixture->disk);
    arena_close(&fixture->arena);
    assert_int_equal(state_discard(fixture->dir), TALLY_OK);
    remove(fixture->dir);
    free(fixture);
    return 0;
}

/* As the driver does it: in the ledger first. */
static void finalize(struct fixture *fixture, uint64_t height)
{
    assert_int_equal(ledger_append(fixture->ledger, &fixture->blocks[height]), TALLY_OK);
    assert_int_equal(ledger_sync(fixture->ledger), TALLY_OK);
    executor_apply(fixture->executor, &fixture->blocks[height]);
}

static void wait_applied(struct fixture *fixture, uint64_t height)
{
    while (fixture->applied < height)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void assert_same_state(const struct checkpoint *a, const struct checkpoint *b)
{
    struct digest left = checkpoint_digest(a), right = checkpoint_digest(b);
    assert_true(digest_equal(&left, &right));
}

static void blocks_are_applied_in_order_with_a_result_for_each_event(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t height = 1; height <= 3; height++)
        finalize(fixture, height);
    wait_applied(fixture, 3);
    assert_int_equal(fixture->results, 3 * 2 * 5);
    assert_int_equal(executor_applied_height(fixture->executor), 3);
}

static void a_restart_comes_back_to_the_same_state(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint last;
    struct state_counts counts;
    for (uint64_t height = 1; height <= 3; height++)
        finalize(fixture, height);
    wait_applied(fixture, 3);
    close_executor(fixture);
    assert_int_equal(state_discard(fixture->dir), TALLY_OK); /* the ledger alone must do */
    open_executor(fixture);
    executor_last(fixture->executor, &last, &counts);
    assert_same_state(&last, &fixture->checkpoints[3]);
    assert_int_equal(counts.events, 3 * 2 * 5);
}

static void a_rebuild_comes_to_the_same_state_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t height = 1; height <= 3; height++)
        finalize(fixture, height);
    wait_applied(fixture, 3);
    executor_rebuild(fixture->executor);
    finalize(fixture, 4);
    wait_applied(fixture, 4);
    assert_int_equal(fixture->rebuilt, 1);
    assert_true(fixture->last.height >= 3);
    if (fixture->last.height == 3) assert_same_state(&fixture->last, &fixture->checkpoints[3]);
    close_executor(fixture);
    assert_int_equal(state_discard(fixture->dir), TALLY_OK);
    open_executor(fixture);
    struct checkpoint again;
    struct state_counts counts;
    executor_last(fixture->executor, &again, &counts);
    assert_same_state(&again, &fixture->checkpoints[4]);
}

static void a_block_that_a_rebuild_has_replayed_still_gets_its_results(void **state)
{
    struct fixture *fixture = *state;
    finalize(fixture, 1);
    wait_applied(fixture, 1);
    /* In the ledger before the rebuild begins, so that the replay takes it; queued after. */
    assert_int_equal(ledger_append(fixture->ledger, &fixture->blocks[2]), TALLY_OK);
    assert_int_equal(ledger_sync(fixture->ledger), TALLY_OK);
    executor_rebuild(fixture->executor);
    executor_apply(fixture->executor, &fixture->blocks[2]);
    wait_applied(fixture, 2);
    assert_int_equal(fixture->rebuilt, 1);
    assert_int_equal(fixture->last.height, 2);
    assert_same_state(&fixture->last, &fixture->checkpoints[2]);
    assert_int_equal(fixture->results, 2 * 2 * 5);
}

static void open_ledger(struct fixture *fixture)
{
    static const struct ledger_options options = {.mend = true};
    struct ledger_report report;
    assert_int_equal(ledger_open(disk_system(), fixture->dir, &fixture->genesis.chain_id, &options,
                         &fixture->ledger, &report),
        TALLY_OK);
}

/* Changes one byte of the block at height 2, on a disk that threads may use. */
static void damage_block(const struct fixture *fixture)
{
    char path[128];
    uint8_t size[4], byte;
    snprintf(path, sizeof path, "%s/ledger/0000000000000001", fixture->dir);
    int file = open(path, O_RDWR);
    assert_true(file >= 0 && pread(file, size, sizeof size, SEGMENT_HEADER_SIZE) == sizeof size);
    off_t at = SEGMENT_HEADER_SIZE + (off_t)record_footprint(get_u32(size)) + RECORD_HEADER_SIZE + 99;
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static void remove_ledger(struct fixture *fixture)
{
    static const char *const folders[] = {"ledger", "bodies", "mended"};
    ledger_close(fixture->ledger);
    fixture->ledger = NULL;
    for (size_t i = 0; i < 3; i++) {
        char folder[128], path[192];
        snprintf(folder, sizeof folder, "%s/%s", fixture->dir, folders[i]);
        snprintf(path, sizeof path, "%s/0000000000000001", folder);
        (void)remove(path);
        (void)remove(folder);
    }
}

static void a_state_waits_for_a_block_that_the_ledger_lost(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint last;
    struct state_counts counts;
    bool mended;
    for (uint64_t height = 1; height <= 4; height++)
        finalize(fixture, height);
    wait_applied(fixture, 4);
    close_executor(fixture);
    assert_int_equal(state_discard(fixture->dir), TALLY_OK);
    ledger_close(fixture->ledger);
    open_ledger(fixture);
    for (uint64_t height = 1; height <= 3; height++) {
        assert_int_equal(ledger_append(fixture->ledger, &fixture->blocks[height]), TALLY_OK);
        assert_int_equal(ledger_sync(fixture->ledger), TALLY_OK);
    }
    ledger_close(fixture->ledger);
    damage_block(fixture);
    for (int round = 0; round < 2; round++) {
        /* At first nobody mends it, and a stop is a stop. */
        open_ledger(fixture);
        open_executor(fixture);
        assert_false(executor_is_level(fixture->executor));
        assert_int_equal(executor_applied_height(fixture->executor), 1);
        if (round == 1) break;
        close_executor(fixture);
        ledger_close(fixture->ledger);
    }
    fixture->applied = 3;
    finalize(fixture, 4);
    for (int turn = 0; turn < 20; turn++) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        uv_sleep(10);
    }
    assert_false(fixture->level);
    assert_int_equal(fixture->applied, 3);
    assert_int_equal(ledger_mend(fixture->ledger, &fixture->blocks[2], false, &mended), TALLY_OK);
    assert_true(mended);
    struct checkpoint expected = fixture->checkpoints[4];
    wait_applied(fixture, 4);
    assert_true(fixture->level && executor_is_level(fixture->executor));
    assert_int_equal(fixture->anew, 1);
    executor_last(fixture->executor, &last, &counts);
    assert_same_state(&last, &expected);
    assert_int_equal(fixture->rebuilt, 0);
    close_executor(fixture);
    remove_ledger(fixture);
    assert_int_equal(state_discard(fixture->dir), TALLY_OK);
    struct ledger_report report;
    assert_int_equal(ledger_open(&fixture->disk->disk, "data", &fixture->genesis.chain_id, NULL,
                         &fixture->ledger, &report),
        TALLY_OK);
    open_executor(fixture);
}

static void a_mistrusted_state_is_made_anew_once(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint last;
    struct state_counts counts;
    for (uint64_t height = 1; height <= 3; height++)
        finalize(fixture, height);
    wait_applied(fixture, 3);
    executor_mistrust(fixture->executor);
    executor_mistrust(fixture->executor);
    finalize(fixture, 4);
    wait_applied(fixture, 4);
    executor_last(fixture->executor, &last, &counts);
    assert_same_state(&last, &fixture->checkpoints[4]);
    assert_int_equal(counts.events, 4 * 2 * 5);
    assert_int_equal(fixture->rebuilt, 0);
    assert_int_equal(fixture->anew, 1);
}

/* In its place, a ledger that begins with the block at height 3, of which older ones are still to come. */
static void begin_later(struct fixture *fixture)
{
    struct ledger_report report;
    const struct disk *disk = &fixture->disk->disk;
    ledger_close(fixture->ledger);
    (void)disk->make_dir(disk->context, "later");
    assert_int_equal(
        ledger_begin(disk, "later", &fixture->genesis.chain_id, NULL, &fixture->blocks[3]), TALLY_OK);
    assert_int_equal(
        ledger_open(disk, "later", &fixture->genesis.chain_id, NULL, &fixture->ledger, &report), TALLY_OK);
    assert_int_equal(ledger_older_append(fixture->ledger, &fixture->blocks[1]), TALLY_OK);
    assert_int_equal(ledger_older_sync(fixture->ledger), TALLY_OK);
}

/* Those come by the very state that is damaged: nobody would wait to any end. */
static void a_state_whose_older_blocks_are_missing_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t height = 1; height <= 3; height++)
        finalize(fixture, height);
    wait_applied(fixture, 3);
    close_executor(fixture);
    begin_later(fixture);
    open_executor(fixture);
    assert_true(executor_is_level(fixture->executor));
    fixture->awaited = TALLY_EPENDING;
    executor_mistrust(fixture->executor);
    finalize(fixture, 4); /* not applied to what is left, nor told of again */
    for (int turn = 0; turn < 200 && fixture->awaited != TALLY_OK; turn++) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        uv_sleep(10);
    }
    assert_int_equal(fixture->awaited, TALLY_OK);
    assert_int_equal(fixture->applied, 3);
}

/* Who is told of a checkpoint asks for what it proves, and gets it. */
static void a_certificate_is_told_of_once_it_is_kept(void **state)
{
    struct fixture *fixture = *state;
    finalize(fixture, 1);
    wait_applied(fixture, 1);
    struct certified_checkpoint told, certified = {.checkpoint = fixture->checkpoints[1], .signers = 7};
    executor_certified(fixture->executor, &certified);
    assert_false(executor_newest_certified(fixture->executor, &told));
    while (!executor_newest_certified(fixture->executor, &told))
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(told.checkpoint.height, 1);
    assert_int_equal(state_certified_above(executor_state(fixture->executor), 1, &told), TALLY_OK);
    assert_int_equal(told.checkpoint.height, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_applied_in_order_with_a_result_for_each_event),
        TEST(a_restart_comes_back_to_the_same_state),
        TEST(a_rebuild_comes_to_the_same_state_and_goes_on),
        TEST(a_block_that_a_rebuild_has_replayed_still_gets_its_results),
        TEST(a_state_waits_for_a_block_that_the_ledger_lost),
        TEST(a_mistrusted_state_is_made_anew_once),
        TEST(a_state_whose_older_blocks_are_missing_is_given_up),
        cmocka_unit_test_setup_teardown(
            a_certificate_is_told_of_once_it_is_kept, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
