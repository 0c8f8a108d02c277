/* What an event says, in a few words for people. */
#ifndef TALLY_TOOLS_EVENT_SUMMARY_H
#define TALLY_TOOLS_EVENT_SUMMARY_H

#include "proto/base/amount.h"
#include "proto/codec/event.h"

#define AMOUNT_TEXT_SIZE 32
#define EVENT_SUMMARY_SIZE 384

/* "-1234.50", with the currency's own decimals; whole minor units where the currency is not known (NULL). */
void amount_to_text(int64_t minor, const struct currency *currency, char text[AMOUNT_TEXT_SIZE]);

/* "2005-08: balance 3913.00, paid 0.00, 31 days past due". `body` is of the header's type, or of the type
 * that a correction corrects. The text may hold what the body does: it is to be shown by shown_append. */
void event_summary(const struct event_header *header, const struct event_body *body,
    const struct currency *currency, char text[EVENT_SUMMARY_SIZE]);

/* The name that a field of the header has, such as "purpose": "CREDIT_DECISION". The type has the field, and
 * it is one of names (CHECKed); "" where it is absent. */
const char *header_name(const struct event_header *header, const char *field);

#endif
