/* The credit rules: what one event does to its subject. Pure and deterministic: the same state, header and
 * block time give the same result on every node, in the simulator and in an audit. Bodies are not to be seen
 * from here. */
#ifndef TALLY_NODE_CREDIT_RULES_H
#define TALLY_NODE_CREDIT_RULES_H

#include "node/credit/subject_state.h"
#include "proto/codec/result.h"

/* What the rules may ask about the state beyond the event's own subject. Answers reflect every event applied
 * before this one, those of the same block included. */
struct credit_read {
    void *context;
    /* Whose file the account (member, ref) is in. Errors: TALLY_ENOTFOUND (never opened), or any other, which
     * ends the application of the event. */
    int (*account_subject)(
        void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject_id);
    /* The id of the account's applied event `seq`, which is below its next seq. Any error ends the
     * application. */
    int (*account_event)(void *context, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE], uint32_t seq,
        struct digest *event_id);
    /* The member's role (enum member_role); 0 for no member. */
    uint32_t (*member_role)(void *context, uint32_t member_id);
};

/* What an event's type does in a state of its account. */
struct credit_rule {
    enum result_code code;   /* OK or WRONG_STATE */
    enum account_state next; /* after OK */
    bool needs_disbursement; /* an instalment loan must have been disbursed, else WRONG_STATE */
    const char *why;         /* one constant sentence: why this is so */
};

/* The cell of the table, for one of the account states and a supported type; NULL for any other pair. */
const struct credit_rule *credit_rule(enum account_state state, enum event_type type);

/* Rules on one event and, with RESULT_OK, carries it out in `subject`, which is the file of
 * header->subject_id. The caller then stores what the indexes behind `read` must answer from now on: the
 * account's subject, and `event_id` at its seq. With any other result `subject` is unchanged. The first of
 * these that applies is the result: 1 NOT_ALLOWED    the member's role may not furnish, or the type is not
 * one of an account's 2 WRONG_SUBJECT  the member's account of this ref is in another subject's file 3
 * NOT_HOLDER     the member has no account of this ref, another member has it in this file, and this is no
 * opening 4 DUPLICATE      the very event was applied before; CONFLICT: another one holds its seq (detail:
 * that one's id) 5 GAP            the seq or the head is not the account's next (detail: expected seq u32,
 * head id) 6 FUTURE_DATE    dated later than one day after the block's UTC date 7 WRONG_STATE    the table of
 * states and types forbids it, or an instalment loan was not disbursed yet 8 PERIOD_TAKEN   the period was
 * reported before 9 ACCOUNT_LIMIT  the file's accounts, the account's periods, or its seq would pass a bound
 * Errors: TALLY_ENOMEM, TALLY_EDAMAGED (`read` knows an account of this file that the file lacks), and what
 * `read` returns; `subject` and *result are then unchanged. Source: credit.md, "Rules" and "The account's
 * life". */
int credit_apply(const struct credit_read *read, struct subject_state *subject,
    const struct event_header *header, const struct digest *event_id, uint64_t block_time_ms,
    struct event_result *result) TALLY_MUST_CHECK;

/* Whether a role (enum member_role) may report accounts. */
bool credit_role_furnishes(uint32_t role);

#endif
