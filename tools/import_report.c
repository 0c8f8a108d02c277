#include "tools/import_report.h"

#include <stdio.h>

#include "tools/output.h"
#include "tools/shown_text.h"

#define REJECTIONS_SHOWN_MAX 20    /* on stderr, without --json */
#define REJECTIONS_LISTED_MAX 1000 /* in the JSON object */
#define PROGRESS_EVERY_MS 100

int import_report_open(
    struct context *context, const struct metro2_totals *metro2, struct import_report *report)
{
    *report = (struct import_report){.context = context,
        .metro2 = metro2,
        .rejections = json_array(),
        .reasons = json_object(),
        .start_ms = clock_steady_ms()};
    return report->rejections == NULL || report->reasons == NULL ? TALLY_ENOMEM : TALLY_OK;
}

void import_report_close(struct import_report *report)
{
    json_decref(report->rejections);
    json_decref(report->reasons);
}

static void rejection_list(struct import_report *report, const struct import_rejection *rejection)
{
    const char *type = rejection->type == 0 ? NULL : event_type_name((uint32_t)rejection->type);
    if (json_array_size(report->rejections) >= REJECTIONS_LISTED_MAX) return;
    json_t *entry = json_pack("{s:I, s:s?, s:s, s:s}", "line", (json_int_t)rejection->line, "type", type,
        "reason", rejection->reason, "message", rejection->message);
    if (entry == NULL) {
        entry = json_pack("{s:I, s:s?, s:s, s:s}", "line", (json_int_t)rejection->line, "type", type,
            "reason", rejection->reason, "message", "(what it says is not UTF-8)");
    }
    if (entry != NULL) json_array_append_new(report->rejections, entry);
}

void import_report_rejection(void *context, const struct import_rejection *rejection)
{
    struct import_report *report = context;
    json_int_t before = json_integer_value(json_object_get(report->reasons, rejection->reason));
    json_object_set_new(report->reasons, rejection->reason, json_integer(before + 1));
    if (report->context->json) {
        rejection_list(report, rejection);
        return;
    }
    if (report->shown++ >= REJECTIONS_SHOWN_MAX) return;
    progress_end();
    fprintf(stderr, "line %llu: ", (unsigned long long)rejection->line);
    shown_print(stderr, rejection->reason);
    if (rejection->message[0] != '\0') fputs(": ", stderr);
    shown_print(stderr, rejection->message);
    fputc('\n', stderr);
}

void import_report_progress(void *context, const struct import_result *so_far, bool waiting)
{
    struct import_report *report = context;
    uint64_t now_ms = clock_steady_ms();
    if (!progress_is_shown() || now_ms - report->progress_ms < PROGRESS_EVERY_MS) return;
    report->progress_ms = now_ms;
    uint64_t ms = now_ms - report->start_ms;
    uint64_t done = so_far->accepted + so_far->duplicate + so_far->rejected;
    progress_show("%llu read, %llu accepted, %llu duplicate, %llu rejected, %llu/s%s",
        (unsigned long long)so_far->read, (unsigned long long)so_far->accepted,
        (unsigned long long)so_far->duplicate, (unsigned long long)so_far->rejected,
        (unsigned long long)(ms == 0 ? 0 : done * 1000 / ms), waiting ? "; the node is busy, waiting" : "");
}

static json_t *counts_json(const struct import_counts *counts)
{
    return json_pack("{s:I, s:I, s:I}", "accepted", (json_int_t)counts->accepted, "duplicate",
        (json_int_t)counts->duplicate, "rejected", (json_int_t)counts->rejected);
}

/* Types of which the file had none are left out; so are results that never were. */
static json_t *types_json(const struct import_result *result)
{
    json_t *types = json_object();
    for (uint32_t type = 1; types != NULL && type < IMPORT_TYPES; type++) {
        const struct import_counts *counts = &result->types[type];
        if (counts->accepted + counts->duplicate + counts->rejected > 0)
            json_object_set_new(types, event_type_name(type), counts_json(counts));
    }
    return types;
}

static json_t *results_json(const struct import_result *result, const struct import_report *report)
{
    json_t *results = json_copy(report->reasons);
    if (result->accepted > 0) json_object_set_new(results, "OK", json_integer((json_int_t)result->accepted));
    if (result->duplicate > 0)
        json_object_set_new(results, "DUPLICATE", json_integer((json_int_t)result->duplicate));
    return results;
}

static uint64_t rate_of(const struct import_result *result, uint64_t ms)
{
    return ms == 0 ? 0 : (result->accepted + result->duplicate) * 1000 / ms;
}

static void result_say(const struct import_result *result, const struct import_report *report)
{
    const char *reason;
    json_t *count;
    uint64_t ms = clock_steady_ms() - report->start_ms;
    if (report->shown > REJECTIONS_SHOWN_MAX) {
        fprintf(stderr, "and %llu more lines were rejected; --json lists up to %d\n",
            (unsigned long long)(report->shown - REJECTIONS_SHOWN_MAX), REJECTIONS_LISTED_MAX);
    }
    for (uint32_t type = 1; type < IMPORT_TYPES; type++) {
        const struct import_counts *counts = &result->types[type];
        if (counts->accepted + counts->duplicate + counts->rejected == 0) continue;
        printf("%-16s %llu accepted, %llu duplicate, %llu rejected\n", event_type_name(type),
            (unsigned long long)counts->accepted, (unsigned long long)counts->duplicate,
            (unsigned long long)counts->rejected);
    }
    json_object_foreach(report->reasons, reason, count)
    {
        fputs("rejected as ", stdout);
        shown_print(stdout, reason);
        printf(": %lld\n", (long long)json_integer_value(count));
    }
    if (report->metro2 != NULL) {
        metro2_totals_say(report->metro2);
        metro2_differences_say(report->metro2);
    }
    printf("%llu read: %llu accepted, %llu duplicate, %llu rejected, in %.2f s (%llu events/s)\n",
        (unsigned long long)result->read, (unsigned long long)result->accepted,
        (unsigned long long)result->duplicate, (unsigned long long)result->rejected, (double)ms / 1000,
        (unsigned long long)rate_of(result, ms));
}

static json_t *report_json(const struct import_report *report, const struct import_result *result)
{
    uint64_t ms = clock_steady_ms() - report->start_ms;
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:o, s:o, s:O}", "read",
        (json_int_t)result->read, "accepted", (json_int_t)result->accepted, "duplicate",
        (json_int_t)result->duplicate, "rejected", (json_int_t)result->rejected, "seconds", (double)ms / 1000,
        "events_per_second", (json_int_t)rate_of(result, ms), "batches", (json_int_t)result->batches,
        "retries", (json_int_t)result->retries, "types", types_json(result), "results",
        results_json(result, report), "rejections", report->rejections);
    if (object != NULL && report->metro2 != NULL)
        json_object_set_new(object, "metro2", metro2_totals_json(report->metro2));
    return object;
}

enum tool_exit import_report_print(struct import_report *report, const struct import_result *result)
{
    bool whole = report->metro2 == NULL || metro2_totals_agree(report->metro2);
    progress_end();
    enum tool_exit code = TOOL_DONE;
    if (report->context->json)
        code = output_json_take(report->context, report_json(report, result));
    else
        result_say(result, report);
    /* The lines were told already; main adds nothing. */
    return code == TOOL_DONE && (result->rejected > 0 || !whole) ? TOOL_REFUSED : code;
}
