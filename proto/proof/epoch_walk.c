/* Trust from genesis on: each epoch's validators sign the checkpoint that names the next ones. "A seal takes
 * effect only with that checkpoint certified." */
#include "proto/base/check.h"
#include "proto/codec/epoch_seal.h"
#include "proto/proof/verdict.h"

int epoch_walk_begin(struct epoch_walk *walk, const struct proof_trust *trust, struct span seals,
    uint64_t epoch, struct proof_verdict *verdict)
{
    struct epoch_seal first;
    struct span rest = seals;
    if (seals.size > 0) {
        int error = epoch_seal_take(&rest, &first);
        if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
        epoch = first.checkpoint.checkpoint.epoch;
    }
    const struct known_checkpoint *known = trust->known;
    bool from_known = known != NULL && epoch == known->validators.set.epoch;
    *walk = (struct epoch_walk){
        .trust = trust, .seals = seals, .set = from_known ? known->validators : trust->validators};
    return TALLY_OK;
}

static int certificate_verify(const struct epoch_walk *walk, const struct certified_checkpoint *certified,
    struct proof_verdict *verdict)
{
    const struct checkpoint *checkpoint = &certified->checkpoint;
    if (!digest_equal(&checkpoint->chain_id, &walk->trust->chain_id))
        return verdict_refuse(
            verdict, PROOF_CHAIN, "A checkpoint belongs to another chain than the trusted one.");
    struct digest set_hash = validator_set_hash(&walk->set.set);
    if (!digest_equal(&checkpoint->set_hash, &set_hash) || checkpoint->epoch != walk->set.set.epoch)
        return verdict_refuse(verdict, PROOF_SIGNATURE,
            "A checkpoint is of other validators than those that genesis and the seals before it lead to.");
    if (certified_checkpoint_check(&walk->set, certified) != TALLY_OK)
        return verdict_refuse(verdict, PROOF_SIGNATURE,
            "A checkpoint is not signed by exactly a quorum of its epoch's validators.");
    return TALLY_OK;
}

/* Whether a later checkpoint goes with the one before: that very one, or higher and later. */
static int order_verify(
    const struct checkpoint *before, const struct checkpoint *checkpoint, struct proof_verdict *verdict)
{
    struct digest first = checkpoint_digest(before), second = checkpoint_digest(checkpoint);
    if (digest_equal(&first, &second)) return TALLY_OK;
    if (checkpoint->height > before->height && checkpoint->time_ms > before->time_ms) return TALLY_OK;
    return verdict_refuse(verdict, PROOF_CHAIN,
        "Its checkpoints are signed, and do not follow one another: the ledger was forked.");
}

/* Without this a retired epoch's keys could sign what is newer than all they ever had to say. */
static int known_verify(const struct known_checkpoint *trusted, const struct checkpoint *checkpoint,
    struct proof_verdict *verdict)
{
    if (trusted == NULL) return TALLY_OK;
    const struct checkpoint *known = &trusted->certified.checkpoint;
    struct digest first = checkpoint_digest(known), second = checkpoint_digest(checkpoint);
    if (known->height == checkpoint->height && !digest_equal(&first, &second))
        return verdict_refuse(verdict, PROOF_CHAIN,
            "Its checkpoint is signed, and is not the known one of that height: the ledger was forked.");
    if ((checkpoint->epoch < known->epoch && checkpoint->height > known->height) ||
        (checkpoint->epoch > known->epoch && checkpoint->height < known->height))
        return verdict_refuse(verdict, PROOF_CHAIN,
            "Its checkpoint is signed, and its height was another epoch's by the known one: the ledger was "
            "forked.");
    return TALLY_OK;
}

int epoch_walk_checkpoint(const struct epoch_walk *walk, const struct certified_checkpoint *certified,
    struct proof_verdict *verdict)
{
    int error = certificate_verify(walk, certified, verdict);
    if (error == TALLY_OK && walk->has_seal)
        error = order_verify(&walk->seal, &certified->checkpoint, verdict);
    return error == TALLY_OK ? known_verify(walk->trust->known, &certified->checkpoint, verdict) : error;
}

/* The next validators, as the seal's checkpoint names them; the known checkpoint has the last word. */
static int set_advance(struct epoch_walk *walk, const struct epoch_seal *seal, struct proof_verdict *verdict)
{
    const struct known_checkpoint *known = walk->trust->known;
    struct digest next = validator_set_hash(&seal->next_set);
    if (!digest_equal(&next, &seal->checkpoint.checkpoint.next_set_hash))
        return verdict_refuse(
            verdict, PROOF_SIGNATURE, "A seal comes with other next validators than those it names.");
    if (verify_set_init(&seal->next_set, &walk->set) != TALLY_OK)
        return verdict_refuse(
            verdict, PROOF_SIGNATURE, "A seal names a next validator's key that is no key.");
    if (known != NULL && known->validators.set.epoch == walk->set.set.epoch &&
        !digest_equal(&next, &known->certified.checkpoint.set_hash))
        return verdict_refuse(verdict, PROOF_CHAIN,
            "Its seals lead to other validators than the known checkpoint's: the ledger was forked.");
    return TALLY_OK;
}

/* Nothing of an epoch is above its seal. */
static int seal_verify(struct epoch_walk *walk, struct proof_verdict *verdict)
{
    struct epoch_seal seal;
    int error = epoch_seal_take(&walk->seals, &seal);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    const struct checkpoint *checkpoint = &seal.checkpoint.checkpoint;
    const struct known_checkpoint *known = walk->trust->known;
    error = epoch_walk_checkpoint(walk, &seal.checkpoint, verdict);
    if (error == TALLY_OK && walk->older != NULL) error = order_verify(walk->older, checkpoint, verdict);
    if (error == TALLY_OK && known != NULL && known->certified.checkpoint.epoch == checkpoint->epoch)
        error = order_verify(&known->certified.checkpoint, checkpoint, verdict);
    walk->has_seal = true;
    walk->seal = *checkpoint;
    walk->older = NULL;
    return error == TALLY_OK ? set_advance(walk, &seal, verdict) : error;
}

int epoch_walk_to(struct epoch_walk *walk, uint64_t epoch, struct proof_verdict *verdict)
{
    int error = TALLY_OK;
    while (error == TALLY_OK && walk->seals.size > 0 && walk->set.set.epoch != epoch)
        error = seal_verify(walk, verdict);
    return error;
}

int epoch_walk_end(struct epoch_walk *walk, struct proof_verdict *verdict)
{
    int error = TALLY_OK;
    while (error == TALLY_OK && walk->seals.size > 0)
        error = seal_verify(walk, verdict);
    return error;
}

int checkpoint_verify(const struct proof_trust *trust, struct span seals,
    const struct certified_checkpoint *certified, struct proof_verdict *verdict)
{
    struct epoch_walk walk;
    int error = epoch_walk_begin(&walk, trust, seals, certified->checkpoint.epoch, verdict);
    if (error == TALLY_OK) error = epoch_walk_end(&walk, verdict);
    if (error == TALLY_OK) error = epoch_walk_checkpoint(&walk, certified, verdict);
    return error;
}
