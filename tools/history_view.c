#include "tools/history_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/amount.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/event_json.h"

#define AMOUNT_TEXT_SIZE 32
#define SUMMARY_SIZE 160

static json_t *event_json(const struct proven_event *event, const struct digest *chain_id)
{
    struct event_header header;
    /* Verified proofs hold canonical headers only. */
    CHECK(event_header_decode(event->header, &header) == TALLY_OK);
    json_t *object = event_header_to_json(&header);
    if (object == NULL) return NULL;
    struct digest id = event_id(chain_id, event->header);
    json_object_set_new(object, "event_id", json_digest(&id));
    json_object_set_new(object, "height", json_integer((json_int_t)event->height));
    json_object_set_new(object, "time_ms", json_integer((json_int_t)event->time_ms));
    const char *result = result_name(event->result);
    json_object_set_new(object, "result", json_string(result == NULL ? "UNKNOWN" : result));
    struct event_body *body = event->has_body ? malloc(sizeof *body) : NULL;
    if (body != NULL && event_body_decode(header.type, event->body, body) == TALLY_OK) {
        json_object_set_new(object, "body", event_body_to_json(body));
    } else {
        /* Withheld or erased, or of a form only its author knows; its commitment holds either way. */
        json_object_set_new(object, "body", json_null());
    }
    free(body);
    return object;
}

json_t *history_events_json(const struct history_proof *proof, const struct digest *chain_id)
{
    json_t *events = json_array();
    for (uint32_t i = 0; events != NULL && i < proof->event_count; i++) {
        json_array_append_new(events, event_json(&proof->events[i], chain_id));
    }
    return events;
}

/* "1234.50" in the currency's own decimals; whole minor units where the currency is not known. */
static void amount_text(int64_t minor, const struct currency *currency, char text[AMOUNT_TEXT_SIZE])
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

/* What the header names, such as a state and a reason: "FROZEN, FRAUD". */
static void names_summary(const struct event_header *header, char text[SUMMARY_SIZE])
{
    size_t used = 0;
    for (const struct event_field *field = header_fields(header->type); field->name != NULL; field++) {
        if (field->kind != FIELD_NAME || used >= SUMMARY_SIZE) continue;
        json_t *name = field_write(field, header);
        if (name == NULL) continue;
        used += (size_t)snprintf(
            text + used, SUMMARY_SIZE - used, "%s%s", used == 0 ? "" : ", ", json_string_value(name));
        json_decref(name);
    }
}

static void body_summary(const struct event_header *header, const struct event_body *body,
    const struct currency *currency, char text[SUMMARY_SIZE])
{
    char first[AMOUNT_TEXT_SIZE], second[AMOUNT_TEXT_SIZE], period[PERIOD_TEXT_SIZE];
    const char *alpha = currency == NULL ? "minor units" : currency->alpha;
    text[0] = '\0';
    if (header->type == EVENT_ACCOUNT_OPEN) {
        bool line = header->account_type == ACCOUNT_REVOLVING;
        const struct optional_amount *amount = line ? &body->limit : &body->principal;
        amount_text(amount->minor, currency, first);
        snprintf(text, SUMMARY_SIZE, "%s%s%s %s", account_type_name(header->account_type),
            amount->present ? (line ? ", limit " : ", principal ") : "", amount->present ? first : "", alpha);
    } else if (header->type == EVENT_PERIOD_REPORT) {
        period_to_text(header->period, period);
        amount_text(body->balance_minor, currency, first);
        amount_text(body->paid_minor, currency, second);
        if (body->code_only) {
            snprintf(text, SUMMARY_SIZE, "%s: reported as '%.40s'", period, body->reported_code);
        } else if (body->reported_code[0] != '\0') {
            snprintf(text, SUMMARY_SIZE, "%s: balance %s, paid %s, reported as '%.40s'", period, first,
                second, body->reported_code);
        } else {
            snprintf(text, SUMMARY_SIZE, "%s: balance %s, paid %s, %u days past due", period, first, second,
                body->days_past_due);
        }
    } else if (header->type == EVENT_LIMIT_CHANGE) {
        amount_text(body->old_limit_minor, currency, first);
        amount_text(body->new_limit_minor, currency, second);
        snprintf(text, SUMMARY_SIZE, "limit %s, before %s %s", second, first, alpha);
    } else if (header->type == EVENT_TRANSFER) {
        amount_text(body->balance_minor, currency, first);
        snprintf(text, SUMMARY_SIZE, "to member %u, balance %s %s", header->transferee, first, alpha);
    } else if (event_type_has_amounts((uint32_t)header->type) && header->type != EVENT_CLOSE) {
        amount_text(body->amount_minor, currency, first);
        snprintf(text, SUMMARY_SIZE, "%s %s", first, alpha);
    } else {
        names_summary(header, text);
    }
}

/* An account's currency stands in its opening, which comes before the events that need it. */
static const struct currency *currency_of(
    const struct history_proof *proof, uint32_t index, const struct event_header *header)
{
    struct event_header earlier;
    for (uint32_t i = 0; i <= index; i++) {
        CHECK(event_header_decode(proof->events[i].header, &earlier) == TALLY_OK);
        if (earlier.type == EVENT_ACCOUNT_OPEN && earlier.member_id == header->member_id &&
            memcmp(earlier.account_ref, header->account_ref, ACCOUNT_REF_SIZE) == 0) {
            return currency_by_numeric(earlier.currency);
        }
    }
    return NULL;
}

void history_events_text(const struct history_proof *proof)
{
    struct event_body *body = malloc(sizeof *body);
    if (body == NULL) return;
    printf("%-10s  %-6s  %-8s  %-14s  %-8s  %s\n", "date", "member", "account", "event", "height", "");
    for (uint32_t i = 0; i < proof->event_count; i++) {
        const struct proven_event *event = &proof->events[i];
        struct event_header header;
        char date[DATE_TEXT_SIZE], account[2 * ACCOUNT_REF_SIZE + 1],
            summary[SUMMARY_SIZE] = "(body withheld)";
        CHECK(event_header_decode(event->header, &header) == TALLY_OK);
        date_to_text(header.event_date, date);
        const uint8_t *key = header.has_account ? header.account_ref : header.item_id;
        hex_encode(span_of(key, ACCOUNT_REF_SIZE), account);
        if (event->has_body && event_body_decode(header.type, event->body, body) == TALLY_OK) {
            body_summary(&header, body, currency_of(proof, i, &header), summary);
        } else if (event->has_body) {
            snprintf(summary, sizeof summary, "(a body of an unknown form)");
        }
        printf("%-10s  %-6u  %.8s  %-14s  %-8llu  %s%s\n", date, header.member_id, account,
            event_type_name((uint32_t)header.type), (unsigned long long)event->height, summary,
            event->result == RESULT_OK ? "" : " (refused)");
    }
    free(body);
}
