#include "tools/csv_map.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/amount.h"
#include "tools/csv_value.h"
#include "tools/file.h"

/* Where in the mapping one is, for what is said of it. */
struct place {
    uint32_t event; /* from 1; 0 = at the top */
    const char *field;
    char *why;
    size_t why_size;
};

static int fault(const struct place *place, const char *what, const char *detail)
{
    char where[160] = "the mapping";
    if (place->event != 0)
        snprintf(where, sizeof where, "event %u of the mapping%s%.80s", place->event,
            place->field != NULL ? ", field " : "", place->field != NULL ? place->field : "");
    snprintf(
        place->why, place->why_size, "%s: %s%s%.80s", where, what, detail[0] != '\0' ? ": " : "", detail);
    return TALLY_EFORM;
}

/* Every key of `object` is one of `known`, which NULL ends. */
static int keys_check(const struct place *place, json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL) return fault(place, "there is no such key", key);
    }
    return TALLY_OK;
}

static bool is_strings(const json_t *array)
{
    if (!json_is_array(array)) return false;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!json_is_string(json_array_get(array, i))) return false;
    return true;
}

/* One character that can part things; *out stays where the key is missing. */
static int character_take(const struct place *place, const json_t *object, const char *key, char *out)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (value == NULL) return TALLY_OK;
    if (text == NULL || json_string_length(value) != 1 || text[0] == '"' || text[0] == '\n' ||
        text[0] == '\r' || (text[0] >= '0' && text[0] <= '9') || text[0] == '-')
        return fault(place, "this is not one character that can part things", key);
    *out = text[0];
    return TALLY_OK;
}

/* ---- Fields ---- */

static int currency_take(const struct place *place, const json_t *from, struct csv_field *field)
{
    const char *code = json_string_value(json_object_get(from, "currency"));
    const struct currency *currency = code != NULL ? currency_by_alpha(code) : NULL;
    if (currency == NULL) return fault(place, "\"currency\" is no known ISO 4217 code such as EUR", "");
    const json_t *powers = json_object_get(from, "powers");
    if (powers != NULL && !json_is_boolean(powers))
        return fault(place, "\"powers\" is neither true nor false", "");
    field->powers = json_is_true(powers);
    field->exponent = currency->exponent;
    field->decimal = '.';
    int error = character_take(place, from, "decimal", &field->decimal);
    if (error == TALLY_OK) error = character_take(place, from, "group", &field->group);
    if (error == TALLY_OK && field->decimal == field->group)
        error = fault(place, "\"decimal\" and \"group\" are the same", "");
    return error;
}

static int day_take(const struct place *place, const json_t *from, struct csv_field *field)
{
    const json_t *day = json_object_get(from, "day");
    const char *text = json_string_value(day);
    json_int_t number = json_integer_value(day);
    if (field->kind == CSV_MONTH && day != NULL) return fault(place, "a month has no \"day\"", "");
    if (text != NULL && strcmp(text, "last") == 0)
        field->day = CSV_DAY_LAST;
    else if (day != NULL && (number < 1 || number > 28))
        return fault(place, "\"day\" is neither 1 to 28 nor \"last\"", "");
    else
        field->day = (uint32_t)number;
    return TALLY_OK;
}

static int format_take(const struct place *place, const json_t *from, struct csv_field *field)
{
    const json_t *format = json_object_get(from, "format");
    field->format =
        format == NULL ? (field->kind == CSV_MONTH ? "yyyy-mm" : "yyyy-mm-dd") : json_string_value(format);
    bool has_day;
    int error = day_take(place, from, field);
    if (error != TALLY_OK) return error;
    if (field->format == NULL || !csv_format_is_valid(field->format, &has_day))
        return fault(place, "\"format\" does not have yyyy, mm and dd once each", "");
    if (field->kind == CSV_DATE && has_day == (field->day != 0))
        return fault(place, "either \"format\" has dd, or there is a \"day\"", "");
    return TALLY_OK;
}

static int kind_take(
    const struct place *place, const json_t *from, struct csv_map *map, struct csv_field *field)
{
    static const char *const names[] = {[CSV_TEXT] = "text",
        [CSV_NUMBER] = "number",
        [CSV_AMOUNT] = "amount",
        [CSV_DATE] = "date",
        [CSV_MONTH] = "month",
        [CSV_VALUES] = "values",
        [CSV_SUBJECT_ID] = "subject_id",
        [CSV_ACCOUNT_REF] = "account_ref"};
    const json_t *as = json_object_get(from, "as");
    const char *name = as == NULL ? "text" : json_string_value(as);
    field->kind = CSV_CONSTANT;
    for (size_t i = CSV_TEXT; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) field->kind = (enum csv_kind)i;
    switch (field->kind) {
    case CSV_CONSTANT:
        return fault(place, "\"as\" is no known kind", name != NULL ? name : "");
    case CSV_TEXT:
    case CSV_NUMBER:
        return TALLY_OK;
    case CSV_AMOUNT:
        return currency_take(place, from, field);
    case CSV_DATE:
    case CSV_MONTH:
        return format_take(place, from, field);
    case CSV_VALUES:
        field->values = json_object_get(from, "values");
        return json_is_object(field->values) ? TALLY_OK : fault(place, "\"values\" is no object", "");
    case CSV_SUBJECT_ID:
        map->needs_subject_key = true;
        field->document = json_string_value(json_object_get(from, "document"));
        return field->document != NULL ? TALLY_OK : fault(place, "\"document\" is no text such as CN_ID", "");
    case CSV_ACCOUNT_REF:
        map->needs_salt_key = true;
        return TALLY_OK;
    }
    return TALLY_EFORM;
}

/* Keys that only another kind looks at are mistakes too. */
static const char *const *keys_of(enum csv_kind kind)
{
    static const char *const plain[] = {"column", "as", "absent", NULL};
    static const char *const amount[] = {
        "column", "as", "absent", "currency", "decimal", "group", "powers", NULL};
    static const char *const date[] = {"column", "as", "absent", "format", "day", NULL};
    static const char *const values[] = {"column", "as", "absent", "values", NULL};
    static const char *const subject[] = {"column", "as", "absent", "document", NULL};
    switch (kind) {
    case CSV_AMOUNT:
        return amount;
    case CSV_DATE:
    case CSV_MONTH:
        return date;
    case CSV_VALUES:
        return values;
    case CSV_SUBJECT_ID:
        return subject;
    case CSV_CONSTANT:
    case CSV_TEXT:
    case CSV_NUMBER:
    case CSV_ACCOUNT_REF:
        return plain;
    }
    return plain;
}

static int field_take(struct place *place, json_t *from, struct csv_map *map, struct csv_field *field)
{
    if (strncmp(field->name, "body.", 5) == 0) {
        field->in_body = true;
        field->name += 5;
    }
    field->constant = from;
    bool is_scalar = json_is_string(from) || json_is_integer(from) || json_is_boolean(from);
    if (is_scalar || is_strings(from)) return TALLY_OK;
    if (!json_is_object(from)) return fault(place, "it is neither a constant nor an object", "");
    field->column.name = json_string_value(json_object_get(from, "column"));
    field->absent = json_object_get(from, "absent");
    if (field->column.name == NULL) return fault(place, "\"column\" is no text", "");
    if (field->absent != NULL && !is_strings(field->absent))
        return fault(place, "\"absent\" is no array of texts", "");
    int error = kind_take(place, from, map, field);
    return error == TALLY_OK ? keys_check(place, from, keys_of(field->kind)) : error;
}

/* ---- Events ---- */

static int condition_take(const struct place *place, json_t *from, struct csv_condition *condition)
{
    static const char *const known[] = {"column", "is", "is_not", NULL};
    const json_t *is = json_object_get(from, "is"), *is_not = json_object_get(from, "is_not");
    condition->column.name = json_string_value(json_object_get(from, "column"));
    condition->is = is != NULL;
    condition->cells = is != NULL ? is : is_not;
    if (condition->column.name == NULL || (is != NULL) == (is_not != NULL) || !is_strings(condition->cells))
        return fault(place, "\"when\" wants a \"column\", and either \"is\" or \"is_not\" with texts", "");
    return keys_check(place, from, known);
}

static int conditions_take(const struct place *place, const json_t *from, struct csv_event *event)
{
    size_t count = json_array_size(from);
    if (from == NULL) return TALLY_OK;
    if (!json_is_array(from) || count > CSV_FIELDS_MAX)
        return fault(place, "\"when\" is no array of up to 64", "");
    event->conditions = calloc(count + 1, sizeof *event->conditions);
    if (event->conditions == NULL) return TALLY_ENOMEM;
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < count; i++)
        error = condition_take(place, json_array_get(from, i), &event->conditions[event->condition_count++]);
    return error;
}

static int fields_take(struct place *place, json_t *from, struct csv_map *map, struct csv_event *event)
{
    const char *name;
    json_t *value;
    int error = TALLY_OK;
    size_t count = json_object_size(from);
    if (count == 0 || count > CSV_FIELDS_MAX) return fault(place, "\"fields\" is no object of 1 to 64", "");
    event->fields = calloc(count, sizeof *event->fields);
    if (event->fields == NULL) return TALLY_ENOMEM;
    json_object_foreach(from, name, value)
    {
        struct csv_field *field = &event->fields[event->field_count++];
        place->field = field->name = name;
        error = field_take(place, value, map, field);
        if (error != TALLY_OK) break;
    }
    return error;
}

static int event_take(struct place *place, json_t *from, struct csv_map *map, struct csv_event *event)
{
    static const char *const known[] = {"type", "when", "fields", NULL};
    event->type = json_string_value(json_object_get(from, "type"));
    if (event->type == NULL) return fault(place, "\"type\" is no text", "");
    int error = keys_check(place, from, known);
    if (error == TALLY_OK) error = conditions_take(place, json_object_get(from, "when"), event);
    if (error == TALLY_OK) error = fields_take(place, json_object_get(from, "fields"), map, event);
    return error;
}

/* ---- The mapping ---- */

static int root_take(struct place *place, struct csv_map *map)
{
    static const char *const known[] = {"delimiter", "trim", "columns", "events", NULL};
    json_t *trim = json_object_get(map->root, "trim"), *events = json_object_get(map->root, "events");
    map->delimiter = ',';
    map->trim = json_is_true(trim);
    map->columns = json_object_get(map->root, "columns");
    if (!json_is_object(map->root)) return fault(place, "it is no JSON object", "");
    if (trim != NULL && !json_is_boolean(trim)) return fault(place, "\"trim\" is neither true nor false", "");
    if (map->columns != NULL && !is_strings(map->columns))
        return fault(place, "\"columns\" is no array of texts", "");
    int error = keys_check(place, map->root, known);
    if (error == TALLY_OK) error = character_take(place, map->root, "delimiter", &map->delimiter);
    size_t count = json_array_size(events);
    if (error == TALLY_OK && (count == 0 || count > CSV_EVENTS_MAX))
        return fault(place, "\"events\" is no array of 1 to 64", "");
    for (size_t i = 0; error == TALLY_OK && i < count; i++) {
        place->event = ++map->event_count;
        place->field = NULL;
        error = event_take(place, json_array_get(events, i), map, &map->events[i]);
    }
    return error;
}

int csv_map_parse(struct span text, struct csv_map *map, char *why, size_t why_size)
{
    json_error_t where;
    struct place place = {.why = why, .why_size = why_size};
    *map = (struct csv_map){.root = NULL};
    map->root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
    if (map->root == NULL) {
        snprintf(why, why_size, "the mapping is not JSON at line %d, column %d: %s", where.line, where.column,
            where.text);
        return TALLY_EFORM;
    }
    int error = root_take(&place, map);
    if (error == TALLY_ENOMEM) snprintf(why, why_size, "not enough memory");
    if (error != TALLY_OK) csv_map_close(map);
    return error;
}

int csv_map_open(const char *path, struct csv_map *map, char *why, size_t why_size)
{
    struct buffer text;
    buffer_init(&text, CSV_MAP_SIZE_MAX);
    int error = file_read(path, &text, why, why_size);
    if (error == TALLY_OK) error = csv_map_parse(buffer_span(&text), map, why, why_size);
    buffer_close(&text);
    return error;
}

void csv_map_close(struct csv_map *map)
{
    for (uint32_t i = 0; i < map->event_count; i++) {
        free(map->events[i].fields);
        free(map->events[i].conditions);
    }
    json_decref(map->root);
    *map = (struct csv_map){.root = NULL};
}

/* ---- Columns ---- */

static struct span column_name(const struct csv_map *map, const struct csv_record *header, uint32_t i)
{
    if (header != NULL) return header->cells[i];
    const json_t *name = json_array_get(map->columns, i);
    return span_of(json_string_value(name), json_string_length(name));
}

static int column_bind(const struct csv_map *map, const struct csv_record *header, uint32_t count,
    struct csv_column *column, char *why, size_t why_size)
{
    uint32_t found = 0;
    struct span wanted = span_of(column->name, strlen(column->name));
    for (uint32_t i = 0; i < count; i++) {
        if (!span_equal(column_name(map, header, i), wanted)) continue;
        column->index = i;
        found++;
    }
    if (found == 1) return TALLY_OK;
    snprintf(why, why_size, "the file has %s column '%.80s', which the mapping names",
        found == 0 ? "no" : "more than one", column->name);
    return TALLY_EFORM;
}

int csv_map_bind(
    struct csv_map *map, const struct csv_record *header, uint32_t *column_count, char *why, size_t why_size)
{
    int error = TALLY_OK;
    uint32_t count = header != NULL ? header->count : (uint32_t)json_array_size(map->columns);
    *column_count = count;
    for (uint32_t e = 0; e < map->event_count; e++) {
        struct csv_event *event = &map->events[e];
        for (uint32_t i = 0; error == TALLY_OK && i < event->condition_count; i++)
            error = column_bind(map, header, count, &event->conditions[i].column, why, why_size);
        for (uint32_t i = 0; error == TALLY_OK && i < event->field_count; i++)
            if (event->fields[i].kind != CSV_CONSTANT)
                error = column_bind(map, header, count, &event->fields[i].column, why, why_size);
    }
    return error;
}
