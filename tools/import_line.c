#include "tools/import_line.h"

#include <stdio.h>

#include "proto/base/amount.h"
#include "proto/base/date.h"
#include "tools/event_json.h"
#include "tools/subject_id.h"

static int object_take(const json_t *object, struct import_line *line, char *why, size_t why_size);
static int public_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size);
static int body_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size);

static int fault(char *why, size_t why_size, const char *field, const char *wanted)
{
    snprintf(why, why_size, "%s %s", field, wanted);
    return TALLY_EFORM;
}

void import_line_init(struct import_line *line)
{
    *line = (struct import_line){.ref_size = 0};
    buffer_init(&line->body, EVENT_BODY_SIZE_MAX);
}

void import_line_close(struct import_line *line)
{
    buffer_close(&line->body);
}

int import_line_parse(struct span text, struct import_line *line, char *why, size_t why_size)
{
    json_error_t where;
    json_t *object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
    if (object == NULL) {
        snprintf(why, why_size, "it is not JSON at column %d: %s", where.column, where.text);
        return TALLY_EFORM;
    }
    int error = object_take(object, line, why, why_size);
    json_decref(object);
    return error;
}

/* The string under `key`; counts it as taken. NULL where it is missing or no string. */
static const char *string_take(const json_t *object, const char *key, size_t *taken)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) return NULL;
    *taken += 1;
    return json_string_value(value);
}

static const char *unknown_take(const json_t *object, enum event_type type)
{
    static const char *const common[] = {"type", "subject", "account", "event_date", "body", "ref"};
    static const char *const open[] = {"account_type", "product", "currency"};
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const char *key = json_object_iter_key(at);
        bool known = (type == EVENT_PERIOD_REPORT && strcmp(key, "period") == 0) ||
                     (type == EVENT_CLOSE && strcmp(key, "kind") == 0);
        for (size_t i = 0; !known && i < sizeof common / sizeof common[0]; i++)
            known = strcmp(key, common[i]) == 0;
        for (size_t i = 0; !known && type == EVENT_ACCOUNT_OPEN && i < sizeof open / sizeof open[0]; i++) {
            known = strcmp(key, open[i]) == 0;
        }
        if (!known) return key;
    }
    return "";
}

static int object_take(const json_t *object, struct import_line *line, char *why, size_t why_size)
{
    size_t taken = 0;
    struct event_header *fields = &line->fields;
    *fields = (struct event_header){.subject_scheme = SUBJECT_SCHEME_HMAC, .has_account = true};
    if (!json_is_object(object)) return fault(why, why_size, "the line", "is no JSON object");
    const char *type = string_take(object, "type", &taken);
    if (type == NULL) return fault(why, why_size, "type", "is missing, or no string");
    fields->type = (enum event_type)event_type_by_name(type);
    if (fields->type == 0 || !event_type_is_supported((uint32_t)fields->type)) {
        snprintf(why, why_size,
            fields->type == 0 ? "there is no type '%.40s'" : "this release has no rules for %.40s", type);
        return fields->type == 0 ? TALLY_EFORM : TALLY_EINVALID;
    }
    const char *subject = string_take(object, "subject", &taken);
    if (subject == NULL || hex_decode(subject, fields->subject_id.bytes, DIGEST_SIZE) != TALLY_OK) {
        return fault(why, why_size, "subject", "is not 64 hexadecimal digits");
    }
    const char *account = string_take(object, "account", &taken);
    if (account == NULL || hex_decode(account, fields->account_ref, ACCOUNT_REF_SIZE) != TALLY_OK) {
        return fault(why, why_size, "account", "is not 32 hexadecimal digits");
    }
    const char *date = string_take(object, "event_date", &taken);
    if (date == NULL || date_from_text(date, &fields->event_date) != TALLY_OK) {
        return fault(why, why_size, "event_date", "is no date of the form yyyy-mm-dd");
    }
    const json_t *ref = json_object_get(object, "ref");
    line->ref_size = json_string_length(ref);
    if (ref != NULL && (!json_is_string(ref) || line->ref_size > EVENT_TEXT_SIZE_MAX)) {
        return fault(why, why_size, "ref", "is no string of at most 256 bytes");
    }
    if (ref != NULL) memcpy(line->ref, json_string_value(ref), line->ref_size);
    taken += ref != NULL;
    int error = public_take(object, line, &taken, why, why_size);
    if (error == TALLY_OK) error = body_take(object, line, &taken, why, why_size);
    if (error == TALLY_OK && taken != json_object_size(object)) {
        snprintf(why, why_size, "%s has no field '%.64s'", type, unknown_take(object, fields->type));
        error = TALLY_EFORM;
    }
    return error;
}

static int open_take(
    const json_t *object, struct event_header *fields, size_t *taken, char *why, size_t why_size)
{
    const char *type = string_take(object, "account_type", taken);
    fields->account_type = type == NULL ? 0 : account_type_by_name(type);
    if (fields->account_type == 0)
        return fault(why, why_size, "account_type", "is neither INSTALMENT nor REVOLVING");
    const char *alpha = string_take(object, "currency", taken);
    const struct currency *currency = alpha == NULL ? NULL : currency_by_alpha(alpha);
    if (currency == NULL) return fault(why, why_size, "currency", "is no known ISO 4217 code such as EUR");
    fields->currency = currency->numeric;
    const json_t *product = json_object_get(object, "product");
    if (product == NULL) return TALLY_OK;
    *taken += 1;
    json_int_t number = json_integer_value(product);
    if (!json_is_integer(product) || number < 1 || number > UINT32_MAX) {
        return fault(why, why_size, "product", "is no whole number from 1 to 4294967295");
    }
    fields->product = (uint32_t)number;
    return TALLY_OK;
}

static int public_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    struct event_header *fields = &line->fields;
    if (fields->type == EVENT_ACCOUNT_OPEN) return open_take(object, fields, taken, why, why_size);
    if (fields->type == EVENT_PERIOD_REPORT) {
        const char *period = string_take(object, "period", taken);
        if (period == NULL || period_from_text(period, &fields->period) != TALLY_OK) {
            return fault(why, why_size, "period", "is no month of the form yyyy-mm");
        }
    } else if (fields->type == EVENT_CLOSE) {
        const char *kind = string_take(object, "kind", taken);
        fields->close_kind = kind == NULL ? 0 : close_kind_by_name(kind);
        if (fields->close_kind == 0)
            return fault(why, why_size, "kind", "is not PAID, EARLY, SETTLED_LESS or OTHER");
    }
    return TALLY_OK;
}

static int body_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    struct event_body body;
    const json_t *value = json_object_get(object, "body");
    *taken += value != NULL;
    int error = event_body_from_json(line->fields.type, value, &body, why, why_size);
    if (error != TALLY_OK) return error;
    buffer_clear(&line->body);
    event_body_encode(&body, &line->body);
    if (!line->body.failed) return TALLY_OK;
    snprintf(why, why_size, "not enough memory for the body");
    return TALLY_ENOMEM;
}

static const char *kind_text(enum body_field_kind kind)
{
    switch (kind) {
    case BODY_AMOUNT:
    case BODY_OPTIONAL_AMOUNT:
        return "minor units";
    case BODY_DAYS_PAST_DUE:
        return "days";
    case BODY_RATE:
        return "ppm";
    case BODY_COUNT:
        return "number";
    case BODY_DATE:
        return "yyyy-mm-dd";
    case BODY_TEXT:
        return "text";
    }
    return "";
}

void import_line_help(void)
{
    static const enum event_type types[] = {EVENT_ACCOUNT_OPEN, EVENT_DISBURSE, EVENT_PERIOD_REPORT,
        EVENT_PAYMENT, EVENT_CHARGE_OFF, EVENT_CLOSE};
    puts("\nEvery line:\n"
         "  type          one of the types below\n"
         "  subject       64 hexadecimal digits (tally help subject-id)\n"
         "  account       32 hexadecimal digits, the furnisher's own reference\n"
         "  event_date    yyyy-mm-dd\n"
         "  ref           optional text of at most 256 bytes: tells true twins apart\n"
         "  body          an object with the fields below; * must be there");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        printf("\n%s\n", event_type_name((uint32_t)types[i]));
        if (types[i] == EVENT_ACCOUNT_OPEN) {
            puts("  account_type *                  INSTALMENT or REVOLVING\n"
                 "  currency *                      ISO 4217 letters\n"
                 "  product                         number: a code of the furnisher's");
        }
        if (types[i] == EVENT_PERIOD_REPORT)
            puts("  period *                        yyyy-mm; once for each account");
        if (types[i] == EVENT_CLOSE)
            puts("  kind *                          PAID, EARLY, SETTLED_LESS or OTHER");
        for (const struct body_field *field = body_fields(types[i]); field->name != NULL; field++) {
            char name[64];
            snprintf(name, sizeof name, "body.%s%s", field->name, field->required ? " *" : "");
            printf("  %-31s %s%s%s\n", name, kind_text(field->kind), field->meaning[0] == '\0' ? "" : ": ",
                field->meaning);
        }
    }
}
