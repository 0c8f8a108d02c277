// links: tools
/* Metro 2 files: a record's columns, what it becomes, the trailer's totals, and a file read line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/date.h"
#include "tools/import_line.h"
#include "tools/import_metro2.h"
#include "tools/metro2_event.h"

#define LINE_SIZE 2048

/* ---- Making records ---- */

/* Columns count from 1. */
static void put(char *line, size_t first, const char *text)
{
    memcpy(line + first - 1, text, strlen(text));
}

static void length_put(char *line)
{
    char size[5];
    snprintf(size, sizeof size, "%04zu", strlen(line));
    put(line, 1, size);
}

/* A loan of 60 months that is paid as agreed. */
static void loan_make(char line[LINE_SIZE])
{
    memset(line, ' ', METRO2_BASE_SIZE);
    line[METRO2_BASE_SIZE] = '\0';
    put(line, 1, "0426120190402140");
    put(line, 43, "LOAN-1");
    put(line, 73, "I00");
    put(line, 76, "03152022");
    put(line, 84, "000000000000018000060M000000350000000340");
    put(line, 124, "11");
    put(line, 127, "000000000000000000000000");
    put(line, 155, "000007200000000000000000000");
    put(line, 182, "06302025000000000000000000000000");
    put(line, 298, "666010001");
}

static int parse(const char *line, struct metro2_record *record, char why[IMPORT_WHY_SIZE])
{
    why[0] = '\0';
    return metro2_record_parse(span_of(line, strlen(line)), record, why, IMPORT_WHY_SIZE);
}

static struct metro2_record parsed(const char *line)
{
    struct metro2_record record;
    char why[IMPORT_WHY_SIZE];
    if (parse(line, &record, why) != TALLY_OK) fail_msg("%s", why);
    return record;
}

/* ---- A record's columns ---- */

static int32_t day(int year, int month, int of_month)
{
    return date_from_civil(year, month, of_month);
}

static void every_column_that_is_read_is_read(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    loan_make(line);
    put(line, 84, "000000001");
    put(line, 126, "G");
    put(line, 127, "0123456BDEGHJKL000000000");
    put(line, 151, "AU");
    put(line, 155, "999999999000000008000000009");
    put(line, 190, "0229202412312025");
    struct metro2_record record = parsed(line);
    assert_string_equal(record.account, "LOAN-1");
    assert_int_equal(record.portfolio, 'I');
    assert_string_equal(record.type, "00");
    assert_int_equal(record.opened.days, day(2022, 3, 15));
    assert_int_equal(record.limit, 1);
    assert_int_equal(record.original, 18000);
    assert_string_equal(record.terms, "060");
    assert_int_equal(record.frequency, 'M');
    assert_int_equal(record.scheduled, 350);
    assert_int_equal(record.paid, 340);
    assert_string_equal(record.status, "11");
    assert_int_equal(record.rating, 'G');
    assert_string_equal(record.profile, "0123456BDEGHJKL000000000");
    assert_string_equal(record.comment, "AU");
    assert_int_equal(record.balance, 999999999);
    assert_int_equal(record.past_due, 8);
    assert_int_equal(record.charged_off, 9);
    assert_int_equal(record.information.days, day(2025, 6, 30));
    assert_true(record.delinquency.present && record.delinquency.days == day(2024, 2, 29));
    assert_true(record.closed.present && record.closed.days == day(2025, 12, 31));
    assert_string_equal(record.ssn, "666010001");
    assert_false(record.length_differs);
}

static void a_fault_is_told_with_its_columns_and_field(void **state)
{
    (void)state;
    static const struct {
        uint32_t first;
        const char *text, *told;
    } cases[] = {
        {1, "UNPA", "columns 1-4 (record descriptor word): 'UNPA' is not all digits"},
        {1, "0366", "columns 1-4 (record descriptor word): '0366' is not a length from 426 on"},
        {43, "      ", "columns 43-72 (consumer account number): it is blank"},
        {43, "LOAN\x01", "columns 43-72 (consumer account number): it is no plain text"},
        {73, "X", "column 73 (portfolio type): 'X' is not one of CIMOR"},
        {74, "\x80", "columns 74-75 (account type): '?0' is not plain text"},
        {76, "00000000", "columns 76-83 (date opened): '00000000' is not a date MMDDYYYY"},
        {76, "02302022", "columns 76-83 (date opened)"},
        {76, "13012022", "columns 76-83 (date opened)"},
        {76, "01321999", "columns 76-83 (date opened)"},
        {76, "12311901", "columns 76-83 (date opened)"},
        {84, "        1", "columns 84-92 (credit limit)"},
        {93, "00000018.", "columns 93-101 (original loan amount)"},
        {106, "+", "columns 106-114 (scheduled monthly payment)"},
        {115, "-", "columns 115-123 (actual payment)"},
        {124, "12", "columns 124-125 (account status): '12' is not an account status"},
        {124, "1 ", "columns 124-125 (account status): '1 ' is not an account status"},
        {124, " 1", "columns 124-125 (account status): ' 1' is not an account status"},
        {124, "DA", "RETRACT"},
        {124, "DF", "RETRACT"},
        {126, "7", "column 126 (payment rating): '7' is not one of  0123456GL"},
        {127, " ", "column 127 (payment history profile): ' ' is not one of 0123456BDEGHJKL"},
        {150, "7", "column 150 (payment history profile): '7' is not one of 0123456BDEGHJKL"},
        {155, "O", "columns 155-163 (current balance)"},
        {164, "-00000015", "columns 164-172 (amount past due): '-00000015' is not all digits"},
        {173, "x", "columns 173-181 (original charge-off amount)"},
        {182, "00000000", "columns 182-189 (date of account information): '00000000' is not a date MMDDYYYY"},
        {190, "02292023",
            "columns 190-197 (date of first delinquency): '02292023' is not a date MMDDYYYY, nor zeros"},
        {198, "        ", "columns 198-205 (date closed)"},
        {298, "\t", "columns 298-306 (social security number): it is no plain text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[LINE_SIZE], why[IMPORT_WHY_SIZE];
        struct metro2_record record;
        loan_make(line);
        put(line, cases[i].first, cases[i].text);
        assert_int_equal(parse(line, &record, why), TALLY_EFORM);
        if (strstr(why, cases[i].told) == NULL) fail_msg("%s: %s", cases[i].told, why);
        /* Whose record it is stays out of it. */
        assert_null(strstr(why, "LOAN"));
        assert_null(strstr(why, "66601"));
    }
}

static void a_record_that_is_too_short_or_has_unknown_segments_is_refused(void **state)
{
    (void)state;
    char line[LINE_SIZE], why[IMPORT_WHY_SIZE];
    struct metro2_record record;
    loan_make(line);
    line[425] = '\0';
    assert_int_equal(parse(line, &record, why), TALLY_EFORM);
    assert_string_equal(why, "it has 425 columns, and a base segment has 426");
    static const char *const segments[] = {"J", "J3", "J1", "x"}; /* cut off, unknown, too short */
    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        loan_make(line);
        strcat(line, segments[i]);
        length_put(line);
        assert_int_equal(parse(line, &record, why), TALLY_EFORM);
        assert_non_null(strstr(why, "columns 427-"));
        assert_non_null(strstr(why, "(segments): no whole segment of a known name"));
    }
}

static void segments_are_counted_by_name_whatever_the_descriptor_says(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    static const char names[][3] = {"J1", "J2", "J2", "K1", "K2", "K3", "K4", "L1", "N1"};
    static const int sizes[] = {100, 200, 200, 34, 34, 40, 30, 54, 146};
    loan_make(line);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        sprintf(line + strlen(line), "%-*s", sizes[i], names[i]);
    struct metro2_record record = parsed(line);
    assert_true(record.length_differs);
    strcat(line, "     "); /* as in blocks of one size */
    length_put(line);
    record = parsed(line);
    assert_false(record.length_differs);
    for (size_t i = 0; i < METRO2_SEGMENT_KINDS; i++)
        assert_int_equal(record.segments[i], strcmp(metro2_segment_names[i], "J2") == 0 ? 2 : 1);
}

/* ---- What it becomes ---- */

static json_t *event_at(const struct metro2_record *record, uint32_t index)
{
    struct metro2_step steps[METRO2_EVENTS_MAX];
    assert_true(index < metro2_plan(record, METRO2_MONTHS, steps));
    json_t *event = metro2_event(record, &steps[index],
        "00000000000000000000000000000000000000000000000000000000000000aa",
        "000000000000000000000000000000bb");
    assert_non_null(event);
    return event;
}

/* The event without its names, which all have. */
static void expect_event(const struct metro2_record *record, uint32_t index, const char *wanted)
{
    json_t *event = event_at(record, index), *other = json_loads(wanted, 0, NULL);
    assert_non_null(other);
    json_object_del(event, "subject");
    json_object_del(event, "account");
    if (!json_equal(event, other)) fail_msg("%s, and not %s", json_dumps(event, 0), wanted);
    json_decref(event);
    json_decref(other);
}

static uint32_t plan_of(const struct metro2_record *record, enum event_type types[METRO2_EVENTS_MAX])
{
    struct metro2_step steps[METRO2_EVENTS_MAX];
    uint32_t count = metro2_plan(record, METRO2_MONTHS, steps);
    for (uint32_t i = 0; i < count; i++)
        types[i] = steps[i].type;
    return count;
}

static void a_loan_is_opened_paid_out_and_reported_month_by_month(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    loan_make(line);
    put(line, 127, "0123456BDEGHJKL00000000D");
    struct metro2_record record = parsed(line);
    enum event_type types[METRO2_EVENTS_MAX];
    assert_int_equal(plan_of(&record, types), 27);
    expect_event(&record, 0,
        "{\"type\":\"ACCOUNT_OPEN\",\"event_date\":\"2022-03-15\",\"account_type\":\"INSTALMENT\","
        "\"currency\":"
        "\"USD\",\"product\":4796464,\"body\":{\"principal_minor\":1800000,\"term_count\":60,\"term_unit\":"
        "\"MONTH\"}}");
    expect_event(&record, 1,
        "{\"type\":\"DISBURSE\",\"event_date\":\"2022-03-15\",\"body\":{\"amount_minor\":1800000}}");
    expect_event(&record, 2,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2023-06-30\",\"period\":\"2023-06\",\"body\":{"
        "\"reported_code\":\"D\"}}");
    expect_event(&record, 25,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2025-05-31\",\"period\":\"2025-05\",\"body\":{"
        "\"reported_code\":\"0\"}}");
    expect_event(&record, 26,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2025-06-30\",\"period\":\"2025-06\",\"body\":{"
        "\"balance_minor\":720000,\"paid_minor\":34000,\"scheduled_minor\":35000,\"reported_code\":\"11\"}}");
    for (uint32_t month = 0; month < METRO2_MONTHS; month++) {
        json_t *event = event_at(&record, 25 - month);
        const char *code =
            json_string_value(json_object_get(json_object_get(event, "body"), "reported_code"));
        assert_int_equal(code[0], record.profile[month]);
        assert_int_equal(code[1], '\0');
        json_decref(event);
    }
}

static void a_year_ends_and_february_has_its_days(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    loan_make(line);
    put(line, 182, "03012024");
    struct metro2_record record = parsed(line);
    struct metro2_step steps[METRO2_EVENTS_MAX];
    assert_int_equal(metro2_plan(&record, METRO2_MONTHS, steps), 27);
    assert_int_equal(steps[25].days, day(2024, 2, 29));
    assert_int_equal(steps[24].days, day(2024, 1, 31));
    assert_int_equal(steps[23].period, 202312);
    assert_int_equal(steps[2].period, 202203);
    put(line, 182, "01011902");
    record = parsed(line);
    assert_int_equal(metro2_plan(&record, METRO2_MONTHS, steps), 27);
    assert_int_equal(steps[2].period, 190001);
}

static void a_card_is_a_line_with_a_limit_and_is_not_paid_out(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    loan_make(line);
    put(line, 73, "R18");
    put(line, 84, "000004000000003720REVM000000045000000060");
    put(line, 164, "000000090");
    put(line, 190, "05182025");
    struct metro2_record record = parsed(line);
    enum event_type types[METRO2_EVENTS_MAX];
    assert_int_equal(plan_of(&record, types), 26);
    expect_event(&record, 0,
        "{\"type\":\"ACCOUNT_OPEN\",\"event_date\":\"2022-03-15\",\"account_type\":\"REVOLVING\","
        "\"currency\":"
        "\"USD\",\"product\":5386552,\"body\":{\"limit_minor\":400000}}");
    expect_event(&record, 25,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2025-06-30\",\"period\":\"2025-06\",\"body\":{"
        "\"balance_minor\":720000,\"paid_minor\":6000,\"scheduled_minor\":4500,\"past_due_minor\":9000,"
        "\"limit_minor\":400000,\"first_delinquency_date\":\"2025-05-18\",\"reported_code\":\"11\"}}");
}

static void terms_are_told_where_the_columns_count_monthly_instalments(void **state)
{
    (void)state;
    static const struct {
        const char *portfolio, *terms;
        bool told;
    } cases[] = {{"I", "060M", true}, {"I", "000M", false}, {"I", "060W", false}, {"M", "030M", false},
        {"O", "001M", false}, {"I", "LOCM", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[LINE_SIZE];
        loan_make(line);
        put(line, 73, cases[i].portfolio);
        put(line, 102, cases[i].terms);
        struct metro2_record record = parsed(line);
        json_t *event = event_at(&record, 0);
        const json_t *count = json_object_get(json_object_get(event, "body"), "term_count");
        assert_int_equal(count != NULL, cases[i].told);
        if (cases[i].told) assert_int_equal(json_integer_value(count), 60);
        json_decref(event);
    }
}

static void a_charge_off_stands_behind_the_first_month_that_knows_of_it(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    loan_make(line);
    put(line, 124, "97");
    put(line, 127, "LLL654321000000000000000");
    put(line, 173, "000009000");
    put(line, 190, "06012024");
    struct metro2_record record = parsed(line);
    enum event_type types[METRO2_EVENTS_MAX];
    assert_int_equal(plan_of(&record, types), 28);
    expect_event(&record, 23,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2025-03-31\",\"period\":\"2025-03\",\"body\":{"
        "\"reported_code\":\"L\"}}");
    expect_event(&record, 24,
        "{\"type\":\"CHARGE_OFF\",\"event_date\":\"2025-03-31\",\"body\":{\"amount_minor\":900000,"
        "\"first_delinquency_date\":\"2024-06-01\"}}");
    /* None knows of it but the record itself. */
    put(line, 127, "654321000000000000000000");
    record = parsed(line);
    assert_int_equal(plan_of(&record, types), 28);
    assert_int_equal(types[26], EVENT_PERIOD_REPORT);
    expect_event(&record, 27,
        "{\"type\":\"CHARGE_OFF\",\"event_date\":\"2025-06-30\",\"body\":{\"amount_minor\":900000,"
        "\"first_delinquency_date\":\"2024-06-01\"}}");
    /* A code of another status makes none. */
    put(line, 124, "96");
    put(line, 127, "LLL");
    record = parsed(line);
    assert_int_equal(plan_of(&record, types), 27);
}

static void of_fewer_months_the_newest_are_taken_and_no_charge_off_of_the_others(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    struct metro2_step steps[METRO2_EVENTS_MAX];
    loan_make(line);
    put(line, 124, "97");
    put(line, 127, "LL6543210000000000000000");
    struct metro2_record record = parsed(line);
    assert_int_equal(metro2_plan(&record, 2, steps), 6);
    assert_int_equal(steps[2].period, 202504);
    assert_int_equal(steps[3].type, EVENT_CHARGE_OFF);
    assert_int_equal(steps[4].period, 202505);
    assert_int_equal(steps[5].period, 202506);
    /* It is of April: who takes May alone was told before. */
    assert_int_equal(metro2_plan(&record, 1, steps), 4);
    assert_int_equal(steps[2].period, 202505);
    assert_int_equal(metro2_plan(&record, 0, steps), 3);
    assert_int_equal(steps[2].period, 202506);
    put(line, 127, "66");
    record = parsed(line);
    assert_int_equal(metro2_plan(&record, 0, steps), 4);
    assert_int_equal(steps[3].type, EVENT_CHARGE_OFF);
    assert_int_equal(steps[3].days, day(2025, 6, 30));
}

static void a_paid_account_is_closed_on_its_date(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    enum event_type types[METRO2_EVENTS_MAX];
    loan_make(line);
    put(line, 124, "13");
    put(line, 126, "0");
    put(line, 155, "000000000");
    put(line, 198, "06122025");
    struct metro2_record record = parsed(line);
    assert_int_equal(plan_of(&record, types), 28);
    expect_event(&record, 26,
        "{\"type\":\"PERIOD_REPORT\",\"event_date\":\"2025-06-30\",\"period\":\"2025-06\",\"body\":{"
        "\"balance_minor\":0,\"paid_minor\":34000,\"scheduled_minor\":35000,\"reported_code\":\"13/0\"}}");
    expect_event(&record, 27,
        "{\"type\":\"CLOSE\",\"event_date\":\"2025-06-12\",\"kind\":\"PAID\",\"body\":{\"balance_minor\":0}"
        "}");
    /* What was charged off and then settled has both. */
    put(line, 124, "64");
    put(line, 127, "LLLLLLLLLLLLLLLLLLLLLLLL");
    put(line, 151, "AU");
    record = parsed(line);
    assert_int_equal(plan_of(&record, types), 29);
    assert_int_equal(types[3], EVENT_CHARGE_OFF);
    expect_event(&record, 28,
        "{\"type\":\"CLOSE\",\"event_date\":\"2025-06-12\",\"kind\":\"SETTLED_LESS\",\"body\":{\"balance_"
        "minor\":"
        "0}}");
    /* A date closed beside a status that owes closes nothing; nor does a paid status without a date. */
    put(line, 124, "97");
    record = parsed(line);
    assert_int_equal(plan_of(&record, types), 28);
    put(line, 124, "13");
    put(line, 198, "00000000");
    record = parsed(line);
    assert_int_equal(plan_of(&record, types), 27);
}

/* ---- Totals ---- */

static void trailer_make(char line[LINE_SIZE])
{
    memset(line, '0', METRO2_BASE_SIZE);
    line[METRO2_BASE_SIZE] = '\0';
    put(line, 1, "0426TRAILER");
}

static void totals_are_compared_with_what_was_read(void **state)
{
    (void)state;
    char line[LINE_SIZE], why[IMPORT_WHY_SIZE];
    struct metro2_totals totals;
    loan_make(line);
    sprintf(line + strlen(line), "%-100s", "J1");
    length_put(line);
    struct metro2_record record = parsed(line);
    metro2_totals_init(&totals);
    metro2_totals_count(&totals, &record, 2);
    record.length_differs = true;
    metro2_totals_count(&totals, &record, 3);
    metro2_totals_count(&totals, NULL, 4);
    assert_int_equal(totals.clean, 2);
    assert_int_equal(totals.bad, 1);
    assert_int_equal(totals.odd_lengths, 1);
    assert_int_equal(totals.odd_length_line, 3);
    assert_false(metro2_totals_agree(&totals)); /* no trailer */
    trailer_make(line);
    put(line, 12, "000000003");
    put(line, 39, "000000002");
    put(line, 84, "000000002");
    assert_int_equal(metro2_trailer_take(&totals, span_of(line, strlen(line)), why, sizeof why), TALLY_OK);
    assert_true(metro2_totals_agree(&totals));
    put(line, 255, "000000001");
    assert_int_equal(metro2_trailer_take(&totals, span_of(line, strlen(line)), why, sizeof why), TALLY_OK);
    assert_false(metro2_totals_agree(&totals));
    json_t *told = metro2_totals_json(&totals),
           *wanted = json_loads("[{\"total\":\"status 97\",\"trailer\":1,\"read\":0}]", 0, NULL);
    assert_true(json_equal(json_object_get(told, "differences"), wanted));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(told, "segments_not_read"), "J1")), 2);
    json_decref(told);
    json_decref(wanted);
}

static void a_trailer_with_a_fault_is_none(void **state)
{
    (void)state;
    char line[LINE_SIZE], why[IMPORT_WHY_SIZE];
    struct metro2_totals totals;
    metro2_totals_init(&totals);
    trailer_make(line);
    put(line, 255, "x");
    assert_int_equal(metro2_trailer_take(&totals, span_of(line, strlen(line)), why, sizeof why), TALLY_EFORM);
    assert_string_equal(why, "columns 255-263 (total of status 97) are not all digits");
    assert_int_equal(metro2_trailer_take(&totals, span_of(line, 325), why, sizeof why), TALLY_EFORM);
    assert_false(totals.has_trailer);
}

/* ---- A file ---- */

#define HEADER "0426HEADER                                     06302025"

/* What the source tells: "2 TYPE" an event of line 2, "3!why" a bad line; each subject's first digits are
 * left in `subject`. */
static int file_read(const char *text, enum metro2_subject subject, char *told, char *why)
{
    static const struct source_keys keys = {.subject = {1}, .salt = {2}};
    const struct metro2_options options = {subject, METRO2_MONTHS};
    struct import_metro2 *metro2;
    struct import_line line;
    struct span event;
    uint64_t number;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    *told = '\0';
    int error = import_metro2_open(fileno(file), &options, &keys, &metro2, why);
    import_line_init(&line);
    if (error == TALLY_OK) {
        struct import_source source = import_metro2_source(metro2);
        while ((error = source.next(source.context, &event, &number, why)) != TALLY_ENOTFOUND) {
            told += sprintf(told, "%llu", (unsigned long long)number);
            if (error == TALLY_EFORM) {
                told += sprintf(told, "!%s\n", why);
                continue;
            }
            assert_int_equal(error, TALLY_OK);
            assert_int_equal(import_line_parse(event, &line, why, IMPORT_WHY_SIZE), TALLY_OK);
            if (line.fields.type != EVENT_PERIOD_REPORT)
                told += sprintf(told, " %s %02x%02x\n", event_type_name(line.fields.type),
                    line.fields.subject_id.bytes[0], line.fields.account_ref[0]);
            else
                told += sprintf(told, "\n");
        }
        import_metro2_close(metro2);
        error = TALLY_OK;
    }
    import_line_close(&line);
    fclose(file);
    return error;
}

static void a_file_is_read_to_its_end_whatever_its_records_are(void **state)
{
    (void)state;
    static char told[65536], text[32768];
    char why[IMPORT_WHY_SIZE], loan[LINE_SIZE], bad[LINE_SIZE], nobody[LINE_SIZE], trailer[LINE_SIZE];
    loan_make(loan);
    loan_make(bad);
    put(bad, 164, "-");
    loan_make(nobody);
    put(nobody, 298, "999999999");
    trailer_make(trailer);
    int size = snprintf(text, sizeof text, "%s\r\n%s\n\n%s\nx\n%s\n%s\n%s\n%s\n", HEADER, loan, bad, nobody,
        loan, trailer, loan);
    /* One that is too long, in place of the last. */
    memset(text + size - 427, 'y', 20000);
    text[size - 427 + 20000] = '\0';
    assert_int_equal(file_read(text, METRO2_SUBJECT_SSN, told, why), TALLY_OK);
    assert_non_null(strstr(told, "2 ACCOUNT_OPEN"));
    assert_non_null(strstr(told, "4!columns 164-172 (amount past due)"));
    assert_non_null(strstr(told, "5!it has 1 columns"));
    assert_non_null(strstr(told, "6!columns 298-306 (social security number): none is there"));
    assert_non_null(strstr(told, "7 ACCOUNT_OPEN"));
    assert_null(strstr(told, "8!"));
    assert_non_null(strstr(told, "9!the line is longer than 9999 columns"));
    /* What stands behind the trailer is no part of the file. */
    snprintf(text, sizeof text, "%s\n%s\n%s\n", HEADER, trailer, loan);
    assert_int_equal(file_read(text, METRO2_SUBJECT_SSN, told, why), TALLY_OK);
    assert_string_equal(told, "3!it stands behind the trailer\n");
}

static void a_file_without_a_header_is_not_begun(void **state)
{
    (void)state;
    char why[IMPORT_WHY_SIZE], told[64], loan[LINE_SIZE];
    loan_make(loan);
    static const char *const others[] = {"", "\n", "0426HEADER", "0426HEADERx",
        "0426HEADER                                     13302025", "{\"type\":\"PAYMENT\"}\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(file_read(others[i], METRO2_SUBJECT_SSN, told, why), TALLY_EFORM);
        assert_non_null(strstr(why, "line 1 is no header"));
    }
    assert_int_equal(file_read(loan, METRO2_SUBJECT_SSN, told, why), TALLY_EFORM);
}

static void a_subject_is_a_person_or_else_an_account(void **state)
{
    (void)state;
    static char one[8192], other[8192], text[4096];
    char why[IMPORT_WHY_SIZE], loan[LINE_SIZE], card[LINE_SIZE], named[8];
    struct digest id;
    uint8_t ref[ACCOUNT_REF_SIZE];
    const uint8_t subject_key[SUBJECT_KEY_SIZE] = {1}, salt_key[SALT_KEY_SIZE] = {2};
    loan_make(loan);
    loan_make(card);
    put(card, 43, "CARD-1");
    assert_int_equal(subject_id_derive(subject_key, "us_ssn:666-01-0001", &id), TALLY_OK);
    account_ref_derive(salt_key, span_of("LOAN-1", 6), ref);
    snprintf(named, sizeof named, "%02x%02x", id.bytes[0], ref[0]);
    snprintf(text, sizeof text, "%s\n%s\n", HEADER, loan);
    assert_int_equal(file_read(text, METRO2_SUBJECT_SSN, one, why), TALLY_OK);
    assert_non_null(strstr(one, named));
    /* By account, no number of a person is needed, and none counts. */
    put(loan, 298, "000000000");
    snprintf(text, sizeof text, "%s\n%s\n", HEADER, loan);
    assert_int_equal(file_read(text, METRO2_SUBJECT_ACCOUNT, one, why), TALLY_OK);
    put(loan, 298, "666010002");
    snprintf(text, sizeof text, "%s\n%s\n", HEADER, loan);
    assert_int_equal(file_read(text, METRO2_SUBJECT_ACCOUNT, other, why), TALLY_OK);
    assert_string_equal(one, other);
    snprintf(text, sizeof text, "%s\n%s\n", HEADER, card);
    assert_int_equal(file_read(text, METRO2_SUBJECT_ACCOUNT, other, why), TALLY_OK);
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_that_is_read_is_read),
        cmocka_unit_test(a_fault_is_told_with_its_columns_and_field),
        cmocka_unit_test(a_record_that_is_too_short_or_has_unknown_segments_is_refused),
        cmocka_unit_test(segments_are_counted_by_name_whatever_the_descriptor_says),
        cmocka_unit_test(a_loan_is_opened_paid_out_and_reported_month_by_month),
        cmocka_unit_test(a_year_ends_and_february_has_its_days),
        cmocka_unit_test(a_card_is_a_line_with_a_limit_and_is_not_paid_out),
        cmocka_unit_test(terms_are_told_where_the_columns_count_monthly_instalments),
        cmocka_unit_test(a_charge_off_stands_behind_the_first_month_that_knows_of_it),
        cmocka_unit_test(of_fewer_months_the_newest_are_taken_and_no_charge_off_of_the_others),
        cmocka_unit_test(a_paid_account_is_closed_on_its_date),
        cmocka_unit_test(totals_are_compared_with_what_was_read),
        cmocka_unit_test(a_trailer_with_a_fault_is_none),
        cmocka_unit_test(a_file_is_read_to_its_end_whatever_its_records_are),
        cmocka_unit_test(a_file_without_a_header_is_not_begun),
        cmocka_unit_test(a_subject_is_a_person_or_else_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
