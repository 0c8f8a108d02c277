#include "node/credit/rules_internal.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/event_facts.h"

static struct event_result result_gap(uint32_t expected_seq, const struct digest *head)
{
    struct event_result result = result_plain(RESULT_GAP);

    result.detail_size = 4 + DIGEST_SIZE;
    put_u32(result.detail, expected_seq);
    memcpy(result.detail + 4, head->bytes, DIGEST_SIZE);
    return result;
}
_Static_assert(4 + DIGEST_SIZE <= RESULT_DETAIL_SIZE_MAX, "a gap's detail fits");

/* ---- The rules, in their order. Each sets *result when it refuses and leaves RESULT_OK otherwise. ---- */

/* "Refused by every validator: an event by a member that is not the account's holder; a subject that is not
 * the account's." For an account that this subject does not have with this member. */
static int rule_on_stranger(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct digest owner;
    int error =
        ruling->read->account_subject(ruling->read->context, header->member_id, header->account_ref, &owner);

    if (error && error != TALLY_ENOTFOUND) return error;
    if (!error) {
        /* The file and the index are written together: the index cannot know an account its own file lacks.
         */
        if (digest_equal(&owner, &header->subject_id)) return TALLY_EDAMAGED;
        *result = result_plain(RESULT_WRONG_SUBJECT);
    } else if (header->type != EVENT_ACCOUNT_OPEN &&
               subject_state_ref_elsewhere(ruling->subject, header->member_id, header->account_ref)) {
        *result = result_plain(RESULT_NOT_HOLDER);
    }
    return TALLY_OK;
}

/* "The same event again is DUPLICATE, another event at a taken seq is CONFLICT and names the winner, a gap is
 * GAP and says which seq and head it expects." `account` is NULL before the opening. */
static int rule_on_chain(
    const struct ruling *ruling, const struct account *account, struct event_result *result)
{
    static const struct digest no_head = {{0}};
    const struct event_header *header = ruling->header;
    uint32_t next_seq = account ? account->next_seq : 0;
    const struct digest *head = account ? &account->head : &no_head;

    if (header->account_seq < next_seq) {
        struct digest winner;
        int error = ruling->read->account_event(
            ruling->read->context, header->member_id, header->account_ref, header->account_seq, &winner);
        if (error) return error;
        *result = digest_equal(&winner, ruling->event_id) ? result_plain(RESULT_DUPLICATE)
                                                          : result_naming(RESULT_CONFLICT, &winner);
    } else if (header->account_seq > next_seq || !digest_equal(&header->account_prev, head)) {
        *result = result_gap(next_seq, head);
    }
    return TALLY_OK;
}

static struct event_result rule_on_life(
    const struct ruling *ruling, const struct account *account, const struct credit_rule *rule)
{
    const struct event_header *header = ruling->header;

    if (ruling_date_is_future(ruling)) return result_plain(RESULT_FUTURE_DATE);
    if (rule->code != RESULT_OK) return result_plain(rule->code);
    if (!account) return result_plain(RESULT_OK);
    bool instalment = account->type == ACCOUNT_INSTALMENT;
    if ((rule->needs_revolving || (rule->needs_disbursement && account->disbursements == 0)) && instalment) {
        return result_plain(RESULT_WRONG_STATE);
    }
    if (header->type == EVENT_STATUS && header->new_state != (uint32_t)rule->next) {
        return result_plain(RESULT_WRONG_STATE);
    }
    if (header->type == EVENT_PERIOD_REPORT && account_period_is_set(account, header->period)) {
        return result_plain(RESULT_PERIOD_TAKEN);
    }
    return result_plain(RESULT_OK);
}

/* ---- Openings ---- */

/* "TRANSFER names the transferee; the account counts as active until the linked opening: once, same subject
 * and currency, no reservation." To any other member the transfer does not exist. A reservation beside it
 * would let a small one stand for what a large loan counts. */
static struct event_result rule_on_take_over(const struct ruling *ruling)
{
    const struct event_header *header = ruling->header;
    const struct account *from = subject_state_transferred(ruling->subject, &header->transfer_of);

    if (!from || from->transferee != header->member_id) return result_plain(RESULT_NO_TARGET);
    if (from->taken_over) return result_plain(RESULT_STALE_TARGET);
    if (header->has_authorization || from->currency != header->currency) {
        return result_plain(RESULT_AUTHORIZATION_MISMATCH);
    }
    return result_plain(RESULT_OK);
}

/* "ACCOUNT_OPEN names a live authorization where the policy demands one." One that is named is used up,
 * whether the policy demands it or not. */
static struct event_result rule_on_opening(const struct ruling *ruling, uint32_t *reservation)
{
    const struct event_header *header = ruling->header;
    bool demanded = ruling->block_time_ms >= ruling->policy->authorization_from_ms;

    if (header->has_transfer_of) return rule_on_take_over(ruling);
    if (header->has_authorization) return authorization_rule(ruling, reservation);
    return result_plain(demanded ? RESULT_NO_AUTHORIZATION : RESULT_OK);
}

/* The account's events are one more. */
static void take_event(const struct ruling *ruling, struct account *account)
{
    struct event_facts facts = event_facts_of(ruling->header);

    account->next_seq++;
    account->head = *ruling->event_id;
    account->ids = event_facts_account_step(&account->ids, ruling->event_id, &facts);
}

static struct account account_opened(const struct ruling *ruling)
{
    const struct event_header *header = ruling->header;
    struct account account = {
        .member_id = header->member_id,
        .state = ACCOUNT_STATE_OPEN,
        .type = (enum account_type)header->account_type,
        .product = header->product,
        .currency = header->currency,
        .opened_day = header->event_date,
        .in_force = 1,
    };

    take_event(ruling, &account);
    memcpy(account.ref, header->account_ref, ACCOUNT_REF_SIZE);
    return account;
}

/* What an account has from where it comes: the loan behind a transfer was lent before, and is not lent again;
 * a loan under an authorization was lent at this block, whatever date its lender gives it. */
static void account_inherit(
    const struct ruling *ruling, const struct reservation *reservation, struct account *account)
{
    const struct event_header *header = ruling->header;

    if (header->has_transfer_of) {
        const struct account *from = subject_state_transferred(ruling->subject, &header->transfer_of);
        account->opened_day = from->opened_day;
        account->reserved_minor = from->reserved_minor;
        account->disbursements = from->disbursements > 0 ? 1 : 0;
    }
    if (reservation) {
        account->opened_day = ruling_day(ruling);
        account->reserved_minor = header->has_amount ? header->amount_minor : reservation->amount_minor;
    }
}

/* One member alone cannot fill a file, in which then nobody else could ever open an account. */
static bool holds_too_many(const struct ruling *ruling)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ruling->subject->account_count; i++)
        count += ruling->subject->accounts[i].member_id == ruling->header->member_id;
    return count >= ACCOUNTS_PER_HOLDER_MAX;
}

static int carry_out_opening(const struct ruling *ruling, uint32_t reservation, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct account account = account_opened(ruling);

    account_inherit(
        ruling, header->has_authorization ? reservation_at(ruling->subject, reservation) : NULL, &account);
    int error = holds_too_many(ruling) ? TALLY_ELIMIT : subject_state_add(ruling->subject, &account);
    if (error == TALLY_ELIMIT) {
        *result = result_plain(RESULT_ACCOUNT_LIMIT);
        return TALLY_OK;
    }
    if (error) return error;
    if (header->has_authorization) {
        record_list_remove(&ruling->subject->reservations, sizeof(struct reservation), reservation);
    }
    if (header->has_transfer_of) {
        subject_state_transferred(ruling->subject, &header->transfer_of)->taken_over = true;
    }
    *result = result_plain(RESULT_OK);
    return TALLY_OK;
}

static int open_account(const struct ruling *ruling, struct event_result *result)
{
    uint32_t reservation = 0;
    struct event_result verdict = rule_on_opening(ruling, &reservation);

    if (verdict.code == RESULT_OK) return carry_out_opening(ruling, reservation, result);
    *result = verdict;
    return TALLY_OK;
}

/* ---- All other types ---- */

static bool is_remedy(enum event_type type)
{
    return type == EVENT_CORRECT || type == EVENT_RETRACT;
}

/* What the event itself does; RETRACT does what its target undoes. */
static int carry_out_type(const struct ruling *ruling, struct account *account,
    const struct credit_rule *rule, const struct credit_target *target)
{
    const struct event_header *header = ruling->header;

    if (header->type == EVENT_RETRACT) return remedy_take_back(ruling->subject, account, target);
    if (header->type == EVENT_PERIOD_REPORT) {
        int error = account_period_set(account, header->period);
        if (error) return error;
    }
    if (header->type == EVENT_DISBURSE) account->disbursements++;
    if (header->type == EVENT_TRANSFER) account->transferee = header->transferee;
    if (rule->next != account->state) account_turn_take(account, rule->next, ruling->event_id);
    if (!is_remedy(header->type)) account->in_force++;
    return TALLY_OK;
}

static int continue_account(const struct ruling *ruling, struct account *account,
    const struct credit_rule *rule, struct event_result *result)
{
    struct event_result verdict = result_plain(RESULT_OK);
    struct credit_target target = {0};
    int error = TALLY_OK;

    if (is_remedy(ruling->header->type)) error = remedy_target_rule(ruling, account, &target, &verdict);
    if (error) return error;
    if (verdict.code == RESULT_OK) {
        error =
            account->next_seq == UINT32_MAX ? TALLY_ELIMIT : carry_out_type(ruling, account, rule, &target);
        if (error && error != TALLY_ELIMIT) return error;
        if (error) verdict = result_plain(RESULT_ACCOUNT_LIMIT);
    }
    *result = verdict;
    if (verdict.code != RESULT_OK) return TALLY_OK;
    take_event(ruling, account);
    return TALLY_OK;
}

int account_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct event_result verdict = result_plain(RESULT_OK);
    struct account *account = subject_state_account(ruling->subject, header->member_id, header->account_ref);
    int error = account ? TALLY_OK : rule_on_stranger(ruling, &verdict);

    if (!error && verdict.code == RESULT_OK) error = rule_on_chain(ruling, account, &verdict);
    if (error) return error;
    const struct credit_rule *rule = credit_rule(account ? account->state : ACCOUNT_STATE_NONE, header->type);
    CHECK(rule);
    if (verdict.code == RESULT_OK) verdict = rule_on_life(ruling, account, rule);
    if (verdict.code != RESULT_OK) {
        *result = verdict;
        return TALLY_OK;
    }
    return account ? continue_account(ruling, account, rule, result) : open_account(ruling, result);
}
