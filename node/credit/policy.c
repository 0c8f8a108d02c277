#include "node/credit/policy.h"

#include "proto/base/check.h"
#include "proto/base/date.h"

#define BASIS_BIT(basis) (1u << ((basis)-1))

const struct amount_cap *credit_policy_amount_cap(const struct credit_policy *policy, uint32_t currency)
{
    CHECK(policy->amount_cap_count <= AMOUNT_CAPS_MAX);
    for (uint32_t i = 0; i < policy->amount_cap_count; i++) {
        if (policy->amount_caps[i].currency == currency) return &policy->amount_caps[i];
    }
    return NULL;
}

bool credit_policy_allows_purpose(const struct credit_policy *policy, uint32_t purpose)
{
    return purpose >= PURPOSE_CREDIT_DECISION && purpose <= PURPOSE_SUBJECT_REQUEST &&
           (policy->purposes & PURPOSE_BIT(purpose)) != 0;
}

bool credit_policy_allows_basis(const struct credit_policy *policy, uint32_t role, uint32_t legal_basis)
{
    return role <= ROLE_OPERATOR && legal_basis >= LEGAL_COURT_ORDER && legal_basis <= LEGAL_STATUTE &&
           (policy->legal_bases[role] & BASIS_BIT(legal_basis)) != 0;
}

/* The same day so many years later. */
static int32_t years_after(int32_t day, uint32_t years)
{
    int year, month, day_of_month;

    date_to_civil(day, &year, &month, &day_of_month);
    if (year > 9999 - (int)years) return DATE_MAX;
    year += (int)years;
    int last = date_days_in_month(year, month);
    return date_from_civil(year, month, day_of_month < last ? day_of_month : last);
}

int credit_retention_end(
    const struct credit_policy *policy, int32_t first_delinquency, const int32_t *ended, int32_t *last_day)
{
    CHECK(date_is_valid(first_delinquency) && (!ended || date_is_valid(*ended)));
    switch (policy->retention_start) {
    case RETENTION_FROM_END:
        if (!ended) return TALLY_ENOTFOUND;
        *last_day = years_after(*ended, policy->retention_years);
        return TALLY_OK;
    case RETENTION_FROM_FIRST_DELINQUENCY:
        *last_day = years_after(first_delinquency, policy->retention_years);
        return TALLY_OK;
    }
    CHECK_UNREACHABLE();
}

int32_t credit_dispute_due(const struct credit_policy *policy, int32_t opened, bool extended)
{
    uint32_t days = policy->dispute_days + (extended ? policy->dispute_extension_days : 0);

    CHECK(date_is_valid(opened));
    return opened > DATE_MAX - (int32_t)days ? DATE_MAX : opened + (int32_t)days;
}
