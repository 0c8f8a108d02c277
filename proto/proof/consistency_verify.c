/* Checkpoints: each by itself, and an older one as the beginning of a newer. */
#include "proto/proof/verdict.h"
#include "proto/proof/verify.h"

static int path_verify(const struct consistency_proof *proof, struct proof_verdict *verdict)
{
    const struct checkpoint *older = &proof->older.checkpoint, *newer = &proof->newer.checkpoint;
    if (older->height == newer->height) {
        struct digest first = checkpoint_digest(older), second = checkpoint_digest(newer);
        if (!digest_equal(&first, &second))
            return verdict_refuse(verdict, PROOF_ROOT, "Its checkpoints are of one height, and differ.");
    } else if (older->time_ms >= newer->time_ms) {
        return verdict_refuse(verdict, PROOF_ROOT, "Its newer checkpoint is not later than its older one.");
    }
    if (merkle_consistency_check(older->height, newer->height, proof->path, proof->path_length,
            &older->history_root, &newer->history_root) != TALLY_OK)
        return verdict_refuse(verdict, PROOF_ROOT,
            "The older checkpoint's ledger is not shown to be the newer one's beginning.");
    return TALLY_OK;
}

int consistency_verify(const struct proof_trust *trust, struct span bytes, struct consistency_proof *proof,
    struct proof_verdict *verdict)
{
    struct consistency_proof read;
    int error = consistency_proof_decode(bytes, &read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = checkpoint_verify(trust, &read.older, verdict);
    if (error == TALLY_OK) error = checkpoint_verify(trust, &read.newer, verdict);
    if (error == TALLY_OK) error = path_verify(&read, verdict);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){.events = 0};
    error = verdict_conclude(trust, &read.newer.checkpoint, verdict);
    if (error == TALLY_OK) *proof = read;
    return error;
}

int certified_checkpoint_verify(const struct proof_trust *trust, struct span bytes,
    struct certified_checkpoint *certified, struct proof_verdict *verdict)
{
    struct certified_checkpoint read;
    int error = certified_checkpoint_decode(bytes, &read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = checkpoint_verify(trust, &read, verdict);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){.events = 0};
    error = verdict_conclude(trust, &read.checkpoint, verdict);
    if (error == TALLY_OK) *certified = read;
    return error;
}
