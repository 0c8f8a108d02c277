// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/date.h"
#include "tools/event_json.h"
#include "tools/import_line.h"

#define HEAD(type)                                                                                           \
    "{\"type\":\"" type                                                                                      \
    "\",\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\","                   \
    "\"account\":\"000000000000000000000000000000bb\",\"event_date\":\"2024-02-29\","

static int parse(const char *text, struct import_line *line, char why[256])
{
    why[0] = '\0';
    return import_line_parse(span_of(text, strlen(text)), line, why, 256);
}

static void each_type_is_read_and_printed_back_the_same(void **state)
{
    (void)state;
    static const char *const lines[] = {
        HEAD("ACCOUNT_OPEN") "\"account_type\":\"INSTALMENT\",\"currency\":\"JPY\",\"product\":7,\"body\":{"
                             "\"principal_minor\":5,"
                             "\"rate_ppm\":-3,\"apr_ppm\":4,\"term_count\":12,\"term_unit\":\"MONTH\","
                             "\"security\":\"car\"}}",
        HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"TWD\",\"body\":{\"limit_minor\":"
                             "0}}",
        HEAD("DISBURSE") "\"body\":{\"amount_minor\":9223372036854775807,\"fees_deducted_minor\":0}}",
        HEAD("PERIOD_REPORT") "\"period\":\"2024-02\",\"body\":{\"balance_minor\":-9223372036854775808,"
                              "\"limit_minor\":1,"
                              "\"scheduled_minor\":2,\"paid_minor\":3,\"past_due_minor\":4,\"days_past_due\":"
                              "65535,"
                              "\"first_delinquency_date\":\"1999-12-31\"}}",
        HEAD("PERIOD_REPORT") "\"period\":\"2024-02\",\"body\":{\"balance_minor\":1,\"paid_minor\":0,"
                              "\"reported_code\":\"2\"}}",
        HEAD("PAYMENT") "\"body\":{\"amount_minor\":10,\"principal_minor\":4,\"interest_minor\":3,\"fee_"
                        "minor\":2,"
                        "\"recovery_minor\":1,\"payer\":\"\xC3\xA9\"}}",
        HEAD("CHARGE_OFF") "\"body\":{\"amount_minor\":1,\"first_delinquency_date\":\"2023-01-01\"}}",
        HEAD("CLOSE") "\"kind\":\"SETTLED_LESS\",\"body\":{\"balance_minor\":0}}",
        HEAD("CLOSE") "\"kind\":\"PAID\"}",
    };
    struct import_line line;
    struct event_body *body = calloc(1, sizeof *body);
    import_line_init(&line);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char why[256];
        assert_int_equal(parse(lines[i], &line, why), TALLY_OK);
        json_t *wanted = json_loads(lines[i], 0, NULL), *header = event_header_to_json(&line.fields);
        assert_int_equal(event_body_decode(line.fields.type, buffer_span(&line.body), body), TALLY_OK);
        json_t *printed = event_body_to_json(body), *empty = json_object();
        const json_t *wanted_body = json_object_get(wanted, "body");
        assert_true(json_equal(printed, wanted_body == NULL ? empty : wanted_body));
        static const char *const keys[] = {
            "type", "account", "event_date", "account_type", "currency", "product", "period", "kind"};
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            assert_true(json_object_get(wanted, keys[k]) == json_object_get(header, keys[k]) ||
                        json_equal(json_object_get(wanted, keys[k]), json_object_get(header, keys[k])));
        }
        json_decref(empty);
        json_decref(printed);
        json_decref(header);
        json_decref(wanted);
    }
    free(body);
    import_line_close(&line);
}

static void a_line_that_does_not_fit_is_refused_and_its_field_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *named;
    } cases[] = {
        {"", "JSON"},
        {"[1]", "object"},
        {"{\"type\":\"PAYMENT\"} x", "JSON"},
        {"{\"type\":\"PAYMENT\",\"type\":\"PAYMENT\"}", "JSON"},
        {"{\"subject\":\"aa\"}", "type"},
        {"{\"type\":\"NOPE\"}", "NOPE"},
        {"{\"type\":\"RECOVERY\"}", "RECOVERY"},
        {"{\"type\":\"PAYMENT\",\"subject\":\"aa\"}", "subject"},
        {"{\"type\":\"PAYMENT\",\"subject\":"
         "\"00000000000000000000000000000000000000000000000000000000000000aa\",\"account\":1}",
            "account"},
        {HEAD("PAYMENT") "\"body\":{}}", "body.amount_minor is missing"},
        {HEAD("PAYMENT") "\"ref\":\"x\"}", "body.amount_minor is missing"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1.5}}", "body.amount_minor"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":\"1\"}}", "body.amount_minor"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":9223372036854775808}}", "JSON"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1,\"amount\":2}}", "body.amount"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1},\"colour\":1}", "colour"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1},\"ref\":7}", "ref"},
        {HEAD("PAYMENT") "\"period\":\"2024-01\",\"body\":{\"amount_minor\":1}}", "period"},
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-13\",\"body\":{}}", "period"},
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-12\",\"body\":{\"balance_minor\":1,\"paid_minor\":0}}",
            "days_past_due"},
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-12\",\"body\":{\"balance_minor\":1,\"paid_minor\":0,\"days_"
                               "past_due\":65536}}",
            "days_past_due"},
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-12\",\"body\":{\"balance_minor\":1,\"paid_minor\":0,\"days_"
                               "past_due\":-1}}",
            "days_past_due"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"OTHER\",\"currency\":\"EUR\"}", "account_type"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"XXX\"}", "currency"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"product\":0}",
            "product"},
        {HEAD("CLOSE") "\"kind\":\"GONE\"}", "kind"},
        {HEAD("CHARGE_OFF") "\"body\":{\"amount_minor\":1,\"first_delinquency_date\":\"2023-02-29\"}}",
            "first_delinquency_date"},
    };
    struct import_line line;
    import_line_init(&line);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256];
        int error = parse(cases[i].line, &line, why);
        assert_int_equal(error, i == 6 ? TALLY_EINVALID : TALLY_EFORM);
        if (strstr(why, cases[i].named) == NULL) fail_msg("'%s' does not name %s", why, cases[i].named);
    }
    import_line_close(&line);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    struct import_line line;
    char text[2048], why[256], long_text[300];
    memset(long_text, 'a', sizeof long_text);
    import_line_init(&line);
    for (int size = 256; size <= 257; size++) {
        snprintf(text, sizeof text, HEAD("PAYMENT") "\"body\":{\"amount_minor\":1,\"payer\":\"%.*s\"}}", size,
            long_text);
        assert_int_equal(parse(text, &line, why), size == 256 ? TALLY_OK : TALLY_EFORM);
        snprintf(text, sizeof text, HEAD("PAYMENT") "\"ref\":\"%.*s\",\"body\":{\"amount_minor\":1}}", size,
            long_text);
        assert_int_equal(parse(text, &line, why), size == 256 ? TALLY_OK : TALLY_EFORM);
    }
    import_line_close(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_read_and_printed_back_the_same),
        cmocka_unit_test(a_line_that_does_not_fit_is_refused_and_its_field_named),
        cmocka_unit_test(texts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
