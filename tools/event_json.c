#include "tools/event_json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/amount.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/output.h"

#define DAYS_PAST_DUE_MAX 65535

#define AT(member) offsetof(struct event_body, member)

static const struct body_field open_fields[] = {
    {"limit_minor", BODY_OPTIONAL_AMOUNT, false, AT(limit), 0, "the credit line"},
    {"principal_minor", BODY_OPTIONAL_AMOUNT, false, AT(principal), 0, "the amount lent"},
    {"rate_ppm", BODY_RATE, false, AT(rate_ppm), AT(has_rate), "yearly interest, parts per million"},
    {"apr_ppm", BODY_RATE, false, AT(apr_ppm), AT(has_apr), "annual percentage rate, parts per million"},
    {"term_count", BODY_COUNT, false, AT(term_count), AT(has_terms), "how many instalments"},
    {"term_unit", BODY_TEXT, false, AT(term_unit), 0, "their distance, such as MONTH"},
    {"security", BODY_TEXT, false, AT(security), 0, "what secures the debt"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static const struct body_field disburse_fields[] = {
    {"amount_minor", BODY_AMOUNT, true, AT(amount_minor), 0, "paid out"},
    {"fees_deducted_minor", BODY_OPTIONAL_AMOUNT, false, AT(fees_deducted), 0, "kept back from it"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static const struct body_field report_fields[] = {
    {"balance_minor", BODY_AMOUNT, true, AT(balance_minor), 0, "owed at the period's end; may be below zero"},
    {"limit_minor", BODY_OPTIONAL_AMOUNT, false, AT(limit), 0, "the credit line then"},
    {"scheduled_minor", BODY_OPTIONAL_AMOUNT, false, AT(scheduled), 0, "what fell due in the period"},
    {"paid_minor", BODY_AMOUNT, true, AT(paid_minor), 0, "paid in the period"},
    {"past_due_minor", BODY_OPTIONAL_AMOUNT, false, AT(past_due), 0, "due and unpaid"},
    {"days_past_due", BODY_DAYS_PAST_DUE, true, AT(days_past_due), 0,
        "of the oldest unpaid amount, 0 to 65535; may be left out beside a reported_code"},
    {"first_delinquency_date", BODY_DATE, false, AT(first_delinquency_date), AT(has_first_delinquency),
        "when the present delinquency began"},
    {"reported_code", BODY_TEXT, false, AT(reported_code), 0, "the source's own code, where it has no days"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static const struct body_field payment_fields[] = {
    {"amount_minor", BODY_AMOUNT, true, AT(amount_minor), 0, "the whole payment"},
    {"principal_minor", BODY_OPTIONAL_AMOUNT, false, AT(principal), 0,
        "its parts; where any is given, they sum to it"},
    {"interest_minor", BODY_OPTIONAL_AMOUNT, false, AT(interest), 0, ""},
    {"fee_minor", BODY_OPTIONAL_AMOUNT, false, AT(fee), 0, ""},
    {"recovery_minor", BODY_OPTIONAL_AMOUNT, false, AT(recovery), 0, ""},
    {"payer", BODY_TEXT, false, AT(payer), 0, "who paid, where it was not the borrower"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static const struct body_field charge_off_fields[] = {
    {"amount_minor", BODY_AMOUNT, true, AT(amount_minor), 0, "written off"},
    {"first_delinquency_date", BODY_DATE, false, AT(first_delinquency_date), AT(has_first_delinquency),
        "when the delinquency behind it began"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static const struct body_field close_fields[] = {
    {"balance_minor", BODY_OPTIONAL_AMOUNT, false, AT(balance), 0, "0, where it is given"},
    {NULL, BODY_TEXT, false, 0, 0, NULL},
};

static int field_read(const struct body_field *field, const json_t *value, struct event_body *body);
static json_t *field_write(const struct body_field *field, const struct event_body *body);

const struct body_field *body_fields(enum event_type type)
{
    if (type == EVENT_ACCOUNT_OPEN) return open_fields;
    if (type == EVENT_DISBURSE) return disburse_fields;
    if (type == EVENT_PERIOD_REPORT) return report_fields;
    if (type == EVENT_PAYMENT) return payment_fields;
    if (type == EVENT_CHARGE_OFF) return charge_off_fields;
    if (type == EVENT_CLOSE) return close_fields;
    return NULL;
}

static const char *const account_types[] = {NULL, "INSTALMENT", "REVOLVING"};
static const char *const close_kinds[] = {NULL, "PAID", "EARLY", "SETTLED_LESS", "OTHER"};

const char *account_type_name(uint32_t type)
{
    return type < sizeof account_types / sizeof account_types[0] ? account_types[type] : NULL;
}

uint32_t account_type_by_name(const char *name)
{
    for (uint32_t i = 1; i < sizeof account_types / sizeof account_types[0]; i++) {
        if (strcmp(account_types[i], name) == 0) return i;
    }
    return 0;
}

const char *close_kind_name(uint32_t kind)
{
    return kind < sizeof close_kinds / sizeof close_kinds[0] ? close_kinds[kind] : NULL;
}

uint32_t close_kind_by_name(const char *name)
{
    for (uint32_t i = 1; i < sizeof close_kinds / sizeof close_kinds[0]; i++) {
        if (strcmp(close_kinds[i], name) == 0) return i;
    }
    return 0;
}

/* The first key of `object` that is no field of the type. */
static const char *unknown_key(const struct body_field *fields, const json_t *object)
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const struct body_field *field = fields;
        while (field->name != NULL && strcmp(field->name, json_object_iter_key(at)) != 0)
            field++;
        if (field->name == NULL) return json_object_iter_key(at);
    }
    return NULL;
}

int event_body_from_json(
    enum event_type type, const json_t *object, struct event_body *body, char *why, size_t why_size)
{
    const struct body_field *fields = body_fields(type);
    struct event_body read = {.type = type};
    size_t taken = 0;
    CHECK(fields != NULL);
    if (object != NULL && !json_is_object(object)) {
        snprintf(why, why_size, "body is not an object");
        return TALLY_EFORM;
    }
    for (const struct body_field *field = fields; field->name != NULL; field++) {
        const json_t *value = json_object_get(object, field->name);
        if (value != NULL) {
            taken++;
            if (field_read(field, value, &read) == TALLY_OK) continue;
            snprintf(why, why_size, "body.%s has a value that does not fit it (see: tally help import)",
                field->name);
            return TALLY_EFORM;
        }
        /* Days are never invented: a source that knows only a code gives that instead. */
        bool excused = field->kind == BODY_DAYS_PAST_DUE && json_object_get(object, "reported_code") != NULL;
        if (field->required && !excused) {
            snprintf(why, why_size, "body.%s is missing", field->name);
            return TALLY_EFORM;
        }
    }
    if (object != NULL && taken != json_object_size(object)) {
        snprintf(
            why, why_size, "%s has no field body.%.64s", event_type_name(type), unknown_key(fields, object));
        return TALLY_EFORM;
    }
    *body = read;
    return TALLY_OK;
}

json_t *event_body_to_json(const struct event_body *body)
{
    json_t *object = json_object();
    const struct body_field *fields = body_fields(body->type);
    CHECK(fields != NULL);
    for (const struct body_field *field = fields; object != NULL && field->name != NULL; field++) {
        json_t *value = field_write(field, body);
        if (value != NULL) json_object_set_new(object, field->name, value);
    }
    return object;
}

json_t *event_header_to_json(const struct event_header *header)
{
    char date[DATE_TEXT_SIZE], period[PERIOD_TEXT_SIZE];
    date_to_text(header->event_date, date);
    json_t *object = json_pack("{s:s, s:I}", "type", event_type_name((uint32_t)header->type), "member",
        (json_int_t)header->member_id);
    if (object == NULL) return NULL;
    if (header->has_account) {
        json_object_set_new(object, "account", json_hex(span_of(header->account_ref, ACCOUNT_REF_SIZE)));
        json_object_set_new(object, "account_seq", json_integer(header->account_seq));
    } else {
        json_object_set_new(object, "item", json_hex(span_of(header->item_id, ITEM_ID_SIZE)));
    }
    json_object_set_new(object, "event_date", json_string(date));
    if (header->type == EVENT_ACCOUNT_OPEN) {
        const struct currency *currency = currency_by_numeric(header->currency);
        json_object_set_new(object, "account_type", json_string(account_type_name(header->account_type)));
        if (header->product != 0) json_object_set_new(object, "product", json_integer(header->product));
        json_object_set_new(
            object, "currency", currency == NULL ? json_null() : json_string(currency->alpha));
    } else if (header->type == EVENT_PERIOD_REPORT) {
        period_to_text(header->period, period);
        json_object_set_new(object, "period", json_string(period));
    } else if (header->type == EVENT_CLOSE) {
        json_object_set_new(object, "kind", json_string(close_kind_name(header->close_kind)));
    }
    return object;
}

static void *member_at(struct event_body *body, size_t offset)
{
    CHECK(offset < sizeof *body);
    return (uint8_t *)body + offset;
}

static const void *member_of(const struct event_body *body, size_t offset)
{
    CHECK(offset < sizeof *body);
    return (const uint8_t *)body + offset;
}

/* An integer within a range; JSON's numbers with a point or an exponent are none. */
static int integer_read(const json_t *value, json_int_t least, json_int_t most, json_int_t *number)
{
    if (!json_is_integer(value)) return TALLY_EFORM;
    *number = json_integer_value(value);
    return *number < least || *number > most ? TALLY_EFORM : TALLY_OK;
}

static int text_read(const json_t *value, char *to)
{
    size_t size = json_string_length(value);
    if (!json_is_string(value) || size > EVENT_TEXT_SIZE_MAX) return TALLY_EFORM;
    memcpy(to, json_string_value(value), size + 1);
    return TALLY_OK;
}

static int field_read(const struct body_field *field, const json_t *value, struct event_body *body)
{
    json_int_t number = 0;
    void *to = member_at(body, field->offset);
    int error = TALLY_EFORM;
    switch (field->kind) {
    case BODY_AMOUNT:
        error = integer_read(value, INT64_MIN, INT64_MAX, &number);
        if (error == TALLY_OK) *(int64_t *)to = number;
        return error;
    case BODY_OPTIONAL_AMOUNT:
        error = integer_read(value, INT64_MIN, INT64_MAX, &number);
        if (error == TALLY_OK) *(struct optional_amount *)to = (struct optional_amount){true, number};
        return error;
    case BODY_DAYS_PAST_DUE:
        error = integer_read(value, 0, DAYS_PAST_DUE_MAX, &number);
        if (error == TALLY_OK) *(uint32_t *)to = (uint32_t)number;
        return error;
    case BODY_RATE:
        error = integer_read(value, INT32_MIN, INT32_MAX, &number);
        if (error == TALLY_OK) *(int32_t *)to = (int32_t)number;
        break;
    case BODY_COUNT:
        error = integer_read(value, 0, UINT32_MAX, &number);
        if (error == TALLY_OK) *(uint32_t *)to = (uint32_t)number;
        break;
    case BODY_DATE:
        error = json_is_string(value) ? date_from_text(json_string_value(value), to) : TALLY_EFORM;
        break;
    case BODY_TEXT:
        return text_read(value, to);
    }
    if (error == TALLY_OK) *(bool *)member_at(body, field->flag_offset) = true;
    return error;
}

/* For the kinds that have a flag. */
static bool flag_is_set(const struct body_field *field, const struct event_body *body)
{
    return *(const bool *)member_of(body, field->flag_offset);
}

/* NULL for a field that the body does not have. */
static json_t *field_write(const struct body_field *field, const struct event_body *body)
{
    char date[DATE_TEXT_SIZE];
    const void *from = member_of(body, field->offset);
    switch (field->kind) {
    case BODY_AMOUNT:
        return json_integer(*(const int64_t *)from);
    case BODY_OPTIONAL_AMOUNT: {
        const struct optional_amount *amount = from;
        return amount->present ? json_integer(amount->minor) : NULL;
    }
    case BODY_DAYS_PAST_DUE:
        /* Beside a code, 0 stands for days the source did not give. */
        if (*(const uint32_t *)from == 0 && body->reported_code[0] != '\0') return NULL;
        return json_integer(*(const uint32_t *)from);
    case BODY_RATE:
        return flag_is_set(field, body) ? json_integer(*(const int32_t *)from) : NULL;
    case BODY_COUNT:
        return flag_is_set(field, body) ? json_integer(*(const uint32_t *)from) : NULL;
    case BODY_DATE:
        if (!flag_is_set(field, body)) return NULL;
        date_to_text(*(const int32_t *)from, date);
        return json_string(date);
    case BODY_TEXT:
        return *(const char *)from == '\0' ? NULL : json_string(from);
    }
    CHECK_UNREACHABLE();
}
