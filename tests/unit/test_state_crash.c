// links: storage codec crypto base
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/state_model.h"

static void a_store_that_was_tampered_with_is_damaged(void **state)
{
    (void)state;
    char dir[32], path[64];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    for (uint64_t i = 1; i <= 3; i++)
        apply_block(opened, &model, 40 + i, 10);
    assert_int_equal(state_flush(opened, 3), TALLY_OK);
    state_close(opened);
    snprintf(path, sizeof path, "%s/state", dir);
    /* A fold, a subject's bytes, the counts, a history node, the roots, a subject that goes missing, and what
     * is written last. */
    struct digest id = subject_of(model.events[0].subject);
    for (uint32_t s = 0; s < MODEL_SUBJECTS; s++) {
        struct subject_leaf leaf;
        if (model_leaf(&model, s, &leaf) && leaf.count % 64 != 0) id = subject_of(s);
    }
    struct digest position = subject_position(&config.chain_id, &id);
    struct state_key keys[] = {state_key_of_position('S', &position), state_key_alone('M'),
        state_key_of_tree(1, 0), state_key_of_height('B', 3), state_key_of_position('S', &position),
        state_key_alone('M')};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct store *store;
        struct buffer held;
        buffer_init(&held, 1 << 20);
        assert_int_equal(store_open(path, &store), TALLY_OK);
        assert_int_equal(store_get(store, state_key_span(&keys[i]), &held), TALLY_OK);
        uint8_t *value = held.data;
        size_t size = held.size;
        struct store_batch *batch = store_batch_make();
        value[size > 60 ? 60 : size / 2] ^= 1;
        if (i < 4)
            store_batch_put(batch, state_key_span(&keys[i]), span_of(value, size));
        else
            store_batch_remove(batch, state_key_span(&keys[i]));
        assert_int_equal(store_commit(store, batch), TALLY_OK);
        store_close(store);
        assert_int_equal(state_open(dir, &config, &opened), TALLY_EDAMAGED);
        value[size > 60 ? 60 : size / 2] ^= 1;
        assert_int_equal(store_open(path, &store), TALLY_OK);
        store_batch_put(batch, state_key_span(&keys[i]), span_of(value, size));
        assert_int_equal(store_commit(store, batch), TALLY_OK);
        store_batch_close(batch);
        buffer_close(&held);
        store_close(store);
        opened = open_state(dir);
        state_close(opened);
    }
    config.chain_id = digest_of(99);
    assert_int_equal(state_open(dir, &config, &opened), TALLY_ECHAIN);
    drop_dir(dir);
}

/* The same 60 blocks wherever they are applied from; returns the roots after the last. */
static struct state_roots apply_script(struct state *state, uint64_t to, bool flushing)
{
    struct state_roots roots = {0};
    for (uint64_t height = state_applied_height(state) + 1; height <= to; height++) {
        struct digest block = digest_of(height);
        struct event_result ok = ok_result();
        assert_int_equal(state_block_begin(state, height, &block, START_MS + height), TALLY_OK);
        for (uint32_t i = 0; i < 50; i++) {
            struct digest event = digest_of(height * 100 + i),
                          subject = subject_of((uint32_t)(event.bytes[0] % 20));
            struct state_subject before;
            uint8_t bytes[9] = {0};
            /* What is put depends on what was read: an event applied twice would show. */
            if (state_block_subject(state, &subject, &before) == TALLY_OK)
                put_u64(bytes, before.leaf.count + 1);
            assert_int_equal(state_subject_put(state, &subject, span_of(bytes, sizeof bytes)), TALLY_OK);
            assert_int_equal(state_fold(state, &subject, &event, i, RESULT_OK), TALLY_OK);
            assert_int_equal(state_result_record(state, i, &event, &ok), TALLY_OK);
        }
        assert_int_equal(state_block_end(state, &roots), TALLY_OK);
        if (!flushing) continue;
        assert_int_equal(state_flush(state, height > 2 ? height - 2 : 0), TALLY_OK);
        assert_int_equal(state_freeze(state), TALLY_OK);
    }
    return roots;
}

#define SCRIPT_BLOCKS 60

static struct state_roots script_roots(void)
{
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct state_roots roots = apply_script(opened, SCRIPT_BLOCKS, false);
    state_close(opened);
    drop_dir(dir);
    return roots;
}

static void a_process_killed_at_any_moment_replays_to_the_same_roots(void **state)
{
    (void)state;
    struct state_roots expected = script_roots(), got;
    bool early = false;
    for (unsigned round = 0; round < 12; round++) {
        char dir[32];
        make_dir(dir);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct state *victim;
            if (state_open(dir, &config, &victim) != TALLY_OK) _exit(1);
            apply_script(victim, SCRIPT_BLOCKS, true);
            for (;;)
                pause();
        }
        usleep(4000 + 9000 * round);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct state *opened = open_state(dir);
        early = early || state_applied_height(opened) < SCRIPT_BLOCKS - 2;
        got = apply_script(opened, SCRIPT_BLOCKS, false);
        assert_memory_equal(&got, &expected, sizeof got);
        state_close(opened);
        drop_dir(dir);
    }
    assert_true(early);
}

/* The store's newest log file in dir/state. */
static void find_log(const char *dir, char path[400])
{
    char folder[64], newest[256] = "";
    snprintf(folder, sizeof folder, "%s/state", dir);
    DIR *listed = opendir(folder);
    assert_non_null(listed);
    for (const struct dirent *entry; (entry = readdir(listed)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && size < sizeof newest && strcmp(entry->d_name + size - 4, ".log") == 0 &&
            strcmp(entry->d_name, newest) > 0)
            strcpy(newest, entry->d_name);
    }
    closedir(listed);
    assert_true(newest[0] != '\0');
    snprintf(path, 400, "%s/%s", folder, newest);
}

static void a_store_torn_at_any_byte_is_an_older_state_or_is_rebuilt(void **state)
{
    (void)state;
    struct state_roots expected = script_roots(), got;
    unsigned older = 0;
    for (unsigned round = 0; round < 40; round++) {
        char dir[32], path[400];
        make_dir(dir);
        struct state *opened = open_state(dir);
        apply_script(opened, 8, true);
        state_close(opened);
        find_log(dir, path);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(truncate(path, status.st_size * (off_t)round / 40), 0);
        int error = state_open(dir, &config, &opened);
        if (error == TALLY_OK) {
            older += state_applied_height(opened) < 6;
        } else {
            assert_int_equal(error, TALLY_EDAMAGED);
            assert_int_equal(state_discard(dir), TALLY_OK);
            opened = open_state(dir);
        }
        got = apply_script(opened, SCRIPT_BLOCKS, false);
        assert_memory_equal(&got, &expected, sizeof got);
        state_close(opened);
        drop_dir(dir);
    }
    assert_true(older > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_was_tampered_with_is_damaged),
        cmocka_unit_test(a_process_killed_at_any_moment_replays_to_the_same_roots),
        cmocka_unit_test(a_store_torn_at_any_byte_is_an_older_state_or_is_rebuilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
