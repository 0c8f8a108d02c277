/* What no honest validator signs, from consensus/RULES.md. Both judgements take the side of the accused: what
 * they condemn, every honest validator refuses. */
#include "proto/proof/blame_law.h"

/* The epoch that the chain's genesis begins. */
#define EPOCH_FIRST 1u

/* Of a proposal, epoch and view are all that is signed beside the hash. */
static bool statement_holds(const struct blame_law *law, const struct statement *statement)
{
    const struct verify_set *validators = law->context;
    const struct block_header header = {.epoch = statement->epoch, .view = statement->view};
    struct digest digest = statement->kind == STATEMENT_PROPOSE
                               ? proposal_digest(&law->chain_id, &header, &statement->block)
                               : vote_digest(&law->chain_id, statement->epoch,
                                     (enum vote_kind)statement->kind, statement->view, &statement->block);
    return signature_check(&validators->parsed[statement->signer], &digest, &statement->signature) ==
           TALLY_OK;
}

struct blame_law blame_law_of(const struct verify_set *validators, const struct digest *chain_id)
{
    return (struct blame_law){
        .chain_id = *chain_id, .set = &validators->set, .holds = statement_holds, .context = validators};
}

const char *statements_conflict(const struct statement *first, const struct statement *second)
{
    if (first->view != second->view) return NULL;
    if (first->kind > second->kind) return statements_conflict(second, first);
    bool same_block = digest_equal(&first->block, &second->block);
    /* R4: "never nullified v"; R5: "Never if I finalize-voted v." */
    if (first->kind == STATEMENT_FINALIZE && second->kind == STATEMENT_NULLIFY)
        return "It voted to finalize a block of a view, and to nullify that view.";
    if (same_block) return NULL;
    /* R4: "finalize(v, h) when ... I notarized h in v"; R3: "I have not notarized or finalized another block
     * in v". */
    if (first->kind == STATEMENT_NOTARIZE && second->kind == STATEMENT_FINALIZE)
        return "It voted to finalize a block of a view, and to notarize another of that view.";
    if (first->kind != second->kind) return NULL;
    switch (first->kind) {
    case STATEMENT_NOTARIZE:
        return "It voted to notarize two blocks of one view.";
    case STATEMENT_FINALIZE:
        return "It voted to finalize two blocks of one view.";
    case STATEMENT_PROPOSE: /* R2: "nothing proposed in it yet" */
        return "It proposed two blocks in one view.";
    case STATEMENT_NULLIFY:
        return NULL;
    }
    return NULL;
}

/* ---- "J is valid by itself" (R3) ---- */

static bool certificate_signed(const struct blame_law *law, const struct certificate *certificate)
{
    uint32_t rank = 0;
    for (uint32_t signer = 0; signer < law->set->count; signer++) {
        if ((certificate->signers >> signer & 1) == 0) continue;
        struct statement statement = {.kind = (enum statement_kind)certificate->kind,
            .epoch = certificate->epoch,
            .view = certificate->view,
            .block = certificate->block,
            .signer = signer,
            .signature = certificate->signatures[rank++]};
        if (!law->holds(law, &statement)) return false;
    }
    return rank == quorum_of(law->set->count) && rank == (uint32_t)__builtin_popcountll(certificate->signers);
}

const char *certificate_fault(const struct blame_law *law, const struct certificate *certificate,
    uint64_t view, const struct digest *block)
{
    if (certificate->epoch != law->set->epoch) return "It carries a certificate of another epoch.";
    if (certificate->view != view || !digest_equal(&certificate->block, block))
        return "It carries a certificate of something else than it must.";
    if (!certificate_signed(law, certificate)) return "It carries a certificate that no quorum signed.";
    return NULL;
}

/* The first block of an epoch has no parent in it. */
static const char *first_fault(
    const struct blame_law *law, const struct block_header *header, const struct justification *justification)
{
    if (header->epoch != EPOCH_FIRST) return NULL;
    if (!justification->parent_is_genesis || header->height != 1 ||
        !digest_equal(&header->parent_hash, &law->chain_id))
        return "It begins the chain, and does not stand on genesis.";
    return NULL;
}

static const char *parent_fault(
    const struct blame_law *law, const struct block_header *header, const struct justification *justification)
{
    const struct block_header *parent = &justification->parent;
    const struct certificate *certificate = &justification->parent_certificate;
    if (justification->parent_is_genesis) return "It stands on genesis, and names another parent.";
    if (!digest_equal(&parent->chain_id, &law->chain_id) || parent->epoch != law->set->epoch)
        return "It carries a parent of another chain or epoch.";
    if (!digest_equal(&justification->parent_hash, &header->parent_hash) ||
        parent->view != header->parent_view || parent->height + 1 != header->height ||
        header->time_ms <= parent->time_ms)
        return "It carries a parent that is not its own.";
    if (certificate->kind != VOTE_NOTARIZE && certificate->kind != VOTE_FINALIZE)
        return "It carries no certificate of its parent.";
    return certificate_fault(law, certificate, parent->view, &header->parent_hash);
}

static const char *skips_fault(
    const struct blame_law *law, const struct block_header *header, const struct justification *justification)
{
    static const struct digest no_block;
    if (justification->nullification_count != header->view - header->parent_view - 1)
        return "It does not carry one nullification for each view it skips.";
    for (uint32_t i = 0; i < justification->nullification_count; i++) {
        const struct certificate *certificate = &justification->nullifications[i];
        if (certificate->kind != VOTE_NULLIFY) return "It carries something else for a nullification.";
        const char *fault = certificate_fault(law, certificate, header->parent_view + 1 + i, &no_block);
        if (fault != NULL) return fault;
    }
    return NULL;
}

const char *justification_fault(
    const struct blame_law *law, const struct block_header *header, const struct justification *justification)
{
    if (header->view == 0 || header->height == 0 || header->parent_view >= header->view)
        return "Its view or height cannot be.";
    if (justification == NULL) return "It carries what is no justification in form.";
    const char *fault = header->parent_view == 0 ? first_fault(law, header, justification)
                                                 : parent_fault(law, header, justification);
    return fault != NULL ? fault : skips_fault(law, header, justification);
}
