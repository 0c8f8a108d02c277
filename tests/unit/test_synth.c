// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "tools/import_line.h"
#include "tools/synth.h"

#define LEVELS 7 /* 0 to 5, and charged off */

/* Counts moves between levels, and holds every account to what real ones obey. */
struct survey {
    uint64_t moves[LEVELS][LEVELS];
    uint64_t types[64], events, over_limit, revolving_reports;
    uint8_t account[ACCOUNT_REF_SIZE];
    uint32_t level;
    int32_t date;
    bool closed, disbursed;
    uint32_t accounts_of_subject, subjects_of_two, members_seen;
    struct digest subject;
    uint32_t member_of_first;
};

static void account_begin(struct survey *survey, const struct synth_event *event)
{
    assert_int_equal(event->body->type, EVENT_ACCOUNT_OPEN);
    if (digest_equal(event->subject, &survey->subject)) {
        survey->subjects_of_two++;
        assert_int_not_equal(event->member, survey->member_of_first);
    }
    survey->subject = *event->subject;
    survey->member_of_first = event->member;
    memcpy(survey->account, event->account, ACCOUNT_REF_SIZE);
    survey->level = 0;
    survey->closed = survey->disbursed = false;
    survey->members_seen |= 1u << event->member;
}

static void report_survey(struct survey *survey, const struct synth_event *event)
{
    const struct event_body *body = event->body;
    uint32_t level = body->days_past_due == 0 ? 0 : (body->days_past_due + 29) / 30;
    assert_true(level < LEVELS - 1);
    survey->moves[survey->level][level]++;
    survey->level = level;
    assert_true((level > 0) == (body->past_due.minor > 0));
    assert_true(body->past_due.minor <= body->balance_minor);
    assert_true((level > 0) == body->has_first_delinquency);
    if (event->account_type == ACCOUNT_REVOLVING) {
        survey->revolving_reports++;
        survey->over_limit += body->balance_minor > body->limit.minor;
    }
}

static int event_survey(void *context, const struct synth_event *event)
{
    struct survey *survey = context;
    const struct event_body *body = event->body;
    if (memcmp(survey->account, event->account, ACCOUNT_REF_SIZE) != 0) {
        account_begin(survey, event);
    } else {
        assert_true(event->event_date >= survey->date);
    }
    survey->date = event->event_date;
    assert_false(survey->closed);
    if (body->type == EVENT_DISBURSE) survey->disbursed = true;
    if (event->account_type == ACCOUNT_INSTALMENT && body->type != EVENT_ACCOUNT_OPEN)
        assert_true(survey->disbursed);
    if (body->type == EVENT_PERIOD_REPORT) report_survey(survey, event);
    if (body->type == EVENT_PAYMENT) {
        assert_true(body->amount_minor > 0);
        if (body->principal.present) {
            assert_true(body->principal.minor + body->interest.minor == body->amount_minor);
        }
    }
    if (body->type == EVENT_CHARGE_OFF) survey->moves[survey->level][LEVELS - 1]++;
    if (body->type == EVENT_CHARGE_OFF || body->type == EVENT_CLOSE) survey->closed = true;
    survey->types[body->type]++;
    survey->events++;
    return TALLY_OK;
}

/* The share of moves from a level to another lies within `permille_off` of what is wanted, out of a thousand.
 */
static void rate_is(const struct survey *survey, uint32_t from, uint32_t to, double wanted, double off)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < LEVELS; i++)
        all += survey->moves[from][i];
    double rate = (double)survey->moves[from][to] / (double)all;
    if (rate < wanted - off || rate > wanted + off)
        fail_msg("%u -> %u: %.4f, wanted %.4f", from, to, rate, wanted);
}

static void delinquency_rolls_as_in_real_portfolios(void **state)
{
    (void)state;
    struct survey *survey = calloc(1, sizeof *survey);
    struct synth_plan plan = {.seed = 42, .subjects = 40000, .months = 24, .members = 4};
    assert_int_equal(synth_run(&plan, event_survey, survey), TALLY_OK);
    rate_is(survey, 0, 1, 0.019, 0.001);
    rate_is(survey, 1, 2, 0.052, 0.006);
    rate_is(survey, 1, 0, 0.50, 0.02);
    rate_is(survey, 2, 3, 0.30, 0.04);
    rate_is(survey, 3, 4, 0.59, 0.06);
    rate_is(survey, 4, 5, 0.67, 0.07);
    /* Nobody skips a level on the way up. */
    for (uint32_t from = 0; from < LEVELS; from++) {
        for (uint32_t to = from + 2; to < LEVELS; to++)
            assert_int_equal(survey->moves[from][to], 0);
    }
    double over = (double)survey->over_limit / (double)survey->revolving_reports;
    assert_true(over > 0.03 && over < 0.06);
    assert_true(survey->subjects_of_two > 7000 && survey->subjects_of_two < 9000);
    assert_int_equal(survey->members_seen, 0x1E);
    assert_true(survey->types[EVENT_CHARGE_OFF] > 0 && survey->types[EVENT_CLOSE] > 0);
    free(survey);
}

static int line_hash(void *context, const struct synth_event *event)
{
    struct hasher *hasher = context;
    struct buffer line;
    buffer_init(&line, 4096);
    synth_event_write(event, &line);
    hasher_sized(hasher, buffer_span(&line));
    buffer_close(&line);
    return TALLY_OK;
}

static struct digest portfolio_digest(const struct synth_plan *plan)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    assert_int_equal(synth_run(plan, line_hash, &hasher), TALLY_OK);
    return hasher_final(&hasher);
}

static void the_same_plan_gives_the_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    struct synth_plan plan = {.seed = 1, .subjects = 50, .months = 12, .members = 2}, other = plan;
    other.seed = 2;
    struct digest a = portfolio_digest(&plan), b = portfolio_digest(&plan), c = portfolio_digest(&other);
    assert_true(digest_equal(&a, &b));
    assert_false(digest_equal(&a, &c));
    char text[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(a.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, "4e2d11041d42fdc181d55b17635546d9748255a6e781644c3fec1902981fa506");
}

static int line_read(void *context, const struct synth_event *event)
{
    struct buffer line;
    struct import_line parsed;
    struct event_body *body = calloc(1, sizeof *body);
    char why[256];
    buffer_init(&line, 4096);
    import_line_init(&parsed);
    synth_event_write(event, &line);
    assert_int_equal(line.data[line.size - 1], '\n');
    assert_int_equal(
        import_line_parse(span_of(line.data, line.size - 1), &parsed, why, sizeof why), TALLY_OK);
    assert_int_equal(parsed.fields.type, event->body->type);
    assert_int_equal(parsed.fields.event_date, event->event_date);
    assert_int_equal(parsed.fields.period, event->period);
    assert_int_equal(event_body_decode(parsed.fields.type, buffer_span(&parsed.body), body), TALLY_OK);
    assert_memory_equal(body, event->body, sizeof *body);
    *(uint64_t *)context += 1;
    import_line_close(&parsed);
    buffer_close(&line);
    free(body);
    return TALLY_OK;
}

static void every_line_is_one_that_import_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t lines = 0;
    struct synth_plan plan = {.seed = 5, .subjects = 300, .months = 60, .members = 1};
    assert_int_equal(synth_run(&plan, line_read, &lines), TALLY_OK);
    assert_true(lines > 10000);
}

static int member_count(void *context, const struct synth_event *event)
{
    uint64_t *counts = context;
    counts[event->member]++;
    return TALLY_OK;
}

static void the_members_parts_make_up_the_whole(void **state)
{
    (void)state;
    struct synth_plan plan = {.seed = 9, .subjects = 500, .months = 6, .members = 3};
    uint64_t whole[4] = {0}, parts[4] = {0};
    assert_int_equal(synth_run(&plan, member_count, whole), TALLY_OK);
    for (uint32_t member = 1; member <= 3; member++) {
        uint64_t part[4] = {0};
        plan.member = member;
        assert_int_equal(synth_run(&plan, member_count, part), TALLY_OK);
        for (uint32_t i = 0; i < 4; i++) {
            assert_true(i == member || part[i] == 0);
            parts[i] += part[i];
        }
    }
    assert_memory_equal(whole, parts, sizeof whole);
}

static void one_month_gives_openings_only(void **state)
{
    (void)state;
    struct survey *survey = calloc(1, sizeof *survey);
    struct synth_plan plan = {.seed = 3, .subjects = 20, .months = 1, .members = 2};
    assert_int_equal(synth_run(&plan, event_survey, survey), TALLY_OK);
    assert_int_equal(survey->types[EVENT_ACCOUNT_OPEN] + survey->types[EVENT_DISBURSE], survey->events);
    free(survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delinquency_rolls_as_in_real_portfolios),
        cmocka_unit_test(the_same_plan_gives_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(every_line_is_one_that_import_reads_back_the_same),
        cmocka_unit_test(the_members_parts_make_up_the_whole),
        cmocka_unit_test(one_month_gives_openings_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
