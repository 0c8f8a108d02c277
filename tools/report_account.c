/* One account after another, from its events in their order. What was retracted or is a remedy itself is
 * passed over, and of what was corrected the body in force is read. */
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/report_model.h"

/* What is at hand while the accounts are made. */
struct making {
    struct report *report;
    struct arena *arena;
    struct event_body *body; /* of the event at hand, as it is in force */
};

static int account_make(struct making *making, uint32_t opening, struct report_account *account);
static int event_take(struct making *making, uint32_t place, struct report_account *account);
static void jumps_flag(struct report *report, const struct report_account *account);

int report_accounts_make(struct report *report, struct arena *arena)
{
    const struct in_force *list = report->list;
    struct making making = {report, arena, arena_take(arena, sizeof *making.body)};
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->events[i].account == i && list->events[i].header.type == EVENT_ACCOUNT_OPEN;
    report->accounts = arena_take_zeroed(arena, count, sizeof *report->accounts);
    if (report->accounts == NULL || making.body == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->events[i].account != i || list->events[i].header.type != EVENT_ACCOUNT_OPEN) continue;
        int error = account_make(&making, i, &report->accounts[report->account_count]);
        if (error != TALLY_OK) return error;
        report->account_count += !report->accounts[report->account_count].is_past;
    }
    return TALLY_OK;
}

static bool holds(const struct event_in_force *event)
{
    bool is_remedy = event->header.type == EVENT_CORRECT || event->header.type == EVENT_RETRACT;
    return !is_remedy && (event->standing == STANDS_IN_FORCE || event->standing == STANDS_CORRECTED);
}

static uint32_t month_of_date(int32_t date)
{
    int year, month, day;
    date_to_civil(date, &year, &month, &day);
    return (uint32_t)(year - 1900) * 12 + (uint32_t)month - 1;
}

/* Room for the months from the first that is reported to the last; the oldest are left out where an account
 * has more than the rules let it have. */
static int months_make(struct making *making, struct report_account *account)
{
    const struct event_in_force *events = making->report->list->events;
    uint32_t first = UINT32_MAX, last = 0;
    for (uint32_t i = account->opening; i != NO_PLACE; i = events[i].account_next) {
        if (events[i].header.type != EVENT_PERIOD_REPORT || !holds(&events[i])) continue;
        uint32_t index = period_index(events[i].header.period);
        if (index < first) first = index;
        if (index > last) last = index;
    }
    if (first == UINT32_MAX) return TALLY_OK;
    if (last - first >= PERIODS_PER_ACCOUNT_MAX) first = last - PERIODS_PER_ACCOUNT_MAX + 1;
    account->months = arena_take_zeroed(making->arena, last - first + 1, sizeof *account->months);
    if (account->months == NULL) return TALLY_ENOMEM;
    account->month_first = first;
    account->month_count = last - first + 1;
    account->latest = last;
    for (uint32_t i = 0; i < account->month_count; i++)
        account->months[i].place = NO_PLACE;
    return TALLY_OK;
}

/* The grid ends with the last month of which anything is known, and not after the checkpoint. */
static uint32_t grid_end(const struct report *report, const struct report_account *account)
{
    uint32_t now = month_of_date(report->as_of_day), last = month_of_date(account->header->event_date);
    if (account->latest != NO_PLACE && account->latest > last) last = account->latest;
    if (account->end != NO_PLACE) {
        uint32_t end = month_of_date(report->list->events[account->end].header.event_date);
        if (end > last) last = end;
    }
    return last < now ? last : now;
}

/* "The account counts as active until the linked opening." */
static bool was_taken_over(const struct report *report, uint32_t transfer)
{
    const struct event_in_force *events = report->list->events;
    for (uint32_t i = events[transfer].first_about; i != NO_PLACE; i = events[i].next_about) {
        if (events[i].header.type == EVENT_ACCOUNT_OPEN && holds(&events[i])) return true;
    }
    return false;
}

static bool is_active(const struct report *report, const struct report_account *account)
{
    const struct account as_ruled = {
        .state = account->state,
        .taken_over = account->state == ACCOUNT_STATE_TRANSFERRED && was_taken_over(report, account->end),
    };
    return account_is_active(&as_ruled);
}

static int account_make(struct making *making, uint32_t opening, struct report_account *account)
{
    const struct event_in_force *events = making->report->list->events;
    *account = (struct report_account){
        .opening = opening,
        .header = &events[opening].header,
        .currency = currency_by_numeric(events[opening].header.currency),
        .state = ACCOUNT_STATE_VOID,
        .end = NO_PLACE,
        .charge_off = NO_PLACE,
        .last_payment = NO_PLACE,
        .latest = NO_PLACE,
    };
    int error = months_make(making, account);
    for (uint32_t i = opening; i != NO_PLACE && error == TALLY_OK; i = events[i].account_next) {
        if (holds(&events[i])) error = event_take(making, i, account);
        if (events[i].is_mismatched) making->report->flags[i] |= FLAG_OTHER_TYPE;
    }
    if (error != TALLY_OK) return error;
    account->is_active = is_active(making->report, account);
    jumps_flag(making->report, account);
    report_retention_apply(making->report, account);
    account->grid_last = grid_end(making->report, account);
    return TALLY_OK;
}

/* ---- Events ---- */

/* The line, as the newest of what says it: by its date, and of one day by the order of the ledger. */
static void limit_take(struct report_account *account, int32_t date, struct optional_amount limit)
{
    if (!limit.present || (account->limit.present && date < account->limit_date)) return;
    account->limit = limit;
    account->limit_date = date;
}

static void opening_take(struct report_account *account, const struct event_body *body)
{
    account->state = ACCOUNT_STATE_OPEN;
    account->is_open_unread = body == NULL;
    if (body == NULL) return;
    account->principal = body->principal;
    limit_take(account, account->header->event_date, body->limit);
}

static const char *code_keep(struct arena *arena, const char *code)
{
    size_t size = strlen(code) + 1;
    char *kept = arena_take(arena, size);
    if (kept != NULL) memcpy(kept, code, size);
    return kept;
}

static void month_flag(struct making *making, uint32_t place, const struct report_account *account,
    const struct report_month *month)
{
    uint8_t *flags = &making->report->flags[place];
    struct optional_amount limit = month->limit.present ? month->limit : account->limit;
    bool is_line = account->header->account_type == ACCOUNT_REVOLVING && limit.present;
    if (month->has_amounts && is_line && month->balance_minor > limit.minor) *flags |= FLAG_OVER_LIMIT;
    if (month->has_amounts && month->balance_minor < 0) *flags |= FLAG_BELOW_ZERO;
}

static void first_delinquency_flag(struct report *report, uint32_t place,
    const struct report_account *account, const struct event_body *body)
{
    if (body->has_first_delinquency && body->first_delinquency_date < account->header->event_date)
        report->flags[place] |= FLAG_LATE_BEFORE_OPEN;
}

static int report_take(
    struct making *making, uint32_t place, struct report_account *account, const struct event_body *body)
{
    const struct event_header *header = &making->report->list->events[place].header;
    uint32_t index = period_index(header->period);
    if (index < account->month_first) return TALLY_OK;
    struct report_month *month = &account->months[index - account->month_first];
    *month = (struct report_month){.place = place, .is_unread = body == NULL, .code = ""};
    if (body == NULL) return TALLY_OK;
    if (body->reported_code[0] != '\0') month->code = code_keep(making->arena, body->reported_code);
    if (month->code == NULL) return TALLY_ENOMEM;
    month->has_amounts = !body->code_only;
    /* Beside a code, 0 stands for days that the source did not give. */
    month->has_days = body->days_past_due > 0 || body->reported_code[0] == '\0';
    month->days_past_due = body->days_past_due;
    month->balance_minor = body->balance_minor;
    month->paid_minor = body->paid_minor;
    month->past_due = body->past_due;
    month->limit = body->limit;
    month_flag(making, place, account, month);
    first_delinquency_flag(making->report, place, account, body);
    limit_take(account, header->event_date, body->limit);
    return TALLY_OK;
}

/* Facts that come with the type alone. */
static void life_take(uint32_t place, const struct event_header *header, struct report_account *account)
{
    if (header->type == EVENT_STATUS) account->state = (enum account_state)header->new_state;
    if (header->type == EVENT_CHARGE_OFF) {
        account->state = ACCOUNT_STATE_CHARGED_OFF;
        account->charge_off = place;
    }
    if (header->type == EVENT_TRANSFER) account->state = ACCOUNT_STATE_TRANSFERRED;
    if (header->type == EVENT_CLOSE) {
        account->state =
            account->state == ACCOUNT_STATE_CHARGED_OFF ? ACCOUNT_STATE_SETTLED : ACCOUNT_STATE_CLOSED;
    }
    if (header->type == EVENT_TRANSFER || header->type == EVENT_CLOSE) account->end = place;
}
_Static_assert((int)ACCOUNT_STATE_OPEN == 1 && (int)ACCOUNT_STATE_FROZEN == 2, "as a STATUS names them");

static void payment_take(
    struct making *making, uint32_t place, struct report_account *account, const struct event_body *body)
{
    const struct event_in_force *events = making->report->list->events;
    int32_t date = events[place].header.event_date;
    if (account->last_payment != NO_PLACE && events[account->last_payment].header.event_date > date) return;
    account->last_payment = place;
    account->paid_last = (struct optional_amount){body != NULL, body == NULL ? 0 : body->amount_minor};
}

static void charge_off_take(
    struct making *making, uint32_t place, struct report_account *account, const struct event_body *body)
{
    account->charged_off = (struct optional_amount){true, body->amount_minor};
    account->has_charge_off_began = body->has_first_delinquency;
    account->charge_off_began = body->first_delinquency_date;
    first_delinquency_flag(making->report, place, account, body);
}

static int event_take(struct making *making, uint32_t place, struct report_account *account)
{
    const struct event_in_force *event = &making->report->list->events[place];
    int error = in_force_body(making->report->list, event->version, making->body);
    if (error == TALLY_ENOMEM) return error;
    const struct event_body *body = error == TALLY_OK ? making->body : NULL;
    enum event_type type = event->header.type;
    life_take(place, &event->header, account);
    if (type == EVENT_ACCOUNT_OPEN) opening_take(account, body);
    if (type == EVENT_PERIOD_REPORT) return report_take(making, place, account, body);
    if (type == EVENT_PAYMENT) payment_take(making, place, account, body);
    if (body == NULL) return TALLY_OK;
    if (type == EVENT_CHARGE_OFF) charge_off_take(making, place, account, body);
    if (type == EVENT_RECOVERY) report_sum_add(&account->recovered, body->amount_minor);
    if (type == EVENT_LIMIT_CHANGE) {
        limit_take(account, event->header.event_date, (struct optional_amount){true, body->new_limit_minor});
    }
    return TALLY_OK;
}

/* "Delinquency rising more than one level in a month." */
static void jumps_flag(struct report *report, const struct report_account *account)
{
    for (uint32_t i = 1; i < account->month_count; i++) {
        const struct report_month *before = &account->months[i - 1], *month = &account->months[i];
        if (before->place == NO_PLACE || month->place == NO_PLACE) continue;
        if (!before->has_days || !month->has_days) continue;
        if (pboc_level(month->days_past_due) > pboc_level(before->days_past_due) + 1)
            report->flags[month->place] |= FLAG_JUMP;
    }
}

/* ---- Months ---- */

const struct report_month *report_month_of(const struct report_account *account, uint32_t index)
{
    if (index < account->month_first || index - account->month_first >= account->month_count) return NULL;
    const struct report_month *month = &account->months[index - account->month_first];
    return month->place == NO_PLACE ? NULL : month;
}

char report_code(
    const struct report *report, const struct report_account *account, uint32_t index, bool *is_source)
{
    const struct event_in_force *events = report->list->events;
    const struct report_month *month = report_month_of(account, index);
    struct month_facts facts = {.is_reported = month != NULL, .code = ""};
    facts.is_before = index < month_of_date(account->header->event_date);
    if (account->end != NO_PLACE) {
        const struct event_header *end = &events[account->end].header;
        uint32_t last = month_of_date(end->event_date);
        facts.is_end = index == last;
        facts.is_after = index > last;
        /* Kinds as in CLOSE: paid, or paid early. */
        facts.is_settled = end->type == EVENT_CLOSE && end->close_kind <= 2;
    }
    if (account->charge_off != NO_PLACE)
        facts.is_charged_off = index >= month_of_date(events[account->charge_off].header.event_date);
    if (month != NULL) {
        facts.is_unread = month->is_unread;
        facts.has_days = month->has_days;
        facts.days_past_due = month->days_past_due;
        facts.code = month->code;
        facts.is_idle_line = account->header->account_type == ACCOUNT_REVOLVING && month->has_amounts &&
                             month->balance_minor == 0;
    }
    return month_code(report->codes, &facts, is_source);
}
