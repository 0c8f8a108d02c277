#include "node/own_votes.h"

struct search {
    uint32_t signer;
    struct guard_mark newest;
};

static void take(struct search *search, uint64_t epoch, uint64_t view)
{
    const struct guard_mark mark = {epoch, view};
    if (guard_mark_before(search->newest, mark)) search->newest = mark;
}

static void take_certificate(struct search *search, const struct certificate *certificate)
{
    if ((certificate->signers >> search->signer & 1) != 0)
        take(search, certificate->epoch, certificate->view);
}

static void take_proposal(struct search *search, const struct proposal *proposal, uint32_t validators)
{
    const struct justification *shown = &proposal->justification;
    const struct block_header *header = &proposal->header;
    if (leader_of(header->view, validators) == search->signer) take(search, header->epoch, header->view);
    /* The certificate in an epoch's first proposal is of the set before. */
    if (!shown->parent_is_genesis && shown->parent_certificate.epoch == header->epoch)
        take_certificate(search, &shown->parent_certificate);
    for (uint32_t i = 0; i < shown->nullification_count; i++)
        take_certificate(search, &shown->nullifications[i]);
}

struct guard_mark own_votes_newest(
    const struct consensus_message *message, uint32_t signer, uint32_t validators)
{
    struct search search = {.signer = signer};
    if (signer == SIGNER_NONE) return search.newest;
    switch (message->kind) {
    case MESSAGE_VOTE:
        if (message->vote->signer == signer) take(&search, message->vote->epoch, message->vote->view);
        break;
    case MESSAGE_CERTIFICATE:
        take_certificate(&search, message->certificate);
        break;
    case MESSAGE_PROPOSAL:
        take_proposal(&search, message->proposal, validators);
        break;
    case MESSAGE_RANGE:
        take_certificate(&search, message->range->finalization);
        break;
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        break;
    }
    return search.newest;
}
