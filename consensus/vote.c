#include "consensus/core.h"

/* R13: a validator that lost its vote record "does not vote". R15: observers "never vote". */
static bool is_voter(const struct consensus *c)
{
    return c->config.may_vote && c->config.signer != SIGNER_NONE;
}

bool may_vote_in(const struct consensus *c, uint64_t view)
{
    return is_voter(c) && view > view_bottom(c) && view > c->silent_view && view <= c->view;
}

void own_vote_of(const struct consensus *c, struct view_slot *slot, enum vote_kind kind, struct vote *vote)
{
    const struct own_vote *own = slot_own(slot, kind);
    CHECK(own->state != OWN_NONE && c->config.signer < c->n);
    memset(vote, 0, sizeof *vote);
    vote->kind = kind;
    vote->epoch = c->config.set.epoch;
    vote->view = slot->view;
    vote->block = own->block;
    vote->signer = c->config.signer;
    vote->signature = own->signature;
}

/* The decision is kept from here on, whether or not the signer answers: no second vote of the kind is ever
 * asked for. */
static void own_vote_decide(
    struct consensus *c, struct view_slot *slot, enum vote_kind kind, const struct digest *block)
{
    struct own_vote *own = slot_own(slot, kind);
    CHECK(may_vote_in(c, slot->view));
    CHECK(own->state == OWN_NONE);
    own->state = OWN_DECIDED;
    if (block) own->block = *block;
    struct consensus_output *output = emit(c, OUTPUT_SIGN_VOTE);
    own_vote_of(c, slot, kind, &output->vote);
}

/* R3, on time: "after the parent's, and at most max(now + 2 s, parent's + 1 ms) by the voter's clock. Too
 * early is pending, not invalid." That it is after the parent's is part of its shape. */
bool block_time_ready(const struct consensus *c, const struct block *block, uint64_t *ready_wall_ms)
{
    uint64_t time_ms = block->header.time_ms;
    *ready_wall_ms = 0;
    if (time_ms <= block->parent_time_ms + 1 || time_ms <= c->wall_ms + CLOCK_AHEAD_MS_MAX) return true;
    *ready_wall_ms = time_ms - CLOCK_AHEAD_MS_MAX;
    return false;
}

static void payload_ask(struct consensus *c, uint32_t peer, struct block *block)
{
    block->asked = true;
    struct consensus_output *output = emit(c, OUTPUT_NEED_PAYLOAD);
    output->peer = peer;
    output->block = block->hash;
    output->header = block->header;
}

void proposal_accept(struct consensus *c, uint32_t peer, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    justification_accept(c, &proposal->justification);
    struct view_slot *slot = view_open(c, header->view);
    CHECK(slot);
    for (uint32_t i = 0; i < slot->block_count; i++)
        evidence_proposals(c, slot, &c->blocks[slot->blocks[i]], proposal);
    struct block *block = block_add(c, header, &proposal->hash);
    if (!block) {
        emit(c, OUTPUT_DROP)->block = proposal->hash;
        return;
    }
    block->has_signature = true;
    block->signature = proposal->signature;
    block->parent_time_ms = parent_time_ms(c, &proposal->justification);
    payload_ask(c, peer, block);
}

void payload_judged(struct consensus *c, const struct digest *hash, bool ok)
{
    struct block *block = block_find(c, hash);
    if (!block || block->payload == PAYLOAD_HELD) return;
    block->payload = ok ? PAYLOAD_HELD : PAYLOAD_BAD;
    struct view_slot *slot = view_find(c, block->header.view);
    CHECK(slot);
    if (!ok) slot->rejected = true;
}

/* R3: "notarize(v, h) when the leader's signature holds, J is valid by itself, the payload is held and
 * well-formed, the application finds a seal right, F < v <= current, and I have not notarized or finalized
 * another block in v. Allowed after my own nullify(v), and after seeing NC(v, h)." Validity by itself was
 * checked before the block became a candidate. */
static bool may_notarize(const struct consensus *c, struct view_slot *slot, const struct block *block)
{
    uint64_t ready_wall_ms;
    if (!may_vote_in(c, slot->view)) return false;
    if (slot_own(slot, VOTE_NOTARIZE)->state != OWN_NONE || slot_own(slot, VOTE_FINALIZE)->state != OWN_NONE)
        return false;
    if (block->payload != PAYLOAD_HELD || block->withheld) return false;
    if (block->header.parent_view < c->floor.view) return false;
    if (block->header.parent_view == c->floor.view &&
        !digest_equal(&block->header.parent_hash, &c->floor.block))
        return false;
    return block_time_ready(c, block, &ready_wall_ms);
}

void notarize_try(struct consensus *c)
{
    for (struct block *block = block_newest(c); block; block = block_older(c, block)) {
        struct view_slot *slot = view_find(c, block->header.view);
        CHECK(slot);
        if (may_notarize(c, slot, block)) own_vote_decide(c, slot, VOTE_NOTARIZE, &block->hash);
    }
}

/* R4: "finalize(v, h) when F < v, I notarized h in v, hold NC(v, h), never nullified v, and made no other
 * finalize in v." "It may come in any later view. Notarized means durably so; nullified means decided,
 * durable or not." */
static bool may_finalize(const struct consensus *c, struct view_slot *slot)
{
    const struct own_vote *notarized = slot_own(slot, VOTE_NOTARIZE);
    if (!may_vote_in(c, slot->view) || notarized->state != OWN_DURABLE) return false;
    if (!slot_has(slot, VOTE_NOTARIZE)) return false;
    if (!digest_equal(&slot->certificates[VOTE_NOTARIZE - 1].block, &notarized->block)) return false;
    return slot_own(slot, VOTE_NULLIFY)->state == OWN_NONE &&
           slot_own(slot, VOTE_FINALIZE)->state == OWN_NONE;
}

void finalize_try(struct consensus *c)
{
    if (!is_voter(c)) return;
    for (uint64_t view = view_bottom(c) + 1; view <= c->view; view++) {
        struct view_slot *slot = view_find(c, view);
        if (slot && may_finalize(c, slot))
            own_vote_decide(c, slot, VOTE_FINALIZE, &slot_own(slot, VOTE_NOTARIZE)->block);
    }
}

/* R5: "nullify(v) for the current view only, v > F". "Never if I finalize-voted v." */
bool nullify(struct consensus *c, bool by_timer)
{
    if (!may_vote_in(c, c->view)) return false;
    struct view_slot *slot = view_open(c, c->view);
    if (!slot || slot_own(slot, VOTE_NULLIFY)->state != OWN_NONE) return false;
    if (slot_own(slot, VOTE_FINALIZE)->state != OWN_NONE) return false;
    slot->nullified_by_timer = by_timer;
    own_vote_decide(c, slot, VOTE_NULLIFY, NULL);
    return true;
}

void nullify_try(struct consensus *c)
{
    const struct view_slot *slot = view_find(c, c->view);
    bool refuted = slot && (slot->rejected || slot->equivocated);
    bool proposed = slot && slot->block_count > 0;
    if (refuted)
        (void)nullify(c, false);
    else if (!proposed && leader_silent(c) && nullify(c, false))
        c->silent_skips++;
}

/* The certificate that admitted me to the view goes with its first vote. For an older view that is
 * one that was held for the view before; a block that came later than its view brought its own links in its
 * justification. */
static bool admission_of(const struct consensus *c, uint64_t view, struct certificate *admission)
{
    if (view == c->view) {
        if (!c->has_admission) return false;
        if (c->admission.kind == VOTE_FINALIZE && c->admission.view <= c->durable_view) return false;
        *admission = c->admission;
        return true;
    }
    struct view_slot *slot = view_find(c, view - 1);
    static const enum vote_kind kinds[] = {VOTE_FINALIZE, VOTE_NOTARIZE, VOTE_NULLIFY};
    for (uint32_t i = 0; i < VOTE_KINDS; i++) {
        if (!slot_has(slot, kinds[i])) continue;
        slot_certificate(c, slot, kinds[i], admission);
        return true;
    }
    return false;
}

/* What goes to disk with the vote: what it rests on, so that the vote can be explained and repeated after a
 * crash. */
static void vote_record(
    struct consensus *c, struct view_slot *slot, const struct vote *vote, uint64_t *sequence)
{
    struct consensus_record *record = emit_record(c, sequence);
    record->kind = RECORD_VOTE;
    record->vote = *vote;
    if (vote->kind == VOTE_NOTARIZE) {
        const struct block *block = block_find(c, &vote->block);
        CHECK(block);
        record->block = block->hash;
        record->header = block->header;
    }
    if (vote->kind == VOTE_FINALIZE) {
        record->has_notarization = true;
        slot_certificate(c, slot, VOTE_NOTARIZE, &record->notarization);
    }
    if (!slot->admitted_durably) record->has_admission = admission_of(c, slot->view, &record->admission);
    slot->admitted_durably = true;
}

void vote_signed(struct consensus *c, const struct vote *vote)
{
    CHECK(vote->kind >= VOTE_NOTARIZE && vote->kind <= VOTE_NULLIFY);
    CHECK(vote->signer == c->config.signer && vote->epoch == c->config.set.epoch);
    struct view_slot *slot = view_find(c, vote->view);
    /* R6: "No vote is made at or below it, not even one that was decided before and signed after."
     */
    if (!slot || vote->view <= c->floor.view || epoch_ended(c)) return;
    struct own_vote *own = slot_own(slot, vote->kind);
    if (own->state != OWN_DECIDED) return;
    CHECK(digest_equal(&own->block, &vote->block));
    own->signature = vote->signature;
    vote_record(c, slot, vote, &own->sequence);
    own->state = OWN_STORED;
}

static void slot_durable(struct consensus *c, uint64_t view, enum vote_kind kind, uint64_t sequence)
{
    struct view_slot *slot = view_find(c, view);
    if (!slot) return;
    struct own_vote *own = slot_own(slot, kind);
    if (own->state != OWN_STORED || own->sequence > sequence) return;
    own->state = OWN_DURABLE;
    struct vote vote;
    own_vote_of(c, slot, kind, &vote);
    emit_vote(c, PEER_ALL, &vote);
    vote_accept(c, &vote);
}

/* On disk first, then sent, and only then counted here. The floor, and with it a slot, may move under the
 * loop. */
void records_durable(struct consensus *c, uint64_t sequence)
{
    CHECK(sequence <= c->sequence);
    uint64_t last = c->view;
    for (uint64_t view = view_bottom(c) + 1; view <= last; view++) {
        struct view_slot *slot = view_find(c, view);
        if (slot && slot->proposal == OWN_STORED && slot->proposal_sequence <= sequence)
            propose_durable(c, slot);
        slot_durable(c, view, VOTE_NOTARIZE, sequence);
        slot_durable(c, view, VOTE_FINALIZE, sequence);
        slot_durable(c, view, VOTE_NULLIFY, sequence);
    }
}
