/* A sample chain of eleven heights, with receipts of its results and consistency between its checkpoints. */
#ifndef TALLY_TESTS_SAMPLE_CHAIN_H
#define TALLY_TESTS_SAMPLE_CHAIN_H

#include "tests/vectors/samples.h"

#define SAMPLE_HEIGHTS 11u
#define SAMPLE_RESULTS_MAX 40u

/* What a checkpoint and history_root say of a height without anything special in it. */
static inline struct digest sample_height_leaf(uint64_t height)
{
    struct digest block = sample_digest_of("block", (uint32_t)height);
    struct digest state = sample_digest_of("state", (uint32_t)height);
    struct digest results = sample_digest_of("results", (uint32_t)height);
    return history_leaf(&block, SAMPLE_TIME_MS + height, &state, &results);
}

/* The certified checkpoint of `height` over these leaves, one for each height from 1. */
static inline void sample_checkpoint(const struct sample_network *network, const struct digest *leaves,
    uint64_t height, struct certified_checkpoint *certified)
{
    *certified = (struct certified_checkpoint){
        .checkpoint = {.chain_id = network->chain_id,
            .epoch = network->validators.set.epoch,
            .height = height,
            .block = sample_digest_of("block", (uint32_t)height),
            .time_ms = SAMPLE_TIME_MS + height,
            .state_root = sample_digest_of("state", (uint32_t)height),
            .results_root = sample_digest_of("results", (uint32_t)height),
            .history_root = merkle_root(leaves, height),
            .set_hash = validator_set_hash(&network->validators.set),
            .next_set_hash = validator_set_hash(&network->validators.set)},
    };
    sample_certify(network, sample_quorum(network), certified);
}

/* A result code, with the detail that goes with it. */
static inline struct event_result sample_result(uint32_t index)
{
    struct event_result result = {.code = index % 3 == 0 ? RESULT_OK : RESULT_GAP};
    if (result.code == RESULT_GAP) {
        result.detail_size = 36;
        memset(result.detail, (int)index, 36);
    }
    return result;
}

/* The receipt of result `index` of `count` in the block at `height`, under the newest checkpoint. */
static inline void sample_receipt(const struct sample_network *network, uint64_t height, uint32_t index,
    uint32_t count, struct receipt *receipt)
{
    struct digest results[SAMPLE_RESULTS_MAX], heights[SAMPLE_HEIGHTS];
    CHECK(height >= 1 && height <= SAMPLE_HEIGHTS && index < count && count <= SAMPLE_RESULTS_MAX);
    memset(receipt, 0, sizeof *receipt);
    for (uint32_t i = 0; i < count; i++) {
        struct digest id = sample_digest_of("event", i);
        struct event_result result = sample_result(i);
        results[i] = result_leaf(height, i, &id, &result);
    }
    receipt->height = height;
    receipt->index = index;
    receipt->event_id = sample_digest_of("event", index);
    receipt->result = sample_result(index);
    receipt->result_path_length = (uint32_t)merkle_path(results, count, index, receipt->result_path);
    receipt->block = sample_digest_of("block", (uint32_t)height);
    receipt->time_ms = SAMPLE_TIME_MS + height;
    receipt->state_root = sample_digest_of("state", (uint32_t)height);
    receipt->results_root = merkle_root(results, count);
    for (uint32_t i = 0; i < SAMPLE_HEIGHTS; i++)
        heights[i] = sample_height_leaf(i + 1);
    heights[height - 1] =
        history_leaf(&receipt->block, receipt->time_ms, &receipt->state_root, &receipt->results_root);
    receipt->history_path_length =
        (uint32_t)merkle_path(heights, SAMPLE_HEIGHTS, height - 1, receipt->history_path);
    sample_checkpoint(network, heights, SAMPLE_HEIGHTS, &receipt->checkpoint);
}

struct sample_tree {
    struct digest nodes[5][SAMPLE_HEIGHTS];
};

static inline void sample_tree_keep(void *context, uint32_t level, uint64_t index, const struct digest *node)
{
    ((struct sample_tree *)context)->nodes[level][index] = *node;
}

static inline int sample_tree_get(void *context, uint32_t level, uint64_t index, struct digest *node)
{
    *node = ((const struct sample_tree *)context)->nodes[level][index];
    return TALLY_OK;
}

/* That the chain as of height `older` is the beginning of the chain as of `newer`. */
static inline void sample_consistency(
    const struct sample_network *network, uint64_t older, uint64_t newer, struct consistency_proof *proof)
{
    struct digest heights[SAMPLE_HEIGHTS];
    struct sample_tree tree;
    struct merkle_frontier frontier;
    size_t length;
    CHECK(newer <= SAMPLE_HEIGHTS);
    memset(proof, 0, sizeof *proof);
    merkle_frontier_init(&frontier);
    for (uint32_t i = 0; i < SAMPLE_HEIGHTS; i++) {
        heights[i] = sample_height_leaf(i + 1);
        merkle_frontier_append(&frontier, &heights[i], sample_tree_keep, &tree);
    }
    CHECK(merkle_stored_consistency(older, newer, sample_tree_get, &tree, proof->path, &length) == TALLY_OK);
    proof->path_length = (uint32_t)length;
    sample_checkpoint(network, heights, older, &proof->older);
    sample_checkpoint(network, heights, newer, &proof->newer);
}

#endif
