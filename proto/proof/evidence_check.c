#include "proto/base/check.h"
#include "proto/proof/blame_law.h"

static int refuse(struct evidence_verdict *verdict, int error, const char *reason)
{
    *verdict = (struct evidence_verdict){.reason = reason, .detail = ""};
    return error;
}

static int check_statements(
    const struct blame_law *law, const struct evidence *evidence, struct evidence_verdict *verdict)
{
    const char *reason = statements_conflict(&evidence->first, &evidence->second);
    if (reason == NULL) return refuse(verdict, TALLY_EINVALID, "An honest validator may sign both.");
    if (!law->holds(law, &evidence->first) || !law->holds(law, &evidence->second))
        return refuse(verdict, TALLY_ESIGNATURE, "A signature does not hold.");
    verdict->reason = reason;
    return TALLY_OK;
}

/* Bytes that do not decode are no justification; memory that runs out says nothing about them. */
static int decode(const struct evidence *evidence, struct arena *arena, struct justification *decoded,
    const struct justification **justification)
{
    int error = justification_decode(evidence->justification, arena, decoded);
    *justification = error == TALLY_OK ? decoded : NULL;
    return error == TALLY_ENOMEM ? error : TALLY_OK;
}

static int check_unjustified(const struct blame_law *law, const struct evidence *evidence,
    struct arena *arena, struct evidence_verdict *verdict)
{
    const struct block_header *header = &evidence->header;
    struct digest hash = block_header_hash(header), root = justification_root(evidence->justification);
    struct justification decoded;
    const struct justification *justification;
    if (evidence->first.kind != STATEMENT_NOTARIZE && evidence->first.kind != STATEMENT_FINALIZE)
        return refuse(verdict, TALLY_EINVALID, "It is no vote for a block.");
    if (!digest_equal(&header->chain_id, &law->chain_id) || header->epoch != law->set->epoch)
        return refuse(verdict, TALLY_EINVALID, "Its block is of another chain or epoch.");
    if (evidence->first.view != header->view || !digest_equal(&evidence->first.block, &hash))
        return refuse(verdict, TALLY_EINVALID, "The vote is for another block.");
    if (!digest_equal(&header->justification_root, &root))
        return refuse(verdict, TALLY_EINVALID, "The justification is another block's.");
    if (!law->holds(law, &evidence->first))
        return refuse(verdict, TALLY_ESIGNATURE, "The signature does not hold.");
    int error = decode(evidence, arena, &decoded, &justification);
    if (error != TALLY_OK) return refuse(verdict, error, "Its justification asks for too much memory.");
    const char *fault = justification_fault(law, header, justification);
    if (fault == NULL) return refuse(verdict, TALLY_EINVALID, "The block is justified.");
    verdict->detail = fault;
    verdict->reason = "It voted for a block whose justification is invalid.";
    return TALLY_OK;
}

static bool checkpoint_holds(const struct verify_set *validators, uint32_t signer,
    const struct checkpoint *checkpoint, const struct signature *signature)
{
    struct digest digest = checkpoint_digest(checkpoint);
    return signature_check(&validators->parsed[signer], &digest, signature) == TALLY_OK;
}

static int check_checkpoints(
    const struct verify_set *validators, const struct evidence *evidence, struct evidence_verdict *verdict)
{
    const struct checkpoint *first = &evidence->first_checkpoint, *second = &evidence->second_checkpoint;
    struct digest a = checkpoint_digest(first), b = checkpoint_digest(second);
    if (first->epoch != evidence->epoch || second->epoch != evidence->epoch)
        return refuse(verdict, TALLY_EINVALID, "A checkpoint is of another epoch.");
    if (!digest_equal(&first->chain_id, &evidence->chain_id) ||
        !digest_equal(&second->chain_id, &evidence->chain_id))
        return refuse(verdict, TALLY_ECHAIN, "A checkpoint is of another chain.");
    if (first->height != second->height || digest_equal(&a, &b))
        return refuse(verdict, TALLY_EINVALID, "An honest validator may sign both.");
    if (!checkpoint_holds(validators, evidence->signer, first, &evidence->first_signature) ||
        !checkpoint_holds(validators, evidence->signer, second, &evidence->second_signature))
        return refuse(verdict, TALLY_ESIGNATURE, "A signature does not hold.");
    verdict->divergence = digest_equal(&first->block, &second->block);
    verdict->reason = verdict->divergence ? "It signed two results of one block: a fault, or a lie."
                                          : "It signed checkpoints of two blocks at one height.";
    return TALLY_OK;
}

int evidence_check(const struct verify_set *validators, const struct digest *chain_id,
    const struct evidence *evidence, struct arena *arena, struct evidence_verdict *verdict)
{
    struct blame_law law = blame_law_of(validators, chain_id);
    *verdict = (struct evidence_verdict){.reason = "", .detail = ""};
    if (!digest_equal(&evidence->chain_id, chain_id))
        return refuse(verdict, TALLY_ECHAIN, "It is of another chain.");
    if (evidence->epoch != validators->set.epoch)
        return refuse(verdict, TALLY_EINVALID, "It is of another epoch.");
    if (evidence->signer >= validators->set.count)
        return refuse(verdict, TALLY_EINVALID, "It names no validator of the epoch.");
    switch (evidence->form) {
    case EVIDENCE_STATEMENTS:
        return check_statements(&law, evidence, verdict);
    case EVIDENCE_UNJUSTIFIED:
        return check_unjustified(&law, evidence, arena, verdict);
    case EVIDENCE_CHECKPOINTS:
        return check_checkpoints(validators, evidence, verdict);
    }
    CHECK_UNREACHABLE();
}
