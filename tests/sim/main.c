/* tally-sim: runs of the simulator from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"

struct options {
    uint64_t from, runs;
    struct plan_wish wish;
    bool json, traced;
};

struct totals {
    uint64_t runs, violations, first_bad_seed;
    uint64_t runs_of[VALIDATORS_MAX + 1]; /* by the number of validators */
    struct counters counters;
    uint64_t trace_digest;
    uint64_t recovery_share_max; /* the longest recovery, in per mille of its bound */
};

/* The seed being run, for when the core fails a CHECK and ends the process. */
static char abort_note[80];

static void note_abort(int signal_number)
{
    (void)signal_number;
    size_t size = strlen(abort_note);
    if (write(STDERR_FILENO, abort_note, size) < 0) _exit(1);
}

static void print_usage(FILE *to)
{
    fprintf(to,
        "tally-sim: simulated runs of the consensus core, each from one seed\n"
        "  tally-sim --seed S            one run; the same seed is the same run\n"
        "  tally-sim --runs K --from S   runs S, S+1, .. S+K-1\n"
        "  --nodes N                     validators, 4 to 64; else 4 to 64 by seed\n"
        "  --observers M                 0 to 4; else by seed\n"
        "  --faults LIST                 all (default), none, or some of:\n"
        "                                %s\n"
        "  --blocks B                    batches that must be committed after the faults (default 4)\n"
        "  --json                        one object: runs, violations, first_bad_seed, ..\n"
        "  --trace                       tells each run as prose\n"
        "Exit: 0 no violation, 1 a violation (its seed is told), 2 usage.\n",
        plan_faults_text());
}

static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && *number >= low && *number <= high;
}

static bool parse_one(int option, const char *value, struct options *options)
{
    uint64_t number = 0;
    bool good = true;
    switch (option) {
    case 's':
    case 'f':
        good = parse_number(value, 0, UINT64_MAX, &number);
        options->from = number;
        return good;
    case 'r':
        return parse_number(value, 1, 1u << 30, &options->runs);
    case 'n':
        good = parse_number(value, VALIDATORS_MIN, VALIDATORS_MAX, &number);
        options->wish.validators = (uint32_t)number;
        return good;
    case 'o':
        good = parse_number(value, 0, OBSERVERS_SIMULATED_MAX, &number);
        options->wish.observers = (uint32_t)number;
        return good;
    case 'b':
        good = parse_number(value, 1, 500, &number);
        options->wish.blocks = (uint32_t)number;
        return good;
    case 'F':
        return plan_faults_parse(value, &options->wish.faults);
    case 'j':
        options->json = true;
        return true;
    case 't':
        options->traced = true;
        return true;
    }
    return false;
}

/* 0 to run, else the exit code plus 1. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
        {"from", required_argument, NULL, 'f'}, {"runs", required_argument, NULL, 'r'},
        {"nodes", required_argument, NULL, 'n'}, {"observers", required_argument, NULL, 'o'},
        {"blocks", required_argument, NULL, 'b'}, {"faults", required_argument, NULL, 'F'},
        {"json", no_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;
    bool asked = false;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            print_usage(stdout);
            return 1;
        }
        asked |= option == 's' || option == 'r';
        if (option == '?') return 3;
        if (!parse_one(option, optarg, options)) {
            fprintf(stderr, "tally-sim: %s is not a value that this option takes; see --help\n", optarg);
            return 3;
        }
    }
    if (!asked || optind < argc) {
        fprintf(stderr, "tally-sim: --seed S or --runs K --from S is needed; see --help\n");
        return 3;
    }
    return 0;
}

static void counters_add(struct counters *total, const struct counters *run)
{
    total->blocks += run->blocks;
    total->crashes += run->crashes;
    total->restarts += run->restarts;
    total->partitions += run->partitions;
    total->messages += run->messages;
    total->lost += run->lost;
    total->events += run->events;
    total->double_proposals += run->double_proposals;
    total->double_votes += run->double_votes;
    total->evidence += run->evidence;
    total->tails_torn += run->tails_torn;
    total->records_lost += run->records_lost;
    total->disk_errors += run->disk_errors;
}

static void totals_add(struct totals *totals, const struct plan *plan, const struct verdict *verdict)
{
    totals->runs++;
    totals->runs_of[plan->validators]++;
    counters_add(&totals->counters, &verdict->counters);
    totals->trace_digest = dice_scatter(totals->trace_digest ^ verdict->trace_digest);
    if (verdict->recovery_bound_ms > 0) {
        uint64_t share = verdict->recovery_ms * 1000 / verdict->recovery_bound_ms;
        if (share > totals->recovery_share_max) totals->recovery_share_max = share;
    }
    if (verdict->violation[0] == '\0') return;
    if (totals->violations++ == 0) totals->first_bad_seed = plan->seed;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_all(const struct options *options, struct totals *totals)
{
    double told = seconds_now();
    for (uint64_t i = 0; i < options->runs; i++) {
        uint64_t seed = options->from + i;
        struct plan plan;
        struct verdict verdict;
        snprintf(abort_note, sizeof abort_note, "tally-sim: the core failed in seed %" PRIu64 "\n", seed);
        plan_draw(seed, &options->wish, &plan);
        world_run(&plan, options->traced, &verdict);
        totals_add(totals, &plan, &verdict);
        if (verdict.violation[0] != '\0')
            fprintf(stderr, "seed %" PRIu64 " (n=%u, %u liars): %s\n", seed, plan.validators, plan.liars,
                verdict.violation);
        if (seconds_now() - told < 5) continue;
        told = seconds_now();
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " runs, %" PRIu64 " violations\n", i + 1, options->runs,
            totals->violations);
    }
}

/* "4": 12, "7": 3: how many runs were of which size. */
static void print_sizes(const struct totals *totals, const char *quote)
{
    const char *between = "";
    for (uint32_t n = 0; n <= VALIDATORS_MAX; n++) {
        if (totals->runs_of[n] == 0) continue;
        printf("%s%s%u%s: %" PRIu64, between, quote, n, quote, totals->runs_of[n]);
        between = ", ";
    }
}

static void print_json(const struct totals *totals, double seconds)
{
    const struct counters *counters = &totals->counters;
    char seed[24] = "null";
    if (totals->violations > 0) snprintf(seed, sizeof seed, "%" PRIu64, totals->first_bad_seed);
    printf("{\"runs\": %" PRIu64 ", \"violations\": %" PRIu64 ", \"first_bad_seed\": %s, \"sizes\": {",
        totals->runs, totals->violations, seed);
    print_sizes(totals, "\"");
    printf("}, \"blocks\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"events\": %" PRIu64,
        counters->blocks, counters->messages, counters->lost, counters->events);
    printf(", \"crashes\": %" PRIu64 ", \"restarts\": %" PRIu64 ", \"partitions\": %" PRIu64,
        counters->crashes, counters->restarts, counters->partitions);
    printf(", \"tails_torn\": %" PRIu64 ", \"records_lost\": %" PRIu64 ", \"disk_errors\": %" PRIu64,
        counters->tails_torn, counters->records_lost, counters->disk_errors);
    printf(", \"double_proposals\": %" PRIu64 ", \"double_votes\": %" PRIu64 ", \"evidence\": %" PRIu64,
        counters->double_proposals, counters->double_votes, counters->evidence);
    printf(", \"recovery_share_max\": %.3f, \"trace_digest\": \"%016" PRIx64 "\", \"seconds\": %.2f}\n",
        (double)totals->recovery_share_max / 1000, totals->trace_digest, seconds);
}

static void print_prose(const struct totals *totals, double seconds)
{
    const struct counters *counters = &totals->counters;
    printf("%" PRIu64 " runs in %.1f s (%.0f a second), %" PRIu64 " violations\n", totals->runs, seconds,
        (double)totals->runs / seconds, totals->violations);
    if (totals->violations > 0) printf("first bad seed: %" PRIu64 "\n", totals->first_bad_seed);
    printf("runs by number of validators: ");
    print_sizes(totals, "");
    printf("\n%" PRIu64 " blocks, %" PRIu64 " messages (%" PRIu64 " lost), %" PRIu64 " crashes, %" PRIu64
           " restarts, %" PRIu64 " partitions\n",
        counters->blocks, counters->messages, counters->lost, counters->crashes, counters->restarts,
        counters->partitions);
    printf("%" PRIu64 " torn tails of vote records, %" PRIu64 " records lost, %" PRIu64
           " processes ended by their disks\n",
        counters->tails_torn, counters->records_lost, counters->disk_errors);
    printf("views in which a liar said two things: %" PRIu64 " by proposals, %" PRIu64 " by votes; %" PRIu64
           " pieces of evidence held\n",
        counters->double_proposals, counters->double_votes, counters->evidence);
    printf("slowest recovery: %.1f %% of its bound; trace %016" PRIx64 "\n",
        (double)totals->recovery_share_max / 10, totals->trace_digest);
}

int main(int argc, char **argv)
{
    struct options options = {.runs = 1, .wish = {.observers = UINT32_MAX, .faults = FAULTS_ALL}};
    struct totals totals = {0};
    int parsed = parse_options(argc, argv, &options);
    if (parsed != 0) return parsed - 1;
    signal(SIGABRT, note_abort);
    /* A core's memory is large and hardly touched: taken as fresh pages it need not be cleared first. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    double start = seconds_now();
    run_all(&options, &totals);
    double seconds = seconds_now() - start;
    if (options.json)
        print_json(&totals, seconds);
    else
        print_prose(&totals, seconds);
    return totals.violations > 0 ? 1 : 0;
}
