// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/body_rules.h"

#define GIVEN(amount)                                                                                        \
    {                                                                                                        \
        true, amount                                                                                         \
    }

static const char *reason, *field;

static int check(struct event_body body)
{
    struct event_header header = {.type = body.type};
    struct body_refusal refusal = {"", ""};
    int error = body_rules_check(&header, &body, &refusal);

    reason = refusal.reason;
    field = refusal.field;
    return error;
}

static void assert_refused(struct event_body body, const char *why, const char *where)
{
    assert_int_equal(check(body), TALLY_EINVALID);
    assert_string_equal(reason, why);
    assert_string_equal(field, where);
}

static void assert_fine(struct event_body body)
{
    assert_int_equal(check(body), TALLY_OK);
}

/* The same body, as that of a CORRECT. */
static struct event_body correction_of(struct event_body body)
{
    body.corrected = body.type;
    body.type = EVENT_CORRECT;
    return body;
}

static void an_opening_is_of_no_more_than_its_header_says(void **context)
{
    (void)context;
    struct event_header header = {.type = EVENT_ACCOUNT_OPEN, .has_amount = true, .amount_minor = 500};
    struct event_body line = {.type = EVENT_ACCOUNT_OPEN, .limit = GIVEN(500)};
    struct event_body loan = {.type = EVENT_ACCOUNT_OPEN, .principal = GIVEN(500)};
    struct event_body correction = correction_of(loan);
    struct body_refusal refusal;

    assert_int_equal(body_rules_check(&header, &line, &refusal), TALLY_OK);
    assert_int_equal(body_rules_check(&header, &loan, &refusal), TALLY_OK);
    header.amount_minor = 499;
    assert_int_equal(body_rules_check(&header, &line, &refusal), TALLY_EINVALID);
    assert_string_equal(refusal.reason, "AMOUNT_OVER_PUBLIC");
    assert_string_equal(refusal.field, "limit_minor");
    assert_int_equal(body_rules_check(&header, &loan, &refusal), TALLY_EINVALID);
    assert_string_equal(refusal.field, "principal_minor");
    /* Where the header says none, it takes all that was reserved; a correction has none of its own. */
    header.has_amount = false;
    assert_int_equal(body_rules_check(&header, &loan, &refusal), TALLY_OK);
    header.type = EVENT_CORRECT;
    assert_int_equal(body_rules_check(&header, &correction, &refusal), TALLY_OK);
}

static void an_empty_body_of_any_type_is_fine(void **context)
{
    (void)context;
    for (uint32_t type = 1; type <= EVENT_STATEMENT; type++) {
        if (event_type_name(type) == NULL) continue;
        assert_fine((struct event_body){.type = (enum event_type)type, .corrected = EVENT_DISBURSE});
    }
}

static void the_parts_of_a_payment_sum_to_its_total(void **context)
{
    (void)context;
    struct event_body body = {.type = EVENT_PAYMENT, .amount_minor = 1000};

    assert_fine(body); /* no parts given */
    body.principal = (struct optional_amount)GIVEN(1000);
    assert_fine(body);
    body.interest = (struct optional_amount)GIVEN(1);
    assert_refused(body, "PAYMENT_PARTS", "amount_minor");
    body.principal.minor = 700;
    body.interest.minor = 200;
    body.fee = (struct optional_amount)GIVEN(60);
    assert_refused(body, "PAYMENT_PARTS", "amount_minor");
    body.recovery = (struct optional_amount)GIVEN(40);
    assert_fine(body);
    body.recovery.minor = 39;
    assert_refused(body, "PAYMENT_PARTS", "amount_minor");
    assert_refused((struct event_body){.type = EVENT_PAYMENT, .amount_minor = 5, .fee = GIVEN(0)},
        "PAYMENT_PARTS", "amount_minor");
    assert_refused(
        (struct event_body){
            .type = EVENT_PAYMENT, .amount_minor = 5, .principal = GIVEN(INT64_MAX), .recovery = GIVEN(1)},
        "AMOUNT_RANGE", "recovery_minor");
    assert_fine(
        (struct event_body){.type = EVENT_PAYMENT, .amount_minor = INT64_MAX, .principal = GIVEN(INT64_MAX)});
}

static void days_past_due_need_an_amount_past_due_where_one_is_given(void **context)
{
    (void)context;
    struct event_body body = {.type = EVENT_PERIOD_REPORT, .balance_minor = 500, .days_past_due = 31};

    assert_fine(body); /* no amount given */
    body.past_due = (struct optional_amount)GIVEN(0);
    assert_refused(body, "PAST_DUE_ZERO", "past_due_minor");
    body.past_due.minor = 1;
    assert_fine(body);
    body.days_past_due = 0;
    body.past_due.minor = 0;
    assert_fine(body);
}

static void no_more_is_past_due_than_is_owed(void **context)
{
    (void)context;
    struct event_body body = {
        .type = EVENT_PERIOD_REPORT, .balance_minor = 500, .days_past_due = 31, .past_due = GIVEN(500)};

    assert_fine(body);
    body.past_due.minor = 501;
    assert_refused(body, "PAST_DUE_OVER_BALANCE", "past_due_minor");
    body.balance_minor = -10;
    body.past_due.minor = 1;
    assert_refused(body, "PAST_DUE_OVER_BALANCE", "past_due_minor");
    body.days_past_due = 0;
    body.past_due.minor = 0;
    assert_fine(body);
}

static void what_real_files_hold_is_not_refused(void **context)
{
    (void)context;
    /* Overpaid, and over the limit. */
    assert_fine(
        (struct event_body){.type = EVENT_PERIOD_REPORT, .balance_minor = -30000, .limit = GIVEN(2000000)});
    assert_fine(
        (struct event_body){.type = EVENT_PERIOD_REPORT, .balance_minor = 2500000, .limit = GIVEN(2000000)});
    assert_fine((struct event_body){.type = EVENT_PERIOD_REPORT, .balance_minor = INT64_MIN});
}

static void amounts_that_cannot_be_negative_are_refused(void **context)
{
    (void)context;
    static const struct {
        struct event_body body;
        const char *field;
    } cases[] = {
        {{.type = EVENT_ACCOUNT_OPEN, .limit = GIVEN(-1)}, "limit_minor"},
        {{.type = EVENT_ACCOUNT_OPEN, .principal = GIVEN(-1)}, "principal_minor"},
        {{.type = EVENT_DISBURSE, .amount_minor = -1}, "amount_minor"},
        {{.type = EVENT_DISBURSE, .fees_deducted = GIVEN(-1)}, "fees_deducted_minor"},
        {{.type = EVENT_PERIOD_REPORT, .limit = GIVEN(-1)}, "limit_minor"},
        {{.type = EVENT_PERIOD_REPORT, .scheduled = GIVEN(-1)}, "scheduled_minor"},
        {{.type = EVENT_PERIOD_REPORT, .paid_minor = -1}, "paid_minor"},
        {{.type = EVENT_PERIOD_REPORT, .past_due = GIVEN(-1)}, "past_due_minor"},
        {{.type = EVENT_PAYMENT, .amount_minor = -1}, "amount_minor"},
        {{.type = EVENT_PAYMENT, .principal = GIVEN(-1), .interest = GIVEN(1)}, "principal_minor"},
        {{.type = EVENT_PAYMENT, .interest = GIVEN(-1)}, "interest_minor"},
        {{.type = EVENT_PAYMENT, .fee = GIVEN(-1)}, "fee_minor"},
        {{.type = EVENT_PAYMENT, .recovery = GIVEN(INT64_MIN)}, "recovery_minor"},
        {{.type = EVENT_CHARGE_OFF, .amount_minor = -1}, "amount_minor"},
        {{.type = EVENT_RECOVERY, .amount_minor = -1}, "amount_minor"},
        {{.type = EVENT_LIMIT_CHANGE, .old_limit_minor = -1}, "old_limit_minor"},
        {{.type = EVENT_LIMIT_CHANGE, .new_limit_minor = INT64_MIN}, "new_limit_minor"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(cases[i].body, "AMOUNT_NEGATIVE", cases[i].field);
        assert_refused(correction_of(cases[i].body), "AMOUNT_NEGATIVE", cases[i].field);
    }
    assert_refused((struct event_body){.type = EVENT_ACCOUNT_OPEN, .has_rate = true, .rate_ppm = -1},
        "RATE_NEGATIVE", "rate_ppm");
    assert_refused((struct event_body){.type = EVENT_ACCOUNT_OPEN, .has_apr = true, .apr_ppm = -1},
        "RATE_NEGATIVE", "apr_ppm");
}

static void an_account_is_closed_without_a_balance(void **context)
{
    (void)context;
    assert_fine((struct event_body){.type = EVENT_CLOSE, .balance = GIVEN(0)});
    assert_refused(
        (struct event_body){.type = EVENT_CLOSE, .balance = GIVEN(1)}, "BALANCE_AT_CLOSE", "balance_minor");
    assert_refused(
        (struct event_body){.type = EVENT_CLOSE, .balance = GIVEN(-1)}, "BALANCE_AT_CLOSE", "balance_minor");
}

static void a_correction_keeps_the_rules_of_what_it_corrects(void **context)
{
    (void)context;
    assert_refused(correction_of((struct event_body){.type = EVENT_CLOSE, .balance = GIVEN(1)}),
        "BALANCE_AT_CLOSE", "balance_minor");
    assert_fine(correction_of((struct event_body){.type = EVENT_CLOSE, .balance = GIVEN(0)}));
    assert_refused(
        correction_of((struct event_body){.type = EVENT_PAYMENT, .amount_minor = 5, .principal = GIVEN(4)}),
        "PAYMENT_PARTS", "amount_minor");
    assert_refused(
        correction_of((struct event_body){
            .type = EVENT_PERIOD_REPORT, .balance_minor = 9, .days_past_due = 1, .past_due = GIVEN(0)}),
        "PAST_DUE_ZERO", "past_due_minor");
    assert_refused(correction_of((struct event_body){
                       .type = EVENT_PERIOD_REPORT, .balance_minor = 9, .past_due = GIVEN(10)}),
        "PAST_DUE_OVER_BALANCE", "past_due_minor");
    assert_fine(correction_of((struct event_body){.type = EVENT_TRANSFER, .balance_minor = INT64_MIN}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opening_is_of_no_more_than_its_header_says),
        cmocka_unit_test(an_empty_body_of_any_type_is_fine),
        cmocka_unit_test(the_parts_of_a_payment_sum_to_its_total),
        cmocka_unit_test(days_past_due_need_an_amount_past_due_where_one_is_given),
        cmocka_unit_test(no_more_is_past_due_than_is_owed),
        cmocka_unit_test(what_real_files_hold_is_not_refused),
        cmocka_unit_test(amounts_that_cannot_be_negative_are_refused),
        cmocka_unit_test(an_account_is_closed_without_a_balance),
        cmocka_unit_test(a_correction_keeps_the_rules_of_what_it_corrects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
