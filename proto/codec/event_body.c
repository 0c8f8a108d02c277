/* Bodies, one message a type, from bytes; event_body_encode.c is the way back. Only the furnisher's own node
 * and entitled readers come here: no rule does. */
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/convert.h"
#include "proto/codec/event.h"
#include "proto/codec/message.h"

#define DAYS_PAST_DUE_MAX 65535u
/* Always enough: an unpacked body takes a few hundred bytes beside its texts. */
#define BODY_ARENA_SIZE (2u * EVENT_BODY_SIZE_MAX + 4096u)

bool event_type_has_amounts(uint32_t type)
{
    return (type >= EVENT_ACCOUNT_OPEN && type <= EVENT_CLOSE && type != EVENT_STATUS);
}

/* The members of a CorrectBody have the numbers of their types. */
_Static_assert(TALLYSTICK__V1__CORRECT_BODY__BODY_ACCOUNT_OPEN == (int)EVENT_ACCOUNT_OPEN &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_DISBURSE == (int)EVENT_DISBURSE &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_PERIOD_REPORT == (int)EVENT_PERIOD_REPORT &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_PAYMENT == (int)EVENT_PAYMENT &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_LIMIT_CHANGE == (int)EVENT_LIMIT_CHANGE &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_CHARGE_OFF == (int)EVENT_CHARGE_OFF &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_RECOVERY == (int)EVENT_RECOVERY &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_TRANSFER == (int)EVENT_TRANSFER &&
                   TALLYSTICK__V1__CORRECT_BODY__BODY_CLOSE == (int)EVENT_CLOSE,
    "a case of the schema is a type");

/* A one-member oneof's case is its field's number where it is set, else 0. */
static struct optional_amount optional_of(int is_set, int64_t minor)
{
    return is_set != 0 ? (struct optional_amount){true, minor} : (struct optional_amount){false, 0};
}

static int read_bounded(const char *from, size_t size_max, char *to)
{
    size_t size = strlen(from);
    if (size > size_max) return TALLY_EFORM;
    memcpy(to, from, size + 1);
    return TALLY_OK;
}

static int read_text(const char *from, char to[EVENT_TEXT_SIZE_MAX + 1])
{
    return read_bounded(from, EVENT_TEXT_SIZE_MAX, to);
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

/* A report of which only the code is known has a code, and nothing else. */
static bool holds_only_code(const struct event_body *body)
{
    return body->reported_code[0] != '\0' && body->balance_minor == 0 && body->paid_minor == 0 &&
           body->days_past_due == 0 && !body->limit.present && !body->scheduled.present &&
           !body->past_due.present && !body->has_first_delinquency;
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
    int error = read_text(message->reported_code, body->reported_code);
    body->code_only = message->code_only != 0;
    return error == TALLY_OK && body->code_only && !holds_only_code(body) ? TALLY_EFORM : error;
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

static int read_consent_grant(const Tallystick__V1__ConsentGrantBody *message, struct event_body *body)
{
    int error = read_text(message->channel, body->channel);
    return error == TALLY_OK ? read_text(message->notice_version, body->notice_version) : error;
}

static void read_disburse(const Tallystick__V1__DisburseBody *message, struct event_body *body)
{
    body->amount_minor = message->amount_minor;
    body->fees_deducted = optional_of((int)message->fees_case, message->fees_deducted_minor);
}

static void read_limit_change(const Tallystick__V1__LimitChangeBody *message, struct event_body *body)
{
    body->old_limit_minor = message->old_limit_minor;
    body->new_limit_minor = message->new_limit_minor;
}

/* The message of a body of the type; NULL for one that has none. */
static const ProtobufCMessageDescriptor *descriptor_of(enum event_type type)
{
    switch (type) {
    case EVENT_CONSENT_GRANT:
        return &tallystick__v1__consent_grant_body__descriptor;
    case EVENT_CONSENT_REVOKE:
        return &tallystick__v1__consent_revoke_body__descriptor;
    case EVENT_ACCOUNT_OPEN:
        return &tallystick__v1__account_open_body__descriptor;
    case EVENT_DISBURSE:
        return &tallystick__v1__disburse_body__descriptor;
    case EVENT_PERIOD_REPORT:
        return &tallystick__v1__period_report_body__descriptor;
    case EVENT_PAYMENT:
        return &tallystick__v1__payment_body__descriptor;
    case EVENT_LIMIT_CHANGE:
        return &tallystick__v1__limit_change_body__descriptor;
    case EVENT_CHARGE_OFF:
        return &tallystick__v1__charge_off_body__descriptor;
    case EVENT_RECOVERY:
        return &tallystick__v1__recovery_body__descriptor;
    case EVENT_TRANSFER:
        return &tallystick__v1__transfer_body__descriptor;
    case EVENT_CLOSE:
        return &tallystick__v1__close_body__descriptor;
    case EVENT_CORRECT:
        return &tallystick__v1__correct_body__descriptor;
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return &tallystick__v1__text_body__descriptor;
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_STATUS:
    case EVENT_RETRACT:
        break;
    }
    return NULL;
}

/* Reads a message that has the type's own descriptor; not of a CORRECT. */
static int read_body(enum event_type type, const ProtobufCMessage *message, struct event_body *body)
{
    switch (type) {
    case EVENT_CONSENT_GRANT:
        return read_consent_grant((const Tallystick__V1__ConsentGrantBody *)message, body);
    case EVENT_CONSENT_REVOKE:
        return read_text(((const Tallystick__V1__ConsentRevokeBody *)message)->reason, body->reason);
    case EVENT_ACCOUNT_OPEN:
        return read_open((const Tallystick__V1__AccountOpenBody *)message, body);
    case EVENT_DISBURSE:
        read_disburse((const Tallystick__V1__DisburseBody *)message, body);
        return TALLY_OK;
    case EVENT_PERIOD_REPORT:
        return read_report((const Tallystick__V1__PeriodReportBody *)message, body);
    case EVENT_PAYMENT:
        return read_payment((const Tallystick__V1__PaymentBody *)message, body);
    case EVENT_LIMIT_CHANGE:
        read_limit_change((const Tallystick__V1__LimitChangeBody *)message, body);
        return TALLY_OK;
    case EVENT_CHARGE_OFF:
        return read_charge_off((const Tallystick__V1__ChargeOffBody *)message, body);
    case EVENT_RECOVERY:
        body->amount_minor = ((const Tallystick__V1__RecoveryBody *)message)->amount_minor;
        return TALLY_OK;
    case EVENT_TRANSFER:
        body->balance_minor = ((const Tallystick__V1__TransferBody *)message)->balance_minor;
        return TALLY_OK;
    case EVENT_CLOSE: {
        const Tallystick__V1__CloseBody *close = (const Tallystick__V1__CloseBody *)message;
        body->balance = optional_of((int)close->balance_case, close->balance_minor);
        return TALLY_OK;
    }
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return read_bounded(
            ((const Tallystick__V1__TextBody *)message)->text, EVENT_STATEMENT_SIZE_MAX, body->text);
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_STATUS:
    case EVENT_CORRECT:
    case EVENT_RETRACT:
        break;
    }
    CHECK_UNREACHABLE();
}

static int read_correct(const Tallystick__V1__CorrectBody *message, struct event_body *body)
{
    if (message->body_case == TALLYSTICK__V1__CORRECT_BODY__BODY__NOT_SET) return TALLY_EFORM;
    body->corrected = (enum event_type)message->body_case;
    CHECK(event_type_has_amounts((uint32_t)body->corrected));
    /* Whichever member it is: all are pointers to messages, in one place. */
    return read_body(body->corrected, &message->account_open->base, body);
}

int event_body_decode(enum event_type type, struct span bytes, struct event_body *body)
{
    if (event_type_name((uint32_t)type) == NULL || bytes.size > EVENT_BODY_SIZE_MAX) return TALLY_EFORM;
    const ProtobufCMessageDescriptor *descriptor = descriptor_of(type);
    struct event_body read = {.type = type};
    if (descriptor == NULL) {
        if (bytes.size > 0) return TALLY_EFORM;
        *body = read;
        return TALLY_OK;
    }
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, BODY_ARENA_SIZE);
    int error = message_decode(descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = type == EVENT_CORRECT ? read_correct((const Tallystick__V1__CorrectBody *)message, &read)
                                      : read_body(type, message, &read);
    arena_close(&arena);
    if (error == TALLY_OK) *body = read;
    return error;
}
