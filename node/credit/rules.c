#include "node/credit/rules.h"

#include "node/credit/rules_internal.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/event_facts.h"
#include "proto/codec/subject_scheme.h"

/* ---- What the rules share ---- */

struct event_result result_plain(enum result_code code)
{
    return (struct event_result){.code = (uint16_t)code};
}

struct event_result result_naming(enum result_code code, const struct digest *id)
{
    struct event_result result = result_plain(code);

    result.detail_size = DIGEST_SIZE;
    memcpy(result.detail, id->bytes, DIGEST_SIZE);
    return result;
}

int32_t day_of_ms(uint64_t time_ms)
{
    uint64_t day = time_ms / MS_PER_DAY;

    return day < DATE_MAX ? (int32_t)day : DATE_MAX;
}

int32_t ruling_day(const struct ruling *ruling)
{
    return day_of_ms(ruling->block_time_ms);
}

/* The day that has begun somewhere on earth. */
bool ruling_date_is_future(const struct ruling *ruling)
{
    return ruling->header->event_date > ruling_day(ruling) + 1;
}

bool credit_result_folds(enum event_type type, uint32_t code)
{
    if (type == EVENT_RESERVE && (code == RESULT_REFUSED_CAP || code == RESULT_REFUSED_COOLING_OFF)) {
        return true;
    }
    return code == RESULT_OK || (type == EVENT_INQUIRY && code == RESULT_NO_CONSENT);
}

/* ---- Who may do what ---- */

static bool role_furnishes(uint32_t role)
{
    return role == ROLE_LENDER || role == ROLE_BUREAU;
}

static bool role_asks(uint32_t role)
{
    return role_furnishes(role) || role == ROLE_REGULATOR;
}

bool credit_role_may(uint32_t role, enum event_type type)
{
    if (event_type_has_account(type) || type == EVENT_RESERVE || type == EVENT_RESERVE_CANCEL) {
        return role_furnishes(role);
    }
    return role_asks(role);
}

/* "CONSENT_GRANT (by the grantee or a bureau)." */
static bool grant_is_allowed(const struct ruling *ruling, uint32_t role)
{
    const struct event_header *header = ruling->header;
    uint32_t grantee_role = ruling->read->member_role(ruling->read->context, header->grantee);

    return (header->grantee == header->member_id || role == ROLE_BUREAU) && role_asks(grantee_role) &&
           (header->purposes & ~ruling->policy->purposes) == 0;
}

static bool inquiry_is_allowed(const struct ruling *ruling, uint32_t role)
{
    const struct event_header *header = ruling->header;

    if (header->subject_scheme == SUBJECT_SCHEME_BLOCKS && role != ROLE_REGULATOR) return false;
    return credit_policy_allows_purpose(ruling->policy, header->purpose) &&
           (header->has_consent || credit_policy_allows_basis(ruling->policy, role, header->legal_basis));
}

/* What is said by the header, the roles and the policy alone: the same for every subject. */
static bool is_allowed(const struct ruling *ruling)
{
    const struct credit_read *read = ruling->read;
    const struct event_header *header = ruling->header;
    uint32_t role = read->member_role(read->context, header->member_id);

    if (!event_type_name(header->type) || header->has_account != event_type_has_account(header->type)) {
        return false;
    }
    if (!credit_role_may(role, header->type)) return false;
    if (header->type == EVENT_CONSENT_GRANT) return grant_is_allowed(ruling, role);
    if (header->type == EVENT_INQUIRY) return inquiry_is_allowed(ruling, role);
    if (header->type == EVENT_TRANSFER) {
        return role_furnishes(read->member_role(read->context, header->transferee));
    }
    return true;
}

/* ---- Events without an account ---- */

/* An item id is its member's, whatever the subject, and is used up by what is folded. The same event again is
 * a success only where it was one. */
static int rule_on_item(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct credit_item item;
    int error = ruling->read->item_event(ruling->read->context, header->member_id, header->item_id, &item);

    *result = result_plain(RESULT_OK);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error) return error;
    bool again = item.applied && digest_equal(&item.event_id, ruling->event_id);
    *result = again ? result_plain(RESULT_DUPLICATE) : result_naming(RESULT_ITEM_TAKEN, &item.event_id);
    return TALLY_OK;
}

static int rule_on_item_type(const struct ruling *ruling, struct event_result *result)
{
    switch (ruling->header->type) {
    case EVENT_RESERVE:
        return reserve_rule(ruling, result);
    case EVENT_RESERVE_CANCEL:
        reserve_cancel_rule(ruling, result);
        return TALLY_OK;
    case EVENT_CONSENT_GRANT:
        return consent_grant_rule(ruling, result);
    case EVENT_CONSENT_REVOKE:
        consent_revoke_rule(ruling, result);
        return TALLY_OK;
    case EVENT_INQUIRY:
        inquiry_rule(ruling, result);
        return TALLY_OK;
    case EVENT_DISPUTE_OPEN:
        return dispute_open_rule(ruling, result);
    case EVENT_DISPUTE_ANSWER:
        return dispute_answer_rule(ruling, result);
    case EVENT_DISPUTE_CLOSE:
        return dispute_close_rule(ruling, result);
    case EVENT_STATEMENT:
        return statement_rule(ruling, result);
    case EVENT_ACCOUNT_OPEN:
    case EVENT_DISBURSE:
    case EVENT_PERIOD_REPORT:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
    case EVENT_CORRECT:
    case EVENT_RETRACT:
        break;
    }
    CHECK_UNREACHABLE();
}

static int item_rule(const struct ruling *ruling, struct event_result *result)
{
    struct subject_state *subject = ruling->subject;
    const struct event_header *header = ruling->header;
    int error = rule_on_item(ruling, result);

    if (error || result->code != RESULT_OK) return error;
    if (ruling_date_is_future(ruling)) {
        *result = result_plain(RESULT_FUTURE_DATE);
        return TALLY_OK;
    }
    if (subject->item_count == UINT32_MAX) {
        *result = result_plain(RESULT_ACCOUNT_LIMIT);
        return TALLY_OK;
    }
    error = rule_on_item_type(ruling, result);
    if (error || !credit_result_folds(header->type, result->code)) return error;
    subject->item_count++;
    struct event_facts facts = event_facts_of(header);
    subject->item_ids = event_facts_item_step(&subject->item_ids, ruling->event_id, &facts, result->code);
    return TALLY_OK;
}

int credit_apply(const struct credit_read *read, struct subject_state *subject,
    const struct event_header *header, const struct digest *event_id, uint64_t block_time_ms,
    struct event_result *result)
{
    const struct ruling ruling = {read, read->policy, subject, header, event_id, block_time_ms};
    struct event_result verdict = result_plain(RESULT_NOT_ALLOWED);
    int error = TALLY_OK;

    if (is_allowed(&ruling)) {
        error = header->has_account ? account_rule(&ruling, &verdict) : item_rule(&ruling, &verdict);
    }
    if (!error) *result = verdict;
    return error;
}
