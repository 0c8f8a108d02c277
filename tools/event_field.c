#include "tools/event_field.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/amount.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/event.h"
#include "tools/output.h"

#define DAYS_PAST_DUE_MAX 65535

const char *field_name_of(const char *const *names, uint32_t number)
{
    if (number == 0) return NULL;
    while (number > 1 && *names != NULL) {
        names++;
        number--;
    }
    return *names;
}

/* The number of a name; 0 where there is none. */
static uint32_t name_find(const char *const *names, const char *name)
{
    for (uint32_t i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0) return i + 1;
    return 0;
}

/* "A, B or C" */
static void names_form(const char *before, const char *const *names, char text[FIELD_FORM_SIZE])
{
    size_t used = (size_t)snprintf(text, FIELD_FORM_SIZE, "%s", before);
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *joint = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
        CHECK(used < FIELD_FORM_SIZE);
        used += (size_t)snprintf(text + used, FIELD_FORM_SIZE - used, "%s%s", joint, names[i]);
    }
    CHECK(used < FIELD_FORM_SIZE);
}

void field_form(const struct event_field *field, char text[FIELD_FORM_SIZE])
{
    switch (field->kind) {
    case FIELD_AMOUNT:
    case FIELD_OPTIONAL_AMOUNT:
        snprintf(text, FIELD_FORM_SIZE, "whole minor units");
        return;
    case FIELD_PUBLIC_AMOUNT:
        snprintf(text, FIELD_FORM_SIZE, "whole minor units, 0 or more");
        return;
    case FIELD_DAYS_PAST_DUE:
        snprintf(text, FIELD_FORM_SIZE, "whole days, 0 to 65535");
        return;
    case FIELD_RATE:
        snprintf(text, FIELD_FORM_SIZE, "whole parts per million, of 32 bits");
        return;
    case FIELD_COUNT:
        snprintf(text, FIELD_FORM_SIZE, "a whole number, 0 to 4294967295");
        return;
    case FIELD_NUMBER:
        snprintf(text, FIELD_FORM_SIZE, "a whole number, 1 to 4294967295");
        return;
    case FIELD_DATE:
        snprintf(text, FIELD_FORM_SIZE, "a date yyyy-mm-dd");
        return;
    case FIELD_PERIOD:
        snprintf(text, FIELD_FORM_SIZE, "a month yyyy-mm");
        return;
    case FIELD_TIME:
        snprintf(text, FIELD_FORM_SIZE, "milliseconds since 1970, 1 to %llu",
            (unsigned long long)EVENT_EXPIRES_MS_MAX);
        return;
    case FIELD_CURRENCY:
        snprintf(text, FIELD_FORM_SIZE, "a known currency's ISO 4217 letters");
        return;
    case FIELD_NAME:
        names_form("", field->names, text);
        return;
    case FIELD_NAMES:
        names_form("a list of ", field->names, text);
        return;
    case FIELD_TEXT:
        snprintf(text, FIELD_FORM_SIZE, "text of at most %zu bytes", field->size);
        return;
    case FIELD_HEX:
        snprintf(text, FIELD_FORM_SIZE, "%zu hexadecimal digits", 2 * field->size);
        return;
    }
}

/* ---- From JSON ---- */

/* An integer within a range; JSON's numbers with a point or an exponent are none. */
static int integer_read(const json_t *value, json_int_t least, json_int_t most, json_int_t *number)
{
    if (!json_is_integer(value)) return TALLY_EFORM;
    *number = json_integer_value(value);
    return *number < least || *number > most ? TALLY_EFORM : TALLY_OK;
}

static int u32_read(const json_t *value, uint32_t least, uint32_t most, uint32_t *to)
{
    json_int_t number = 0;
    int error = integer_read(value, least, most, &number);
    if (error == TALLY_OK) *to = (uint32_t)number;
    return error;
}

static int amount_read(const json_t *value, int64_t least, int64_t *to)
{
    json_int_t number = 0;
    int error = integer_read(value, least, INT64_MAX, &number);
    if (error == TALLY_OK) *to = number;
    return error;
}

static int optional_amount_read(const json_t *value, struct optional_amount *to)
{
    to->present = true;
    return amount_read(value, INT64_MIN, &to->minor);
}

static int rate_read(const json_t *value, int32_t *to)
{
    json_int_t number = 0;
    int error = integer_read(value, INT32_MIN, INT32_MAX, &number);
    if (error == TALLY_OK) *to = (int32_t)number;
    return error;
}

static int time_read(const json_t *value, uint64_t *to)
{
    json_int_t number = 0;
    int error = integer_read(value, 1, (json_int_t)EVENT_EXPIRES_MS_MAX, &number);
    if (error == TALLY_OK) *to = (uint64_t)number;
    return error;
}

static int currency_read(const char *text, uint32_t *to)
{
    const struct currency *currency = currency_by_alpha(text);
    if (currency == NULL) return TALLY_EFORM;
    *to = currency->numeric;
    return TALLY_OK;
}

static int name_read(const struct event_field *field, const char *text, uint32_t *to)
{
    *to = name_find(field->names, text);
    return *to == 0 ? TALLY_EFORM : TALLY_OK;
}

/* A list of names, each once and one at least. */
static int names_read(const struct event_field *field, const json_t *value, uint32_t *mask)
{
    size_t count = json_array_size(value);
    *mask = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        uint32_t number = text == NULL ? 0 : name_find(field->names, text);
        if (number == 0 || (*mask >> (number - 1) & 1) != 0) return TALLY_EFORM;
        *mask |= 1u << (number - 1);
    }
    return *mask == 0 ? TALLY_EFORM : TALLY_OK;
}

static int text_read(const struct event_field *field, const json_t *value, char *to)
{
    size_t size = json_string_length(value);
    if (size > field->size) return TALLY_EFORM;
    memcpy(to, json_string_value(value), size + 1);
    return TALLY_OK;
}

/* Of the kinds that are written as strings. */
static int string_read(const struct event_field *field, const json_t *value, void *to)
{
    const char *text = json_string_value(value);
    if (text == NULL) return TALLY_EFORM;
    if (field->kind == FIELD_DATE) return date_from_text(text, to);
    if (field->kind == FIELD_PERIOD) return period_from_text(text, to);
    if (field->kind == FIELD_CURRENCY) return currency_read(text, to);
    if (field->kind == FIELD_NAME) return name_read(field, text, to);
    if (field->kind == FIELD_TEXT) return text_read(field, value, to);
    CHECK(field->kind == FIELD_HEX);
    return hex_decode(text, to, field->size);
}

static int value_read(const struct event_field *field, const json_t *value, void *to)
{
    switch (field->kind) {
    case FIELD_AMOUNT:
        return amount_read(value, INT64_MIN, to);
    case FIELD_OPTIONAL_AMOUNT:
        return optional_amount_read(value, to);
    case FIELD_PUBLIC_AMOUNT:
        return amount_read(value, 0, to);
    case FIELD_DAYS_PAST_DUE:
        return u32_read(value, 0, DAYS_PAST_DUE_MAX, to);
    case FIELD_RATE:
        return rate_read(value, to);
    case FIELD_COUNT:
        return u32_read(value, 0, UINT32_MAX, to);
    case FIELD_NUMBER:
        return u32_read(value, 1, UINT32_MAX, to);
    case FIELD_TIME:
        return time_read(value, to);
    case FIELD_NAMES:
        return names_read(field, value, to);
    case FIELD_DATE:
    case FIELD_PERIOD:
    case FIELD_CURRENCY:
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_HEX:
        return string_read(field, value, to);
    }
    CHECK_UNREACHABLE();
}

int field_read(const struct event_field *field, const json_t *value, void *base)
{
    int error = value_read(field, value, (uint8_t *)base + field->offset);
    if (error == TALLY_OK && field->flag_offset != 0) *(bool *)((uint8_t *)base + field->flag_offset) = true;
    return error;
}

/* ---- To JSON ---- */

static json_t *names_write(const struct event_field *field, uint32_t mask)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list != NULL && field->names[i] != NULL; i++)
        if ((mask >> i & 1) != 0) json_array_append_new(list, json_string(field->names[i]));
    return list;
}

static json_t *number_write(const struct event_field *field, uint32_t number)
{
    char period[PERIOD_TEXT_SIZE];
    if (field->kind == FIELD_NAMES) return names_write(field, number);
    if (field->kind == FIELD_CURRENCY) {
        const struct currency *currency = currency_by_numeric(number);
        return currency == NULL ? json_null() : json_string(currency->alpha);
    }
    if (field->kind == FIELD_PERIOD) {
        period_to_text(number, period);
        return json_string(period);
    }
    if (field->kind == FIELD_NAME)
        return number == 0 ? NULL : json_string(field_name_of(field->names, number));
    return field->kind == FIELD_NUMBER && number == 0 ? NULL : json_integer(number);
}

static json_t *date_write(int32_t days)
{
    char date[DATE_TEXT_SIZE];
    date_to_text(days, date);
    return json_string(date);
}

json_t *field_write(const struct event_field *field, const void *base)
{
    const uint8_t *start = base;
    const void *from = start + field->offset;
    if (field->flag_offset != 0 && !*(const bool *)(start + field->flag_offset)) return NULL;
    switch (field->kind) {
    case FIELD_AMOUNT:
    case FIELD_PUBLIC_AMOUNT:
        return json_integer(*(const int64_t *)from);
    case FIELD_OPTIONAL_AMOUNT: {
        const struct optional_amount *amount = from;
        return amount->present ? json_integer(amount->minor) : NULL;
    }
    case FIELD_DAYS_PAST_DUE:
    case FIELD_COUNT:
    case FIELD_NUMBER:
    case FIELD_PERIOD:
    case FIELD_CURRENCY:
    case FIELD_NAME:
    case FIELD_NAMES:
        return number_write(field, *(const uint32_t *)from);
    case FIELD_RATE:
        return json_integer(*(const int32_t *)from);
    case FIELD_DATE:
        return date_write(*(const int32_t *)from);
    case FIELD_TIME:
        return json_integer((json_int_t) * (const uint64_t *)from);
    case FIELD_TEXT:
        return *(const char *)from == '\0' && !field->required ? NULL : json_string(from);
    case FIELD_HEX:
        return json_hex(span_of(from, field->size));
    }
    CHECK_UNREACHABLE();
}
