#include "proto/proof/blame.h"

#include "proto/base/check.h"
#include "proto/proof/blame_law.h"

/* Statements of one content by many signers: a certificate, or a leader's signature on its block. */
struct said {
    enum statement_kind kind;
    uint64_t epoch, view;
    struct digest block;
    uint64_t signers;
    const struct signature *signatures; /* one for each bit of `signers`, in order */
};

/* What a block holds, by number: its nullifications from SAID_SKIPS on. */
enum { SAID_PROPOSAL, SAID_FINALIZATION, SAID_PARENT, SAID_SKIPS };

static int refuse(struct blame *blame, int at_fault, const char *detail)
{
    *blame = (struct blame){.detail = detail, .at_fault = at_fault};
    return TALLY_EINVALID;
}

/* ---- What a chain must be ---- */

static const char *links_fault(const struct blame_law *law, const struct blame_chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        const struct block_header *header = &chain->blocks[i].header;
        if (!digest_equal(&header->chain_id, &law->chain_id)) return "A block of it is of another chain.";
        if (header->epoch != law->set->epoch) return "A block of it is of another epoch.";
        if (i == 0) continue;
        if (!digest_equal(&header->parent_hash, &chain->blocks[i - 1].hash) ||
            header->height != chain->blocks[i - 1].header.height + 1)
            return "A block of it is not the child of the one before.";
    }
    return NULL;
}

static const char *chain_fault(const struct blame_law *law, const struct blame_chain *chain)
{
    if (chain->count == 0) return NULL;
    const char *fault = links_fault(law, chain);
    if (fault != NULL) return fault;
    const struct blame_block *last = &chain->blocks[chain->count - 1];
    if (last->finalization == NULL || last->finalization->kind != VOTE_FINALIZE ||
        certificate_fault(law, last->finalization, last->header.view, &last->hash) != NULL)
        return "Its last block is not finalized: no quorum signed that.";
    return NULL;
}

/* The first place where both have a block, and not the same. */
static uint32_t fork_of(const struct blame_chain *first, const struct blame_chain *second)
{
    uint32_t at = 0;
    while (at < first->count && at < second->count &&
           digest_equal(&first->blocks[at].hash, &second->blocks[at].hash))
        at++;
    return at;
}

/* ---- Convicting ---- */

static struct said said_of(const struct certificate *certificate)
{
    if (certificate == NULL || certificate->kind < VOTE_NOTARIZE || certificate->kind > VOTE_NULLIFY ||
        (certificate->kind == VOTE_NULLIFY && !digest_is_zero(&certificate->block)))
        return (struct said){0};
    return (struct said){(enum statement_kind)certificate->kind, certificate->epoch, certificate->view,
        certificate->block, certificate->signers, certificate->signatures};
}

static struct statement statement_of(const struct said *said, uint32_t signer)
{
    uint64_t before = said->signers & ((UINT64_C(1) << signer) - 1);
    return (struct statement){.kind = said->kind,
        .epoch = said->epoch,
        .view = said->view,
        .block = said->block,
        .signer = signer,
        .signature = said->signatures[__builtin_popcountll(before)]};
}

static struct evidence *convict(const struct blame_law *law, uint32_t signer, struct blame *blame)
{
    CHECK(blame->count < law->set->count && (blame->guilty >> signer & 1) == 0);
    struct evidence *evidence = &blame->culprits[blame->count++];
    blame->guilty |= UINT64_C(1) << signer;
    *evidence = (struct evidence){.chain_id = law->chain_id, .epoch = law->set->epoch, .signer = signer};
    return evidence;
}

/* Who signed both, and what no honest validator signs both of. */
static void compare(
    const struct blame_law *law, const struct said *first, const struct said *second, struct blame *blame)
{
    uint64_t common = first->signers & second->signers;
    if (first->view != second->view || common == 0) return;
    if (first->epoch != law->set->epoch || second->epoch != law->set->epoch) return;
    for (uint32_t signer = 0; signer < law->set->count; signer++) {
        if (((common & ~blame->guilty) >> signer & 1) == 0) continue;
        struct statement a = statement_of(first, signer), b = statement_of(second, signer);
        if (statements_conflict(&a, &b) == NULL || !law->holds(law, &a) || !law->holds(law, &b)) continue;
        struct evidence *evidence = convict(law, signer, blame);
        evidence->form = EVIDENCE_STATEMENTS;
        evidence->first = a;
        evidence->second = b;
        evidence_arrange(evidence);
    }
}

static void condemn_voters(const struct blame_law *law, const struct blame_block *block,
    const struct said *voters, struct blame *blame)
{
    for (uint32_t signer = 0; signer < law->set->count; signer++) {
        if (((voters->signers & ~blame->guilty) >> signer & 1) == 0) continue;
        struct statement vote = statement_of(voters, signer);
        if (!law->holds(law, &vote)) continue;
        struct evidence *evidence = convict(law, signer, blame);
        evidence->form = EVIDENCE_UNJUSTIFIED;
        evidence->first = vote;
        evidence->header = block->header;
        evidence->justification = block->justification_bytes;
    }
}

/* R3: "J is valid by itself". The highest block whose justification is not has a certificate that is: of its
 * child's justification, or its own finalization. So whoever signed that is guilty. */
static void blame_unjustified(
    const struct blame_law *law, const struct blame_chain *chain, uint32_t from, struct blame *blame)
{
    for (uint32_t i = chain->count; i-- > from;) {
        const struct blame_block *block = &chain->blocks[i];
        if (block->header_only || justification_fault(law, &block->header, block->justification) == NULL)
            continue;
        /* The certificate of such a seal is in what was not kept. */
        if (i + 1 < chain->count && chain->blocks[i + 1].header_only) return;
        const struct certificate *certificate = i + 1 == chain->count
                                                    ? block->finalization
                                                    : &chain->blocks[i + 1].justification->parent_certificate;
        /* A child that passes for the first block of a later epoch may carry a certificate of anything. */
        if (certificate_fault(law, certificate, block->header.view, &block->hash) != NULL) return;
        struct said voters = said_of(certificate);
        condemn_voters(law, block, &voters, blame);
        return;
    }
}

/* ---- Everything a block holds ---- */

static uint32_t said_count(const struct blame_block *block)
{
    return SAID_SKIPS + (block->justification != NULL ? block->justification->nullification_count : 0);
}

static struct said said_at(const struct blame_law *law, const struct blame_block *block, uint32_t index)
{
    const struct justification *justification = block->justification;
    if (index == SAID_FINALIZATION) return said_of(block->finalization);
    if (index == SAID_PARENT)
        return said_of(justification != NULL && !justification->parent_is_genesis
                           ? &justification->parent_certificate
                           : NULL);
    if (index >= SAID_SKIPS) return said_of(&justification->nullifications[index - SAID_SKIPS]);
    if (!block->has_signature || block->header.view == 0) return (struct said){0};
    return (struct said){STATEMENT_PROPOSE, block->header.epoch, block->header.view, block->hash,
        UINT64_C(1) << leader_of(block->header.view, law->set->count), &block->signature};
}

static void compare_with_block(const struct blame_law *law, const struct said *said,
    const struct blame_block *block, struct blame *blame)
{
    uint32_t count = said_count(block);
    for (uint32_t i = 0; i < count; i++) {
        struct said other = said_at(law, block, i);
        compare(law, said, &other, blame);
    }
}

static void compare_blocks(const struct blame_law *law, const struct blame_block *block,
    const struct blame_chain *chain, uint32_t from, struct blame *blame)
{
    uint32_t count = said_count(block);
    for (uint32_t i = 0; i < count; i++) {
        struct said said = said_at(law, block, i);
        if (said.signers == 0) continue;
        for (uint32_t j = from; j < chain->count; j++)
            compare_with_block(law, &said, &chain->blocks[j], blame);
    }
}

static bool ends_with_headers(const struct blame_chain *chain)
{
    return chain->blocks[chain->count - 1].header_only;
}

int blame_chains(const struct blame_law *law, const struct blame_chain *first,
    const struct blame_chain *second, struct blame *blame)
{
    uint32_t n = law->set->count;
    CHECK(n >= VALIDATORS_MIN && n <= VALIDATORS_MAX);
    const char *fault = chain_fault(law, first);
    if (fault != NULL) return refuse(blame, 0, fault);
    fault = chain_fault(law, second);
    if (fault != NULL) return refuse(blame, 1, fault);
    *blame = (struct blame){.detail = ""};
    uint32_t from = fork_of(first, second);
    if (from == first->count || from == second->count) return TALLY_OK;
    const struct block_header *a = &first->blocks[0].header, *b = &second->blocks[0].header;
    if (a->height != b->height || !digest_equal(&a->parent_hash, &b->parent_hash))
        return refuse(blame, -1, "The two do not start above one block.");
    blame->conflict = true;
    blame_unjustified(law, first, from, blame);
    blame_unjustified(law, second, from, blame);
    for (uint32_t i = from; i < first->count; i++)
        compare_blocks(law, &first->blocks[i], second, from, blame);
    CHECK(blame->count >= 2 * quorum_of(n) - n || ends_with_headers(first) || ends_with_headers(second));
    return TALLY_OK;
}

/* ---- Checkpoints ---- */

static const char *checkpoint_fault(const struct verify_set *validators, const struct digest *chain_id,
    const struct certified_checkpoint *certified)
{
    struct digest set_hash = validator_set_hash(&validators->set);
    if (!digest_equal(&certified->checkpoint.chain_id, chain_id)) return "It is of another chain.";
    if (!digest_equal(&certified->checkpoint.set_hash, &set_hash)) return "It is of other validators.";
    if (certified_checkpoint_check(validators, certified) != TALLY_OK)
        return "It is not signed by exactly a quorum of the validators.";
    return NULL;
}

static struct signature signature_of(const struct certified_checkpoint *certified, uint32_t signer)
{
    uint64_t before = certified->signers & ((UINT64_C(1) << signer) - 1);
    return certified->signatures[__builtin_popcountll(before)];
}

int blame_checkpoints(const struct verify_set *validators, const struct digest *chain_id,
    const struct certified_checkpoint *first, const struct certified_checkpoint *second, struct blame *blame)
{
    struct blame_law law = blame_law_of(validators, chain_id);
    const char *fault = checkpoint_fault(validators, chain_id, first);
    if (fault != NULL) return refuse(blame, 0, fault);
    fault = checkpoint_fault(validators, chain_id, second);
    if (fault != NULL) return refuse(blame, 1, fault);
    if (first->checkpoint.height != second->checkpoint.height)
        return refuse(blame, -1, "The two are of different heights.");
    *blame = (struct blame){.detail = ""};
    struct digest a = checkpoint_digest(&first->checkpoint), b = checkpoint_digest(&second->checkpoint);
    if (digest_equal(&a, &b)) return TALLY_OK;
    blame->conflict = true;
    uint64_t common = first->signers & second->signers;
    for (uint32_t signer = 0; signer < validators->set.count; signer++) {
        if ((common >> signer & 1) == 0) continue;
        struct evidence *evidence = convict(&law, signer, blame);
        evidence->form = EVIDENCE_CHECKPOINTS;
        evidence->first_checkpoint = first->checkpoint;
        evidence->first_signature = signature_of(first, signer);
        evidence->second_checkpoint = second->checkpoint;
        evidence->second_signature = signature_of(second, signer);
        evidence_arrange(evidence);
    }
    CHECK(blame->count >= 2 * quorum_of(validators->set.count) - validators->set.count);
    return TALLY_OK;
}
