#include "consensus/core.h"

static uint64_t signers_all(uint32_t n)
{
    return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

bool certificate_well_formed(const struct consensus *c, const struct certificate *certificate)
{
    if (certificate->kind < VOTE_NOTARIZE || certificate->kind > VOTE_NULLIFY) return false;
    if (certificate->epoch != c->config.set.epoch || certificate->view == 0) return false;
    if (digest_is_zero(&certificate->block) != (certificate->kind == VOTE_NULLIFY)) return false;
    if (certificate->signers & ~signers_all(c->n)) return false;
    return (uint32_t)__builtin_popcountll(certificate->signers) == c->q;
}

/* Fields that say the same in every header of this epoch. */
static const char *header_fault(const struct consensus *c, const struct block_header *header)
{
    if (!digest_equal(&header->chain_id, &c->config.chain_id)) return "header of another chain";
    if (header->epoch != c->config.set.epoch) return "header of another epoch";
    if (header->view == 0 || header->height == 0 || header->parent_view >= header->view)
        return "header's view or height";
    if (header->payload_size > BLOCK_SIZE_MAX || header->payload_events > BLOCK_EVENTS_MAX)
        return "payload over its limit";
    return flags_fault(header);
}

/* The parent is genesis: nothing to certify, and nothing but zeros where a parent would stand. */
static const char *genesis_fault(const struct consensus *c, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *j = &proposal->justification;
    if (header->parent_view != 0 || header->height != 1) return "a genesis parent of a later block";
    if (header->after_seal) return "flags do not follow the parent's";
    if (!digest_equal(&header->parent_hash, &c->config.chain_id)) return "genesis of another chain";
    if (!digest_is_zero(&j->parent_hash) || j->parent_certificate.signers != 0)
        return "genesis is not certified";
    if (c->floor.height == 0 && header->time_ms <= c->floor.time_ms) return "time is not after the parent's";
    return NULL;
}

/* The first block of a later epoch, on the seal of the one before. That the seal is final is proven under
 * another validator set: whoever checks the signatures checks that, path and all. */
static const char *seal_fault(const struct consensus *c, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *j = &proposal->justification;
    if (!j->parent.seals || j->parent.epoch + 1 != c->config.set.epoch)
        return "parent does not seal the epoch before";
    if (!digest_equal(&j->parent.chain_id, &c->config.chain_id)) return "parent's header";
    if (header->parent_view != 0 || !digest_equal(&j->parent_hash, &header->parent_hash))
        return "parent's header is not the parent";
    if (header->after_seal) return "flags do not follow the parent's";
    if (j->parent.height + 1 != header->height) return "height is not the parent's and one";
    if (header->time_ms <= j->parent.time_ms) return "time is not after the parent's";
    if (j->parent_certificate.kind != VOTE_FINALIZE || j->parent_certificate.epoch != j->parent.epoch)
        return "parent's certificate";
    return j->seal_path_count > SEAL_PATH_MAX ? "a seal's path over its limit" : NULL;
}

static const char *parent_fault(const struct consensus *c, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *j = &proposal->justification;
    const struct certificate *certificate = &j->parent_certificate;
    if (header_fault(c, &j->parent)) return "parent's header";
    if (j->parent.view != header->parent_view || !digest_equal(&j->parent_hash, &header->parent_hash))
        return "parent's header is not the parent";
    if (j->parent.height + 1 != header->height) return "height is not the parent's and one";
    if (header->time_ms <= j->parent.time_ms) return "time is not after the parent's";
    if (!flags_follow(&j->parent, header)) return "flags do not follow the parent's";
    if (j->seal_path_count != 0) return "a seal's path within an epoch";
    if (!certificate_well_formed(c, certificate) || certificate->kind == VOTE_NULLIFY)
        return "parent's certificate";
    if (certificate->view != header->parent_view || !digest_equal(&certificate->block, &header->parent_hash))
        return "parent's certificate is of another block";
    return NULL;
}

/* R3: "nullifications of exactly the views in (p, v)": exactly the views between, in order. */
static const char *skips_fault(const struct consensus *c, const struct proposal *proposal)
{
    const struct justification *j = &proposal->justification;
    uint64_t skipped = proposal->header.view - proposal->header.parent_view - 1;
    if (j->nullification_count > VIEWS_SKIPPED_MAX || j->nullification_count != skipped)
        return "nullifications do not cover the skipped views";
    for (uint32_t i = 0; i < j->nullification_count; i++) {
        const struct certificate *certificate = &j->nullifications[i];
        if (!certificate_well_formed(c, certificate) || certificate->kind != VOTE_NULLIFY)
            return "a nullification's form";
        if (certificate->view != proposal->header.parent_view + 1 + i)
            return "a nullification of another view";
    }
    return NULL;
}

const char *proposal_fault(const struct consensus *c, const struct proposal *proposal)
{
    const char *fault = header_fault(c, &proposal->header);
    if (fault) return fault;
    const struct justification *j = &proposal->justification;
    if (j->parent_is_genesis)
        fault = genesis_fault(c, proposal);
    else
        fault = parent_in_epoch(c, j) ? parent_fault(c, proposal) : seal_fault(c, proposal);
    return fault ? fault : skips_fault(c, proposal);
}

const char *range_fault(const struct consensus *c, const struct consensus_range *range)
{
    if (range->count == 0 || range->count > RANGE_BLOCKS_MAX + SEAL_PATH_MAX) return "range's length";
    uint32_t after_seal = 0;
    for (uint32_t i = 0; i < range->count; i++) {
        const struct block_header *header = &range->headers[i];
        if (header_fault(c, header)) return "a header of the range";
        if (header->after_seal && ++after_seal > SEAL_PATH_MAX) return "range's length";
        if (i == 0) continue;
        const struct block_header *parent = &range->headers[i - 1];
        if (header->height != parent->height + 1 || header->parent_view != parent->view ||
            header->time_ms <= parent->time_ms || !flags_follow(parent, header) ||
            !digest_equal(&header->parent_hash, &range->hashes[i - 1]))
            return "range is not a chain";
    }
    const struct certificate *certificate = range->finalization;
    const struct block_header *last = &range->headers[range->count - 1];
    if (!certificate_well_formed(c, certificate) || certificate->kind != VOTE_FINALIZE)
        return "range's finalization";
    if (certificate->view != last->view ||
        !digest_equal(&certificate->block, &range->hashes[range->count - 1]))
        return "range's finalization is of another block";
    return NULL;
}

uint32_t range_start(const struct consensus *c, const struct consensus_range *range)
{
    uint64_t next = c->floor.height + 1;
    uint64_t first = range->headers[0].height;
    if (next < first || next - first >= range->count) return range->count;
    return (uint32_t)(next - first);
}
