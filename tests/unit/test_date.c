// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/base/date.h"

static void known_days_have_known_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t days;
    } known[] = {{"1970-01-01", 0}, {"1969-12-31", -1}, {"2000-02-29", 11016}, {"2000-03-01", 11017},
        {"2005-08-15", 13010}, {"1900-01-01", DATE_MIN}, {"9999-12-31", DATE_MAX}, {"2038-01-19", 24855}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int32_t days;
        char text[DATE_TEXT_SIZE];
        assert_int_equal(date_from_text(known[i].text, &days), TALLY_OK);
        assert_int_equal(days, known[i].days);
        date_to_text(days, text);
        assert_string_equal(text, known[i].text);
    }
}

static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    int last_year = 1899, last_month = 12, last_day = 31;
    for (int32_t days = DATE_MIN; days <= DATE_MAX; days++) {
        /* Every day of two centuries, then samples: a whole round takes long. */
        if (days > 75000 && days < DATE_MAX - 1000) {
            days += 499;
            last_year = 0;
        }
        int year, month, day;
        date_to_civil(days, &year, &month, &day);
        assert_int_equal(date_from_civil(year, month, day), days);
        if (last_year != 0) {
            if (day == 1)
                assert_int_equal(last_day, last_month == 12 ? 31 : date_days_in_month(last_year, last_month));
            else
                assert_int_equal(day, last_day + 1);
        }
        last_year = year;
        last_month = month;
        last_day = day;
    }
}

static void text_that_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "2005", "2005-08", "2005-08-1", "2005-8-15", "2005-08-15 ",
        " 2005-08-15", "2005/08/15", "2005-13-01", "2005-00-01", "2005-01-00", "2005-01-32", "2005-02-29",
        "1900-02-29", "2100-02-29", "1899-12-31", "0000-01-01", "20a5-01-01", "2005-01-+1", "-005-01-01",
        "2005-08-155"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int32_t days = 77;
        assert_int_equal(date_from_text(bad[i], &days), TALLY_EFORM);
        assert_int_equal(days, 77);
    }
}

static void leap_years_are_gregorian(void **state)
{
    (void)state;
    assert_int_equal(date_days_in_month(2000, 2), 29);
    assert_int_equal(date_days_in_month(1900, 2), 28);
    assert_int_equal(date_days_in_month(2004, 2), 29);
    assert_int_equal(date_days_in_month(2005, 2), 28);
    assert_int_equal(date_days_in_month(2005, 12), 31);
}

static void dates_have_bounds(void **state)
{
    (void)state;
    assert_true(date_is_valid(DATE_MIN) && date_is_valid(DATE_MAX) && date_is_valid(0));
    assert_false(date_is_valid(DATE_MIN - 1) || date_is_valid(DATE_MAX + 1));
}

static void periods_go_both_ways(void **state)
{
    (void)state;
    uint32_t period;
    char text[PERIOD_TEXT_SIZE];
    assert_int_equal(period_from_text("2005-04", &period), TALLY_OK);
    assert_int_equal(period, 200504);
    period_to_text(period, text);
    assert_string_equal(text, "2005-04");
    static const char *const bad[] = {
        "", "2005", "2005-4", "2005-13", "2005-00", "1899-12", "2005-04-01", "200504"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(period_from_text(bad[i], &period), TALLY_EFORM);
    assert_int_equal(period, 200504);
}

static void period_indexes_run_without_gaps(void **state)
{
    (void)state;
    uint32_t expected = 0;
    for (uint32_t period = 190001; period <= 999912; period++) {
        if (!period_is_valid(period)) continue;
        assert_int_equal(period_index(period), expected);
        assert_int_equal(period_from_index(expected), period);
        expected++;
    }
    assert_int_equal(expected, 8100 * 12);
    assert_false(period_is_valid(190000) || period_is_valid(189912) || period_is_valid(200513) ||
                 period_is_valid(1000001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_days_have_known_dates),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(text_that_is_no_date_is_refused),
        cmocka_unit_test(leap_years_are_gregorian),
        cmocka_unit_test(dates_have_bounds),
        cmocka_unit_test(periods_go_both_ways),
        cmocka_unit_test(period_indexes_run_without_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
