#include "node/supervision.h"

#include <stdlib.h>

#include "node/credit/policy.h"

/* Whether members let this one supervise, and how long an inquiry is answered. */
static int terms_of(const struct member_register *from, uint32_t member_id, uint64_t *answer_ttl_ms)
{
    const struct register_member *member = register_member_by_id(from, member_id);
    struct credit_policy policy;
    if (member == NULL || member->role != ROLE_REGULATOR || member->status != MEMBER_ACTIVE)
        return TALLY_EDENIED;
    int error = members_policy(from, &policy);
    if (error != TALLY_OK) return error;
    if (!credit_policy_allows_basis(&policy, ROLE_REGULATOR, LEGAL_SUPERVISION)) return TALLY_EDENIED;
    *answer_ttl_ms = policy.answer_ttl_ms;
    return TALLY_OK;
}

static int terms_read(const struct asker *asker, uint64_t *answer_ttl_ms)
{
    struct member_register *members = malloc(sizeof *members);
    if (members == NULL) return TALLY_ENOMEM;
    int error = asker_members(asker, members);
    if (error == TALLY_OK) error = terms_of(members, asker->member_id, answer_ttl_ms);
    free(members);
    return error;
}

/* Its result, and when it was applied. */
static int ruling_read(const struct asker *asker, const struct state_event *place, uint64_t *applied_ms)
{
    struct state_result result;
    struct state_roots roots;
    int error = state_result_get(asker->state, place->height, place->index, &result);
    if (error == TALLY_OK) error = state_roots_get(asker->state, place->height, &roots);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    if (result.result.code != RESULT_OK) return TALLY_EDENIED;
    *applied_ms = roots.time_ms;
    return TALLY_OK;
}

int supervision_open(
    const struct asker *asker, const struct digest *inquiry, uint64_t now_ms, struct block_range *blocks)
{
    struct state_event place;
    struct event_header header;
    struct block_range range;
    uint64_t applied_ms, answer_ttl_ms;
    int error = asker_header(asker, inquiry, &place, &header);
    if (error != TALLY_OK) return error;
    if (header.subject_scheme != SUBJECT_SCHEME_BLOCKS || header.member_id != asker->member_id ||
        subject_blocks(&header.subject_id, &range) != TALLY_OK)
        return TALLY_ENOTFOUND;
    error = ruling_read(asker, &place, &applied_ms);
    if (error == TALLY_OK) error = terms_read(asker, &answer_ttl_ms);
    if (error == TALLY_OK) error = asker_time(asker, &now_ms);
    if (error != TALLY_OK) return error;
    if (now_ms >= applied_ms && now_ms - applied_ms >= answer_ttl_ms) return TALLY_ETIMEOUT;
    *blocks = range;
    return TALLY_OK;
}
