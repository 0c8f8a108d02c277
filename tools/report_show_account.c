/* One account of a report. */
#include <stdio.h>

#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/history_view.h"
#include "tools/report_show.h"

#define LINE_SIZE 512
#define MONTHS_A_YEAR 12u
#define CELL_SIZE 12

static void facts_show(const struct report *report, const struct report_account *account, struct page *page);
static void grid_show(const struct report *report, const struct report_account *account, struct page *page);
static void codes_show(const struct report *report, const struct report_account *account, struct page *page);
static void flags_show(const struct report *report, const struct report_account *account, struct page *page);
static void events_show(const struct report *report, const struct report_account *account,
    struct event_body *room, struct page *page);

void report_show_account(
    const struct report *report, uint32_t number, struct event_body *room, struct page *page)
{
    const struct report_account *account = &report->accounts[number];
    char heading[LINE_SIZE];
    snprintf(heading, sizeof heading, "Account %u: %s %s, %s", number + 1,
        account_type_name(account->header->account_type),
        account->currency == NULL ? "" : account->currency->alpha, account_state_name(account->state));
    page_part(page, heading);
    facts_show(report, account, page);
    if (account->state != ACCOUNT_STATE_VOID) {
        grid_show(report, account, page);
        codes_show(report, account, page);
        flags_show(report, account, page);
    }
    events_show(report, account, room, page);
}

static void amount_field(
    struct page *page, const char *label, const struct report_account *account, struct optional_amount amount)
{
    char text[AMOUNT_TEXT_SIZE];
    if (!amount.present) return;
    amount_to_text(amount.minor, account->currency, text);
    page_field(page, label, text, PAGE_PLAIN);
}

static void latest_show(const struct report_account *account, struct page *page)
{
    char text[LINE_SIZE], period[PERIOD_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE] = "not known";
    if (account->latest == NO_PLACE) return;
    const struct report_month *month = report_month_of(account, account->latest);
    if (month == NULL) return;
    period_to_text(period_from_index(account->latest), period);
    if (month->has_amounts) amount_to_text(month->balance_minor, account->currency, amount);
    int used = snprintf(text, sizeof text, "%s: balance %s", period, amount);
    if (month->past_due.present) {
        amount_to_text(month->past_due.minor, account->currency, amount);
        used += snprintf(text + used, sizeof text - (size_t)used, ", past due %s", amount);
    }
    if (month->has_days)
        snprintf(text + used, sizeof text - (size_t)used, ", %u days past due", month->days_past_due);
    page_field(page, "latest", text, PAGE_PLAIN);
}

/* Whose account this one goes on with. */
static void source_field(const struct report *report, const struct report_account *account, struct page *page)
{
    char name[REPORT_ACCOUNT_NAME_SIZE], text[LINE_SIZE], date[DATE_TEXT_SIZE];
    uint32_t transfer = report->list->events[account->opening].about;
    if (transfer == NO_PLACE) return;
    report_account_name(report, transfer, name);
    date_to_text(report->list->events[transfer].header.event_date, date);
    snprintf(text, sizeof text, "%stransferred on %s", name, date);
    page_field(page, "goes on with", text, PAGE_PLAIN);
}

static void facts_show(const struct report *report, const struct report_account *account, struct page *page)
{
    char text[LINE_SIZE], date[DATE_TEXT_SIZE], hex[2 * ACCOUNT_REF_SIZE + 1], member[MEMBER_TEXT_SIZE];
    report_member(report, account->header->member_id, member);
    page_field(page, "holder", member, PAGE_PLAIN);
    hex_encode(span_of(account->header->account_ref, ACCOUNT_REF_SIZE), hex);
    page_field(page, "reference", hex, PAGE_PLAIN);
    if (account->header->product != 0) {
        snprintf(text, sizeof text, "%u", account->header->product);
        page_field(page, "product", text, PAGE_PLAIN);
    }
    date_to_text(account->header->event_date, date);
    page_field(page, "opened", date, PAGE_PLAIN);
    if (account->header->has_transfer_of) source_field(report, account, page);
    if (account->is_open_unread)
        page_field(page, "terms", "not known: the opening came without what it says", PAGE_LOUD);
    amount_field(page, "limit", account, account->limit);
    amount_field(page, "principal", account, account->principal);
    latest_show(account, page);
    if (account->last_payment != NO_PLACE) {
        char amount[AMOUNT_TEXT_SIZE] = "of an amount not known";
        date_to_text(report->list->events[account->last_payment].header.event_date, date);
        if (account->paid_last.present) amount_to_text(account->paid_last.minor, account->currency, amount);
        snprintf(text, sizeof text, "%s on %s", amount, date);
        page_field(page, "last payment", text, PAGE_PLAIN);
    }
    amount_field(page, "charged off", account, account->charged_off);
    if (account->recovered.spilled)
        page_field(page, "recovered", "too much", PAGE_PLAIN);
    else
        amount_field(page, "recovered", account,
            (struct optional_amount){account->recovered.present, account->recovered.minor});
}

/* ---- The grid ---- */

/* "1", "1'", "1~!". */
static void cell_text(
    const struct report *report, const struct report_account *account, uint32_t index, char cell[CELL_SIZE])
{
    const struct report_month *month = report_month_of(account, index);
    bool is_source = false;
    char code = report_code(report, account, index, &is_source);
    bool is_corrected = month != NULL && report->list->events[month->place].version != month->place;
    bool is_disputed = month != NULL && report->disputed[month->place];
    snprintf(cell, CELL_SIZE, "%c%s%s%s", code, is_source ? "'" : "", is_corrected ? "~" : "",
        is_disputed ? "!" : "");
    if (code == ' ') cell[0] = '\0';
}

static void grid_show(const struct report *report, const struct report_account *account, struct page *page)
{
    static const struct page_column columns[] = {{"", 8, false}, {"Jan", 4, false}, {"Feb", 4, false},
        {"Mar", 4, false}, {"Apr", 4, false}, {"May", 4, false}, {"Jun", 4, false}, {"Jul", 4, false},
        {"Aug", 4, false}, {"Sep", 4, false}, {"Oct", 4, false}, {"Nov", 4, false}, {"Dec", 4, false}};
    uint32_t last = account->grid_last, first = last + 1 >= report->months ? last + 1 - report->months : 0;
    page_table(page, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t year = first / MONTHS_A_YEAR; year <= last / MONTHS_A_YEAR; year++) {
        char cells[MONTHS_A_YEAR + 1][CELL_SIZE] = {{0}};
        const char *row[MONTHS_A_YEAR + 1];
        snprintf(cells[0], sizeof cells[0], "%u", 1900 + year);
        for (uint32_t month = 0; month < MONTHS_A_YEAR; month++) {
            uint32_t index = year * MONTHS_A_YEAR + month;
            if (index >= first && index <= last) cell_text(report, account, index, cells[month + 1]);
        }
        for (uint32_t i = 0; i <= MONTHS_A_YEAR; i++)
            row[i] = cells[i];
        page_row(page, row, PAGE_PLAIN);
    }
    page_table_end(page);
}

/* What the sources said where it does not fit the grid. */
static void codes_show(const struct report *report, const struct report_account *account, struct page *page)
{
    char text[EVENT_TEXT_SIZE_MAX + 32], period[PERIOD_TEXT_SIZE];
    for (uint32_t i = 0; i < account->month_count; i++) {
        const struct report_month *month = &account->months[i];
        uint32_t index = account->month_first + i;
        bool is_source;
        if (month->place == NO_PLACE || month->is_unread || month->code[0] == '\0') continue;
        if (index > account->grid_last || account->grid_last - index >= report->months) continue;
        report_code(report, account, index, &is_source);
        if (is_source) continue;
        period_to_text(period_from_index(index), period);
        snprintf(text, sizeof text, "%s as '%s'", period, month->code);
        page_field(page, "reported", text, PAGE_PLAIN);
    }
}

static void flags_show(const struct report *report, const struct report_account *account, struct page *page)
{
    const struct event_in_force *events = report->list->events;
    for (uint32_t i = account->opening; i != NO_PLACE; i = events[i].account_next) {
        char text[LINE_SIZE], when[DATE_TEXT_SIZE];
        const struct event_header *header = &events[i].header;
        if (header->type == EVENT_PERIOD_REPORT) {
            period_to_text(header->period, when);
        } else {
            date_to_text(header->event_date, when);
        }
        for (unsigned bit = 0; bit < REPORT_FLAGS; bit++) {
            if ((report->flags[i] >> bit & 1) == 0) continue;
            snprintf(text, sizeof text, "%s %s", when, report_flag_name((enum report_flag)(1u << bit)));
            page_field(page, "noticed", text, PAGE_PLAIN);
        }
    }
}

/* ---- Its events ---- */

static bool was_corrected(const struct in_force *list, uint32_t place)
{
    const struct event_in_force *events = list->events;
    for (uint32_t i = events[place].first_about; i != NO_PLACE; i = events[i].next_about) {
        if (events[i].header.type == EVENT_CORRECT) return true;
    }
    return false;
}

/* Months and payments are in the grid and the summary, unless they were put right or are disputed; remedies
 * stand beside what they are about. */
static bool is_shown(const struct report *report, uint32_t place)
{
    const struct event_in_force *event = &report->list->events[place];
    enum event_type type = event->header.type;
    bool is_routine = type == EVENT_PERIOD_REPORT || type == EVENT_PAYMENT;
    if (type == EVENT_CORRECT || type == EVENT_RETRACT) return false;
    if (!is_routine || event->standing != STANDS_IN_FORCE) return true;
    return report->disputed[place] || was_corrected(report->list, place);
}

static void row_show(const struct report *report, uint32_t place, const char *what, enum page_mark mark,
    struct event_body *room, struct page *page)
{
    char date[DATE_TEXT_SIZE], said[EVENT_SUMMARY_SIZE];
    date_to_text(report->list->events[place].header.event_date, date);
    history_summary(report->list, place, room, said);
    page_row(page, (const char *const[]){date, what, said}, mark);
}

/* The next event about `root`, or about one of its corrections, and so on; NO_PLACE at the end. */
static uint32_t about_next(const struct in_force *list, uint32_t root, uint32_t place)
{
    const struct event_in_force *events = list->events;
    bool is_version = place == root || events[place].header.type == EVENT_CORRECT;
    if (is_version && events[place].first_about != NO_PLACE) return events[place].first_about;
    while (place != root && events[place].next_about == NO_PLACE)
        place = events[place].about;
    return place == root ? NO_PLACE : events[place].next_about;
}

static const char *correction_text(const struct event_in_force *event)
{
    if (event->is_mismatched) return "correction not taken";
    return event->standing == STANDS_RETRACTED ? "correction taken back" : "corrected";
}

/* The versions that came after an original, as they came: all but the one in force are struck. */
static void corrections_show(
    const struct report *report, uint32_t original, struct event_body *room, struct page *page)
{
    const struct event_in_force *events = report->list->events;
    char what[LINE_SIZE];
    for (uint32_t i = about_next(report->list, original, original); i != NO_PLACE;
         i = about_next(report->list, original, i)) {
        if (events[i].header.type != EVENT_CORRECT || report->past[i]) continue;
        snprintf(what, sizeof what, "%s: %s", correction_text(&events[i]),
            header_name(&events[i].header, "reason"));
        bool is_over = events[i].standing != STANDS_IN_FORCE || events[i].is_mismatched;
        row_show(report, i, what, is_over ? PAGE_STRUCK : PAGE_PLAIN, room, page);
    }
}

static void retraction_show(const struct report *report, uint32_t place, struct page *page)
{
    const struct event_in_force *retract = &report->list->events[place];
    char date[DATE_TEXT_SIZE], what[LINE_SIZE];
    date_to_text(retract->header.event_date, date);
    snprintf(what, sizeof what, "taken back: %s", header_name(&retract->header, "reason"));
    page_row(page, (const char *const[]){date, what, ""}, PAGE_PLAIN);
}

static void events_show(const struct report *report, const struct report_account *account,
    struct event_body *room, struct page *page)
{
    static const struct page_column columns[] = {{"date", 12, false}, {"event", 24, false}, {"", 40, false}};
    const struct event_in_force *events = report->list->events;
    page_table(page, columns, 3);
    for (uint32_t i = account->opening; i != NO_PLACE; i = events[i].account_next) {
        bool is_over = events[i].version != i || events[i].standing == STANDS_RETRACTED;
        if (!is_shown(report, i)) continue;
        char type[LINE_SIZE];
        snprintf(type, sizeof type, "%s%s", event_type_name((uint32_t)events[i].header.type),
            report->disputed[i] ? ", disputed" : "");
        if (!report->past[i]) row_show(report, i, type, is_over ? PAGE_STRUCK : PAGE_PLAIN, room, page);
        corrections_show(report, i, room, page);
        if (events[i].standing == STANDS_RETRACTED && !report->past[i])
            retraction_show(report, events[i].ended_by, page);
    }
    page_table_end(page);
}
