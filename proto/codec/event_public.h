/* The public fields of a header's type <-> their messages. Private to this folder. */
#ifndef TALLY_CODEC_EVENT_PUBLIC_H
#define TALLY_CODEC_EVENT_PUBLIC_H

#include "credit.pb-c.h"

#include "proto/codec/event.h"

/* Room for the message of any type that has public fields. */
union event_public_message {
    Tallystick__V1__ConsentGrantPublic consent_grant;
    Tallystick__V1__ConsentRevokePublic consent_revoke;
    Tallystick__V1__InquiryPublic inquiry;
    Tallystick__V1__ReservePublic reserve;
    Tallystick__V1__ReserveCancelPublic reserve_cancel;
    Tallystick__V1__AccountOpenPublic account_open;
    Tallystick__V1__PeriodReportPublic period_report;
    Tallystick__V1__StatusPublic status;
    Tallystick__V1__TransferPublic transfer;
    Tallystick__V1__ClosePublic close;
    Tallystick__V1__RemedyPublic remedy;
    Tallystick__V1__DisputeOpenPublic dispute_open;
    Tallystick__V1__DisputeAnswerPublic dispute_answer;
    Tallystick__V1__DisputeClosePublic dispute_close;
    Tallystick__V1__StatementPublic statement;
};

/* The number of the member of public_fields that a type carries; 0 for none. */
unsigned event_public_number(enum event_type type);

/* Reads the public fields of header->type, which is one of the types, into a header that has none yet.
 * Errors: TALLY_EFORM (those of another type, or a value out of its form). */
int event_public_read(
    const Tallystick__V1__EventHeader *message, struct event_header *header) TALLY_MUST_CHECK;
/* Hangs the public fields of header->type into `message`. They are kept in `room`, and borrow from `header`.
 */
void event_public_fill(const struct event_header *header, Tallystick__V1__EventHeader *message,
    union event_public_message *room);

#endif
