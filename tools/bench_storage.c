#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tools/bench.h"
#include "tools/bench_path.h"
#include "tools/bench_report.h"
#include "tools/bench_usage.h"
#include "tools/devnet.h"
#include "tools/home.h"
#include "tools/interrupt.h"
#include "tools/output.h"

/* One run: the network it makes believe in, what it measured. */
struct storage_run {
    struct context *context;
    const struct bench_options *options;
    struct chain chain;
    struct chain_plan plan;
    char data[HOME_PATH_MAX], load_path[HOME_PATH_MAX];
    int load;
    double load_s;
    struct path_result result;
    struct usage before, after, closed;
    json_t *figures; /* what must be computed while the path is open */
};

/* ---- Whose blocks they are ---- */

static enum tool_exit keys_read(struct storage_run *run, const struct devnet *devnet,
    struct secret_key nodes[CHAIN_VALIDATORS], struct secret_key signing[CHAIN_VALIDATORS])
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < CHAIN_VALIDATORS; i++) {
        struct home home;
        code = home_open(run->context, devnet->nodes[i].home, &home);
        if (code == TOOL_DONE) code = home_key(run->context, &home, "node.key", nodes[i].bytes);
        if (code == TOOL_DONE) code = home_key(run->context, &home, "signing.key", signing[i].bytes);
    }
    return code;
}

static enum tool_exit chain_of_network(struct storage_run *run)
{
    struct devnet devnet;
    struct secret_key nodes[CHAIN_VALIDATORS], signing[CHAIN_VALIDATORS];
    enum tool_exit code = devnet_open(run->context, run->options->net, &devnet);
    if (code == TOOL_DONE && devnet.genesis->validator_count != CHAIN_VALIDATORS)
        code = context_fail(run->context, TOOL_USAGE, "USAGE", "the network in %s has not %u validators",
            run->options->net, CHAIN_VALIDATORS);
    if (code == TOOL_DONE) code = keys_read(run, &devnet, nodes, signing);
    if (code == TOOL_DONE)
        CHECK(
            chain_init_network(run->options->seed, devnet.genesis, nodes, signing, &run->chain) == TALLY_OK);
    explicit_bzero(nodes, sizeof nodes);
    explicit_bzero(signing, sizeof signing);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit chain_make(struct storage_run *run)
{
    if (run->options->net != NULL) return chain_of_network(run);
    chain_init(run->options->seed, &run->chain);
    return TOOL_DONE;
}

/* ---- Making the load: in a process of its own, so that neither its memory nor its writes are the node's
 * ---- */

static bool load_go_on(void *context, uint64_t events)
{
    const struct storage_run *run = context;
    progress_show("making the load: %llu of %llu events", (unsigned long long)events,
        (unsigned long long)run->plan.events);
    return !interrupt_came();
}

/* The exit code is the error, sign changed. It ends with its parent, and when its parent is told to. */
static int load_process(struct storage_run *run)
{
    pid_t child = fork();
    if (child < 0) return TALLY_ENOMEM;
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(-chain_write(&run->chain, &run->plan, run->load, load_go_on, run));
    }
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return TALLY_EIO;
        if (interrupt_came()) (void)kill(child, SIGKILL);
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : TALLY_ECLOSED;
}

static enum tool_exit load_make(struct storage_run *run)
{
    uint64_t start_ms = clock_steady_ms();
    run->load = open(run->load_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (run->load < 0)
        return context_fail(
            run->context, TOOL_REFUSED, "FILE", "cannot make %s: %s", run->load_path, strerror(errno));
    int error = load_process(run);
    progress_end();
    run->load_s = (double)(clock_steady_ms() - start_ms) / 1000;
    if (interrupt_came()) return interrupt_fail(run->context);
    if (error == TALLY_ELIMIT)
        return context_fail(run->context, TOOL_REFUSED, "LIMIT",
            "so many events do not fit the files of %u subjects, or a block of %u events is too large",
            run->plan.subjects, run->plan.block_events);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(run->context, TOOL_REFUSED, "LOAD", "the load cannot be made in %s: %s",
        run->load_path, tally_error_text(error));
}

/* ---- Running ---- */

static bool path_go_on(void *context, uint64_t events, uint64_t elapsed_ns)
{
    const struct storage_run *run = context;
    double seconds = (double)elapsed_ns / 1e9;
    progress_show("%.0f s: %llu of %llu events, %.0f a second", seconds, (unsigned long long)events,
        (unsigned long long)run->plan.events, (double)events / seconds);
    return !interrupt_came();
}

/* What came of the run against what went in: a benchmark of a node that loses or refuses is none. */
static enum tool_exit result_check(const struct storage_run *run)
{
    const struct path_result *result = &run->result;
    bool whole = result->events == run->plan.events || run->options->seconds != 0;
    if (result->refused == 0 && whole && result->state_applied == result->events &&
        result->certified == result->blocks)
        return TOOL_DONE;
    return context_fail(run->context, TOOL_REFUSED, "RESULT",
        "of %llu events in %llu blocks, %llu were refused, %llu are in the state, and blocks are certified "
        "to %llu",
        (unsigned long long)result->events, (unsigned long long)result->blocks,
        (unsigned long long)result->refused, (unsigned long long)result->state_applied,
        (unsigned long long)result->certified);
}

static json_t *figures_of(const struct path_result *result)
{
    uint64_t *latencies = calloc(result->blocks + 1, sizeof *latencies);
    struct report_moment *moments = calloc(result->blocks + 1, sizeof *moments);
    json_t *figures = NULL;
    if (latencies == NULL || moments == NULL) goto done;
    for (uint64_t i = 0; i < result->blocks; i++) {
        const struct path_block_time *time = &result->times[i];
        latencies[i] = time->applied_ns - time->handed_ns;
        moments[i] = (struct report_moment){time->applied_ns, time->events};
    }
    double seconds = result->blocks == 0 ? 0 : (double)moments[result->blocks - 1].at_ns / 1e9;
    double least = report_rate_min(moments, result->blocks);
    figures = json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:f}", "events", (json_int_t)result->events,
        "blocks", (json_int_t)result->blocks, "refused", (json_int_t)result->refused, "subjects",
        (json_int_t)result->state_subjects, "seconds", seconds, "events_per_second",
        seconds > 0 ? (double)result->events / seconds : 0, "events_per_second_min",
        least < 0 ? json_null() : json_real(least), "latency_ms", report_latency(latencies, result->blocks),
        "stall_ms", (double)report_gap_max(moments, result->blocks) / 1e6);
done:
    free(latencies);
    free(moments);
    return figures;
}

static enum tool_exit path_measure(struct storage_run *run)
{
    struct path_options options = {
        .data_dir = run->data,
        .chain = &run->chain,
        .load = run->load,
        .blocks = chain_blocks(&run->plan),
        .pipeline = run->options->pipeline,
        .subject_cache_size = (size_t)run->options->subject_cache_mib * MIB,
        .rate = run->options->rate,
        .seconds_max = run->options->seconds,
        .go_on = path_go_on,
        .context = run,
    };
    struct path *path = NULL;
    char why[MESSAGE_SIZE_MAX / 2];
    int error = path_open(&options, &path, why, sizeof why);
    if (error == TALLY_OK) error = usage_read(getpid(), &run->before);
    if (error == TALLY_OK) error = path_run(path, &run->result, why, sizeof why);
    progress_end();
    if (error == TALLY_OK) error = usage_read(getpid(), &run->after);
    if (error == TALLY_OK) run->figures = figures_of(&run->result);
    path_close(path);
    if (interrupt_came()) return interrupt_fail(run->context);
    if (error == TALLY_OK) error = usage_read(getpid(), &run->closed);
    if (error != TALLY_OK) return context_fail(run->context, TOOL_REFUSED, "NODE", "%s", why);
    return result_check(run);
}

/* ---- The report ---- */

static json_t *settings_of(const struct storage_run *run)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seed", (json_int_t)run->chain.seed, "events",
        (json_int_t)run->plan.events, "subjects", (json_int_t)run->plan.subjects, "batch",
        (json_int_t)run->plan.batch_events, "block", (json_int_t)run->plan.block_events, "pipeline",
        (json_int_t)run->options->pipeline, "rate", (json_int_t)run->options->rate);
}

static json_t *disk_of(const struct storage_run *run)
{
    static const char *const folders[] = {"ledger", "bodies", "state"};
    json_t *disk = json_object();
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[HOME_PATH_MAX + 16];
        snprintf(path, sizeof path, "%s/%s", run->data, folders[i]);
        json_object_set_new(disk, folders[i], json_integer((json_int_t)folder_bytes(path)));
    }
    return disk;
}

static json_t *report_make(const struct storage_run *run, json_t *machine)
{
    uint64_t written = run->closed.written_bytes - run->before.written_bytes, bytes = run->result.event_bytes;
    json_t *report =
        json_pack("{s:s, s:o, s:o}", "bench", "storage", "settings", settings_of(run), "machine", machine);
    json_object_update(report, run->figures);
    json_object_set_new(report, "cpu_seconds", usage_cpu(&run->before, &run->after));
    json_object_set_new(report, "event_bytes", json_integer((json_int_t)bytes));
    json_object_set_new(report, "written_bytes", json_integer((json_int_t)written));
    json_object_set_new(report, "written_per_event_byte",
        bytes == 0 ? json_null() : json_real((double)written / (double)bytes));
    json_object_set_new(report, "disk_bytes", disk_of(run));
    json_object_set_new(report, "memory_peak_bytes", json_integer((json_int_t)run->closed.memory_peak_bytes));
    json_object_set_new(report, "load_seconds", json_real(run->load_s));
    return report;
}

enum tool_exit bench_storage(
    struct context *context, const struct bench_options *options, const char *dir, json_t **report)
{
    struct storage_run *run = calloc(1, sizeof *run);
    if (run == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    run->context = context;
    run->options = options;
    run->load = -1;
    run->plan = (struct chain_plan){options->subjects, options->events, options->batch, options->block};
    json_t *machine = machine_describe(dir);
    enum tool_exit code = chain_make(run);
    if (code == TOOL_DONE) code = path_join(context, dir, "data", run->data);
    if (code == TOOL_DONE) code = path_join(context, dir, "load", run->load_path);
    if (code == TOOL_DONE && mkdir(run->data, 0700) != 0)
        code = context_fail(context, TOOL_REFUSED, "FILE", "cannot make %s: %s", run->data, strerror(errno));
    if (code == TOOL_DONE) code = load_make(run);
    if (code == TOOL_DONE) code = path_measure(run);
    if (code == TOOL_DONE) *report = report_make(run, json_incref(machine));
    if (run->load >= 0) close(run->load);
    json_decref(run->figures);
    json_decref(machine);
    explicit_bzero(&run->chain, sizeof run->chain);
    free(run);
    return code;
}
