#include "tools/import_map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WRONG_SHOWN_MAX 20u

static enum tool_exit keys_read(struct context *context, struct import_map *map)
{
    struct home home;
    if (!map->map.needs_subject_key && !map->map.needs_salt_key) return TOOL_DONE;
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE && map->map.needs_subject_key)
        code = home_key(context, &home, "subject.key", map->keys.subject);
    if (code == TOOL_DONE && map->map.needs_salt_key)
        code = home_key(context, &home, "salt.key", map->keys.salt);
    return code;
}

enum tool_exit import_map_open(
    struct context *context, const char *path, int descriptor, const char *file_name, struct import_map *map)
{
    char why[IMPORT_WHY_SIZE];
    *map = (struct import_map){.csv = NULL};
    if (csv_map_open(path, &map->map, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "MAP", "%s: %s", path, why);
    enum tool_exit code = keys_read(context, map);
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

enum tool_exit import_map_print(struct context *context, const char *file_name, struct import_map *map)
{
    struct span text;
    uint64_t line, wrong = 0;
    char why[IMPORT_WHY_SIZE];
    for (;;) {
        int error = map->source.next(map->source.context, &text, &line, why);
        if (error == TALLY_ENOTFOUND) break;
        if (error == TALLY_EFORM) {
            if (wrong++ < WRONG_SHOWN_MAX) fprintf(stderr, "line %llu: %s\n", (unsigned long long)line, why);
        } else if (error != TALLY_OK) {
            return context_fail(context, TOOL_REFUSED, "FILE", "cannot read %s: %s", file_name,
                error == TALLY_EIO ? strerror(errno) : tally_error_text(error));
        } else if (printf("%.*s\n", (int)text.size, (const char *)text.data) < 0) {
            return context_fail(context, TOOL_REFUSED, "FILE", "cannot print: %s", strerror(errno));
        }
    }
    if (wrong == 0) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "BAD_LINE", "%llu rows or events are wrong", (unsigned long long)wrong);
}
