/* A cell of a CSV file -> the value of an event's field, as JSON. */
#ifndef TALLY_TOOLS_CSV_VALUE_H
#define TALLY_TOOLS_CSV_VALUE_H

#include "tools/csv_map.h"
#include "tools/import_source.h"

/* Whether a date's format is digits' places (yyyy once, mm or m once, and dd or d at most once) with other
 * signs between them. m and d stand for one or two digits. *has_day says whether there is a day. */
bool csv_format_is_valid(const char *format, bool *has_day);

/* Whether the cell is one of an array of strings. */
bool csv_is_among(const json_t *cells, struct span cell);

/* *value is the caller's; NULL where the cell leaves the field out. `keys` has those that the mapping needs.
 * On failure `why` says what the cell is not. Errors: TALLY_EFORM, TALLY_ENOMEM. */
int csv_value(const struct csv_field *field, struct span cell, const struct source_keys *keys, json_t **value,
    char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
