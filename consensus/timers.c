#include "consensus/core.h"

/* R7: "D_k = min(D * 1.5^k, 30 s), k = floor(views ended by a timer since a finalization was last observed /
 * (f + 1))." */
static uint64_t timeout_ms(const struct consensus *c)
{
    uint64_t timeout = c->config.base_timeout_ms;
    for (uint32_t k = c->timed_out_views / (c->f + 1); k > 0 && timeout < TIMEOUT_MS_MAX; k--)
        timeout += timeout / 2 + (timeout & 1);
    return timeout < TIMEOUT_MS_MAX ? timeout : TIMEOUT_MS_MAX;
}

/* R7: "only a finalization resets k." */
void finalization_observed(struct consensus *c)
{
    c->finalized_ms = c->now_ms;
    c->timed_out_views = 0;
    c->silent_skips = 0;
    c->resend_interval_ms = 0;
    c->resend_ms = 0;
}

static bool tip_unfinalized(const struct consensus *c)
{
    return c->tip_view > c->best.view;
}

static uint64_t tip_overdue_ms(const struct consensus *c)
{
    return c->tip_seen_ms + 2u * c->config.base_timeout_ms;
}

static uint64_t heartbeat_due_ms(const struct consensus *c)
{
    return c->finalized_ms + c->config.heartbeat_ms;
}

/* R9: "f + 1 other validators voting in the current view": one of them is honest and knows of work. */
static bool peers_voting(const struct consensus *c)
{
    const struct view_slot *slot = view_find(c, c->view);
    if (!slot) return false;
    uint64_t voters = 0;
    for (uint32_t kind = 0; kind < VOTE_KINDS; kind++)
        voters |= slot->present[kind][VOTE_FIRST];
    if (c->config.signer != SIGNER_NONE) voters &= ~(UINT64_C(1) << c->config.signer);
    return (uint32_t)__builtin_popcountll(voters) >= c->f + 1;
}

/* R9: "Work is a payload waiting, or an epoch to seal, or a tip still unfinalized 2 D after its notarization
 * was seen, or an overdue heartbeat (0 turns it off), or f + 1 other validators voting in the current view.
 * Idle means no timers and no views burnt." */
void work_update(struct consensus *c)
{
    bool tip = tip_unfinalized(c) && c->now_ms >= tip_overdue_ms(c);
    bool heartbeat = c->config.heartbeat_ms > 0 && c->now_ms >= heartbeat_due_ms(c);
    bool working = c->payload_waiting || c->seal_wanted || tip || heartbeat || peers_voting(c);
    if (working && !c->working) c->work_since_ms = c->now_ms;
    c->working = working;
}

/* R7: "A view's timers run from the later of entering it and first knowing of work: nullify after 2 D_k
 * without a proposal, after 3 D_k without a notarization." UINT64_MAX where none runs. */
static uint64_t view_deadline_ms(const struct consensus *c)
{
    if (!c->working || !may_vote_in(c, c->view)) return UINT64_MAX;
    struct view_slot *slot = view_find(c, c->view);
    if (slot && slot_own(slot, VOTE_NULLIFY)->state != OWN_NONE) return UINT64_MAX;
    if (slot && slot_own(slot, VOTE_FINALIZE)->state != OWN_NONE) return UINT64_MAX;
    uint64_t from = c->entered_ms > c->work_since_ms ? c->entered_ms : c->work_since_ms;
    bool proposed = slot && slot->block_count > 0;
    return from + (proposed ? 3 : 2) * timeout_ms(c);
}

/* R7: "A leader's own timers fire too." R9: "A replica whose work is not proposed within its timer has its
 * waiting batches sent to all again." */
void timer_try(struct consensus *c)
{
    if (c->now_ms < view_deadline_ms(c)) return;
    (void)nullify(c, true);
    if (c->payload_waiting) emit(c, OUTPUT_FLOOD_WORK);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a block that is too early by the wall clock may be voted for; the two clocks run at one rate, or are
 * asked again. */
static uint64_t pending_wake(const struct consensus *c)
{
    uint64_t wake = UINT64_MAX;
    for (const struct block *block = block_newest(c); block; block = block_older(c, block)) {
        uint64_t ready_wall_ms;
        if (block->payload != PAYLOAD_HELD || block_time_ready(c, block, &ready_wall_ms)) continue;
        struct view_slot *slot = view_find(c, block->header.view);
        if (!may_vote_in(c, slot->view) || slot_own(slot, VOTE_NOTARIZE)->state != OWN_NONE) continue;
        uint64_t wait = ready_wall_ms - c->wall_ms;
        wake = earlier(wake, c->now_ms + (wait < TIMEOUT_MS_MAX ? wait : TIMEOUT_MS_MAX));
    }
    return wake;
}

static uint64_t propose_wake(const struct consensus *c)
{
    if (!c->working || c->propose_retry_ms <= c->now_ms) return UINT64_MAX;
    return leader_of(c->view, c->n) == c->config.signer ? c->propose_retry_ms : UINT64_MAX;
}

uint64_t timer_wake(const struct consensus *c)
{
    uint64_t wake = earlier(view_deadline_ms(c), earlier(pending_wake(c), propose_wake(c)));
    if (tip_unfinalized(c) && c->now_ms < tip_overdue_ms(c)) wake = earlier(wake, tip_overdue_ms(c));
    if (c->config.heartbeat_ms > 0 && c->now_ms < heartbeat_due_ms(c))
        wake = earlier(wake, heartbeat_due_ms(c));
    return wake;
}
