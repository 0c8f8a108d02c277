// links: tools
/* A verified history as tally history shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/vectors/sample_file.h"
#include "tools/history_view.h"

static struct sample_file *file;
static struct arena arena;
static struct in_force list;

/* An account of member 1 with a payment whose payer would clear the screen, a report, its correction, and a
 * correction of another type. */
static int make_file(void **state)
{
    (void)state;
    file = calloc(1, sizeof *file);
    assert_non_null(file);
    sample_file_init(file, "borrower", SAMPLE_TIME_MS);
    struct event_header header = sample_file_header(file, EVENT_ACCOUNT_OPEN, 1, 0, 20000);
    header.account_type = ACCOUNT_REVOLVING;
    header.currency = 156;
    header.regime = 7;
    struct event_body body = {.type = EVENT_ACCOUNT_OPEN, .limit = {true, 100000}};
    sample_file_add(file, header, &body, RESULT_OK);
    header = sample_file_header(file, EVENT_PERIOD_REPORT, 1, 0, 20031);
    header.period = 202411;
    body = (struct event_body){.type = EVENT_PERIOD_REPORT, .balance_minor = 5, .reported_code = "\x1b[2J"};
    uint32_t report = sample_file_add(file, header, &body, RESULT_OK);
    header = sample_file_header(file, EVENT_CORRECT, 1, 0, 20032);
    header.has_target = true;
    header.target = file->ids[report];
    header.reason = REASON_FURNISHER_ERROR;
    body = (struct event_body){
        .type = EVENT_CORRECT, .corrected = EVENT_PERIOD_REPORT, .balance_minor = 700, .days_past_due = 31};
    header.target = file->ids[sample_file_add(file, header, &body, RESULT_OK)];
    body = (struct event_body){.type = EVENT_CORRECT, .corrected = EVENT_PAYMENT, .amount_minor = 1};
    sample_file_add(file, header, &body, RESULT_OK);
    struct history_proof proof = sample_file_proof(file);
    arena_init(&arena, 4 * MIB);
    assert_int_equal(in_force_read(&proof, &arena, &list), TALLY_OK);
    return 0;
}

static int drop_file(void **state)
{
    (void)state;
    arena_close(&arena);
    sample_file_close(file);
    free(file);
    return 0;
}

static void the_table_marks_what_was_put_right_and_lets_no_escape_through(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(history_events_text(&list, out), TALLY_OK);
    assert_int_equal(fclose(out), 0);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "REVOLVING, limit 1000.00 CNY\n"));
    assert_non_null(strstr(
        text, "~2024-11: balance 0.05, paid 0.00, reported as '\\x1B[2J'~ (corrected at height 12)\n"));
    assert_non_null(
        strstr(text, "~2024-11: balance 7.00, paid 0.00, 31 days past due~ (corrected at height 13)\n"));
    assert_non_null(strstr(text, "(a body of PAYMENT) (of another type than height 12: not taken)\n"));
    free(text);
}

static void json_says_regime_and_standing(void **state)
{
    (void)state;
    json_t *events = history_events_json(&list);
    const char *standings[] = {"IN_FORCE", "CORRECTED", "CORRECTED", "IN_FORCE"};
    for (size_t i = 0; i < 4; i++) {
        const json_t *event = json_array_get(events, i);
        assert_string_equal(json_string_value(json_object_get(event, "standing")), standings[i]);
        assert_int_equal(json_integer_value(json_object_get(event, "regime")), i == 0 ? 7 : 0);
        assert_int_equal(json_is_true(json_object_get(event, "mismatched")), i == 3);
    }
    const char *by = json_string_value(json_object_get(json_array_get(events, 1), "ended_by"));
    const char *id = json_string_value(json_object_get(json_array_get(events, 2), "event_id"));
    assert_string_equal(by, id);
    json_decref(events);
}

static void a_withheld_body_is_null_and_told(void **state)
{
    (void)state;
    char text[EVENT_SUMMARY_SIZE];
    struct event_body room;
    file->events[1].has_body = false;
    history_summary(&list, 1, &room, text);
    assert_string_equal(text, "(body withheld)");
    json_t *body = history_body_json(&list, 1);
    assert_true(json_is_null(body));
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_table_marks_what_was_put_right_and_lets_no_escape_through, make_file, drop_file),
        cmocka_unit_test_setup_teardown(json_says_regime_and_standing, make_file, drop_file),
        cmocka_unit_test_setup_teardown(a_withheld_body_is_null_and_told, make_file, drop_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
