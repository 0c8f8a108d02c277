#include "consensus/core.h"

/* Makes room in the ring for the window above `view`. Only what a finalization settled may be retired for it:
 * views that are still open keep their votes, or an own vote could be made twice. */
static bool room_for(struct consensus *c, uint64_t view)
{
    uint64_t need = view + views_ahead(c);
    if (need <= view_top(c)) return true;
    uint64_t low = need - VIEWS_HELD;
    if (c->best.view < low) return false;
    views_retire(c, low);
    return true;
}

/* R1: "Enter view v + 1 on NC(v), NullC(v) or FC(v), for v not below the current view. Views only grow." */
static void enter_after(struct consensus *c, const struct certificate *certificate)
{
    if (certificate->view < c->view) return;
    uint64_t view = certificate->view + 1;
    if (!room_for(c, view)) return;
    const struct view_slot *left = view_find(c, c->view);
    /* R7: also a view whose notarization came after my timer: I cannot finalize it any more, and a network
     * that is too slow for D_k may notarize every view like that. */
    bool nullified = left && left->own[VOTE_NULLIFY - 1].state != OWN_NONE;
    bool timed_out = nullified ? left->nullified_by_timer : certificate->kind == VOTE_NULLIFY;
    bool counts = timed_out && certificate->kind != VOTE_FINALIZE;
    if (counts && c->timed_out_views < UINT32_MAX) c->timed_out_views++;
    c->view = view;
    c->entered_ms = c->now_ms;
    c->has_admission = true;
    c->admission = *certificate;
    c->ask_entry_ms = 0;
    struct consensus_output *output = emit(c, OUTPUT_ENTERED);
    output->view = view;
    output->cause = certificate->kind == VOTE_NOTARIZE  ? CAUSE_NOTARIZED
                    : certificate->kind == VOTE_NULLIFY ? CAUSE_NULLIFIED
                                                        : CAUSE_FINALIZED;
}

void certificate_accept(struct consensus *c, const struct certificate *certificate)
{
    CHECK(certificate_well_formed(c, certificate));
    /* R1: "A certificate at or below the floor moves nothing." */
    if (certificate->view <= c->floor.view) return;
    if (certificate->kind == VOTE_FINALIZE && certificate->view > c->best.view) {
        c->best = *certificate;
        c->has_best = true;
        finalization_observed(c);
    }
    enter_after(c, certificate);
    struct view_slot *slot = view_open(c, certificate->view);
    if (slot && !slot_has(slot, certificate->kind)) slot_keep_certificate(c, slot, certificate);
    if (certificate->kind == VOTE_NOTARIZE && certificate->view > c->tip_view) {
        c->tip_view = certificate->view;
        c->tip_seen_ms = c->now_ms;
    }
}

/* R1: "A certificate that I assembled myself I send once to all." */
static void assemble_try(
    struct consensus *c, struct view_slot *slot, enum vote_kind kind, const struct digest *block)
{
    if (slot->view <= c->floor.view || slot_has(slot, kind)) return;
    if (votes_count(c, slot, kind, block) < c->q) return;
    struct certificate certificate;
    votes_assemble(c, slot, kind, block, &certificate);
    emit_certificate(c, PEER_ALL, &certificate);
    certificate_accept(c, &certificate);
}

void vote_accept(struct consensus *c, const struct vote *vote)
{
    CHECK(vote->signer < c->n);
    struct view_slot *slot = view_open(c, vote->view);
    if (!slot || vote_held(c, slot, vote)) return;
    vote_keep(c, slot, vote);
    evidence_votes(c, slot, vote->signer);
    assemble_try(c, slot, vote->kind, &vote->block);
}

/* R1: "Certificates inside a J count as received." The newest go first, so that one step enters
 * one view. */
void justification_accept(struct consensus *c, const struct justification *justification)
{
    for (uint32_t i = justification->nullification_count; i > 0; i--) {
        const struct certificate *nullification = &justification->nullifications[i - 1];
        if (nullification->view > c->floor.view) certificate_accept(c, nullification);
    }
    if (parent_in_epoch(c, justification)) certificate_accept(c, &justification->parent_certificate);
}
