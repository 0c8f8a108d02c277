#include "node/standing.h"

#include <stdlib.h>

#include "proto/base/check.h"

const char *standing_name(enum standing standing)
{
    switch (standing) {
    case STANDING_IDLE:
        return "IDLE";
    case STANDING_MOVING:
        return "MOVING";
    case STANDING_BACKFILLING:
        return "BACKFILLING";
    case STANDING_JOINING:
        return "JOINING";
    case STANDING_CATCHING_UP:
        return "CATCHING_UP";
    case STANDING_NO_QUORUM:
        return "NO_QUORUM";
    case STANDING_OWN_DISK:
        return "OWN_DISK";
    case STANDING_OWN_STATE:
        return "OWN_STATE";
    case STANDING_CERTIFICATION:
        return "CERTIFICATION";
    case STANDING_BLOCK:
        return "BLOCK";
    case STANDING_PROPOSAL:
        return "PROPOSAL";
    case STANDING_PAYLOAD:
        return "PAYLOAD";
    case STANDING_CLOCK:
        return "CLOCK";
    case STANDING_NOTARIZE_VOTES:
        return "NOTARIZE_VOTES";
    case STANDING_NULLIFY_VOTES:
        return "NULLIFY_VOTES";
    case STANDING_FINALIZE_VOTES:
        return "FINALIZE_VOTES";
    }
    CHECK_UNREACHABLE();
}

bool standing_is_well(enum standing standing)
{
    return standing == STANDING_IDLE || standing == STANDING_MOVING || standing == STANDING_BACKFILLING;
}

/* ---- Judging ---- */

static uint64_t still_ms(const struct standing_facts *facts)
{
    uint64_t ms = (uint64_t)STANDING_STILL_TIMEOUTS * facts->base_timeout_ms;
    return ms > STANDING_STILL_MS_MIN ? ms : STANDING_STILL_MS_MIN;
}

static bool stands_still(const struct standing_facts *facts)
{
    const struct replica_status *replica = &facts->replica;
    return replica->work_ms >= still_ms(facts) && replica->committed_ms_ago >= still_ms(facts);
}

static int by_height_down(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first < second) - (first > second);
}

/* What at least f + 1 validators say is final, one honest one among them: no liar alone sends this node
 * running. */
static uint64_t height_elsewhere(const struct standing_facts *facts)
{
    uint64_t heights[VALIDATORS_MAX];
    for (uint32_t i = 0; i < facts->count; i++)
        heights[i] = facts->validators[i].finalized_height;
    qsort(heights, facts->count, sizeof heights[0], by_height_down);
    return heights[faults_of(facts->count)];
}

static bool is_catching_up(const struct standing_facts *facts)
{
    const struct consensus_status *core = &facts->replica.consensus;
    if (height_elsewhere(facts) >= core->floor_height + STANDING_BEHIND) return true;
    return stands_still(facts) && core->best_view > core->floor_view;
}

static bool reaches_quorum(const struct standing_facts *facts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->validators[i].reachable && (i != facts->self || facts->may_vote)) count++;
    return count >= quorum_of(facts->count);
}

/* An observer needs no quorum of links: one peer brings it everything. Nor is one missing while blocks come.
 */
static bool lacks_quorum(const struct standing_facts *facts)
{
    bool still =
        facts->self == SIGNER_NONE ? stands_still(facts) : facts->replica.committed_ms_ago >= still_ms(facts);
    return still && !reaches_quorum(facts);
}

/* What this node has not applied is not for others to certify. */
static bool lags_certification(const struct standing_facts *facts)
{
    return facts->applied_height >= facts->certified_height + CERTIFICATION_LAG_MAX;
}

static bool lags_application(const struct standing_facts *facts)
{
    uint64_t height = facts->replica.consensus.floor_height;
    if (height >= facts->applied_height + CERTIFICATION_LAG_MAX) return true;
    return facts->replica.is_behind && stands_still(facts);
}

static bool voted(const struct standing_facts *facts, uint64_t voters)
{
    return facts->self != SIGNER_NONE && (voters >> facts->self & 1) != 0;
}

/* Where a view ends by nullification, if it ends: this node, or somebody honest, has given it up. */
static bool is_given_up(const struct standing_facts *facts)
{
    uint64_t voters = facts->replica.consensus.nullify_voters;
    return voted(facts, voters) || (uint32_t)__builtin_popcountll(voters) >= faults_of(facts->count) + 1;
}

static enum standing judge_view(const struct standing_facts *facts)
{
    const struct consensus_status *core = &facts->replica.consensus;
    if (!core->tip_held) return STANDING_BLOCK;
    if (is_given_up(facts)) return STANDING_NULLIFY_VOTES;
    if (!core->proposed && core->tip_view > core->best_view && core->nullify_voters == 0)
        return STANDING_FINALIZE_VOTES;
    if (!core->proposed) return STANDING_PROPOSAL;
    if (!core->payload_held) return STANDING_PAYLOAD;
    if (core->too_early && !voted(facts, core->notarize_voters)) return STANDING_CLOCK;
    return STANDING_NOTARIZE_VOTES;
}

enum standing standing_judge(const struct standing_facts *facts)
{
    const struct replica_status *replica = &facts->replica;
    const struct consensus_status *core = &replica->consensus;
    if (facts->joining) return STANDING_JOINING;
    if (lacks_quorum(facts)) return STANDING_NO_QUORUM;
    if (is_catching_up(facts)) return STANDING_CATCHING_UP;
    if (replica->disk_ms >= still_ms(facts)) return STANDING_OWN_DISK;
    if (lags_application(facts)) return STANDING_OWN_STATE;
    if (!facts->serving || facts->split || lags_certification(facts)) return STANDING_CERTIFICATION;
    bool open = core->tip_view > core->best_view || core->best_view > core->floor_view;
    bool idle = !core->working && !open && facts->batches == 0;
    if (!idle && stands_still(facts)) return judge_view(facts);
    if (facts->backfill.height < facts->backfill.of) return STANDING_BACKFILLING;
    return idle ? STANDING_IDLE : STANDING_MOVING;
}
