#include "node/credit/policy.h"

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/crypto/digest.h"

#define MS_PER_HOUR 3600000u
#define BASIS_BIT(basis) (1u << ((basis)-1))
#define ALL_BASES (BASIS_BIT(LEGAL_COURT_ORDER) | BASIS_BIT(LEGAL_SUPERVISION) | BASIS_BIT(LEGAL_STATUTE))

/* Caps, cooling-off, reservation lives and answer times are this network's own and stand in no law. The rest
 * is from:
 *   cn  Regulation on the Credit Reporting Industry (State Council decree 631, 2013): article 16 (five years
 *       from the end of the bad conduct), 18 (consent and agreed use, save where a law says otherwise), 25
 *       (twenty days to check an objection; what cannot be confirmed is annotated). That employment is
 *       no purpose here is this network's own choice too.
 *   us  Fair Credit Reporting Act, 15 U.S.C. 1681b (permissible purposes, court orders), 1681c (seven years;
 *       they run from the delinquency), 1681i (30 days and at most 15 more; what cannot be verified is
 *       deleted). */
static const struct credit_policy policies[] = {
    {
        .name = "cn",
        .live_reservations_max = 1,
        .lenders_max = 5,
        .accounts_max = 30,
        .cooling_off_days = 1,
        .amount_cap_count = 1,
        .amount_caps = {{156, 100000000}}, /* CNY 1,000,000.00 */
        .reservation_life_ms_max = 24 * MS_PER_HOUR,
        .authorization_from_ms = UINT64_MAX,
        .purposes = PURPOSES_ALL & ~PURPOSE_BIT(PURPOSE_EMPLOYMENT),
        .legal_bases = {[ROLE_LENDER] = BASIS_BIT(LEGAL_STATUTE),
            [ROLE_BUREAU] = BASIS_BIT(LEGAL_STATUTE) | BASIS_BIT(LEGAL_COURT_ORDER),
            [ROLE_REGULATOR] = ALL_BASES},
        .answer_ttl_ms = 24 * MS_PER_HOUR,
        .retention_start = RETENTION_FROM_END,
        .retention_years = 5,
        .unverifiable = UNVERIFIABLE_KEEP,
        .dispute_days = 20,
        .dispute_extension_days = 0,
    },
    {
        .name = "us",
        .live_reservations_max = 3,
        .lenders_max = 0,
        .accounts_max = 0,
        .cooling_off_days = 0,
        .amount_cap_count = 0,
        .reservation_life_ms_max = 24 * MS_PER_HOUR,
        .authorization_from_ms = UINT64_MAX,
        .purposes = PURPOSES_ALL,
        .legal_bases = {[ROLE_LENDER] = BASIS_BIT(LEGAL_STATUTE),
            [ROLE_BUREAU] = BASIS_BIT(LEGAL_STATUTE) | BASIS_BIT(LEGAL_COURT_ORDER),
            [ROLE_REGULATOR] = ALL_BASES},
        .answer_ttl_ms = 24 * MS_PER_HOUR,
        .retention_start = RETENTION_FROM_FIRST_DELINQUENCY,
        .retention_years = 7,
        .unverifiable = UNVERIFIABLE_DELETE,
        .dispute_days = 30,
        .dispute_extension_days = 15,
    },
    {
        .name = "dev",
        .reservation_life_ms_max = 24 * MS_PER_HOUR,
        .authorization_from_ms = UINT64_MAX,
        .purposes = PURPOSES_ALL,
        .legal_bases = {[ROLE_LENDER] = ALL_BASES, [ROLE_BUREAU] = ALL_BASES, [ROLE_REGULATOR] = ALL_BASES},
        .answer_ttl_ms = 24 * MS_PER_HOUR,
        .retention_start = RETENTION_FROM_END,
        .retention_years = 5,
        .unverifiable = UNVERIFIABLE_KEEP,
        .dispute_days = 20,
        .dispute_extension_days = 0,
    },
};

const struct credit_policy *credit_policy_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strcmp(policies[i].name, name) == 0) return &policies[i];
    }
    return NULL;
}

struct digest credit_policy_root(const struct credit_policy *policy)
{
    struct hasher hasher;

    CHECK(policy->amount_cap_count <= AMOUNT_CAPS_MAX);
    hasher_init(&hasher, TAG_POLICY);
    hasher_sized(&hasher, span_of(policy->name, strlen(policy->name)));
    hasher_u32(&hasher, policy->live_reservations_max);
    hasher_u32(&hasher, policy->lenders_max);
    hasher_u32(&hasher, policy->accounts_max);
    hasher_u32(&hasher, policy->cooling_off_days);
    hasher_u32(&hasher, policy->amount_cap_count);
    for (uint32_t i = 0; i < policy->amount_cap_count; i++) {
        hasher_u32(&hasher, policy->amount_caps[i].currency);
        hasher_u64(&hasher, (uint64_t)policy->amount_caps[i].minor);
    }
    hasher_u64(&hasher, policy->reservation_life_ms_max);
    hasher_u64(&hasher, policy->authorization_from_ms);
    hasher_u32(&hasher, policy->purposes);
    for (uint32_t role = 0; role <= ROLE_OPERATOR; role++)
        hasher_u32(&hasher, policy->legal_bases[role]);
    hasher_u64(&hasher, policy->answer_ttl_ms);
    hasher_u32(&hasher, (uint32_t)policy->retention_start);
    hasher_u32(&hasher, policy->retention_years);
    hasher_u32(&hasher, (uint32_t)policy->unverifiable);
    hasher_u32(&hasher, policy->dispute_days);
    hasher_u32(&hasher, policy->dispute_extension_days);
    return hasher_final(&hasher);
}

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
