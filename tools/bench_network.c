#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "tools/bench.h"
#include "tools/bench_beside.h"
#include "tools/bench_client.h"
#include "tools/bench_report.h"
#include "tools/bench_usage.h"
#include "tools/devnet.h"
#include "tools/devnet_watch.h"
#include "tools/interrupt.h"
#include "tools/node_status.h"
#include "tools/output.h"
#include "tools/policies/profile.h"

#define LOOK_MS 5
#define SHOW_EVERY 40 /* looks between two lines of progress */
#define APPLIED_MS_MAX 60000u

struct network_run {
    struct context *context;
    const struct bench_options *options;
    struct devnet devnet;
    struct secret_key *signing; /* of the members that have a validator */
    pthread_barrier_t ready, start;
    uint64_t start_ns;
    atomic_bool stop;
    uint32_t client_count;
    struct bench_client *clients;
    struct bench_beside *beside;              /* who reads meanwhile */
    struct usage *before, *after;             /* of each node */
    double clients_before_s, clients_after_s; /* CPU of this process */
    struct node_status *status;
    uint64_t events, batches, retries, event_bytes, height;
    double seconds,
        load_s; /* from the first submission until every node has applied all; of making the load */
};

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
}

static enum tool_exit out_of_memory(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

/* ---- Clients: one member's each, in turn ---- */

static enum tool_exit client_plan(struct network_run *run, uint32_t index)
{
    const struct bench_options *options = run->options;
    struct client_plan *plan = &run->clients[index].plan;
    uint32_t members = run->devnet.genesis->validator_count, count = run->client_count;
    plan->load = (struct load_plan){
        .chain_id = run->devnet.genesis->chain_id,
        .seed = options->seed * CLIENTS_MAX + index,
        .subjects = options->subjects / count * members,
        .members = members,
        .signing = run->signing,
    };
    plan->member = index % members;
    plan->batch_events = options->batch;
    plan->window = options->window;
    plan->seconds_max = options->seconds;
    uint64_t batches = (options->events + options->batch - 1) / options->batch;
    uint64_t own = batches / count + (index < batches % count);
    plan->events = own * options->batch;
    if (options->rate != 0) {
        plan->interval_ns = UINT64_C(1000000000) * options->batch * count / options->rate;
        plan->first_ns = plan->interval_ns * index / count;
    }
    return home_open(run->context, run->devnet.nodes[plan->member].home, &plan->home);
}

static enum tool_exit signing_read(struct network_run *run)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < run->devnet.genesis->validator_count; i++) {
        struct home home;
        code = home_open(run->context, run->devnet.nodes[i].home, &home);
        if (code == TOOL_DONE) code = home_key(run->context, &home, "signing.key", run->signing[i].bytes);
    }
    return code;
}

static enum tool_exit clients_start(struct network_run *run)
{
    enum tool_exit code = signing_read(run);
    for (uint32_t i = 0; code == TOOL_DONE && i < run->client_count; i++) {
        code = client_plan(run, i);
        run->clients[i].ready = &run->ready;
        run->clients[i].start = &run->start;
        run->clients[i].start_ns = &run->start_ns;
        run->clients[i].stop = &run->stop;
    }
    if (code == TOOL_DONE)
        code = beside_plan(run->context, run->beside, run->options, run->devnet.nodes[0].home, run->clients,
            run->client_count);
    if (code != TOOL_DONE) return code;
    const struct bench_meeting meeting = {&run->ready, &run->start, &run->start_ns, &run->stop};
    uint32_t threads = run->client_count + beside_threads(run->beside) + 1;
    CHECK(pthread_barrier_init(&run->ready, NULL, threads) == 0);
    CHECK(pthread_barrier_init(&run->start, NULL, threads) == 0);
    for (uint32_t i = 0; i < run->client_count; i++)
        CHECK(bench_client_start(&run->clients[i]) == TALLY_OK);
    beside_start(run->beside, &meeting);
    return TOOL_DONE;
}

/* Whoever reads goes on for as long as clients submit. `code` is what became of those: the first trouble is
 * the one that is told. */
static enum tool_exit reading_end(struct network_run *run, enum tool_exit code)
{
    struct context reading = *run->context;
    atomic_store(&run->stop, true);
    enum tool_exit own = beside_end(&reading, run->beside);
    if (code != TOOL_DONE || own == TOOL_DONE) return code;
    *run->context = reading;
    return own;
}

/* The first client that failed, on its own account, tells why. */
static enum tool_exit clients_end(struct network_run *run)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; i < run->client_count; i++) {
        struct bench_client *client = &run->clients[i];
        bench_client_join(client);
        run->retries += client->retries;
        run->event_bytes += client->event_bytes;
        run->events += atomic_load(&client->events);
        run->batches += client->answer_count;
        if (code == TOOL_DONE && client->code != TOOL_DONE) {
            code = client->code;
            memcpy(run->context->reason, client->context.reason, sizeof run->context->reason);
            memcpy(run->context->message, client->context.message, sizeof run->context->message);
        }
    }
    code = reading_end(run, code);
    pthread_barrier_destroy(&run->ready);
    pthread_barrier_destroy(&run->start);
    return interrupt_came() ? interrupt_fail(run->context) : code;
}

static void clients_watch(const struct network_run *run)
{
    for (uint32_t look = 0, ended = 0; ended < run->client_count; look++) {
        unsigned long long events = 0;
        ended = 0;
        for (uint32_t i = 0; i < run->client_count; i++) {
            events += atomic_load(&run->clients[i].events);
            ended += atomic_load(&run->clients[i].ended);
        }
        double seconds = (double)(bench_now_ns() - run->start_ns) / 1e9;
        if (look % SHOW_EVERY == 0)
            progress_show("%.0f s: %llu of %llu events, %.0f a second", seconds, events,
                (unsigned long long)run->options->events, (double)events / seconds);
        pause_ms(LOOK_MS);
    }
    progress_end();
}

/* ---- Nodes ---- */

static enum tool_exit usages_read(struct network_run *run, struct usage *usages)
{
    for (uint32_t i = 0; i < run->devnet.node_count; i++) {
        const struct devnet_node *node = &run->devnet.nodes[i];
        pid_t pid = devnet_node_pid(node);
        if (pid == 0 || usage_read(pid, &usages[i]) != TALLY_OK)
            return context_fail(run->context, TOOL_UNREACHABLE, "NODE_ENDED", "%s has ended", node->name);
    }
    return TOOL_DONE;
}

/* The clients' threads have ended when they are asked after, so the process is. */
static double clients_cpu_s(void)
{
    struct timespec used;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Waits until the node has applied all that was submitted, inquiries among it. */
static enum tool_exit applied_wait(struct network_run *run, const struct devnet_node *node)
{
    struct home home;
    struct remote remote;
    enum tool_exit code = home_open(run->context, node->home, &home);
    if (code == TOOL_DONE) code = remote_open(run->context, &home, &remote);
    if (code != TOOL_DONE) return code;
    uint64_t until_ms = clock_steady_ms() + APPLIED_MS_MAX, least, most;
    beside_events(run->beside, &least, &most);
    least += run->events;
    most += run->events;
    while (code == TOOL_DONE) {
        code = node_status_ask(run->context, &remote, run->status);
        if (code == TOOL_DONE && run->status->events >= least) break;
        if (code == TOOL_DONE && clock_steady_ms() > until_ms)
            code = context_fail(run->context, TOOL_REFUSED, "BEHIND", "%s has applied %llu of %llu events",
                node->name, (unsigned long long)run->status->events, (unsigned long long)least);
        pause_ms(LOOK_MS);
    }
    remote_close(&remote);
    if (code != TOOL_DONE || run->status->events <= most) return code;
    return context_fail(run->context, TOOL_REFUSED, "RESULT", "%s has %llu events, and %llu were submitted",
        node->name, (unsigned long long)run->status->events, (unsigned long long)most);
}

static enum tool_exit load_run(struct network_run *run)
{
    uint64_t made_ns = bench_now_ns();
    enum tool_exit code = clients_start(run);
    if (code != TOOL_DONE) return code;
    progress_show("making the load: %llu events", (unsigned long long)run->options->events);
    pthread_barrier_wait(&run->ready);
    run->load_s = (double)(bench_now_ns() - made_ns) / 1e9;
    enum tool_exit usage_code = usages_read(run, run->before);
    run->clients_before_s = clients_cpu_s();
    run->start_ns = bench_now_ns();
    pthread_barrier_wait(&run->start);
    clients_watch(run);
    code = clients_end(run);
    run->clients_after_s = clients_cpu_s();
    if (code == TOOL_DONE) code = usage_code;
    for (uint32_t i = 0; code == TOOL_DONE && i < run->devnet.node_count; i++)
        code = applied_wait(run, &run->devnet.nodes[i]);
    run->seconds = (double)(bench_now_ns() - run->start_ns) / 1e9;
    if (code == TOOL_DONE) code = usages_read(run, run->after);
    if (code == TOOL_DONE) run->height = run->status->applied_height;
    return code;
}

/* ---- The report ---- */

static int by_moment(const void *a, const void *b)
{
    const struct report_moment *first = a, *second = b;
    return (first->at_ns > second->at_ns) - (first->at_ns < second->at_ns);
}

static void figures_add(const struct network_run *run, json_t *report)
{
    uint64_t *latencies = calloc(run->batches + 1, sizeof *latencies);
    struct report_moment *moments = calloc(run->batches + 1, sizeof *moments);
    CHECK(latencies != NULL && moments != NULL);
    size_t count = 0;
    for (uint32_t i = 0; i < run->client_count; i++)
        for (size_t j = 0; j < run->clients[i].answer_count; j++, count++) {
            const struct client_answer *answer = &run->clients[i].answers[j];
            latencies[count] = answer->latency_ns;
            moments[count] = (struct report_moment){answer->at_ns, answer->events};
        }
    CHECK(count == run->batches);
    qsort(moments, count, sizeof *moments, by_moment);
    double least = report_rate_min(moments, count);
    json_object_set_new(report, "events_per_second", json_real((double)run->events / run->seconds));
    json_object_set_new(report, "events_per_second_min", least < 0 ? json_null() : json_real(least));
    json_object_set_new(report, "latency_ms", report_latency(latencies, count));
    json_object_set_new(report, "stall_ms", json_real((double)report_gap_max(moments, count) / 1e6));
    free(latencies);
    free(moments);
}

/* By node, and in all: cpu_seconds, written_bytes, memory. */
static void usage_add(const struct network_run *run, json_t *report)
{
    uint32_t nodes = run->devnet.node_count;
    uint64_t written = 0;
    json_t *cpu = json_object(), *memory = json_object(), *peak = json_object(), *bytes = json_object();
    for (uint32_t i = 0; i < nodes; i++) {
        const char *name = run->devnet.nodes[i].name;
        uint64_t more = run->after[i].written_bytes - run->before[i].written_bytes;
        written += more;
        json_object_set_new(cpu, name, usage_cpu(&run->before[i], &run->after[i]));
        json_object_set_new(memory, name, json_integer((json_int_t)run->after[i].memory_bytes));
        json_object_set_new(peak, name, json_integer((json_int_t)run->after[i].memory_peak_bytes));
        json_object_set_new(bytes, name, json_integer((json_int_t)more));
    }
    json_object_set_new(cpu, "clients", json_real(run->clients_after_s - run->clients_before_s));
    json_object_set_new(report, "cpu_seconds", cpu);
    json_object_set_new(report, "event_bytes", json_integer((json_int_t)run->event_bytes));
    json_object_set_new(report, "written_bytes", bytes);
    double each = (double)written / nodes;
    json_object_set_new(report, "written_per_event_byte",
        run->event_bytes == 0 ? json_null() : json_real(each / (double)run->event_bytes));
    json_object_set_new(report, "memory_bytes", memory);
    json_object_set_new(report, "memory_peak_bytes", peak);
}

static json_t *report_make(struct network_run *run, json_t *machine)
{
    const struct bench_options *options = run->options;
    json_t *settings = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seed",
        (json_int_t)options->seed, "events", (json_int_t)options->events, "subjects",
        (json_int_t)options->subjects, "validators", (json_int_t)options->validators, "batch",
        (json_int_t)options->batch, "connections", (json_int_t)options->connections, "window",
        (json_int_t)options->window, "rate", (json_int_t)options->rate, "reads", (json_int_t)options->reads,
        "inquiries", (json_int_t)options->inquiries, "followers", (json_int_t)options->followers);
    json_t *report = json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:f}", "bench", "network", "settings",
        settings, "machine", machine, "events", (json_int_t)run->events, "batches", (json_int_t)run->batches,
        "blocks", (json_int_t)run->height, "retries", (json_int_t)run->retries, "seconds", run->seconds);
    figures_add(run, report);
    usage_add(run, report);
    beside_report(run->beside, report);
    json_object_set_new(report, "load_seconds", json_real(run->load_s));
    return report;
}

/* ---- The run ---- */

static enum tool_exit network_start(struct network_run *run, const char *dir)
{
    struct devnet_plan plan = {.validators = run->options->validators, .observers = 0, .open_reads = true};
    CHECK(policy_profile("dev", &plan.policy) == TALLY_OK);
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(run->context, dir, "net", path);
    if (code == TOOL_DONE) code = devnet_make(run->context, path, &plan);
    if (code == TOOL_DONE) code = devnet_open(run->context, path, &run->devnet);
    if (code == TOOL_DONE) code = devnet_start_all(run->context, &run->devnet);
    return code == TOOL_DONE && interrupt_came() ? interrupt_fail(run->context) : code;
}

/* However the run ended, no daemon stays; that it failed is told before that one does not end. */
static enum tool_exit network_stop(struct network_run *run, enum tool_exit code)
{
    struct context stopping = *run->context;
    if (run->devnet.nodes == NULL) return code;
    enum tool_exit stopped = devnet_nodes_stop(&stopping, run->devnet.nodes, run->devnet.node_count);
    if (code != TOOL_DONE || stopped == TOOL_DONE) return code;
    *run->context = stopping;
    return stopped;
}

static bool run_open(struct network_run *run)
{
    uint32_t nodes = run->options->validators;
    run->client_count = run->options->connections;
    run->clients = calloc(run->client_count, sizeof *run->clients);
    run->signing = calloc(nodes, sizeof *run->signing);
    run->before = calloc(nodes, sizeof *run->before);
    run->after = calloc(nodes, sizeof *run->after);
    run->status = calloc(1, sizeof *run->status);
    run->beside = calloc(1, sizeof *run->beside);
    return run->clients != NULL && run->signing != NULL && run->before != NULL && run->after != NULL &&
           run->status != NULL && run->beside != NULL;
}

static void run_close(struct network_run *run)
{
    for (uint32_t i = 0; run->clients != NULL && i < run->client_count; i++)
        bench_client_close(&run->clients[i]);
    free(run->clients);
    if (run->beside != NULL) beside_close(run->beside);
    free(run->beside);
    if (run->signing != NULL) explicit_bzero(run->signing, run->options->validators * sizeof *run->signing);
    free(run->signing);
    free(run->before);
    free(run->after);
    free(run->status);
    devnet_close(&run->devnet);
}

enum tool_exit bench_network(
    struct context *context, const struct bench_options *options, const char *dir, json_t **report)
{
    struct network_run run = {.context = context, .options = options};
    json_t *machine = machine_describe(dir);
    enum tool_exit code = run_open(&run) ? network_start(&run, dir) : out_of_memory(context);
    if (code == TOOL_DONE) code = load_run(&run);
    code = network_stop(&run, code);
    if (code == TOOL_DONE) *report = report_make(&run, json_incref(machine));
    json_decref(machine);
    run_close(&run);
    return code;
}
