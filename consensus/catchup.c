#include "consensus/core.h"

/* Views a finalization may be ahead of the floor before a range is asked for without waiting for stray
 * proposals. */
#define GAP_SMALL 16u
#define FETCHES_PER_STEP 8u
/* Proposals sent to one peer on request within a D. */
#define SERVED_MAX (2u * FETCHES_PER_STEP)
#define RANGE_WAIT_MS_MIN 1000u
#define RANGE_BACKOFF_MAX 8u

/* The next validator up after `from`, of those in `among` (a bitmap), or PEER_ALL when there is none. */
static uint32_t peer_after(const struct consensus *c, uint32_t from, uint64_t among)
{
    for (uint32_t i = 1; i <= c->n; i++) {
        uint32_t peer = (from + i) % c->n;
        if (peer != c->config.signer && c->peers[peer].up && among >> peer & 1) return peer;
    }
    return PEER_ALL;
}

/* Peers below this are asked for ranges. R12: "While a newer epoch is shown, observers have a turn too". */
static uint32_t range_turns(const struct consensus *c)
{
    return c->later_epoch ? c->config.peer_count : c->n;
}

/* The next up after the one asked last that has a turn, and had none in this round, or PEER_ALL. */
static uint32_t range_next(const struct consensus *c)
{
    uint32_t turns = range_turns(c);
    for (uint32_t i = 1; i <= turns; i++) {
        uint32_t peer = (c->range_peer + i) % turns;
        if (peer != c->config.signer && c->peers[peer].up && !peer_set_has(&c->range_round, peer))
            return peer;
    }
    return PEER_ALL;
}

/* How many make everybody. Above the validators not every number is a node's: those that are up count. */
static uint32_t range_everybody(const struct consensus *c)
{
    uint32_t count = c->n;
    for (uint32_t peer = c->n; peer < range_turns(c); peer++)
        if (c->peers[peer].up) count++;
    return count;
}

static uint64_t range_wait_ms(const struct consensus *c)
{
    uint64_t wait = 4u * (uint64_t)c->config.base_timeout_ms;
    return wait > RANGE_WAIT_MS_MIN ? wait : RANGE_WAIT_MS_MIN;
}

void range_ask(struct consensus *c, uint32_t peer)
{
    CHECK(peer < c->config.peer_count);
    c->range_vain++;
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->message.kind = MESSAGE_RANGE_REQUEST;
    output->message.height = c->floor.height + 1;
    c->range_peer = peer;
    peer_set_add(&c->range_round, peer);
    /* The pace slackens only when everybody was asked: one who withholds must not slow down the others' turn.
     */
    if (c->range_interval_ms == 0) {
        c->range_interval_ms = range_wait_ms(c);
        c->range_asked = 0;
    } else if (++c->range_asked % range_everybody(c) == 0 &&
               c->range_interval_ms < RANGE_BACKOFF_MAX * range_wait_ms(c)) {
        c->range_interval_ms *= 2;
    }
    c->range_ms = c->now_ms + c->range_interval_ms;
}

/* R12: a finalization that held candidates cannot link to the floor is fetched as a range, from one peer
 * after another. What a later epoch shows to be missing is not proven: one round of asking, and again when it
 * is shown again. */
static void range_try(struct consensus *c)
{
    bool proven = c->best.view > c->floor.view;
    /* What was asked for in vain on a mere claim does not slow this down. */
    if (proven && !c->range_proven) {
        c->range_interval_ms = 0;
        c->range_ms = 0;
    }
    c->range_proven = proven;
    if (!proven && !c->later_epoch) {
        c->range_ms = 0;
        c->range_interval_ms = 0;
        c->range_round = (struct peer_set){0};
        return;
    }
    if (c->range_ms == 0) {
        bool near = proven && c->best.view - c->floor.view <= GAP_SMALL;
        c->range_ms = c->now_ms + (near ? c->config.base_timeout_ms : 0);
    }
    if (c->now_ms < c->range_ms) return;
    uint32_t peer = range_next(c);
    if (peer == PEER_ALL) {
        c->range_round = (struct peer_set){0};
        c->later_epoch = false;
        if (!proven) {
            c->range_ms = 0;
            c->range_interval_ms = 0;
            return;
        }
        peer = range_next(c);
    }
    if (peer == PEER_ALL)
        c->range_ms = c->now_ms + range_wait_ms(c);
    else
        range_ask(c, peer);
}

/* The block that a certificate of this view names and no candidate is held for, or NULL. */
static const struct held_certificate *missing_block(const struct consensus *c, const struct view_slot *slot)
{
    static const enum vote_kind kinds[] = {VOTE_FINALIZE, VOTE_NOTARIZE};
    for (uint32_t i = 0; i < 2; i++) {
        if (!slot_has(slot, kinds[i])) continue;
        const struct held_certificate *certificate = &slot->certificates[kinds[i] - 1];
        return block_find(c, &certificate->block) ? NULL : certificate;
    }
    return NULL;
}

/* Far behind, whatever a range will bring is not asked for one by one; but where f + 1 had none in time, each
 * may lack another block, and nobody have the chain. */
static uint64_t fetch_from(const struct consensus *c)
{
    bool far = c->best.view > c->floor.view + GAP_SMALL;
    uint64_t from = far && c->range_vain <= c->f + 1 ? c->best.view : c->floor.view;
    return from > view_bottom(c) ? from : view_bottom(c);
}

/* Who signed for a block has it; but of those that are up, all may withhold it, so every other time anybody
 * is asked. */
static void fetch_send(
    struct consensus *c, struct view_slot *slot, const struct held_certificate *certificate)
{
    uint32_t from = (uint32_t)((c->config.seed + slot->view + slot->fetch_count) % c->n);
    uint64_t among = slot->fetch_count % 2 == 0 ? certificate->signers : UINT64_MAX;
    uint32_t peer = peer_after(c, from, among);
    uint32_t shift = slot->fetch_count < 5 ? slot->fetch_count : 5;
    slot->fetch_ms = c->now_ms + ((uint64_t)c->config.base_timeout_ms << shift);
    slot->fetch_count++;
    if (peer == PEER_ALL) return;
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->message.kind = MESSAGE_PROPOSAL_REQUEST;
    output->message.block = certificate->block;
    output->message.view = slot->view;
}

/* A certificate for X of which nothing else is known: X is asked for, from those who signed for it. Its
 * proposal may be just behind, so not before half a D. */
static void fetch_try(struct consensus *c)
{
    uint32_t count = 0;
    for (uint64_t view = c->view; view > fetch_from(c) && count < FETCHES_PER_STEP; view--) {
        struct view_slot *slot = view_find(c, view);
        const struct held_certificate *certificate = slot ? missing_block(c, slot) : NULL;
        if (!certificate) continue;
        if (slot->fetch_ms == 0) slot->fetch_ms = c->now_ms + 1 + c->config.base_timeout_ms / 2;
        if (c->now_ms < slot->fetch_ms) continue;
        fetch_send(c, slot, certificate);
        count++;
    }
}

/* A peer that returns may have what the others lack: it is asked next, at the first pace again. Not at once,
 * or whoever starts would ask everybody for the same blocks. */
void catchup_link_up(struct consensus *c, uint32_t peer)
{
    if (c->range_ms == 0 || c->range_interval_ms == 0 || peer >= range_turns(c)) return;
    if (peer_set_has(&c->range_round, peer)) return; /* asked in this round: a flapping link gains nothing */
    uint64_t asked_ms = c->range_ms > c->range_interval_ms ? c->range_ms - c->range_interval_ms : 0;
    c->range_ms = asked_ms + range_wait_ms(c);
    c->range_interval_ms = 0;
    c->range_peer = (peer + range_turns(c) - 1) % range_turns(c);
}

void catchup_try(struct consensus *c)
{
    range_try(c);
    fetch_try(c);
}

uint64_t catchup_wake(const struct consensus *c)
{
    uint64_t wake = c->range_ms > 0 ? c->range_ms : UINT64_MAX;
    for (uint64_t view = c->view; view > fetch_from(c); view--) {
        const struct view_slot *slot = view_find(c, view);
        if (slot && slot->fetch_ms > 0 && slot->fetch_ms < wake && missing_block(c, slot))
            wake = slot->fetch_ms;
    }
    return wake;
}

/* A proposal is large, and asking for it is cheap: an honest peer asks for few in a D. */
static bool serve_allowed(struct consensus *c, uint32_t peer)
{
    struct peer_state *state = &c->peers[peer];
    if (c->now_ms - state->served_ms >= c->config.base_timeout_ms) {
        state->served_ms = c->now_ms;
        state->served_count = 0;
    }
    return state->served_count++ < SERVED_MAX;
}

/* R12: "Every replica serves its candidates until the floor passes them; who asks for what the floor passed
 * is told the head." */
void proposal_answer(struct consensus *c, uint32_t peer, const struct digest *hash, uint64_t view)
{
    const struct block *block = block_find(c, hash);
    if (!block || block->withheld)
        peer_help(c, peer, VOTE_NOTARIZE, view, true);
    else if (serve_allowed(c, peer))
        emit_proposal(c, peer, block);
}
