#include "tools/metro2_event.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"

#define MINOR_PER_DOLLAR 100
#define CODE_CHARGED_OFF 'L'
#define COMMENT_SETTLED_LESS "AU"

/* ---- What a record says ---- */

static bool is_instalment(const struct metro2_record *record)
{
    return record->portfolio == 'I' || record->portfolio == 'M';
}

static bool status_is_among(const struct metro2_record *record, const char *statuses)
{
    return strstr(statuses, record->status) != NULL;
}

static bool was_charged_off(const struct metro2_record *record)
{
    return status_is_among(record, "64 97");
}

/* Paid and closed. A date closed beside another status closes a line to new purchases, and not the account.
 */
static bool is_closed(const struct metro2_record *record)
{
    return record->closed.present && status_is_among(record, "13 61 62 63 64 65");
}

/* ---- The steps ---- */

static uint32_t period_of(int32_t days)
{
    int year, month, day;
    date_to_civil(days, &year, &month, &day);
    return (uint32_t)(year * 100 + month);
}

/* A month is told of at its end. */
static int32_t period_end(uint32_t period)
{
    int year = (int)(period / 100), month = (int)(period % 100);
    return date_from_civil(year, month, date_days_in_month(year, month));
}

/* The oldest month of the profile in which the account was charged off already; METRO2_MONTHS where none is.
 */
static uint32_t charge_off_month(const struct metro2_record *record)
{
    for (uint32_t month = METRO2_MONTHS; month-- > 0;)
        if (record->profile[month] == CODE_CHARGED_OFF) return month;
    return METRO2_MONTHS;
}

static uint32_t opening_plan(const struct metro2_record *record, struct metro2_step *steps)
{
    steps[0] = (struct metro2_step){EVENT_ACCOUNT_OPEN, 0, record->opened.days, '\0'};
    steps[1] = (struct metro2_step){EVENT_DISBURSE, 0, record->opened.days, '\0'};
    return is_instalment(record) ? 2 : 1;
}

uint32_t metro2_plan(
    const struct metro2_record *record, uint32_t months, struct metro2_step steps[METRO2_EVENTS_MAX])
{
    CHECK(months <= METRO2_MONTHS);
    uint32_t count = opening_plan(record, steps);
    uint32_t this_month = period_of(record->information.days);
    int32_t now = record->information.days;
    uint32_t lost_in = charge_off_month(record);
    for (uint32_t month = months; month-- > 0;) {
        uint32_t period = period_from_index(period_index(this_month) - 1 - month);
        int32_t end = period_end(period);
        steps[count++] = (struct metro2_step){EVENT_PERIOD_REPORT, period, end, record->profile[month]};
        if (month == lost_in && was_charged_off(record))
            steps[count++] = (struct metro2_step){EVENT_CHARGE_OFF, 0, end, '\0'};
    }
    steps[count++] = (struct metro2_step){EVENT_PERIOD_REPORT, this_month, now, '\0'};
    /* What a month says that is not taken, was taken from an earlier file. */
    if (lost_in == METRO2_MONTHS && was_charged_off(record))
        steps[count++] = (struct metro2_step){EVENT_CHARGE_OFF, 0, now, '\0'};
    if (is_closed(record)) steps[count++] = (struct metro2_step){EVENT_CLOSE, 0, record->closed.days, '\0'};
    CHECK(count <= METRO2_EVENTS_MAX);
    return count;
}

/* ---- One event ---- */

static void text_put(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static void amount_put(json_t *object, const char *name, int64_t dollars)
{
    json_object_set_new(object, name, json_integer(dollars * MINOR_PER_DOLLAR));
}

/* Zeros stand for what is not known, except where the field is always there. */
static void known_amount_put(json_t *object, const char *name, int64_t dollars)
{
    if (dollars != 0) amount_put(object, name, dollars);
}

static void date_put(json_t *object, const char *name, int32_t days)
{
    char text[DATE_TEXT_SIZE];
    date_to_text(days, text);
    text_put(object, name, text);
}

/* How many monthly instalments. Of other frequencies and portfolios the columns say no such number. */
static void terms_put(const struct metro2_record *record, json_t *body)
{
    int64_t count;
    if (record->portfolio != 'I' || record->frequency != 'M') return;
    if (metro2_number_parse(span_of(record->terms, 3), &count) != TALLY_OK || count == 0) return;
    json_object_set_new(body, "term_count", json_integer(count));
    text_put(body, "term_unit", "MONTH");
}

static void opening_put(const struct metro2_record *record, json_t *object, json_t *body)
{
    /* The letter of the portfolio and the two of the type, as one number. */
    const uint8_t product[4] = {
        0, (uint8_t)record->portfolio, (uint8_t)record->type[0], (uint8_t)record->type[1]};
    text_put(object, "account_type", is_instalment(record) ? "INSTALMENT" : "REVOLVING");
    text_put(object, "currency", "USD");
    json_object_set_new(object, "product", json_integer(get_u32(product)));
    if (is_instalment(record))
        amount_put(body, "principal_minor", record->original);
    else
        known_amount_put(body, "limit_minor", record->limit);
    terms_put(record, body);
}

/* The month of the record itself. The code is the account status, with the payment rating where one is. */
static void report_put(const struct metro2_record *record, json_t *body)
{
    char code[8];
    bool rated = record->rating != ' ';
    snprintf(code, sizeof code, rated ? "%s/%c" : "%s", record->status, record->rating);
    amount_put(body, "balance_minor", record->balance);
    amount_put(body, "paid_minor", record->paid);
    known_amount_put(body, "scheduled_minor", record->scheduled);
    known_amount_put(body, "past_due_minor", record->past_due);
    if (!is_instalment(record)) known_amount_put(body, "limit_minor", record->limit);
    if (record->delinquency.present) date_put(body, "first_delinquency_date", record->delinquency.days);
    text_put(body, "reported_code", code);
}

static void charge_off_put(const struct metro2_record *record, json_t *body)
{
    amount_put(body, "amount_minor", record->charged_off);
    if (record->delinquency.present) date_put(body, "first_delinquency_date", record->delinquency.days);
}

static void step_put(
    const struct metro2_record *record, const struct metro2_step *step, json_t *object, json_t *body)
{
    char period[PERIOD_TEXT_SIZE];
    if (step->type == EVENT_ACCOUNT_OPEN) {
        opening_put(record, object, body);
    } else if (step->type == EVENT_DISBURSE) {
        amount_put(body, "amount_minor", record->original);
    } else if (step->type == EVENT_CHARGE_OFF) {
        charge_off_put(record, body);
    } else if (step->type == EVENT_CLOSE) {
        text_put(
            object, "kind", strcmp(record->comment, COMMENT_SETTLED_LESS) == 0 ? "SETTLED_LESS" : "PAID");
        amount_put(body, "balance_minor", record->balance);
    } else {
        CHECK(step->type == EVENT_PERIOD_REPORT);
        period_to_text(step->period, period);
        text_put(object, "period", period);
        if (step->code == '\0')
            report_put(record, body);
        else
            json_object_set_new(body, "reported_code", json_stringn(&step->code, 1));
    }
}

json_t *metro2_event(const struct metro2_record *record, const struct metro2_step *step, const char *subject,
    const char *account)
{
    json_t *body = json_object();
    json_t *object = json_pack("{s:s, s:s, s:s}", "type", event_type_name((uint32_t)step->type), "subject",
        subject, "account", account);
    if (object != NULL && body != NULL) {
        date_put(object, "event_date", step->days);
        step_put(record, step, object, body);
        json_object_set(object, "body", body);
    }
    json_decref(body);
    return object;
}
