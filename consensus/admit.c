#include "consensus/core.h"

uint64_t views_ahead(const struct consensus *c)
{
    return 2u * c->n > 64u ? 2u * c->n : 64u;
}

/* R0: "Look at votes only for views in [F - 64, current + max(2n, 64)]." */
static bool vote_in_window(const struct consensus *c, uint64_t view)
{
    if (view == 0 || view + VIEWS_BELOW_FLOOR < c->floor.view) return false;
    return view > c->view_low && view <= view_top(c) && view <= c->view + views_ahead(c);
}

static const char *vote_fault(const struct consensus *c, const struct vote *vote)
{
    if (vote->kind < VOTE_NOTARIZE || vote->kind > VOTE_NULLIFY) return "a vote of no known kind";
    if (vote->signer >= c->n) return "a vote by no validator";
    if (digest_is_zero(&vote->block) != (vote->kind == VOTE_NULLIFY)) return "a vote's block";
    return NULL;
}

/* Whether the vote deserves a signature check, or after one, to be taken in: the state may have moved
 * between. */
static bool vote_wanted(const struct consensus *c, const struct vote *vote)
{
    if (epoch_ended(c) || vote->epoch != c->config.set.epoch || vote_fault(c, vote) ||
        !vote_in_window(c, vote->view))
        return false;
    struct view_slot *slot = view_find(c, vote->view);
    return !slot || !vote_held(c, slot, vote);
}

/* R0: "at certificates for any view above F." Beyond the ring only a finalization is of
 * use. */
static bool certificate_wanted(const struct consensus *c, const struct certificate *certificate)
{
    if (epoch_ended(c) || !certificate_well_formed(c, certificate) || certificate->view <= c->floor.view)
        return false;
    if (certificate->kind == VOTE_FINALIZE && certificate->view > c->best.view) return true;
    if (certificate->view <= c->view_low || certificate->view > view_top(c)) return false;
    return !slot_has(view_find(c, certificate->view), certificate->kind);
}

/* A proposal whose parent is not on the finalized chain rests on more faults than are tolerated, or on none
 * that matter. */
static bool parent_above_floor(const struct consensus *c, const struct block_header *header)
{
    if (header->parent_view != c->floor.view) return header->parent_view > c->floor.view;
    return digest_equal(&header->parent_hash, &c->floor.block);
}

static bool proposal_wanted(const struct consensus *c, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    if (epoch_ended(c)) return false;
    if (!digest_equal(&header->chain_id, &c->config.chain_id) || header->epoch != c->config.set.epoch)
        return false;
    if (header->view <= c->floor.view || header->view <= c->view_low || header->view > view_top(c))
        return false;
    if (proposal_fault(c, proposal) || !parent_above_floor(c, header)) return false;
    if (block_find(c, &proposal->hash)) return false;
    const struct view_slot *slot = view_find(c, header->view);
    if (!slot || slot->block_count + 1 < BLOCKS_PER_VIEW) return true;
    return slot->block_count < BLOCKS_PER_VIEW && block_certified(c, header->view, &proposal->hash);
}

static bool range_wanted(const struct consensus *c, const struct consensus_range *range)
{
    if (epoch_ended(c) || range_fault(c, range)) return false;
    uint32_t start = range_start(c, range);
    if (start == range->count) return false;
    const struct block_header *first = &range->headers[start];
    if (first->after_seal) return false;
    return first->parent_view == c->floor.view && digest_equal(&first->parent_hash, &c->floor.block);
}

static void receive_vote(struct consensus *c, uint32_t peer, const struct consensus_message *message)
{
    const struct vote *vote = message->vote;
    if (vote->epoch != c->config.set.epoch) {
        epoch_other(c, peer, vote->epoch, true);
        return;
    }
    const char *fault = vote_fault(c, vote);
    if (fault) {
        emit_charge(c, peer, fault);
        return;
    }
    if (vote->signer == peer) {
        /* Who finalizes a view holds its notarization, and is past it. */
        peer_seen(c, peer, vote->kind == VOTE_FINALIZE ? vote->view + 1 : vote->view);
        peer_help(c, peer, vote->kind, vote->view, false);
    }
    if (vote_wanted(c, vote)) emit_verify(c, peer, message);
}

static void receive_certificate(struct consensus *c, uint32_t peer, const struct consensus_message *message)
{
    const struct certificate *certificate = message->certificate;
    if (certificate->epoch != c->config.set.epoch) {
        /* An FC is how one tells another of an older epoch's end: it asks for nothing. */
        epoch_other(c, peer, certificate->epoch, certificate->kind != VOTE_FINALIZE);
        return;
    }
    if (!certificate_well_formed(c, certificate)) {
        emit_charge(c, peer, "a certificate's form");
        return;
    }
    peer_help(c, peer, certificate->kind, certificate->view, true);
    if (certificate_wanted(c, certificate)) emit_verify(c, peer, message);
}

static void receive_proposal(struct consensus *c, uint32_t peer, const struct consensus_message *message)
{
    const struct block_header *header = &message->proposal->header;
    if (!digest_equal(&header->chain_id, &c->config.chain_id)) return;
    if (header->epoch != c->config.set.epoch) {
        epoch_other(c, peer, header->epoch, true);
        return;
    }
    const char *fault = proposal_fault(c, message->proposal);
    if (fault) {
        emit_charge(c, peer, fault);
        return;
    }
    if (peer == leader_of(header->view, c->n)) peer_seen(c, peer, header->view);
    if (proposal_wanted(c, message->proposal)) emit_verify(c, peer, message);
}

static void receive_range(struct consensus *c, uint32_t peer, const struct consensus_message *message)
{
    /* What was asked for before this epoch began may still come. */
    if (message->range->count > 0 && message->range->headers[0].epoch != c->config.set.epoch) return;
    const char *fault = range_fault(c, message->range);
    if (fault)
        emit_charge(c, peer, fault);
    else if (range_wanted(c, message->range))
        emit_verify(c, peer, message);
}

void admit_received(struct consensus *c, const struct consensus_input *input)
{
    const struct consensus_message *message = &input->message;
    CHECK(input->peer < c->config.peer_count);
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        receive_proposal(c, input->peer, message);
        break;
    case MESSAGE_VOTE:
        receive_vote(c, input->peer, message);
        break;
    case MESSAGE_CERTIFICATE:
        receive_certificate(c, input->peer, message);
        break;
    case MESSAGE_PROPOSAL_REQUEST:
        proposal_answer(c, input->peer, &message->block, message->view);
        break;
    case MESSAGE_ENTRY_REQUEST:
        if (message->epoch == c->config.set.epoch)
            entry_answer(c, input->peer, message->view);
        else
            epoch_other(c, input->peer, message->epoch, true);
        break;
    case MESSAGE_RANGE_REQUEST:
        break; /* the caller's ledger answers it */
    case MESSAGE_RANGE:
        receive_range(c, input->peer, message);
        break;
    }
}

/* R0: "A failed check is charged to the link that brought the message. It leaves no mark against the signer."
 * What was true when the check was asked for is asked again, since the state may have moved. */
void admit_verified(struct consensus *c, const struct consensus_input *input)
{
    const struct consensus_message *message = &input->message;
    CHECK(input->peer < c->config.peer_count);
    if (!input->ok) {
        emit_charge(c, input->peer, "a signature does not hold");
        return;
    }
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        if (proposal_wanted(c, message->proposal))
            proposal_accept(c, input->peer, message->proposal);
        else if (!block_find(c, &message->proposal->hash))
            emit(c, OUTPUT_DROP)->block = message->proposal->hash;
        break;
    case MESSAGE_VOTE:
        if (vote_wanted(c, message->vote)) vote_accept(c, message->vote);
        break;
    case MESSAGE_CERTIFICATE:
        if (certificate_wanted(c, message->certificate)) certificate_accept(c, message->certificate);
        break;
    case MESSAGE_RANGE:
        if (range_wanted(c, message->range)) range_commit(c, input->peer, message->range);
        break;
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
        CHECK_UNREACHABLE();
    }
}
