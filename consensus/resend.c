#include "consensus/core.h"

#define STANDSTILL_MS_MIN 1000u
#define BACKOFF_MAX 4u
/* Bounds of one resend: links, and finalize votes with what they rest on. */
#define LINKS_RESENT 32u
#define FINALIZES_RESENT 16u
_Static_assert(
    2 * LINKS_RESENT + 2 * FINALIZES_RESENT + 8 <= CERTIFICATES_OUT, "one resend fits a step's certificates");

static uint64_t standstill_ms(const struct consensus *c)
{
    uint64_t wait = 2u * (uint64_t)c->config.base_timeout_ms;
    return wait > STANDSTILL_MS_MIN ? wait : STANDSTILL_MS_MIN;
}

/* Sends the certificates held of one view, but for a finalization: the best one goes by itself. */
static uint32_t links_send(struct consensus *c, uint32_t peer, uint64_t view)
{
    static const enum vote_kind kinds[] = {VOTE_NOTARIZE, VOTE_NULLIFY};
    struct view_slot *slot = view_find(c, view);
    uint32_t count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        if (!slot_has(slot, kinds[i])) continue;
        struct certificate certificate;
        slot_certificate(c, slot, kinds[i], &certificate);
        emit_certificate(c, peer, &certificate);
        count++;
    }
    return count;
}

/* The newest links first, since they move whoever is behind; then, turn by turn, the older ones. */
static void links_resend(struct consensus *c)
{
    uint64_t view = c->view;
    uint32_t count = 0;
    uint64_t first = view_bottom(c) + 1;
    while (view > first && count < LINKS_RESENT / 2)
        count += links_send(c, PEER_ALL, --view);
    if (view <= first) return;
    if (c->resend_from <= first || c->resend_from > view) c->resend_from = view;
    while (c->resend_from > first && count < LINKS_RESENT)
        count += links_send(c, PEER_ALL, --c->resend_from);
}

static void own_resend(struct consensus *c, uint32_t peer, uint64_t view, enum vote_kind kind)
{
    struct view_slot *slot = view_find(c, view);
    if (!slot || slot_own(slot, kind)->state != OWN_DURABLE) return;
    struct vote vote;
    own_vote_of(c, slot, kind, &vote);
    emit_vote(c, peer, &vote);
}

/* My own words in the current view, byte for byte. */
static void view_resend(struct consensus *c, uint32_t peer)
{
    struct view_slot *slot = view_find(c, c->view);
    if (slot && slot->proposal == OWN_DURABLE) {
        const struct block *block = block_find(c, &slot->proposal_block);
        if (block) emit_proposal(c, peer, block);
    }
    own_resend(c, peer, c->view, VOTE_NOTARIZE);
    own_resend(c, peer, c->view, VOTE_NULLIFY);
}

static void finalizes_resend(struct consensus *c)
{
    uint32_t count = 0;
    for (uint64_t view = c->view; view > view_bottom(c) && count < FINALIZES_RESENT; view--) {
        struct view_slot *slot = view_find(c, view);
        if (!slot || slot_own(slot, VOTE_FINALIZE)->state != OWN_DURABLE) continue;
        own_resend(c, PEER_ALL, view, VOTE_FINALIZE);
        /* Its notarization is a link, and goes with the links unless it is too old for this turn. */
        if (view + LINKS_RESENT / 2 < c->view) (void)links_send(c, PEER_ALL, view);
        count++;
    }
}

/* R10: "resend verbatim the best FC, my proposal and votes of this view, my newest 16 finalize votes with
 * their NCs, and certificates above F, which hold what I would propose with." "This path never makes a vote."
 */
static void resend_all(struct consensus *c)
{
    if (c->has_best)
        emit_certificate(c, PEER_ALL, &c->best);
    else if (c->floor.height > 0)
        entry_ask(c, PEER_ALL);
    links_resend(c);
    view_resend(c, PEER_ALL);
    finalizes_resend(c);
    /* R9: where no timer of mine can fire, a batch that only I hold would otherwise wait for ever. */
    if (c->payload_waiting) emit(c, OUTPUT_FLOOD_WORK);
}

void entry_ask(struct consensus *c, uint32_t peer)
{
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->message.kind = MESSAGE_ENTRY_REQUEST;
    output->message.epoch = c->config.set.epoch;
    output->message.view = c->view;
}

/* R10: "f + 1 peers seen ahead, counted by their own messages before R0's window drops them, for longer than
 * D: ask them for their entry certificates." One of them is honest and has one. */
static void entry_ask_try(struct consensus *c)
{
    uint32_t ahead = 0;
    for (uint32_t peer = 0; peer < c->n; peer++)
        if (c->peers[peer].view > c->view) ahead++;
    if (ahead < c->f + 1) {
        c->ask_entry_ms = 0;
        return;
    }
    if (c->ask_entry_ms == 0) c->ask_entry_ms = c->now_ms + c->config.base_timeout_ms;
    if (c->now_ms < c->ask_entry_ms) return;
    c->ask_entry_ms = 0;
    for (uint32_t peer = 0; peer < c->n; peer++) {
        if (c->peers[peer].view <= c->view) continue;
        /* Asked once for what it showed; whatever it sends next shows it again. */
        c->peers[peer].view = 0;
        entry_ask(c, peer);
    }
}

/* R10: "While there is work and no finalization for max(2 D, 1 s), with back-off up to 4 times."
 */
void resend_try(struct consensus *c)
{
    entry_ask_try(c);
    if (!c->working) {
        c->resend_ms = 0;
        c->resend_interval_ms = 0;
        return;
    }
    if (c->resend_interval_ms == 0) c->resend_interval_ms = standstill_ms(c);
    if (c->resend_ms == 0) c->resend_ms = c->now_ms + c->resend_interval_ms;
    if (c->now_ms < c->resend_ms) return;
    resend_all(c);
    if (c->resend_interval_ms < BACKOFF_MAX * standstill_ms(c)) c->resend_interval_ms *= 2;
    c->resend_ms = c->now_ms + c->resend_interval_ms;
}

/* R10: "reset when any link returns." R12: every peer tells every other its head, so that none can withhold
 * it. The peer is told what it may have missed of this view too: a restart need not cost a standstill. */
void resend_link_up(struct consensus *c, uint32_t peer)
{
    c->resend_interval_ms = 0;
    uint64_t soon_ms = c->now_ms + standstill_ms(c);
    if (c->resend_ms > soon_ms) c->resend_ms = soon_ms; /* never later: a flapping link must not silence me */
    if (c->has_best) emit_certificate(c, peer, &c->best);
    if (epoch_ended(c)) return;
    /* R11: at an epoch's start there is no head to tell, so the epoch is told, and the peer's asked for. */
    if (!c->has_best && c->floor.height > 0) entry_ask(c, peer);
    if (c->has_admission && c->admission.view > c->best.view) emit_certificate(c, peer, &c->admission);
    view_resend(c, peer);
}

uint64_t resend_wake(const struct consensus *c)
{
    uint64_t wake = c->ask_entry_ms > 0 ? c->ask_entry_ms : UINT64_MAX;
    return c->resend_ms > 0 && c->resend_ms < wake ? c->resend_ms : wake;
}

void peer_seen(struct consensus *c, uint32_t peer, uint64_t view)
{
    if (c->peers[peer].view < view) c->peers[peer].view = view;
}

/* At most one answer of a kind a peer and D, so that a peer far behind, or one that pretends, costs little.
 * `last_ms` is when it was last answered, plus 1. */
static bool answer_allowed(const struct consensus *c, uint64_t *last_ms)
{
    if (*last_ms > 0 && c->now_ms < *last_ms - 1 + c->config.base_timeout_ms) return false;
    *last_ms = c->now_ms + 1;
    return true;
}

bool help_allowed(struct consensus *c, uint32_t peer)
{
    return answer_allowed(c, &c->peers[peer].helped_ms);
}

/* R10: "A vote from a peer in an older view is answered with the certificate that moves it." So is a
 * certificate that shows an older finalization. A message that is merely late is not answered: what moves its
 * sender is on its way since less than D. */
void peer_help(struct consensus *c, uint32_t peer, enum vote_kind kind, uint64_t view, bool certificate)
{
    uint64_t settled = c->now_ms - c->config.base_timeout_ms;
    if (c->now_ms < c->config.base_timeout_ms) settled = 0;
    bool final = kind == VOTE_FINALIZE && certificate ? view < c->best.view : view <= c->best.view;
    /* Who shows an FC of the seal or beyond has what ends the epoch, and is not answered with the same. */
    if (epoch_ended(c)) final = kind != VOTE_FINALIZE || !certificate || view < c->floor.view;
    if (final && c->has_best && c->finalized_ms <= settled) {
        if (help_allowed(c, peer)) emit_certificate(c, peer, &c->best);
        return;
    }
    if (certificate || kind == VOTE_FINALIZE || epoch_ended(c) || view >= c->view || c->entered_ms > settled)
        return;
    if (c->has_admission && help_allowed(c, peer)) emit_certificate(c, peer, &c->admission);
}

void entry_answer(struct consensus *c, uint32_t peer, uint64_t view)
{
    if (view >= c->view || !answer_allowed(c, &c->peers[peer].led_ms)) return;
    if (c->has_best && c->best.view >= view) emit_certificate(c, peer, &c->best);
    uint32_t count = 0;
    uint64_t below = view > c->best.view + 1 ? view - 1 : c->best.view;
    if (below < view_bottom(c)) below = view_bottom(c);
    for (uint64_t at = c->view - 1; at > below && count < LINKS_RESENT; at--)
        count += links_send(c, peer, at);
}
