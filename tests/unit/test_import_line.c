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

#define ITEM(type)                                                                                           \
    "{\"type\":\"" type                                                                                      \
    "\",\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\","                   \
    "\"item\":\"000000000000000000000000000000cc\",\"event_date\":\"2024-02-29\","
#define ID "\"00000000000000000000000000000000000000000000000000000000000000dd\""
#define NONCE "\"000000000000000000000000000000ee\""
#define KEY "\"02" /* 66 digits */ "00000000000000000000000000000000000000000000000000000000000000ff\""
#define SIGNATURE                                                                                            \
    "\"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"     \
    "00000000000000000000000000000001\""

static int parse(const char *text, struct import_line *line, char why[256])
{
    why[0] = '\0';
    return import_line_parse(span_of(text, strlen(text)), line, why, 256);
}

/* The header that the line's fields make is one that every node takes, and says the same. */
static void the_line_makes_an_event(const struct import_line *line)
{
    struct event_header fields = line->fields, read;
    struct buffer bytes;
    fields.member_id = 1;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&fields, &bytes);
    assert_int_equal(event_header_decode(buffer_span(&bytes), &read), TALLY_OK);
    json_t *before = event_header_to_json(&fields), *after = event_header_to_json(&read);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    buffer_close(&bytes);
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
        HEAD("PERIOD_REPORT") "\"period\":\"2024-02\",\"body\":{\"reported_code\":\"L\"}}",
        HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\",\"body\":{\"type\":\"PERIOD_REPORT\","
                        "\"reported_code\":\"L\"}}",
        HEAD("PAYMENT") "\"body\":{\"amount_minor\":10,\"principal_minor\":4,\"interest_minor\":3,\"fee_"
                        "minor\":2,"
                        "\"recovery_minor\":1,\"payer\":\"\xC3\xA9\"}}",
        HEAD("CHARGE_OFF") "\"body\":{\"amount_minor\":1,\"first_delinquency_date\":\"2023-01-01\"}}",
        HEAD("CLOSE") "\"kind\":\"SETTLED_LESS\",\"body\":{\"balance_minor\":0}}",
        HEAD("CLOSE") "\"kind\":\"PAID\"}",
        HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"TWD\",\"amount_minor\":0,"
                             "\"authorization\":" ID ",\"transfer_of\":" ID "}",
        HEAD("LIMIT_CHANGE") "\"body\":{\"old_limit_minor\":0,\"new_limit_minor\":9223372036854775807}}",
        HEAD("STATUS") "\"new_state\":\"FROZEN\",\"reason\":\"FRAUD\"}",
        HEAD("STATUS") "\"new_state\":\"OPEN\",\"reason\":\"OTHER\"}",
        HEAD("RECOVERY") "\"body\":{\"amount_minor\":1}}",
        HEAD("TRANSFER") "\"transferee\":4294967295,\"body\":{\"balance_minor\":-1}}",
        HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"FURNISHER_ERROR\",\"dispute\":" ID
                        ",\"body\":{\"type\":\"PAYMENT\",\"amount_minor\":7,\"payer\":\"x\"}}",
        HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"COURT_ORDER\",\"body\":{\"type\":\"PERIOD_REPORT\","
                        "\"balance_minor\":1,\"paid_minor\":0,\"reported_code\":\"2\"}}",
        HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"DISPUTE\",\"body\":{\"type\":\"CLOSE\"}}",
        HEAD("RETRACT") "\"target\":" ID ",\"reason\":\"SUBJECT_REQUEST\"}",
        ITEM("CONSENT_GRANT") "\"grantee\":7,\"purposes\":[\"CREDIT_DECISION\",\"SUBJECT_REQUEST\"],"
                              "\"valid_from\":\"1900-01-01\",\"valid_until\":\"9999-12-31\",\"max_uses\":1,"
                              "\"form_digest\":" ID ",\"grantor_key\":" KEY
                              ",\"grantor_signature\":" SIGNATURE
                              ",\"body\":{\"channel\":\"branch\",\"notice_version\":\"3\"}}",
        ITEM("CONSENT_GRANT") "\"grantee\":7,\"purposes\":[\"COLLECTION\"],\"valid_from\":\"2024-01-01\","
                              "\"valid_until\":\"2024-01-01\",\"max_uses\":4294967295,\"form_digest\":" ID
                              "}",
        ITEM("CONSENT_REVOKE") "\"consent\":" ID ",\"body\":{\"reason\":\"asked\"}}",
        ITEM("INQUIRY") "\"purpose\":\"GUARANTEE\",\"consent\":" ID ",\"operator_digest\":" ID
                        ",\"nonce\":" NONCE ",\"reply_key\":" KEY "}",
        ITEM("INQUIRY") "\"purpose\":\"EMPLOYMENT\",\"legal_basis\":\"STATUTE\",\"operator_digest\":" ID
                        ",\"nonce\":" NONCE "}",
        ITEM("RESERVE") "\"account_type\":\"INSTALMENT\",\"currency\":\"EUR\",\"product\":4294967295,"
                        "\"amount_minor\":9223372036854775807,\"expires_ms\":253402300799999}",
        ITEM("RESERVE_CANCEL") "\"reservation\":" ID "}",
        ITEM("DISPUTE_OPEN") "\"target\":" ID ",\"category\":\"NOT_MINE\",\"body\":{\"text\":\"no\"}}",
        ITEM("DISPUTE_ANSWER") "\"dispute\":" ID ",\"body\":{\"text\":\"\"}}",
        ITEM("DISPUTE_CLOSE") "\"dispute\":" ID ",\"outcome\":\"WITHDRAWN\",\"body\":{\"text\":\"x\"}}",
        ITEM("STATEMENT") "\"target\":" ID ",\"body\":{\"text\":\"x\"}}",
        ITEM("STATEMENT") "\"body\":{\"text\":\"x\"}}",
    };
    struct import_line line;
    struct event_body *body = calloc(1, sizeof *body);
    import_line_init(&line);
    uint64_t types_seen = 0;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char why[256];
        if (parse(lines[i], &line, why) != TALLY_OK) fail_msg("%s: %s", lines[i], why);
        types_seen |= 1ull << line.fields.type;
        json_t *wanted = json_loads(lines[i], 0, NULL), *printed = event_header_to_json(&line.fields);
        assert_int_equal(event_body_decode(line.fields.type, buffer_span(&line.body), body), TALLY_OK);
        json_t *printed_body = event_body_to_json(body), *empty = json_object();
        const json_t *wanted_body = json_object_get(wanted, "body");
        assert_true(json_equal(printed_body, wanted_body == NULL ? empty : wanted_body));
        /* What a line has and a header has not, and the other way round. */
        json_object_del(wanted, "body");
        json_object_del(wanted, "subject");
        json_object_del(printed, "member");
        json_object_del(printed, "account_seq");
        assert_true(json_equal(wanted, printed));
        the_line_makes_an_event(&line);
        json_decref(empty);
        json_decref(printed_body);
        json_decref(printed);
        json_decref(wanted);
    }
    for (uint32_t type = 0; type < 64; type++)
        assert_int_equal(types_seen >> type & 1, event_type_name(type) != NULL);
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
        {"{\"type\":\"RECOVERY\"}", "subject"},
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
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-12\",\"body\":{\"reported_code\":\"\"}}",
            "body.balance_minor is missing"},
        {HEAD("PERIOD_REPORT") "\"period\":\"2024-12\",\"body\":{\"reported_code\":\"1\",\"paid_minor\":0}}",
            "body.balance_minor is missing"},
        {HEAD("PAYMENT") "\"body\":{\"reported_code\":\"1\"}}", "body.reported_code"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"OTHER\",\"currency\":\"EUR\"}", "account_type"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"XXX\"}", "currency"},
        {HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"product\":0}",
            "product"},
        {HEAD("CLOSE") "\"kind\":\"GONE\"}", "kind"},
        {HEAD("CHARGE_OFF") "\"body\":{\"amount_minor\":1,\"first_delinquency_date\":\"2023-02-29\"}}",
            "first_delinquency_date"},
        {HEAD("STATUS") "\"new_state\":\"CLOSED\",\"reason\":\"OTHER\"}", "new_state is not OPEN or FROZEN"},
        {HEAD("STATUS") "\"new_state\":\"OPEN\"}", "reason is missing"},
        {HEAD("STATUS") "\"new_state\":\"OPEN\",\"reason\":\"OTHER\",\"body\":{\"x\":1}}", "body.x"},
        {HEAD("LIMIT_CHANGE") "\"body\":{\"new_limit_minor\":1}}", "body.old_limit_minor is missing"},
        {HEAD("TRANSFER") "\"transferee\":0,\"body\":{\"balance_minor\":0}}", "transferee is not"},
        {HEAD("TRANSFER") "\"transferee\":4294967296,\"body\":{\"balance_minor\":0}}", "transferee is not"},
        {HEAD("RESERVE_CANCEL") "\"reservation\":" ID "}", "no field 'account'"},
        {"{\"type\":\"RESERVE_CANCEL\",\"subject\":" ID ",\"item\":\"cc\"}",
            "item is not 32 hexadecimal digits"},
        {ITEM("PAYMENT") "\"body\":{\"amount_minor\":1}}", "account is not 32 hexadecimal digits"},
        {ITEM("INQUIRY") "\"purpose\":\"GUARANTEE\",\"operator_digest\":" ID ",\"nonce\":" NONCE "}",
            "consent and legal_basis"},
        {ITEM("INQUIRY") "\"purpose\":\"GUARANTEE\",\"consent\":" ID
                         ",\"legal_basis\":\"STATUTE\",\"operator_digest\":" ID ",\"nonce\":" NONCE "}",
            "consent and legal_basis"},
        {ITEM("INQUIRY") "\"purpose\":\"GUESS\"}", "purpose is not CREDIT_DECISION"},
        {ITEM("INQUIRY") "\"purpose\":\"GUARANTEE\",\"consent\":\"00\"}", "consent is not 64 hexadecimal"},
        {ITEM("RESERVE") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"expires_ms\":0}",
            "expires_ms"},
        {ITEM(
             "RESERVE") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"expires_ms\":253402300800000}",
            "expires_ms"},
        {ITEM("RESERVE") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"amount_minor\":-1,\"expires_"
                         "ms\":1}",
            "amount_minor is not whole minor units, 0 or more"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[]}", "purposes is not a list of CREDIT_DECISION"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":\"GUARANTEE\"}", "purposes"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[\"GUARANTEE\",\"GUARANTEE\"]}", "purposes"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[\"GUARANTEE\",7]}", "purposes"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[\"GUARANTEE\"],\"valid_from\":\"2024-01-02\","
                               "\"valid_until\":\"2024-01-01\",\"max_uses\":1,\"form_digest\":" ID "}",
            "valid_until is before valid_from"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[\"GUARANTEE\"],\"valid_from\":\"2024-01-01\","
                               "\"valid_until\":\"2024-01-01\",\"max_uses\":1,\"form_digest\":" ID
                               ",\"grantor_key\":" KEY "}",
            "grantor_key and grantor_signature"},
        {HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\"}", "body.type"},
        {HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\",\"body\":{\"type\":\"STATUS\"}}",
            "body.type"},
        {HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\",\"body\":{\"type\":\"CORRECT\"}}",
            "body.type"},
        {HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\",\"body\":{\"type\":\"RECOVERY\","
                         "\"amount_minor\":1,\"payer\":\"x\"}}",
            "body.payer"},
        {HEAD("CORRECT") "\"target\":" ID ",\"reason\":\"OTHER\",\"body\":{\"type\":\"RECOVERY\"}}",
            "body.amount_minor is missing"},
        {ITEM("DISPUTE_OPEN") "\"target\":" ID ",\"category\":\"NOT_MINE\"}", "body.text is missing"},
        {ITEM("STATEMENT") "\"dispute\":" ID ",\"body\":{\"text\":\"x\"}}", "no field 'dispute'"},
        {HEAD("PAYMENT") "\"label\":\"x\",\"body\":{\"amount_minor\":1}}",
            "label is for events without an account"},
        {ITEM("RESERVE_CANCEL") "\"label\":\"\",\"reservation\":" ID "}",
            "label is not text of 1 to 64 bytes"},
        {ITEM("RESERVE_CANCEL") "\"label\":7,\"reservation\":" ID "}", "label is not text of 1 to 64 bytes"},
        {ITEM("RESERVE_CANCEL") "\"label\":\"known\",\"reservation\":" ID "}",
            "label is that of an earlier line"},
        {ITEM("RESERVE_CANCEL") "\"reservation\":\"@other\"}",
            "reservation: no earlier line has the label 'other'"},
        {ITEM("RESERVE_CANCEL") "\"reservation\":\"@\"}", "reservation: no earlier line has the label ''"},
        {ITEM("RESERVE_CANCEL") "\"reservation\":\"known\"}", "reservation is not 64 hexadecimal digits"},
        {ITEM("CONSENT_GRANT") "\"grantee\":1,\"purposes\":[\"GUARANTEE\"],\"valid_from\":\"2024-01-01\","
                               "\"valid_until\":\"2024-01-01\",\"max_uses\":1,\"form_digest\":\"@known\"}",
            "form_digest is not 64 hexadecimal digits"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1,\"payer\":\"\xFF\"}}", "JSON"},
        {HEAD("PAYMENT") "\"body\":{\"amount_minor\":1,\"payer\":\"a\\u0000b\"}}", "JSON"},
    };
    struct import_line line;
    struct import_labels labels;
    const struct digest known = {{0xAA}};
    import_labels_init(&labels);
    assert_int_equal(import_label_put(&labels, "known", &known), TALLY_OK);
    import_line_init(&line);
    line.labels = &labels;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256];
        int error = parse(cases[i].line, &line, why);
        assert_int_equal(error, TALLY_EFORM);
        if (strstr(why, cases[i].named) == NULL) fail_msg("'%s' does not name %s", why, cases[i].named);
    }
    import_line_close(&line);
    import_labels_close(&labels);
}

static void a_label_is_the_id_it_stands_for(void **state)
{
    (void)state;
    static const char *const lines[] = {
        ITEM("RESERVE_CANCEL") "\"label\":\"mine\",\"reservation\":\"@r\"}",
        ITEM("CONSENT_REVOKE") "\"consent\":\"@r\"}",
        ITEM("DISPUTE_ANSWER") "\"dispute\":\"@r\",\"body\":{\"text\":\"x\"}}",
        ITEM("STATEMENT") "\"target\":\"@r\",\"body\":{\"text\":\"x\"}}",
        HEAD("ACCOUNT_OPEN") "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"authorization\":\"@r\"}",
        HEAD("RETRACT") "\"target\":" ID ",\"dispute\":\"@r\",\"reason\":\"DISPUTE\"}",
    };
    struct import_labels labels;
    struct import_line by_label, by_id;
    char why[256], other[1024], digits[2 * DIGEST_SIZE + 1];
    struct digest id = {{0xAA, 0xBB}};
    hex_encode(span_of(id.bytes, DIGEST_SIZE), digits);
    import_labels_init(&labels);
    assert_int_equal(import_label_put(&labels, "r", &id), TALLY_OK);
    import_line_init(&by_label);
    import_line_init(&by_id);
    by_label.labels = &labels;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *mark = strstr(lines[i], "@r");
        snprintf(other, sizeof other, "%.*s%s%s", (int)(mark - lines[i]), lines[i], digits, mark + 2);
        assert_int_equal(parse(lines[i], &by_label, why), TALLY_OK);
        assert_int_equal(parse(other, &by_id, why), TALLY_OK);
        assert_string_equal(by_label.label, i == 0 ? "mine" : "");
        json_t *one = event_header_to_json(&by_label.fields), *two = event_header_to_json(&by_id.fields);
        assert_true(json_equal(one, two));
        json_decref(one);
        json_decref(two);
    }
    import_line_close(&by_label);
    import_line_close(&by_id);
    import_labels_close(&labels);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    struct import_line line;
    char text[4096], why[256], long_text[2100];
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
    for (int size = 2048; size <= 2049; size++) {
        snprintf(text, sizeof text, ITEM("STATEMENT") "\"body\":{\"text\":\"%.*s\"}}", size, long_text);
        assert_int_equal(parse(text, &line, why), size == 2048 ? TALLY_OK : TALLY_EFORM);
    }
    assert_string_equal(why, "body.text is not text of at most 2048 bytes");
    import_line_close(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_read_and_printed_back_the_same),
        cmocka_unit_test(a_line_that_does_not_fit_is_refused_and_its_field_named),
        cmocka_unit_test(a_label_is_the_id_it_stands_for),
        cmocka_unit_test(texts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
