/* What the rules and readers ask of a policy. */
#ifndef TALLY_NODE_CREDIT_POLICY_H
#define TALLY_NODE_CREDIT_POLICY_H

#include "proto/codec/policy.h"

/* The cap for a currency; NULL where there is none. */
const struct amount_cap *credit_policy_amount_cap(const struct credit_policy *policy, uint32_t currency);
/* Whether a purpose may be asked for at all, and whether a role may ask on a legal basis. */
bool credit_policy_allows_purpose(const struct credit_policy *policy, uint32_t purpose);
bool credit_policy_allows_basis(const struct credit_policy *policy, uint32_t role, uint32_t legal_basis);

/* The last day on which adverse data is shown. `first_delinquency` and `ended` are days since 1970; `ended`
 * is NULL while the bad event lasts. Errors: TALLY_ENOTFOUND (it is kept without an end as yet, because it
 * lasts and the years run from its end); *last_day is then unchanged. A 29 February is followed by a 28th
 * where the year has none, and nothing lies after DATE_MAX. */
int credit_retention_end(const struct credit_policy *policy, int32_t first_delinquency, const int32_t *ended,
    int32_t *last_day) TALLY_MUST_CHECK;
/* The last day on which an answer to a dispute is in time, with or without the extension. */
int32_t credit_dispute_due(const struct credit_policy *policy, int32_t opened, bool extended);

#endif
