#include "node/metrics/meters.h"

#include <string.h>

#include "proto/base/check.h"

struct meters meters;

const char *const meter_nullify_words[METER_NULLIFY_CAUSES] = {
    [METER_NULLIFY_TIMER] = "timer",
    [METER_NULLIFY_SILENT_LEADER] = "silent_leader",
    [METER_NULLIFY_EQUIVOCATION] = "equivocation",
    [METER_NULLIFY_REJECTED] = "rejected",
};

const char *const meter_entered_words[METER_ENTERED_CAUSES] = {
    [METER_ENTERED_BY_NOTARIZATION] = "notarization",
    [METER_ENTERED_BY_NULLIFICATION] = "nullification",
    [METER_ENTERED_BY_FINALIZATION] = "finalization",
};

const char *const meter_evidence_words[METER_EVIDENCE_KINDS] = {
    [METER_EVIDENCE_OF_VOTES] = "votes",
    [METER_EVIDENCE_OF_PROPOSALS] = "proposals",
    [METER_EVIDENCE_OF_CHECKPOINTS] = "checkpoints",
};

const char *const meter_source_words[METER_SOURCE_COUNT] = {
    [METER_SOURCE_CLIENT] = "client",
    [METER_SOURCE_PEER] = "peer",
};

const char *const meter_submission_words[METER_SUBMISSION_OUTCOMES] = {
    [METER_SUBMISSION_DONE] = "done",
    [METER_SUBMISSION_REFUSED] = "refused",
    [METER_SUBMISSION_BUSY] = "busy",
    [METER_SUBMISSION_EXPIRED] = "expired",
    [METER_SUBMISSION_FAILED] = "failed",
    [METER_SUBMISSION_FORGOTTEN] = "forgotten",
};

const char *const meter_file_words[METER_FILE_COUNT] = {
    [METER_FILE_LEDGER] = "ledger",
    [METER_FILE_VOTES] = "votes",
};

const char *const meter_reason_words[METER_REASONS] = {
    "AMOUNT_NEGATIVE",
    "AMOUNT_OVER_PUBLIC",
    "AMOUNT_RANGE",
    "BALANCE_AT_CLOSE",
    "BATCH_TOO_LARGE",
    "BODY_COMMITMENT",
    "BODY_FORM",
    "BODY_MISSING",
    "CHAIN",
    "EVENT_INVALID",
    "EXPIRED",
    "EXPIRY_TOO_FAR",
    "FORM",
    "KEY_REVOKED",
    "KEY_UNKNOWN",
    "MEMBER_UNKNOWN",
    "NOT_ALLOWED",
    "NOT_OWN_MEMBER",
    "NOT_WANTED",
    "NO_MEMORY",
    "OUT_OF_SEQUENCE",
    "PAST_DUE_OVER_BALANCE",
    "PAST_DUE_ZERO",
    "PAYMENT_PARTS",
    "RATE_NEGATIVE",
    "SIGNATURE",
    "SUSPENDED",
    "UNKNOWN_KEY",
    "UNKNOWN_MEMBER",
    "VERSION",
    "OTHER",
};

uint32_t meter_reason(const char *reason)
{
    uint32_t i = 0;
    while (i + 1 < METER_REASONS && strcmp(meter_reason_words[i], reason) != 0)
        i++;
    return i;
}

struct validator_meters *meters_of_validator(uint32_t slot, uint32_t node_id)
{
    CHECK(slot < PEERS_MAX && node_id != 0);
    struct validator_meters *of = &meters.validators[slot];
    if (of->node_id != node_id) *of = (struct validator_meters){.node_id = node_id};
    return of;
}
