/* Vectors of receipts, of consistency between checkpoints, and of checkpoints alone. */
#ifndef TALLY_TESTS_VECTORS_CHAIN_H
#define TALLY_TESTS_VECTORS_CHAIN_H

#include "tests/vectors/vector.h"

typedef void certified_spoil(const struct sample_network *network, struct certified_checkpoint *certified);

/* ---- Receipts: of the result 4, a refusal with a detail, of 7 results at height 6 ---- */

typedef void receipt_spoil(struct receipt *receipt);

static void receipt_applied(struct receipt *receipt)
{
    struct sample_network network;
    sample_network_init(&network, "chain", 4);
    sample_receipt(&network, 11, 0, 1, receipt);
}
static void receipt_wrong_height(struct receipt *receipt)
{
    receipt->height = 7;
}
static void receipt_height_0(struct receipt *receipt)
{
    receipt->height = 0;
}
static void receipt_above_checkpoint(struct receipt *receipt)
{
    receipt->height = SAMPLE_HEIGHTS + 1;
}
static void receipt_wrong_index(struct receipt *receipt)
{
    receipt->index = 5;
}
static void receipt_other_event(struct receipt *receipt)
{
    receipt->event_id = sample_digest_of("event", 5);
}
static void receipt_altered_result(struct receipt *receipt)
{
    receipt->result.code = RESULT_OK;
}
static void receipt_altered_detail(struct receipt *receipt)
{
    receipt->result.detail[0] ^= 1;
}
static void receipt_other_block(struct receipt *receipt)
{
    receipt->block = sample_digest_of("block", 7);
}
static void receipt_wrong_time(struct receipt *receipt)
{
    receipt->time_ms++;
}
static void receipt_altered_state_root(struct receipt *receipt)
{
    receipt->state_root.bytes[0] ^= 1;
}
static void receipt_truncated_result_path(struct receipt *receipt)
{
    receipt->result_path_length--;
}
static void receipt_longer_result_path(struct receipt *receipt)
{
    receipt->result_path[receipt->result_path_length++] = sample_digest("more");
}
static void receipt_truncated_history_path(struct receipt *receipt)
{
    receipt->history_path_length--;
}
static void receipt_longer_history_path(struct receipt *receipt)
{
    receipt->history_path[receipt->history_path_length++] = sample_digest("more");
}
/* The height's leaf, passed off as the node above it. */
static void receipt_inner_node_as_leaf(struct receipt *receipt)
{
    receipt->index >>= 1;
    receipt->result_path_length--;
    memmove(receipt->result_path, receipt->result_path + 1,
        receipt->result_path_length * sizeof receipt->result_path[0]);
}
static void receipt_paths_swapped(struct receipt *receipt)
{
    struct digest first = receipt->history_path[0];
    receipt->history_path[0] = receipt->history_path[1];
    receipt->history_path[1] = first;
}

static const struct {
    const char *name;
    enum proof_reason reason;
    receipt_spoil *spoil;
    certified_spoil *certified;
    vector_mangle *mangle;
    uint64_t height_min, time_ms_min;
} receipt_vectors[] = {
    {.name = "receipt_of_refused"},
    {.name = "receipt_of_applied", .spoil = receipt_applied},
    {.name = "receipt_at_asked_height", .height_min = SAMPLE_HEIGHTS},
    {"receipt_wrong_chain", PROOF_CHAIN, .certified = certified_wrong_chain},
    {"receipt_stale_validator_set", PROOF_SIGNATURE, .certified = certified_stale_set},
    {"receipt_too_few_signers", PROOF_SIGNATURE, .certified = certified_too_few},
    {"receipt_duplicate_signers", PROOF_SIGNATURE, .certified = certified_duplicate},
    {"receipt_wrong_height", PROOF_ROOT, .spoil = receipt_wrong_height},
    {"receipt_height_0", PROOF_ROOT, .spoil = receipt_height_0},
    {"receipt_above_checkpoint", PROOF_ROOT, .spoil = receipt_above_checkpoint},
    {"receipt_wrong_index", PROOF_ROOT, .spoil = receipt_wrong_index},
    {"receipt_other_event", PROOF_ROOT, .spoil = receipt_other_event},
    {"receipt_altered_result", PROOF_ROOT, .spoil = receipt_altered_result},
    {"receipt_altered_detail", PROOF_ROOT, .spoil = receipt_altered_detail},
    {"receipt_other_block", PROOF_ROOT, .spoil = receipt_other_block},
    {"receipt_wrong_time", PROOF_ROOT, .spoil = receipt_wrong_time},
    {"receipt_altered_state_root", PROOF_ROOT, .spoil = receipt_altered_state_root},
    {"receipt_truncated_result_path", PROOF_ROOT, .spoil = receipt_truncated_result_path},
    {"receipt_longer_result_path", PROOF_ROOT, .spoil = receipt_longer_result_path},
    {"receipt_truncated_history_path", PROOF_ROOT, .spoil = receipt_truncated_history_path},
    {"receipt_longer_history_path", PROOF_ROOT, .spoil = receipt_longer_history_path},
    {"receipt_inner_node_as_leaf", PROOF_ROOT, .spoil = receipt_inner_node_as_leaf},
    {"receipt_paths_swapped", PROOF_ROOT, .spoil = receipt_paths_swapped},
    {"receipt_trailing_bytes", PROOF_FORM, .mangle = trailing_bytes},
    {"receipt_unknown_field", PROOF_FORM, .mangle = unknown_field},
    {"receipt_truncated_bytes", PROOF_FORM, .mangle = truncated_bytes},
    {"receipt_version_2", PROOF_FORM, .mangle = version_2},
    {"receipt_field_twice", PROOF_FORM, .mangle = field_twice},
    {"receipt_stale_height", PROOF_STALE, .height_min = SAMPLE_HEIGHTS + 1},
    {"receipt_stale_time", PROOF_STALE, .time_ms_min = SAMPLE_TIME_MS + SAMPLE_HEIGHTS + 1},
};
#define RECEIPT_VECTORS (sizeof receipt_vectors / sizeof receipt_vectors[0])

static void receipt_vector_make(const struct sample_network *network, size_t i, struct vector *vector)
{
    static struct receipt receipt;
    sample_receipt(network, 6, 4, 7, &receipt);
    if (receipt_vectors[i].spoil != NULL) receipt_vectors[i].spoil(&receipt);
    if (receipt_vectors[i].certified != NULL) receipt_vectors[i].certified(network, &receipt.checkpoint);
    vector_init(vector, receipt_vectors[i].name, receipt_vectors[i].reason);
    vector->height_min = receipt_vectors[i].height_min;
    vector->time_ms_min = receipt_vectors[i].time_ms_min;
    receipt_encode(&receipt, &vector->bytes);
    if (receipt_vectors[i].mangle != NULL) receipt_vectors[i].mangle(&vector->bytes);
}

/* ---- Consistency of height 6 with height 11 ---- */

typedef void consistency_spoil(const struct sample_network *network, struct consistency_proof *proof);

static void consistency_same(const struct sample_network *network, struct consistency_proof *proof)
{
    sample_consistency(network, 8, 8, proof);
    sample_certify(network, 14, &proof->newer);
}
static void consistency_complete_subtree(
    const struct sample_network *network, struct consistency_proof *proof)
{
    sample_consistency(network, 8, 11, proof);
}
static void consistency_truncated_path(const struct sample_network *network, struct consistency_proof *proof)
{
    (void)network;
    proof->path_length--;
}
static void consistency_longer_path(const struct sample_network *network, struct consistency_proof *proof)
{
    (void)network;
    proof->path[proof->path_length++] = sample_digest("more");
}
static void consistency_no_path(const struct sample_network *network, struct consistency_proof *proof)
{
    (void)network;
    proof->path_length = 0;
}
static void consistency_altered_path(const struct sample_network *network, struct consistency_proof *proof)
{
    (void)network;
    proof->path[0].bytes[31] ^= 1;
}
static void consistency_path_of_another_height(
    const struct sample_network *network, struct consistency_proof *proof)
{
    struct consistency_proof other;
    sample_consistency(network, 7, 11, &other);
    proof->path_length = other.path_length;
    memcpy(proof->path, other.path, sizeof other.path);
}
static void consistency_wrong_order(const struct sample_network *network, struct consistency_proof *proof)
{
    (void)network;
    struct certified_checkpoint older = proof->older;
    proof->older = proof->newer;
    proof->newer = older;
}
static void consistency_not_later(const struct sample_network *network, struct consistency_proof *proof)
{
    proof->newer.checkpoint.time_ms = proof->older.checkpoint.time_ms;
    sample_certify(network, sample_quorum(network), &proof->newer);
}
static void consistency_height_0(const struct sample_network *network, struct consistency_proof *proof)
{
    proof->older.checkpoint.height = 0;
    sample_certify(network, sample_quorum(network), &proof->older);
}
static void consistency_another_past(const struct sample_network *network, struct consistency_proof *proof)
{
    proof->older.checkpoint.history_root = sample_digest("another past");
    sample_certify(network, sample_quorum(network), &proof->older);
}
static void consistency_forgotten_past(const struct sample_network *network, struct consistency_proof *proof)
{
    proof->newer.checkpoint.history_root = sample_digest("another present");
    sample_certify(network, sample_quorum(network), &proof->newer);
}
static void consistency_two_of_one_height(
    const struct sample_network *network, struct consistency_proof *proof)
{
    consistency_same(network, proof);
    proof->newer.checkpoint.state_root = sample_digest("another state");
    sample_certify(network, sample_quorum(network), &proof->newer);
}

static const struct {
    const char *name;
    enum proof_reason reason;
    consistency_spoil *spoil;
    certified_spoil *older, *newer;
    vector_mangle *mangle;
    uint64_t height_min;
} consistency_vectors[] = {
    {.name = "consistency"},
    {.name = "consistency_of_one_with_itself", .spoil = consistency_same},
    {.name = "consistency_from_a_complete_subtree", .spoil = consistency_complete_subtree},
    {"consistency_wrong_chain_older", PROOF_CHAIN, .older = certified_wrong_chain},
    {"consistency_wrong_chain_newer", PROOF_CHAIN, .newer = certified_wrong_chain},
    {"consistency_stale_validator_set", PROOF_SIGNATURE, .older = certified_stale_set},
    {"consistency_too_few_signers_older", PROOF_SIGNATURE, .older = certified_too_few},
    {"consistency_too_few_signers_newer", PROOF_SIGNATURE, .newer = certified_too_few},
    {"consistency_duplicate_signers", PROOF_SIGNATURE, .newer = certified_duplicate},
    {"consistency_truncated_path", PROOF_ROOT, .spoil = consistency_truncated_path},
    {"consistency_longer_path", PROOF_ROOT, .spoil = consistency_longer_path},
    {"consistency_no_path", PROOF_ROOT, .spoil = consistency_no_path},
    {"consistency_altered_path", PROOF_ROOT, .spoil = consistency_altered_path},
    {"consistency_path_of_another_height", PROOF_ROOT, .spoil = consistency_path_of_another_height},
    {"consistency_wrong_order", PROOF_ROOT, .spoil = consistency_wrong_order},
    {"consistency_not_later", PROOF_ROOT, .spoil = consistency_not_later},
    {"consistency_height_0", PROOF_ROOT, .spoil = consistency_height_0},
    {"consistency_another_past", PROOF_ROOT, .spoil = consistency_another_past},
    {"consistency_forgotten_past", PROOF_ROOT, .spoil = consistency_forgotten_past},
    {"consistency_two_of_one_height", PROOF_ROOT, .spoil = consistency_two_of_one_height},
    {"consistency_trailing_bytes", PROOF_FORM, .mangle = trailing_bytes},
    {"consistency_unknown_field", PROOF_FORM, .mangle = unknown_field},
    {"consistency_truncated_bytes", PROOF_FORM, .mangle = truncated_bytes},
    {"consistency_version_2", PROOF_FORM, .mangle = version_2},
    {"consistency_stale_height", PROOF_STALE, .height_min = 12},
};
#define CONSISTENCY_VECTORS (sizeof consistency_vectors / sizeof consistency_vectors[0])

static void consistency_vector_make(const struct sample_network *network, size_t i, struct vector *vector)
{
    static struct consistency_proof proof;
    sample_consistency(network, 6, 11, &proof);
    if (consistency_vectors[i].spoil != NULL) consistency_vectors[i].spoil(network, &proof);
    if (consistency_vectors[i].older != NULL) consistency_vectors[i].older(network, &proof.older);
    if (consistency_vectors[i].newer != NULL) consistency_vectors[i].newer(network, &proof.newer);
    vector_init(vector, consistency_vectors[i].name, consistency_vectors[i].reason);
    vector->height_min = consistency_vectors[i].height_min;
    consistency_proof_encode(&proof, &vector->bytes);
    if (consistency_vectors[i].mangle != NULL) consistency_vectors[i].mangle(&vector->bytes);
}

/* ---- A checkpoint alone, of height 6 ---- */

static const struct {
    const char *name;
    enum proof_reason reason;
    certified_spoil *spoil;
    vector_mangle *mangle;
    uint64_t height_min, known; /* known: the height of the one verified before */
    certified_spoil *known_spoil;
} checkpoint_vectors[] = {
    {.name = "checkpoint"},
    {.name = "checkpoint_above_the_known", .known = 5},
    {.name = "checkpoint_that_is_known", .known = 6},
    {"checkpoint_wrong_chain", PROOF_CHAIN, .spoil = certified_wrong_chain},
    {"checkpoint_stale_validator_set", PROOF_SIGNATURE, .spoil = certified_stale_set},
    {"checkpoint_too_few_signers", PROOF_SIGNATURE, .spoil = certified_too_few},
    {"checkpoint_trailing_bytes", PROOF_FORM, .mangle = trailing_bytes},
    {"checkpoint_truncated_bytes", PROOF_FORM, .mangle = truncated_bytes},
    {"checkpoint_stale_height", PROOF_STALE, .height_min = 7},
    {"checkpoint_below_the_known", PROOF_STALE, .known = 7},
    {"checkpoint_by_a_known_without_quorum", PROOF_SIGNATURE, .known = 5, .known_spoil = certified_too_few},
};
#define CHECKPOINT_VECTORS (sizeof checkpoint_vectors / sizeof checkpoint_vectors[0])

static void checkpoint_vector_make(const struct sample_network *network, size_t i, struct vector *vector)
{
    static struct consistency_proof proof;
    sample_consistency(network, 6, 6, &proof);
    if (checkpoint_vectors[i].spoil != NULL) checkpoint_vectors[i].spoil(network, &proof.older);
    vector_init(vector, checkpoint_vectors[i].name, checkpoint_vectors[i].reason);
    vector->height_min = checkpoint_vectors[i].height_min;
    certified_checkpoint_encode(&proof.older, &vector->bytes);
    if (checkpoint_vectors[i].mangle != NULL) checkpoint_vectors[i].mangle(&vector->bytes);
    if (checkpoint_vectors[i].known == 0) return;
    sample_consistency(network, checkpoint_vectors[i].known, checkpoint_vectors[i].known, &proof);
    if (checkpoint_vectors[i].known_spoil != NULL) checkpoint_vectors[i].known_spoil(network, &proof.newer);
    certified_checkpoint_encode(&proof.newer, &vector->known);
}

#endif
