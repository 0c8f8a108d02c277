#include "node/credit/rules_internal.h"
#include "proto/base/amount.h"
#include "proto/base/check.h"

/* "Live is a function of block time: no sweeps." */
static bool is_live(const struct reservation *reservation, uint64_t block_time_ms)
{
    return reservation->expires_ms > block_time_ms;
}

static struct event_result refused(enum result_code code, enum refusal_reason reason)
{
    struct event_result result = result_plain(code);

    result.detail_size = 1;
    result.detail[0] = (uint8_t)reason;
    return result;
}

/* ---- What there is in the file ---- */

static uint32_t live_count(const struct ruling *ruling)
{
    const struct subject_state *subject = ruling->subject;
    uint32_t count = 0;

    for (uint32_t i = 0; i < subject->reservations.count; i++)
        count += is_live(reservation_at(subject, i), ruling->block_time_ms);
    return count;
}

static uint32_t active_count(const struct subject_state *subject)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < subject->account_count; i++)
        count += account_is_active(&subject->accounts[i]);
    return count;
}

static bool holds_active_account(const struct subject_state *subject, uint32_t member_id)
{
    for (uint32_t i = 0; i < subject->account_count; i++) {
        const struct account *account = &subject->accounts[i];
        if (account->member_id == member_id && account_is_active(account)) return true;
    }
    return false;
}

/* Whether the member has a live reservation among the first `count`. */
static bool holds_live_reservation(const struct ruling *ruling, uint32_t member_id, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct reservation *reservation = reservation_at(ruling->subject, i);
        if (reservation->member_id == member_id && is_live(reservation, ruling->block_time_ms)) return true;
    }
    return false;
}

/* Members that lend to the subject, or are about to: the one that asks is one of them. */
static uint32_t lender_count(const struct ruling *ruling)
{
    const struct subject_state *subject = ruling->subject;
    uint32_t member_id = ruling->header->member_id, before = 0, count = 1;

    for (uint32_t i = 0; i < subject->account_count; i++) {
        const struct account *account = &subject->accounts[i];
        if (!account_is_active(account) || account->member_id == member_id || account->member_id == before) {
            continue;
        }
        before = account->member_id; /* accounts stand by member, so the same one's follow each other */
        count++;
    }
    for (uint32_t i = 0; i < subject->reservations.count; i++) {
        const struct reservation *reservation = reservation_at(subject, i);
        if (!is_live(reservation, ruling->block_time_ms) || reservation->member_id == member_id) continue;
        if (holds_active_account(subject, reservation->member_id)) continue;
        count += !holds_live_reservation(ruling, reservation->member_id, i);
    }
    return count;
}

/* An amount that no longer fits is larger than any cap. */
static void add(int64_t *total_minor, int64_t minor)
{
    if (amount_add(*total_minor, minor, total_minor) != TALLY_OK) *total_minor = INT64_MAX;
}

/* Of live reservations and of active accounts under an authorization, in the event's currency. */
static int64_t reserved_total(const struct ruling *ruling)
{
    const struct subject_state *subject = ruling->subject;
    uint32_t currency = ruling->header->currency;
    int64_t total_minor = 0;

    for (uint32_t i = 0; i < subject->reservations.count; i++) {
        const struct reservation *reservation = reservation_at(subject, i);
        if (reservation->currency == currency && is_live(reservation, ruling->block_time_ms)) {
            add(&total_minor, reservation->amount_minor);
        }
    }
    for (uint32_t i = 0; i < subject->account_count; i++) {
        const struct account *account = &subject->accounts[i];
        if (account->currency == currency && account_is_active(account)) {
            add(&total_minor, account->reserved_minor);
        }
    }
    return total_minor;
}

/* ---- RESERVE, by its checks in their order ---- */

/* The life it asks for is neither over nor longer than the policy's. */
static bool life_fits(const struct ruling *ruling)
{
    uint64_t expires_ms = ruling->header->expires_ms;

    return expires_ms > ruling->block_time_ms &&
           expires_ms - ruling->block_time_ms <= ruling->policy->reservation_life_ms_max;
}

static bool amount_fits(const struct ruling *ruling)
{
    const struct amount_cap *cap = credit_policy_amount_cap(ruling->policy, ruling->header->currency);
    int64_t total_minor;

    if (!cap) return true;
    if (!ruling->header->has_amount) return false;
    total_minor = reserved_total(ruling);
    add(&total_minor, ruling->header->amount_minor);
    return total_minor <= cap->minor;
}

/* An account that was opened by mistake was no lending. */
static bool has_cooled_off(const struct ruling *ruling)
{
    int64_t day = ruling_day(ruling);

    for (uint32_t i = 0; i < ruling->subject->account_count; i++) {
        const struct account *account = &ruling->subject->accounts[i];
        if (account->state == ACCOUNT_STATE_VOID) continue;
        if (day < account->opened_day + (int64_t)ruling->policy->cooling_off_days) return false;
    }
    return true;
}

/* "Applying it checks the policy in ledger order: live reservations, active lenders and accounts of S,
 * cooling-off since the last opening, total by currency of live reservations and authorised open accounts."
 */
static struct event_result rule_on_reserve(const struct ruling *ruling)
{
    const struct credit_policy *policy = ruling->policy;
    uint32_t live = live_count(ruling);

    if (!life_fits(ruling)) return refused(RESULT_REFUSED_CAP, REFUSAL_LIFE);
    if (live >= RESERVATIONS_PER_SUBJECT_MAX ||
        (policy->live_reservations_max > 0 && live >= policy->live_reservations_max)) {
        return refused(RESULT_REFUSED_CAP, REFUSAL_RESERVATIONS);
    }
    if (policy->lenders_max > 0 && lender_count(ruling) > policy->lenders_max) {
        return refused(RESULT_REFUSED_CAP, REFUSAL_LENDERS);
    }
    if (policy->accounts_max > 0 && active_count(ruling->subject) + live >= policy->accounts_max) {
        return refused(RESULT_REFUSED_CAP, REFUSAL_ACCOUNTS);
    }
    if (!has_cooled_off(ruling)) return result_plain(RESULT_REFUSED_COOLING_OFF);
    if (!amount_fits(ruling)) return refused(RESULT_REFUSED_CAP, REFUSAL_AMOUNT);
    return result_plain(RESULT_OK);
}

static void drop_lapsed(const struct ruling *ruling)
{
    struct record_list *list = &ruling->subject->reservations;

    for (uint32_t i = list->count; i > 0; i--) {
        if (is_live(reservation_at(ruling->subject, i - 1), ruling->block_time_ms)) continue;
        record_list_remove(list, sizeof(struct reservation), i - 1);
    }
}

/* Lapsed reservations make room when one is added, and only then: an event that is refused leaves no trace
 * here. */
int reserve_rule(const struct ruling *ruling, struct event_result *result)
{
    const struct event_header *header = ruling->header;
    struct record_list *list = &ruling->subject->reservations;
    struct event_result verdict = rule_on_reserve(ruling);

    if (verdict.code == RESULT_OK) {
        struct reservation reservation = {
            .id = *ruling->event_id,
            .member_id = header->member_id,
            .account_type = (enum account_type)header->account_type,
            .currency = header->currency,
            .has_amount = header->has_amount,
            .amount_minor = header->amount_minor,
            .expires_ms = header->expires_ms,
        };
        int error = record_list_reserve(list, sizeof(reservation), live_count(ruling) + 1);
        if (error) return error;
        drop_lapsed(ruling);
        error = record_list_add(list, sizeof(reservation), RESERVATIONS_PER_SUBJECT_MAX, &reservation);
        CHECK(error == TALLY_OK);
    }
    *result = verdict;
    return TALLY_OK;
}

/* ---- Its end ---- */

/* The member's own live reservation of this id. To any other member it does not exist. */
static const struct reservation *own_live(
    const struct ruling *ruling, const struct digest *id, uint32_t *index)
{
    const struct reservation *reservation =
        record_list_find(&ruling->subject->reservations, sizeof(struct reservation), id, index);

    if (!reservation || reservation->member_id != ruling->header->member_id) return NULL;
    return is_live(reservation, ruling->block_time_ms) ? reservation : NULL;
}

void reserve_cancel_rule(const struct ruling *ruling, struct event_result *result)
{
    uint32_t index;

    if (!own_live(ruling, &ruling->header->reservation, &index)) {
        *result = result_plain(RESULT_NO_TARGET);
        return;
    }
    record_list_remove(&ruling->subject->reservations, sizeof(struct reservation), index);
    *result = result_plain(RESULT_OK);
}

/* "Same member, subject, type and currency, amount at most the reserved." An opening that says no amount
 * takes the reserved one. */
struct event_result authorization_rule(const struct ruling *ruling, uint32_t *index)
{
    const struct event_header *header = ruling->header;
    const struct reservation *reservation = own_live(ruling, &header->authorization, index);

    if (!reservation) return result_plain(RESULT_NO_AUTHORIZATION);
    bool amount_fits =
        !reservation->has_amount || !header->has_amount || header->amount_minor <= reservation->amount_minor;
    bool same = (uint32_t)reservation->account_type == header->account_type &&
                reservation->currency == header->currency;
    return result_plain(same && amount_fits ? RESULT_OK : RESULT_AUTHORIZATION_MISMATCH);
}
