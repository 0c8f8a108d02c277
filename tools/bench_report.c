#include "tools/bench_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "tools/file.h"

#define SECOND_NS 1000000000u
#define REPORT_SIZE_MAX MIB
#define LABEL_SIZE 64
#define FIGURE_SIZE 64

static int by_value(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

/* The value that `parts` of 1000 of the samples do not exceed. */
static json_t *rank(const uint64_t *sorted_ns, size_t count, uint64_t parts)
{
    if (count == 0) return json_null();
    size_t at = (size_t)(((uint64_t)count * parts + 999) / 1000);
    return json_real((double)sorted_ns[at == 0 ? 0 : at - 1] / 1e6);
}

json_t *report_latency(uint64_t *samples_ns, size_t count)
{
    if (count > 0) qsort(samples_ns, count, sizeof *samples_ns, by_value);
    return json_pack("{s:o, s:o, s:o, s:o}", "p50", rank(samples_ns, count, 500), "p99",
        rank(samples_ns, count, 990), "p999", rank(samples_ns, count, 999), "max",
        rank(samples_ns, count, 1000));
}

/* The emptiest second begins right after a moment, or at the start. */
double report_rate_min(const struct report_moment *moments, size_t count)
{
    uint64_t end_ns = count == 0 ? 0 : moments[count - 1].at_ns, inside = 0, least = UINT64_MAX;
    size_t next = 0; /* the first moment behind the second that is looked at */
    for (size_t begin = 0; begin <= count; begin++) {
        uint64_t from_ns = begin == 0 ? 0 : moments[begin - 1].at_ns;
        if (begin > 0) inside -= moments[begin - 1].events;
        if (from_ns + SECOND_NS > end_ns) break;
        for (; next < count && moments[next].at_ns <= from_ns + SECOND_NS; next++)
            inside += moments[next].events;
        if (inside < least) least = inside;
    }
    return least == UINT64_MAX ? -1 : (double)least;
}

uint64_t report_gap_max(const struct report_moment *moments, size_t count)
{
    uint64_t last_ns = 0, longest = 0;
    for (size_t i = 0; i < count; i++) {
        if (moments[i].at_ns - last_ns > longest) longest = moments[i].at_ns - last_ns;
        last_ns = moments[i].at_ns;
    }
    return longest;
}

/* ---- Files ---- */

enum tool_exit report_read(struct context *context, const char *path, json_t **report)
{
    struct buffer text;
    char why[MESSAGE_SIZE_MAX / 2];
    json_error_t wrong;
    buffer_init(&text, REPORT_SIZE_MAX);
    enum tool_exit code = TOOL_DONE;
    if (file_read(path, &text, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
        goto done;
    }
    *report = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &wrong);
    if (!json_is_object(*report)) {
        json_decref(*report);
        *report = NULL;
        code =
            context_fail(context, TOOL_REFUSED, "FORM", "%s is no report that tally bench --out wrote", path);
    }
done:
    buffer_close(&text);
    return code;
}

enum tool_exit report_write(struct context *context, const char *path, const json_t *report)
{
    char why[MESSAGE_SIZE_MAX / 2];
    char *text = json_dumps(report, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    if (text == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of its end, which the file does not need */
    int error = file_replace(path, 0644, span_of(text, size + 1), why, sizeof why);
    free(text);
    return error == TALLY_OK ? TOOL_DONE : context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
}

/* ---- The table ---- */

static void figure_text(const json_t *figure, char text[FIGURE_SIZE])
{
    if (json_is_integer(figure))
        snprintf(text, FIGURE_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(figure));
    else if (json_is_real(figure))
        snprintf(
            text, FIGURE_SIZE, json_real_value(figure) < 1000 ? "%.3f" : "%.0f", json_real_value(figure));
    else if (json_is_string(figure))
        snprintf(text, FIGURE_SIZE, "%s", json_string_value(figure));
    else
        snprintf(text, FIGURE_SIZE, "-");
}

static void figure_print(const char *label, const json_t *figure, const json_t *before)
{
    char now[FIGURE_SIZE], then[FIGURE_SIZE];
    figure_text(figure, now);
    if (before == NULL) {
        printf("%-32s %16s\n", label, now);
        return;
    }
    figure_text(before, then);
    printf("%-32s %16s %16s", label, now, then);
    if (json_is_number(figure) && json_is_number(before) && fabs(json_number_value(before)) > 0)
        printf("  x %.2f", json_number_value(figure) / json_number_value(before));
    putchar('\n');
}

/* "latency_ms" and "p50" become "latency ms p50". */
static void figures_print(const char *above, const json_t *figures, const json_t *baseline)
{
    const char *key;
    const json_t *figure;
    /* jansson's walk wants an object that it could change, and does not. */
    json_object_foreach((json_t *)(uintptr_t)figures, key, figure)
    {
        char label[LABEL_SIZE];
        snprintf(label, sizeof label, "%s%s%s", above, above[0] == '\0' ? "" : " ", key);
        for (char *at = label; *at != '\0'; at++)
            if (*at == '_') *at = ' ';
        const json_t *before = baseline == NULL ? NULL : json_object_get(baseline, key);
        if (json_is_object(figure))
            figures_print(label, figure, before);
        else
            figure_print(label, figure, before);
    }
}

void report_print(json_t *report, const json_t *baseline)
{
    if (baseline != NULL) printf("%-32s %16s %16s\n", "", "this run", "baseline");
    figures_print("", report, baseline);
}
