/* A good header of each type, with every field it can have, and every body. */
#ifndef TALLY_TESTS_EVENT_SAMPLES_H
#define TALLY_TESTS_EVENT_SAMPLES_H

#include "tests/vectors/samples.h"

static const enum event_type event_types[] = {EVENT_CONSENT_GRANT, EVENT_CONSENT_REVOKE, EVENT_INQUIRY,
    EVENT_RESERVE, EVENT_RESERVE_CANCEL, EVENT_ACCOUNT_OPEN, EVENT_DISBURSE, EVENT_PERIOD_REPORT,
    EVENT_PAYMENT, EVENT_LIMIT_CHANGE, EVENT_STATUS, EVENT_CHARGE_OFF, EVENT_RECOVERY, EVENT_TRANSFER,
    EVENT_CLOSE, EVENT_CORRECT, EVENT_RETRACT, EVENT_DISPUTE_OPEN, EVENT_DISPUTE_ANSWER, EVENT_DISPUTE_CLOSE,
    EVENT_STATEMENT};
#define EVENT_TYPE_COUNT (sizeof event_types / sizeof event_types[0])

static inline void full_account_open(struct event_header *header)
{
    header->account_type = ACCOUNT_INSTALMENT;
    header->product = 17;
    header->currency = 156;
    header->has_amount = true;
    header->amount_minor = INT64_MAX;
}

static inline void full_consent_grant(struct event_header *header)
{
    header->grantee = 4;
    header->purposes = PURPOSES_ALL;
    header->valid_from = -1;
    header->valid_until = 20000;
    header->max_uses = UINT32_MAX;
    header->form_digest = sample_digest("form");
    header->has_grantor = true;
    memset(header->grantor_key.bytes, 2, PUBLIC_KEY_SIZE);
    memset(header->grantor_signature.bytes, 7, SIGNATURE_SIZE);
}

static inline void full_inquiry(struct event_header *header)
{
    header->purpose = PURPOSE_GUARANTEE;
    header->has_consent = true;
    header->consent = sample_digest("consent");
    header->operator_digest = sample_digest("operator");
    memset(header->nonce, 9, EVENT_NONCE_SIZE);
    header->has_reply_key = true;
    memset(header->reply_key.bytes, 3, PUBLIC_KEY_SIZE);
}

/* Of remedies: what they are about, and the dispute they belong to. */
static inline void full_remedy(struct event_header *header)
{
    header->has_target = header->type != EVENT_DISPUTE_ANSWER && header->type != EVENT_DISPUTE_CLOSE;
    if (header->has_target) header->target = sample_digest("target");
    header->has_dispute = header->type != EVENT_DISPUTE_OPEN && header->type != EVENT_STATEMENT;
    if (header->has_dispute) header->dispute = sample_digest("dispute");
    if (header->type == EVENT_CORRECT || header->type == EVENT_RETRACT) header->reason = REASON_OTHER;
    if (header->type == EVENT_DISPUTE_OPEN) header->category = CATEGORY_IDENTITY;
    if (header->type == EVENT_DISPUTE_CLOSE) header->outcome = OUTCOME_UNVERIFIABLE;
}

/* Of member 3; the third event of its account, or an item. */
static inline struct event_header full_header(enum event_type type)
{
    struct digest subject = sample_digest("subject");
    struct event_header header = sample_header(3, &subject, 2);
    header.type = type;
    header.body_commitment = sample_digest("commitment");
    header.has_account = event_type_has_account((uint32_t)type);
    if (!header.has_account) {
        memset(header.account_ref, 0, ACCOUNT_REF_SIZE);
        header.account_seq = 0;
        header.account_prev = (struct digest){{0}};
        memset(header.item_id, 0x1D, ITEM_ID_SIZE);
    }
    if (type == EVENT_CONSENT_GRANT) full_consent_grant(&header);
    if (type == EVENT_CONSENT_REVOKE) header.consent = sample_digest("consent");
    if (type == EVENT_INQUIRY) full_inquiry(&header);
    if (type == EVENT_RESERVE || type == EVENT_ACCOUNT_OPEN) full_account_open(&header);
    if (type == EVENT_RESERVE) header.expires_ms = EVENT_EXPIRES_MS_MAX;
    if (type == EVENT_RESERVE_CANCEL) header.reservation = sample_digest("reservation");
    if (type == EVENT_ACCOUNT_OPEN) {
        header.has_authorization = header.has_transfer_of = true;
        header.authorization = sample_digest("authorization");
        header.transfer_of = sample_digest("transfer");
    }
    if (type == EVENT_PERIOD_REPORT) header.period = 200509;
    if (type == EVENT_STATUS) {
        header.new_state = 2;
        header.reason = REASON_FRAUD;
    }
    if (type == EVENT_TRANSFER) header.transferee = 5;
    if (type == EVENT_CLOSE) header.close_kind = 3;
    if (type >= EVENT_CORRECT) full_remedy(&header);
    return header;
}

static inline void full_account_body(enum event_type type, struct event_body *body)
{
    const struct optional_amount low = {true, INT64_MIN}, high = {true, INT64_MAX}, zero = {true, 0};
    body->amount_minor = type == EVENT_CHARGE_OFF ? -5 : INT64_MAX;
    if (type == EVENT_ACCOUNT_OPEN) {
        body->amount_minor = 0;
        body->limit = high;
        body->principal = zero;
        body->has_rate = body->has_apr = body->has_terms = true;
        body->rate_ppm = INT32_MIN;
        body->apr_ppm = INT32_MAX;
        body->term_count = UINT32_MAX;
        memset(body->term_unit, 'm', EVENT_TEXT_SIZE_MAX);
        memcpy(body->security, "\xc3\xa4", 3);
    } else if (type == EVENT_DISBURSE) {
        body->fees_deducted = zero;
    } else if (type == EVENT_PERIOD_REPORT) {
        body->amount_minor = 0;
        body->balance_minor = INT64_MIN;
        body->limit = low;
        body->scheduled = high;
        body->paid_minor = 1;
        body->past_due = zero;
        body->days_past_due = 65535;
        body->has_first_delinquency = true;
        body->first_delinquency_date = DATE_MIN;
        memcpy(body->reported_code, "M3", 3);
    } else if (type == EVENT_PAYMENT) {
        body->principal = low;
        body->interest = high;
        body->fee = zero;
        body->recovery = (struct optional_amount){true, -1};
        memcpy(body->payer, "third party", 12);
    } else if (type == EVENT_LIMIT_CHANGE) {
        body->amount_minor = 0;
        body->old_limit_minor = INT64_MIN;
        body->new_limit_minor = INT64_MAX;
    } else if (type == EVENT_CHARGE_OFF) {
        body->has_first_delinquency = true;
        body->first_delinquency_date = DATE_MAX;
    } else if (type == EVENT_TRANSFER) {
        body->amount_minor = 0;
        body->balance_minor = INT64_MIN;
    } else if (type == EVENT_CLOSE) {
        body->amount_minor = 0;
        body->balance = low;
    }
}

/* Every field of the type is there, at its edge where it has one; a CORRECT's is a report. */
static inline struct event_body full_body(enum event_type type)
{
    struct event_body body = {.type = type};
    if (event_type_has_amounts((uint32_t)type)) full_account_body(type, &body);
    if (type == EVENT_CORRECT) {
        body.corrected = EVENT_PERIOD_REPORT;
        full_account_body(EVENT_PERIOD_REPORT, &body);
    }
    if (type == EVENT_CONSENT_GRANT) {
        memcpy(body.channel, "branch", 7);
        memset(body.notice_version, 'n', EVENT_TEXT_SIZE_MAX);
    }
    if (type == EVENT_CONSENT_REVOKE) memset(body.reason, 'r', EVENT_TEXT_SIZE_MAX);
    if (type >= EVENT_DISPUTE_OPEN) memset(body.text, 't', EVENT_STATEMENT_SIZE_MAX);
    return body;
}

#endif
