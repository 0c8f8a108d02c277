// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/state_model.h"

static void check_histories(struct state *state, const struct model *model)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (uint32_t s = 0; s < MODEL_SUBJECTS; s++) {
        struct subject_leaf leaf;
        struct state_subject subject;
        struct digest id = subject_of(s);
        if (!model_leaf(model, s, &leaf)) {
            assert_int_equal(state_subject_get(state, &id, &arena, &subject), TALLY_ENOTFOUND);
            continue;
        }
        assert_int_equal(state_subject_get(state, &id, &arena, &subject), TALLY_OK);
        assert_memory_equal(&subject.leaf, &leaf, sizeof leaf);
        uint8_t bytes[64];
        size_t size = bytes_of(s, leaf.count, bytes), at = 0;
        assert_true(span_equal(subject.bytes, span_of(bytes, size)));
        struct state_history_entry entries[MODEL_EVENTS];
        assert_int_equal(state_history_read(state, &id, 0, (size_t)leaf.count, entries), TALLY_OK);
        for (size_t i = 0; i < model->count; i++) {
            const struct model_event *event = &model->events[i];
            if (event->subject != s || event->code != RESULT_OK) continue;
            assert_true(digest_equal(&entries[at].event_id, &event->id));
            assert_int_equal(entries[at].height, event->height);
            assert_int_equal(entries[at].index, event->index);
            assert_int_equal(entries[at].time_ms, event->time_ms);
            at++;
        }
        assert_int_equal(at, leaf.count);
        assert_int_equal(state_history_read(state, &id, 0, (size_t)leaf.count + 1, entries), TALLY_ENOTFOUND);
        assert_int_equal(state_history_read(state, &id, leaf.count - 1, 1, entries), TALLY_OK);
    }
    arena_close(&arena);
}

static void every_root_is_what_a_naive_model_says(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    for (uint64_t i = 0; i < 20; i++) {
        apply_block(opened, &model, 50 + i, (uint32_t)(i * 7 % 20));
        if (i % 3 == 0) assert_int_equal(state_freeze(opened), TALLY_OK);
        if (i % 3 == 2) assert_int_equal(state_flush(opened, i - 2), TALLY_OK);
        check_histories(opened, &model);
    }
    state_close(opened);
    drop_dir(dir);
}

static void what_was_not_flushed_replays_to_the_same_roots(void **state)
{
    (void)state;
    for (uint64_t flushed = 0; flushed <= 12; flushed++) {
        char dir[32];
        make_dir(dir);
        struct state *opened = open_state(dir);
        static struct model model, at_flush;
        struct state_roots roots[13] = {{0}};
        model = (struct model){.time_ms = START_MS};
        at_flush = model;
        for (uint64_t i = 1; i <= 12; i++) {
            roots[i] = apply_block(opened, &model, 80 + i, 15);
            if (i != flushed) continue;
            at_flush = model;
            assert_int_equal(state_freeze(opened), TALLY_OK);
            assert_int_equal(state_frozen_height(opened), flushed);
        }
        assert_int_equal(state_flush(opened, flushed), TALLY_OK);
        assert_int_equal(state_flushed_height(opened), flushed);
        assert_int_equal(state_applied_height(opened), 12);
        state_close(opened);
        opened = open_state(dir);
        assert_int_equal(state_applied_height(opened), flushed);
        check_histories(opened, &at_flush);
        for (uint64_t i = 1; i <= 12; i++) {
            struct digest block = digest_of(80 + i);
            if (i <= flushed) {
                assert_int_equal(state_block_begin(opened, i, &block, START_MS), TALLY_EEXISTS);
                continue;
            }
            struct state_roots again = apply_block(opened, &at_flush, 80 + i, 15);
            assert_memory_equal(&again, &roots[i], sizeof again);
        }
        check_histories(opened, &model);
        state_close(opened);
        drop_dir(dir);
    }
}

static void only_the_next_height_and_a_later_time_begin_a_block(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct digest block = digest_of(9);
    assert_int_equal(state_block_begin(opened, 2, &block, START_MS), TALLY_EINVALID);
    assert_int_equal(state_block_begin(opened, 0, &block, START_MS), TALLY_EEXISTS);
    apply_block(opened, &model, 1, 3);
    assert_int_equal(state_block_begin(opened, 1, &block, model.time_ms + 1), TALLY_EEXISTS);
    assert_int_equal(state_block_begin(opened, 2, &block, model.time_ms), TALLY_EINVALID);
    apply_block(opened, &model, 2, 3);
    state_close(opened);
    drop_dir(dir);
}

static void an_applied_place_is_never_replaced_by_a_refused_one(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9), id = digest_of(10);
    struct event_result ok = ok_result(), gap = {.code = RESULT_GAP}, twice = {.code = RESULT_DUPLICATE};
    struct state_roots roots;
    struct state_event event;
    assert_int_equal(state_event_get(opened, &id, &event), TALLY_ENOTFOUND);
    assert_int_equal(state_block_begin(opened, 1, &block, START_MS), TALLY_OK);
    assert_int_equal(state_result_record(opened, 0, &id, &gap), TALLY_OK);
    assert_int_equal(state_event_get(opened, &id, &event), TALLY_OK);
    assert_false(event.applied);
    assert_int_equal(state_result_record(opened, 1, &id, &ok), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
    assert_int_equal(state_block_begin(opened, 2, &block, START_MS + 1), TALLY_OK);
    assert_int_equal(state_result_record(opened, 0, &id, &twice), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
    assert_int_equal(state_event_get(opened, &id, &event), TALLY_OK);
    assert_true(event.applied);
    assert_int_equal(event.height, 1);
    assert_int_equal(event.index, 1);
    struct state_counts counts;
    state_counts(opened, &counts);
    assert_int_equal(counts.events, 3);
    assert_int_equal(counts.applied, 1);
    state_close(opened);
    drop_dir(dir);
}

static void a_batch_is_remembered_until_its_minute_is_over(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9), batch = digest_of(11), other = digest_of(12);
    struct state_roots roots[4];
    bool seen;
    uint64_t time_ms = START_MS / REPLAY_MINUTE_MS * REPLAY_MINUTE_MS, expires_ms = time_ms + 90000;
    uint64_t now_ms = time_ms;
    assert_int_equal(state_block_begin(opened, 1, &block, time_ms), TALLY_OK);
    assert_int_equal(state_batch_remember(opened, &other, time_ms), TALLY_EINVALID);
    assert_int_equal(
        state_batch_remember(opened, &other, time_ms + BATCH_LIFETIME_MS_MAX + 1), TALLY_EINVALID);
    assert_int_equal(state_batch_seen(opened, now_ms, &batch, expires_ms, &seen), TALLY_OK);
    assert_false(seen);
    assert_int_equal(state_batch_remember(opened, &batch, expires_ms), TALLY_OK);
    assert_int_equal(state_batch_seen(opened, now_ms, &batch, expires_ms, &seen), TALLY_OK);
    assert_true(seen);
    assert_int_equal(state_block_end(opened, &roots[0]), TALLY_OK);
    assert_int_equal(state_block_begin(opened, 2, &block, time_ms + 1), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots[1]), TALLY_OK);
    assert_true(digest_equal(&roots[0].parts.replay_root, &roots[1].parts.replay_root));
    assert_int_equal(state_flush(opened, 2), TALLY_OK);
    state_close(opened);
    opened = open_state(dir);
    assert_int_equal(state_batch_seen(opened, now_ms, &batch, expires_ms, &seen), TALLY_OK);
    assert_true(seen);
    assert_int_equal(state_batch_seen(opened, now_ms, &other, expires_ms, &seen), TALLY_OK);
    assert_false(seen);
    /* 1 ms before the end of its minute it still counts; at the end it does not. */
    assert_int_equal(state_block_begin(opened, 3, &block, time_ms + 119999), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots[2]), TALLY_OK);
    assert_true(digest_equal(&roots[0].parts.replay_root, &roots[2].parts.replay_root));
    assert_int_equal(state_block_begin(opened, 4, &block, time_ms + 120000), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots[3]), TALLY_OK);
    struct replay_window empty = {0};
    struct digest empty_root = replay_window_root(&empty);
    assert_true(digest_equal(&roots[3].parts.replay_root, &empty_root));
    assert_false(digest_equal(&roots[2].parts.replay_root, &empty_root));
    assert_int_equal(state_flush(opened, 4), TALLY_OK);
    now_ms = time_ms + 120000;
    assert_int_equal(state_batch_seen(opened, now_ms, &batch, expires_ms, &seen), TALLY_OK);
    assert_false(seen);
    state_close(opened);
    drop_dir(dir);
}

static void results_are_kept_in_order(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9);
    struct state_roots roots;
    struct arena arena;
    arena_init(&arena, MIB);
    struct state_result *results, one;
    uint32_t count;
    static const uint32_t count_of[] = {5, STATE_RESULTS_CHUNK, 3 * STATE_RESULTS_CHUNK + 1, 0};
    for (uint32_t c = 0; c < 4; c++) {
        uint64_t height = c + 1;
        assert_int_equal(state_block_begin(opened, height, &block, START_MS + c), TALLY_OK);
        for (uint32_t i = 0; i < count_of[c]; i++) {
            struct digest id = digest_of(100 + i);
            struct event_result result = {.code = (uint16_t)i, .detail_size = (uint8_t)(i % 65)};
            memset(result.detail, (int)i, result.detail_size);
            assert_int_equal(state_result_record(opened, i, &id, &result), TALLY_OK);
        }
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        assert_int_equal(state_results_read(opened, height, &arena, &results, &count), TALLY_OK);
        assert_int_equal(count, count_of[c]);
        for (uint32_t i = 0; i < count_of[c]; i++) {
            struct digest id = digest_of(100 + i);
            assert_true(digest_equal(&results[i].event_id, &id));
            assert_int_equal(results[i].result.code, i);
            assert_int_equal(results[i].result.detail_size, i % 65);
            assert_int_equal(state_result_get(opened, height, i, &one), TALLY_OK);
            assert_memory_equal(&one, &results[i], sizeof one);
        }
        assert_int_equal(state_result_get(opened, height, count_of[c], &one), TALLY_ENOTFOUND);
    }
    assert_int_equal(state_results_read(opened, 5, &arena, &results, &count), TALLY_ENOTFOUND);
    arena_close(&arena);
    state_close(opened);
    drop_dir(dir);
}

static struct state_usage usage_of(const struct state *state)
{
    struct state_usage usage;
    state_usage(state, &usage);
    return usage;
}

static void look_in_a_block(struct state *state, uint64_t height, const struct digest *id)
{
    struct digest block = digest_of(9);
    struct state_subject subject;
    struct state_roots roots;
    assert_int_equal(state_block_begin(state, height, &block, START_MS + height), TALLY_OK);
    assert_int_equal(state_block_subject(state, id, &subject), TALLY_OK);
    assert_int_equal(state_block_end(state, &roots), TALLY_OK);
}

static void a_state_says_what_it_takes_and_what_its_cache_is_good_for(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9), id = digest_of(1), event = digest_of(100);
    struct state_subject subject;
    struct state_roots roots;
    assert_int_equal(usage_of(opened).unflushed_size, 0);
    assert_int_equal(state_block_begin(opened, 1, &block, START_MS), TALLY_OK);
    assert_int_equal(state_block_subject(opened, &id, &subject), TALLY_ENOTFOUND);
    assert_int_equal(state_subject_put(opened, &id, span_of("x", 1)), TALLY_OK);
    assert_int_equal(state_fold(opened, &id, &event, 0, 0), TALLY_OK);
    assert_int_equal(state_result_record(opened, 0, &event, &(struct event_result){0}), TALLY_OK);
    assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
    /* Whom nobody knew was no miss. */
    assert_int_equal(usage_of(opened).cache_hits + usage_of(opened).cache_misses, 0);
    assert_true(usage_of(opened).cache_size > 0);
    assert_int_equal(usage_of(opened).unflushed_size, state_unflushed_size(opened));
    assert_true(usage_of(opened).unflushed_size > 0);
    look_in_a_block(opened, 2, &id);
    assert_int_equal(usage_of(opened).cache_hits, 1);
    assert_int_equal(usage_of(opened).cache_misses, 0);
    assert_int_equal(state_flush(opened, 2), TALLY_OK);
    assert_int_equal(usage_of(opened).unflushed_size, 0);
    state_close(opened);
    opened = open_state(dir);
    look_in_a_block(opened, 3, &id);
    look_in_a_block(opened, 4, &id);
    assert_int_equal(usage_of(opened).cache_misses, 1);
    assert_int_equal(usage_of(opened).cache_hits, 1);
    state_close(opened);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_root_is_what_a_naive_model_says),
        cmocka_unit_test(what_was_not_flushed_replays_to_the_same_roots),
        cmocka_unit_test(only_the_next_height_and_a_later_time_begin_a_block),
        cmocka_unit_test(an_applied_place_is_never_replaced_by_a_refused_one),
        cmocka_unit_test(a_batch_is_remembered_until_its_minute_is_over),
        cmocka_unit_test(results_are_kept_in_order),
        cmocka_unit_test(a_state_says_what_it_takes_and_what_its_cache_is_good_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
