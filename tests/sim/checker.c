#include "tests/sim/checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define CAST_VIEWS_MAX (1u << 20)
#define HEIGHTS_MAX (1u << 20)
/* R7 and R3, in numbers of their own. */
#define TIMEOUT_MS_MAX 30000u
#define CLOCK_AHEAD_MS_MAX 2000u

/* What one identity has promised in one view. `sent` and `durable` have bit (1 << vote_kind), and bit 0 for a
 * proposal. */
struct cast {
    uint8_t sent, durable;
    bool notarize_asked, nullify_asked; /* in this life */
    bool nullify_caused;                /* an equivocation or a malformed payload was seen in it */
    bool double_voted, double_proposed; /* of a liar: it has contradicted itself */
    struct digest notarized, finalized, proposed;
};

struct identity {
    bool honest;
    struct cast *casts; /* by view */
    size_t cast_count;
    uint64_t height;  /* last committed in this life */
    bool open_commit; /* the last commit of this turn had no finalization */
    uint64_t view, floor_view, floor_height, durable_height;
    bool alive;                   /* a turn was seen in this life */
    uint64_t entered_ms, work_ms; /* since when it is in its view, and knows of work */
    bool working;
    uint64_t expected_view; /* where its life must begin */
    uint64_t heard_ms[VALIDATORS_MAX];
};

struct block_fact {
    struct digest hash;
    uint64_t view, time_ms;
};

struct checker {
    const struct vault *vault;
    uint32_t identity_count;
    uint32_t base_timeout_ms;
    struct identity identities[PEERS_MAX];
    struct block_fact *chain; /* by height - 1 */
    size_t chain_count, chain_capacity;
    bool violated;
    char violation[256];
};

struct checker *checker_open(
    const struct vault *vault, const bool *honest, uint32_t identity_count, uint32_t base_timeout_ms)
{
    struct checker *checker = calloc(1, sizeof *checker);
    CHECK(checker != NULL && identity_count <= PEERS_MAX);
    checker->vault = vault;
    checker->identity_count = identity_count;
    checker->base_timeout_ms = base_timeout_ms;
    for (uint32_t i = 0; i < identity_count; i++)
        checker->identities[i] = (struct identity){.honest = honest[i], .expected_view = 1};
    return checker;
}

void checker_close(struct checker *checker)
{
    if (checker == NULL) return;
    for (uint32_t i = 0; i < checker->identity_count; i++)
        free(checker->identities[i].casts);
    free(checker->chain);
    free(checker);
}

void checker_fail(struct checker *checker, const char *format, ...)
{
    if (checker->violated) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(checker->violation, sizeof checker->violation, format, arguments);
    va_end(arguments);
    checker->violated = true;
}

const char *checker_violation(const struct checker *checker)
{
    return checker->violated ? checker->violation : NULL;
}

static struct cast *cast_at(struct checker *checker, uint32_t identity, uint64_t view)
{
    struct identity *who = &checker->identities[identity];
    static struct cast nowhere;
    if (view == 0 || view >= CAST_VIEWS_MAX) {
        checker_fail(checker, "replica %u speaks of view %llu", identity, (unsigned long long)view);
        nowhere = (struct cast){0};
        return &nowhere;
    }
    if (view >= who->cast_count) {
        size_t count = (size_t)view + 64;
        who->casts = realloc(who->casts, count * sizeof who->casts[0]);
        CHECK(who->casts != NULL);
        memset(who->casts + who->cast_count, 0, (count - who->cast_count) * sizeof who->casts[0]);
        who->cast_count = count;
    }
    return &who->casts[view];
}

static bool holds(uint8_t kinds, enum vote_kind kind)
{
    return (kinds >> kind & 1) != 0;
}

/* Whether an honest voter that has said what `kinds` of the cast says may also say `vote`. */
static const char *conflict_of(const struct cast *cast, uint8_t kinds, const struct vote *vote)
{
    bool notarized = holds(kinds, VOTE_NOTARIZE), finalized = holds(kinds, VOTE_FINALIZE);
    switch (vote->kind) {
    case VOTE_NOTARIZE:
        if (notarized && !digest_equal(&cast->notarized, &vote->block)) return "notarized two blocks";
        if (finalized && !digest_equal(&cast->finalized, &vote->block))
            return "notarized beside another's finalize";
        return NULL;
    case VOTE_FINALIZE:
        if (finalized && !digest_equal(&cast->finalized, &vote->block)) return "finalized two blocks";
        if (notarized && !digest_equal(&cast->notarized, &vote->block))
            return "finalized what it did not notarize";
        if (holds(kinds, VOTE_NULLIFY)) return "finalized a view it had nullified";
        return NULL;
    case VOTE_NULLIFY:
        return finalized ? "nullified a view it had finalized" : NULL;
    }
    return "cast a vote of no kind";
}

static void cast_keep(struct cast *cast, const struct vote *vote)
{
    if (vote->kind == VOTE_NOTARIZE) cast->notarized = vote->block;
    if (vote->kind == VOTE_FINALIZE) cast->finalized = vote->block;
}

const char *checker_unjustified(const struct vault *vault, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *because = &proposal->justification;
    if (!digest_equal(&header->chain_id, &vault->chain_id) || header->epoch != vault->set.epoch)
        return "of another chain";
    if (header->view <= header->parent_view) return "its parent is not older";
    if (header->seals || header->after_seal || !digest_is_zero(&header->next_set)) return "it seals";
    if (!proposal_holds(vault, proposal)) return "a signature in it fails";
    if (because->parent_is_genesis) {
        if (header->height != 1 || header->parent_view != 0) return "it is not the first block";
        if (!digest_equal(&header->parent_hash, &vault->chain_id)) return "its parent is not genesis";
    } else {
        struct digest parent = seal_header(&because->parent);
        const struct certificate *certified = &because->parent_certificate;
        if (!digest_equal(&header->parent_hash, &parent) || !digest_equal(&certified->block, &parent))
            return "its parent is another block";
        if (certified->kind != VOTE_NOTARIZE && certified->kind != VOTE_FINALIZE)
            return "its parent is not certified";
        if (certified->view != header->parent_view || because->parent.view != header->parent_view)
            return "its parent is of another view";
        if (header->height != because->parent.height + 1) return "its height does not follow";
        if (header->time_ms <= because->parent.time_ms) return "its time does not follow";
    }
    if (because->nullification_count != header->view - header->parent_view - 1)
        return "it skips views without proof";
    for (uint32_t i = 0; i < because->nullification_count; i++) {
        const struct certificate *skipped = &because->nullifications[i];
        if (skipped->kind != VOTE_NULLIFY || skipped->view != header->parent_view + 1 + i)
            return "it skips a view without proof";
    }
    return NULL;
}

static void check_notarize_record(struct checker *checker, uint32_t identity,
    const struct consensus_record *record, const struct proposal *proposal, bool payload_held)
{
    if (proposal == NULL || !payload_held) {
        checker_fail(checker, "replica %u notarized a block it does not hold, view %llu", identity,
            (unsigned long long)record->vote.view);
        return;
    }
    const char *why = checker_unjustified(checker->vault, proposal);
    if (why != NULL)
        checker_fail(checker, "replica %u notarized an unjustified block, view %llu: %s", identity,
            (unsigned long long)record->vote.view, why);
    if (!digest_equal(&proposal->hash, &record->vote.block) || proposal->header.view != record->vote.view)
        checker_fail(checker, "replica %u notarized another block than it stored", identity);
}

static void check_admission(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    uint64_t floor_view, uint64_t view)
{
    uint64_t voted = record->vote.view;
    const struct certificate *admission = &record->admission;
    if (record->has_admission) {
        if (!certificate_holds(checker->vault, admission))
            checker_fail(checker, "replica %u stored a forged admission to view %llu", identity,
                (unsigned long long)voted);
        if (admission->view + 1 < voted)
            checker_fail(checker, "replica %u stored an admission to view %llu that does not admit to it",
                identity, (unsigned long long)voted);
        return;
    }
    bool first = (cast_at(checker, identity, voted)->durable &
                     (1 << VOTE_NOTARIZE | 1 << VOTE_FINALIZE | 1 << VOTE_NULLIFY)) == 0;
    if (first && voted == view && voted > 1 && floor_view + 1 < voted &&
        (checker->identities[identity].alive && record->vote.kind != VOTE_FINALIZE) &&
        (cast_at(checker, identity, voted)->sent & 0x80) == 0)
        checker_fail(checker, "replica %u stored its first vote of view %llu without what admitted it",
            identity, (unsigned long long)voted);
}

void checker_record(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal, bool payload_held, uint64_t floor_view, uint64_t view)
{
    if (!checker->identities[identity].honest) return;
    if (record->kind == RECORD_PROPOSAL) {
        const char *why =
            proposal == NULL ? "its bytes are gone" : checker_unjustified(checker->vault, proposal);
        if (why != NULL) checker_fail(checker, "replica %u stored an own proposal: %s", identity, why);
        return;
    }
    const struct vote *vote = &record->vote;
    if (vote->signer != identity || !vote_holds(checker->vault, vote))
        checker_fail(checker, "replica %u stored a vote that is not its own", identity);
    if (vote->view <= floor_view)
        checker_fail(checker, "replica %u voted at or below its floor, view %llu", identity,
            (unsigned long long)vote->view);
    if (vote->kind == VOTE_NOTARIZE) check_notarize_record(checker, identity, record, proposal, payload_held);
    if (vote->kind == VOTE_FINALIZE) {
        const struct certificate *resting = &record->notarization;
        if (!record->has_notarization || resting->kind != VOTE_NOTARIZE || resting->view != vote->view ||
            !digest_equal(&resting->block, &vote->block) || !certificate_holds(checker->vault, resting))
            checker_fail(checker, "replica %u stored a finalize vote without its notarization", identity);
    }
    check_admission(checker, identity, record, floor_view, view);
    /* The top bit remembers that the view's first vote is being stored, before any of them is durable. */
    cast_at(checker, identity, vote->view)->sent |= 0x80;
}

void checker_durable(struct checker *checker, uint32_t identity, const struct consensus_record *record)
{
    if (!checker->identities[identity].honest) return;
    uint64_t view = record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
    struct cast *cast = cast_at(checker, identity, view);
    if (record->kind == RECORD_PROPOSAL) {
        if ((cast->durable & 1) != 0 && !digest_equal(&cast->proposed, &record->block))
            checker_fail(
                checker, "replica %u proposed twice in view %llu", identity, (unsigned long long)view);
        cast->durable |= 1;
        cast->proposed = record->block;
        return;
    }
    const char *why = conflict_of(cast, cast->durable, &record->vote);
    if (why != NULL)
        checker_fail(checker, "replica %u %s, view %llu", identity, why, (unsigned long long)view);
    if (record->vote.kind == VOTE_FINALIZE && !holds(cast->durable, VOTE_NOTARIZE))
        checker_fail(checker, "replica %u finalized what it did not notarize, view %llu", identity,
            (unsigned long long)view);
    cast_keep(cast, &record->vote);
    cast->durable |= (uint8_t)(1 << record->vote.kind);
}

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
    for (uint32_t i = 0; i < checker->vault->set.count; i++)
        if (validators >> i & 1) checker->identities[identity].heard_ms[i] = now_ms;
}

/* R8: the leader was silent for 10 D, while q - 1 others were each heard within 5 D. */
static bool leader_is_silent(const struct checker *checker, uint32_t identity, uint64_t view, uint64_t now_ms)
{
    const struct identity *who = &checker->identities[identity];
    uint32_t n = checker->vault->set.count, leader = leader_of(view, n), others = 0;
    for (uint32_t i = 0; i < n; i++)
        if (i != leader && i != identity && now_ms - who->heard_ms[i] < 5ull * checker->base_timeout_ms)
            others++;
    return others >= quorum_of(n) - 1 && now_ms - who->heard_ms[leader] >= 10ull * checker->base_timeout_ms;
}

static void check_nullify(
    struct checker *checker, uint32_t identity, const struct vote *vote, const struct checker_moment *moment)
{
    struct cast *cast = cast_at(checker, identity, vote->view);
    uint64_t waited_ms = moment->now_ms - timer_start_ms(&checker->identities[identity], moment);
    if (vote->view != moment->status.view)
        checker_fail(
            checker, "replica %u nullifies view %llu from another", identity, (unsigned long long)vote->view);
    bool silent = leader_is_silent(checker, identity, vote->view, moment->now_ms);
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
    if (vote->signer != identity)
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

static void sent_vote(struct checker *checker, uint32_t identity, const struct vote *vote)
{
    if (vote->signer != identity) return;
    struct cast *cast = cast_at(checker, identity, vote->view);
    bool same = vote->kind == VOTE_NULLIFY ||
                digest_equal(vote->kind == VOTE_NOTARIZE ? &cast->notarized : &cast->finalized, &vote->block);
    if (!holds(cast->durable, vote->kind) || !same)
        checker_fail(checker, "replica %u sent a vote that is not on its disk, view %llu kind %d", identity,
            (unsigned long long)vote->view, (int)vote->kind);
    cast->sent |= (uint8_t)(1 << vote->kind);
}

static void sent_proposal(struct checker *checker, uint32_t identity, const struct proposal *proposal)
{
    uint64_t view = proposal->header.view;
    if (leader_of(view, checker->vault->set.count) != identity) return;
    struct cast *cast = cast_at(checker, identity, view);
    if ((cast->durable & 1) == 0 || !digest_equal(&cast->proposed, &proposal->hash))
        checker_fail(checker, "replica %u sent a proposal that is not on its disk, view %llu", identity,
            (unsigned long long)view);
    cast->sent |= 1;
}

void checker_sent(struct checker *checker, uint32_t identity, const struct consensus_message *message)
{
    if (!checker->identities[identity].honest) return;
    switch (message->kind) {
    case MESSAGE_VOTE:
        sent_vote(checker, identity, message->vote);
        return;
    case MESSAGE_PROPOSAL:
        sent_proposal(checker, identity, message->proposal);
        return;
    case MESSAGE_CERTIFICATE:
        if (!certificate_holds(checker->vault, message->certificate))
            checker_fail(checker, "replica %u sent a certificate that does not hold", identity);
        return;
    case MESSAGE_PROPOSAL_REQUEST:
    case MESSAGE_ENTRY_REQUEST:
    case MESSAGE_RANGE_REQUEST:
    case MESSAGE_RANGE:
        return;
    }
    checker_fail(checker, "replica %u sent a message of no kind", identity);
}

static bool vote_equivocates(struct checker *checker, uint32_t identity, const struct vote *vote)
{
    if (vote->signer != identity || !vote_holds(checker->vault, vote)) return false;
    struct cast *cast = cast_at(checker, identity, vote->view);
    bool lies = conflict_of(cast, cast->sent, vote) != NULL && !cast->double_voted;
    cast->double_voted |= lies;
    if (!holds(cast->sent, vote->kind)) cast_keep(cast, vote);
    cast->sent |= (uint8_t)(1 << vote->kind);
    return lies;
}

static bool proposal_equivocates(struct checker *checker, uint32_t identity, const struct proposal *proposal)
{
    uint64_t view = proposal->header.view;
    if (leader_of(view, checker->vault->set.count) != identity) return false;
    struct cast *cast = cast_at(checker, identity, view);
    bool first = (cast->sent & 1) == 0;
    bool lies = !first && !digest_equal(&cast->proposed, &proposal->hash) && !cast->double_proposed;
    cast->double_proposed |= lies;
    if (first) cast->proposed = proposal->hash;
    cast->sent |= 1;
    return lies;
}

bool checker_equivocates(struct checker *checker, uint32_t identity, const struct consensus_message *message)
{
    uint64_t view = message->kind == MESSAGE_VOTE       ? message->vote->view
                    : message->kind == MESSAGE_PROPOSAL ? message->proposal->header.view
                                                        : 0;
    if (view == 0 || view >= CAST_VIEWS_MAX) return false;
    return message->kind == MESSAGE_VOTE ? vote_equivocates(checker, identity, message->vote)
                                         : proposal_equivocates(checker, identity, message->proposal);
}

static void check_finalization(struct checker *checker, uint32_t identity, const struct block_header *header,
    const struct digest *hash, const struct certificate *finalization)
{
    if (finalization->kind != VOTE_FINALIZE || finalization->view != header->view ||
        !digest_equal(&finalization->block, hash) || !certificate_holds(checker->vault, finalization))
        checker_fail(checker, "replica %u committed height %llu by a certificate that does not finalize it",
            identity, (unsigned long long)header->height);
}

/* Keeps the first block committed at a height, having held it against its parent. */
static void chain_extend(
    struct checker *checker, uint32_t identity, const struct block_header *header, const struct digest *hash)
{
    size_t below = checker->chain_count;
    const struct digest *parent = below == 0 ? &checker->vault->chain_id : &checker->chain[below - 1].hash;
    if (!digest_equal(&header->parent_hash, parent))
        checker_fail(checker, "replica %u committed height %llu on another parent", identity,
            (unsigned long long)header->height);
    if (below > 0 && header->time_ms <= checker->chain[below - 1].time_ms)
        checker_fail(checker, "time stands still at height %llu", (unsigned long long)header->height);
    if (header->parent_view != (below == 0 ? 0 : checker->chain[below - 1].view) ||
        header->view <= header->parent_view)
        checker_fail(checker, "views do not rise at height %llu", (unsigned long long)header->height);
    if (below == checker->chain_capacity) {
        checker->chain_capacity = below == 0 ? 64 : 2 * below;
        checker->chain = realloc(checker->chain, checker->chain_capacity * sizeof checker->chain[0]);
        CHECK(checker->chain != NULL);
    }
    checker->chain[checker->chain_count++] = (struct block_fact){*hash, header->view, header->time_ms};
}

void checker_commit(struct checker *checker, uint32_t identity, const struct block_header *header,
    const struct digest *hash, const struct certificate *finalization)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest) return;
    if (header->height != who->height + 1 || header->height >= HEIGHTS_MAX) {
        checker_fail(checker, "replica %u committed height %llu after %llu", identity,
            (unsigned long long)header->height, (unsigned long long)who->height);
        return;
    }
    struct digest computed = seal_header(header);
    if (!digest_equal(&computed, hash))
        checker_fail(checker, "replica %u committed a header of another hash", identity);
    who->height = header->height;
    who->open_commit = finalization == NULL;
    if (finalization != NULL) check_finalization(checker, identity, header, hash, finalization);
    if (header->height == checker->chain_count + 1)
        chain_extend(checker, identity, header, hash);
    else if (!digest_equal(&checker->chain[header->height - 1].hash, hash))
        checker_fail(checker, "FORK: replica %u committed another block at height %llu", identity,
            (unsigned long long)header->height);
}

/* R5: a malformed payload, or a proven equivocation, is answered at once. */
static void check_caused(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    const struct cast *cast = cast_at(checker, identity, moment->status.view);
    if (!moment->may_vote || !cast->nullify_caused || cast->nullify_asked) return;
    if (!holds(cast->durable, VOTE_NULLIFY) && !holds(cast->durable, VOTE_FINALIZE))
        checker_fail(checker, "replica %u does not nullify view %llu, though it has a reason", identity,
            (unsigned long long)moment->status.view);
}

/* R7: in a view with work for 3 D_k, a voter has asked to nullify it, or was finalizing it. */
static void check_timer(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    const struct consensus_status *status = &moment->status;
    const struct identity *who = &checker->identities[identity];
    if (!status->working || !moment->may_vote) return;
    uint64_t waited_ms = moment->now_ms - timer_start_ms(who, moment);
    uint64_t due_ms = 3 * timeout_ms(checker, status->timeouts);
    if (waited_ms <= due_ms + due_ms / 20 + 10) return;
    const struct cast *cast = cast_at(checker, identity, status->view);
    if (!cast->nullify_asked && !holds(cast->durable, VOTE_NULLIFY) && !holds(cast->durable, VOTE_FINALIZE))
        checker_fail(checker, "replica %u lets the timer of view %llu run out in silence", identity,
            (unsigned long long)status->view);
}

static void check_forward(struct checker *checker, uint32_t identity, const struct consensus_status *status)
{
    const struct identity *who = &checker->identities[identity];
    if (status->floor_height != who->height)
        checker_fail(checker, "replica %u says its floor is %llu, having committed %llu", identity,
            (unsigned long long)status->floor_height, (unsigned long long)who->height);
    if (status->floor_height < who->floor_height || status->floor_view < who->floor_view)
        checker_fail(checker, "replica %u moved its floor back", identity);
    if (who->alive && status->view < who->view)
        checker_fail(checker, "replica %u moved its view back", identity);
    if (!who->alive && status->view != who->expected_view)
        checker_fail(checker, "replica %u begins in view %llu, not in %llu as its disk says", identity,
            (unsigned long long)status->view, (unsigned long long)who->expected_view);
    if (status->view <= status->floor_view)
        checker_fail(checker, "replica %u is in a view of its past", identity);
    if (status->durable_height > status->floor_height || status->durable_height < who->durable_height)
        checker_fail(checker, "replica %u misjudges what is durable", identity);
}

void checker_turn(struct checker *checker, uint32_t identity, const struct checker_moment *moment)
{
    struct identity *who = &checker->identities[identity];
    const struct consensus_status *status = &moment->status;
    if (!who->honest) return;
    if (who->open_commit) checker_fail(checker, "replica %u ended a commit without a finalization", identity);
    check_forward(checker, identity, status);
    check_timer(checker, identity, moment);
    check_caused(checker, identity, moment);
    if (!who->alive || who->view != status->view) who->entered_ms = moment->now_ms;
    if (!who->alive || !who->working) who->work_ms = moment->now_ms;
    who->working = status->working;
    who->alive = true;
    who->view = status->view;
    who->floor_view = status->floor_view;
    who->floor_height = status->floor_height;
    who->durable_height = status->durable_height;
}

static void expect_beyond(struct identity *who, const struct certificate *certificate)
{
    if (certificate->view >= who->expected_view) who->expected_view = certificate->view + 1;
}

void checker_begins(struct checker *checker, uint32_t identity, uint64_t floor_view)
{
    checker->identities[identity].expected_view = floor_view + 1;
    checker->identities[identity].floor_view = floor_view;
}

void checker_restored(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal)
{
    struct identity *who = &checker->identities[identity];
    uint64_t view = record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
    if (view <= who->floor_view) return;
    if (record->has_admission) expect_beyond(who, &record->admission);
    if (record->has_notarization) expect_beyond(who, &record->notarization);
    if (proposal == NULL) return;
    const struct justification *because = &proposal->justification;
    if (!because->parent_is_genesis) expect_beyond(who, &because->parent_certificate);
    if (because->nullification_count > 0)
        expect_beyond(who, &because->nullifications[because->nullification_count - 1]);
}

void checker_restarted(struct checker *checker, uint32_t identity, uint64_t height, bool forgotten)
{
    struct identity *who = &checker->identities[identity];
    if (!who->honest) return;
    if (!forgotten && height < who->durable_height)
        checker_fail(checker, "replica %u lost blocks that were durable", identity);
    who->height = height;
    who->open_commit = false;
    who->alive = false;
    who->view = who->floor_view = 0;
    who->floor_height = who->durable_height = height;
    /* A vote being stored when it crashed may be gone, and its view's first vote is then still to come. */
    for (size_t i = 0; i < who->cast_count; i++) {
        who->casts[i].sent &= 0x7f;
        who->casts[i].nullify_asked = who->casts[i].nullify_caused = false;
        who->casts[i].notarize_asked = false;
    }
}

void checker_evidence(struct checker *checker, uint32_t identity, const struct consensus_evidence *evidence)
{
    if (!checker->identities[identity].honest) return;
    if (evidence->signer >= checker->vault->set.count || checker->identities[evidence->signer].honest)
        checker_fail(
            checker, "replica %u holds evidence against %u, which is honest", identity, evidence->signer);
    if (evidence->proposals) {
        cast_at(checker, identity, evidence->view)->nullify_caused = true;
        return;
    }
    if (evidence->first.signer != evidence->signer || evidence->second.signer != evidence->signer ||
        evidence->first.view != evidence->second.view || !vote_holds(checker->vault, &evidence->first) ||
        !vote_holds(checker->vault, &evidence->second))
        checker_fail(checker, "replica %u emits evidence that proves nothing", identity);
}

void checker_charge(struct checker *checker, uint32_t identity, uint32_t peer, const char *reason)
{
    if (!checker->identities[identity].honest) return;
    if (peer >= checker->identity_count || checker->identities[peer].honest)
        checker_fail(checker, "replica %u charged %u, which is honest: %s", identity, peer, reason);
}

uint64_t checker_height(const struct checker *checker, uint32_t identity)
{
    return checker->identities[identity].height;
}

uint64_t checker_top(const struct checker *checker)
{
    return checker->chain_count;
}
