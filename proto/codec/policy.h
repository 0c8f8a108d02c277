/* A policy: what differs between regimes. Caps, clocks, retention,
 * purposes: data on the ledger, which the rules read; nothing of it is in code. */
#ifndef TALLY_CODEC_POLICY_H
#define TALLY_CODEC_POLICY_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/codec/event.h"
#include "proto/codec/role.h"

#define POLICY_NAME_SIZE_MAX 64
#define AMOUNT_CAPS_MAX 16
/* A policy as JSON. */
#define POLICY_TEXT_SIZE_MAX (16u * KIB)

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
    char name[POLICY_NAME_SIZE_MAX + 1];
    uint32_t version; /* from 1; a later one of the network takes the place of an earlier */
    /* Reservations. A cap of 0 is none. Each counts what is there together with what is asked for. */
    uint32_t live_reservations_max;
    uint32_t lenders_max;      /* members with an active account or a live reservation */
    uint32_t accounts_max;     /* active accounts and live reservations */
    uint32_t cooling_off_days; /* after an opening: no reservation on that day and the days after it, so many
                                  in all */
    uint32_t amount_cap_count;
    struct amount_cap amount_caps[AMOUNT_CAPS_MAX]; /* ascending by currency */
    uint64_t reservation_life_ms_max;
    /* From this block time on, an opening names an authorization; before it stands the window in which old
     * accounts are brought in. UINT64_MAX: the window stays open. */
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

/* Reads a policy's JSON (README.md beside tools/policies has one, field by field) and checks it: unknown or
 * missing keys, ranges, names, a currency that stands twice or is unknown. On failure `why` holds one
 * sentence, and *policy is unspecified. Errors: TALLY_EFORM, TALLY_ELIMIT, TALLY_ENOMEM. */
int credit_policy_parse(
    struct span json, struct credit_policy *policy, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Appends the JSON, indented. */
void credit_policy_print(const struct credit_policy *policy, struct buffer *out);

/* What stands for a policy under state_root and, in a genesis, under the chain id: H(TAG_POLICY | name, by
 * its length u32 | all the fields above in their order, enums u32, the amount caps by their count, a currency
 * u32 | minor i64 for each). */
struct digest credit_policy_root(const struct credit_policy *policy);

#endif
