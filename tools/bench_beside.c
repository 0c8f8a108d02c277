#include "tools/bench_beside.h"

#include <stdlib.h>

#include "proto/base/check.h"

static void reader_plan(struct bench_beside *beside, bool inquires, uint64_t rate,
    const struct bench_client *clients, uint32_t client_count)
{
    if (rate == 0) return;
    beside->readers[beside->reader_count++] = (struct bench_reader){
        .home = beside->home,
        .clients = clients,
        .client_count = client_count,
        .interval_ns = UINT64_C(1000000000) / rate,
        .inquires = inquires,
        .inquiries = &beside->inquiries,
    };
}

enum tool_exit beside_plan(struct context *context, struct bench_beside *beside,
    const struct bench_options *options, const char *home, const struct bench_client *clients,
    uint32_t client_count)
{
    enum tool_exit code = home_open(context, home, &beside->home);
    if (code != TOOL_DONE) return code;
    CHECK(pthread_mutex_init(&beside->inquiries.mutex, NULL) == 0);
    reader_plan(beside, false, options->reads, clients, client_count);
    reader_plan(beside, true, options->inquiries, clients, client_count);
    beside->followers = calloc((size_t)options->followers + 1, sizeof *beside->followers);
    if (beside->followers == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    beside->follower_count = options->followers;
    for (uint32_t i = 0; i < beside->follower_count; i++)
        beside->followers[i].home = &beside->home;
    return TOOL_DONE;
}

uint32_t beside_threads(const struct bench_beside *beside)
{
    return beside->reader_count + beside->follower_count;
}

void beside_start(struct bench_beside *beside, const struct bench_meeting *meeting)
{
    for (uint32_t i = 0; i < beside->reader_count; i++) {
        struct bench_reader *reader = &beside->readers[i];
        reader->ready = meeting->ready;
        reader->start = meeting->start;
        reader->start_ns = meeting->start_ns;
        reader->stop = meeting->stop;
        CHECK(bench_reader_start(reader) == TALLY_OK);
    }
    for (uint32_t i = 0; i < beside->follower_count; i++) {
        struct bench_follower *follower = &beside->followers[i];
        follower->ready = meeting->ready;
        follower->start = meeting->start;
        follower->stop = meeting->stop;
        CHECK(bench_follower_start(follower) == TALLY_OK);
    }
}

static void code_take(
    struct context *context, enum tool_exit *code, enum tool_exit own, const struct context *from)
{
    if (*code != TOOL_DONE || own == TOOL_DONE) return;
    *code = own;
    memcpy(context->reason, from->reason, sizeof context->reason);
    memcpy(context->message, from->message, sizeof context->message);
}

enum tool_exit beside_end(struct context *context, struct bench_beside *beside)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; i < beside->reader_count; i++) {
        bench_reader_join(&beside->readers[i]);
        code_take(context, &code, beside->readers[i].code, &beside->readers[i].context);
    }
    for (uint32_t i = 0; i < beside->follower_count; i++) {
        bench_follower_join(&beside->followers[i]);
        code_take(context, &code, beside->followers[i].code, &beside->followers[i].context);
    }
    return code;
}

void beside_events(const struct bench_beside *beside, uint64_t *least, uint64_t *most)
{
    *least = *most = 0;
    for (uint32_t i = 0; i < beside->reader_count; i++) {
        if (!beside->readers[i].inquires) continue;
        *least += beside->readers[i].count;
        *most += beside->readers[i].asked;
    }
}

static json_t *reader_report(struct bench_reader *reader)
{
    json_t *report = json_pack("{s:I, s:I, s:o, s:I, s:o, s:I, s:I}", "count", (json_int_t)reader->count,
        "busy", (json_int_t)reader->busy, "latency_ms", report_latency(reader->latencies_ns, reader->count),
        "verified", (json_int_t)reader->verified, "verify_ms",
        report_latency(reader->verify_ns, reader->verified), "events", (json_int_t)reader->events,
        "longest_events", (json_int_t)reader->longest);
    if (!reader->inquires) json_object_set_new(report, "again", json_integer((json_int_t)reader->again));
    return report;
}

static json_t *followers_report(const struct bench_beside *beside)
{
    uint64_t least = UINT64_MAX, bytes = 0;
    for (uint32_t i = 0; i < beside->follower_count; i++) {
        if (beside->followers[i].blocks < least) least = beside->followers[i].blocks;
        bytes += beside->followers[i].bytes;
    }
    return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)beside->follower_count, "blocks_each_min",
        (json_int_t)least, "bytes", (json_int_t)bytes);
}

void beside_report(struct bench_beside *beside, json_t *report)
{
    for (uint32_t i = 0; i < beside->reader_count; i++)
        json_object_set_new(
            report, beside->readers[i].inquires ? "inquiries" : "reads", reader_report(&beside->readers[i]));
    if (beside->follower_count > 0) json_object_set_new(report, "followers", followers_report(beside));
}

void beside_close(struct bench_beside *beside)
{
    for (uint32_t i = 0; i < beside->reader_count; i++)
        bench_reader_close(&beside->readers[i]);
    free(beside->followers);
    beside->followers = NULL;
}
