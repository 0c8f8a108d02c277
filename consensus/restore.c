#include "consensus/core.h"

/* The candidate that a record is about. Its proposal, where the bytes are still there, brings back the links.
 */
static int block_restore(struct consensus *c, const struct consensus_record *record, bool payload_held)
{
    if (record->proposal) {
        const char *fault = proposal_fault(c, record->proposal);
        if (fault || !digest_equal(&record->proposal->hash, &record->block)) return TALLY_EDAMAGED;
        justification_accept(c, &record->proposal->justification);
    }
    struct block *block = block_find(c, &record->block);
    if (!block) block = block_add(c, &record->header, &record->block);
    if (!block) return TALLY_ELIMIT;
    if (record->proposal) {
        block->has_signature = true;
        block->signature = record->proposal->signature;
        block->parent_time_ms = parent_time_ms(c, &record->proposal->justification);
    }
    if (payload_held) block->payload = PAYLOAD_HELD;
    return TALLY_OK;
}

static int proposal_restore(struct consensus *c, const struct consensus_record *record, bool payload_held)
{
    struct view_slot *slot = view_open(c, record->header.view);
    if (!slot) return TALLY_OK;
    if (leader_of(record->header.view, c->n) != c->config.signer) return TALLY_EDAMAGED;
    if (slot->proposal != OWN_NONE) {
        return digest_equal(&slot->proposal_block, &record->block) ? TALLY_OK : TALLY_EDAMAGED;
    }
    slot->proposal = OWN_DURABLE;
    slot->proposal_block = record->block;
    return block_restore(c, record, payload_held);
}

/* Own votes that no correct run of this replica makes: the record is not what was stored. */
static bool votes_conflict(struct view_slot *slot, const struct vote *vote)
{
    const struct own_vote *own = slot_own(slot, vote->kind);
    if (own->state != OWN_NONE) return !digest_equal(&own->block, &vote->block);
    const struct own_vote *notarized = slot_own(slot, VOTE_NOTARIZE);
    if (vote->kind == VOTE_FINALIZE) {
        if (slot_own(slot, VOTE_NULLIFY)->state != OWN_NONE) return true;
        return notarized->state != OWN_NONE && !digest_equal(&notarized->block, &vote->block);
    }
    return slot_own(slot, VOTE_FINALIZE)->state != OWN_NONE;
}

static int vote_restore(struct consensus *c, const struct consensus_record *record, bool payload_held)
{
    const struct vote *vote = &record->vote;
    if (vote->kind < VOTE_NOTARIZE || vote->kind > VOTE_NULLIFY) return TALLY_EDAMAGED;
    if (vote->signer != c->config.signer || vote->epoch != c->config.set.epoch) return TALLY_EDAMAGED;
    struct view_slot *slot = view_open(c, vote->view);
    if (!slot) return TALLY_OK;
    if (votes_conflict(slot, vote)) return TALLY_EDAMAGED;
    struct own_vote *own = slot_own(slot, vote->kind);
    own->state = OWN_DURABLE;
    own->block = vote->block;
    own->signature = vote->signature;
    slot->admitted_durably = true;
    if (!vote_held(c, slot, vote)) vote_keep(c, slot, vote);
    return vote->kind == VOTE_NOTARIZE ? block_restore(c, record, payload_held) : TALLY_OK;
}

static int certificate_restore(struct consensus *c, bool present, const struct certificate *certificate)
{
    if (!present) return TALLY_OK;
    if (!certificate_well_formed(c, certificate)) return TALLY_EDAMAGED;
    certificate_accept(c, certificate);
    return TALLY_OK;
}

/* R13: "the view is 1 + the highest view certified by what is on disk", "never taken from own votes." A
 * record beyond the ring, which a floor far behind the votes would take, cannot be held: this replica then
 * votes only above it. */
int consensus_restore(struct consensus *c, const struct consensus_record *record, bool payload_held)
{
    CHECK(!c->started && record);
    int result = TALLY_EDAMAGED;
    uint64_t view = record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
    uint64_t epoch = record->kind == RECORD_PROPOSAL ? record->header.epoch : record->vote.epoch;
    if (epoch < c->config.set.epoch || view <= c->floor.view) return TALLY_OK;
    if (certificate_restore(c, record->has_admission, &record->admission)) goto out;
    if (certificate_restore(c, record->has_notarization, &record->notarization)) goto out;
    if (view > view_top(c) && view > c->silent_view) c->silent_view = view;
    switch (record->kind) {
    case RECORD_PROPOSAL:
        result = proposal_restore(c, record, payload_held);
        break;
    case RECORD_VOTE:
        result = vote_restore(c, record, payload_held);
        break;
    }
out:
    /* Nobody is listening yet: what restoring would say, the first step says. */
    c->output_count = 0;
    c->certificate_count = 0;
    c->evidence_count = 0;
    return result;
}
