#include "tools/import_csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL_SHOWN 40

struct import_csv {
    struct csv_reader *reader;
    struct csv_map *map;
    const struct source_keys *keys;
    uint32_t column_count;
    struct csv_record record;
    uint32_t next_event; /* of the record */
    char *text;          /* of the event told last */
};

/* ---- Life ---- */

static int header_take(struct import_csv *csv, char why[IMPORT_WHY_SIZE])
{
    struct csv_record header;
    char fault[IMPORT_WHY_SIZE / 2];
    if (csv->map->columns != NULL)
        return csv_map_bind(csv->map, NULL, &csv->column_count, why, IMPORT_WHY_SIZE);
    int error = csv_reader_next(csv->reader, &header, fault, sizeof fault);
    switch (error) {
    case TALLY_OK:
        return csv_map_bind(csv->map, &header, &csv->column_count, why, IMPORT_WHY_SIZE);
    case TALLY_ENOTFOUND:
        snprintf(why, IMPORT_WHY_SIZE, "the file is empty: a header is wanted");
        return TALLY_EFORM;
    case TALLY_EFORM:
        snprintf(why, IMPORT_WHY_SIZE, "line %llu is no header: %s", (unsigned long long)header.line, fault);
        return TALLY_EFORM;
    default:
        snprintf(why, IMPORT_WHY_SIZE, "%s", error == TALLY_EIO ? strerror(errno) : tally_error_text(error));
        return error;
    }
}

int import_csv_open(int descriptor, struct csv_map *map, const struct source_keys *keys,
    struct import_csv **csv, char why[IMPORT_WHY_SIZE])
{
    struct import_csv *opened = calloc(1, sizeof *opened);
    int error = opened == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) {
        opened->map = map;
        opened->keys = keys;
        opened->next_event = map->event_count;
        error = csv_reader_open(descriptor, map->delimiter, map->trim, &opened->reader);
    }
    if (error != TALLY_OK)
        snprintf(why, IMPORT_WHY_SIZE, "%s", tally_error_text(error));
    else
        error = header_take(opened, why);
    if (error != TALLY_OK) {
        import_csv_close(opened);
        return error;
    }
    *csv = opened;
    return TALLY_OK;
}

void import_csv_close(struct import_csv *csv)
{
    if (csv == NULL) return;
    csv_reader_close(csv->reader);
    free(csv->text);
    free(csv);
}

/* ---- One event ---- */

static bool conditions_hold(const struct csv_event *event, const struct csv_record *record)
{
    for (uint32_t i = 0; i < event->condition_count; i++) {
        const struct csv_condition *condition = &event->conditions[i];
        if (csv_is_among(condition->cells, record->cells[condition->column.index]) != condition->is)
            return false;
    }
    return true;
}

/* Column and cell, then what the cell is not. */
static void cell_say(const struct csv_event *event, const struct csv_field *field, struct span cell,
    const char *fault, char why[IMPORT_WHY_SIZE])
{
    char shown[CELL_SHOWN + 4];
    bool hidden = field->kind == CSV_SUBJECT_ID || field->kind == CSV_ACCOUNT_REF;
    bool cut = cell.size > CELL_SHOWN;
    snprintf(shown, sizeof shown, "%.*s%s", cut ? CELL_SHOWN : (int)cell.size,
        cell.size != 0 ? (const char *)cell.data : "", cut ? "..." : "");
    for (char *at = shown; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7F) *at = '?';
    /* Whose number it is does not belong in a log. */
    snprintf(why, IMPORT_WHY_SIZE, "column %u (%.60s), for %s of %.30s: %s%s%s %s", field->column.index + 1,
        field->column.name, field->name, event->type, hidden ? "" : "'", hidden ? "the cell" : shown,
        hidden ? "" : "'", fault);
}

static int field_put(struct import_csv *csv, const struct csv_event *event, const struct csv_field *field,
    json_t *object, json_t *body, char why[IMPORT_WHY_SIZE])
{
    json_t *value;
    char fault[IMPORT_WHY_SIZE / 4];
    static const struct span no_cell = {0};
    struct span cell = field->kind == CSV_CONSTANT ? no_cell : csv->record.cells[field->column.index];
    int error = csv_value(field, cell, csv->keys, &value, fault, sizeof fault);
    if (error == TALLY_EFORM) cell_say(event, field, cell, fault, why);
    if (error != TALLY_OK || value == NULL) return error;
    json_t *to = field->in_body ? body : object;
    return json_object_set_new(to, field->name, value) == 0 ? TALLY_OK : TALLY_ENOMEM;
}

static int event_make(
    struct import_csv *csv, const struct csv_event *event, json_t *object, char why[IMPORT_WHY_SIZE])
{
    json_t *body = json_object();
    int error = body != NULL && json_object_set_new(object, "type", json_string(event->type)) == 0
                    ? TALLY_OK
                    : TALLY_ENOMEM;
    for (uint32_t i = 0; error == TALLY_OK && i < event->field_count; i++)
        error = field_put(csv, event, &event->fields[i], object, body, why);
    if (error == TALLY_OK && json_object_set(object, "body", body) != 0) error = TALLY_ENOMEM;
    json_decref(body);
    return error;
}

static int event_print(
    struct import_csv *csv, const struct csv_event *event, struct span *text, char why[IMPORT_WHY_SIZE])
{
    json_t *object = json_object();
    int error = object != NULL ? event_make(csv, event, object, why) : TALLY_ENOMEM;
    free(csv->text);
    csv->text = error == TALLY_OK ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (error != TALLY_OK) return error;
    if (csv->text == NULL) return TALLY_ENOMEM;
    *text = span_of(csv->text, strlen(csv->text));
    return TALLY_OK;
}

/* ---- The source ---- */

static int record_next(struct import_csv *csv, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    int error = csv_reader_next(csv->reader, &csv->record, why, IMPORT_WHY_SIZE);
    *number = csv->record.line;
    if (error != TALLY_OK) return error;
    if (csv->record.count != csv->column_count) {
        snprintf(why, IMPORT_WHY_SIZE, "it has %u columns, and not %u", csv->record.count, csv->column_count);
        return TALLY_EFORM;
    }
    csv->next_event = 0;
    return TALLY_OK;
}

static int next(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    struct import_csv *csv = context;
    for (;;) {
        while (csv->next_event < csv->map->event_count) {
            const struct csv_event *event = &csv->map->events[csv->next_event++];
            *number = csv->record.line;
            if (conditions_hold(event, &csv->record)) return event_print(csv, event, text, why);
        }
        int error = record_next(csv, number, why);
        if (error != TALLY_OK) return error;
    }
}

/* The sentence begins with the field's name, as import_line_parse and event_body_from_json make it. */
static bool is_about(const struct csv_field *field, const char *why)
{
    size_t size = strlen(field->name);
    if (field->in_body && strncmp(why, "body.", 5) == 0) why += 5;
    return strncmp(why, field->name, size) == 0 && (why[size] == ' ' || why[size] == '\0');
}

static void place(void *context, char why[IMPORT_WHY_SIZE])
{
    const struct import_csv *csv = context;
    const struct csv_event *event = &csv->map->events[csv->next_event - 1];
    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct csv_field *field = &event->fields[i];
        size_t size = strlen(why);
        if (!is_about(field, why)) continue;
        if (field->kind == CSV_CONSTANT)
            snprintf(why + size, IMPORT_WHY_SIZE - size, " (the mapping's constant)");
        else
            snprintf(why + size, IMPORT_WHY_SIZE - size, " (column %u, %.60s)", field->column.index + 1,
                field->column.name);
        return;
    }
}

struct import_source import_csv_source(struct import_csv *csv)
{
    return (struct import_source){csv, next, place};
}

/* ---- The mapping, explained ---- */

const char import_csv_help[] =
    "usage: tally --home DIR import FILE.csv --map MAP.json [--print]\n"
    "\n"
    "Makes events of the rows of a CSV file (RFC 4180, UTF-8), by a mapping, and imports them as `tally "
    "import` does; the same\n"
    "file with the same mapping again changes nothing. With --print the events are printed, one JSON object "
    "a line, and none\n"
    "is submitted. A bad row or cell is reported with its line, column and reason, and the rest goes on; a "
    "row that makes\n"
    "several events loses only those that its bad cell is for. A file of any size takes the same memory: "
    "lines are up to 64 KiB,\n"
    "rows up to 256 KiB and 1,024 columns.\n"
    "\n"
    "MAP.json is an object:\n"
    "\n"
    "  delimiter   the character between cells; \",\" unless given\n"
    "  trim        true: spaces and tabs around cells that are not quoted do not count\n"
    "  columns     the columns' names, in order, of a file without a header line\n"
    "  events      an array of 1 to 64: what each row becomes, in this order\n"
    "\n"
    "An event:\n"
    "\n"
    "  type        such as PAYMENT\n"
    "  when        conditions that must all hold, or the row does not make it: {\"column\": NAME, \"is\": "
    "[CELL, ..]} or\n"
    "              {\"column\": NAME, \"is_not\": [CELL, ..]}\n"
    "  fields      {FIELD: VALUE, ..}: the fields of `tally help import`, those of the body as "
    "\"body.NAME\"\n"
    "\n"
    "A value is a constant (a text, an array of texts, a whole number, true or false), or {\"column\": NAME, "
    "\"as\": "
    "KIND, ..},\n"
    "and any such may have \"absent\": [CELL, ..], the cells that leave the field out. The kinds:\n"
    "\n"
    "  text         as it stands; so it is without \"as\"\n"
    "  number       a whole number\n"
    "  amount       into minor units. \"currency\": an ISO 4217 code, which gives the decimals; \"decimal\": "
    "the sign before\n"
    "               them, \".\" unless given; \"group\": the sign between groups of three digits, none "
    "unless given;\n"
    "               \"powers\": true reads 5e+05 as well, as spreadsheets write it\n"
    "  date         \"format\": yyyy-mm-dd unless given; yyyy, mm, dd are digits, m and d one or two. Where "
    "it has no dd, \"day\"\n"
    "               is 1 to 28, or \"last\"\n"
    "  month        \"format\": yyyy-mm unless given; a dd in it is left out\n"
    "  values       \"values\": {CELL: constant, ..}, which must have the cell\n"
    "  subject_id   of an identity number, under DIR/subject.key as `tally subject-id` does; \"document\": "
    "its type, as CN_ID\n"
    "  account_ref  of the furnisher's own account number, under DIR/salt.key\n"
    "\n"
    "For example, a row for an opened card, and later rows for its months:\n"
    "\n"
    "  {\"delimiter\": \";\", \"events\": [\n"
    "    {\"type\": \"ACCOUNT_OPEN\", \"when\": [{\"column\": \"kind\", \"is\": [\"NEW\"]}], \"fields\": {\n"
    "      \"subject\": {\"column\": \"id_number\", \"as\": \"subject_id\", \"document\": \"CN_ID\"},\n"
    "      \"account\": {\"column\": \"card\", \"as\": \"account_ref\"},\n"
    "      \"event_date\": {\"column\": \"date\", \"as\": \"date\", \"format\": \"dd.mm.yyyy\"},\n"
    "      \"account_type\": \"REVOLVING\", \"currency\": \"EUR\",\n"
    "      \"body.limit_minor\": {\"column\": \"limit\", \"as\": \"amount\", \"currency\": \"EUR\", "
    "\"decimal\": \",\", \"group\": \".\"}}},\n"
    "    ..]}\n";
