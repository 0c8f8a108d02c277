// links: tools
/* The codes of a month, by both lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tools/report_codes.h"

static char code_of(enum code_scheme scheme, struct month_facts facts)
{
    bool is_source;
    if (facts.code == NULL) facts.code = "";
    char code = month_code(scheme, &facts, &is_source);
    assert_false(is_source);
    return code;
}

static void expect(struct month_facts facts, char pboc, char metro2)
{
    assert_int_equal(code_of(CODES_PBOC, facts), pboc);
    assert_int_equal(code_of(CODES_METRO2, facts), metro2);
}

static void days_become_levels_and_buckets(void **state)
{
    (void)state;
    static const struct {
        uint32_t days;
        char pboc, metro2;
    } edges[] = {{0, 'N', '0'}, {1, '1', '0'}, {29, '1', '0'}, {30, '1', '1'}, {31, '2', '1'}, {59, '2', '1'},
        {60, '2', '2'}, {61, '3', '2'}, {90, '3', '3'}, {91, '4', '3'}, {120, '4', '4'}, {121, '5', '4'},
        {150, '5', '5'}, {151, '6', '5'}, {179, '6', '5'}, {180, '6', '6'}, {181, '7', '6'},
        {65535, '7', '6'}};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        expect((struct month_facts){.is_reported = true, .has_days = true, .days_past_due = edges[i].days},
            edges[i].pboc, edges[i].metro2);
    }
    for (uint32_t days = 0; days <= 65535; days++) {
        uint32_t level = days == 0 ? 0 : (days + 29) / 30, bucket = days / 30;
        assert_int_equal(pboc_level(days), level < 7 ? level : 7);
        assert_int_equal(metro2_bucket(days), bucket < 6 ? bucket : 6);
    }
}

static void months_without_a_report_have_their_codes(void **state)
{
    (void)state;
    expect((struct month_facts){.is_before = true}, '/', 'B');
    expect((struct month_facts){.is_before = false}, '*', 'D');
    expect((struct month_facts){.is_after = true}, ' ', ' ');
    expect((struct month_facts){.is_reported = true, .is_unread = true}, '#', 'D');
}

static void an_end_has_its_codes(void **state)
{
    (void)state;
    expect((struct month_facts){.is_end = true, .is_settled = true}, 'C', 'D');
    expect((struct month_facts){.is_end = true}, 'G', 'D');
    expect((struct month_facts){.is_end = true, .is_settled = true, .is_reported = true, .has_days = true},
        'C', '0');
}

static void a_charge_off_stays_until_the_end(void **state)
{
    (void)state;
    expect((struct month_facts){.is_charged_off = true}, '*', 'L');
    expect(
        (struct month_facts){
            .is_charged_off = true, .is_reported = true, .has_days = true, .days_past_due = 200},
        '7', 'L');
    expect((struct month_facts){.is_charged_off = true, .is_after = true}, ' ', ' ');
}

static void a_line_without_a_balance_is_told_apart_by_metro_2(void **state)
{
    (void)state;
    expect((struct month_facts){.is_reported = true, .has_days = true, .is_idle_line = true}, 'N', 'E');
    expect(
        (struct month_facts){
            .is_reported = true, .has_days = true, .is_idle_line = true, .days_past_due = 30},
        '1', '1');
}

static void expect_source(const char *code, char pboc, char metro2)
{
    const struct month_facts facts = {.is_reported = true, .code = code};
    bool is_source;
    assert_int_equal(month_code(CODES_PBOC, &facts, &is_source), pboc);
    assert_int_equal(is_source, pboc != '#');
    assert_int_equal(month_code(CODES_METRO2, &facts, &is_source), metro2);
    assert_int_equal(is_source, metro2 != 'D' || code[0] == 'D');
}

static void a_sources_own_code_stands_as_it_was_reported(void **state)
{
    (void)state;
    static const char profile[] = "0123456BDEGHJKL";
    for (const char *at = profile; *at != '\0'; at++) {
        char code[2] = {*at, '\0'};
        expect_source(code, *at, *at);
    }
    expect_source("M3", '#', 'D');
    expect_source("", '#', 'D');
    expect_source(" ", '#', 'D');
    expect_source("\x1b", '#', 'D');
    expect_source("\xc3\xa4", '#', 'D');
}

static void an_account_status_has_the_code_that_a_profile_gives_it(void **state)
{
    (void)state;
    expect_source("11", '#', '0');
    expect_source("71", '#', '1');
    expect_source("84", '#', '6');
    expect_source("97", '#', 'L');
    expect_source("93/1", '#', 'G');
    expect_source("13/0", '#', 'D');
    expect_source("110", '#', 'D');
}

static void schemes_have_names(void **state)
{
    (void)state;
    enum code_scheme scheme;
    assert_int_equal(code_scheme_by_name("metro2", &scheme), TALLY_OK);
    assert_int_equal(scheme, CODES_METRO2);
    assert_int_equal(code_scheme_by_name("pboc", &scheme), TALLY_OK);
    assert_string_equal(code_scheme_name(scheme), "pboc");
    assert_int_equal(code_scheme_by_name("PBOC", &scheme), TALLY_EFORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_become_levels_and_buckets),
        cmocka_unit_test(months_without_a_report_have_their_codes),
        cmocka_unit_test(an_end_has_its_codes),
        cmocka_unit_test(a_charge_off_stays_until_the_end),
        cmocka_unit_test(a_line_without_a_balance_is_told_apart_by_metro_2),
        cmocka_unit_test(a_sources_own_code_stands_as_it_was_reported),
        cmocka_unit_test(an_account_status_has_the_code_that_a_profile_gives_it),
        cmocka_unit_test(schemes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
