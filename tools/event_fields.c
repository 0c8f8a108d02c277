#include "tools/event_fields.h"

#include <stddef.h>
#include <stdio.h>

#include "proto/base/check.h"

#define HEADER(member) offsetof(struct event_header, member)
#define BODY(member) offsetof(struct event_body, member)
#define END                                                                                                  \
    {                                                                                                        \
        NULL, FIELD_TEXT, false, 0, 0, 0, NULL, NULL                                                         \
    }

static const char *const account_types[] = {"INSTALMENT", "REVOLVING", NULL};
static const char *const close_kinds[] = {"PAID", "EARLY", "SETTLED_LESS", "OTHER", NULL};
static const char *const status_states[] = {"OPEN", "FROZEN", NULL};
static const char *const reasons[] = {
    "FURNISHER_ERROR", "DISPUTE", "COURT_ORDER", "RESTRUCTURED", "SUBJECT_REQUEST", "FRAUD", "OTHER", NULL};
static const char *const categories[] = {
    "NOT_MINE", "AMOUNT", "DATE", "STATUS", "DUPLICATE_ENTRY", "IDENTITY", "OTHER", NULL};
static const char *const outcomes[] = {"CORRECTED", "REJECTED", "UNVERIFIABLE", "WITHDRAWN", NULL};

/* clang-format off: one field a line reads as the table it is. */

/* ---- Public fields ---- */

static const struct event_field none[] = {
    END,
};

static const struct event_field consent_grant_public[] = {
    {"grantee", FIELD_NUMBER, true, HEADER(grantee), 0, 0, NULL, "the member who may ask"},
    {"purposes", FIELD_NAMES, true, HEADER(purposes), 0, 0, credit_purpose_names, "what for"},
    {"valid_from", FIELD_DATE, true, HEADER(valid_from), 0, 0, NULL, "the first day"},
    {"valid_until", FIELD_DATE, true, HEADER(valid_until), 0, 0, NULL, "the last day"},
    {"max_uses", FIELD_NUMBER, true, HEADER(max_uses), 0, 0, NULL, "how many inquiries"},
    {"form_digest", FIELD_HEX, true, HEADER(form_digest), 0, DIGEST_SIZE, NULL, "digest of the signed form"},
    {"grantor_key", FIELD_HEX, false, HEADER(grantor_key), HEADER(has_grantor), PUBLIC_KEY_SIZE, NULL,
        "of who gave the consent"},
    {"grantor_signature", FIELD_HEX, false, HEADER(grantor_signature), HEADER(has_grantor), SIGNATURE_SIZE,
        NULL, "beside a grantor_key"},
    END,
};

static const struct event_field consent_revoke_public[] = {
    {"consent", FIELD_HEX, true, HEADER(consent), 0, DIGEST_SIZE, NULL, "event id of the CONSENT_GRANT"},
    END,
};

static const struct event_field inquiry_public[] = {
    {"purpose", FIELD_NAME, true, HEADER(purpose), 0, 0, credit_purpose_names, ""},
    {"consent", FIELD_HEX, false, HEADER(consent), HEADER(has_consent), DIGEST_SIZE, NULL,
        "event id of the CONSENT_GRANT; or else a legal_basis"},
    {"legal_basis", FIELD_NAME, false, HEADER(legal_basis), 0, 0, credit_legal_basis_names, ""},
    {"operator_digest", FIELD_HEX, true, HEADER(operator_digest), 0, DIGEST_SIZE, NULL,
        "keyed digest of who asks at the member"},
    {"nonce", FIELD_HEX, true, HEADER(nonce), 0, EVENT_NONCE_SIZE, NULL, ""},
    {"reply_key", FIELD_HEX, false, HEADER(reply_key), HEADER(has_reply_key), PUBLIC_KEY_SIZE, NULL, ""},
    END,
};

static const struct event_field reserve_public[] = {
    {"account_type", FIELD_NAME, true, HEADER(account_type), 0, 0, account_types, ""},
    {"currency", FIELD_CURRENCY, true, HEADER(currency), 0, 0, NULL, ""},
    {"product", FIELD_NUMBER, false, HEADER(product), 0, 0, NULL, "a code of the furnisher's"},
    {"amount_minor", FIELD_PUBLIC_AMOUNT, false, HEADER(amount_minor), HEADER(has_amount), 0, NULL,
        "the amount, in public"},
    {"expires_ms", FIELD_TIME, true, HEADER(expires_ms), 0, 0, NULL, ""},
    END,
};

static const struct event_field reserve_cancel_public[] = {
    {"reservation", FIELD_HEX, true, HEADER(reservation), 0, DIGEST_SIZE, NULL, "event id of the RESERVE"},
    END,
};

static const struct event_field open_public[] = {
    {"account_type", FIELD_NAME, true, HEADER(account_type), 0, 0, account_types, ""},
    {"currency", FIELD_CURRENCY, true, HEADER(currency), 0, 0, NULL, ""},
    {"product", FIELD_NUMBER, false, HEADER(product), 0, 0, NULL, "a code of the furnisher's"},
    {"amount_minor", FIELD_PUBLIC_AMOUNT, false, HEADER(amount_minor), HEADER(has_amount), 0, NULL,
        "the amount, in public"},
    {"authorization", FIELD_HEX, false, HEADER(authorization), HEADER(has_authorization), DIGEST_SIZE, NULL,
        "event id of the granted RESERVE"},
    {"transfer_of", FIELD_HEX, false, HEADER(transfer_of), HEADER(has_transfer_of), DIGEST_SIZE, NULL,
        "event id of the TRANSFER it takes over"},
    END,
};

static const struct event_field report_public[] = {
    {"period", FIELD_PERIOD, true, HEADER(period), 0, 0, NULL, "once for each account"},
    END,
};

static const struct event_field status_public[] = {
    {"new_state", FIELD_NAME, true, HEADER(new_state), 0, 0, status_states, ""},
    {"reason", FIELD_NAME, true, HEADER(reason), 0, 0, reasons, ""},
    END,
};

static const struct event_field transfer_public[] = {
    {"transferee", FIELD_NUMBER, true, HEADER(transferee), 0, 0, NULL,
        "the member who takes the account over"},
    END,
};

static const struct event_field close_public[] = {
    {"kind", FIELD_NAME, true, HEADER(close_kind), 0, 0, close_kinds, ""},
    END,
};

static const struct event_field remedy_public[] = {
    {"target", FIELD_HEX, true, HEADER(target), HEADER(has_target), DIGEST_SIZE, NULL, "event id"},
    {"reason", FIELD_NAME, true, HEADER(reason), 0, 0, reasons, ""},
    {"dispute", FIELD_HEX, false, HEADER(dispute), HEADER(has_dispute), DIGEST_SIZE, NULL,
        "event id of the DISPUTE_OPEN that led to it"},
    END,
};

static const struct event_field dispute_open_public[] = {
    {"target", FIELD_HEX, true, HEADER(target), HEADER(has_target), DIGEST_SIZE, NULL,
        "event id: of one's own, or told under a consent"},
    {"category", FIELD_NAME, true, HEADER(category), 0, 0, categories, ""},
    END,
};

static const struct event_field dispute_answer_public[] = {
    {"dispute", FIELD_HEX, true, HEADER(dispute), HEADER(has_dispute), DIGEST_SIZE, NULL,
        "event id of the DISPUTE_OPEN"},
    END,
};

static const struct event_field dispute_close_public[] = {
    {"dispute", FIELD_HEX, true, HEADER(dispute), HEADER(has_dispute), DIGEST_SIZE, NULL,
        "event id of the DISPUTE_OPEN"},
    {"outcome", FIELD_NAME, true, HEADER(outcome), 0, 0, outcomes, ""},
    END,
};

static const struct event_field statement_public[] = {
    {"target", FIELD_HEX, false, HEADER(target), HEADER(has_target), DIGEST_SIZE, NULL,
        "event id; none: the whole file"},
    END,
};

/* ---- Bodies ---- */

static const struct event_field consent_grant_body[] = {
    {"channel", FIELD_TEXT, false, BODY(channel), 0, EVENT_TEXT_SIZE_MAX, NULL, "how it was given"},
    {"notice_version", FIELD_TEXT, false, BODY(notice_version), 0, EVENT_TEXT_SIZE_MAX, NULL,
        "which notice the subject was shown"},
    END,
};

static const struct event_field consent_revoke_body[] = {
    {"reason", FIELD_TEXT, false, BODY(reason), 0, EVENT_TEXT_SIZE_MAX, NULL, ""},
    END,
};

static const struct event_field open_body[] = {
    {"limit_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(limit), 0, 0, NULL, "the credit line"},
    {"principal_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(principal), 0, 0, NULL, "the amount lent"},
    {"rate_ppm", FIELD_RATE, false, BODY(rate_ppm), BODY(has_rate), 0, NULL, "yearly interest"},
    {"apr_ppm", FIELD_RATE, false, BODY(apr_ppm), BODY(has_apr), 0, NULL, "annual percentage rate"},
    {"term_count", FIELD_COUNT, false, BODY(term_count), BODY(has_terms), 0, NULL, "how many instalments"},
    {"term_unit", FIELD_TEXT, false, BODY(term_unit), 0, EVENT_TEXT_SIZE_MAX, NULL,
        "their distance, such as MONTH"},
    {"security", FIELD_TEXT, false, BODY(security), 0, EVENT_TEXT_SIZE_MAX, NULL, "what secures the debt"},
    END,
};

static const struct event_field disburse_body[] = {
    {"amount_minor", FIELD_AMOUNT, true, BODY(amount_minor), 0, 0, NULL, "paid out"},
    {"fees_deducted_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(fees_deducted), 0, 0, NULL,
        "kept back from it"},
    END,
};

static const struct event_field report_body[] = {
    {"balance_minor", FIELD_AMOUNT, true, BODY(balance_minor), 0, 0, NULL,
        "owed at the period's end; may be below zero"},
    {"limit_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(limit), 0, 0, NULL, "the credit line then"},
    {"scheduled_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(scheduled), 0, 0, NULL,
        "what fell due in the period"},
    {"paid_minor", FIELD_AMOUNT, true, BODY(paid_minor), 0, 0, NULL, "paid in the period"},
    {"past_due_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(past_due), 0, 0, NULL, "due and unpaid"},
    {"days_past_due", FIELD_DAYS_PAST_DUE, true, BODY(days_past_due), 0, 0, NULL,
        "of the oldest unpaid amount; may be left out beside a reported_code"},
    {"first_delinquency_date", FIELD_DATE, false, BODY(first_delinquency_date), BODY(has_first_delinquency),
        0, NULL, "when the present delinquency began"},
    {"reported_code", FIELD_TEXT, false, BODY(reported_code), 0, EVENT_TEXT_SIZE_MAX, NULL,
        "the source's own code, where it has no days; it may stand alone"},
    END,
};

static const struct event_field payment_body[] = {
    {"amount_minor", FIELD_AMOUNT, true, BODY(amount_minor), 0, 0, NULL, "the whole payment"},
    {"principal_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(principal), 0, 0, NULL,
        "its parts; where any is given, they sum to it"},
    {"interest_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(interest), 0, 0, NULL, ""},
    {"fee_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(fee), 0, 0, NULL, ""},
    {"recovery_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(recovery), 0, 0, NULL, ""},
    {"payer", FIELD_TEXT, false, BODY(payer), 0, EVENT_TEXT_SIZE_MAX, NULL,
        "who paid, where it was not the borrower"},
    END,
};

static const struct event_field limit_change_body[] = {
    {"old_limit_minor", FIELD_AMOUNT, true, BODY(old_limit_minor), 0, 0, NULL, ""},
    {"new_limit_minor", FIELD_AMOUNT, true, BODY(new_limit_minor), 0, 0, NULL, ""},
    END,
};

static const struct event_field charge_off_body[] = {
    {"amount_minor", FIELD_AMOUNT, true, BODY(amount_minor), 0, 0, NULL, "written off"},
    {"first_delinquency_date", FIELD_DATE, false, BODY(first_delinquency_date), BODY(has_first_delinquency),
        0, NULL, "when the delinquency behind it began"},
    END,
};

static const struct event_field recovery_body[] = {
    {"amount_minor", FIELD_AMOUNT, true, BODY(amount_minor), 0, 0, NULL, "recovered"},
    END,
};

static const struct event_field transfer_body[] = {
    {"balance_minor", FIELD_AMOUNT, true, BODY(balance_minor), 0, 0, NULL, "owed when it passes over"},
    END,
};

static const struct event_field close_body[] = {
    {"balance_minor", FIELD_OPTIONAL_AMOUNT, false, BODY(balance), 0, 0, NULL, "0, where it is given"},
    END,
};

static const struct event_field text_body[] = {
    {"text", FIELD_TEXT, true, BODY(text), 0, EVENT_STATEMENT_SIZE_MAX, NULL, ""},
    END,
};

static const struct {
    enum event_type type;
    const struct event_field *header, *body;
} tables[] = {
    {EVENT_CONSENT_GRANT, consent_grant_public, consent_grant_body},
    {EVENT_CONSENT_REVOKE, consent_revoke_public, consent_revoke_body},
    {EVENT_INQUIRY, inquiry_public, none},
    {EVENT_RESERVE, reserve_public, none},
    {EVENT_RESERVE_CANCEL, reserve_cancel_public, none},
    {EVENT_ACCOUNT_OPEN, open_public, open_body},
    {EVENT_DISBURSE, none, disburse_body},
    {EVENT_PERIOD_REPORT, report_public, report_body},
    {EVENT_PAYMENT, none, payment_body},
    {EVENT_LIMIT_CHANGE, none, limit_change_body},
    {EVENT_STATUS, status_public, none},
    {EVENT_CHARGE_OFF, none, charge_off_body},
    {EVENT_RECOVERY, none, recovery_body},
    {EVENT_TRANSFER, transfer_public, transfer_body},
    {EVENT_CLOSE, close_public, close_body},
    {EVENT_CORRECT, remedy_public, none},
    {EVENT_RETRACT, remedy_public, none},
    {EVENT_DISPUTE_OPEN, dispute_open_public, text_body},
    {EVENT_DISPUTE_ANSWER, dispute_answer_public, text_body},
    {EVENT_DISPUTE_CLOSE, dispute_close_public, text_body},
    {EVENT_STATEMENT, statement_public, text_body},
};

/* clang-format on */

static size_t table_of(enum event_type type)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (tables[i].type == type) return i;
    CHECK_UNREACHABLE();
}

const struct event_field *header_fields(enum event_type type)
{
    return tables[table_of(type)].header;
}

const struct event_field *body_fields(enum event_type type)
{
    return tables[table_of(type)].body;
}

const char *account_type_name(uint32_t type)
{
    return field_name_of(account_types, type);
}

const char *close_kind_name(uint32_t kind)
{
    return field_name_of(close_kinds, kind);
}
