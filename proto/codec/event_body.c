/* Bodies, one message a type. Only the furnisher's own node and entitled readers come here: no rule does. */
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/convert.h"
#include "proto/codec/event.h"
#include "proto/codec/message.h"

#define DAYS_PAST_DUE_MAX 65535u
/* Always enough: an unpacked body takes a few hundred bytes beside its texts. */
#define BODY_ARENA_SIZE (2u * EVENT_BODY_SIZE_MAX + 4096u)

/* A one-member oneof's case is its field's number where it is set, else 0. */
static struct optional_amount optional_of(int is_set, int64_t minor)
{
    return is_set != 0 ? (struct optional_amount){true, minor} : (struct optional_amount){false, 0};
}

static int read_text(const char *from, char to[EVENT_TEXT_SIZE_MAX + 1])
{
    size_t size = strlen(from);
    if (size > EVENT_TEXT_SIZE_MAX) return TALLY_EFORM;
    memcpy(to, from, size + 1);
    return TALLY_OK;
}

/* protobuf-c's structs have plain char pointers, which it does not write through. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static int read_open(const Tallystick__V1__AccountOpenBody *message, struct event_body *body)
{
    body->limit = optional_of((int)message->limit_case, message->limit_minor);
    body->principal = optional_of((int)message->principal_case, message->principal_minor);
    body->has_rate = message->rate_case != TALLYSTICK__V1__ACCOUNT_OPEN_BODY__RATE__NOT_SET;
    if (body->has_rate) body->rate_ppm = message->rate_ppm;
    body->has_apr = message->apr_case != TALLYSTICK__V1__ACCOUNT_OPEN_BODY__APR__NOT_SET;
    if (body->has_apr) body->apr_ppm = message->apr_ppm;
    body->has_terms = message->terms_case != TALLYSTICK__V1__ACCOUNT_OPEN_BODY__TERMS__NOT_SET;
    if (body->has_terms) body->term_count = message->term_count;
    int error = read_text(message->term_unit, body->term_unit);
    return error == TALLY_OK ? read_text(message->security, body->security) : error;
}

static void encode_open(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__AccountOpenBody message;
    tallystick__v1__account_open_body__init(&message);
    if (body->limit.present) message.limit_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__LIMIT_LIMIT_MINOR;
    message.limit_minor = body->limit.minor;
    if (body->principal.present)
        message.principal_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__PRINCIPAL_PRINCIPAL_MINOR;
    message.principal_minor = body->principal.minor;
    if (body->has_rate) message.rate_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__RATE_RATE_PPM;
    message.rate_ppm = body->rate_ppm;
    if (body->has_apr) message.apr_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__APR_APR_PPM;
    message.apr_ppm = body->apr_ppm;
    if (body->has_terms) message.terms_case = TALLYSTICK__V1__ACCOUNT_OPEN_BODY__TERMS_TERM_COUNT;
    message.term_count = body->term_count;
    message.term_unit = text_of(body->term_unit);
    message.security = text_of(body->security);
    message_encode(&message.base, out);
}

static int read_report(const Tallystick__V1__PeriodReportBody *message, struct event_body *body)
{
    body->balance_minor = message->balance_minor;
    body->limit = optional_of((int)message->limit_case, message->limit_minor);
    body->scheduled = optional_of((int)message->scheduled_case, message->scheduled_minor);
    body->paid_minor = message->paid_minor;
    body->past_due = optional_of((int)message->past_due_case, message->past_due_minor);
    if (message->days_past_due > DAYS_PAST_DUE_MAX) return TALLY_EFORM;
    body->days_past_due = message->days_past_due;
    body->has_first_delinquency =
        message->first_delinquency_case != TALLYSTICK__V1__PERIOD_REPORT_BODY__FIRST_DELINQUENCY__NOT_SET;
    if (body->has_first_delinquency) {
        if (!date_is_valid(message->first_delinquency_date)) return TALLY_EFORM;
        body->first_delinquency_date = message->first_delinquency_date;
    }
    return read_text(message->reported_code, body->reported_code);
}

static void encode_report(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__PeriodReportBody message;
    tallystick__v1__period_report_body__init(&message);
    message.balance_minor = body->balance_minor;
    if (body->limit.present) message.limit_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__LIMIT_LIMIT_MINOR;
    message.limit_minor = body->limit.minor;
    if (body->scheduled.present)
        message.scheduled_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__SCHEDULED_SCHEDULED_MINOR;
    message.scheduled_minor = body->scheduled.minor;
    message.paid_minor = body->paid_minor;
    if (body->past_due.present)
        message.past_due_case = TALLYSTICK__V1__PERIOD_REPORT_BODY__PAST_DUE_PAST_DUE_MINOR;
    message.past_due_minor = body->past_due.minor;
    message.days_past_due = body->days_past_due;
    if (body->has_first_delinquency)
        message.first_delinquency_case =
            TALLYSTICK__V1__PERIOD_REPORT_BODY__FIRST_DELINQUENCY_FIRST_DELINQUENCY_DATE;
    message.first_delinquency_date = body->first_delinquency_date;
    message.reported_code = text_of(body->reported_code);
    message_encode(&message.base, out);
}

static int read_payment(const Tallystick__V1__PaymentBody *message, struct event_body *body)
{
    body->amount_minor = message->amount_minor;
    body->principal = optional_of((int)message->principal_case, message->principal_minor);
    body->interest = optional_of((int)message->interest_case, message->interest_minor);
    body->fee = optional_of((int)message->fee_case, message->fee_minor);
    body->recovery = optional_of((int)message->recovery_case, message->recovery_minor);
    return read_text(message->payer, body->payer);
}

static void encode_payment(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__PaymentBody message;
    tallystick__v1__payment_body__init(&message);
    message.amount_minor = body->amount_minor;
    if (body->principal.present)
        message.principal_case = TALLYSTICK__V1__PAYMENT_BODY__PRINCIPAL_PRINCIPAL_MINOR;
    message.principal_minor = body->principal.minor;
    if (body->interest.present) message.interest_case = TALLYSTICK__V1__PAYMENT_BODY__INTEREST_INTEREST_MINOR;
    message.interest_minor = body->interest.minor;
    if (body->fee.present) message.fee_case = TALLYSTICK__V1__PAYMENT_BODY__FEE_FEE_MINOR;
    message.fee_minor = body->fee.minor;
    if (body->recovery.present) message.recovery_case = TALLYSTICK__V1__PAYMENT_BODY__RECOVERY_RECOVERY_MINOR;
    message.recovery_minor = body->recovery.minor;
    message.payer = text_of(body->payer);
    message_encode(&message.base, out);
}

static int read_charge_off(const Tallystick__V1__ChargeOffBody *message, struct event_body *body)
{
    body->amount_minor = message->amount_minor;
    body->has_first_delinquency =
        message->first_delinquency_case != TALLYSTICK__V1__CHARGE_OFF_BODY__FIRST_DELINQUENCY__NOT_SET;
    if (!body->has_first_delinquency) return TALLY_OK;
    if (!date_is_valid(message->first_delinquency_date)) return TALLY_EFORM;
    body->first_delinquency_date = message->first_delinquency_date;
    return TALLY_OK;
}

/* The body's message, by type; NULL for a type that has none in this release. */
static const ProtobufCMessageDescriptor *descriptor_of(enum event_type type)
{
    if (type == EVENT_ACCOUNT_OPEN) return &tallystick__v1__account_open_body__descriptor;
    if (type == EVENT_DISBURSE) return &tallystick__v1__disburse_body__descriptor;
    if (type == EVENT_PERIOD_REPORT) return &tallystick__v1__period_report_body__descriptor;
    if (type == EVENT_PAYMENT) return &tallystick__v1__payment_body__descriptor;
    if (type == EVENT_CHARGE_OFF) return &tallystick__v1__charge_off_body__descriptor;
    if (type == EVENT_CLOSE) return &tallystick__v1__close_body__descriptor;
    return NULL;
}

static int read_body(enum event_type type, const ProtobufCMessage *message, struct event_body *body)
{
    body->type = type;
    if (type == EVENT_ACCOUNT_OPEN) return read_open((const Tallystick__V1__AccountOpenBody *)message, body);
    if (type == EVENT_PERIOD_REPORT)
        return read_report((const Tallystick__V1__PeriodReportBody *)message, body);
    if (type == EVENT_PAYMENT) return read_payment((const Tallystick__V1__PaymentBody *)message, body);
    if (type == EVENT_CHARGE_OFF)
        return read_charge_off((const Tallystick__V1__ChargeOffBody *)message, body);
    if (type == EVENT_DISBURSE) {
        const Tallystick__V1__DisburseBody *disburse = (const Tallystick__V1__DisburseBody *)message;
        body->amount_minor = disburse->amount_minor;
        body->fees_deducted = optional_of((int)disburse->fees_case, disburse->fees_deducted_minor);
    } else {
        const Tallystick__V1__CloseBody *close = (const Tallystick__V1__CloseBody *)message;
        body->balance = optional_of((int)close->balance_case, close->balance_minor);
    }
    return TALLY_OK;
}

int event_body_decode(enum event_type type, struct span bytes, struct event_body *body)
{
    const ProtobufCMessageDescriptor *descriptor = descriptor_of(type);
    if (descriptor == NULL || bytes.size > EVENT_BODY_SIZE_MAX) return TALLY_EFORM;
    struct arena arena;
    ProtobufCMessage *message;
    struct event_body read = {0};
    arena_init(&arena, BODY_ARENA_SIZE);
    int error = message_decode(descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK) error = read_body(type, message, &read);
    arena_close(&arena);
    if (error == TALLY_OK) *body = read;
    return error;
}

static void encode_disburse(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__DisburseBody message;
    tallystick__v1__disburse_body__init(&message);
    message.amount_minor = body->amount_minor;
    if (body->fees_deducted.present)
        message.fees_case = TALLYSTICK__V1__DISBURSE_BODY__FEES_FEES_DEDUCTED_MINOR;
    message.fees_deducted_minor = body->fees_deducted.minor;
    message_encode(&message.base, out);
}

static void encode_charge_off(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__ChargeOffBody message;
    tallystick__v1__charge_off_body__init(&message);
    message.amount_minor = body->amount_minor;
    if (body->has_first_delinquency)
        message.first_delinquency_case =
            TALLYSTICK__V1__CHARGE_OFF_BODY__FIRST_DELINQUENCY_FIRST_DELINQUENCY_DATE;
    message.first_delinquency_date = body->first_delinquency_date;
    message_encode(&message.base, out);
}

static void encode_close(const struct event_body *body, struct buffer *out)
{
    Tallystick__V1__CloseBody message;
    tallystick__v1__close_body__init(&message);
    if (body->balance.present) message.balance_case = TALLYSTICK__V1__CLOSE_BODY__BALANCE_BALANCE_MINOR;
    message.balance_minor = body->balance.minor;
    message_encode(&message.base, out);
}

void event_body_encode(const struct event_body *body, struct buffer *out)
{
    CHECK(event_type_is_supported((uint32_t)body->type));
    if (body->type == EVENT_ACCOUNT_OPEN) encode_open(body, out);
    if (body->type == EVENT_DISBURSE) encode_disburse(body, out);
    if (body->type == EVENT_PERIOD_REPORT) encode_report(body, out);
    if (body->type == EVENT_PAYMENT) encode_payment(body, out);
    if (body->type == EVENT_CHARGE_OFF) encode_charge_off(body, out);
    if (body->type == EVENT_CLOSE) encode_close(body, out);
}
