/* What differs between regimes: caps, clocks, retention, purposes. Data, named by a genesis; the rules read
 * it and nothing else of it is in code. */
#ifndef TALLY_NODE_CREDIT_POLICY_H
#define TALLY_NODE_CREDIT_POLICY_H

#include "proto/codec/event.h"
#include "proto/codec/genesis.h"

#define AMOUNT_CAPS_MAX 4

/* From which day adverse data is kept for the policy's years. */
enum retention_start {
    RETENTION_FROM_END = 1,               /* the day on which the bad event ended */
    RETENTION_FROM_FIRST_DELINQUENCY = 2, /* the day on which it began */
};

/* What is done with an item that its author cannot confirm when it is disputed. */
enum unverifiable_duty {
    UNVERIFIABLE_KEEP = 1,   /* it stays, with a note that it is disputed */
    UNVERIFIABLE_DELETE = 2, /* its author must retract it */
};

struct amount_cap {
    uint32_t currency; /* ISO 4217 numeric */
    int64_t minor;     /* of live reservations and accounts under an authorization, together */
};

struct credit_policy {
    const char *name;
    /* Reservations. A cap of 0 is none. Each counts what is there together with what is asked for. */
    uint32_t live_reservations_max;
    uint32_t lenders_max;      /* members with an active account or a live reservation */
    uint32_t accounts_max;     /* active accounts and live reservations */
    uint32_t cooling_off_days; /* after an opening: no reservation on that day and the days after it, so many
                                  in all */
    uint32_t amount_cap_count;
    struct amount_cap amount_caps[AMOUNT_CAPS_MAX];
    uint64_t reservation_life_ms_max;
    /* From this block time on, an opening names an authorization; before it stands the window in which old
     * accounts are brought in. UINT64_MAX: the window is open until members vote to close it. */
    uint64_t authorization_from_ms;
    /* Access. */
    uint32_t purposes; /* a set of enum credit_purpose */
    /* By enum member_role, a set each: bit n-1 = enum credit_legal_basis n. */
    uint32_t legal_bases[ROLE_OPERATOR + 1];
    uint64_t answer_ttl_ms; /* how long one inquiry is answered again */
    /* Remedies and retention, for readers. */
    enum retention_start retention_start;
    uint32_t retention_years;
    enum unverifiable_duty unverifiable;
    uint32_t dispute_days, dispute_extension_days;
};

/* "cn", "us", or "dev" (no caps, everything allowed); NULL for another name. Constant. */
const struct credit_policy *credit_policy_by_name(const char *name);

/* What stands for a policy under state_root: H(TAG_POLICY | name, by its length u32 | all the fields above in
 * their order, enums u32, the amount caps by their count, a currency u32 | minor i64 for each). */
struct digest credit_policy_root(const struct credit_policy *policy);

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
