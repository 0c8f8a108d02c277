// links: tools
/* A credit report of a synthetic file: as data, and as it is shown, against pages that are kept beside this.
 * Where a page differs, the new one is left in the folder that the test runs in, as its name says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/vectors/sample_report.h"
#include "tools/report_show.h"
#include "tools/shown_text.h"

#define PAGES TALLY_SOURCE_DIR "/tests/report/"

static struct sample_file *file;
static struct genesis *genesis;
static struct arena arena;
static struct in_force list;
static struct proof_verdict verdict;
static struct report report;

static void make_report(enum code_scheme codes, uint32_t months)
{
    struct report_request request = {codes, months};
    struct history_proof proof = sample_file_proof(file);
    verdict = sample_verdict(file);
    arena_close(&arena);
    arena_init(&arena, 64 * MIB);
    assert_int_equal(in_force_read(&proof, &arena, &list), TALLY_OK);
    assert_int_equal(
        report_make(&request, &list, &file->subject, &verdict, genesis, &arena, &report), TALLY_OK);
}

static int make_file(void **state)
{
    (void)state;
    file = calloc(1, sizeof *file);
    genesis = calloc(1, sizeof *genesis);
    assert_non_null(file);
    assert_non_null(genesis);
    sample_report_init(file);
    sample_genesis(file, genesis);
    arena_init(&arena, 0);
    make_report(CODES_PBOC, REPORT_MONTHS_DEFAULT);
    return 0;
}

static int make_empty(void **state)
{
    (void)state;
    file = calloc(1, sizeof *file);
    genesis = calloc(1, sizeof *genesis);
    assert_non_null(file);
    assert_non_null(genesis);
    sample_file_init(file, "nobody", SAMPLE_REPORT_START_MS);
    sample_genesis(file, genesis);
    arena_init(&arena, 0);
    return 0;
}

static int drop_file(void **state)
{
    (void)state;
    arena_close(&arena);
    sample_file_close(file);
    free(genesis);
    free(file);
    return 0;
}

/* ---- Pages ---- */

static void page_make(const struct page_form *form, struct page *page)
{
    struct event_body *room = malloc(sizeof *room);
    assert_non_null(room);
    page_open(page, form, "Credit report");
    report_show(&report, room, page);
    page_end(page);
    assert_false(page->out.failed);
    free(room);
}

static void expect_page(struct span made, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, PAGES "%s", name);
    FILE *kept = fopen(path, "rb");
    char *wanted = calloc(1, made.size + 2);
    size_t size = kept == NULL ? 0 : fread(wanted, 1, made.size + 1, kept);
    if (kept != NULL) fclose(kept);
    bool is_same = size == made.size && memcmp(wanted, made.data, size) == 0;
    free(wanted);
    if (is_same) return;
    snprintf(path, sizeof path, "%s.new", name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(made.data, 1, made.size, out), made.size);
    assert_int_equal(fclose(out), 0);
    fail_msg("%s differs from what is kept: see %s", name, path);
}

static void a_terminal_shows_the_whole_report(void **state)
{
    (void)state;
    struct page page;
    page_make(&page_text, &page);
    expect_page(buffer_span(&page.out), "report.txt");
    page_close(&page);
}

static void no_line_of_text_is_wider_than_a_terminal_or_holds_a_control(void **state)
{
    (void)state;
    struct page page;
    page_make(&page_text, &page);
    size_t start = 0;
    for (size_t i = 0; i < page.out.size; i++) {
        uint8_t byte = page.out.data[i];
        if (byte == '\n') {
            assert_true(shown_width(span_of(page.out.data + start, i - start)) <= PAGE_WIDTH);
            start = i + 1;
        } else {
            assert_true(byte >= 0x20 && byte != 0x7F);
        }
    }
    assert_int_equal(start, page.out.size);
    page_close(&page);
}

static void a_page_of_html_is_whole_and_harmless(void **state)
{
    (void)state;
    struct page page;
    page_make(&page_html, &page);
    expect_page(buffer_span(&page.out), "report.html");
    buffer_append(&page.out, "", 1);
    const char *text = (const char *)page.out.data;
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<b>"));
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "&lt;script&gt;"));
    assert_non_null(strstr(text, "<s>"));
    page_close(&page);
}

static void metro_2_has_its_own_codes(void **state)
{
    (void)state;
    struct page page;
    make_report(CODES_METRO2, 12);
    page_make(&page_text, &page);
    expect_page(buffer_span(&page.out), "report-metro2.txt");
    page_close(&page);
}

static void json_says_the_same(void **state)
{
    (void)state;
    json_t *object = report_json(&report);
    assert_non_null(object);
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
    expect_page(span_of(text, strlen(text)), "report.json");
    free(text);
    json_decref(object);
}

static void that_there_is_no_file_is_a_report_too(void **state)
{
    (void)state;
    struct page page;
    make_report(CODES_PBOC, 1);
    page_make(&page_text, &page);
    buffer_append(&page.out, "", 1);
    assert_non_null(strstr((const char *)page.out.data, "\nABSENT        *there is no file of this subject"));
    assert_null(strstr((const char *)page.out.data, "Summary"));
    page_close(&page);
    json_t *object = report_json(&report);
    assert_int_equal(json_array_size(json_object_get(object, "accounts")), 0);
    json_decref(object);
}

static void a_file_of_access_alone_is_no_file(void **state)
{
    (void)state;
    struct page page;
    sample_inquire(file, 2, PURPOSE_CREDIT_DECISION, NULL, RESULT_OK);
    make_report(CODES_PBOC, 1);
    assert_true(report.no_file && !verdict.absent);
    page_make(&page_text, &page);
    buffer_append(&page.out, "", 1);
    assert_non_null(strstr((const char *)page.out.data, "\nNO FILE       *nothing is known"));
    assert_non_null(strstr((const char *)page.out.data, "CREDIT_DECISION  hard"));
    page_close(&page);
    sample_reserve(file, 2, 1, RESULT_REFUSED_CAP);
    make_report(CODES_PBOC, 1);
    assert_false(report.no_file);
}

/* ---- Data ---- */

static const struct report_account *account_of(uint32_t number)
{
    assert_true(number < report.account_count);
    return &report.accounts[number];
}

static void expect_grid(uint32_t number, uint32_t first_period, const char *codes)
{
    const struct report_account *account = account_of(number);
    uint32_t index = period_index(first_period);
    char made[REPORT_MONTHS_MAX + 1] = "";
    for (size_t i = 0; i < strlen(codes); i++) {
        bool is_source;
        made[i] = report_code(&report, account, index + (uint32_t)i, &is_source);
    }
    assert_string_equal(made, codes);
    assert_int_equal(account->grid_last, index + strlen(codes) - 1);
}

static void accounts_stand_as_their_events_leave_them(void **state)
{
    (void)state;
    static const enum account_state states[] = {ACCOUNT_STATE_OPEN, ACCOUNT_STATE_SETTLED, ACCOUNT_STATE_VOID,
        ACCOUNT_STATE_TRANSFERRED, ACCOUNT_STATE_OPEN};
    assert_int_equal(report.account_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(account_of(i)->state, states[i]);
        assert_int_equal(account_of(i)->is_active, i == 0 || i == 4);
        assert_int_equal(report.by_state[states[i]], i == 0 || i == 4 ? 2 : 1);
    }
    assert_int_equal(report.active, 2);
    assert_int_equal(account_of(0)->limit.minor, 6000000);
    assert_int_equal(account_of(1)->principal.minor, 900000);
    assert_int_equal(account_of(1)->recovered.minor, 150000);
    assert_int_equal(account_of(1)->charged_off.minor, 880000);
}

static void a_grid_is_of_what_is_in_force(void **state)
{
    (void)state;
    make_report(CODES_PBOC, 12);
    /* 2024-04 was taken back, 2024-09 corrected from 125 days to 4. */
    expect_grid(0, 202402, "NN*2NN41NN1N");
    expect_grid(1, 202305, "*****1#6****G");
}

static void codes_are_kept_as_they_were_reported(void **state)
{
    (void)state;
    bool is_source;
    const struct report_account *loan = account_of(1);
    assert_int_equal(report_code(&report, loan, period_index(202310), &is_source), '1');
    assert_true(is_source);
    assert_int_equal(report_code(&report, loan, period_index(202311), &is_source), '#');
    assert_false(is_source);
    assert_string_equal(report_month_of(loan, period_index(202311))->code, HOSTILE_TEXT);
    assert_false(report_month_of(loan, period_index(202311))->has_amounts);
}

static uint8_t flags_of(uint32_t number, uint32_t period)
{
    const struct report_month *month = report_month_of(account_of(number), period_index(period));
    assert_non_null(month);
    return report.flags[month->place];
}

static void what_is_unusual_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(flags_of(0, 202402), 0);
    /* At the line and not over it; and the month before was taken back: there is nothing to compare. */
    assert_int_equal(flags_of(0, 202405), 0);
    assert_int_equal(flags_of(0, 202407), FLAG_OVER_LIMIT);
    assert_int_equal(flags_of(0, 202408), FLAG_JUMP | FLAG_LATE_BEFORE_OPEN);
    assert_int_equal(flags_of(0, 202409), 0); /* not as it was first reported, but as it is in force */
    assert_int_equal(flags_of(0, 202410), FLAG_BELOW_ZERO);
    assert_int_equal(flags_of(0, 202412), 0); /* one level more */
    assert_int_equal(report.flagged, 4);      /* and a correction of another type */
}

static void totals_are_by_currency_and_of_active_accounts(void **state)
{
    (void)state;
    assert_int_equal(report.total_count, 2);
    assert_int_equal(report.totals[0].currency, 156);
    assert_int_equal(report.totals[0].balance.minor, 5000);
    assert_int_equal(report.totals[0].limit.minor, 6000000);
    assert_int_equal(report.totals[1].currency, 392);
    assert_int_equal(report.totals[1].unknown, 1);
    assert_false(report.totals[1].balance.present);
}

static void a_sum_that_cannot_be_held_is_no_sum(void **state)
{
    (void)state;
    struct report_sum sum = {false, false, 0};
    report_sum_add(&sum, INT64_MAX);
    assert_false(sum.spilled);
    report_sum_add(&sum, 1);
    report_sum_add(&sum, -5);
    assert_true(sum.spilled);
}

static void what_was_recovered_is_told_where_it_cannot_be_summed_up(void **state)
{
    (void)state;
    struct page page;
    sample_open(file, 2, 1, ACCOUNT_REVOLVING, 840, 20000, 5);
    sample_simple(file, EVENT_RECOVERY, 2, 1, 20100, INT64_MAX);
    sample_simple(file, EVENT_RECOVERY, 2, 1, 20101, 1);
    make_report(CODES_PBOC, 1);
    page_make(&page_text, &page);
    buffer_append(&page.out, "", 1);
    assert_non_null(strstr((const char *)page.out.data, "\nrecovered     too much\n"));
    page_close(&page);
}

static void access_is_counted_and_refusals_are_not(void **state)
{
    (void)state;
    assert_int_equal(report.inquiries.count, 3);
    assert_int_equal(report.hard, 1);
    assert_int_equal(report.soft, 1);
    sample_days_pass(file, 400);
    sample_reserve(file, 1, 86400000, RESULT_OK);
    make_report(CODES_PBOC, 24);
    assert_int_equal(report.hard + report.soft, 0);
    assert_int_equal(report.inquiries.count, 3);
}

static void only_live_reservations_are_open(void **state)
{
    (void)state;
    assert_int_equal(report.reservations.count, 1);
    assert_int_equal(report.reservations.places[0], file->count - 1);
}

static void what_is_said_of_a_reservation_does_not_end_it(void **state)
{
    (void)state;
    uint32_t live = sample_reserve(file, 2, 2 * 86400000, RESULT_OK);
    sample_about(file, EVENT_STATEMENT, 3, live, "hide it");
    sample_about(file, EVENT_DISPUTE_OPEN, 3, live, "hide it");
    make_report(CODES_PBOC, 1);
    assert_int_equal(report.reservations.count, 1);
    assert_int_equal(report.reservations.places[0], live);
    struct event_header opening = sample_file_header(file, EVENT_ACCOUNT_OPEN, 2, 0, 20160);
    opening.account_type = ACCOUNT_INSTALMENT;
    opening.currency = 840;
    opening.has_authorization = true;
    opening.authorization = file->ids[live];
    sample_file_add(file, opening, NULL, RESULT_OK);
    make_report(CODES_PBOC, 1);
    assert_int_equal(report.reservations.count, 0);
}

static void disputes_are_held_against_the_policys_clock(void **state)
{
    (void)state;
    uint32_t closed = report.disputes.places[0], silent = report.disputes.places[1];
    uint32_t answered = report.disputes.places[2];
    assert_int_equal(report.disputes.count, 5);
    assert_int_equal(report.disputes_open, 2);
    assert_int_equal(report_dispute_state(&report, closed), DISPUTE_CLOSED);
    assert_int_equal(report_dispute_state(&report, silent), DISPUTE_OVERDUE);
    assert_int_equal(report_dispute_state(&report, answered), DISPUTE_ANSWERED);
    int32_t due = report_dispute_due(&report, closed, false);
    int32_t extended = report_dispute_due(&report, closed, true);
    assert_int_equal(due, report_day(&report, closed) + 30);
    assert_int_equal(extended, due + 15);
    uint32_t first = list.events[closed].first_about;
    assert_false(report_answer_is_late(&report, closed, first));
    uint32_t second = list.events[first].next_about, third = list.events[second].next_about;
    assert_int_equal(report_day(&report, second), extended);
    assert_false(report_answer_is_late(&report, closed, second));
    assert_true(report_answer_is_late(&report, closed, third));
}

static bool is_marked(uint32_t period)
{
    return report.disputed[report_month_of(account_of(0), period_index(period))->place];
}

/* "In China an unconfirmable dispute is kept and annotated; in the US an unverifiable item is deleted." */
static void what_cannot_be_confirmed_is_kept_with_a_mark_or_taken_back(void **state)
{
    (void)state;
    enum unverifiable_duty duty;
    assert_false(report_dispute_duty(&report, report.disputes.places[0], &duty));
    assert_true(report_dispute_duty(&report, report.disputes.places[4], &duty));
    assert_int_equal(duty, UNVERIFIABLE_DELETE);
    assert_false(is_marked(202402));
    assert_true(is_marked(202409));
    genesis->policy = profile("cn");
    make_report(CODES_PBOC, 24);
    assert_true(report_dispute_duty(&report, report.disputes.places[4], &duty));
    assert_int_equal(duty, UNVERIFIABLE_KEEP);
    assert_true(is_marked(202402));
}

/* "The account counts as active until the linked opening." */
static void a_transferred_account_counts_until_it_is_taken_over(void **state)
{
    (void)state;
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, 19900, 100);
    uint32_t transfer = sample_simple(file, EVENT_TRANSFER, 1, 0, 19950, 50);
    make_report(CODES_PBOC, 1);
    assert_true(account_of(0)->is_active);
    struct event_header header = sample_file_header(file, EVENT_ACCOUNT_OPEN, 3, 1, 19960);
    struct event_body body = {.type = EVENT_ACCOUNT_OPEN, .limit = {true, 100}};
    header.account_type = ACCOUNT_REVOLVING;
    header.currency = 156;
    header.has_transfer_of = true;
    header.transfer_of = file->ids[transfer];
    uint32_t opening = sample_file_add(file, header, &body, RESULT_OK);
    make_report(CODES_PBOC, 1);
    assert_false(account_of(0)->is_active);
    assert_true(account_of(1)->is_active);
    sample_aim(file, EVENT_RETRACT, 3, opening, NULL);
    make_report(CODES_PBOC, 1);
    assert_true(account_of(0)->is_active);
    assert_false(account_of(1)->is_active);
}

static void an_opening_that_was_withheld_is_told(void **state)
{
    (void)state;
    struct page page;
    file->events[sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, 19900, 100)].has_body = false;
    make_report(CODES_PBOC, 1);
    assert_true(account_of(0)->is_open_unread && !account_of(0)->limit.present);
    page_make(&page_text, &page);
    buffer_append(&page.out, "", 1);
    assert_non_null(strstr((const char *)page.out.data, "\nterms         *not known"));
    page_close(&page);
}

static void months_that_were_withheld_are_not_taken_for_good_ones(void **state)
{
    (void)state;
    struct event_body body = sample_report_body(5, 120);
    struct page page;
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, 19900, 100);
    file->events[sample_report(file, 1, 0, 202412, &body)].has_body = false;
    make_report(CODES_PBOC, 12);
    assert_int_equal(report.worst_account, NO_PLACE);
    assert_int_equal(report.unranked, 1);
    page_make(&page_text, &page);
    buffer_append(&page.out, "", 1);
    assert_null(strstr((const char *)page.out.data, "no days past due in"));
    assert_non_null(strstr((const char *)page.out.data, "1 of them are not compared"));
    page_close(&page);
}

static void a_month_to_come_is_not_in_a_grid(void **state)
{
    (void)state;
    struct event_body body = sample_report_body(1, 300);
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, 19900, 100);
    sample_report(file, 1, 0, 203001, &body);
    make_report(CODES_PBOC, 12);
    assert_int_equal(account_of(0)->grid_last, period_index(202501));
    assert_int_equal(report.worst_account, NO_PLACE);
}

/* An account with one run of late months: known good on 28 March 2015, late from 28 April, good on 28 June,
 * and nothing after it. */
static void make_old_run(void)
{
    static const uint32_t days[4] = {0, 20, 50, 0};
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, date_from_civil(2015, 1, 1), 100000);
    for (uint32_t i = 0; i < 4; i++) {
        struct event_body body = sample_report_body(9000, days[i]);
        if (days[i] > 0) body.past_due = (struct optional_amount){true, 500};
        sample_report(file, 1, 0, 201503 + i, &body);
    }
}

static void make_on(const char *policy, int year, int month, int day)
{
    genesis->policy = profile(policy);
    file->time_ms = (uint64_t)date_from_civil(year, month, day) * MS_PER_DAY;
    make_report(CODES_PBOC, 24);
}

static char code_of(uint32_t account, uint32_t period)
{
    bool is_source;
    return report_code(&report, account_of(account), period_index(period), &is_source);
}

static void is_shown(bool shown)
{
    assert_int_equal(code_of(0, 201504), shown ? '1' : '*');
    assert_int_equal(code_of(0, 201505), shown ? '2' : '*');
    assert_int_equal(code_of(0, 201503), 'N');
    assert_int_equal(code_of(0, 201506), 'N');
    assert_int_equal(report.worst_account, shown ? 0 : NO_PLACE);
}

/* In how many forms of the report a text stands: a terminal's, a page's, JSON. */
static uint32_t forms_with(const char *text)
{
    const struct page_form *const forms[] = {&page_text, &page_html};
    json_t *object = report_json(&report);
    char *json = json_dumps(object, 0);
    assert_non_null(json);
    uint32_t count = strstr(json, text) != NULL;
    for (size_t i = 0; i < 2; i++) {
        struct page page;
        page_make(forms[i], &page);
        buffer_append(&page.out, "", 1);
        count += strstr((const char *)page.out.data, text) != NULL;
        page_close(&page);
    }
    free(json);
    json_decref(object);
    return count;
}

/* "In China adverse data is kept 5 years from the end of the bad event"; in the US seven years, each late
 * month from its own end. */
static void late_months_are_shown_for_the_policys_years(void **state)
{
    (void)state;
    make_old_run();
    make_on("cn", 2020, 6, 28);
    is_shown(true);
    make_on("cn", 2020, 6, 29);
    is_shown(false);
    make_on("us", 2022, 4, 30);
    is_shown(true);
    make_on("us", 2022, 5, 1);
    assert_int_equal(code_of(0, 201504), '*');
    assert_int_equal(code_of(0, 201505), '2');
    make_on("us", 2022, 5, 31);
    assert_int_equal(code_of(0, 201505), '2');
    make_on("us", 2022, 6, 1);
    is_shown(false);
}

/* Neither what nothing is known of, nor a date that is too early to be, lets a debt disappear. */
static void nothing_recent_disappears(void **state)
{
    (void)state;
    struct event_body old = sample_report_body(9000, 40), fresh = sample_report_body(9000, 95);
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, date_from_civil(2010, 1, 1), 100000);
    sample_report(file, 1, 0, 201002, &old);
    fresh.has_first_delinquency = true;
    fresh.first_delinquency_date = date_from_civil(1990, 1, 1);
    fresh.past_due = (struct optional_amount){true, 9000};
    uint32_t last = sample_report(file, 1, 0, 202401, &fresh);
    make_on("us", 2024, 2, 20);
    assert_int_equal(code_of(0, 202401), '4');
    assert_int_equal(code_of(0, 201002), '*');
    assert_int_equal(report.totals[0].past_due.minor, 9000);
    assert_int_equal(report.flags[last] & FLAG_LATE_BEFORE_OPEN, FLAG_LATE_BEFORE_OPEN);
    make_on("cn", 2024, 2, 20); /* nothing says that what began in 2010 ended */
    assert_int_equal(code_of(0, 202401), '4');
    assert_int_equal(code_of(0, 201002), '2');
    struct event_body good = sample_report_body(0, 0);
    struct event_header header =
        sample_file_header(file, EVENT_PERIOD_REPORT, 1, 0, date_from_civil(2010, 1, 1));
    header.period = 202402;
    sample_file_add(file, header, &good, RESULT_OK); /* a good month, dated long before it */
    make_on("cn", 2024, 3, 20);
    assert_int_equal(code_of(0, 202401), '4');
    make_on("cn", 2029, 1, 31);
    assert_int_equal(code_of(0, 202401), '4');
    make_on("cn", 2029, 2, 1);
    assert_int_equal(code_of(0, 202401), '*');
    assert_int_equal(code_of(0, 201002), '*');
}

static void a_charge_off_that_is_past_is_nowhere(void **state)
{
    (void)state;
    struct event_body late = sample_report_body(9000, 95);
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, date_from_civil(2010, 1, 1), 100000);
    sample_report(file, 1, 0, 201002, &late);
    sample_report(file, 1, 0, 201003, &late);
    uint32_t gone = sample_simple(file, EVENT_CHARGE_OFF, 1, 0, date_from_civil(2010, 4, 1), 777001);
    sample_aim(file, EVENT_DISPUTE_OPEN, 2, gone, NULL);
    sample_open(file, 2, 1, ACCOUNT_REVOLVING, 840, date_from_civil(2012, 1, 1), 555500);
    make_on("cn", 2024, 1, 1); /* it was never settled: it lasts */
    assert_int_equal(report.account_count, 2);
    assert_int_equal(forms_with("CHARGED_OFF"), 3);
    make_on("us", 2017, 2, 28); /* seven years from the first of the late months that led to it */
    assert_int_equal(report.account_count, 2);
    assert_int_equal(forms_with("CHARGE_OFF"), 3);
    assert_int_equal(forms_with("7770.01"), 2);
    assert_int_equal(forms_with("777001"), 1);
    make_on("us", 2017, 3, 1);
    assert_int_equal(report.account_count, 1);
    assert_int_equal(account_of(0)->header->member_id, 2);
    assert_int_equal(report.by_state[ACCOUNT_STATE_CHARGED_OFF], 0);
    assert_int_equal(report.total_count, 1);
    assert_int_equal(forms_with("CHARGE"), 0);
    assert_int_equal(forms_with("7770.01") + forms_with("777001"), 0);
    sample_simple(
        file, EVENT_CLOSE, 1, 0, date_from_civil(2009, 6, 1), 0); /* dated before it was charged off */
    make_on("cn", 2015, 4, 1);
    assert_int_equal(report.account_count, 2);
    make_on("cn", 2015, 4, 2);
    assert_int_equal(report.account_count, 1);
}

static void a_charge_off_that_was_paid_ends_with_that(void **state)
{
    (void)state;
    struct event_body late = sample_report_body(9000, 95), paid = sample_report_body(0, 0);
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, date_from_civil(2010, 1, 1), 100000);
    sample_report(file, 1, 0, 201002, &late);
    sample_simple(file, EVENT_CHARGE_OFF, 1, 0, date_from_civil(2010, 4, 1), 777001);
    sample_report(file, 1, 0, 201010, &paid);
    make_on("cn", 2015, 10, 31);
    assert_int_equal(report.account_count, 1);
    assert_int_equal(code_of(0, 201002), '4');
    make_on("cn", 2015, 11, 1);
    assert_int_equal(report.account_count, 0);
}

/* A wrong entry that was put right does not stay longer than a right one. */
static void what_was_put_right_ages_too(void **state)
{
    (void)state;
    struct event_body taken_back = sample_report_body(9000, 88), wrong = sample_report_body(9000, 77);
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, date_from_civil(2010, 1, 1), 100000);
    uint32_t first = sample_report(file, 1, 0, 201002, &taken_back);
    sample_aim(file, EVENT_RETRACT, 1, first, NULL);
    uint32_t second = sample_report(file, 1, 0, 201003, &wrong);
    sample_correct(file, 1, second, sample_report_body(9000, 0));
    sample_aim(file, EVENT_DISPUTE_OPEN, 2, first, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        const char *policy = i == 0 ? "cn" : "us";
        int years = i == 0 ? 5 : 7;
        make_on(policy, 2010 + years, 2, 28);
        assert_true(forms_with("88 days") > 0 && forms_with("\"days_past_due\": 88") == 1);
        make_on(policy, 2010 + years, 3, 1);
        assert_int_equal(forms_with("88 days") + forms_with("\"days_past_due\": 88"), 0);
        assert_true(forms_with("77 days") > 0 && forms_with("\"days_past_due\": 77") == 1);
        make_on(policy, 2010 + years, 4, 1);
        assert_int_equal(forms_with("77 days") + forms_with("\"days_past_due\": 77"), 0);
        assert_int_equal(code_of(0, 201003), 'N');
    }
}

static void the_worst_month_is_of_those_shown(void **state)
{
    (void)state;
    assert_int_equal(report.worst_account, 1);
    assert_int_equal(report.worst_month, period_index(202312));
    make_report(CODES_PBOC, 2);
    assert_int_equal(report.worst_account, 0);
    assert_int_equal(report.worst_month, period_index(202412));
    make_report(CODES_PBOC, 1);
    assert_int_equal(report.worst_account, NO_PLACE);
}

static void a_budget_that_is_spent_is_told(void **state)
{
    (void)state;
    struct report_request request = {CODES_PBOC, 24};
    struct report small_report;
    struct arena small;
    for (size_t budget = 0; budget < MIB; budget += 64) {
        arena_init(&small, budget);
        int error = report_make(&request, &list, &file->subject, &verdict, genesis, &small, &small_report);
        arena_close(&small);
        if (error == TALLY_OK) return;
        assert_int_equal(error, TALLY_ENOMEM);
    }
    fail_msg("the sample takes more than a MiB");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, drop_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_terminal_shows_the_whole_report),
        TEST(no_line_of_text_is_wider_than_a_terminal_or_holds_a_control),
        TEST(a_page_of_html_is_whole_and_harmless),
        TEST(metro_2_has_its_own_codes),
        TEST(json_says_the_same),
        cmocka_unit_test_setup_teardown(that_there_is_no_file_is_a_report_too, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(a_file_of_access_alone_is_no_file, make_empty, drop_file),
        TEST(accounts_stand_as_their_events_leave_them),
        TEST(a_grid_is_of_what_is_in_force),
        TEST(codes_are_kept_as_they_were_reported),
        TEST(what_is_unusual_is_noticed),
        TEST(totals_are_by_currency_and_of_active_accounts),
        TEST(a_sum_that_cannot_be_held_is_no_sum),
        cmocka_unit_test_setup_teardown(
            what_was_recovered_is_told_where_it_cannot_be_summed_up, make_empty, drop_file),
        TEST(access_is_counted_and_refusals_are_not),
        TEST(only_live_reservations_are_open),
        cmocka_unit_test_setup_teardown(what_is_said_of_a_reservation_does_not_end_it, make_empty, drop_file),
        TEST(disputes_are_held_against_the_policys_clock),
        TEST(what_cannot_be_confirmed_is_kept_with_a_mark_or_taken_back),
        cmocka_unit_test_setup_teardown(
            a_transferred_account_counts_until_it_is_taken_over, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(an_opening_that_was_withheld_is_told, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(
            months_that_were_withheld_are_not_taken_for_good_ones, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(a_month_to_come_is_not_in_a_grid, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(late_months_are_shown_for_the_policys_years, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(nothing_recent_disappears, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(a_charge_off_that_is_past_is_nowhere, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(a_charge_off_that_was_paid_ends_with_that, make_empty, drop_file),
        cmocka_unit_test_setup_teardown(what_was_put_right_ages_too, make_empty, drop_file),
        TEST(the_worst_month_is_of_those_shown),
        TEST(a_budget_that_is_spent_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
