#include <inttypes.h>

#include "node/standing_words.h"
#include "proto/base/check.h"

/* ---- The current view ---- */

static const struct consensus_status *core_of(const struct words *words)
{
    return &words->facts->replica.consensus;
}

/* "bank-3 (no frame from it for 12 s)" */
static void say_leader(struct words *words)
{
    uint32_t leader = leader_of(core_of(words)->view, words->facts->count);
    const struct standing_validator *validator = &words->facts->validators[leader];
    say(words, "%s", validator->name);
    if (leader == words->facts->self) {
        say(words, ", this node");
    } else if (!validator->reachable && validator->heard_ms_ago != UINT64_MAX) {
        say(words, " (no frame from it for ");
        say_span(words, validator->heard_ms_ago);
        say(words, ")");
    } else if (!validator->reachable) {
        say(words, " (never heard since this node started)");
    }
}

static void say_view(struct words *words, const char *of_what)
{
    say(words, "view %" PRIu64 " waits for %s", core_of(words)->view, of_what);
}

static void say_proposal(struct words *words)
{
    say_view(words, "a proposal of its leader ");
    say_leader(words);
    say_votes_if_any(words, "nullify", core_of(words)->nullify_voters);
    say_votes_if_any(words, "finalize", core_of(words)->tip_finalize_voters);
}

/* The leader, the votes waited for, the others, and who is there and has cast neither. */
static void say_leader_and_votes(
    struct words *words, const char *kind, uint64_t voters, const char *other_kind, uint64_t other_voters)
{
    say_leader(words);
    say(words, ": ");
    say_votes(words, kind, voters);
    say_votes_if_any(words, other_kind, other_voters);
    say_who_does_not_vote(words, voters | other_voters);
}

static void say_nullify(struct words *words)
{
    const struct consensus_status *core = core_of(words);
    say_view(words, "nullify votes, ");
    say(words, "%s a proposal of its leader ", core->proposed ? "after" : "without");
    say_leader_and_votes(words, "nullify", core->nullify_voters, "notarize", core->notarize_voters);
}

static void say_notarize(struct words *words)
{
    const struct consensus_status *core = core_of(words);
    say_view(words, "notarize votes for the proposal of its leader ");
    say_leader_and_votes(words, "notarize", core->notarize_voters, "nullify", core->nullify_voters);
}

static void say_finalize(struct words *words)
{
    const struct consensus_status *core = core_of(words);
    say(words, "view %" PRIu64 " is notarized and waits for finalize votes: ", core->tip_view);
    say_votes(words, "finalize", core->tip_finalize_voters);
    say_who_does_not_vote(words, core->tip_finalize_voters);
    say(words, "; view %" PRIu64 " has no proposal yet of its leader ", core->view);
    say_leader(words);
}

/* ---- The rest ---- */

static void say_no_quorum(struct words *words)
{
    const struct standing_facts *facts = words->facts;
    const struct consensus_status *core = core_of(words);
    uint64_t voters = all_of(facts) & ~unreachable(facts);
    if (!facts->may_vote) voters &= ~self_of(facts);
    say(words, "%u of %u validators can be reached from here, and %u are needed", count_of(voters),
        facts->count, quorum_of(facts->count));
    if (voters != 0) say(words, ": ");
    say_names(words, voters);
    say(words, "; view %" PRIu64 " is led by ", core->view);
    say_leader(words);
    say_votes_if_any(words, "notarize", core->notarize_voters);
    say_votes_if_any(words, "nullify", core->nullify_voters);
    say_votes_if_any(words, "finalize", core->tip_finalize_voters);
}

static void say_catching_up(struct words *words)
{
    uint64_t highest = 0, here = core_of(words)->floor_height;
    uint32_t who = 0;
    for (uint32_t i = 0; i < words->facts->count; i++) {
        if (words->facts->validators[i].finalized_height <= highest) continue;
        highest = words->facts->validators[i].finalized_height;
        who = i;
    }
    say(words, "catching up: height %" PRIu64 " is final here", here);
    if (highest > here)
        say(words, ", and %" PRIu64 " at %s, as it says", highest, name_of(words, who));
    else
        say(words, ", and a later one elsewhere whose blocks have not come");
}

/* Those who signed one checkpoint; group 0 are those who have not signed. */
static uint64_t group_of(const struct standing_facts *facts, uint8_t group)
{
    uint64_t validators = 0;
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->gathering.groups[i] == group) validators |= UINT64_C(1) << i;
    return validators;
}

/* "signed alike by bank-1, bank-2 (as computed here), otherwise by bank-3; not signed by bank-4" */
static void say_groups(struct words *words)
{
    const struct certifier_gathering *gathering = &words->facts->gathering;
    for (uint8_t group = 1; group <= gathering->group_count && group <= STANDING_NAMES_MAX; group++) {
        say(words, group == 1 ? "signed alike by " : ", otherwise by ");
        say_names(words, group_of(words->facts, group));
        if (group == gathering->own_group) say(words, " (as computed here)");
    }
    uint64_t missing = group_of(words->facts, 0);
    if (missing == 0) return;
    say(words, gathering->group_count == 0 ? "not signed by " : "; not signed by ");
    say_names(words, missing);
}

static void say_certification(struct words *words)
{
    const struct standing_facts *facts = words->facts;
    if (!facts->serving) {
        say(words, "a quorum signed another state than this node computed: it does not serve, and rebuilds "
                   "its state; if this lasts, an operator must look at it");
    } else {
        say(words,
            "%s: height %" PRIu64 " is final, height %" PRIu64
            " is certified, by %u equal signatures of validators",
            core_of(words)->floor_height < facts->certified_height + CERTIFICATION_LAG_MAX
                ? "validators signed different states, and no quorum agrees"
                : "no payload is proposed before checkpoints are certified again",
            core_of(words)->floor_height, facts->certified_height, quorum_of(facts->count));
    }
    if (facts->gathering.height == 0) return;
    say(words, "; height %" PRIu64 " is ", facts->gathering.height);
    say_groups(words);
}

static void say_well(struct words *words, enum standing standing)
{
    const struct standing_facts *facts = words->facts;
    uint64_t height = core_of(words)->floor_height;
    if (standing == STANDING_IDLE) {
        say(words, "healthy and idle: nothing waits to be ordered, and height %" PRIu64 " is final", height);
        return;
    }
    say(words, "healthy: in view %" PRIu64, core_of(words)->view);
    if (height == 0) return;
    say(words, "; height %" PRIu64 " became final ", height);
    say_span(words, facts->replica.committed_ms_ago);
    say(words, " ago");
}

static void say_joining(struct words *words)
{
    const struct joiner_status *joiner = &words->facts->joiner;
    switch (joiner->phase) {
    case JOINER_ASKING:
        say(words, "joining: %u peers have answered whether they have a snapshot", joiner->answers);
        return;
    case JOINER_FETCHING:
        say(words, "joining: %u of %u parts of the snapshot at height %" PRIu64 " are here, from %u peers",
            joiner->chunks_here, joiner->chunk_count, joiner->height, joiner->sources);
        return;
    case JOINER_DONE:
    case JOINER_GENESIS:
        say(words, "joining: the snapshot at height %" PRIu64 " is here, and is put in place",
            joiner->height);
        return;
    }
    CHECK_UNREACHABLE();
}

static void say_main(struct words *words, enum standing standing)
{
    const struct consensus_status *core = core_of(words);
    switch (standing) {
    case STANDING_IDLE:
    case STANDING_MOVING:
        say_well(words, standing);
        return;
    case STANDING_BACKFILLING:
        say(words,
            "healthy; back-filling: blocks up to %" PRIu64 " of %" PRIu64
            " are here, and what needs the rest is answered when they are",
            words->facts->backfill.height, words->facts->backfill.of);
        return;
    case STANDING_JOINING:
        say_joining(words);
        return;
    case STANDING_CATCHING_UP:
        say_catching_up(words);
        return;
    case STANDING_NO_QUORUM:
        say_no_quorum(words);
        return;
    case STANDING_OWN_DISK:
        say(words, "this node's disk has not stored what it signed, so nothing of it is sent, for ");
        say_span(words, words->facts->replica.disk_ms);
        return;
    case STANDING_OWN_STATE:
        say(words,
            "this node applies final blocks more slowly than they come: height %" PRIu64
            " is final, height %" PRIu64 " is applied",
            core->floor_height, words->facts->applied_height);
        return;
    case STANDING_CERTIFICATION:
        say_certification(words);
        return;
    case STANDING_BLOCK:
        say(words,
            "view %" PRIu64 " waits for the block that is certified in view %" PRIu64
            ", which nobody has brought here",
            core->view, core->tip_view);
        return;
    case STANDING_PROPOSAL:
        say_proposal(words);
        return;
    case STANDING_PAYLOAD:
        say_view(words, "the payload of the proposal of its leader ");
        say_leader(words);
        say_votes_if_any(words, "notarize", core->notarize_voters);
        return;
    case STANDING_CLOCK:
        say_view(words, "this node's clock: it is more than 2 s behind the proposal of its leader ");
        say_leader(words);
        return;
    case STANDING_NOTARIZE_VOTES:
        say_notarize(words);
        return;
    case STANDING_NULLIFY_VOTES:
        say_nullify(words);
        return;
    case STANDING_FINALIZE_VOTES:
        say_finalize(words);
        return;
    }
    CHECK_UNREACHABLE();
}

/* What is worth knowing however the network stands. */
static void say_remarks(struct words *words, enum standing standing)
{
    const struct standing_facts *facts = words->facts;
    const struct replica_status *replica = &facts->replica;
    if (replica->consensus.equivocated)
        say(words, "; the leader of view %" PRIu64 ", %s, signed two proposals: see data/evidence.jsonl",
            replica->consensus.view, name_of(words, leader_of(replica->consensus.view, facts->count)));
    if (replica->mute_reason != NULL)
        say(words, "; this node follows and does not vote (%s)", replica->mute_reason);
    else if (facts->may_vote && replica->consensus.silent_view >= replica->consensus.view)
        say(words,
            "; this node does not vote up to view %" PRIu64 ", for which it cannot hold what it signed",
            replica->consensus.silent_view);
    if (replica->disk_ms >= 1000 && standing != STANDING_OWN_DISK) {
        say(words, "; this node's disk has not stored a vote for ");
        say_span(words, replica->disk_ms);
    }
    if (facts->trust_height != 0)
        say(words,
            "; it answers nobody before it has come to height %" PRIu64
            ", of the checkpoint that it was told to trust",
            facts->trust_height);
    if (facts->unknown_flag != 0)
        say(words,
            "; from height %" PRIu64 " on protocol flag %" PRIu32
            " is active, which this version does not know: upgrade this node before, or it stops there",
            facts->unknown_flag_from, facts->unknown_flag);
}

void standing_say(const struct standing_facts *facts, enum standing standing, char text[STANDING_TEXT_SIZE])
{
    struct words words = {.facts = facts, .text = text};
    CHECK(facts->count >= VALIDATORS_MIN && facts->count <= VALIDATORS_MAX);
    say_main(&words, standing);
    say_who_is_silent(&words);
    say_remarks(&words, standing);
}
