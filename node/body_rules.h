/* The rules of bodies: whether what a furnisher says in an event can be true. They are checked by the
 * furnisher's own node before the event is ordered; no validator rules on them, because a validator may not
 * see a body. */
#ifndef TALLY_NODE_BODY_RULES_H
#define TALLY_NODE_BODY_RULES_H

#include "proto/codec/event.h"

struct body_refusal {
    const char *reason; /* a stable upper-case word */
    const char *field;  /* the schema's name of the field at fault */
};

/* Holds a decoded body against itself and its header; the body of a CORRECT by the rules of the type that it
 * corrects. `header` is its event's (CHECKed: of the same type). Any amount may be 0. A balance may be below
 * zero (the borrower overpaid), and above the limit; every other amount may not be negative.
 *
 * Errors: TALLY_EINVALID, and *refusal is set:
 *
 *   AMOUNT_NEGATIVE        an amount below zero that cannot be
 *   AMOUNT_RANGE           parts of a payment whose sum is no amount
 *   AMOUNT_OVER_PUBLIC     a principal or a limit above the amount that the opening's header says
 *   RATE_NEGATIVE          a rate below zero
 *   PAYMENT_PARTS          a payment whose parts, where any is given, do not sum to its total
 *   PAST_DUE_ZERO          days past due, beside an amount past due of 0
 *   PAST_DUE_OVER_BALANCE  more past due than is owed
 *   BALANCE_AT_CLOSE       closing with a balance that is not 0
 *
 * Source: credit.md, "Refused at admission". */
int body_rules_check(const struct event_header *header, const struct event_body *body,
    struct body_refusal *refusal) TALLY_MUST_CHECK;

#endif
