#include "tools/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/base/date.h"

#define HEX_BYTES_MAX 4096

enum tool_exit output_json_take(struct context *context, json_t *object)
{
    /* On a terminal what an event says must not act: beyond ASCII there are controls that JSON does not
     * escape. */
    size_t flags =
        JSON_COMPACT | JSON_REAL_PRECISION(9) | (isatty(STDOUT_FILENO) == 1 ? JSON_ENSURE_ASCII : 0);
    int bad = object == NULL || json_dumpf(object, stdout, flags) != 0;
    json_decref(object);
    if (bad || putchar('\n') == EOF || fflush(stdout) != 0) {
        return context_fail(context, TOOL_REFUSED, "OUTPUT", "cannot write to standard output");
    }
    return TOOL_DONE;
}

json_t *json_hex(struct span bytes)
{
    char text[2 * HEX_BYTES_MAX + 1];
    CHECK(bytes.size <= HEX_BYTES_MAX);
    hex_encode(bytes, text);
    return json_string(text);
}

json_t *json_digest(const struct digest *digest)
{
    return json_hex(span_of(digest->bytes, DIGEST_SIZE));
}

void time_to_text(uint64_t time_ms, char text[TIME_TEXT_SIZE])
{
    uint64_t last_ms = ((uint64_t)DATE_MAX + 1) * MS_PER_DAY - 1;
    if (time_ms > last_ms) time_ms = last_ms;
    date_to_text((int32_t)(time_ms / MS_PER_DAY), text);
    unsigned ms = (unsigned)(time_ms % MS_PER_DAY);
    snprintf(text + DATE_TEXT_SIZE - 1, TIME_TEXT_SIZE - DATE_TEXT_SIZE + 1, "T%02u:%02u:%02u.%03uZ",
        ms / 3600000 % 24, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

uint64_t clock_steady_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

bool progress_is_shown(void)
{
    return isatty(STDERR_FILENO) == 1;
}

void progress_show(const char *format, ...)
{
    if (!progress_is_shown()) return;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
}

void progress_end(void)
{
    if (!progress_is_shown()) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
