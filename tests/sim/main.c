/* tally-sim: runs of the simulator from the command line. */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/full.h"
#include "tests/sim/options.h"
#include "tests/sim/totals.h"

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

static void print_usage(void)
{
    printf(
        "tally-sim: simulated runs of the consensus core, each from one seed\n"
        "  tally-sim --seed S            one run; the same seed is the same run\n"
        "  tally-sim --runs K --from S   runs S, S+1, .. S+K-1\n"
        "  --nodes N                     validators, 4 to 64; else 4 to 64 by seed\n"
        "  --observers M                 0 to 4; else by seed\n"
        "  --faults LIST                 all (default), none, or some of:\n"
        "                                %s\n"
        "  --blocks B                    batches that must be committed after the faults (default 4)\n"
        "  --liars N|forking             so many validators lie, and two at least do not; more than f part\n"
        "                                the honest and fork the chain, and the forks are given to blame;\n"
        "                                forking: enough, by seed\n"
        "  --twins                       short runs of one validator that runs twice, with the hearers of\n"
        "                                each view drawn (4 validators unless told)\n"
        "  --full                        with real batches, and the ledger, credit rules and state that\n"
        "                                ship; validator sets do not change then\n"
        "  --json                        one object: runs, violations, first_bad_seed, ..\n"
        "  --trace                       tells each run as prose\n"
        "Options that contradict each other are refused.\n"
        "Once faults stop, each new batch must be finalized by every honest replica within\n"
        "  (l + 3) * 6 T + (l + 2) * 4 * max(2 T, 1 s) + 2 s\n"
        "where l validators lie or have lost their disk, and T is the longest timeout anybody had reached, "
        "or\n"
        "4 D in calm; with the fault slow, in which timers must first grow, T is at least eight times the\n"
        "delay, and 9 (f + 1) T more are given. How much of it was used at most is told at the end.\n"
        "Exit: 0 no violation, 1 a violation (its seed is told), 2 usage.\n",
        plan_faults_text());
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
    struct options options;
    struct totals totals = {0};
    char why[OPTIONS_WHY_SIZE];
    if (options_parse(argc, argv, &options, why) != TALLY_OK) {
        fprintf(stderr, "tally-sim: %s\n", why);
        return 2;
    }
    if (options.help) {
        print_usage();
        return 0;
    }
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
