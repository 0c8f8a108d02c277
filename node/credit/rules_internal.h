/* One event on its way through the rules, and who rules on what. */
#ifndef TALLY_NODE_CREDIT_RULES_INTERNAL_H
#define TALLY_NODE_CREDIT_RULES_INTERNAL_H

#include "node/credit/rules.h"

/* All borrowed for the event. */
struct ruling {
    const struct credit_read *read;
    const struct credit_policy *policy;
    struct subject_state *subject;
    const struct event_header *header;
    const struct digest *event_id;
    uint64_t block_time_ms;
};

/* ---- rules.c ---- */

struct event_result result_plain(enum result_code code);
/* With an id as its detail. */
struct event_result result_naming(enum result_code code, const struct digest *id);
/* The UTC day of a time since 1970, and of the block; DATE_MAX at most. */
int32_t day_of_ms(uint64_t time_ms);
int32_t ruling_day(const struct ruling *ruling);
/* "An event date after the block's UTC date plus one day." */
bool ruling_date_is_future(const struct ruling *ruling);

/* ---- Each rules and, with RESULT_OK in *result, carries out. Errors as of credit_apply; *result is then of
 * no meaning. ---- */

/* account_rules.c: every type of an account. */
int account_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;

/* reservation_rules.c */
int reserve_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;
void reserve_cancel_rule(const struct ruling *ruling, struct event_result *result);
/* Whether an opening may use the authorization it names, which is then at *index. Changes nothing. */
struct event_result authorization_rule(const struct ruling *ruling, uint32_t *index);

/* consent_rules.c */
int consent_grant_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;
void consent_revoke_rule(const struct ruling *ruling, struct event_result *result);
void inquiry_rule(const struct ruling *ruling, struct event_result *result);
/* Whether the event's member inquired of the subject under a consent that is not spent. */
bool consent_was_answered(const struct ruling *ruling);

/* remedy_rules.c: what a CORRECT or a RETRACT may aim at; changes nothing. */
int remedy_target_rule(const struct ruling *ruling, const struct account *account,
    struct credit_target *target, struct event_result *result) TALLY_MUST_CHECK;
/* Takes back what the target did to the account, which is one of the subject's. Errors: TALLY_EDAMAGED (the
 * file says that it cannot have done it); the file is then unchanged. */
int remedy_take_back(const struct subject_state *subject, struct account *account,
    const struct credit_target *target) TALLY_MUST_CHECK;
int dispute_open_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;
int dispute_answer_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;
int dispute_close_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;
int statement_rule(const struct ruling *ruling, struct event_result *result) TALLY_MUST_CHECK;

#endif
