/* A CSV file as an import's source: each row becomes one or several events, by a mapping. One row is in
 * memory at a time. */
#ifndef TALLY_TOOLS_IMPORT_CSV_H
#define TALLY_TOOLS_IMPORT_CSV_H

#include "tools/csv_value.h"
#include "tools/import_source.h"

struct import_csv;

/* Reads the header, where the mapping says that there is one. All but `why` is borrowed. On failure `why` is
 * one sentence. Errors: TALLY_EFORM (the file has not the columns that the mapping names), TALLY_EIO,
 * TALLY_ENOMEM. */
int import_csv_open(int descriptor, struct csv_map *map, const struct source_keys *keys,
    struct import_csv **csv, char why[IMPORT_WHY_SIZE]) TALLY_MUST_CHECK;
void import_csv_close(struct import_csv *csv);
struct import_source import_csv_source(struct import_csv *csv);

/* `tally help import-csv`. */
extern const char import_csv_help[];

#endif
