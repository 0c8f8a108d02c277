#include "node/body_rules.h"

#include "proto/base/amount.h"
#include "proto/base/check.h"

static int refuse(struct body_refusal *refusal, const char *reason, const char *field)
{
    *refusal = (struct body_refusal){reason, field};
    return TALLY_EINVALID;
}

/* An amount that is given is not below zero. */
static bool optional_is_sound(const struct optional_amount *amount)
{
    return !amount->present || amount->minor >= 0;
}

static int opening_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (!optional_is_sound(&body->limit)) return refuse(refusal, "AMOUNT_NEGATIVE", "limit_minor");
    if (!optional_is_sound(&body->principal)) return refuse(refusal, "AMOUNT_NEGATIVE", "principal_minor");
    if (body->has_rate && body->rate_ppm < 0) return refuse(refusal, "RATE_NEGATIVE", "rate_ppm");
    if (body->has_apr && body->apr_ppm < 0) return refuse(refusal, "RATE_NEGATIVE", "apr_ppm");
    return TALLY_OK;
}

/* What the caps count of an opening is the amount that its header says: a loan or a line of more would pass
 * them unseen. A CORRECT has no such amount beside its body. */
static int public_amount_check(
    const struct event_header *header, const struct event_body *body, struct body_refusal *refusal)
{
    if (header->type != EVENT_ACCOUNT_OPEN || !header->has_amount) return TALLY_OK;
    if (body->limit.present && body->limit.minor > header->amount_minor)
        return refuse(refusal, "AMOUNT_OVER_PUBLIC", "limit_minor");
    if (body->principal.present && body->principal.minor > header->amount_minor)
        return refuse(refusal, "AMOUNT_OVER_PUBLIC", "principal_minor");
    return TALLY_OK;
}

static int disbursement_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (body->amount_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "amount_minor");
    if (!optional_is_sound(&body->fees_deducted))
        return refuse(refusal, "AMOUNT_NEGATIVE", "fees_deducted_minor");
    return TALLY_OK;
}

static int report_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (!optional_is_sound(&body->limit)) return refuse(refusal, "AMOUNT_NEGATIVE", "limit_minor");
    if (!optional_is_sound(&body->scheduled)) return refuse(refusal, "AMOUNT_NEGATIVE", "scheduled_minor");
    if (body->paid_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "paid_minor");
    if (!optional_is_sound(&body->past_due)) return refuse(refusal, "AMOUNT_NEGATIVE", "past_due_minor");
    if (!body->past_due.present) return TALLY_OK;
    if (body->days_past_due > 0 && body->past_due.minor == 0) {
        return refuse(refusal, "PAST_DUE_ZERO", "past_due_minor");
    }
    /* A balance below zero is money the borrower is owed: then nothing is past due either. */
    if (body->past_due.minor > 0 && body->past_due.minor > body->balance_minor) {
        return refuse(refusal, "PAST_DUE_OVER_BALANCE", "past_due_minor");
    }
    return TALLY_OK;
}

static int payment_check(const struct event_body *body, struct body_refusal *refusal)
{
    const struct {
        const struct optional_amount *amount;
        const char *field;
    } parts[] = {
        {&body->principal, "principal_minor"},
        {&body->interest, "interest_minor"},
        {&body->fee, "fee_minor"},
        {&body->recovery, "recovery_minor"},
    };
    int64_t sum_minor = 0;
    bool any = false;

    if (body->amount_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "amount_minor");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!optional_is_sound(parts[i].amount)) return refuse(refusal, "AMOUNT_NEGATIVE", parts[i].field);
        if (!parts[i].amount->present) continue;
        any = true;
        if (amount_add(sum_minor, parts[i].amount->minor, &sum_minor) != TALLY_OK) {
            return refuse(refusal, "AMOUNT_RANGE", parts[i].field);
        }
    }
    if (any && sum_minor != body->amount_minor) return refuse(refusal, "PAYMENT_PARTS", "amount_minor");
    return TALLY_OK;
}

static int amount_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (body->amount_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "amount_minor");
    return TALLY_OK;
}

static int closing_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (body->balance.present && body->balance.minor != 0) {
        return refuse(refusal, "BALANCE_AT_CLOSE", "balance_minor");
    }
    return TALLY_OK;
}

/* A change of the line says what it was and what it is. */
static int limit_change_check(const struct event_body *body, struct body_refusal *refusal)
{
    if (body->old_limit_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "old_limit_minor");
    if (body->new_limit_minor < 0) return refuse(refusal, "AMOUNT_NEGATIVE", "new_limit_minor");
    return TALLY_OK;
}

/* Holds a body against the rules of `type`: its own, or the one it corrects. */
static int check_as(enum event_type type, const struct event_body *body, struct body_refusal *refusal)
{
    switch (type) {
    case EVENT_ACCOUNT_OPEN:
        return opening_check(body, refusal);
    case EVENT_DISBURSE:
        return disbursement_check(body, refusal);
    case EVENT_PERIOD_REPORT:
        return report_check(body, refusal);
    case EVENT_PAYMENT:
        return payment_check(body, refusal);
    case EVENT_LIMIT_CHANGE:
        return limit_change_check(body, refusal);
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
        return amount_check(body, refusal);
    case EVENT_CLOSE:
        return closing_check(body, refusal);
    case EVENT_CONSENT_GRANT:
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_STATUS:
    case EVENT_TRANSFER:
    case EVENT_RETRACT:
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return TALLY_OK;
    case EVENT_CORRECT:
        break;
    }
    CHECK_UNREACHABLE();
}

int body_rules_check(
    const struct event_header *header, const struct event_body *body, struct body_refusal *refusal)
{
    CHECK(header->type == body->type);
    int error = check_as(body->type == EVENT_CORRECT ? body->corrected : body->type, body, refusal);
    return error ? error : public_amount_check(header, body, refusal);
}
