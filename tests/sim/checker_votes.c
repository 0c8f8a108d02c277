/* What identities promise: on disk before on the wire, nothing against what was said before, and nothing that
 * is not justified. */
#include "tests/sim/checker_state.h"
#include "tests/sim/dice.h"

/* Whether an honest voter that has said what `kinds` of the cast says may also say `vote`. */
static const char *conflict_of(const struct cast *cast, uint8_t kinds, const struct vote *vote)
{
    bool notarized = cast_holds(kinds, VOTE_NOTARIZE), finalized = cast_holds(kinds, VOTE_FINALIZE);
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
        if (cast_holds(kinds, VOTE_NULLIFY)) return "finalized a view it had nullified";
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

static const char *flags_unjustified(const struct vault *vault, const struct block_header *header)
{
    struct digest decided = vault_set_hash(vault, header->epoch + 1);
    if (header->seals && header->after_seal) return "it seals what is sealed";
    if (header->seals && !digest_equal(&header->next_set, &decided)) return "it seals for a set not decided";
    if (!header->seals && !digest_is_zero(&header->next_set)) return "it names a set and does not seal";
    if (header->after_seal && header->payload_events + header->payload_size > 0)
        return "it has payload after a seal";
    return NULL;
}

static const char *genesis_unjustified(const struct vault *vault, const struct block_header *header)
{
    if (header->height != 1 || header->parent_view != 0 || header->epoch != 1)
        return "it is not the first block";
    if (!digest_equal(&header->parent_hash, &vault->chain_id)) return "its parent is not genesis";
    return header->after_seal ? "it follows no seal" : NULL;
}

/* A parent in the same epoch. */
static const char *certificate_unjustified(const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *because = &proposal->justification;
    const struct certificate *certified = &because->parent_certificate;
    if (!digest_equal(&certified->block, &header->parent_hash)) return "its parent is another block";
    if (certified->kind != VOTE_NOTARIZE && certified->kind != VOTE_FINALIZE)
        return "its parent is not certified";
    if (certified->view != header->parent_view || because->parent.view != header->parent_view)
        return "its parent is of another view";
    if (header->after_seal != (because->parent.seals || because->parent.after_seal))
        return "it hides or claims a seal";
    return NULL;
}

static const char *parent_unjustified(const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct block_header *parent = &proposal->justification.parent;
    struct digest hash = seal_header(parent);
    if (!digest_equal(&header->parent_hash, &hash)) return "its parent is another block";
    if (header->height != parent->height + 1) return "its height does not follow";
    if (header->time_ms <= parent->time_ms) return "its time does not follow";
    if (parent->epoch == header->epoch) return certificate_unjustified(proposal);
    /* That the seal is final is part of what was signed: proposal_holds. */
    if (!parent->seals || parent->epoch + 1 != header->epoch || header->parent_view != 0 ||
        header->after_seal)
        return "it begins an epoch on no seal";
    return NULL;
}

const char *checker_unjustified(const struct vault *vault, const struct proposal *proposal)
{
    const struct block_header *header = &proposal->header;
    const struct justification *because = &proposal->justification;
    if (!digest_equal(&header->chain_id, &vault->chain_id)) return "of another chain";
    if (header->view <= header->parent_view) return "its parent is not older";
    if (!proposal_holds(vault, proposal)) return "a signature in it fails";
    const char *why = flags_unjustified(vault, header);
    if (why == NULL)
        why = because->parent_is_genesis ? genesis_unjustified(vault, header) : parent_unjustified(proposal);
    if (why != NULL) return why;
    if (because->nullification_count != header->view - header->parent_view - 1)
        return "it skips views without proof";
    for (uint32_t i = 0; i < because->nullification_count; i++) {
        const struct certificate *skipped = &because->nullifications[i];
        if (skipped->kind != VOTE_NULLIFY || skipped->view != header->parent_view + 1 + i ||
            skipped->epoch != header->epoch)
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

uint64_t record_mark(const struct consensus_record *record)
{
    uint64_t mark = seal_mark(record->block.bytes, DIGEST_SIZE, record->header.view);
    if (record->kind == RECORD_VOTE) mark ^= dice_scatter(seal_mark_vote(&record->vote));
    if (record->has_notarization) mark += dice_scatter(seal_mark_certificate(&record->notarization) ^ 1);
    if (record->has_admission) mark += dice_scatter(seal_mark_certificate(&record->admission) ^ 2);
    return mark;
}

void checker_record(struct checker *checker, uint32_t identity, const struct consensus_record *record,
    const struct proposal *proposal, bool payload_held, uint64_t floor_view, uint64_t view)
{
    if (!checker->identities[identity].honest) return;
    if (record->kind == RECORD_PROPOSAL) {
        const char *why =
            proposal == NULL ? "its bytes are gone" : checker_unjustified(checker->vault, proposal);
        if (why != NULL) checker_fail(checker, "replica %u stored an own proposal: %s", identity, why);
        cast_at(checker, identity, record->header.view)->marks[0] = record_mark(record);
        return;
    }
    const struct vote *vote = &record->vote;
    if (vault_identity(checker->vault, vote->epoch, vote->signer) != identity ||
        !vote_holds(checker->vault, vote))
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
    cast_at(checker, identity, vote->view)->marks[vote->kind] = record_mark(record);
    /* The top bit remembers that the view's first vote is being stored, before any of them is durable. */
    cast_at(checker, identity, vote->view)->sent |= 0x80;
}

void checker_durable(struct checker *checker, uint32_t identity, const struct consensus_record *record)
{
    if (!checker->identities[identity].honest) return;
    uint64_t view = record->kind == RECORD_PROPOSAL ? record->header.view : record->vote.view;
    uint64_t epoch = record->kind == RECORD_PROPOSAL ? record->header.epoch : record->vote.epoch;
    struct cast *cast = cast_in(checker, identity, epoch, view);
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
    if (record->vote.kind == VOTE_FINALIZE && !cast_holds(cast->durable, VOTE_NOTARIZE))
        checker_fail(checker, "replica %u finalized what it did not notarize, view %llu", identity,
            (unsigned long long)view);
    cast_keep(cast, &record->vote);
    cast->durable |= (uint8_t)(1 << record->vote.kind);
}

static void sent_vote(struct checker *checker, uint32_t identity, const struct vote *vote)
{
    if (vault_identity(checker->vault, vote->epoch, vote->signer) != identity) return;
    struct cast *cast = cast_in(checker, identity, vote->epoch, vote->view);
    bool same = vote->kind == VOTE_NULLIFY ||
                digest_equal(vote->kind == VOTE_NOTARIZE ? &cast->notarized : &cast->finalized, &vote->block);
    if (!cast_holds(cast->durable, vote->kind) || !same)
        checker_fail(checker, "replica %u sent a vote that is not on its disk, view %llu kind %d", identity,
            (unsigned long long)vote->view, (int)vote->kind);
    cast->sent |= (uint8_t)(1 << vote->kind);
}

static void sent_proposal(struct checker *checker, uint32_t identity, const struct proposal *proposal)
{
    uint64_t view = proposal->header.view;
    if (vault_leader(checker->vault, proposal->header.epoch, view) != identity) return;
    struct cast *cast = cast_in(checker, identity, proposal->header.epoch, view);
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
    if (vault_identity(checker->vault, vote->epoch, vote->signer) != identity ||
        !vote_holds(checker->vault, vote))
        return false;
    struct cast *cast = cast_in(checker, identity, vote->epoch, vote->view);
    bool lies = conflict_of(cast, cast->sent, vote) != NULL && !cast->double_voted;
    cast->double_voted |= lies;
    if (!cast_holds(cast->sent, vote->kind)) cast_keep(cast, vote);
    cast->sent |= (uint8_t)(1 << vote->kind);
    return lies;
}

static bool proposal_equivocates(struct checker *checker, uint32_t identity, const struct proposal *proposal)
{
    uint64_t view = proposal->header.view;
    if (vault_leader(checker->vault, proposal->header.epoch, view) != identity) return false;
    struct cast *cast = cast_in(checker, identity, proposal->header.epoch, view);
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

/* Both of the accused, and no honest voter casts both. */
static bool votes_contradict(const struct checker *checker, const struct consensus_evidence *evidence)
{
    const struct vote *first = &evidence->first, *second = &evidence->second;
    struct cast cast = {0};
    if (first->signer != evidence->signer || second->signer != evidence->signer) return false;
    if (first->view != evidence->view || second->view != evidence->view || first->epoch != second->epoch)
        return false;
    if (!vote_holds(checker->vault, first) || !vote_holds(checker->vault, second)) return false;
    cast_keep(&cast, first);
    return conflict_of(&cast, (uint8_t)(1 << first->kind), second) != NULL;
}

static bool proposed_by(const struct checker *checker, uint32_t leader, uint64_t view,
    const struct block_header *header, const struct digest *block, const struct signature *signature)
{
    struct digest hash = seal_header(header);
    return header->view == view && digest_equal(&hash, block) &&
           vault_leader(checker->vault, header->epoch, view) == leader &&
           leader_signature_holds(checker->vault, header->epoch, view, block, signature);
}

static bool proposals_contradict(
    const struct checker *checker, uint32_t leader, const struct consensus_evidence *evidence)
{
    return evidence->first_header.epoch == evidence->second_header.epoch &&
           !digest_equal(&evidence->first_block, &evidence->second_block) &&
           proposed_by(checker, leader, evidence->view, &evidence->first_header, &evidence->first_block,
               &evidence->first_signature) &&
           proposed_by(checker, leader, evidence->view, &evidence->second_header, &evidence->second_block,
               &evidence->second_signature);
}

void checker_evidence(struct checker *checker, uint32_t identity, const struct consensus_evidence *evidence)
{
    if (!checker->identities[identity].honest) return;
    uint64_t epoch = evidence->proposals ? evidence->first_header.epoch : evidence->first.epoch;
    uint32_t accused = vault_identity(checker->vault, epoch, evidence->signer);
    if (accused >= checker->identity_count || checker->identities[accused].honest)
        checker_fail(checker, "replica %u holds evidence against %u, which is honest", identity, accused);
    else if (!(evidence->proposals ? proposals_contradict(checker, accused, evidence)
                                   : votes_contradict(checker, evidence)))
        checker_fail(checker, "replica %u emits evidence that proves nothing", identity);
    if (evidence->proposals) cast_at(checker, identity, evidence->view)->nullify_caused = true;
}
