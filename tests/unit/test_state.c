// links: storage codec crypto base
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "proto/crypto/digest.h"
#include "storage/state.h"
#include "storage/state_record.h"

#define START_MS 1700000000000ull
#define MODEL_SUBJECTS 40
#define MODEL_EVENTS 400

static struct state_config config;

static struct digest digest_of(uint64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, number);
    return digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
}

static void make_dir(char *dir)
{
    strcpy(dir, "state-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    config = (struct state_config){
        .chain_id = digest_of(1), .members_root = digest_of(2), .policy_root = digest_of(3)};
}

static void drop_dir(const char *dir)
{
    assert_int_equal(state_discard(dir), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
}

static struct state *open_state(const char *dir)
{
    struct state *state;
    assert_int_equal(state_open(dir, &config, &state), TALLY_OK);
    return state;
}

/* One naive event of the model: which subject, which result. */
struct model_event {
    uint32_t subject;
    struct digest id;
    uint16_t code;
    uint64_t height;
    uint32_t index;
    uint64_t time_ms;
};

/* Everything that was ever applied, in a plain list; every answer is worked out from it by definition. */
struct model {
    struct model_event events[MODEL_EVENTS];
    size_t count;
    uint64_t height;
    uint64_t time_ms;
    struct digest leaves[64]; /* of history_root */
};

static struct digest subject_of(uint32_t subject)
{
    return digest_of(1000 + subject);
}

/* A subject's bytes after so many folds. */
static size_t bytes_of(uint32_t subject, uint64_t count, uint8_t bytes[64])
{
    memset(bytes, (int)(subject + 7 * count), 64);
    return (subject + count) % 64;
}

static bool model_leaf(const struct model *model, uint32_t subject, struct subject_leaf *leaf)
{
    struct digest id = subject_of(subject);
    *leaf = (struct subject_leaf){.acc = subject_fold_start(&config.chain_id, &id)};
    for (size_t i = 0; i < model->count; i++) {
        const struct model_event *event = &model->events[i];
        if (event->subject != subject || event->code != RESULT_OK) continue;
        leaf->acc = subject_fold_step(
            &leaf->acc, leaf->count++, event->height, event->time_ms, event->code, &event->id);
        leaf->last_height = event->height;
    }
    uint8_t bytes[64];
    size_t size = bytes_of(subject, leaf->count, bytes);
    leaf->summary = digest_tagged(TAG_SUMMARY, span_of(bytes, size));
    return leaf->count > 0;
}

struct placed {
    struct digest position, hash;
};

/* The map's root by its definition: recursive, over an unordered list. */
static struct digest naive_root(const struct placed *leaves, size_t count, size_t depth)
{
    if (count == 0) return (struct digest){{0}};
    if (count == 1) return leaves[0].hash;
    struct placed *side[2] = {calloc(count, sizeof **side), calloc(count, sizeof **side)};
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        unsigned bit = position_bit(&leaves[i].position, depth);
        side[bit][counts[bit]++] = leaves[i];
    }
    struct digest left = naive_root(side[0], counts[0], depth + 1),
                  right = naive_root(side[1], counts[1], depth + 1);
    free(side[0]);
    free(side[1]);
    return subject_node_hash(&left, &right);
}

static struct digest model_subjects_root(const struct model *model, uint64_t *subjects)
{
    struct placed leaves[MODEL_SUBJECTS];
    size_t count = 0;
    for (uint32_t s = 0; s < MODEL_SUBJECTS; s++) {
        struct subject_leaf leaf;
        struct digest id = subject_of(s);
        if (!model_leaf(model, s, &leaf)) continue;
        leaves[count].position = subject_position(&config.chain_id, &id);
        leaves[count].hash = subject_leaf_hash(&leaves[count].position, &leaf);
        count++;
    }
    *subjects = count;
    return naive_root(leaves, count, 0);
}

/* The subject and those after it, known and unknown ones, some for the second time in the block. */
static void fetch_neighbours(struct state *state, uint32_t subject)
{
    struct digest ids[20];
    const struct digest *pointers[20];
    size_t count = subject % 21;
    for (size_t i = 0; i < count; i++) {
        ids[i] = subject_of(subject + (uint32_t)i);
        pointers[i] = &ids[i];
    }
    state_subjects_fetch(state, pointers, count);
}

/* Applies a pseudo-random block to both, and compares every root. */
static struct state_roots apply_block(
    struct state *state, struct model *model, uint64_t seed, uint32_t events)
{
    struct digest block = digest_of(seed);
    struct digest leaves[MODEL_EVENTS];
    model->height++;
    model->time_ms += 1000 + seed % 50000;
    assert_int_equal(state_block_begin(state, model->height, &block, model->time_ms), TALLY_OK);
    for (uint32_t i = 0; i < events; i++) {
        struct digest chance = digest_of(seed * 1000 + i);
        struct model_event event = {.subject = chance.bytes[0] % MODEL_SUBJECTS,
            .id = chance,
            .code = chance.bytes[1] % 4 == 0 ? RESULT_GAP : RESULT_OK,
            .height = model->height,
            .index = i,
            .time_ms = model->time_ms};
        struct digest subject = subject_of(event.subject);
        struct event_result result = {.code = event.code, .detail_size = chance.bytes[2] % 36};
        memset(result.detail, chance.bytes[3], result.detail_size);
        assert_true(model->count < MODEL_EVENTS);
        model->events[model->count++] = event;
        fetch_neighbours(state, event.subject);
        if (event.code == RESULT_OK) {
            struct subject_leaf leaf;
            uint8_t bytes[64];
            model_leaf(model, event.subject, &leaf);
            size_t size = bytes_of(event.subject, leaf.count, bytes);
            assert_int_equal(state_subject_put(state, &subject, span_of(bytes, size)), TALLY_OK);
            assert_int_equal(state_fold(state, &subject, &event.id, i, event.code), TALLY_OK);
        }
        leaves[i] = result_leaf(model->height, i, &event.id, &result);
        assert_int_equal(state_result_record(state, i, &event.id, &result), TALLY_OK);
    }
    struct state_roots roots;
    assert_int_equal(state_block_end(state, &roots), TALLY_OK);
    struct state_counts counts = {.events = model->count};
    for (size_t i = 0; i < model->count; i++)
        counts.applied += model->events[i].code == RESULT_OK;
    struct digest subjects_root = model_subjects_root(model, &counts.subjects);
    struct digest results_root = merkle_root(leaves, events);
    struct digest counts_root = state_counts_root(&counts);
    assert_true(digest_equal(&roots.parts.subjects_root, &subjects_root));
    assert_true(digest_equal(&roots.parts.counts_root, &counts_root));
    assert_true(digest_equal(&roots.results_root, &results_root));
    struct digest root = state_root(&roots.parts);
    assert_true(digest_equal(&roots.state_root, &root));
    model->leaves[model->height - 1] = history_leaf(&block, model->time_ms, &root, &results_root);
    struct digest history_root = merkle_root(model->leaves, (size_t)model->height);
    assert_true(digest_equal(&roots.history_root, &history_root));
    return roots;
}

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

static struct event_result ok_result(void)
{
    return (struct event_result){.code = RESULT_OK};
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

struct listed {
    uint8_t refs[64][ACCOUNT_REF_SIZE];
    size_t count, stop_at;
};

static bool list_account(void *context, const uint8_t ref[ACCOUNT_REF_SIZE], const struct digest *subject_id)
{
    struct listed *listed = context;
    struct digest expected = digest_of(ref[0]);
    assert_true(digest_equal(subject_id, &expected));
    memcpy(listed->refs[listed->count++], ref, ACCOUNT_REF_SIZE);
    return listed->count != listed->stop_at;
}

static void accounts_are_listed_in_order_across_memory_and_store(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct digest block = digest_of(9);
    struct state_roots roots;
    static const uint8_t order[] = {40, 10, 30, 20, 60, 50};
    for (uint64_t i = 0; i < sizeof order; i++) {
        uint8_t ref[ACCOUNT_REF_SIZE] = {order[i]};
        struct digest subject = digest_of(order[i]), found;
        assert_int_equal(state_block_begin(opened, i + 1, &block, START_MS + i), TALLY_OK);
        assert_int_equal(state_account_put(opened, 7, ref, &subject), TALLY_OK);
        assert_int_equal(state_account_put(opened, 8, ref, &subject), TALLY_OK);
        assert_int_equal(state_account_event_put(opened, 7, ref, (uint32_t)i, 0), TALLY_OK);
        struct event_result ok = ok_result();
        assert_int_equal(state_result_record(opened, 0, &subject, &ok), TALLY_OK);
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i, &found), TALLY_OK);
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        if (i == 3) assert_int_equal(state_flush(opened, 4), TALLY_OK);
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i, &found), TALLY_OK);
        assert_true(digest_equal(&found, &subject));
        assert_int_equal(state_account_event_get(opened, 7, ref, (uint32_t)i + 1, &found), TALLY_ENOTFOUND);
        assert_int_equal(state_account_get(opened, 7, ref, &found), TALLY_OK);
        assert_int_equal(state_account_get(opened, 9, ref, &found), TALLY_ENOTFOUND);
    }
    struct listed listed = {.count = 0};
    assert_int_equal(state_account_scan(opened, 7, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(listed.refs[i][0], 10 * (i + 1));
    static const uint8_t from[ACCOUNT_REF_SIZE] = {30};
    listed = (struct listed){.count = 0};
    assert_int_equal(state_account_scan(opened, 7, from, 3, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 3);
    assert_int_equal(listed.refs[0][0], 30);
    assert_int_equal(listed.refs[2][0], 50);
    listed = (struct listed){.stop_at = 2};
    assert_int_equal(state_account_scan(opened, 7, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 2);
    listed = (struct listed){.count = 0};
    assert_int_equal(state_account_scan(opened, 9, NULL, 64, list_account, &listed), TALLY_OK);
    assert_int_equal(listed.count, 0);
    state_close(opened);
    drop_dir(dir);
}

static bool block_finds(struct state *state, uint8_t number)
{
    uint8_t ref[ACCOUNT_REF_SIZE] = {number};
    struct digest expected = digest_of(number), found;
    int error = state_account_get(state, 7, ref, &found);
    assert_true(error == TALLY_OK || error == TALLY_ENOTFOUND);
    if (error == TALLY_OK) assert_true(digest_equal(&found, &expected));
    return error == TALLY_OK;
}

/* Each block opens an account of its number, and sees those of the blocks before and its own. */
static void a_block_finds_accounts_wherever_they_are(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct state_roots roots;
    for (uint8_t height = 1; height <= 12; height++) {
        uint8_t ref[ACCOUNT_REF_SIZE] = {height};
        struct digest subject = digest_of(height);
        assert_int_equal(state_block_begin(opened, height, &subject, START_MS + height), TALLY_OK);
        for (uint8_t i = 1; i < 16; i++)
            assert_int_equal(block_finds(opened, i), i < height);
        assert_int_equal(state_account_put(opened, 7, ref, &subject), TALLY_OK);
        assert_true(block_finds(opened, height));
        assert_int_equal(state_block_end(opened, &roots), TALLY_OK);
        if (height % 2 == 0) assert_int_equal(state_freeze(opened), TALLY_OK);
        if (height % 4 != 0) continue;
        assert_int_equal(state_flush(opened, height), TALLY_OK);
        state_close(opened);
        opened = open_state(dir);
    }
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

static struct certified_checkpoint certify(const struct state_roots *roots)
{
    return (struct certified_checkpoint){.checkpoint = {.chain_id = config.chain_id,
                                             .epoch = 1,
                                             .height = roots->height,
                                             .block = roots->block,
                                             .time_ms = roots->time_ms,
                                             .state_root = roots->state_root,
                                             .results_root = roots->results_root,
                                             .history_root = roots->history_root},
        .signers = 7};
}

static void check_provable(struct state *state, const struct state_roots *roots, uint32_t subject)
{
    uint64_t height;
    static struct state_proof proof;
    struct digest id = subject_of(subject), position = subject_position(&config.chain_id, &id);
    assert_int_equal(state_provable_height(state, &height), TALLY_OK);
    assert_int_equal(height, roots->height);
    assert_int_equal(state_prove(state, height, &id, &proof), TALLY_OK);
    struct digest root = state_root(&proof.parts), node = {{0}};
    assert_true(digest_equal(&root, &roots->state_root));
    if (proof.place == PLACE_PRESENT) node = subject_leaf_hash(&position, &proof.leaf);
    if (proof.place == PLACE_OTHER) {
        node = subject_leaf_hash(&proof.other_position, &proof.leaf);
        assert_true(position_shared_bits(&proof.other_position, &position) >= proof.sibling_count);
        assert_false(digest_equal(&proof.other_position, &position));
    }
    root = subject_path_root(&position, &node, proof.siblings, proof.sibling_count);
    assert_true(digest_equal(&root, &roots->parts.subjects_root));
}

static void proofs_are_made_at_the_newest_certified_version(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[11];
    uint64_t height;
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    for (uint64_t i = 1; i <= 10; i++) {
        roots[i] = apply_block(opened, &model, 20 + i, 12);
        if (i == 7) assert_int_equal(state_freeze(opened), TALLY_OK);
    }
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    struct certified_checkpoint four = certify(&roots[4]), seven = certify(&roots[7]), found;
    assert_int_equal(state_certified_put(opened, &four), TALLY_OK);
    for (uint32_t s = 0; s < MODEL_SUBJECTS + 10; s++)
        check_provable(opened, &roots[4], s);
    struct certified_checkpoint wrong = seven;
    wrong.checkpoint.state_root.bytes[0] ^= 1;
    assert_int_equal(state_certified_put(opened, &wrong), TALLY_EINVALID);
    assert_int_equal(state_certified_put(opened, &seven), TALLY_OK);
    assert_int_equal(state_certified_put(opened, &seven), TALLY_OK);
    for (uint32_t s = 0; s < MODEL_SUBJECTS + 10; s++)
        check_provable(opened, &roots[7], s);
    static struct state_proof proof;
    struct digest id = subject_of(1);
    assert_int_equal(state_prove(opened, 4, &id, &proof), TALLY_EBUSY);
    assert_int_equal(state_certified_above(opened, 2, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 4);
    assert_int_equal(state_certified_above(opened, 5, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 7);
    assert_int_equal(state_certified_above(opened, 8, &found), TALLY_ENOTFOUND);
    /* Flushed up to the certified height, a restart can prove at once, and while it replays. */
    assert_int_equal(state_flush(opened, 7), TALLY_OK);
    state_close(opened);
    opened = open_state(dir);
    assert_int_equal(state_applied_height(opened), 7);
    check_provable(opened, &roots[7], 3);
    assert_int_equal(state_certified_newest(opened, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 7);
    assert_int_equal(state_certified_get(opened, 4, &found), TALLY_OK);
    assert_int_equal(state_certified_above(opened, 3, &found), TALLY_OK);
    assert_int_equal(found.checkpoint.height, 4);
    state_close(opened);
    drop_dir(dir);
}

static void versions_that_wait_for_a_certificate_take_bounded_memory(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    size_t usual = config.older_nodes_max;
    config.older_nodes_max = 1;
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[STATE_VERSIONS_MIN + 6];
    for (uint64_t i = 1; i < STATE_VERSIONS_MIN + 6; i++)
        roots[i] = apply_block(opened, &model, 20 + i, 12);
    uint64_t height;
    struct certified_checkpoint five = certify(&roots[5]), six = certify(&roots[6]);
    assert_int_equal(state_certified_put(opened, &five), TALLY_OK);
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    assert_int_equal(state_certified_put(opened, &six), TALLY_OK);
    check_provable(opened, &roots[6], 1);
    state_close(opened);
    config.older_nodes_max = usual;
    drop_dir(dir);
}

static void a_checkpoint_known_before_its_block_counts_once_the_block_is_applied(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots = {0};
    for (uint64_t i = 1; i <= 3; i++)
        roots = apply_block(opened, &model, 30 + i, 5);
    struct certified_checkpoint three = certify(&roots);
    state_close(opened);
    opened = open_state(dir);
    assert_int_equal(state_certified_put(opened, &three), TALLY_OK);
    uint64_t height;
    assert_int_equal(state_provable_height(opened, &height), TALLY_EBUSY);
    model = (struct model){.time_ms = START_MS};
    for (uint64_t i = 1; i <= 3; i++)
        apply_block(opened, &model, 30 + i, 5);
    check_provable(opened, &roots, 0);
    state_close(opened);
    drop_dir(dir);
}

static void many_checkpoints_wait_for_a_flush_without_bound_on_memory(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    struct certified_checkpoint found;
    for (uint64_t i = 1; i <= 200; i++) {
        struct state_roots roots = {.height = i, .block = digest_of(i)};
        struct certified_checkpoint checkpoint = certify(&roots);
        assert_int_equal(state_certified_put(opened, &checkpoint), TALLY_OK);
    }
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(state_certified_get(opened, i, &found), TALLY_OK);
        assert_int_equal(found.checkpoint.height, i);
        assert_int_equal(state_certified_above(opened, i, &found), TALLY_OK);
        assert_int_equal(found.checkpoint.height, i);
    }
    state_close(opened);
    drop_dir(dir);
}

static void history_paths_lead_to_the_history_root(void **state)
{
    (void)state;
    char dir[32];
    make_dir(dir);
    struct state *opened = open_state(dir);
    static struct model model;
    model = (struct model){.time_ms = START_MS};
    struct state_roots roots[14];
    for (uint64_t i = 1; i <= 13; i++) {
        roots[i] = apply_block(opened, &model, 60 + i, 2);
        if (i == 9) assert_int_equal(state_freeze(opened), TALLY_OK);
    }
    assert_int_equal(state_flush(opened, 9), TALLY_OK);
    struct digest path[MERKLE_DEPTH_MAX];
    size_t length;
    for (uint64_t under = 1; under <= 13; under++) {
        for (uint64_t height = 1; height <= under; height++) {
            assert_int_equal(state_history_path(opened, under, height, path, &length), TALLY_OK);
            assert_int_equal(merkle_path_check(&model.leaves[height - 1], height - 1, under, path, length,
                                 &roots[under].history_root),
                TALLY_OK);
        }
    }
    assert_int_equal(state_history_path(opened, 14, 1, path, &length), TALLY_ENOTFOUND);
    assert_int_equal(state_history_path(opened, 5, 6, path, &length), TALLY_ENOTFOUND);
    state_close(opened);
    drop_dir(dir);
}

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
        cmocka_unit_test(every_root_is_what_a_naive_model_says),
        cmocka_unit_test(what_was_not_flushed_replays_to_the_same_roots),
        cmocka_unit_test(only_the_next_height_and_a_later_time_begin_a_block),
        cmocka_unit_test(an_applied_place_is_never_replaced_by_a_refused_one),
        cmocka_unit_test(a_batch_is_remembered_until_its_minute_is_over),
        cmocka_unit_test(accounts_are_listed_in_order_across_memory_and_store),
        cmocka_unit_test(a_block_finds_accounts_wherever_they_are),
        cmocka_unit_test(results_are_kept_in_order),
        cmocka_unit_test(proofs_are_made_at_the_newest_certified_version),
        cmocka_unit_test(versions_that_wait_for_a_certificate_take_bounded_memory),
        cmocka_unit_test(a_checkpoint_known_before_its_block_counts_once_the_block_is_applied),
        cmocka_unit_test(many_checkpoints_wait_for_a_flush_without_bound_on_memory),
        cmocka_unit_test(history_paths_lead_to_the_history_root),
        cmocka_unit_test(a_store_that_was_tampered_with_is_damaged),
        cmocka_unit_test(a_process_killed_at_any_moment_replays_to_the_same_roots),
        cmocka_unit_test(a_store_torn_at_any_byte_is_an_older_state_or_is_rebuilt),
        cmocka_unit_test(histories_are_read_while_blocks_are_applied_and_flushed),
        cmocka_unit_test(ten_thousand_events_a_block_go_through_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
