#include "tools/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/limits.h"
#include "tools/args.h"
#include "tools/bench_client.h"
#include "tools/bench_follower.h"
#include "tools/bench_load.h"
#include "tools/bench_report.h"
#include "tools/bench_usage.h"
#include "tools/home.h"
#include "tools/interrupt.h"
#include "tools/output.h"

#define EVENTS_MAX UINT64_C(10000000000)
/* Made beforehand, and in memory; and sent before the batches expire. */
#define NETWORK_EVENTS_MAX 20000000u
/* About what a proposal finds waiting: at 150,000 events a second it is made every 7 ms. At least a batch. */
#define BLOCK_EVENTS 500u
#define NETWORK_SECONDS_MAX 400u

static enum tool_exit bench_run(struct context *context, int count, char **arguments);

const struct command command_bench = {
    .name = "bench",
    .summary = "how fast this machine is: storage, network",
    .help =
        "usage: tally bench storage [--events N] [--subjects S] [--batch B] [--blocks-of E] [--pipeline P]\n"
        "                           [--rate R] [--seconds T] [--subject-cache MIB] [--net DIR] [OPTIONS]\n"
        "       tally bench network [--events N] [--subjects S] [--batch B | --single] [--rate R]\n"
        "                           [--connections C] [--window W] [--validators V] [--seconds T]\n"
        "                           [--reads H] [--inquiries I] [--followers F] [OPTIONS]\n"
        "\n"
        "Events are valid, signed, and spread over S subjects that are reported on in turn: S openings\n"
        "come first. One that is refused fails the run. The load is made beforehand, and its making\n"
        "counts for nothing.\n"
        "\n"
        "storage: one node's commit path without the network. Blocks go their way by the code of tallyd,\n"
        "on the same threads: batches are decoded and their signatures, ids and body commitments checked\n"
        "(checks), blocks appended and synced (ledger), applied by the rules of credit, authenticated and\n"
        "flushed (state, leveldb), and certified by checkpoints that four validators sign (loop). Left\n"
        "out: links, consensus, and the vote record. Reading the load back, and signing as the other\n"
        "validators, is the thread named load. The blocks' clock runs by 150,000 events a second.\n"
        "\n"
        "  --events N        how many; 2000000 unless given\n"
        "  --subjects S      from 4; 200000 unless given\n"
        "  --batch B         events signed together, 1 to 1000; 500 unless given\n"
        "  --blocks-of E     events in a block, a multiple of B up to 10000; about 500 unless given\n"
        "  --pipeline P      blocks given to the ledger and not yet applied, 1 to 64; 3 unless given\n"
        "  --rate R          offer so many events a second: a block is due once those before it are\n"
        "                    offered, and counts from then, however late it is given to the ledger\n"
        "  --seconds T       end after so long, even with load left\n"
        "  --subject-cache MIB  as subject_cache_mib in node.yaml\n"
        "  --net DIR         the blocks are those of the development network in DIR, of four validators and\n"
        "                    not yet started: with --keep, what data/ holds then is what its nodes would\n"
        "                    have, and they go on from there\n"
        "\n"
        "network: a development network of V validators, TLS, fsync and all, and C clients here, each of\n"
        "which submits one member's batches to its node and waits until they are final. It runs at full\n"
        "speed, with W batches under way on each connection, or at a rate. It has ended once every node\n"
        "has applied all.\n"
        "\n"
        "  --events N        how many, in whole batches; 300000 unless given, 30000 with --single, R times "
        "T\n"
        "                    with --rate and --seconds\n"
        "  --subjects S      at least C times W times B; 200000 unless given\n"
        "  --batch B         1 to 1000; 500 unless given. --single: each event signed by itself\n"
        "  --rate R          events a second in all. A batch that is late because W are under way counts\n"
        "                    from when it was due\n"
        "  --connections C   1 to 64; one for each validator unless given\n"
        "  --window W        1 to 256; 4 unless given, 64 with --single\n"
        "  --validators V    4 to 64; 4 unless given\n"
        "  --reads H         meanwhile ask one node for H whole histories a second, of any subjects of the\n"
        "                    load, and verify up to fifty of them; with --inquiries, every other one under "
        "an\n"
        "                    inquiry that was answered before; none unless given\n"
        "  --inquiries I     meanwhile make I new inquiries a second at the same node; none unless given\n"
        "  --followers F     meanwhile follow the same node's blocks by F connections, up to 240\n"
        "  --seconds T       submit no more after so long, up to 400\n"
        "\n"
        "OPTIONS\n"
        "  --dir DIR         work in a new folder in DIR, gone afterwards; the current folder unless given.\n"
        "                    Not on tmpfs, where syncing costs nothing\n"
        "  --keep            leave that folder behind, and say where it is\n"
        "  --seed X          another load\n"
        "  --out FILE        write the report as JSON\n"
        "  --baseline FILE   print an earlier report's figures beside these\n"
        "\n"
        "Prints, and --json and --out hold: events_per_second over the run; events_per_second_min, the\n"
        "least over any one second of it; latency_ms {p50, p99, p999, max}, of a block from the ledger's\n"
        "being given it to its checkpoint, or of a batch from submission to its answer; stall_ms, the\n"
        "longest time without any; cpu_seconds by thread (leveldb: threads without a name, which\n"
        "LevelDB's is), and by node; written_bytes to the disk, and for each byte of event on each node;\n"
        "disk_bytes by folder (storage); memory_peak_bytes; reads and inquiries (network, where asked for):\n"
        "their count, those that the node put off, latency_ms from when each was due, and of those\n"
        "verified verify_ms and the events in them; followers: the blocks that each was told at least. A\n"
        "follower that is cut or misses a block fails the run.\n",
    .run = bench_run,
};

/* ---- Options ---- */

/* A number's option, where it goes, and its range. */
struct number_option {
    const char *name;
    uint64_t least, most;
    uint64_t *wide; /* one of the two is set; it holds the default */
    uint32_t *narrow;
};

static enum tool_exit numbers_take(
    struct context *context, const struct args *args, const struct number_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct number_option *option = &options[i];
        const char *text = args_value(args, option->name);
        uint64_t number;
        if (text == NULL) continue;
        if (number_from_text(text, option->least, option->most, &number) != TALLY_OK)
            return context_fail(context, TOOL_USAGE, "USAGE", "--%s is a number from %llu to %llu, not '%s'",
                option->name, (unsigned long long)option->least, (unsigned long long)option->most, text);
        if (option->wide != NULL) *option->wide = number;
        if (option->narrow != NULL) *option->narrow = (uint32_t)number;
    }
    return TOOL_DONE;
}

static enum tool_exit storage_options(
    struct context *context, const struct args *args, struct bench_options *options)
{
    *options =
        (struct bench_options){.seed = 1, .events = 2000000, .subjects = 200000, .batch = 500, .pipeline = 3};
    const struct number_option numbers[] = {
        {"events", 1, EVENTS_MAX, &options->events, NULL},
        {"subjects", 4, LOAD_SUBJECTS_MAX, NULL, &options->subjects},
        {"batch", 1, BATCH_EVENTS_MAX, NULL, &options->batch},
        {"blocks-of", 1, BLOCK_EVENTS_MAX, NULL, &options->block},
        {"pipeline", 1, 64, NULL, &options->pipeline},
        {"rate", 1, 10000000, &options->rate, NULL},
        {"seconds", 1, 1000000, &options->seconds, NULL},
        {"subject-cache", 1, SUBJECT_CACHE_MIB_MAX, NULL, &options->subject_cache_mib},
        {"seed", 0, UINT32_MAX, &options->seed, NULL},
    };
    enum tool_exit code = numbers_take(context, args, numbers, sizeof numbers / sizeof numbers[0]);
    if (code != TOOL_DONE) return code;
    options->net = args_value(args, "net");
    if (options->block == 0)
        options->block = options->batch * (options->batch < BLOCK_EVENTS ? BLOCK_EVENTS / options->batch : 1);
    if (options->block % options->batch == 0) return TOOL_DONE;
    return context_fail(
        context, TOOL_USAGE, "USAGE", "--blocks-of is a multiple of --batch, which is %u", options->batch);
}

static enum tool_exit network_options(
    struct context *context, const struct args *args, struct bench_options *options)
{
    bool single = args_value(args, "single") != NULL;
    *options = (struct bench_options){
        .seed = 1, .subjects = 200000, .batch = single ? 1 : 500, .window = single ? 64 : 4, .validators = 4};
    const struct number_option numbers[] = {
        {"events", 1, NETWORK_EVENTS_MAX, &options->events, NULL},
        {"subjects", 1, LOAD_SUBJECTS_MAX, NULL, &options->subjects},
        {"batch", 1, BATCH_EVENTS_MAX, NULL, &options->batch},
        {"rate", 1, 10000000, &options->rate, NULL},
        {"connections", 1, CLIENTS_MAX, NULL, &options->connections},
        {"window", 1, CLIENT_WINDOW_MAX, NULL, &options->window},
        {"validators", VALIDATORS_MIN, VALIDATORS_MAX, NULL, &options->validators},
        {"reads", 1, 1000000, &options->reads, NULL},
        {"inquiries", 1, 1000000, &options->inquiries, NULL},
        {"followers", 1, FOLLOWERS_MAX, NULL, &options->followers},
        {"seconds", 1, NETWORK_SECONDS_MAX, &options->seconds, NULL},
        {"seed", 0, UINT32_MAX, &options->seed, NULL},
    };
    enum tool_exit code = numbers_take(context, args, numbers, sizeof numbers / sizeof numbers[0]);
    if (code != TOOL_DONE) return code;
    if (single && args_value(args, "batch") != NULL)
        return context_fail(context, TOOL_USAGE, "USAGE", "--single is --batch 1; give one of them");
    if (options->connections == 0) options->connections = options->validators;
    if (options->events == 0) options->events = single ? 30000 : 300000;
    if (args_value(args, "events") == NULL && options->rate != 0 && options->seconds != 0)
        options->events = options->rate * options->seconds;
    if (options->events > NETWORK_EVENTS_MAX)
        return context_fail(context, TOOL_USAGE, "USAGE", "%llu events are more than are made beforehand: %u",
            (unsigned long long)options->events, NETWORK_EVENTS_MAX);
    /* Two batches under way never hold events of one account, since they may be ordered either way round. */
    if (options->subjects / options->connections >= options->window * options->batch) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE",
        "--subjects is at least connections times window times batch: %u",
        options->connections * options->window * options->batch);
}

static const struct option_spec storage_known[] = {{"events", true}, {"subjects", true}, {"batch", true},
    {"blocks-of", true}, {"pipeline", true}, {"rate", true}, {"seconds", true}, {"subject-cache", true},
    {"net", true}, {"dir", true}, {"keep", false}, {"seed", true}, {"out", true}, {"baseline", true},
    {NULL, false}};

static const struct option_spec network_known[] = {{"events", true}, {"subjects", true}, {"batch", true},
    {"single", false}, {"rate", true}, {"connections", true}, {"window", true}, {"validators", true},
    {"reads", true}, {"inquiries", true}, {"followers", true}, {"seconds", true}, {"dir", true},
    {"keep", false}, {"seed", true}, {"out", true}, {"baseline", true}, {NULL, false}};

static const struct kind {
    const char *name;
    const struct option_spec *known;
    enum tool_exit (*options)(
        struct context *context, const struct args *args, struct bench_options *options);
    enum tool_exit (*run)(
        struct context *context, const struct bench_options *options, const char *dir, json_t **report);
} kinds[] = {
    {"storage", storage_known, storage_options, bench_storage},
    {"network", network_known, network_options, bench_network},
};

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

static enum tool_exit kind_run(struct context *context, const struct kind *kind, const struct args *args,
    const struct bench_options *options, const json_t *baseline)
{
    char folder[HOME_PATH_MAX];
    json_t *report = NULL;
    enum tool_exit code = folder_make(context, args_value(args, "dir"), folder);
    if (code != TOOL_DONE) return code;
    interrupt_catch();
    code = kind->run(context, options, folder, &report);
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
    struct bench_options options;
    char why[MESSAGE_SIZE_MAX / 2];
    const struct kind *kind = NULL;
    json_t *baseline = NULL;
    for (size_t i = 0; count > 0 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, arguments[0]) == 0) kind = &kinds[i];
    if (kind == NULL)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally bench storage|network; see: tally help bench");
    if (args_parse(kind->known, count - 1, arguments + 1, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help bench", why);
    if (args.positional_count > 0)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "what is '%s'? see: tally help bench", args.positionals[0]);
    enum tool_exit code = kind->options(context, &args, &options);
    if (code == TOOL_DONE && args_value(&args, "baseline") != NULL)
        code = report_read(context, args_value(&args, "baseline"), &baseline);
    if (code == TOOL_DONE) code = kind_run(context, kind, &args, &options, baseline);
    json_decref(baseline);
    return code;
}
