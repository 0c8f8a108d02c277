#include "node/credit/rules_internal.h"
#include "proto/base/check.h"

/* An applied event of the same subject; NO_TARGET in *result where there is none. */
static int find_target(const struct ruling *ruling, const struct digest *id, struct credit_target *target,
    struct event_result *result)
{
    int error = ruling->read->target(ruling->read->context, &ruling->header->subject_id, id, target);

    if (error && error != TALLY_ENOTFOUND) return error;
    *result = result_plain(error ? RESULT_NO_TARGET : RESULT_OK);
    return TALLY_OK;
}

/* ---- CORRECT and RETRACT ---- */

/* "A target in another subject or account" is none. What was taken back, and a taking back, cannot be put
 * right: a mistaken RETRACT is answered by submitting the event anew. */
static bool is_of_account(const struct credit_target *target, const struct account *account)
{
    return target->has_account && target->member_id == account->member_id &&
           memcmp(target->account_ref, account->ref, ACCOUNT_REF_SIZE) == 0 && target->type != EVENT_RETRACT;
}

/* "Aims at the version in force, else STALE_TARGET." */
static struct event_result rule_on_version(const struct credit_target *target)
{
    if (target->retracted) return result_plain(RESULT_STALE_TARGET);
    if (target->corrected) return result_naming(RESULT_STALE_TARGET, &target->corrected_by);
    return result_plain(RESULT_OK);
}

/* "RETRACT of the last life-changing event brings the previous state back", and of a lone opening makes the
 * account void. One that others stand upon is not taken back before them, nor a transfer that was taken up.
 */
static bool can_take_back(
    const struct account *account, const struct digest *id, const struct credit_target *target)
{
    const struct account_turn *newest = account_turn_newest(account);

    switch (target->type) {
    case EVENT_ACCOUNT_OPEN:
        return account->in_force == 1;
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        return newest && digest_equal(&newest->event_id, id) && !account->taken_over;
    case EVENT_DISBURSE:
    case EVENT_PERIOD_REPORT:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_RECOVERY:
    case EVENT_CORRECT:
        return true;
    case EVENT_CONSENT_GRANT:
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_RETRACT:
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return false;
    }
    return false;
}

/* A dispute that a remedy names was opened in this subject's file, and may be closed by now: a deletion
 * follows the finding that demands it. */
static int rule_on_named_dispute(const struct ruling *ruling, struct event_result *result)
{
    struct credit_target dispute;

    if (!ruling->header->has_dispute) return TALLY_OK;
    int error = find_target(ruling, &ruling->header->dispute, &dispute, result);
    if (!error && result->code == RESULT_OK && dispute.type != EVENT_DISPUTE_OPEN) {
        *result = result_plain(RESULT_NO_TARGET);
    }
    return error;
}

int remedy_target_rule(const struct ruling *ruling, const struct account *account,
    struct credit_target *target, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct event_result verdict;
    int error = find_target(ruling, &header->target, target, &verdict);

    if (error) return error;
    if (verdict.code == RESULT_OK && !is_of_account(target, account))
        verdict = result_plain(RESULT_NO_TARGET);
    if (verdict.code == RESULT_OK) error = rule_on_named_dispute(ruling, &verdict);
    if (error) return error;
    if (verdict.code == RESULT_OK) verdict = rule_on_version(target);
    if (verdict.code == RESULT_OK && header->type == EVENT_RETRACT &&
        !can_take_back(account, &header->target, target)) {
        verdict = result_plain(RESULT_WRONG_STATE);
    }
    *result = verdict;
    return TALLY_OK;
}

/* Without its linked opening a transferred account counts again, and waits for another one. */
static int transfer_give_back(const struct subject_state *subject, const struct digest *transfer_id)
{
    struct account *from = subject_state_transferred(subject, transfer_id);

    if (!from || !from->taken_over) return TALLY_EDAMAGED;
    from->taken_over = false;
    return TALLY_OK;
}

/* A correction that is taken back leaves the version before it in force, which is not the account's matter.
 */
int remedy_take_back(
    const struct subject_state *subject, struct account *account, const struct credit_target *target)
{
    bool opening = target->type == EVENT_ACCOUNT_OPEN;

    if (target->type == EVENT_CORRECT) return TALLY_OK;
    if (opening != (account->in_force == 1)) return TALLY_EDAMAGED;
    if (opening) {
        int error = target->has_transfer_of ? transfer_give_back(subject, &target->transfer_of) : TALLY_OK;
        if (error) return error;
        account->state = ACCOUNT_STATE_VOID;
    } else if (target->type == EVENT_PERIOD_REPORT) {
        if (!account_period_is_set(account, target->period)) return TALLY_EDAMAGED;
        account_period_clear(account, target->period);
    } else if (target->type == EVENT_DISBURSE) {
        if (account->disbursements == 0) return TALLY_EDAMAGED;
        account->disbursements--;
    } else if (target->type == EVENT_STATUS || target->type == EVENT_CHARGE_OFF ||
               target->type == EVENT_TRANSFER || target->type == EVENT_CLOSE) {
        account_turn_back(account);
        account->transferee = 0;
    }
    account->in_force--;
    return TALLY_OK;
}

/* ---- Disputes and statements ---- */

/* Whether the member may hear which events stand in this file. Their ids are seen by all, so that a target
 * that is there, where a made up one is not, would tell any member whom an event is about, and without an
 * inquiry. */
static bool knows_file(const struct ruling *ruling)
{
    uint32_t role = ruling->read->member_role(ruling->read->context, ruling->header->member_id);

    return role == ROLE_BUREAU || role == ROLE_REGULATOR || consent_was_answered(ruling);
}

/* The same of its disputes: whoever furnishes here may name them in a remedy. */
static bool knows_disputes(const struct ruling *ruling)
{
    for (uint32_t i = 0; i < ruling->subject->account_count; i++)
        if (ruling->subject->accounts[i].member_id == ruling->header->member_id) return true;
    return knows_file(ruling);
}

/* To any other member than these and its author, what is aimed at does not exist. */
static int find_known_target(
    const struct ruling *ruling, struct credit_target *target, struct event_result *result)
{
    int error = find_target(ruling, &ruling->header->target, target, result);

    if (error || result->code != RESULT_OK) return error;
    if (target->member_id != ruling->header->member_id && !knows_file(ruling))
        *result = result_plain(RESULT_NO_TARGET);
    return TALLY_OK;
}

static uint32_t opened_by(const struct subject_state *subject, uint32_t member_id)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < subject->disputes.count; i++)
        count += dispute_at(subject, i)->opener == member_id;
    return count;
}

int dispute_open_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct subject_state *subject = ruling->subject;
    struct credit_target target;
    int error = find_known_target(ruling, &target, result);

    if (error || result->code != RESULT_OK) return error;
    struct dispute dispute = {
        .id = *ruling->event_id, .opener = header->member_id, .author = target.member_id};
    if (opened_by(subject, header->member_id) < DISPUTES_PER_OPENER_MAX) {
        error = record_list_add(&subject->disputes, sizeof(dispute), DISPUTES_PER_SUBJECT_MAX, &dispute);
    } else {
        error = TALLY_ELIMIT;
    }
    if (error == TALLY_ELIMIT) {
        *result = result_plain(RESULT_ACCOUNT_LIMIT);
        return TALLY_OK;
    }
    return error;
}

/* Whether the member may hear of a dispute: who opened it, who wrote what it is about, and who knows of all.
 * `author` is 0 of a closed one, which says no more who that was. */
static bool may_hear(const struct ruling *ruling, uint32_t opener, uint32_t author)
{
    uint32_t member_id = ruling->header->member_id;

    return member_id == opener || member_id == author || knows_disputes(ruling);
}

/* The open dispute that the event names; NULL with STALE_TARGET for one that was closed, and with NO_TARGET
 * for one that never was, or that the member may not hear of. */
static int find_dispute(
    const struct ruling *ruling, const struct dispute **dispute, uint32_t *index, struct event_result *result)
{
    const struct digest *id = &ruling->header->dispute;
    struct credit_target target;

    *dispute = record_list_find(&ruling->subject->disputes, sizeof(struct dispute), id, index);
    *result = result_plain(RESULT_OK);
    if (*dispute) {
        if (may_hear(ruling, (*dispute)->opener, (*dispute)->author)) return TALLY_OK;
        *dispute = NULL;
        *result = result_plain(RESULT_NO_TARGET);
        return TALLY_OK;
    }
    int error = find_target(ruling, id, &target, result);
    if (error || result->code != RESULT_OK) return error;
    bool closed = target.type == EVENT_DISPUTE_OPEN && may_hear(ruling, target.member_id, 0);
    *result = result_plain(closed ? RESULT_STALE_TARGET : RESULT_NO_TARGET);
    return TALLY_OK;
}

/* "ANSWER comes from the target's author." As often as it has something to say. */
int dispute_answer_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct dispute *dispute;
    uint32_t index;
    struct event_result verdict;
    int error = find_dispute(ruling, &dispute, &index, &verdict);

    if (error) return error;
    if (dispute && dispute->author != ruling->header->member_id) verdict = result_plain(RESULT_NOT_ALLOWED);
    *result = verdict;
    return TALLY_OK;
}

/* "CLOSE from the opener's member or a bureau, never the author." */
int dispute_close_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct dispute *dispute;
    uint32_t index, member_id = ruling->header->member_id;
    uint32_t role = ruling->read->member_role(ruling->read->context, member_id);
    struct event_result verdict;
    int error = find_dispute(ruling, &dispute, &index, &verdict);

    if (error) return error;
    if (dispute) {
        bool may = dispute->author != member_id && (dispute->opener == member_id || role == ROLE_BUREAU);
        if (!may) verdict = result_plain(RESULT_NOT_ALLOWED);
    }
    if (verdict.code == RESULT_OK) {
        record_list_remove(&ruling->subject->disputes, sizeof(struct dispute), index);
    }
    *result = verdict;
    return TALLY_OK;
}

int statement_rule(const struct ruling *ruling, struct event_result *result)
{
    struct credit_target target;

    if (ruling->header->has_target) return find_known_target(ruling, &target, result);
    *result = result_plain(RESULT_OK);
    return TALLY_OK;
}
