#include "tools/event_summary.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/event_fields.h"

void amount_to_text(int64_t minor, const struct currency *currency, char text[AMOUNT_TEXT_SIZE])
{
    uint64_t left = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    unsigned decimals = currency == NULL ? 0 : currency->exponent, written = 0;
    char digits[AMOUNT_TEXT_SIZE]; /* backwards */
    while (left > 0 || written <= decimals) {
        digits[written++] = (char)('0' + left % 10);
        left /= 10;
    }
    char *at = text;
    CHECK(written + 3 <= AMOUNT_TEXT_SIZE);
    if (minor < 0) *at++ = '-';
    while (written > 0) {
        if (written == decimals) *at++ = '.';
        *at++ = digits[--written];
    }
    *at = '\0';
}

const char *header_name(const struct event_header *header, const char *name)
{
    for (const struct event_field *field = header_fields(header->type); field->name != NULL; field++) {
        if (strcmp(field->name, name) != 0) continue;
        CHECK(field->kind == FIELD_NAME);
        uint32_t number = *(const uint32_t *)(const void *)((const uint8_t *)header + field->offset);
        const char *found = field_name_of(field->names, number);
        return found == NULL ? "" : found;
    }
    CHECK_UNREACHABLE();
}

/* What the header names, such as a state and a reason: "FROZEN, FRAUD". */
static void names_summary(const struct event_header *header, char text[EVENT_SUMMARY_SIZE])
{
    size_t used = 0;
    for (const struct event_field *field = header_fields(header->type); field->name != NULL; field++) {
        const char *name = field->kind == FIELD_NAME ? header_name(header, field->name) : "";
        if (name[0] == '\0') continue;
        used += (size_t)snprintf(text + used, EVENT_SUMMARY_SIZE - used, "%s%s", used == 0 ? "" : ", ", name);
        CHECK(used < EVENT_SUMMARY_SIZE);
    }
}

static void opening_summary(const struct event_header *header, const struct event_body *body,
    const struct currency *currency, char text[EVENT_SUMMARY_SIZE])
{
    bool is_line = header->account_type == ACCOUNT_REVOLVING;
    const struct optional_amount *amount = is_line ? &body->limit : &body->principal;
    const char *what = is_line ? ", limit " : ", principal ";
    char minor[AMOUNT_TEXT_SIZE];
    amount_to_text(amount->minor, currency, minor);
    snprintf(text, EVENT_SUMMARY_SIZE, "%s%s%s %s", account_type_name(header->account_type),
        amount->present ? what : "", amount->present ? minor : "",
        currency == NULL ? "minor units" : currency->alpha);
}

static void report_summary(const struct event_header *header, const struct event_body *body,
    const struct currency *currency, char text[EVENT_SUMMARY_SIZE])
{
    char balance[AMOUNT_TEXT_SIZE], paid[AMOUNT_TEXT_SIZE], period[PERIOD_TEXT_SIZE];
    period_to_text(header->period, period);
    if (body->code_only) {
        snprintf(text, EVENT_SUMMARY_SIZE, "%s: reported as '%s'", period, body->reported_code);
        return;
    }
    amount_to_text(body->balance_minor, currency, balance);
    amount_to_text(body->paid_minor, currency, paid);
    int used = snprintf(text, EVENT_SUMMARY_SIZE, "%s: balance %s, paid %s", period, balance, paid);
    char *rest = text + used;
    size_t left = EVENT_SUMMARY_SIZE - (size_t)used;
    if (body->reported_code[0] != '\0') {
        snprintf(rest, left, ", reported as '%s'", body->reported_code);
    } else {
        snprintf(rest, left, ", %u days past due", body->days_past_due);
    }
}

void event_summary(const struct event_header *header, const struct event_body *body,
    const struct currency *currency, char text[EVENT_SUMMARY_SIZE])
{
    char first[AMOUNT_TEXT_SIZE], second[AMOUNT_TEXT_SIZE];
    const char *alpha = currency == NULL ? "minor units" : currency->alpha;
    text[0] = '\0';
    if (header->type == EVENT_ACCOUNT_OPEN) {
        opening_summary(header, body, currency, text);
    } else if (header->type == EVENT_PERIOD_REPORT) {
        report_summary(header, body, currency, text);
    } else if (header->type == EVENT_LIMIT_CHANGE) {
        amount_to_text(body->old_limit_minor, currency, first);
        amount_to_text(body->new_limit_minor, currency, second);
        snprintf(text, EVENT_SUMMARY_SIZE, "limit %s, before %s %s", second, first, alpha);
    } else if (header->type == EVENT_TRANSFER) {
        amount_to_text(body->balance_minor, currency, first);
        snprintf(text, EVENT_SUMMARY_SIZE, "to member %u, balance %s %s", header->transferee, first, alpha);
    } else if (event_type_has_amounts((uint32_t)header->type) && header->type != EVENT_CLOSE) {
        amount_to_text(body->amount_minor, currency, first);
        snprintf(text, EVENT_SUMMARY_SIZE, "%s %s", first, alpha);
    } else {
        names_summary(header, text);
    }
}
