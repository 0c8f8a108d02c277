/* A sample chain of up to five epochs, two heights each but for the last, whose validators are 4, 7, 4, 7 and
 * 4: some stay, some come, some go. */
#ifndef TALLY_TESTS_SAMPLE_EPOCHS_H
#define TALLY_TESTS_SAMPLE_EPOCHS_H

#include "proto/codec/epoch_seal.h"
#include "tests/vectors/sample_chain.h"

#define SAMPLE_EPOCHS_MAX 5u

struct sample_epochs {
    uint32_t count;
    struct sample_network networks[SAMPLE_EPOCHS_MAX]; /* of epoch 1 first */
    struct digest leaves[SAMPLE_HEIGHTS];
    struct epoch_seal seals[SAMPLE_EPOCHS_MAX]; /* count - 1 */
};

static inline uint32_t sample_epoch_at(const struct sample_epochs *epochs, uint64_t height)
{
    uint32_t epoch = (uint32_t)(height + 1) / 2;
    return epoch < epochs->count ? epoch : epochs->count;
}

/* Signs the checkpoint for this epoch of the chain, as its last one where it `seals`. */
static inline void sample_epochs_certify(
    const struct sample_epochs *epochs, uint32_t epoch, bool seals, struct certified_checkpoint *certified)
{
    const struct sample_network *network = &epochs->networks[epoch - 1];
    struct checkpoint *checkpoint = &certified->checkpoint;
    checkpoint->chain_id = network->chain_id;
    checkpoint->epoch = epoch;
    checkpoint->set_hash = validator_set_hash(&network->validators.set);
    checkpoint->next_set_hash = validator_set_hash(&network[seals ? 1 : 0].validators.set);
    sample_certify(network, sample_quorum(network), certified);
}

static inline void sample_epochs_checkpoint(
    const struct sample_epochs *epochs, uint64_t height, struct certified_checkpoint *certified)
{
    uint32_t epoch = sample_epoch_at(epochs, height);
    sample_checkpoint(&epochs->networks[epoch - 1], epochs->leaves, height, certified);
    sample_epochs_certify(epochs, epoch, epoch < epochs->count && height % 2 == 0, certified);
}

static inline void sample_epochs_init(struct sample_epochs *epochs, uint32_t count)
{
    static const struct {
        uint32_t first, count;
    } keys[SAMPLE_EPOCHS_MAX] = {{0, 4}, {0, 7}, {3, 4}, {3, 7}, {6, 4}};
    CHECK(count >= 1 && count <= SAMPLE_EPOCHS_MAX);
    memset(epochs, 0, sizeof *epochs);
    epochs->count = count;
    for (uint32_t i = 0; i < count; i++)
        sample_network_of(&epochs->networks[i], "chain", i + 1, keys[i].first, keys[i].count);
    for (uint32_t i = 0; i < SAMPLE_HEIGHTS; i++)
        epochs->leaves[i] = sample_height_leaf(i + 1);
    for (uint32_t i = 0; i + 1 < count; i++) {
        sample_epochs_checkpoint(epochs, 2 * (i + 1), &epochs->seals[i].checkpoint);
        epochs->seals[i].next_set = epochs->networks[i + 1].validators.set;
    }
}

/* The seals of the epochs from `first` to `last`, encoded. */
static inline void sample_epochs_list(
    const struct sample_epochs *epochs, uint32_t first, uint32_t last, struct buffer *out)
{
    for (uint32_t epoch = first; epoch <= last; epoch++)
        epoch_seal_append(&epochs->seals[epoch - 1], out);
    CHECK(!out->failed);
}

/* As sample_consistency, each checkpoint signed by its epoch. The seals are the caller's to give. */
static inline void sample_epochs_consistency(
    const struct sample_epochs *epochs, uint64_t older, uint64_t newer, struct consistency_proof *proof)
{
    sample_consistency(&epochs->networks[0], older, newer, proof);
    sample_epochs_checkpoint(epochs, older, &proof->older);
    sample_epochs_checkpoint(epochs, newer, &proof->newer);
}

#endif
