/* The credit rules: what one event does to its subject. Pure and deterministic: the same state, header,
 * policy and block time give the same result on every node, in the simulator and in an audit. Bodies are not
 * to be seen from here. */
#ifndef TALLY_NODE_CREDIT_RULES_H
#define TALLY_NODE_CREDIT_RULES_H

#include "node/credit/policy.h"
#include "node/credit/subject_state.h"
#include "proto/codec/result.h"

/* The event that used up an item id. */
struct credit_item {
    struct digest event_id;
    bool applied; /* false: a RESERVE or an INQUIRY that was refused */
};

/* An applied event, as a later one may aim at it. */
struct credit_target {
    enum event_type type;
    uint32_t member_id; /* who wrote it */
    bool has_account;
    uint8_t account_ref[ACCOUNT_REF_SIZE];
    uint32_t period;      /* PERIOD_REPORT, else 0 */
    bool has_transfer_of; /* ACCOUNT_OPEN: it took over what transfer_of passed on */
    struct digest transfer_of;
    bool retracted; /* an applied RETRACT aims at it */
    /* Whether an applied CORRECT that is not itself retracted aims at it, and which: the rules let there be
     * one. That one, or the one that aims at it in turn, is the version in force. */
    bool corrected;
    struct digest corrected_by;
};

/* What the rules may ask about the state beyond the event's own subject. Answers reflect every event applied
 * before this one, those of the same block included. Each of them must be fixed by what is under the state
 * root, and is: an account's subject by the file that holds the account, its events by the account's running
 * digest `ids`; an item's event by the running digest over a subject's items; a target's subject, member and
 * account by the digest it is in, and its type, its period, the transfer it takes over and what aims at it by
 * the facts of events that those digests cover (proto/codec/event_facts.h). */
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
    /* The member's role (enum member_role); 0 for no member, or one that was removed. */
    uint32_t (*member_role)(void *context, uint32_t member_id);
    /* What used up the member's item id, in whatever subject. Errors: TALLY_ENOTFOUND (it is free), or any
     * other, which ends the application. */
    int (*item_event)(
        void *context, uint32_t member_id, const uint8_t item_id[ITEM_ID_SIZE], struct credit_item *item);
    /* The applied event of this id in the subject's file. Errors: TALLY_ENOTFOUND (no such event was applied,
     * or it is in another's file), or any other, which ends the application. */
    int (*target)(void *context, const struct digest *subject_id, const struct digest *event_id,
        struct credit_target *target);
    const struct credit_policy *policy; /* in force at the block */
};

/* What an event's type does in a state of its account. */
struct credit_rule {
    enum result_code code;   /* OK or WRONG_STATE */
    enum account_state next; /* after OK; what a RETRACT leads to is said by its target */
    bool needs_disbursement; /* an instalment loan must have been disbursed, else WRONG_STATE */
    bool needs_revolving;    /* WRONG_STATE for an instalment loan */
    const char *why;         /* one constant sentence: why this is so */
};

/* The cell of the table, for one of the account states and a type that consumes an account's seq; NULL for
 * any other pair. */
const struct credit_rule *credit_rule(enum account_state state, enum event_type type);

/* Rules on one event and, with RESULT_OK, carries it out in `subject`, which is the file of
 * header->subject_id. Where credit_result_folds, the caller then folds the event and stores what the indexes
 * behind `read` must answer from now on: the account's subject, and `event_id` at its seq; the item's event;
 * the target. With a result that does not fold, `subject` is unchanged.
 *
 * The first of these that applies is the result:
 *    1 NOT_ALLOWED     the member's role may not submit the type, or this event of it (see below)
 *    2 WRONG_SUBJECT   the member's account of this ref is in another subject's file
 *    3 NOT_HOLDER      the member has no account of this ref, another member has it in this file, and this is
 *                      no opening
 *    4 DUPLICATE       the very event was applied before; CONFLICT: another one holds its seq; ITEM_TAKEN:
 *                      another one used up its item id, or this one did and was refused
 *    5 GAP             the seq or the head is not the account's next
 *    6 FUTURE_DATE     dated later than one day after the block's UTC date
 *    7 what the type's own rules say, each in the order given where it stands: WRONG_STATE, PERIOD_TAKEN,
 *      NO_TARGET, STALE_TARGET, NO_AUTHORIZATION, AUTHORIZATION_MISMATCH, REFUSED_CAP, REFUSED_COOLING_OFF,
 *      NO_CONSENT, NOT_ALLOWED
 *    8 ACCOUNT_LIMIT   a bound of the file, the account's periods, or its seq would be passed
 *
 * NOT_ALLOWED, whatever the subject: accounts and reservations are lenders' and bureaus', and all else is
 * theirs and regulators'; a consent is granted by its grantee or a bureau, to a member that may ask, for the
 * policy's purposes; an inquiry has one of these purposes and, without a consent, a legal basis that the
 * policy gives its role, and one about blocks is a regulator's; an account is transferred to a member that
 * may hold one.
 *
 * NO_TARGET is also what a dispute or a statement hears of an event that is there and that its member may not
 * know of: one that it did not write, where it was not answered about the subject under a consent that is
 * neither revoked nor spent, and is no bureau or regulator. Errors: TALLY_ENOMEM,
 * TALLY_EDAMAGED (`read` knows what this file contradicts), and what `read` returns; `subject` and *result
 * are then unchanged. Source: credit.md, "Rules", "The account's life", "Reservations", "Consent". */
int credit_apply(const struct credit_read *read, struct subject_state *subject,
    const struct event_header *header, const struct digest *event_id, uint64_t block_time_ms,
    struct event_result *result) TALLY_MUST_CHECK;

/* Whether an event with this result is folded into its subject's history, and its item id used up: what was
 * applied, and a RESERVE or an INQUIRY that the policy or a want of consent refused. */
bool credit_result_folds(enum event_type type, uint32_t code);

/* Whether an inquiry that was applied at `inquired_ms` is answered at `now_ms`, the first time or again: for
 * the policy's time to live, and only while its consent stands. A use was spent when it was applied; a
 * revocation since then stops the answer. */
bool credit_inquiry_answers(const struct credit_policy *policy, const struct subject_state *subject,
    const struct event_header *inquiry, uint64_t inquired_ms, uint64_t now_ms);

/* Whether a role (enum member_role) may submit events of a type at all. */
bool credit_role_may(uint32_t role, enum event_type type);

#endif
