/* The mapping by which rows of a CSV file become events: a JSON file, as `tally help import-csv` tells. */
#ifndef TALLY_TOOLS_CSV_MAP_H
#define TALLY_TOOLS_CSV_MAP_H

#include <jansson.h>

#include "tools/csv_reader.h"

#define CSV_MAP_SIZE_MAX (1u << 20)
#define CSV_EVENTS_MAX 64u
#define CSV_FIELDS_MAX 64u /* of an event, and conditions likewise */
#define CSV_FORMAT_SIZE_MAX 32u
#define CSV_DAY_LAST 32u

enum csv_kind {
    CSV_CONSTANT,
    CSV_TEXT,
    CSV_NUMBER,
    CSV_AMOUNT,
    CSV_DATE,
    CSV_MONTH,
    CSV_VALUES,
    CSV_SUBJECT_ID,
    CSV_ACCOUNT_REF,
};

/* Strings and JSON values are borrowed from the mapping. */
struct csv_column {
    const char *name;
    uint32_t index; /* in a record; from csv_map_bind on */
};

struct csv_field {
    const char *name; /* without "body." */
    bool in_body;
    enum csv_kind kind;
    const json_t *constant; /* CSV_CONSTANT */
    struct csv_column column;
    const json_t *values; /* CSV_VALUES: an object */
    const json_t *absent; /* cells that leave the field out: an array; NULL = none do */
    const char *format;   /* CSV_DATE, CSV_MONTH */
    uint32_t day;         /* of dates whose format has none; 0 = the format has */
    uint8_t exponent;     /* CSV_AMOUNT: decimals of the currency */
    bool powers;          /* such as 5e+05 are read */
    char decimal, group;  /* '\0' = none */
    const char *document; /* CSV_SUBJECT_ID: the identity document's type */
};

struct csv_condition {
    struct csv_column column;
    const json_t *cells; /* an array of strings: */
    bool is;             /* one of them, or none of them */
};

struct csv_event {
    const char *type;
    uint32_t field_count, condition_count;
    struct csv_field *fields;
    struct csv_condition *conditions;
};

struct csv_map {
    json_t *root;
    char delimiter;
    bool trim;
    const json_t *columns; /* names of the columns of a file without a header; NULL = it has one */
    uint32_t event_count;
    struct csv_event events[CSV_EVENTS_MAX];
    bool needs_subject_key, needs_salt_key;
};

/* Reads and checks a mapping. On failure `why` is one sentence that names the place in it, and nothing needs
 * closing. Errors: TALLY_EFORM, TALLY_ENOTFOUND, TALLY_EDENIED, TALLY_ELIMIT, TALLY_EIO, TALLY_ENOMEM. */
int csv_map_open(const char *path, struct csv_map *map, char *why, size_t why_size) TALLY_MUST_CHECK;
/* The same, of a text. */
int csv_map_parse(struct span text, struct csv_map *map, char *why, size_t why_size) TALLY_MUST_CHECK;
void csv_map_close(struct csv_map *map);

/* Finds its columns in the header's record, or among map->columns where `header` is NULL, and tells how many
 * there are. Errors: TALLY_EFORM (a column is not there, or twice). */
int csv_map_bind(struct csv_map *map, const struct csv_record *header, uint32_t *column_count, char *why,
    size_t why_size) TALLY_MUST_CHECK;

#endif
