// links: proof codec crypto base
/* What of a history is in force, remedy by remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/proof/in_force.h"
#include "tests/vectors/sample_file.h"

#define DAY 20000

static struct sample_file *file;
static struct arena arena;
static struct in_force list;

static int make_file(void **state)
{
    (void)state;
    file = calloc(1, sizeof *file);
    assert_non_null(file);
    sample_file_init(file, "borrower", SAMPLE_TIME_MS);
    arena_init(&arena, 8 * MIB);
    return 0;
}

static int drop_file(void **state)
{
    (void)state;
    sample_file_close(file);
    free(file);
    arena_close(&arena);
    return 0;
}

static void read_list(void)
{
    struct history_proof proof = sample_file_proof(file);
    assert_int_equal(in_force_read(&proof, &arena, &list), TALLY_OK);
    assert_int_equal(list.count, file->count);
}

static uint32_t open_account(uint32_t account)
{
    struct event_header header = sample_file_header(file, EVENT_ACCOUNT_OPEN, 1, account, DAY);
    header.account_type = ACCOUNT_REVOLVING;
    header.currency = 156;
    return sample_file_add(file, header, NULL, RESULT_OK);
}

static uint32_t report(uint32_t account, uint32_t period, int64_t balance_minor)
{
    struct event_header header = sample_file_header(file, EVENT_PERIOD_REPORT, 1, account, DAY);
    struct event_body body = {.type = EVENT_PERIOD_REPORT, .balance_minor = balance_minor};
    header.period = period;
    return sample_file_add(file, header, &body, RESULT_OK);
}

static uint32_t pay(uint32_t account, int64_t amount_minor)
{
    struct event_body body = {.type = EVENT_PAYMENT, .amount_minor = amount_minor};
    return sample_file_add(file, sample_file_header(file, EVENT_PAYMENT, 1, account, DAY), &body, RESULT_OK);
}

static uint32_t aim(enum event_type type, uint32_t target, const struct event_body *body)
{
    struct event_header header =
        sample_file_header(file, type, 1, file->headers[target].account_ref[0] - 0xA0u, DAY);
    header.has_target = true;
    header.target = file->ids[target];
    if (type == EVENT_DISPUTE_OPEN) {
        header.category = CATEGORY_AMOUNT;
    } else {
        header.reason = REASON_FURNISHER_ERROR;
    }
    return sample_file_add(file, header, body, RESULT_OK);
}

static uint32_t correct(uint32_t target, int64_t balance_minor)
{
    struct event_body body = {
        .type = EVENT_CORRECT, .corrected = EVENT_PERIOD_REPORT, .balance_minor = balance_minor};
    return aim(EVENT_CORRECT, target, &body);
}

static uint32_t follow(enum event_type type, uint32_t dispute)
{
    struct event_body body = {.type = type, .text = "text"};
    struct event_header header = sample_file_header(file, type, 2, 0, DAY);
    header.has_dispute = true;
    header.dispute = file->ids[dispute];
    if (type == EVENT_DISPUTE_CLOSE) header.outcome = OUTCOME_REJECTED;
    return sample_file_add(file, header, &body, RESULT_OK);
}

static void expect(uint32_t place, enum event_standing standing, uint32_t ended_by, uint32_t version)
{
    const struct event_in_force *event = &list.events[place];
    assert_string_equal(event_standing_name(event->standing), event_standing_name(standing));
    assert_int_equal(event->ended_by, ended_by);
    assert_int_equal(event->version, version);
}

static int64_t balance_in_force(uint32_t place)
{
    static struct event_body body;
    assert_int_equal(in_force_body(&list, list.events[place].version, &body), TALLY_OK);
    assert_int_equal(body.type, EVENT_PERIOD_REPORT);
    return body.balance_minor;
}

static void what_nothing_aims_at_is_in_force(void **state)
{
    (void)state;
    uint32_t opening = open_account(0), first = report(0, 200501, 7);
    read_list();
    expect(opening, STANDS_IN_FORCE, NO_PLACE, opening);
    expect(first, STANDS_IN_FORCE, NO_PLACE, first);
    assert_int_equal(list.events[first].original, first);
    assert_int_equal(balance_in_force(first), 7);
}

static void an_empty_history_has_nothing_in_force(void **state)
{
    (void)state;
    read_list();
    assert_int_equal(list.count, 0);
}

static void what_was_refused_is_not_in_force_and_aims_at_nothing(void **state)
{
    (void)state;
    struct event_header grant = sample_file_header(file, EVENT_CONSENT_GRANT, 1, 0, DAY);
    grant.grantee = 2;
    grant.purposes = PURPOSES_ALL;
    grant.valid_from = grant.valid_until = DAY;
    grant.max_uses = 1;
    uint32_t consent = sample_file_add(file, grant, NULL, RESULT_OK);
    struct event_header header = sample_file_header(file, EVENT_INQUIRY, 2, 0, DAY);
    header.purpose = PURPOSE_CREDIT_DECISION;
    header.has_consent = true;
    header.consent = file->ids[consent];
    uint32_t asked = sample_file_add(file, header, NULL, RESULT_OK);
    header.item_id[0] = 9;
    uint32_t refused = sample_file_add(file, header, NULL, RESULT_NO_CONSENT);
    read_list();
    expect(refused, STANDS_REFUSED, NO_PLACE, refused);
    assert_int_equal(list.events[asked].about, consent);
    assert_int_equal(list.events[refused].about, NO_PLACE);
    assert_int_equal(list.events[consent].first_about, asked);
    assert_int_equal(list.events[asked].next_about, NO_PLACE);
}

static void a_correction_puts_its_body_in_the_place_of_its_target(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), right = correct(wrong, 8);
    read_list();
    expect(wrong, STANDS_CORRECTED, right, right);
    expect(right, STANDS_IN_FORCE, NO_PLACE, right);
    assert_int_equal(list.events[right].original, wrong);
    assert_int_equal(balance_in_force(wrong), 8);
}

static void a_correction_of_a_correction_is_the_version_of_all(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), second = correct(wrong, 8), third = correct(second, 9);
    read_list();
    expect(wrong, STANDS_CORRECTED, second, third);
    expect(second, STANDS_CORRECTED, third, third);
    expect(third, STANDS_IN_FORCE, NO_PLACE, third);
    assert_int_equal(list.events[third].original, wrong);
    assert_int_equal(balance_in_force(wrong), 9);
}

static void a_retracted_correction_leaves_the_version_before_it(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), second = correct(wrong, 8), third = correct(second, 9);
    uint32_t back = aim(EVENT_RETRACT, third, NULL);
    read_list();
    expect(third, STANDS_RETRACTED, back, second);
    expect(second, STANDS_IN_FORCE, NO_PLACE, second);
    expect(wrong, STANDS_CORRECTED, second, second);
    assert_int_equal(balance_in_force(wrong), 8);
}

static void after_its_corrections_were_taken_back_an_event_can_be_corrected_and_taken_back_anew(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), second = correct(wrong, 8);
    aim(EVENT_RETRACT, second, NULL);
    uint32_t third = correct(wrong, 9);
    read_list();
    expect(wrong, STANDS_CORRECTED, third, third);
    assert_int_equal(balance_in_force(wrong), 9);
    aim(EVENT_RETRACT, third, NULL);
    uint32_t gone = aim(EVENT_RETRACT, wrong, NULL);
    read_list();
    expect(wrong, STANDS_RETRACTED, gone, wrong);
    assert_int_equal(list.events[gone].about, wrong);
}

static void a_correction_of_another_type_is_marked_and_not_taken(void **state)
{
    (void)state;
    struct event_body body = {.type = EVENT_CORRECT, .corrected = EVENT_PAYMENT, .amount_minor = 1};
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), other = aim(EVENT_CORRECT, wrong, &body);
    read_list();
    assert_true(list.events[other].is_mismatched);
    expect(wrong, STANDS_CORRECTED, other, wrong);
    assert_int_equal(balance_in_force(wrong), 7);
    uint32_t again = correct(other, 8);
    read_list();
    assert_false(list.events[again].is_mismatched);
    assert_int_equal(balance_in_force(wrong), 8);
    aim(EVENT_RETRACT, again, NULL);
    read_list();
    assert_int_equal(balance_in_force(wrong), 7);
}

static void a_correction_whose_body_is_withheld_is_in_force_unread(void **state)
{
    (void)state;
    static struct event_body body;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), right = correct(wrong, 8);
    file->events[right].has_body = false;
    read_list();
    expect(wrong, STANDS_CORRECTED, right, right);
    assert_false(list.events[right].is_mismatched);
    assert_int_equal(in_force_body(&list, right, &body), TALLY_ENOTFOUND);
}

static void a_body_of_an_unknown_form_is_no_body(void **state)
{
    (void)state;
    static struct event_body body;
    open_account(0);
    uint32_t place = report(0, 200501, 7);
    file->events[place].body = span_of("\xff", 1);
    read_list();
    assert_int_equal(in_force_body(&list, place, &body), TALLY_EFORM);
}

static void the_events_of_an_account_follow_each_other(void **state)
{
    (void)state;
    uint32_t one = open_account(0), two = open_account(1), a = pay(1, 5), b = report(0, 200501, 7),
             c = correct(b, 8);
    read_list();
    assert_int_equal(list.events[one].account, one);
    assert_int_equal(list.events[a].account, two);
    assert_int_equal(list.events[c].account, one);
    assert_int_equal(list.events[one].account_next, b);
    assert_int_equal(list.events[b].account_next, c);
    assert_int_equal(list.events[c].account_next, NO_PLACE);
    assert_int_equal(list.events[two].account_next, a);
}

static void a_dispute_has_its_answers_and_its_end(void **state)
{
    (void)state;
    open_account(0);
    uint32_t claim = report(0, 200501, 7);
    struct event_body body = {.type = EVENT_DISPUTE_OPEN, .text = "not so much"};
    uint32_t open = aim(EVENT_DISPUTE_OPEN, claim, &body), other = aim(EVENT_DISPUTE_OPEN, claim, &body);
    read_list();
    struct dispute_course course = in_force_dispute(&list, open);
    assert_int_equal(course.first_answer, NO_PLACE);
    assert_int_equal(course.closing, NO_PLACE);
    uint32_t answer = follow(EVENT_DISPUTE_ANSWER, open), more = follow(EVENT_DISPUTE_ANSWER, open);
    uint32_t closing = follow(EVENT_DISPUTE_CLOSE, open);
    read_list();
    course = in_force_dispute(&list, open);
    assert_int_equal(course.first_answer, answer);
    assert_int_equal(course.closing, closing);
    assert_int_equal(list.events[answer].next_about, more);
    assert_int_equal(in_force_dispute(&list, other).closing, NO_PLACE);
    assert_int_equal(list.events[claim].first_about, open);
    assert_int_equal(list.events[open].next_about, other);
    expect(claim, STANDS_IN_FORCE, NO_PLACE, claim);
}

/* A history that goes on from another does not have what its first events aim at. */
static void what_came_before_the_list_is_aimed_at_by_nobody(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), second = correct(wrong, 8), third = correct(second, 9);
    uint32_t back = aim(EVENT_RETRACT, third, NULL), first = second;
    struct history_proof proof = sample_file_proof(file);
    proof.since = first;
    proof.events += first;
    proof.event_count -= first;
    assert_int_equal(in_force_read(&proof, &arena, &list), TALLY_OK);
    assert_int_equal(list.events[0].about, NO_PLACE);
    assert_int_equal(list.events[0].original, NO_PLACE);
    assert_int_equal(list.events[third - first].original, NO_PLACE);
    expect(0, STANDS_IN_FORCE, NO_PLACE, 0);
    expect(third - first, STANDS_RETRACTED, back - first, 0);
    assert_int_equal(list.events[0].account, 0);
}

/* A list that no rules made: an event cannot aim at what comes after it, nor at itself. */
static void a_list_that_the_rules_did_not_make_is_read_to_its_end(void **state)
{
    (void)state;
    open_account(0);
    uint32_t wrong = report(0, 200501, 7), a = correct(wrong, 8), b = correct(wrong, 9);
    uint32_t gone = aim(EVENT_RETRACT, wrong, NULL), twice = aim(EVENT_RETRACT, a, NULL);
    uint32_t thrice = aim(EVENT_RETRACT, a, NULL);
    read_list();
    expect(a, STANDS_RETRACTED, twice, wrong);
    expect(b, STANDS_IN_FORCE, NO_PLACE, b);
    expect(wrong, STANDS_IN_FORCE, NO_PLACE, wrong);
    expect(gone, STANDS_IN_FORCE, NO_PLACE, gone);
    expect(thrice, STANDS_IN_FORCE, NO_PLACE, thrice);
    struct event_body body = {.type = EVENT_DISPUTE_OPEN, .text = "no"};
    uint32_t dispute = aim(EVENT_DISPUTE_OPEN, wrong, &body);
    uint32_t closing = follow(EVENT_DISPUTE_CLOSE, dispute);
    follow(EVENT_DISPUTE_CLOSE, dispute);
    read_list();
    assert_int_equal(in_force_dispute(&list, dispute).closing, closing);
    struct history_proof proof = sample_file_proof(file);
    struct proven_event backwards[16];
    for (uint32_t i = 0; i < file->count; i++)
        backwards[i] = file->events[file->count - 1 - i];
    proof.events = backwards;
    assert_int_equal(in_force_read(&proof, &arena, &list), TALLY_OK);
    for (uint32_t i = 0; i < list.count; i++)
        assert_int_equal(list.events[i].about, NO_PLACE);
}

static void a_budget_that_is_spent_is_told(void **state)
{
    (void)state;
    struct arena small;
    open_account(0);
    struct history_proof proof = sample_file_proof(file);
    for (size_t budget = 0; budget < 16 * KIB; budget += 16) {
        arena_init(&small, budget);
        int error = in_force_read(&proof, &small, &list);
        arena_close(&small);
        if (error == TALLY_OK) return;
        assert_int_equal(error, TALLY_ENOMEM);
    }
    fail_msg("one event takes more than 16 KiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nothing_aims_at_is_in_force, make_file, drop_file),
        cmocka_unit_test_setup_teardown(an_empty_history_has_nothing_in_force, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            what_was_refused_is_not_in_force_and_aims_at_nothing, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            a_correction_puts_its_body_in_the_place_of_its_target, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            a_correction_of_a_correction_is_the_version_of_all, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            a_retracted_correction_leaves_the_version_before_it, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            after_its_corrections_were_taken_back_an_event_can_be_corrected_and_taken_back_anew, make_file,
            drop_file),
        cmocka_unit_test_setup_teardown(
            a_correction_of_another_type_is_marked_and_not_taken, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            a_correction_whose_body_is_withheld_is_in_force_unread, make_file, drop_file),
        cmocka_unit_test_setup_teardown(a_body_of_an_unknown_form_is_no_body, make_file, drop_file),
        cmocka_unit_test_setup_teardown(the_events_of_an_account_follow_each_other, make_file, drop_file),
        cmocka_unit_test_setup_teardown(a_dispute_has_its_answers_and_its_end, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            what_came_before_the_list_is_aimed_at_by_nobody, make_file, drop_file),
        cmocka_unit_test_setup_teardown(
            a_list_that_the_rules_did_not_make_is_read_to_its_end, make_file, drop_file),
        cmocka_unit_test_setup_teardown(a_budget_that_is_spent_is_told, make_file, drop_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
