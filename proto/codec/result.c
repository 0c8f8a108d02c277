#include "proto/codec/result.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

static const struct {
    enum result_code code;
    const char *name, *sentence;
} results[] = {
    {RESULT_OK, "OK", "The event was applied."},
    {RESULT_DUPLICATE, "DUPLICATE", "The same event was applied before."},
    {RESULT_CONFLICT, "CONFLICT", "Another event holds this place in the account."},
    {RESULT_GAP, "GAP", "The event does not follow the account's newest one."},
    {RESULT_PAST, "PAST", "The account has moved on past this place."},
    {RESULT_NOT_HOLDER, "NOT_HOLDER", "The member does not hold this account."},
    {RESULT_WRONG_SUBJECT, "WRONG_SUBJECT", "The account belongs to another subject."},
    {RESULT_WRONG_STATE, "WRONG_STATE", "The state of the account does not allow this event."},
    {RESULT_PERIOD_TAKEN, "PERIOD_TAKEN", "This period was reported before."},
    {RESULT_FUTURE_DATE, "FUTURE_DATE", "The event is dated after the block."},
    {RESULT_NO_TARGET, "NO_TARGET", "The event it aims at does not exist, as far as this member may know."},
    {RESULT_STALE_TARGET, "STALE_TARGET", "The event it aims at is no longer in force."},
    {RESULT_NO_AUTHORIZATION, "NO_AUTHORIZATION",
        "No live reservation of the member is named where one is needed."},
    {RESULT_AUTHORIZATION_MISMATCH, "AUTHORIZATION_MISMATCH",
        "The reservation or transfer was made for something else."},
    {RESULT_REFUSED_CAP, "REFUSED_CAP", "The reservation would pass a cap of the policy."},
    {RESULT_REFUSED_COOLING_OFF, "REFUSED_COOLING_OFF", "The subject's last opening is too recent."},
    {RESULT_NO_CONSENT, "NO_CONSENT", "No consent covers this."},
    {RESULT_ITEM_TAKEN, "ITEM_TAKEN", "The member used this item id before."},
    {RESULT_NOT_ALLOWED, "NOT_ALLOWED", "The member may not submit this event."},
    {RESULT_SUSPENDED, "SUSPENDED", "The member is suspended."},
    {RESULT_KEY_REVOKED, "KEY_REVOKED", "The signing key is not in force."},
    {RESULT_BATCH_REPLAYED, "BATCH_REPLAYED", "The same batch was ordered before."},
    {RESULT_BATCH_EXPIRED, "BATCH_EXPIRED", "The batch was ordered outside its time."},
    {RESULT_ACCOUNT_LIMIT, "ACCOUNT_LIMIT", "The subject's file or the account is at its bound."},
};

#define RESULT_COUNT (sizeof results / sizeof results[0])
_Static_assert(RESULT_COUNT == RESULT_ACCOUNT_LIMIT + 1, "every code has its line, at its own number");

const char *result_name(uint32_t code)
{
    if (code >= RESULT_COUNT) return NULL;
    CHECK((uint32_t)results[code].code == code);
    return results[code].name;
}

const char *result_sentence(uint32_t code)
{
    return code < RESULT_COUNT ? results[code].sentence : "This result is not known to this release.";
}

static const struct {
    const char *name, *sentence;
} refusals[] = {
    [REFUSAL_RESERVATIONS] = {"RESERVATIONS", "As many reservations are live as there may be."},
    [REFUSAL_LENDERS] = {"LENDERS", "There would be one lender more than there may be."},
    [REFUSAL_ACCOUNTS] = {"ACCOUNTS", "There would be one account more than there may be."},
    [REFUSAL_AMOUNT] = {"AMOUNT", "The amount is missing, or more would be lent than may be."},
    [REFUSAL_LIFE] = {"LIFE", "It would live longer than it may, or is over already."},
};

static bool refusal_is_known(uint32_t reason)
{
    return reason >= REFUSAL_RESERVATIONS && reason <= REFUSAL_LIFE;
}

const char *refusal_name(uint32_t reason)
{
    return refusal_is_known(reason) ? refusals[reason].name : "UNKNOWN";
}

const char *refusal_sentence(uint32_t reason)
{
    return refusal_is_known(reason) ? refusals[reason].sentence : "This reason is not known to this release.";
}

struct digest result_leaf(
    uint64_t height, uint32_t index, const struct digest *event_id, const struct event_result *result)
{
    struct hasher hasher;
    CHECK(result->detail_size <= RESULT_DETAIL_SIZE_MAX);
    hasher_init(&hasher, TAG_RESULT);
    hasher_u64(&hasher, height);
    hasher_u32(&hasher, index);
    hasher_digest(&hasher, event_id);
    hasher_u16(&hasher, result->code);
    hasher_sized(&hasher, span_of(result->detail, result->detail_size));
    return hasher_final(&hasher);
}

struct digest history_leaf(const struct digest *block, uint64_t time_ms, const struct digest *state,
    const struct digest *results_root)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_HISTORY_LEAF);
    hasher_digest(&hasher, block);
    hasher_u64(&hasher, time_ms);
    hasher_digest(&hasher, state);
    hasher_digest(&hasher, results_root);
    return hasher_final(&hasher);
}

struct digest state_root(const struct state_parts *parts)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_STATE);
    hasher_digest(&hasher, &parts->subjects_root);
    hasher_digest(&hasher, &parts->members_root);
    hasher_digest(&hasher, &parts->policy_root);
    hasher_digest(&hasher, &parts->replay_root);
    hasher_digest(&hasher, &parts->counts_root);
    return hasher_final(&hasher);
}
