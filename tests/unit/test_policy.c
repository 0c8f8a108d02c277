// links: credit codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/credit/policy.h"
#include "proto/base/amount.h"
#include "proto/base/date.h"

static int32_t day(const char *text)
{
    int32_t days;

    assert_int_equal(date_from_text(text, &days), TALLY_OK);
    return days;
}

static const struct credit_policy *named(const char *name)
{
    const struct credit_policy *policy = credit_policy_by_name(name);

    assert_non_null(policy);
    return policy;
}

static void profiles_are_found_by_their_names_and_hold_together(void **context)
{
    (void)context;
    static const char *const names[] = {"cn", "us", "dev"};

    for (size_t i = 0; i < 3; i++) {
        const struct credit_policy *policy = named(names[i]);
        assert_string_equal(policy->name, names[i]);
        assert_int_equal(policy->reservation_life_ms_max, 24 * 3600 * 1000);
        assert_true(policy->answer_ttl_ms > 0);
        assert_int_equal(policy->purposes & ~PURPOSES_ALL, 0);
        assert_true(policy->amount_cap_count <= AMOUNT_CAPS_MAX);
        for (uint32_t cap = 0; cap < policy->amount_cap_count; cap++) {
            assert_non_null(currency_by_numeric(policy->amount_caps[cap].currency));
            assert_true(policy->amount_caps[cap].minor > 0);
        }
    }
    assert_null(credit_policy_by_name("eu"));
    assert_null(credit_policy_by_name(""));
}

/* "In China adverse data is kept 5 years from the end of the bad event; in the US 7 years from the first
 * delinquency." */
static void the_profiles_disagree_on_where_retention_starts(void **context)
{
    (void)context;
    static const struct {
        const char *began, *ended, *cn, *us;
    } cases[] = {
        {"2015-03-31", "2015-06-30", "2020-06-30", "2022-03-31"}, /* kept longer in the US */
        {"2015-03-31", "2019-06-30", "2024-06-30", "2022-03-31"}, /* and here in China */
        {"2015-03-31", NULL, NULL, "2022-03-31"},                 /* as long as it lasts */
        {"2016-02-29", "2016-02-29", "2021-02-28", "2023-02-28"},
        {"9995-01-01", "9996-01-01", "9999-12-31", "9999-12-31"},
        {"1900-01-01", "1900-01-01", "1905-01-01", "1907-01-01"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t began = day(cases[i].began), ended = cases[i].ended ? day(cases[i].ended) : 0, last = -1;
        int error = credit_retention_end(named("cn"), began, cases[i].ended ? &ended : NULL, &last);
        assert_int_equal(error, cases[i].cn ? TALLY_OK : TALLY_ENOTFOUND);
        assert_int_equal(last, cases[i].cn ? day(cases[i].cn) : -1);
        assert_int_equal(
            credit_retention_end(named("us"), began, cases[i].ended ? &ended : NULL, &last), TALLY_OK);
        assert_int_equal(last, day(cases[i].us));
    }
}

static void the_profiles_disagree_on_disputes(void **context)
{
    (void)context;
    int32_t opened = day("2024-02-20");

    assert_int_equal(named("cn")->unverifiable, UNVERIFIABLE_KEEP);
    assert_int_equal(named("us")->unverifiable, UNVERIFIABLE_DELETE);
    assert_int_equal(credit_dispute_due(named("cn"), opened, false), day("2024-03-11"));
    assert_int_equal(credit_dispute_due(named("cn"), opened, true), day("2024-03-11"));
    assert_int_equal(credit_dispute_due(named("us"), opened, false), day("2024-03-21"));
    assert_int_equal(credit_dispute_due(named("us"), opened, true), day("2024-04-05"));
    assert_int_equal(credit_dispute_due(named("us"), DATE_MAX, true), DATE_MAX);
    assert_int_equal(credit_dispute_due(named("us"), DATE_MAX - 44, true), DATE_MAX);
    assert_int_equal(credit_dispute_due(named("us"), DATE_MAX - 46, true), DATE_MAX - 1);
}

static void purposes_and_bases_are_the_policys(void **context)
{
    (void)context;

    assert_false(credit_policy_allows_purpose(named("cn"), PURPOSE_EMPLOYMENT));
    assert_true(credit_policy_allows_purpose(named("us"), PURPOSE_EMPLOYMENT));
    assert_true(credit_policy_allows_purpose(named("cn"), PURPOSE_SUBJECT_REQUEST));
    assert_false(credit_policy_allows_purpose(named("us"), 0));
    assert_false(credit_policy_allows_purpose(named("us"), PURPOSE_SUBJECT_REQUEST + 1));
    assert_false(credit_policy_allows_purpose(named("us"), UINT32_MAX));
    assert_true(credit_policy_allows_basis(named("cn"), ROLE_REGULATOR, LEGAL_SUPERVISION));
    assert_false(credit_policy_allows_basis(named("cn"), ROLE_LENDER, LEGAL_SUPERVISION));
    assert_false(credit_policy_allows_basis(named("us"), ROLE_LENDER, LEGAL_COURT_ORDER));
    assert_true(credit_policy_allows_basis(named("us"), ROLE_BUREAU, LEGAL_COURT_ORDER));
    assert_false(credit_policy_allows_basis(named("dev"), ROLE_OPERATOR, LEGAL_STATUTE));
    assert_false(credit_policy_allows_basis(named("dev"), 0, LEGAL_STATUTE));
    assert_false(credit_policy_allows_basis(named("dev"), ROLE_OPERATOR + 1, LEGAL_STATUTE));
    assert_false(credit_policy_allows_basis(named("dev"), ROLE_LENDER, 0));
    assert_false(credit_policy_allows_basis(named("dev"), ROLE_LENDER, LEGAL_STATUTE + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_found_by_their_names_and_hold_together),
        cmocka_unit_test(the_profiles_disagree_on_where_retention_starts),
        cmocka_unit_test(the_profiles_disagree_on_disputes),
        cmocka_unit_test(purposes_and_bases_are_the_policys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
