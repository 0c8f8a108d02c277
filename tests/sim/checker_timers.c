/* When identities vote: for a reason, as soon as there is one, and by the clock. */
#include "tests/sim/checker_state.h"

/* R7 and R3, in numbers of their own. */
#define TIMEOUT_MS_MAX 30000u
#define CLOCK_AHEAD_MS_MAX 2000u

/* D_k of R7. */
static uint64_t timeout_ms(const struct checker *checker, uint32_t k)
{
    uint64_t timeout = checker->base_timeout_ms;
    for (; k > 0 && timeout < TIMEOUT_MS_MAX; k--)
        timeout += timeout / 2;
    return timeout < TIMEOUT_MS_MAX ? timeout : TIMEOUT_MS_MAX;
}

/* Since when the timers of the view it is in run. */
static uint64_t timer_start_ms(const struct identity *who, const struct checker_moment *moment)
{
    uint64_t now_ms = moment->now_ms;
    uint64_t entered_ms = who->alive && who->view == moment->status.view ? who->entered_ms : now_ms;
    uint64_t work_ms = who->alive && who->working && moment->status.working ? who->work_ms : now_ms;
    return entered_ms > work_ms ? entered_ms : work_ms;
}

void checker_heard(struct checker *checker, uint32_t identity, uint64_t validators, uint64_t now_ms)
{
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        if (validators >> i & 1) checker->identities[identity].heard_ms[i] = now_ms;
}

/* R8: at `at_ms` the leader was silent for 10 D and 2 s, while now q - 1 others were each heard within 5 D.
 */
static bool leader_is_silent(
    const struct checker *checker, uint32_t identity, uint64_t view, uint64_t at_ms, uint64_t now_ms)
{
    const struct identity *who = &checker->identities[identity];
    uint32_t n = vault_seats(checker->vault, who->epoch)->set.count;
    uint32_t own = vault_signer(checker->vault, who->epoch, identity);
    uint32_t leader = leader_of(view, n), others = 0;
    if (leader == own) return false;
    for (uint32_t i = 0; i < n; i++)
        if (i != leader && i != own && now_ms - who->heard_ms[i] < 5ull * checker->base_timeout_ms) others++;
    uint64_t silent_ms = at_ms > who->heard_ms[leader] ? at_ms - who->heard_ms[leader] : 0;
    return others >= quorum_of(n) - 1 && silent_ms >= 2000 && silent_ms >= 10ull * checker->base_timeout_ms;
}

/* R8: "With work it must have been so when the view was entered". */
static uint64_t silence_asked_ms(const struct identity *who, const struct checker_moment *moment)
{
    bool entered_before = who->alive && who->view == moment->status.view;
    return moment->status.working && entered_before ? who->entered_ms : moment->now_ms;
}

static void check_nullify(
    struct checker *checker, uint32_t identity, const struct vote *vote, const struct checker_moment *moment)
{
    struct identity *who = &checker->identities[identity];
    struct cast *cast = cast_at(checker, identity, vote->view);
    uint64_t waited_ms = moment->now_ms - timer_start_ms(who, moment);
    if (vote->view != moment->status.view)
        checker_fail(
            checker, "replica %u nullifies view %llu from another", identity, (unsigned long long)vote->view);
    uint64_t at_ms = silence_asked_ms(who, moment);
    bool silent = leader_is_silent(checker, identity, vote->view, at_ms, moment->now_ms);
    if (silent) who->skip_view = vote->view;
    /* A twentieth for rounding. */
    if (!cast->nullify_caused && !silent &&
        waited_ms + 5 < 2 * timeout_ms(checker, moment->status.timeouts) * 19 / 20)
        checker_fail(checker, "replica %u nullifies view %llu after %llu ms without a reason", identity,
            (unsigned long long)vote->view, (unsigned long long)waited_ms);
    cast->nullify_asked = true;
}

static uint64_t time_most_ms(const struct proposal *proposal, uint64_t wall_ms)
{
    const struct justification *because = &proposal->justification;
    uint64_t after_parent_ms = because->parent_is_genesis ? 1 : because->parent.time_ms + 1;
    return wall_ms + CLOCK_AHEAD_MS_MAX > after_parent_ms ? wall_ms + CLOCK_AHEAD_MS_MAX : after_parent_ms;
}

static void check_time(
    struct checker *checker, uint32_t identity, const struct proposal *proposal, uint64_t wall_ms)
{
    uint64_t most_ms = time_most_ms(proposal, wall_ms);
    if (proposal->header.time_ms > most_ms)
        checker_fail(checker, "replica %u notarizes a block %llu ms too early", identity,
            (unsigned long long)(proposal->header.time_ms - most_ms));
}

/* R3: "Allowed after my own nullify(v), and after seeing NC(v,h)", so neither excuses. */
void checker_candidate(struct checker *checker, uint32_t identity, const struct proposal *proposal,
    const struct digest *floor_block, const struct checker_moment *moment)
{
    const struct block_header *header = &proposal->header;
    const struct consensus_status *status = &moment->status;
    if (!checker->identities[identity].honest || !moment->may_vote) return;
    if (status->sealed || header->epoch != checker->identities[identity].epoch) return;
    if (header->view <= status->floor_view || header->view > status->view) return;
    if (header->parent_view < status->floor_view) return;
    if (header->parent_view == status->floor_view && !digest_equal(&header->parent_hash, floor_block)) return;
    if (header->time_ms > time_most_ms(proposal, moment->wall_ms)) return;
    const struct cast *cast = cast_at(checker, identity, header->view);
    if (cast->notarize_asked || (cast->durable & (1 << VOTE_NOTARIZE | 1 << VOTE_FINALIZE)) != 0) return;
    checker_fail(checker, "replica %u holds back its notarize vote in view %llu", identity,
        (unsigned long long)header->view);
}

void checker_signing(struct checker *checker, uint32_t identity, const struct vote *vote,
    const struct proposal *proposal, const struct checker_moment *moment)
{
    if (!checker->identities[identity].honest) return;
    if (!moment->may_vote) checker_fail(checker, "replica %u votes without its record", identity);
    if (moment->status.sealed) checker_fail(checker, "replica %u votes in an epoch that it ended", identity);
    if (vote->epoch != checker->identities[identity].epoch ||
        vault_identity(checker->vault, vote->epoch, vote->signer) != identity)
        checker_fail(checker, "replica %u asks to sign as %u", identity, vote->signer);
    if (vote->view <= moment->status.floor_view || vote->view > moment->status.view)
        checker_fail(checker, "replica %u asks to sign outside of its views, view %llu", identity,
            (unsigned long long)vote->view);
    if (vote->kind == VOTE_NULLIFY) check_nullify(checker, identity, vote, moment);
    if (vote->kind == VOTE_NOTARIZE) cast_at(checker, identity, vote->view)->notarize_asked = true;
    if (vote->kind == VOTE_NOTARIZE && proposal != NULL)
        check_time(checker, identity, proposal, moment->wall_ms);
}

void checker_rejected(struct checker *checker, uint32_t identity, uint64_t view)
{
    if (checker->identities[identity].honest) cast_at(checker, identity, view)->nullify_caused = true;
}

/* R8: "f views at most are skipped so between two finalizations": one at least may be, where a view after the
 * last that was skipped is finalized. */
static bool must_skip(const struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    const struct identity *who = &checker->identities[identity];
    const struct consensus_status *status = &moment->status;
    if (moment->proposed || (who->skip_view != 0 && status->floor_view <= who->skip_view)) return false;
    uint64_t at_ms = silence_asked_ms(who, moment);
    return leader_is_silent(checker, identity, status->view, at_ms, moment->now_ms);
}

/* R5: a malformed payload, a proven equivocation, or a silent leader of whom nothing came, is answered at
 * once.
 */
void check_caused(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    const struct cast *cast = cast_at(checker, identity, moment->status.view);
    bool skips = must_skip(checker, identity, moment);
    if (!moment->may_vote || moment->status.sealed || cast->nullify_asked) return;
    if (!cast->nullify_caused && !skips) return;
    if (!cast_holds(cast->durable, VOTE_NULLIFY) && !cast_holds(cast->durable, VOTE_FINALIZE))
        checker_fail(checker, "replica %u does not nullify view %llu, though it has a reason", identity,
            (unsigned long long)moment->status.view);
}

/* R7: in a view with work for 3 D_k, a voter has asked to nullify it, or was finalizing it. */
void check_timer(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    const struct consensus_status *status = &moment->status;
    const struct identity *who = &checker->identities[identity];
    if (!status->working || !moment->may_vote) return;
    uint64_t waited_ms = moment->now_ms - timer_start_ms(who, moment);
    uint64_t due_ms = 3 * timeout_ms(checker, status->timeouts);
    if (waited_ms <= due_ms + due_ms / 20 + 10) return;
    const struct cast *cast = cast_at(checker, identity, status->view);
    if (!cast->nullify_asked && !cast_holds(cast->durable, VOTE_NULLIFY) &&
        !cast_holds(cast->durable, VOTE_FINALIZE))
        checker_fail(checker, "replica %u lets the timer of view %llu run out in silence", identity,
            (unsigned long long)status->view);
}
