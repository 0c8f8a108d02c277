/* tally-sim: runs of the simulator from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/full.h"
#include "tests/sim/totals.h"

struct options {
    uint64_t from, runs;
    struct plan_wish wish;
    bool json, traced;
};

/* The seed being run, for when the core fails a CHECK and ends the process. */
static char abort_note[80];

static void note_abort(int signal_number)
{
    (void)signal_number;
    size_t size = strlen(abort_note);
    full_scratch_abandon();
    _exit(write(STDERR_FILENO, abort_note, size) == (ssize_t)size ? 1 : 3);
}

static void on_interrupt(int signal_number)
{
    full_scratch_abandon();
    _exit(128 + signal_number);
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
        "  --liars N|forking             this many validators lie; more than f part the honest and fork the\n"
        "                                chain, and the forks are given to blame; forking: enough, by seed\n"
        "  --twins                       short runs of one validator that runs twice, with the hearers of\n"
        "                                each view drawn (4 validators unless told)\n"
        "  --full                        with real batches, and the ledger, credit rules and state that "
        "ship;\n"
        "                              validator sets do not change then\n"
        "  --json                        one object: runs, violations, first_bad_seed, ..\n"
        "  --trace                       tells each run as prose\n"
        "Once faults stop, each new batch must be finalized by every honest replica within\n"
        "  (l + 3) * 6 T + (l + 2) * 4 * max(2 T, 1 s) + 2 s\n"
        "where l validators lie or have lost their disk, and T is the longest timeout anybody had reached, "
        "or\n"
        "4 D in calm; with the fault slow, in which timers must first grow, T is at least eight times the\n"
        "delay, and 9 (f + 1) T more are given. How much of it was used at most is told at the end.\n"
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
    case 'l':
        options->wish.liars = LIARS_FORKING;
        if (strcmp(value, "forking") == 0) return true;
        good = parse_number(value, 0, VALIDATORS_MAX - 2, &number);
        options->wish.liars = (uint32_t)number;
        return good;
    case 'T':
        options->wish.twins = true;
        return true;
    case 'F':
        return plan_faults_parse(value, &options->wish.faults);
    case 'u':
        options->wish.full = true;
        return true;
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
        {"blocks", required_argument, NULL, 'b'}, {"liars", required_argument, NULL, 'l'},
        {"twins", no_argument, NULL, 'T'}, {"faults", required_argument, NULL, 'F'},
        {"json", no_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'}, {"full", no_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
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

int main(int argc, char **argv)
{
    struct options options = {
        .runs = 1, .wish = {.observers = UINT32_MAX, .faults = FAULTS_ALL, .liars = UINT32_MAX}};
    struct totals totals = {0};
    int parsed = parse_options(argc, argv, &options);
    if (parsed != 0) return parsed - 1;
    signal(SIGABRT, note_abort);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    /* A core's memory is large and hardly touched: taken as fresh pages it need not be cleared first. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    double start = seconds_now();
    run_all(&options, &totals);
    double seconds = seconds_now() - start;
    if (options.json)
        totals_print_json(&totals, seconds);
    else
        totals_print(&totals, seconds);
    return totals.violations > 0 ? 1 : 0;
}
