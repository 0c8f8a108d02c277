#include "node/net/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"

static _Atomic enum log_level level_min = LOG_LEVEL_INFO;
static log_sink sink_function;
static void *sink_context;

/* A line being built. `size` never passes LOG_LINE_SIZE_MAX - 1: the newline always fits. */
struct line {
    char text[LOG_LINE_SIZE_MAX];
    size_t size;
    bool cut;
};

static const char *const level_names[] = {"debug", "info", "unusual", "broken"};
static const char cut_mark[] = "...";

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_min, level, memory_order_relaxed);
}

void log_set_sink(log_sink sink, void *context)
{
    sink_function = sink;
    sink_context = context;
}

static void line_bytes(struct line *line, const char *bytes, size_t size)
{
    size_t room = sizeof line->text - 1 - (sizeof cut_mark - 1) - line->size;
    if (line->cut) return;
    if (size > room) {
        line->cut = true;
        memcpy(line->text + line->size, cut_mark, sizeof cut_mark - 1);
        line->size += sizeof cut_mark - 1;
        return;
    }
    memcpy(line->text + line->size, bytes, size);
    line->size += size;
}

static void line_text(struct line *line, const char *text)
{
    line_bytes(line, text, strlen(text));
}

static void line_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    CHECK(gmtime_r(&now.tv_sec, &utc) != NULL);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    line_bytes(line, text, size);
    int count = snprintf(text, sizeof text, ".%03ldZ ", now.tv_nsec / 1000000);
    line_bytes(line, text, (size_t)count);
}

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '\\' && c != '=';
}

/* Bytes past ASCII are escaped too: a name that somebody else chose must not reach a terminal as it is. */
static void line_escaped(struct line *line, unsigned char c)
{
    char text[5];
    if (c == '"' || c == '\\') {
        text[0] = '\\';
        text[1] = (char)c;
        line_bytes(line, text, 2);
    } else if (c < ' ' || c >= 0x7F) {
        int count = snprintf(text, sizeof text, "\\x%02x", c);
        line_bytes(line, text, (size_t)count);
    } else {
        text[0] = (char)c;
        line_bytes(line, text, 1);
    }
}

static void line_value(struct line *line, const char *value)
{
    bool plain = value[0] != '\0';
    for (const char *at = value; *at != '\0' && plain; at++)
        plain = is_plain((unsigned char)*at);
    if (plain) {
        line_text(line, value);
        return;
    }
    line_text(line, "\"");
    for (const char *at = value; *at != '\0' && !line->cut; at++)
        line_escaped(line, (unsigned char)*at);
    line_text(line, "\"");
}

static void line_field(struct line *line, const struct log_field *field)
{
    char text[2 * LOG_BYTES_SHOWN + 24];
    line_text(line, " ");
    line_text(line, field->key);
    line_text(line, "=");
    switch (field->kind) {
    case LOG_FIELD_END:
        CHECK_UNREACHABLE();
    case LOG_FIELD_TEXT:
        line_value(line, field->value.text != NULL ? field->value.text : "-");
        return;
    case LOG_FIELD_UNSIGNED:
        snprintf(text, sizeof text, "%llu", (unsigned long long)field->value.unsigned_value);
        line_text(line, text);
        return;
    case LOG_FIELD_SIGNED:
        snprintf(text, sizeof text, "%lld", (long long)field->value.signed_value);
        line_text(line, text);
        return;
    case LOG_FIELD_BYTES:
        CHECK(field->value.bytes.size >= LOG_BYTES_SHOWN);
        hex_encode(span_of(field->value.bytes.data, LOG_BYTES_SHOWN), text);
        line_text(line, text);
        return;
    }
}

/* One write for a line, so that lines of several threads and processes do not mix. */
static void line_write(const struct line *line, enum log_level level)
{
    if (sink_function != NULL) {
        sink_function(sink_context, level, line->text, line->size);
        return;
    }
    ssize_t written = write(STDERR_FILENO, line->text, line->size);
    (void)written; /* there is no better place to say that it failed */
}

void log_write(enum log_level level, const char *text, const struct log_field *fields)
{
    struct line line = {.size = 0, .cut = false};
    CHECK(level >= LOG_LEVEL_DEBUG && level <= LOG_LEVEL_BROKEN);
    if (level < atomic_load_explicit(&level_min, memory_order_relaxed)) return;
    line_time(&line);
    line_text(&line, level_names[level]);
    line_text(&line, " ");
    line_value(&line, text);
    for (const struct log_field *field = fields; field->kind != LOG_FIELD_END; field++)
        line_field(&line, field);
    line.text[line.size++] = '\n';
    line_write(&line, level);
}

bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed)
{
    if (limit->written == 0 || now_ms - limit->window_start_ms >= LOG_LIMIT_WINDOW_MS) {
        limit->window_start_ms = now_ms;
        limit->written = 0;
    }
    if (limit->written >= LOG_LIMIT_LINES) {
        limit->suppressed++;
        return false;
    }
    limit->written++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
