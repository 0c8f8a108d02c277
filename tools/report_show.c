#include "tools/report_show.h"

#include <stdio.h>

#include "proto/base/date.h"
#include "tools/event_summary.h"
#include "tools/output.h"

#define LINE_SIZE 512

static void identity_show(const struct report *report, struct page *page);
static void verdict_show(const struct report *report, struct page *page);
static void summary_show(const struct report *report, struct page *page);

void report_show(const struct report *report, struct event_body *room, struct page *page)
{
    identity_show(report, page);
    verdict_show(report, page);
    if (report->verdict->absent) return;
    summary_show(report, page);
    if (report->account_count > 0) {
        page_section(page, "Accounts");
        page_paragraph(page, code_scheme_legend(report->codes));
        page_paragraph(page, "Beside a month's code ' says that it is the source's own, ~ that the report "
                             "was corrected since.");
    }
    for (uint32_t i = 0; i < report->account_count; i++)
        report_show_account(report, i, room, page);
    report_show_items(report, room, page);
}

void report_member(const struct report *report, uint32_t member_id, char text[MEMBER_TEXT_SIZE])
{
    const struct genesis_member *member = genesis_member_by_id(report->genesis, member_id);
    snprintf(text, MEMBER_TEXT_SIZE, member == NULL ? "%u" : "%u, %s", member_id,
        member == NULL ? "" : member->name);
}

void report_account_name(const struct report *report, uint32_t place, char text[REPORT_ACCOUNT_NAME_SIZE])
{
    uint32_t first = report->list->events[place].account, low = 0, high = report->account_count;
    text[0] = '\0';
    while (low < high) { /* they are in the order of their openings */
        uint32_t middle = low + (high - low) / 2;
        if (report->accounts[middle].opening < first) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < report->account_count && report->accounts[low].opening == first)
        snprintf(text, REPORT_ACCOUNT_NAME_SIZE, "Account %u, ", low + 1);
}

/* Which policy, whatever it calls itself, and what the report leaves out by it. */
static void policy_lines(const struct report *report, struct page *page)
{
    const struct credit_policy *policy = report->policy;
    char text[LINE_SIZE], hex[2 * DIGEST_SIZE + 1];
    struct digest digest = credit_policy_root(policy);
    hex_encode(span_of(digest.bytes, DIGEST_SIZE), hex);
    snprintf(text, sizeof text, "%s, version %u, digest %.16s", policy->name, policy->version, hex);
    page_field(page, "policy", text, PAGE_PLAIN);
    snprintf(text, sizeof text, "late months and charge-offs are left out after %u years",
        policy->retention_years);
    page_field(page, "retention", text, PAGE_PLAIN);
}

static void identity_show(const struct report *report, struct page *page)
{
    char text[LINE_SIZE], hex[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_encode(span_of(report->subject.bytes, DIGEST_SIZE), hex);
    page_field(page, "subject", hex, PAGE_PLAIN);
    page_field(page, "network", report->genesis->network, PAGE_PLAIN);
    hex_encode(span_of(report->genesis->chain_id.bytes, DIGEST_SIZE), hex);
    page_field(page, "chain", hex, PAGE_PLAIN);
    if (report->inquiry != NULL) {
        hex_encode(span_of(report->inquiry->bytes, DIGEST_SIZE), hex);
        page_field(page, "inquiry", hex, PAGE_PLAIN);
    }
    time_to_text(report->verdict->as_of_time_ms, time);
    snprintf(text, sizeof text, "height %llu, %s", (unsigned long long)report->verdict->as_of_height, time);
    page_field(page, "as of", text, PAGE_PLAIN);
    policy_lines(report, page);
}

static void verdict_show(const struct report *report, struct page *page)
{
    const struct proof_verdict *verdict = report->verdict;
    char text[LINE_SIZE];
    page_section(page, "Proof");
    page_field(page, "AUTHENTIC", "signed by a quorum of the validators that the genesis names", PAGE_PLAIN);
    if (verdict->absent) {
        page_field(page, "ABSENT", "there is no file of this subject: that is proven", PAGE_LOUD);
        return;
    }
    snprintf(text, sizeof text, "no event was left out: all %u up to height %llu are here", verdict->events,
        (unsigned long long)verdict->as_of_height);
    page_field(page, "COMPLETE", text, PAGE_PLAIN);
    if (report->no_file) {
        page_field(
            page, "NO FILE", "nothing is known of this subject but who asked: that is proven", PAGE_LOUD);
    }
    if (verdict->withheld == 0) return;
    snprintf(text, sizeof text, "%u of the events came without what they say", verdict->withheld);
    page_field(page, "WITHHELD", text, PAGE_LOUD);
}

/* ---- Summary ---- */

static void accounts_line(const struct report *report, struct page *page)
{
    char text[LINE_SIZE];
    int used = snprintf(text, sizeof text, "%u, %u of them active", report->account_count, report->active);
    for (uint32_t state = 0; state < ACCOUNT_STATE_COUNT; state++) {
        if (report->by_state[state] == 0) continue;
        used += snprintf(text + used, sizeof text - (size_t)used, "; %u %s", report->by_state[state],
            account_state_name(state));
    }
    page_field(page, "accounts", text, PAGE_PLAIN);
}

static void sum_text(
    const struct report_sum *sum, const struct currency *currency, char text[AMOUNT_TEXT_SIZE + 8])
{
    if (!sum->present || sum->spilled) {
        snprintf(text, AMOUNT_TEXT_SIZE + 8, sum->present ? "too much" : "unknown");
    } else {
        amount_to_text(sum->minor, currency, text);
    }
}

static void totals_lines(const struct report *report, struct page *page)
{
    for (uint32_t i = 0; i < report->total_count; i++) {
        const struct report_total *total = &report->totals[i];
        const struct currency *currency = currency_by_numeric(total->currency);
        char text[LINE_SIZE], balance[AMOUNT_TEXT_SIZE + 8], limit[AMOUNT_TEXT_SIZE + 8],
            past[AMOUNT_TEXT_SIZE + 8];
        sum_text(&total->balance, currency, balance);
        sum_text(&total->limit, currency, limit);
        sum_text(&total->past_due, currency, past);
        int used = snprintf(text, sizeof text, "%s %s owed in %u active",
            currency == NULL ? "" : currency->alpha, balance, total->accounts);
        if (total->limit.present)
            used += snprintf(text + used, sizeof text - (size_t)used, ", lines of %s", limit);
        if (total->past_due.present)
            used += snprintf(text + used, sizeof text - (size_t)used, ", past due %s", past);
        if (total->unknown > 0)
            snprintf(
                text + used, sizeof text - (size_t)used, "; of %u the balance is not known", total->unknown);
        page_field(page, i == 0 ? "totals" : "", text, PAGE_PLAIN);
    }
}

static void unranked_line(const struct report *report, struct page *page)
{
    char text[LINE_SIZE];
    if (report->unranked == 0) return;
    snprintf(text, sizeof text,
        "%u of them are not compared: the source gave a code and no days, or they were withheld",
        report->unranked);
    page_field(page, "", text, PAGE_PLAIN);
}

static void worst_line(const struct report *report, struct page *page)
{
    char text[LINE_SIZE], period[PERIOD_TEXT_SIZE];
    bool is_source;
    if (report->worst_account == NO_PLACE) {
        snprintf(text, sizeof text, "no days past due %sin the %u months shown of each account",
            report->unranked > 0 ? "known " : "", report->months);
        page_field(page, "worst", text, PAGE_PLAIN);
        unranked_line(report, page);
        return;
    }
    const struct report_account *account = &report->accounts[report->worst_account];
    const struct report_month *month = report_month_of(account, report->worst_month);
    period_to_text(period_from_index(report->worst_month), period);
    snprintf(text, sizeof text, "%u days past due (%c), account %u, %s; of the %u months shown of each",
        month->days_past_due, report_code(report, account, report->worst_month, &is_source),
        report->worst_account + 1, period, report->months);
    page_field(page, "worst", text, PAGE_LOUD);
    unranked_line(report, page);
}

static void summary_show(const struct report *report, struct page *page)
{
    char text[LINE_SIZE];
    page_section(page, "Summary");
    accounts_line(report, page);
    totals_lines(report, page);
    worst_line(report, page);
    snprintf(text, sizeof text, "%u open", report->reservations.count);
    page_field(page, "reservations", text, PAGE_PLAIN);
    snprintf(text, sizeof text, "%u hard and %u soft in the last %d months", report->hard, report->soft,
        INQUIRY_MONTHS);
    page_field(page, "inquiries", text, PAGE_PLAIN);
    snprintf(text, sizeof text, "%u, %u of them not closed", report->disputes.count, report->disputes_open);
    page_field(page, "disputes", text, report->disputes_open > 0 ? PAGE_LOUD : PAGE_PLAIN);
    snprintf(text, sizeof text, "%u", report->statements.count);
    page_field(page, "statements", text, PAGE_PLAIN);
    snprintf(text, sizeof text, "%u with something unusual", report->flagged);
    page_field(page, "events", text, PAGE_PLAIN);
}
