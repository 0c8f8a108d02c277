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

/* Also says the validators of the newer one's epoch. */
static int both_verify(const struct proof_trust *trust, const struct consistency_proof *proof,
    struct verify_set *validators, struct proof_verdict *verdict)
{
    struct epoch_walk walk;
    uint64_t first = proof->older.checkpoint.epoch;
    int error = epoch_walk_begin(&walk, trust, proof->seals, first, verdict);
    if (error == TALLY_OK) error = epoch_walk_to(&walk, first, verdict);
    if (error == TALLY_OK) error = epoch_walk_checkpoint(&walk, &proof->older, verdict);
    walk.older = &proof->older.checkpoint;
    if (error == TALLY_OK) error = epoch_walk_end(&walk, verdict);
    if (error == TALLY_OK) error = epoch_walk_checkpoint(&walk, &proof->newer, verdict);
    if (error == TALLY_OK) error = path_verify(proof, verdict);
    if (error == TALLY_OK) *validators = walk.set;
    return error;
}

static int bytes_verify(const struct proof_trust *trust, struct span bytes, struct consistency_proof *proof,
    struct verify_set *validators, struct proof_verdict *verdict)
{
    struct consistency_proof read;
    int error = consistency_proof_decode(bytes, &read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = both_verify(trust, &read, validators, verdict);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){.events = 0};
    error = verdict_conclude(trust, &read.newer.checkpoint, verdict);
    if (error == TALLY_OK) *proof = read;
    return error;
}

int consistency_verify(const struct proof_trust *trust, struct span bytes, struct consistency_proof *proof,
    struct proof_verdict *verdict)
{
    struct verify_set validators;
    return bytes_verify(trust, bytes, proof, &validators, verdict);
}

int certified_checkpoint_verify(const struct proof_trust *trust, struct span bytes,
    struct certified_checkpoint *certified, struct proof_verdict *verdict)
{
    struct certified_checkpoint read;
    int error = certified_checkpoint_decode(bytes, &read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = checkpoint_verify(trust, span_of(NULL, 0), &read, verdict);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){.events = 0};
    error = verdict_conclude(trust, &read.checkpoint, verdict);
    if (error == TALLY_OK) *certified = read;
    return error;
}

int known_checkpoint_verify(const struct proof_trust *trust, struct span bytes,
    struct known_checkpoint *known, struct proof_verdict *verdict)
{
    struct proof_trust any_age = {.chain_id = trust->chain_id, .validators = trust->validators};
    struct known_checkpoint read = {.validators = trust->validators};
    struct consistency_proof proof;
    int error;
    if (proof_form_of(bytes) != PROOF_FORM_CONSISTENCY) {
        error = certified_checkpoint_verify(&any_age, bytes, &read.certified, verdict);
    } else {
        error = bytes_verify(&any_age, bytes, &proof, &read.validators, verdict);
        if (error == TALLY_OK) read.certified = proof.newer;
    }
    if (error == TALLY_OK) *known = read;
    return error;
}
