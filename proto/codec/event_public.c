#include "proto/codec/event_public.h"

#include "proto/base/amount.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

/* A type's public fields have the number 20 + the type's own. */
#define PUBLIC_NUMBER(type) (20u + (unsigned)(type))

_Static_assert(
    TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS_CONSENT_GRANT == PUBLIC_NUMBER(EVENT_CONSENT_GRANT) &&
        TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS_ACCOUNT_OPEN == PUBLIC_NUMBER(EVENT_ACCOUNT_OPEN) &&
        TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS_CLOSE == PUBLIC_NUMBER(EVENT_CLOSE) &&
        TALLYSTICK__V1__EVENT_HEADER__PUBLIC_FIELDS_STATEMENT == PUBLIC_NUMBER(EVENT_STATEMENT),
    "the schema counts them so");

unsigned event_public_number(enum event_type type)
{
    switch (type) {
    case EVENT_CONSENT_GRANT:
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_ACCOUNT_OPEN:
    case EVENT_PERIOD_REPORT:
    case EVENT_STATUS:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
    case EVENT_CORRECT:
    case EVENT_RETRACT:
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return PUBLIC_NUMBER(type);
    case EVENT_DISBURSE:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
        break;
    }
    return 0;
}

/* Bytes that may be absent. */
static int optional_read(ProtobufCBinaryData bytes, bool *is_given, void *to, size_t size)
{
    if (bytes.len == 0) return TALLY_OK;
    int error = fixed_from_bytes(bytes, to, size);
    if (error == TALLY_OK) *is_given = true;
    return error;
}

static int amount_read(int is_given, int64_t minor, struct event_header *header)
{
    if (is_given == 0) return TALLY_OK;
    if (minor < 0) return TALLY_EFORM;
    header->has_amount = true;
    header->amount_minor = minor;
    return TALLY_OK;
}

static int consent_grant_read(const Tallystick__V1__ConsentGrantPublic *fields, struct event_header *header)
{
    bool is_signed = false;
    if (fields->grantee == 0 || fields->max_uses == 0) return TALLY_EFORM;
    if (fields->purposes == 0 || (fields->purposes & ~PURPOSES_ALL) != 0) return TALLY_EFORM;
    if (!date_is_valid(fields->valid_from) || !date_is_valid(fields->valid_until)) return TALLY_EFORM;
    if (fields->valid_until < fields->valid_from) return TALLY_EFORM;
    header->grantee = fields->grantee;
    header->purposes = fields->purposes;
    header->valid_from = fields->valid_from;
    header->valid_until = fields->valid_until;
    header->max_uses = fields->max_uses;
    int error = digest_from_bytes(fields->form_digest, &header->form_digest);
    if (error == TALLY_OK)
        error = optional_read(
            fields->grantor_key, &header->has_grantor, header->grantor_key.bytes, PUBLIC_KEY_SIZE);
    if (error == TALLY_OK)
        error = optional_read(
            fields->grantor_signature, &is_signed, header->grantor_signature.bytes, SIGNATURE_SIZE);
    if (error == TALLY_OK && is_signed != header->has_grantor) error = TALLY_EFORM;
    return error;
}

static int inquiry_read(const Tallystick__V1__InquiryPublic *fields, struct event_header *header)
{
    header->purpose = (uint32_t)fields->purpose;
    header->legal_basis = (uint32_t)fields->legal_basis;
    int error = optional_read(fields->consent, &header->has_consent, header->consent.bytes, DIGEST_SIZE);
    if (error == TALLY_OK) error = digest_from_bytes(fields->operator_digest, &header->operator_digest);
    if (error == TALLY_OK) error = fixed_from_bytes(fields->nonce, header->nonce, EVENT_NONCE_SIZE);
    if (error == TALLY_OK)
        error = optional_read(
            fields->reply_key, &header->has_reply_key, header->reply_key.bytes, PUBLIC_KEY_SIZE);
    if (header->purpose == 0 || header->has_consent == (header->legal_basis != 0)) return TALLY_EFORM;
    return error;
}

static int reserve_read(const Tallystick__V1__ReservePublic *fields, struct event_header *header)
{
    if (fields->account_type == TALLYSTICK__V1__ACCOUNT_TYPE__ACCOUNT_TYPE_UNSPECIFIED) return TALLY_EFORM;
    if (currency_by_numeric(fields->currency) == NULL) return TALLY_EFORM;
    if (fields->expires_ms == 0 || fields->expires_ms > EVENT_EXPIRES_MS_MAX) return TALLY_EFORM;
    header->account_type = (uint32_t)fields->account_type;
    header->product = fields->product;
    header->currency = fields->currency;
    header->expires_ms = fields->expires_ms;
    return amount_read((int)fields->amount_case, fields->amount_minor, header);
}

static int account_open_read(const Tallystick__V1__AccountOpenPublic *fields, struct event_header *header)
{
    if (fields->account_type == TALLYSTICK__V1__ACCOUNT_TYPE__ACCOUNT_TYPE_UNSPECIFIED) return TALLY_EFORM;
    if (currency_by_numeric(fields->currency) == NULL) return TALLY_EFORM;
    header->account_type = (uint32_t)fields->account_type;
    header->product = fields->product;
    header->currency = fields->currency;
    int error = optional_read(
        fields->authorization, &header->has_authorization, header->authorization.bytes, DIGEST_SIZE);
    if (error == TALLY_OK)
        error = optional_read(
            fields->transfer_of, &header->has_transfer_of, header->transfer_of.bytes, DIGEST_SIZE);
    return error == TALLY_OK ? amount_read((int)fields->amount_case, fields->amount_minor, header) : error;
}

static int remedy_read(const Tallystick__V1__RemedyPublic *fields, struct event_header *header)
{
    header->has_target = true;
    header->reason = (uint32_t)fields->reason;
    if (header->reason == 0) return TALLY_EFORM;
    int error = digest_from_bytes(fields->target, &header->target);
    return error == TALLY_OK
               ? optional_read(fields->dispute, &header->has_dispute, header->dispute.bytes, DIGEST_SIZE)
               : error;
}

static int dispute_open_read(const Tallystick__V1__DisputeOpenPublic *fields, struct event_header *header)
{
    header->has_target = true;
    header->category = (uint32_t)fields->category;
    return header->category == 0 ? TALLY_EFORM : digest_from_bytes(fields->target, &header->target);
}

static int dispute_close_read(const Tallystick__V1__DisputeClosePublic *fields, struct event_header *header)
{
    header->has_dispute = true;
    header->outcome = (uint32_t)fields->outcome;
    return header->outcome == 0 ? TALLY_EFORM : digest_from_bytes(fields->dispute, &header->dispute);
}

/* Types whose public fields are few. */
static int small_read(const Tallystick__V1__EventHeader *message, struct event_header *header)
{
    if (header->type == EVENT_PERIOD_REPORT) {
        header->period = message->period_report->period;
        return period_is_valid(header->period) ? TALLY_OK : TALLY_EFORM;
    }
    if (header->type == EVENT_STATUS) {
        header->new_state = (uint32_t)message->status->new_state;
        header->reason = (uint32_t)message->status->reason;
        return header->new_state != 0 && header->reason != 0 ? TALLY_OK : TALLY_EFORM;
    }
    if (header->type == EVENT_TRANSFER) {
        header->transferee = message->transfer->transferee;
        return header->transferee != 0 ? TALLY_OK : TALLY_EFORM;
    }
    CHECK(header->type == EVENT_CLOSE);
    header->close_kind = (uint32_t)message->close->kind;
    return header->close_kind != 0 ? TALLY_OK : TALLY_EFORM;
}

int event_public_read(const Tallystick__V1__EventHeader *message, struct event_header *header)
{
    if ((unsigned)message->public_fields_case != event_public_number(header->type)) return TALLY_EFORM;
    switch (header->type) {
    case EVENT_CONSENT_GRANT:
        return consent_grant_read(message->consent_grant, header);
    case EVENT_CONSENT_REVOKE:
        return digest_from_bytes(message->consent_revoke->consent, &header->consent);
    case EVENT_INQUIRY:
        return inquiry_read(message->inquiry, header);
    case EVENT_RESERVE:
        return reserve_read(message->reserve, header);
    case EVENT_RESERVE_CANCEL:
        return digest_from_bytes(message->reserve_cancel->reservation, &header->reservation);
    case EVENT_ACCOUNT_OPEN:
        return account_open_read(message->account_open, header);
    case EVENT_PERIOD_REPORT:
    case EVENT_STATUS:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        return small_read(message, header);
    case EVENT_CORRECT:
        return remedy_read(message->correct, header);
    case EVENT_RETRACT:
        return remedy_read(message->retract, header);
    case EVENT_DISPUTE_OPEN:
        return dispute_open_read(message->dispute_open, header);
    case EVENT_DISPUTE_ANSWER:
        header->has_dispute = true;
        return digest_from_bytes(message->dispute_answer->dispute, &header->dispute);
    case EVENT_DISPUTE_CLOSE:
        return dispute_close_read(message->dispute_close, header);
    case EVENT_STATEMENT:
        return optional_read(
            message->statement->target, &header->has_target, header->target.bytes, DIGEST_SIZE);
    case EVENT_DISBURSE:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
        return TALLY_OK;
    }
    CHECK_UNREACHABLE();
}
