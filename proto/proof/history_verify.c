/* Histories. The order of the checks gives each way of tampering its own reason: a fold over the exact header
 * bytes comes before anything reads them, so an altered header is FOLD, whatever it became. */
#include "proto/base/check.h"
#include "proto/proof/verdict.h"
#include "proto/proof/verify.h"

/* From the place in the map to the signed state root. */
static int root_verify(
    const struct history_proof *proof, const struct history_base *base, struct proof_verdict *verdict)
{
    const struct checkpoint *checkpoint = &proof->checkpoint.checkpoint;
    struct digest position = subject_position(&checkpoint->chain_id, &proof->subject_id);
    struct digest node = {0}; /* of an empty place */
    if (!digest_equal(&position, &proof->position))
        return verdict_refuse(verdict, PROOF_ROOT, "The position it names is not its subject's.");
    if (base != NULL && !digest_equal(&position, &base->position))
        return verdict_refuse(verdict, PROOF_ROOT, "What it is to go on from is another subject's history.");
    switch (proof->place) {
    case PLACE_PRESENT:
        node = subject_leaf_hash(&position, &proof->leaf);
        break;
    case PLACE_OTHER:
        if (digest_equal(&position, &proof->other_position))
            return verdict_refuse(
                verdict, PROOF_ROOT, "The leaf that should be another subject's is this one's.");
        if (position_shared_bits(&position, &proof->other_position) < proof->sibling_count)
            return verdict_refuse(
                verdict, PROOF_ROOT, "The other subject's leaf does not stand on this one's way.");
        node = subject_leaf_hash(&proof->other_position, &proof->leaf);
        break;
    case PLACE_EMPTY:
        break;
    }
    struct state_parts parts = {
        .subjects_root = subject_path_root(&position, &node, proof->siblings, proof->sibling_count),
        .members_root = proof->members_root,
        .policy_root = proof->policy_root,
        .replay_root = proof->replay_root,
        .counts_root = proof->counts_root,
    };
    struct digest root = state_root(&parts);
    return digest_equal(&root, &checkpoint->state_root)
               ? TALLY_OK
               : verdict_refuse(verdict, PROOF_ROOT, "The path does not lead to the signed state root.");
}

static int count_verify(
    const struct history_proof *proof, const struct history_base *base, struct proof_verdict *verdict)
{
    bool is_present = proof->place == PLACE_PRESENT;
    uint64_t count = is_present ? proof->leaf.count : 0, verified = base != NULL ? base->count : 0;
    if (is_present && count == 0)
        return verdict_refuse(verdict, PROOF_COUNT, "The leaf counts no events at all.");
    if (proof->since != verified)
        return verdict_refuse(verdict, PROOF_COUNT,
            verified == 0 ? "It leaves out its oldest events: the file that it goes on from is needed."
                          : "It does not begin where what was verified before ends.");
    if (count < verified)
        return verdict_refuse(
            verdict, PROOF_COUNT, "The signed leaf counts fewer events than were verified before.");
    if (proof->event_count != count - verified)
        return verdict_refuse(
            verdict, PROOF_COUNT, "It has more or fewer events than the signed leaf counts.");
    return TALLY_OK;
}

/* Whether an event may stand after one at this height and time: later, or in the very same block. */
static bool may_follow(const struct proven_event *event, uint64_t height, uint64_t time_ms)
{
    if (event->height == height) return event->time_ms == time_ms;
    return event->height > height && event->time_ms > time_ms;
}

static int fold_verify(
    const struct history_proof *proof, const struct history_base *base, struct proof_verdict *verdict)
{
    const struct checkpoint *checkpoint = &proof->checkpoint.checkpoint;
    struct digest acc =
        base != NULL ? base->acc : subject_fold_start(&checkpoint->chain_id, &proof->subject_id);
    uint64_t last_height = base != NULL ? base->last_height : 0;
    uint64_t last_time_ms = base != NULL ? base->last_time_ms : 0;
    /* What went before was complete as of its own checkpoint. */
    if (base != NULL && proof->event_count > 0 && proof->events[0].height <= base->height)
        return verdict_refuse(
            verdict, PROOF_FOLD, "An event is not newer than the checkpoint of what it is to go on from.");
    for (uint32_t i = 0; i < proof->event_count; i++) {
        const struct proven_event *event = &proof->events[i];
        bool is_first = proof->since + i == 0;
        if (event->height > checkpoint->height ||
            (!is_first && !may_follow(event, last_height, last_time_ms)))
            return verdict_refuse(verdict, PROOF_FOLD, "An event's height or time is out of order.");
        struct digest id = event_id(&checkpoint->chain_id, event->header);
        acc = subject_fold_step(&acc, proof->since + i, event->height, event->time_ms, event->result, &id);
        last_height = event->height;
        last_time_ms = event->time_ms;
    }
    if (!digest_equal(&acc, &proof->leaf.acc))
        return verdict_refuse(verdict, PROOF_FOLD, "The events do not fold to the signed accumulator.");
    if (last_height != proof->leaf.last_height)
        return verdict_refuse(
            verdict, PROOF_FOLD, "The newest event is not at the height the signed leaf says.");
    return TALLY_OK;
}

/* What the fold has shown to be the exact headers: are they readable, this subject's, and their bodies the
 * right ones? */
static int events_verify(const struct history_proof *proof, struct proof_verdict *verdict, uint32_t *withheld)
{
    struct event_header header;
    *withheld = 0;
    for (uint32_t i = 0; i < proof->event_count; i++) {
        const struct proven_event *event = &proof->events[i];
        if (event_header_decode(event->header, &header) != TALLY_OK)
            return verdict_refuse(verdict, PROOF_FORM, "An event's header is not one this release can read.");
        if (!digest_equal(&header.subject_id, &proof->subject_id))
            return verdict_refuse(verdict, PROOF_FOLD, "An event is another subject's.");
        if (!event->has_body) {
            ++*withheld;
            continue;
        }
        struct digest commitment = event_body_commitment(event->salt, event->body);
        if (!digest_equal(&commitment, &header.body_commitment))
            return verdict_refuse(verdict, PROOF_BODY, "A body misses its header's commitment.");
    }
    return TALLY_OK;
}

/* "The fold contains the asker's own inquiry": so it is no answer of before that, nor somebody else's. */
static int inquiry_verify(
    const struct proof_trust *trust, const struct history_proof *proof, struct proof_verdict *verdict)
{
    struct event_header header;
    for (uint32_t i = 0; i < proof->event_count; i++) {
        const struct proven_event *event = &proof->events[i];
        struct digest id = event_id(&trust->chain_id, event->header);
        if (!digest_equal(&id, trust->inquiry)) continue;
        if (event_header_decode(event->header, &header) == TALLY_OK && header.type == EVENT_INQUIRY &&
            event->result == RESULT_OK)
            return TALLY_OK;
    }
    return verdict_stale(verdict, "It is authentic, but does not hold the inquiry that it is to answer.");
}

int history_verify(const struct proof_trust *trust, struct span bytes, struct arena *arena,
    struct history_proof *proof, struct proof_verdict *verdict)
{
    return history_verify_since(trust, NULL, bytes, arena, proof, verdict);
}

int history_verify_since(const struct proof_trust *trust, const struct history_base *base, struct span bytes,
    struct arena *arena, struct history_proof *proof, struct proof_verdict *verdict)
{
    uint32_t withheld = 0;
    struct history_proof *read = arena_take(arena, sizeof *read);
    int error = read == NULL ? TALLY_ENOMEM : history_proof_decode(bytes, arena, read);
    if (error != TALLY_OK) return verdict_refuse_form(verdict, error);
    error = checkpoint_verify(trust, read->seals, &read->checkpoint, verdict);
    if (error == TALLY_OK) error = root_verify(read, base, verdict);
    if (error == TALLY_OK) error = count_verify(read, base, verdict);
    if (error == TALLY_OK && read->place == PLACE_PRESENT) error = fold_verify(read, base, verdict);
    if (error == TALLY_OK) error = events_verify(read, verdict, &withheld);
    if (error != TALLY_OK) return error;
    *verdict = (struct proof_verdict){
        .complete = true,
        .absent = read->place != PLACE_PRESENT,
        .since = read->since,
        .events = read->event_count,
        .withheld = withheld,
    };
    error = verdict_conclude(trust, &read->checkpoint.checkpoint, verdict);
    if (error == TALLY_OK && base != NULL && read->checkpoint.checkpoint.height < base->height)
        error = verdict_stale(verdict, "It is authentic, but older than what it is to go on from.");
    if (error == TALLY_OK && trust->inquiry != NULL) error = inquiry_verify(trust, read, verdict);
    if (error == TALLY_OK) *proof = *read;
    return error;
}

struct history_base history_base_of(const struct history_proof *whole)
{
    const struct checkpoint *checkpoint = &whole->checkpoint.checkpoint;
    CHECK(whole->since == 0);
    struct history_base base = {
        .position = whole->position,
        .count = whole->event_count,
        .height = checkpoint->height,
        .acc = subject_fold_start(&checkpoint->chain_id, &whole->subject_id),
    };
    if (whole->event_count == 0) return base;
    base.acc = whole->leaf.acc;
    base.last_height = whole->events[whole->event_count - 1].height;
    base.last_time_ms = whole->events[whole->event_count - 1].time_ms;
    return base;
}

uint32_t history_events_as_of(const struct history_proof *whole, uint64_t height)
{
    uint32_t count = 0;
    CHECK(whole->since == 0 && height <= whole->checkpoint.checkpoint.height);
    while (count < whole->event_count && whole->events[count].height <= height)
        count++;
    return count;
}
