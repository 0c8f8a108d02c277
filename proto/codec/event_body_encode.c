/* Bodies to bytes; event_body.c is the way back. */
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/event.h"
#include "proto/codec/message.h"

/* Room for the message of any type. */
union body_message {
    Tallystick__V1__ConsentGrantBody consent_grant;
    Tallystick__V1__ConsentRevokeBody consent_revoke;
    Tallystick__V1__AccountOpenBody account_open;
    Tallystick__V1__DisburseBody disburse;
    Tallystick__V1__PeriodReportBody period_report;
    Tallystick__V1__PaymentBody payment;
    Tallystick__V1__LimitChangeBody limit_change;
    Tallystick__V1__ChargeOffBody charge_off;
    Tallystick__V1__RecoveryBody recovery;
    Tallystick__V1__TransferBody transfer;
    Tallystick__V1__CloseBody close;
    Tallystick__V1__TextBody text;
};

/* protobuf-c's structs have plain char pointers, which it does not write through. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void open_fill(const struct event_body *body, Tallystick__V1__AccountOpenBody *message)
{
    tallystick__v1__account_open_body__init(message);
    if (body->limit.present) message->limit_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__LIMIT_LIMIT_MINOR;
    message->limit_minor = body->limit.minor;
    if (body->principal.present)
        message->principal_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__PRINCIPAL_PRINCIPAL_MINOR;
    message->principal_minor = body->principal.minor;
    if (body->has_rate) message->rate_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__RATE_RATE_PPM;
    message->rate_ppm = body->rate_ppm;
    if (body->has_apr) message->apr_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__APR_APR_PPM;
    message->apr_ppm = body->apr_ppm;
    if (body->has_terms) message->terms_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__TERMS_TERM_COUNT;
    message->term_count = body->term_count;
    message->term_unit = text_of(body->term_unit);
    message->security = text_of(body->security);
}

static void report_fill(const struct event_body *body, Tallystick__V1__PeriodReportBody *message)
{
    tallystick__v1__period_report_body__init(message);
    message->balance_minor = body->balance_minor;
    if (body->limit.present) message->limit_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__LIMIT_LIMIT_MINOR;
    message->limit_minor = body->limit.minor;
    if (body->scheduled.present)
        message->scheduled_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__SCHEDULED_SCHEDULED_MINOR;
    message->scheduled_minor = body->scheduled.minor;
    message->paid_minor = body->paid_minor;
    if (body->past_due.present)
        message->past_due_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__PAST_DUE_PAST_DUE_MINOR;
    message->past_due_minor = body->past_due.minor;
    message->days_past_due = body->days_past_due;
    if (body->has_first_delinquency)
        message->first_delinquency_case =
            TALLYSTICK__V1__PERIOD_REPORT_BODY__FIRST_DELINQUENCY_FIRST_DELINQUENCY_DATE;
    message->first_delinquency_date = body->first_delinquency_date;
    message->reported_code = text_of(body->reported_code);
    message->code_only = body->code_only;
}

static void payment_fill(const struct event_body *body, Tallystick__V1__PaymentBody *message)
{
    tallystick__v1__payment_body__init(message);
    message->amount_minor = body->amount_minor;
    if (body->principal.present)
        message->principal_case = TALLYSTICK__V1__PAYMENT_BODY__PRINCIPAL_PRINCIPAL_MINOR;
    message->principal_minor = body->principal.minor;
    if (body->interest.present)
        message->interest_case = TALLYSTICK__V1__PAYMENT_BODY__INTEREST_INTEREST_MINOR;
    message->interest_minor = body->interest.minor;
    if (body->fee.present) message->fee_case = TALLYSTICK__V1__PAYMENT_BODY__FEE_FEE_MINOR;
    message->fee_minor = body->fee.minor;
    if (body->recovery.present)
        message->recovery_case = TALLYSTICK__V1__PAYMENT_BODY__RECOVERY_RECOVERY_MINOR;
    message->recovery_minor = body->recovery.minor;
    message->payer = text_of(body->payer);
}

static void disburse_fill(const struct event_body *body, Tallystick__V1__DisburseBody *message)
{
    tallystick__v1__disburse_body__init(message);
    message->amount_minor = body->amount_minor;
    if (body->fees_deducted.present)
        message->fees_case = TALLYSTICK__V1__DISBURSE_BODY__FEES_FEES_DEDUCTED_MINOR;
    message->fees_deducted_minor = body->fees_deducted.minor;
}

static void charge_off_fill(const struct event_body *body, Tallystick__V1__ChargeOffBody *message)
{
    tallystick__v1__charge_off_body__init(message);
    message->amount_minor = body->amount_minor;
    if (body->has_first_delinquency)
        message->first_delinquency_case =
            TALLYSTICK__V1__CHARGE_OFF_BODY__FIRST_DELINQUENCY_FIRST_DELINQUENCY_DATE;
    message->first_delinquency_date = body->first_delinquency_date;
}

static void close_fill(const struct event_body *body, Tallystick__V1__CloseBody *message)
{
    tallystick__v1__close_body__init(message);
    if (body->balance.present) message->balance_case = TALLYSTICK__V1__CLOSE_BODY__BALANCE_BALANCE_MINOR;
    message->balance_minor = body->balance.minor;
}

/* Of a type with one or two plain fields. */
static const ProtobufCMessage *small_fill(
    enum event_type type, const struct event_body *body, union body_message *room)
{
    if (type == EVENT_CONSENT_GRANT) {
        tallystick__v1__consent_grant_body__init(&room->consent_grant);
        room->consent_grant.channel = text_of(body->channel);
        room->consent_grant.notice_version = text_of(body->notice_version);
        return &room->consent_grant.base;
    }
    if (type == EVENT_CONSENT_REVOKE) {
        tallystick__v1__consent_revoke_body__init(&room->consent_revoke);
        room->consent_revoke.reason = text_of(body->reason);
        return &room->consent_revoke.base;
    }
    if (type == EVENT_LIMIT_CHANGE) {
        tallystick__v1__limit_change_body__init(&room->limit_change);
        room->limit_change.old_limit_minor = body->old_limit_minor;
        room->limit_change.new_limit_minor = body->new_limit_minor;
        return &room->limit_change.base;
    }
    if (type == EVENT_RECOVERY) {
        tallystick__v1__recovery_body__init(&room->recovery);
        room->recovery.amount_minor = body->amount_minor;
        return &room->recovery.base;
    }
    CHECK(type == EVENT_TRANSFER);
    tallystick__v1__transfer_body__init(&room->transfer);
    room->transfer.balance_minor = body->balance_minor;
    return &room->transfer.base;
}

/* NULL for a type without a body; not of a CORRECT. */
static const ProtobufCMessage *body_fill(
    enum event_type type, const struct event_body *body, union body_message *room)
{
    switch (type) {
    case EVENT_ACCOUNT_OPEN:
        open_fill(body, &room->account_open);
        return &room->account_open.base;
    case EVENT_DISBURSE:
        disburse_fill(body, &room->disburse);
        return &room->disburse.base;
    case EVENT_PERIOD_REPORT:
        report_fill(body, &room->period_report);
        return &room->period_report.base;
    case EVENT_PAYMENT:
        payment_fill(body, &room->payment);
        return &room->payment.base;
    case EVENT_CHARGE_OFF:
        charge_off_fill(body, &room->charge_off);
        return &room->charge_off.base;
    case EVENT_CLOSE:
        close_fill(body, &room->close);
        return &room->close.base;
    case EVENT_CONSENT_GRANT:
    case EVENT_CONSENT_REVOKE:
    case EVENT_LIMIT_CHANGE:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
        return small_fill(type, body, room);
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        tallystick__v1__text_body__init(&room->text);
        room->text.text = text_of(body->text);
        return &room->text.base;
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_STATUS:
    case EVENT_RETRACT:
        return NULL;
    case EVENT_CORRECT:
        break;
    }
    CHECK_UNREACHABLE();
}

void event_body_encode(const struct event_body *body, struct buffer *out)
{
    union body_message room;
    if (body->type != EVENT_CORRECT) {
        const ProtobufCMessage *message = body_fill(body->type, body, &room);
        if (message != NULL) message_encode(message, out);
        return;
    }
    Tallystick__V1__CorrectBody correct;
    CHECK(event_type_has_amounts((uint32_t)body->corrected));
    tallystick__v1__correct_body__init(&correct);
    correct.body_case = (Tallystick__V1__CorrectBody__BodyCase)body->corrected;
    /* Whichever member it is: all are pointers to messages, in one place. */
    correct.account_open =
        (Tallystick__V1__AccountOpenBody *)(uintptr_t)body_fill(body->corrected, body, &room);
    message_encode(&correct.base, out);
}
