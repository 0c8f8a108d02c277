/* What a report leaves out, because the years are over for which the policy lets it be shown: late months, an
 * account that was charged off, and what was put right since. A report then looks as if it had not been
 * reported; the file holds it for good, and proves it.
 *
 * Nothing recent may vanish for what is said of it elsewhere: each late month has its own clock, a date that
 * a furnisher gives moves none of them forward past what the ledger holds, and what is not known to be good
 * ends no run. Only a charge-off counts from the delinquency that led to it. */
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/report_model.h"

static bool is_known(const struct report_month *month)
{
    return month->place != NO_PLACE && !month->is_unread && month->has_days;
}

static bool is_late(const struct report_month *month)
{
    return is_known(month) && month->days_past_due > 0;
}

static int32_t later(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static bool is_over(const struct report *report, int32_t began, const int32_t *ended)
{
    int32_t last_day;
    int error = credit_retention_end(report->policy, began, ended, &last_day);
    return error == TALLY_OK && report->as_of_day > last_day;
}

static int32_t date_of(const struct report *report, uint32_t place)
{
    return report->list->events[place].header.event_date;
}

static int32_t period_end(uint32_t period)
{
    int year = (int)(period / 100), month = (int)(period % 100);
    return date_from_civil(year, month, date_days_in_month(year, month));
}

static int32_t month_end(const struct report_account *account, uint32_t i)
{
    return period_end(period_from_index(account->month_first + i));
}

/* ---- Charge-offs ---- */

/* It lasts until the account is closed, or a later month is reported without a balance. */
static bool charge_off_end(const struct report *report, const struct report_account *account, int32_t *ended)
{
    int32_t date = date_of(report, account->charge_off);
    if (account->end != NO_PLACE && report->list->events[account->end].header.type == EVENT_CLOSE) {
        *ended = later(date, date_of(report, account->end));
        return true;
    }
    for (uint32_t i = 0; i < account->month_count; i++) {
        const struct report_month *month = &account->months[i];
        bool is_paid = is_known(month) && month->has_amounts && month->balance_minor <= 0 && !is_late(month);
        if (!is_paid || month_end(account, i) < date) continue;
        *ended = later(month_end(account, i), date_of(report, month->place));
        return true;
    }
    return false;
}

/* The first day of the delinquency that led to it: of the months that were known to be late one after another
 * up to it, or as its own report says, between the opening and the charge-off. */
static int32_t charge_off_began(const struct report *report, const struct report_account *account)
{
    int32_t date = date_of(report, account->charge_off), began = date;
    for (uint32_t i = account->month_count; i-- > 0;) {
        if (month_end(account, i) > date) continue;
        if (!is_late(&account->months[i])) break;
        began = month_end(account, i);
    }
    bool is_given = account->has_charge_off_began &&
                    account->charge_off_began >= account->header->event_date &&
                    account->charge_off_began < began;
    return is_given ? account->charge_off_began : began;
}

static bool charge_off_is_over(const struct report *report, const struct report_account *account)
{
    int32_t ended;
    bool has_ended = charge_off_end(report, account, &ended);
    return is_over(report, charge_off_began(report, account), has_ended ? &ended : NULL);
}

/* ---- Late months ---- */

/* When the run that the late month `i` is in ended: with the first month after it that is known to be good,
 * or with the account. One that a charge-off came of ends with that, and a debt that was passed on lasts. */
static bool run_end(
    const struct report *report, const struct report_account *account, uint32_t i, int32_t *ended)
{
    int32_t last_late = month_end(account, i);
    bool is_charged_off = account->charge_off != NO_PLACE;
    for (; i < account->month_count; i++) {
        const struct report_month *month = &account->months[i];
        if (is_late(month)) last_late = month_end(account, i);
        if (!is_known(month) || is_late(month)) continue;
        *ended = later(last_late, date_of(report, month->place));
        if (!is_charged_off || *ended < date_of(report, account->charge_off)) return true;
        break;
    }
    if (is_charged_off) return charge_off_end(report, account, ended);
    if (account->end == NO_PLACE || report->list->events[account->end].header.type != EVENT_CLOSE)
        return false;
    *ended = later(last_late, date_of(report, account->end));
    return true;
}

/* An event of which nothing is shown, not even what was unusual in it. */
static void hide(struct report *report, uint32_t place)
{
    report->past[place] = true;
    report->flags[place] = 0;
}

/* With all that corrects them. */
static void months_hide(struct report *report, struct report_account *account)
{
    const struct event_in_force *events = report->list->events;
    int32_t ended;
    for (uint32_t i = 0; i < account->month_count; i++) {
        if (!is_late(&account->months[i])) continue;
        bool has_ended = run_end(report, account, i, &ended);
        if (is_over(report, month_end(account, i), has_ended ? &ended : NULL))
            hide(report, account->months[i].place);
    }
    for (uint32_t i = account->opening; i != NO_PLACE; i = events[i].account_next)
        if (events[i].original != NO_PLACE && report->past[events[i].original]) hide(report, i);
}

/* A month that is hidden counts as not reported. */
static void months_forget(const struct report *report, struct report_account *account)
{
    account->latest = NO_PLACE;
    for (uint32_t i = 0; i < account->month_count; i++) {
        struct report_month *month = &account->months[i];
        if (month->place != NO_PLACE && report->past[month->place]) month->place = NO_PLACE;
        if (month->place != NO_PLACE) account->latest = account->month_first + i;
    }
}

/* What was retracted or corrected since was an error, and is shown no longer than if it had been right: from
 * the end of its month, or its own day. */
static void struck_hide(struct report *report, const struct report_account *account)
{
    const struct event_in_force *events = report->list->events;
    for (uint32_t i = account->opening; i != NO_PLACE; i = events[i].account_next) {
        bool is_struck = events[i].standing != STANDS_IN_FORCE || events[i].version != i;
        uint32_t original = events[i].original == NO_PLACE ? i : events[i].original;
        const struct event_header *header = &events[original].header;
        int32_t day = header->type == EVENT_PERIOD_REPORT ? period_end(header->period) : header->event_date;
        if (is_struck && is_over(report, day, &day)) report->past[i] = true;
    }
}

void report_retention_apply(struct report *report, struct report_account *account)
{
    account->is_past = account->charge_off != NO_PLACE && charge_off_is_over(report, account);
    if (!account->is_past) {
        months_hide(report, account);
        months_forget(report, account);
        struck_hide(report, account);
        return;
    }
    for (uint32_t i = account->opening; i != NO_PLACE; i = report->list->events[i].account_next)
        hide(report, i);
}
