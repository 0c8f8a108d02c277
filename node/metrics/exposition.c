#include "node/metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/base/check.h"

#define NS_PER_S 1000000000u
/* 20 digits, a point, nine more. */
#define NUMBER_SIZE 32u

static void text_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void escaped_put(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') buffer_u8(out, '\\');
        if (*text == '\n')
            text_put(out, "\\n");
        else
            buffer_u8(out, (uint8_t)*text);
    }
}

static const char *kind_word(enum exposition_kind kind)
{
    switch (kind) {
    case EXPOSITION_COUNTER:
        return "counter";
    case EXPOSITION_GAUGE:
        return "gauge";
    case EXPOSITION_HISTOGRAM:
        return "histogram";
    }
    CHECK_UNREACHABLE();
}

void exposition_family(
    struct exposition *exposition, const char *name, enum exposition_kind kind, const char *help)
{
    CHECK(strchr(help, '\n') == NULL && strchr(help, '\\') == NULL);
    exposition->family = name;
    text_put(exposition->out, "# HELP ");
    text_put(exposition->out, name);
    text_put(exposition->out, " ");
    text_put(exposition->out, help);
    text_put(exposition->out, "\n# TYPE ");
    text_put(exposition->out, name);
    text_put(exposition->out, " ");
    text_put(exposition->out, kind_word(kind));
    text_put(exposition->out, "\n");
}

static void label_put(struct buffer *out, bool first, const char *name, const char *value)
{
    text_put(out, first ? "{" : ",");
    text_put(out, name);
    text_put(out, "=\"");
    escaped_put(out, value);
    text_put(out, "\"");
}

/* `le` is NULL but in a histogram's bucket. */
static void sample_put(struct exposition *exposition, const char *suffix,
    const struct exposition_label *labels, const char *le, const char *value)
{
    struct buffer *out = exposition->out;
    bool any = false;
    CHECK(exposition->family != NULL);
    text_put(out, exposition->family);
    text_put(out, suffix);
    for (const struct exposition_label *at = labels; at != NULL && at->name != NULL; at++) {
        label_put(out, !any, at->name, at->value);
        any = true;
    }
    if (le != NULL) label_put(out, !any, "le", le);
    text_put(out, any || le != NULL ? "} " : " ");
    text_put(out, value);
    text_put(out, "\n");
}

static void count_say(uint64_t value, char text[NUMBER_SIZE])
{
    snprintf(text, NUMBER_SIZE, "%" PRIu64, value);
}

/* Exactly, and without zeros at the end: bounds are told apart by their text. */
static void seconds_say(uint64_t ns, char text[NUMBER_SIZE])
{
    int size = snprintf(text, NUMBER_SIZE, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.') size--;
    text[size] = '\0';
}

void exposition_value(struct exposition *exposition, const struct exposition_label *labels, uint64_t value)
{
    char text[NUMBER_SIZE];
    count_say(value, text);
    sample_put(exposition, "", labels, NULL, text);
}

void exposition_seconds(struct exposition *exposition, const struct exposition_label *labels, uint64_t ns)
{
    char text[NUMBER_SIZE];
    seconds_say(ns, text);
    sample_put(exposition, "", labels, NULL, text);
}

void exposition_timing(
    struct exposition *exposition, const struct exposition_label *labels, const struct timing *timing)
{
    char bound[NUMBER_SIZE], text[NUMBER_SIZE];
    uint64_t count = 0;
    for (uint32_t i = 0; i < TIMING_BOUNDS; i++) {
        count += meter_get(&timing->buckets[i]);
        seconds_say(timing_bounds_ns[i], bound);
        count_say(count, text);
        sample_put(exposition, "_bucket", labels, bound, text);
    }
    count += meter_get(&timing->buckets[TIMING_BOUNDS]);
    count_say(count, text);
    sample_put(exposition, "_bucket", labels, "+Inf", text);
    seconds_say(meter_get(&timing->sum_ns), bound);
    sample_put(exposition, "_sum", labels, NULL, bound);
    sample_put(exposition, "_count", labels, NULL, text);
}
