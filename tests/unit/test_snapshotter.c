// links: policies node -Wl,--wrap=uv_hrtime,--wrap=uv_sleep
/* When snapshots are made, and that the thread that makes them is out of the state's way. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/commit/snapshotter.h"
#include "storage/snapshot_file.h"
#include "tests/fault/small_node.h"

/* More than the thread works before it rests. */
#define LONG_NS 6000000u
#define BLOCKS 31u
#define WAIT_MS 10000u

static struct small_node *node;

/* Each look at the clock finds that a long time has passed, where that is wanted; and rests of other threads
 * than the test's are counted. */
static atomic_bool time_flies;
static atomic_uint rests;
static pthread_t own_thread;

uint64_t __real_uv_hrtime(void);
uint64_t __wrap_uv_hrtime(void);
uint64_t __wrap_uv_hrtime(void)
{
    static atomic_uint_fast64_t passed_ns;
    if (time_flies) passed_ns += LONG_NS;
    return __real_uv_hrtime() + passed_ns;
}

void __real_uv_sleep(unsigned ms);
void __wrap_uv_sleep(unsigned ms);
void __wrap_uv_sleep(unsigned ms)
{
    if (pthread_equal(pthread_self(), own_thread) == 0) rests++;
    __real_uv_sleep(ms);
}

static int set_up(void **context)
{
    (void)context;
    own_thread = pthread_self();
    node = small_node_make(BLOCKS, 3);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    small_node_close(node);
    return 0;
}

static void one_is_due_after_many_events_or_a_day(void **context)
{
    static const struct {
        struct snapshot_mark last, now;
        bool due;
    } cases[] = {
        {{0, 0, 0}, {1, 1000, 0}, false},                                /* nothing to keep */
        {{0, 0, 0}, {1, 1000, 1}, true},                                 /* there is none */
        {{1, 1000, 1}, {2, 2000, 50000}, false},                         /* 49,999 events */
        {{1, 1000, 1}, {2, 2000, 50001}, true},                          /* 50,000 */
        {{9, 1000, 10000000}, {10, 2000, 10666666}, false},              /* less than a sixteenth */
        {{9, 1000, 10000000}, {10, 2000, 10666667}, true},               /* of all there are */
        {{9, 1000, 500}, {10, 1000 + 24 * 3600000 - 1, 501}, false},     /* a day, but for a moment */
        {{9, 1000, 500}, {10, 1000 + 24 * 3600000, 501}, true},          /* a day */
        {{9, 1000, 500}, {10, 1000 + 24ull * 3600000 * 99, 500}, false}, /* nothing new */
    };
    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(snapshot_is_due(&cases[i].last, &cases[i].now), cases[i].due);
}

/* ---- With its thread ---- */

struct making {
    uv_loop_t loop;
    struct replay replay;
    struct ledger *ledger;
    struct snapshotter *snapshotter;
};

static void making_open(struct making *making)
{
    assert_int_equal(uv_loop_init(&making->loop), 0);
    assert_int_equal(small_replay(node, node->dir, &making->replay, &making->ledger), TALLY_OK);
    assert_int_equal(
        snapshotter_open(&making->loop, node->dir, &node->genesis, making->ledger, &making->snapshotter),
        TALLY_OK);
}

static void making_close(struct making *making)
{
    snapshotter_close(making->snapshotter);
    assert_int_equal(uv_run(&making->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&making->loop), 0);
    replay_close(&making->replay);
    ledger_close(making->ledger);
}

static bool is_there(uint64_t *height)
{
    return snapshot_newest(disk_system(), node->dir, UINT64_MAX, height) == TALLY_OK;
}

/* Offers what is on disk until a snapshot is there, as flushes do. */
static void make_one(struct making *making)
{
    uint64_t height = 0;
    for (unsigned waited = 0; !is_there(&height); waited++) {
        assert_true(waited < WAIT_MS);
        snapshotter_take(making->snapshotter, making->replay.state);
        snapshotter_write(making->snapshotter);
        (void)uv_run(&making->loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    assert_int_equal(height, BLOCKS);
}

static void what_was_flushed_becomes_a_snapshot_once(void **context)
{
    struct making making;
    uint64_t height;
    (void)context;
    making_open(&making);
    make_one(&making);
    /* It is not due again, whatever is offered; and what was taken is let go. */
    for (int i = 0; i < 50; i++) {
        snapshotter_take(making.snapshotter, making.replay.state);
        snapshotter_write(making.snapshotter);
        (void)uv_run(&making.loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    snapshotter_settle(making.snapshotter);
    making_close(&making);
    assert_true(is_there(&height));
}

static void spoil(const char *file)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/snapshots/%020u-%s", node->dir, BLOCKS, file);
    struct buffer bytes = small_read(path);
    assert_true(bytes.size > 0);
    bytes.data[bytes.size / 2] ^= 1;
    small_write(path, &bytes);
    buffer_close(&bytes);
}

static void a_damaged_one_is_deleted_and_made_anew(void **context)
{
    static const char *const spoilt[] = {"head", "block", "history-00000", "batches-00000", "subjects-00000"};
    (void)context;
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        struct making making;
        uint64_t height;
        assert_true(is_there(&height));
        spoil(spoilt[i]);
        making_open(&making);
        for (unsigned waited = 0; is_there(&height); waited++) {
            assert_true(waited < WAIT_MS);
            uv_sleep(1);
        }
        make_one(&making);
        making_close(&making);
    }
}

static void whoever_throws_the_state_away_waits_for_no_snapshot(void **context)
{
    (void)context;
    for (unsigned i = 0; i < 40; i++) {
        struct making making;
        assert_int_equal(snapshot_remove(disk_system(), node->dir, BLOCKS), TALLY_OK);
        making_open(&making);
        for (unsigned turn = 0; turn < i; turn++) {
            snapshotter_take(making.snapshotter, making.replay.state);
            snapshotter_write(making.snapshotter);
            (void)uv_run(&making.loop, UV_RUN_NOWAIT);
        }
        snapshotter_settle(making.snapshotter);
        replay_close(&making.replay);
        assert_int_equal(replay_open(&making.replay), TALLY_OK);
        make_one(&making);
        snapshotter_settle(making.snapshotter);
        making_close(&making);
    }
}

static void all_but_the_first_is_done_at_half_speed(void **context)
{
    struct making making;
    uint64_t height;
    (void)context;
    assert_int_equal(snapshot_remove(disk_system(), node->dir, BLOCKS), TALLY_OK);
    time_flies = true;
    making_open(&making);
    rests = 0;
    make_one(&making);
    snapshotter_settle(making.snapshotter);
    making_close(&making);
    assert_int_equal(rests, 0);
    /* At the next start it is checked, and then there is one. */
    making_open(&making);
    for (unsigned waited = 0; rests == 0; waited++) {
        assert_true(waited < WAIT_MS);
        uv_sleep(1);
    }
    making_close(&making);
    time_flies = false;
    assert_true(is_there(&height));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_due_after_many_events_or_a_day),
        cmocka_unit_test(what_was_flushed_becomes_a_snapshot_once),
        cmocka_unit_test(a_damaged_one_is_deleted_and_made_anew),
        cmocka_unit_test(all_but_the_first_is_done_at_half_speed),
        cmocka_unit_test(whoever_throws_the_state_away_waits_for_no_snapshot),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
