#include "tools/import_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/home.h"
#include "tools/shown_text.h"

#define WRONG_SHOWN_MAX 20u

enum tool_exit source_keys_read(struct context *context, bool subject, bool salt, struct source_keys *keys)
{
    struct home home;
    if (!subject && !salt) return TOOL_DONE;
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE && subject) code = home_key(context, &home, "subject.key", keys->subject);
    if (code == TOOL_DONE && salt) code = home_key(context, &home, "salt.key", keys->salt);
    return code;
}

static void line_say(uint64_t line, const char *why)
{
    fprintf(stderr, "line %llu: ", (unsigned long long)line);
    shown_print(stderr, why);
    fputc('\n', stderr);
}

enum tool_exit import_source_print(
    struct context *context, const char *file_name, const struct import_source *source)
{
    struct span text;
    uint64_t line, wrong = 0;
    char why[IMPORT_WHY_SIZE];
    for (;;) {
        int error = source->next(source->context, &text, &line, why);
        if (error == TALLY_ENOTFOUND) break;
        if (error == TALLY_EFORM) {
            if (wrong++ < WRONG_SHOWN_MAX) line_say(line, why);
        } else if (error != TALLY_OK) {
            return context_fail(context, TOOL_REFUSED, "FILE", "cannot read %s: %s", file_name,
                error == TALLY_EIO ? strerror(errno) : tally_error_text(error));
        } else if (printf("%.*s\n", (int)text.size, (const char *)text.data) < 0) {
            return context_fail(context, TOOL_REFUSED, "FILE", "cannot print: %s", strerror(errno));
        }
    }
    if (wrong == 0) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "BAD_LINE", "%llu records or events are wrong", (unsigned long long)wrong);
}
