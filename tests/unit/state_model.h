/* What tests of the state share: a folder for one, and a model that works out every root by its definition.
 */
#ifndef TALLY_TESTS_STATE_MODEL_H
#define TALLY_TESTS_STATE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/state_record.h"

#define START_MS 1700000000000ull
#define MODEL_SUBJECTS 40
#define MODEL_EVENTS 400

static struct state_config config;

static inline struct digest digest_of(uint64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, number);
    return digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
}

static inline void make_dir(char *dir)
{
    strcpy(dir, "state-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    config = (struct state_config){.chain_id = digest_of(1)};
}

static inline void drop_dir(const char *dir)
{
    assert_int_equal(state_discard(dir), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
}

static inline struct state *open_state(const char *dir)
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

static inline struct digest subject_of(uint32_t subject)
{
    return digest_of(1000 + subject);
}

/* A subject's bytes after so many folds. */
static inline size_t bytes_of(uint32_t subject, uint64_t count, uint8_t bytes[64])
{
    memset(bytes, (int)(subject + 7 * count), 64);
    return (subject + count) % 64;
}

static inline bool model_leaf(const struct model *model, uint32_t subject, struct subject_leaf *leaf)
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
static inline struct digest naive_root(const struct placed *leaves, size_t count, size_t depth)
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

static inline struct digest model_subjects_root(const struct model *model, uint64_t *subjects)
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
static inline void fetch_neighbours(struct state *state, uint32_t subject)
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
static inline struct state_roots apply_block(
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

static inline struct event_result ok_result(void)
{
    return (struct event_result){.code = RESULT_OK};
}

static inline struct certified_checkpoint certify(const struct state_roots *roots)
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

#endif
