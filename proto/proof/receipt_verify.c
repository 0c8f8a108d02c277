/* Receipts: from a result to its block's results root, and from there to the signed history root. */
#include "proto/base/check.h"
#include "proto/proof/verdict.h"
#include "proto/proof/verify.h"

/* A number of leaves for which leaf `index` has a path of `length`; 0 if there is none. Where several numbers
 * fit, the path has the same turns in each: below the split from the right edge a turn for each bit of the
 * index, above it one for each bit set (RFC 9162, 2.1.3.2), and where a bit is set it makes no difference on
 * which side of the split it lies. */
static uint64_t leaf_count_of(uint64_t index, uint32_t length)
{
    for (uint32_t split = 0; split <= length && split < 64; split++) {
        if (split + (uint32_t)__builtin_popcountll(index >> split) != length) continue;
        return split == 0 ? index + 1 : (index | 1ull << (split - 1)) + 1;
    }
    return 0;
}

static int paths_verify(const struct receipt *receipt, struct proof_verdict *verdict)
{
    const struct checkpoint *checkpoint = &receipt->checkpoint.checkpoint;
    if (receipt->height == 0 || receipt->height > checkpoint->height)
        return verdict_refuse(verdict, PROOF_ROOT, "Its height is not among those the checkpoint covers.");
    struct digest history =
        history_leaf(&receipt->block, receipt->time_ms, &receipt->state_root, &receipt->results_root);
    if (merkle_path_check(&history, receipt->height - 1, checkpoint->height, receipt->history_path,
            receipt->history_path_length, &checkpoint->history_root) != TALLY_OK)
        return verdict_refuse(
            verdict, PROOF_ROOT, "The block's path does not lead to the signed history root.");
    struct digest result = result_leaf(receipt->height, receipt->index, &receipt->event_id, &receipt->result);
    uint64_t count = leaf_count_of(receipt->index, receipt->result_path_length);
    if (count == 0 || merkle_path_check(&result, receipt->index, count, receipt->result_path,
                          receipt->result_path_length, &receipt->results_root) != TALLY_OK)
        return verdict_refuse(
            verdict, PROOF_ROOT, "The result's path does not lead to its block's results root.");
    return TALLY_OK;
}

int receipt_verify(const struct proof_trust *trust, struct span bytes, struct receipt *receipt,
    struct proof_verdict *verdict)
{
    struct receipt read;
    int error = receipt_decode(bytes, &read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = checkpoint_verify(trust, read.seals, &read.checkpoint, verdict);
    if (error == TALLY_OK) error = paths_verify(&read, verdict);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){.events = 1};
    error = verdict_conclude(trust, &read.checkpoint.checkpoint, verdict);
    if (error == TALLY_OK) *receipt = read;
    return error;
}
