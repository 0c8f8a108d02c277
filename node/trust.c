#include "node/trust.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/epoch_seal.h"

/* Room for two checkpoints with the signatures of the largest quorum. */
#define CHECKPOINTS_SIZE_MAX (16u * KIB)

static struct proof_trust *trust_of(const struct genesis *genesis, const struct known_checkpoint *known)
{
    struct validator_set set;
    struct proof_trust *trust = calloc(1, sizeof *trust);
    CHECK(trust != NULL);
    trust->chain_id = genesis->chain_id;
    trust->known = known;
    genesis_validator_set(genesis, &set);
    if (verify_set_init(&set, &trust->validators) == TALLY_OK) return trust;
    free(trust);
    return NULL;
}

int trust_take(
    const struct genesis *genesis, struct span bytes, struct known_checkpoint *known, const char **why)
{
    struct proof_verdict verdict = {.detail = "The genesis names a validator's key that is no key."};
    struct proof_trust *trust = trust_of(genesis, NULL);
    int error = trust == NULL ? TALLY_EINVALID : known_checkpoint_verify(trust, bytes, known, &verdict);
    free(trust);
    *why = verdict.detail;
    return error;
}

/* The same rules as for whoever verifies an answer: a proof of the checkpoint by itself, and its seals. */
enum trust_verdict trust_judge(const struct known_checkpoint *known, const struct genesis *genesis,
    const struct certified_checkpoint *certified, struct span seals)
{
    struct proof_verdict verdict;
    struct buffer bytes;
    struct proof_trust *trust = trust_of(genesis, known);
    struct consistency_proof *proof = calloc(1, sizeof *proof);
    CHECK(trust != NULL && proof != NULL);
    *proof = (struct consistency_proof){.older = *certified, .newer = *certified, .seals = seals};
    buffer_init(&bytes, CHECKPOINTS_SIZE_MAX + EPOCH_SEALS_SIZE_MAX);
    consistency_proof_encode(proof, &bytes);
    CHECK(!bytes.failed);
    bool holds = consistency_verify(trust, buffer_span(&bytes), proof, &verdict) == TALLY_OK;
    buffer_close(&bytes);
    free(proof);
    free(trust);
    if (holds) return TRUST_HOLDS;
    return verdict.reason == PROOF_STALE ? TRUST_OLDER : TRUST_CONTRADICTED;
}

bool trust_allows(const struct known_checkpoint *known, const struct checkpoint *applied)
{
    struct digest trusted = checkpoint_digest(&known->certified.checkpoint);
    struct digest here = checkpoint_digest(applied);
    return applied->height != known->certified.checkpoint.height || digest_equal(&trusted, &here);
}

bool trust_is_in(const struct known_checkpoint *known, struct state *state)
{
    const struct checkpoint *trusted = &known->certified.checkpoint;
    struct state_roots roots;
    if (state_roots_get(state, trusted->height, &roots) != TALLY_OK) return true;
    return digest_equal(&roots.block, &trusted->block) &&
           digest_equal(&roots.state_root, &trusted->state_root) &&
           digest_equal(&roots.results_root, &trusted->results_root);
}
