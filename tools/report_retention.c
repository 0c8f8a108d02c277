/* What a policy no longer lets a report show of an account: a run of late months, or a charge-off, whose
 * years are over. The file holds it for good, and proves it; a reader is not to act on it any more. */
#include "proto/base/check.h"
#include "tools/report_model.h"

/* A bad event: late months from `first` up to, not including, `next` (indexes of account->months). */
struct bad_event {
    uint32_t first, next;
    int32_t began;
    const int32_t *ended; /* NULL while it lasts */
};

static bool is_known(const struct report_month *month)
{
    return month->place != NO_PLACE && !month->is_unread && month->has_days;
}

static bool is_late(const struct report_month *month)
{
    return is_known(month) && month->days_past_due > 0;
}

static bool is_over(const struct report *report, int32_t began, const int32_t *ended)
{
    int32_t last_day;
    int error = credit_retention_end(report->policy, began, ended, &last_day);
    return error == TALLY_OK && report->as_of_day > last_day;
}

static int32_t event_date(const struct report *report, uint32_t place)
{
    return report->list->events[place].header.event_date;
}

/* What ends a bad event that no better month ends: that the account was closed. A debt that was passed on
 * lasts. */
static const int32_t *closed_on(const struct report *report, const struct report_account *account)
{
    if (account->end == NO_PLACE) return NULL;
    const struct event_header *end = &report->list->events[account->end].header;
    return end->type == EVENT_CLOSE ? &end->event_date : NULL;
}

/* The run that begins with the late month `first`: up to the first month that is known not to be late. A
 * month without a report, or with one that cannot be read, does not end it. */
static struct bad_event run_from(
    const struct report *report, const struct report_account *account, uint32_t first)
{
    const struct report_month *months = account->months;
    struct bad_event run = {first, first + 1, event_date(report, months[first].place), NULL};
    while (run.next < account->month_count && (!is_known(&months[run.next]) || is_late(&months[run.next])))
        run.next++;
    for (uint32_t i = first; i < run.next; i++)
        if (is_late(&months[i]) && months[i].has_began && months[i].began < run.began)
            run.began = months[i].began;
    run.ended = run.next < account->month_count
                    ? &report->list->events[months[run.next].place].header.event_date
                    : closed_on(report, account);
    return run;
}

static void hide(struct report *report, uint32_t place)
{
    report->past[place] = true;
    report->flags[place] = 0;
}

static void run_hide(struct report *report, const struct report_account *account, const struct bad_event *run)
{
    for (uint32_t i = run->first; i < run->next; i++) {
        if (!is_late(&account->months[i])) continue;
        hide(report, account->months[i].place);
        report->past_months++;
    }
}

/* A charge-off goes on until the account is closed, and began with the delinquency that led to it. */
static bool charge_off_is_over(
    const struct report *report, const struct report_account *account, const struct bad_event *led_to_it)
{
    int32_t date = event_date(report, account->charge_off);
    int32_t began = account->has_charge_off_began ? account->charge_off_began : date;
    if (led_to_it->next > 0 && led_to_it->began < began) began = led_to_it->began;
    return is_over(report, began, closed_on(report, account));
}

bool report_is_past(const struct report *report, uint32_t place)
{
    uint32_t original = report->list->events[place].original;
    return report->past[place] || (original != NO_PLACE && report->past[original]);
}

void report_retention_apply(struct report *report, struct report_account *account)
{
    bool is_charged_off = account->charge_off != NO_PLACE;
    int32_t charged_off_on = is_charged_off ? event_date(report, account->charge_off) : 0;
    struct bad_event led_to_it = {0, 0, 0, NULL};
    for (uint32_t i = 0; i < account->month_count; i++) {
        if (!is_late(&account->months[i])) continue;
        struct bad_event run = run_from(report, account, i);
        i = run.next - 1;
        bool reaches_charge_off = is_charged_off && (run.ended == NULL || *run.ended >= charged_off_on);
        if (reaches_charge_off && led_to_it.next == 0 && run.began <= charged_off_on) led_to_it = run;
        if (reaches_charge_off) run.ended = closed_on(report, account);
        if (is_over(report, run.began, run.ended)) run_hide(report, account, &run);
    }
    account->is_past = is_charged_off && charge_off_is_over(report, account, &led_to_it);
    if (!account->is_past) return;
    report->past_accounts++;
    for (uint32_t i = account->opening; i != NO_PLACE; i = report->list->events[i].account_next)
        hide(report, i);
}
