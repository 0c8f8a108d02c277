#include "tools/import_map.h"

#include <string.h>

enum tool_exit import_map_open(
    struct context *context, const char *path, int descriptor, const char *file_name, struct import_map *map)
{
    char why[IMPORT_WHY_SIZE];
    *map = (struct import_map){.csv = NULL};
    if (csv_map_open(path, &map->map, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "MAP", "%s: %s", path, why);
    enum tool_exit code =
        source_keys_read(context, map->map.needs_subject_key, map->map.needs_salt_key, &map->keys);
    if (code != TOOL_DONE) return code;
    if (import_csv_open(descriptor, &map->map, &map->keys, &map->csv, why) != TALLY_OK) {
        map->csv = NULL;
        return context_fail(context, TOOL_REFUSED, "FILE", "%s: %s", file_name, why);
    }
    map->source = import_csv_source(map->csv);
    return TOOL_DONE;
}

void import_map_close(struct import_map *map)
{
    import_csv_close(map->csv);
    csv_map_close(&map->map);
    explicit_bzero(&map->keys, sizeof map->keys);
}
