#include <stdio.h>

#include "proto/base/date.h"
#include "tools/buffer_text.h"
#include "tools/event_fields.h"
#include "tools/synth.h"

#define CURRENCY "CNY"

static void amount_append(struct buffer *out, const char **comma, const char *name, int64_t minor)
{
    buffer_text(out, "%s\"%s\":%lld", *comma, name, (long long)minor);
    *comma = ",";
}

static void optional_append(
    struct buffer *out, const char **comma, const char *name, const struct optional_amount *amount)
{
    if (amount->present) amount_append(out, comma, name, amount->minor);
}

/* The fields the generator fills, in a fixed order: a JSON library would put the order out of our hands. */
static void body_append(struct buffer *out, const struct event_body *body)
{
    const char *comma = "";
    char date[DATE_TEXT_SIZE];
    buffer_text(out, "\"body\":{");
    if (body->type == EVENT_DISBURSE || body->type == EVENT_PAYMENT || body->type == EVENT_CHARGE_OFF) {
        amount_append(out, &comma, "amount_minor", body->amount_minor);
    } else if (body->type == EVENT_PERIOD_REPORT) {
        amount_append(out, &comma, "balance_minor", body->balance_minor);
        amount_append(out, &comma, "paid_minor", body->paid_minor);
        amount_append(out, &comma, "days_past_due", body->days_past_due);
    }
    optional_append(out, &comma, "limit_minor", &body->limit);
    optional_append(out, &comma, "principal_minor", &body->principal);
    optional_append(out, &comma, "interest_minor", &body->interest);
    optional_append(out, &comma, "scheduled_minor", &body->scheduled);
    optional_append(out, &comma, "past_due_minor", &body->past_due);
    if (body->type == EVENT_CLOSE) optional_append(out, &comma, "balance_minor", &body->balance);
    if (body->has_rate) amount_append(out, &comma, "rate_ppm", body->rate_ppm);
    if (body->has_terms) amount_append(out, &comma, "term_count", body->term_count);
    if (body->term_unit[0] != '\0') {
        buffer_text(out, "%s\"term_unit\":\"%s\"", comma, body->term_unit);
        comma = ",";
    }
    if (body->has_first_delinquency) {
        date_to_text(body->first_delinquency_date, date);
        buffer_text(out, "%s\"first_delinquency_date\":\"%s\"", comma, date);
    }
    buffer_text(out, "}");
}

void synth_event_write(const struct synth_event *event, struct buffer *out)
{
    char subject[2 * DIGEST_SIZE + 1], account[2 * ACCOUNT_REF_SIZE + 1], date[DATE_TEXT_SIZE],
        period[PERIOD_TEXT_SIZE];
    enum event_type type = event->body->type;
    hex_encode(span_of(event->subject->bytes, DIGEST_SIZE), subject);
    hex_encode(span_of(event->account, ACCOUNT_REF_SIZE), account);
    date_to_text(event->event_date, date);
    buffer_text(out, "{\"type\":\"%s\",\"subject\":\"%s\",\"account\":\"%s\",\"event_date\":\"%s\",",
        event_type_name((uint32_t)type), subject, account, date);
    if (type == EVENT_ACCOUNT_OPEN) {
        buffer_text(out, "\"account_type\":\"%s\",\"currency\":\"" CURRENCY "\",",
            account_type_name(event->account_type));
    } else if (type == EVENT_PERIOD_REPORT) {
        period_to_text(event->period, period);
        buffer_text(out, "\"period\":\"%s\",", period);
    } else if (type == EVENT_CLOSE) {
        buffer_text(out, "\"kind\":\"%s\",", close_kind_name(event->close_kind));
    }
    body_append(out, event->body);
    buffer_text(out, "}\n");
}
