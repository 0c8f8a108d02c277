/* What `tally import --map` adds: a CSV file as the import's source, with the keys that its mapping needs. */
#ifndef TALLY_TOOLS_IMPORT_MAP_H
#define TALLY_TOOLS_IMPORT_MAP_H

#include "tools/home.h"
#include "tools/import_csv.h"

struct import_map {
    struct csv_map map;
    struct source_keys keys;
    struct import_csv *csv;
    struct import_source source;
};

/* Reads the mapping in `path`, the keys of the home that it needs, and the header of the file behind
 * `descriptor`, which is borrowed. Not to be moved. import_map_close is the caller's on failure too. */
enum tool_exit import_map_open(struct context *context, const char *path, int descriptor,
    const char *file_name, struct import_map *map) TALLY_MUST_CHECK;
void import_map_close(struct import_map *map);

#endif
