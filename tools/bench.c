#include "tools/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/limits.h"
#include "tools/args.h"
#include "tools/bench_load.h"
#include "tools/bench_report.h"
#include "tools/bench_usage.h"
#include "tools/home.h"
#include "tools/output.h"

static enum tool_exit bench_run(struct context *context, int count, char **arguments);

const struct command command_bench = {
    .name = "bench",
    .summary = "how fast this machine is: storage",
    .help =
        "usage: tally bench storage [--events N] [--subjects S] [--batch B] [--blocks-of E] [--pipeline P]\n"
        "                           [--seconds T] [OPTIONS]\n"
        "\n"
        "storage: one node's commit path without the network. Blocks go the way they go in tallyd, by the "
        "same code "
        "and on\n"
        "the same threads: batches are decoded and their signatures, ids and body commitments checked "
        "(checks), "
        "blocks are\n"
        "appended and synced (ledger), applied by the rules of credit, authenticated and flushed (state, "
        "leveldb), "
        "and\n"
        "certified by checkpoints that four validators sign. Left out: links, consensus, and the vote "
        "record.\n"
        "The load is made beforehand by another process, into a file, and counts for nothing; reading it "
        "back and "
        "signing as\n"
        "the other validators is the thread \"load\". Each event is valid, and one that is refused fails the "
        "run. "
        "Subjects are\n"
        "reported on in turn, so S of them are opened first. The blocks' clock runs by 150,000 events a "
        "second.\n"
        "\n"
        "  --events N      how many; 2000000 unless given\n"
        "  --subjects S    borrowers, from 4; 200000 unless given\n"
        "  --batch B       events signed together, 1 to 1000; 500 unless given\n"
        "  --blocks-of E   events in a block, a multiple of B up to 10000; 2000, or what is next to it, "
        "unless "
        "given\n"
        "  --pipeline P    blocks given to the ledger and not yet applied, 1 to 64; 2 unless given\n"
        "  --seconds T     end after so long, even with load left\n"
        "\n"
        "OPTIONS\n"
        "  --dir DIR       work in a new folder in DIR, gone afterwards; the current folder unless given. "
        "Not on "
        "tmpfs,\n"
        "                  where syncing costs nothing\n"
        "  --keep          leave that folder behind, and say where it is\n"
        "  --seed X        another load\n"
        "  --out FILE      write the report as JSON\n"
        "  --baseline FILE print an earlier report's figures beside these\n"
        "\n"
        "Prints, and --json and --out hold: events_per_second over the run and events_per_second_min over "
        "any one "
        "second of it;\n"
        "latency_ms {p50, p99, p999, max} of a block, from the ledger's being given it to its checkpoint; "
        "stall_ms, "
        "the longest\n"
        "time without a block; cpu_seconds by thread (leveldb: the threads without a name, which LevelDB's "
        "is); "
        "written_bytes to\n"
        "the disk until all is flushed and closed, and for each byte of event; disk_bytes by folder; "
        "memory_peak_bytes.\n",
    .run = bench_run,
};

static const struct option_spec options_known[] = {{"events", true}, {"subjects", true}, {"batch", true},
    {"blocks-of", true}, {"pipeline", true}, {"seconds", true}, {"dir", true}, {"keep", false},
    {"seed", true}, {"out", true}, {"baseline", true}, {NULL, false}};

/* ---- Interruption ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void signals_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool bench_is_interrupted(void)
{
    return interrupted != 0;
}

enum tool_exit bench_fail_interrupted(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "INTERRUPTED", "interrupted; what it made is removed");
}

/* ---- Options ---- */

static enum tool_exit number_option(struct context *context, const struct args *args, const char *name,
    uint64_t least, uint64_t most, uint64_t *number)
{
    const char *text = args_value(args, name);
    if (text == NULL || number_from_text(text, least, most, number) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE", "--%s is a number from %llu to %llu, not '%s'", name,
        (unsigned long long)least, (unsigned long long)most, text);
}

static enum tool_exit storage_options(
    struct context *context, const struct args *args, struct bench_options *options)
{
    uint64_t subjects = 200000, batch = 500, pipeline = 2;
    options->events = 2000000;
    enum tool_exit code = number_option(context, args, "events", 1, UINT64_C(10000000000), &options->events);
    if (code == TOOL_DONE) code = number_option(context, args, "subjects", 4, LOAD_SUBJECTS_MAX, &subjects);
    if (code == TOOL_DONE) code = number_option(context, args, "batch", 1, BATCH_EVENTS_MAX, &batch);
    uint64_t block = batch * (2000 / batch);
    if (code == TOOL_DONE) code = number_option(context, args, "blocks-of", batch, BLOCK_EVENTS_MAX, &block);
    if (code == TOOL_DONE) code = number_option(context, args, "pipeline", 1, 64, &pipeline);
    if (code == TOOL_DONE) code = number_option(context, args, "seconds", 1, 1000000, &options->seconds);
    if (code == TOOL_DONE) code = number_option(context, args, "seed", 0, INT64_MAX, &options->seed);
    if (code == TOOL_DONE && block % batch != 0)
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "--blocks-of is a multiple of --batch, which is %llu", (unsigned long long)batch);
    options->subjects = (uint32_t)subjects;
    options->batch = (uint32_t)batch;
    options->block = (uint32_t)block;
    options->pipeline = (uint32_t)pipeline;
    return code;
}

/* ---- The run ---- */

static enum tool_exit folder_make(struct context *context, const char *parent, char path[HOME_PATH_MAX])
{
    enum tool_exit code = path_join(context, parent == NULL ? "." : parent, "tally-bench-XXXXXX", path);
    if (code != TOOL_DONE || mkdtemp(path) != NULL) return code;
    return context_fail(context, TOOL_REFUSED, "FILE", "cannot make a folder in %s: %s",
        parent == NULL ? "." : parent, strerror(errno));
}

static enum tool_exit report_tell(
    struct context *context, const struct args *args, json_t *report, const json_t *baseline)
{
    const char *out = args_value(args, "out");
    enum tool_exit code = out == NULL ? TOOL_DONE : report_write(context, out, report);
    if (code != TOOL_DONE) return code;
    if (context->json) return output_json_take(context, json_incref(report));
    report_print(report, baseline);
    return TOOL_DONE;
}

static enum tool_exit bench_do(struct context *context, const struct args *args,
    const struct bench_options *options, const json_t *baseline)
{
    char folder[HOME_PATH_MAX];
    json_t *report = NULL;
    enum tool_exit code = folder_make(context, args_value(args, "dir"), folder);
    if (code != TOOL_DONE) return code;
    signals_catch();
    code = bench_storage(context, options, folder, &report);
    if (args_value(args, "keep") != NULL)
        fprintf(stderr, "kept: %s\n", folder);
    else if (folder_remove(folder) != TALLY_OK && code == TOOL_DONE)
        code = context_fail(context, TOOL_REFUSED, "FILE", "cannot remove %s", folder);
    if (code == TOOL_DONE) code = report_tell(context, args, report, baseline);
    json_decref(report);
    return code;
}

static enum tool_exit bench_run(struct context *context, int count, char **arguments)
{
    struct args args;
    struct bench_options options = {.seed = 1};
    char why[MESSAGE_SIZE_MAX / 2];
    json_t *baseline = NULL;
    if (args_parse(options_known, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help bench", why);
    if (args.positional_count != 1 || strcmp(args.positionals[0], "storage") != 0)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally bench storage; see: tally help bench");
    enum tool_exit code = storage_options(context, &args, &options);
    if (code == TOOL_DONE && args_value(&args, "baseline") != NULL)
        code = report_read(context, args_value(&args, "baseline"), &baseline);
    if (code == TOOL_DONE) code = bench_do(context, &args, &options, baseline);
    json_decref(baseline);
    return code;
}
