/* A header's public fields -> their messages; event_public.c is the way back. */
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/event_public.h"
#include "proto/codec/message.h"

static ProtobufCBinaryData optional_bytes(bool is_given, const void *bytes, size_t size)
{
    return message_bytes(is_given ? span_of(bytes, size) : span_of(NULL, 0));
}

static ProtobufCBinaryData optional_digest(bool is_given, const struct digest *digest)
{
    return optional_bytes(is_given, digest->bytes, DIGEST_SIZE);
}

static void consent_grant_fill(const struct event_header *header, Tallystick__V1__ConsentGrantPublic *fields)
{
    tallystick__v1__consent_grant_public__init(fields);
    fields->grantee = header->grantee;
    fields->purposes = header->purposes;
    fields->valid_from = header->valid_from;
    fields->valid_until = header->valid_until;
    fields->max_uses = header->max_uses;
    fields->form_digest = digest_bytes(&header->form_digest);
    fields->grantor_key = optional_bytes(header->has_grantor, header->grantor_key.bytes, PUBLIC_KEY_SIZE);
    fields->grantor_signature =
        optional_bytes(header->has_grantor, header->grantor_signature.bytes, SIGNATURE_SIZE);
}

static void inquiry_fill(const struct event_header *header, Tallystick__V1__InquiryPublic *fields)
{
    tallystick__v1__inquiry_public__init(fields);
    fields->purpose = (Tallystick__V1__CreditPurpose)header->purpose;
    fields->consent = optional_digest(header->has_consent, &header->consent);
    fields->legal_basis = (Tallystick__V1__CreditLegalBasis)header->legal_basis;
    fields->operator_digest = digest_bytes(&header->operator_digest);
    fields->nonce = message_bytes(span_of(header->nonce, EVENT_NONCE_SIZE));
    fields->reply_key = optional_bytes(header->has_reply_key, header->reply_key.bytes, PUBLIC_KEY_SIZE);
}

static void reserve_fill(const struct event_header *header, Tallystick__V1__ReservePublic *fields)
{
    tallystick__v1__reserve_public__init(fields);
    fields->product = header->product;
    fields->account_type = (Tallystick__V1__AccountType)header->account_type;
    fields->currency = header->currency;
    fields->expires_ms = header->expires_ms;
    if (header->has_amount) fields->amount_case = TALLYSTICK__V1__RESERVE_PUBLIC__AMOUNT_AMOUNT_MINOR;
    fields->amount_minor = header->amount_minor;
}

static void account_open_fill(const struct event_header *header, Tallystick__V1__AccountOpenPublic *fields)
{
    tallystick__v1__account_open_public__init(fields);
    fields->account_type = (Tallystick__V1__AccountType)header->account_type;
    fields->product = header->product;
    fields->currency = header->currency;
    fields->authorization = optional_digest(header->has_authorization, &header->authorization);
    if (header->has_amount) fields->amount_case = TALLYSTICK__V1__ACCOUNT_OPEN_PUBLIC__AMOUNT_AMOUNT_MINOR;
    fields->amount_minor = header->amount_minor;
    fields->transfer_of = optional_digest(header->has_transfer_of, &header->transfer_of);
}

static void remedy_fill(const struct event_header *header, Tallystick__V1__RemedyPublic *fields)
{
    tallystick__v1__remedy_public__init(fields);
    fields->target = digest_bytes(&header->target);
    fields->reason = (Tallystick__V1__EventReason)header->reason;
    fields->dispute = optional_digest(header->has_dispute, &header->dispute);
}

static void statement_fill(const struct event_header *header, Tallystick__V1__StatementPublic *fields)
{
    tallystick__v1__statement_public__init(fields);
    fields->target = optional_digest(header->has_target, &header->target);
}

/* Of an event that tells where it belongs in a dispute. */
static void dispute_fill(
    const struct event_header *header, Tallystick__V1__EventHeader *message, union event_public_message *room)
{
    if (header->type == EVENT_DISPUTE_OPEN) {
        message->dispute_open = &room->dispute_open;
        tallystick__v1__dispute_open_public__init(&room->dispute_open);
        room->dispute_open.target = digest_bytes(&header->target);
        room->dispute_open.category = (Tallystick__V1__DisputeCategory)header->category;
    } else if (header->type == EVENT_DISPUTE_ANSWER) {
        message->dispute_answer = &room->dispute_answer;
        tallystick__v1__dispute_answer_public__init(&room->dispute_answer);
        room->dispute_answer.dispute = digest_bytes(&header->dispute);
    } else {
        CHECK(header->type == EVENT_DISPUTE_CLOSE);
        message->dispute_close = &room->dispute_close;
        tallystick__v1__dispute_close_public__init(&room->dispute_close);
        room->dispute_close.dispute = digest_bytes(&header->dispute);
        room->dispute_close.outcome = (Tallystick__V1__DisputeOutcome)header->outcome;
    }
}

/* Of an event that names another one, or a few numbers. */
static void small_fill(
    const struct event_header *header, Tallystick__V1__EventHeader *message, union event_public_message *room)
{
    if (header->type == EVENT_CONSENT_REVOKE) {
        message->consent_revoke = &room->consent_revoke;
        tallystick__v1__consent_revoke_public__init(&room->consent_revoke);
        room->consent_revoke.consent = digest_bytes(&header->consent);
    } else if (header->type == EVENT_RESERVE_CANCEL) {
        message->reserve_cancel = &room->reserve_cancel;
        tallystick__v1__reserve_cancel_public__init(&room->reserve_cancel);
        room->reserve_cancel.reservation = digest_bytes(&header->reservation);
    } else if (header->type == EVENT_PERIOD_REPORT) {
        message->period_report = &room->period_report;
        tallystick__v1__period_report_public__init(&room->period_report);
        room->period_report.period = header->period;
    } else if (header->type == EVENT_STATUS) {
        message->status = &room->status;
        tallystick__v1__status_public__init(&room->status);
        room->status.new_state = (Tallystick__V1__StatusState)header->new_state;
        room->status.reason = (Tallystick__V1__EventReason)header->reason;
    } else if (header->type == EVENT_TRANSFER) {
        message->transfer = &room->transfer;
        tallystick__v1__transfer_public__init(&room->transfer);
        room->transfer.transferee = header->transferee;
    } else {
        CHECK(header->type == EVENT_CLOSE);
        message->close = &room->close;
        tallystick__v1__close_public__init(&room->close);
        room->close.kind = (Tallystick__V1__CloseKind)header->close_kind;
    }
}

void event_public_fill(
    const struct event_header *header, Tallystick__V1__EventHeader *message, union event_public_message *room)
{
    message->public_fields_case =
        (Tallystick__V1__EventHeader__PublicFieldsCase)event_public_number(header->type);
    switch (header->type) {
    case EVENT_CONSENT_GRANT:
        message->consent_grant = &room->consent_grant;
        consent_grant_fill(header, &room->consent_grant);
        return;
    case EVENT_INQUIRY:
        message->inquiry = &room->inquiry;
        inquiry_fill(header, &room->inquiry);
        return;
    case EVENT_RESERVE:
        message->reserve = &room->reserve;
        reserve_fill(header, &room->reserve);
        return;
    case EVENT_ACCOUNT_OPEN:
        message->account_open = &room->account_open;
        account_open_fill(header, &room->account_open);
        return;
    case EVENT_CORRECT:
        message->correct = &room->remedy;
        remedy_fill(header, &room->remedy);
        return;
    case EVENT_RETRACT:
        message->retract = &room->remedy;
        remedy_fill(header, &room->remedy);
        return;
    case EVENT_STATEMENT:
        message->statement = &room->statement;
        statement_fill(header, &room->statement);
        return;
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
        dispute_fill(header, message, room);
        return;
    case EVENT_CONSENT_REVOKE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_PERIOD_REPORT:
    case EVENT_STATUS:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        small_fill(header, message, room);
        return;
    case EVENT_DISBURSE:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
        return;
    }
}
