// links: storage codec crypto base
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/state_model.h"

struct history_reader {
    struct state *state;
    atomic_bool stop;
    uint64_t proven;
};

/* What is proven, and what is read meanwhile, must fit together whatever the other thread is doing. */
static void read_history(struct history_reader *reader, uint32_t number)
{
    static struct state_proof proof;
    struct state_history_entry entries[MODEL_EVENTS];
    struct digest id = subject_of(number);
    uint64_t height;
    if (state_provable_height(reader->state, &height) != TALLY_OK) return;
    struct certified_checkpoint checkpoint;
    assert_int_equal(state_certified_get(reader->state, height, &checkpoint), TALLY_OK);
    int error = state_prove(reader->state, height, &id, &proof);
    if (error == TALLY_EBUSY) return; /* let go meanwhile */
    assert_int_equal(error, TALLY_OK);
    if (proof.place != PLACE_PRESENT) return;
    size_t count = (size_t)proof.leaf.count;
    assert_int_equal(state_history_read(reader->state, &id, 0, count, entries), TALLY_OK);
    struct digest acc = subject_fold_start(&config.chain_id, &id);
    for (size_t i = 0; i < count; i++)
        acc = subject_fold_step(
            &acc, i, entries[i].height, entries[i].time_ms, entries[i].result, &entries[i].event_id);
    assert_true(digest_equal(&acc, &proof.leaf.acc));
    struct state_event event;
    assert_int_equal(state_event_get(reader->state, &entries[count - 1].event_id, &event), TALLY_OK);
    assert_true(event.applied);
    reader->proven++;
}

static void *read_histories(void *context)
{
    struct history_reader *reader = context;
    for (uint32_t i = 0; !reader->stop; i++)
        read_history(reader, i % MODEL_SUBJECTS);
    return NULL;
}

static void *write_flush(void *context)
{
    return state_flush_write(context) == TALLY_OK ? NULL : context;
}

static void histories_are_read_while_blocks_are_applied_and_flushed(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct history_reader reader = {.state = open_state(dir)};
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    pthread_t reading, writing;
    struct state_flush *flush = NULL;
    assert_int_equal(pthread_create(&reading, NULL, read_histories, &reader), 0);
    for (uint64_t i = 1; i <= 40; i++) {
        struct state_roots roots = apply_block(reader.state, &model, 500 + i, 10);
        struct certified_checkpoint checkpoint = certify(&roots);
        assert_int_equal(state_certified_put(reader.state, &checkpoint), TALLY_OK);
        if (i % 4 == 1) {
            assert_int_equal(state_freeze(reader.state), TALLY_OK);
            assert_int_equal(state_flush_begin(reader.state, &flush), TALLY_OK);
            assert_int_equal(pthread_create(&writing, NULL, write_flush, flush), 0);
        }
        usleep(1000);
        if (i % 4 != 3) continue;
        void *failed;
        assert_int_equal(pthread_join(writing, &failed), 0);
        assert_null(failed);
        assert_int_equal(state_flush_end(reader.state, flush, TALLY_OK), TALLY_OK);
        state_flush_close(flush);
        assert_int_equal(state_flushed_height(reader.state), i - 2);
    }
    reader.stop = true;
    assert_int_equal(pthread_join(reading, NULL), 0);
    assert_true(reader.proven > 0);
    state_close(reader.state);
    drop_dir(dir);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Not a limit to enforce on a noisy machine: it prints the figure, and fails only when something is badly
 * wrong. */
static void ten_thousand_events_a_block_go_through_quickly(void **state)
{
    (void)state;
    const char *wanted = getenv("TALLY_STATE_BLOCKS");
    uint64_t blocks = wanted != NULL ? strtoull(wanted, NULL, 10) : 5;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct event_result ok = ok_result();
    uint64_t number = 0;
    double begun = seconds_now(), flushing = 0;
    for (uint64_t height = 1; height <= blocks; height++) {
        struct digest block = digest_of(height);
        assert_int_equal(state_block_begin(opened, height, &block, START_MS + height * 100), TALLY_OK);
        for (uint32_t i = 0; i < BLOCK_EVENTS_MAX; i++, number++) {
            struct digest event = digest_of(number), subject;
            subject = digest_of(1u << 30 | (number * 2654435761u >> 7) % 30000);
            uint8_t bytes[120] = {(uint8_t)i};
            struct state_subject before;
            struct digest account;
            (void)!state_block_subject(opened, &subject, &before);
            (void)!state_account_get(opened, 1, subject.bytes, &account);
            assert_int_equal(state_subject_put(opened, &subject, span_of(bytes, sizeof bytes)), TALLY_OK);
            assert_int_equal(state_fold(opened, &subject, &event, i, RESULT_OK), TALLY_OK);
            assert_int_equal(
                state_account_event_put(opened, 1, subject.bytes, (uint32_t)number, i), TALLY_OK);
            assert_int_equal(state_result_record(opened, i, &event, &ok), TALLY_OK);
        }
        struct state_roots roots;
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        struct certified_checkpoint checkpoint = certify(&roots);
        assert_int_equal(state_certified_put(opened, &checkpoint), TALLY_OK);
        double before_flush = seconds_now();
        assert_int_equal(state_flush(opened, height), TALLY_OK);
        flushing += seconds_now() - before_flush;
    }
    double took = seconds_now() - begun;
    print_message("%.0f events a second, of which flushing took %.0f %%\n", (double)number / took,
        100 * flushing / took);
    assert_true(took < (double)blocks * 20);
    state_close(opened);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_are_read_while_blocks_are_applied_and_flushed),
        cmocka_unit_test(ten_thousand_events_a_block_go_through_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
