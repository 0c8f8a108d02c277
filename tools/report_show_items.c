/* What is in the file beside the accounts: reservations, inquiries, disputes, statements. */
#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/event_summary.h"
#include "tools/history_view.h"
#include "tools/output.h"
#include "tools/report_show.h"

#define LINE_SIZE 768

static void reservations_show(const struct report *report, struct page *page);
static void inquiries_show(const struct report *report, struct page *page);
static void disputes_show(const struct report *report, struct event_body *room, struct page *page);
static void statements_show(const struct report *report, struct event_body *room, struct page *page);

void report_show_items(const struct report *report, struct event_body *room, struct page *page)
{
    if (report->reservations.count > 0) reservations_show(report, page);
    if (report->inquiries.count > 0) inquiries_show(report, page);
    if (report->disputes.count > 0) disputes_show(report, room, page);
    if (report->statements.count > 0) statements_show(report, room, page);
}

static void reservations_show(const struct report *report, struct page *page)
{
    static const struct page_column columns[] = {
        {"until", 24, false}, {"member", 20, false}, {"for", 12, false}, {"amount", 18, true}};
    page_section(page, "Open reservations");
    page_table(page, columns, 4);
    for (uint32_t i = 0; i < report->reservations.count; i++) {
        const struct event_header *header = &report->list->events[report->reservations.places[i]].header;
        const struct currency *currency = currency_by_numeric(header->currency);
        char until[TIME_TEXT_SIZE], member[MEMBER_TEXT_SIZE], minor[AMOUNT_TEXT_SIZE] = "",
                                                              amount[AMOUNT_TEXT_SIZE + 8];
        time_to_text(header->expires_ms, until);
        report_member(report, header->member_id, member);
        if (header->has_amount) amount_to_text(header->amount_minor, currency, minor);
        snprintf(amount, sizeof amount, "%s %s", minor, currency == NULL ? "" : currency->alpha);
        page_row(page, (const char *const[]){until, member, account_type_name(header->account_type), amount},
            PAGE_PLAIN);
    }
    page_table_end(page);
}

static void inquiries_show(const struct report *report, struct page *page)
{
    static const struct page_column columns[] = {{"date", 10, false}, {"member", 18, false},
        {"purpose", 15, false}, {"", 4, false}, {"on", 11, false}, {"result", 12, false}};
    page_section(page, "Inquiries");
    page_table(page, columns, 6);
    for (uint32_t i = report->inquiries.count; i-- > 0;) {
        uint32_t place = report->inquiries.places[i];
        const struct event_header *header = &report->list->events[place].header;
        const char *result = result_name(report->list->proven[place].result);
        char date[DATE_TEXT_SIZE], member[MEMBER_TEXT_SIZE];
        date_to_text(report_day(report, place), date);
        report_member(report, header->member_id, member);
        page_row(page,
            (const char *const[]){date, member, header_name(header, "purpose"),
                inquiry_is_hard(header) ? "hard" : "soft",
                header->has_consent ? "consent" : header_name(header, "legal_basis"),
                result == NULL ? "UNKNOWN" : result},
            PAGE_PLAIN);
    }
    page_table_end(page);
}

/* ---- Disputes and statements ---- */

/* "2026-03-04, 3, Bank of Three: text". */
static void said_field(const struct report *report, const char *label, uint32_t place, const char *more,
    struct event_body *room, struct page *page)
{
    char date[DATE_TEXT_SIZE], member[MEMBER_TEXT_SIZE], line[EVENT_STATEMENT_SIZE_MAX + LINE_SIZE];
    int error = in_force_body(report->list, place, room);
    const char *text = error == TALLY_OK          ? room->text
                       : error == TALLY_ENOTFOUND ? "(text withheld)"
                                                  : "(a text of an unknown form)";
    date_to_text(report_day(report, place), date);
    report_member(report, report->list->events[place].header.member_id, member);
    snprintf(line, sizeof line, "%s by %s%s: %s", date, member, more, text);
    page_field(page, label, line, more[0] == '\0' ? PAGE_PLAIN : PAGE_LOUD);
}

/* What an item is about: "Account 2, PERIOD_REPORT 2005-08: balance ..". */
static void about_field(
    const struct report *report, uint32_t place, struct event_body *room, struct page *page)
{
    char line[EVENT_SUMMARY_SIZE + LINE_SIZE], account[REPORT_ACCOUNT_NAME_SIZE], said[EVENT_SUMMARY_SIZE];
    uint32_t target = report->list->events[place].about;
    if (target == NO_PLACE || report->past[target]) return;
    const struct event_in_force *event = &report->list->events[target];
    bool is_over = event->standing == STANDS_CORRECTED || event->standing == STANDS_RETRACTED;
    report_account_name(report, target, account);
    history_summary(report->list, target, room, said);
    snprintf(line, sizeof line, "%s%s %s", account, event_type_name((uint32_t)event->header.type), said);
    page_field(page, "about", line, is_over ? PAGE_STRUCK : PAGE_PLAIN);
}

static void due_field(const struct report *report, uint32_t place, struct page *page)
{
    char line[LINE_SIZE], date[DATE_TEXT_SIZE], extended[DATE_TEXT_SIZE];
    int32_t due = report_dispute_due(report, place, false);
    int32_t due_extended = report_dispute_due(report, place, true);
    date_to_text(due, date);
    date_to_text(due_extended, extended);
    bool may_extend = due != due_extended;
    snprintf(line, sizeof line, "%s%s%s%s", date, may_extend ? ", or " : "", may_extend ? extended : "",
        may_extend ? " where it is extended" : "");
    page_field(page, "answer due", line, PAGE_PLAIN);
}

static void duty_field(const struct report *report, uint32_t place, struct page *page)
{
    const struct event_in_force *events = report->list->events;
    uint32_t target = events[place].about;
    enum unverifiable_duty duty;
    if (!report_dispute_duty(report, place, &duty)) return;
    if (duty == UNVERIFIABLE_KEEP) {
        page_field(page, "so", "it stays, and is marked as disputed", PAGE_PLAIN);
    } else if (target != NO_PLACE && events[target].standing == STANDS_RETRACTED) {
        page_field(page, "so", "it was taken back", PAGE_PLAIN);
    } else {
        page_field(page, "so", "it must be taken back by its author, and was not", PAGE_LOUD);
    }
}

static void dispute_show(
    const struct report *report, uint32_t number, struct event_body *room, struct page *page)
{
    const struct event_in_force *events = report->list->events;
    uint32_t place = report->disputes.places[number];
    enum dispute_state state = report_dispute_state(report, place);
    char line[LINE_SIZE];
    snprintf(line, sizeof line, "Dispute %u: %s, %s", number + 1,
        header_name(&events[place].header, "category"), dispute_state_name(state));
    page_part(page, line);
    about_field(report, place, room, page);
    said_field(report, "opened", place, "", room, page);
    due_field(report, place, page);
    if (state == DISPUTE_OVERDUE) page_field(page, "OVERDUE", "there is no answer", PAGE_LOUD);
    for (uint32_t i = events[place].first_about; i != NO_PLACE; i = events[i].next_about) {
        if (events[i].header.type == EVENT_DISPUTE_ANSWER) {
            bool is_late = report_answer_is_late(report, place, i);
            said_field(report, "answered", i, is_late ? ", LATE" : "", room, page);
        } else if (events[i].header.type == EVENT_DISPUTE_CLOSE) {
            page_field(page, "outcome", header_name(&events[i].header, "outcome"), PAGE_PLAIN);
            said_field(report, "closed", i, "", room, page);
            duty_field(report, place, page);
        }
    }
}

static void disputes_show(const struct report *report, struct event_body *room, struct page *page)
{
    page_section(page, "Disputes");
    for (uint32_t i = 0; i < report->disputes.count; i++)
        dispute_show(report, i, room, page);
}

static void statements_show(const struct report *report, struct event_body *room, struct page *page)
{
    page_section(page, "Statements");
    for (uint32_t i = 0; i < report->statements.count; i++) {
        char heading[LINE_SIZE];
        snprintf(heading, sizeof heading, "Statement %u", i + 1);
        page_part(page, heading);
        about_field(report, report->statements.places[i], room, page);
        said_field(report, "said", report->statements.places[i], "", room, page);
    }
}
