/* tally-scope: every schedule of a bounded kind, from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/scope/arena.h"
#include "tests/scope/schedule.h"
#include "tests/scope/search.h"

#define WORLDS_MAX UINT64_C(40000000)

/* What is searched when nothing is asked for, each with every validator as the liar, the cheapest first. The
 * small ones are also what the test runner does. */
static const struct bounds plan[] = {
    {.rounds = true, .views = 1, .uneven = 1, .crashes = 1, .stalls = 1, .heal_share = 40},
    {.rounds = true, .views = 2, .crashes = 1, .stalls = 1, .heal_share = 40},
    {.rounds = true, .views = 4, .heal_share = 4},
    {.rounds = true, .views = 3, .uneven = 1, .heal_share = 40},
#define SMALL 4u
    {.rounds = true, .views = 2, .uneven = 1, .crashes = 1, .heal_share = 40},
    {.views = 1, .crashes = 1, .heal_share = 40},
    {.rounds = true, .views = 4, .uneven = 3, .missed = true, .heal_share = 40},
    {.rounds = true, .views = 4, .crashes = 1, .heal_share = 40},
    {.rounds = true, .views = 4, .uneven = 1, .heal_share = 40},
    {.rounds = true, .views = 3, .crashes = 1, .stalls = 1, .heal_share = 40},
    {.rounds = true, .views = 3, .uneven = 2, .heal_share = 40},
};
#define PLAN_COUNT (sizeof plan / sizeof plan[0])

struct options {
    struct bounds bounds; /* of one search, where any was given */
    bool one, one_liar, small, json;
    double seconds;
    const char *replay;
};

struct totals {
    uint64_t searches, complete, worlds, healed, core_runs, locals, audited;
    uint64_t heal_ms_max;
    uint32_t views;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_usage(FILE *to)
{
    fprintf(to,
        "tally-scope: every schedule of a bounded kind for the consensus core, with four validators, one a "
        "liar\n"
        "  tally-scope [--small]       a plan of searches, each with every validator as the liar\n"
        "  tally-scope BOUNDS          one search, likewise\n"
        "  --liar L                    only with validator L, 0 to 3, as the liar\n"
        "  --views V                   1 to 4: nothing of a later view happens before all faults stop\n"
        "  --uneven U                  view by view; so many steps happen to some replicas and not to "
        "others\n"
        "  --missed                    only certificates come to some and not to others\n"
        "  --free                      or everything in any order: for one view, or two\n"
        "  --crashes C                 crashes (view by view: of any number of replicas at once)\n"
        "  --stalls S                  disks that fall silent for a while\n"
        "  --heal-share H              one world in H is healed and must go on; 0 = none\n"
        "  --seconds N                 stop after so many of the processor's\n"
        "  --json                      one object\n"
        "  --replay SCHEDULE           tells what happens in a schedule: its words, or a file of them\n"
        "Exit: 0 nothing was violated, 1 something was (the schedule is told), 2 usage.\n");
}

static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && *number >= low && *number <= high;
}

static bool parse_bound(int option, const char *value, struct options *options)
{
    struct bounds *bounds = &options->bounds;
    uint64_t number = 0;
    uint64_t low = option == 'v' ? 1 : 0;
    uint64_t high = option == 'v' ? 4 : option == 'l' ? SCOPE_NODES - 1 : option == 'h' ? UINT64_MAX : 9;
    if (option != 'f' && option != 'm' && !parse_number(value, low, high, &number)) return false;
    options->one = options->one || option != 'l';
    if (option == 'l') {
        options->one_liar = true;
        bounds->liar = (uint32_t)number;
    }
    if (option == 'v') bounds->views = (uint8_t)number;
    if (option == 'u') bounds->uneven = (uint8_t)number;
    if (option == 'c') bounds->crashes = (uint8_t)number;
    if (option == 's') bounds->stalls = (uint8_t)number;
    if (option == 'h') bounds->heal_share = number;
    if (option == 'f') bounds->rounds = false;
    if (option == 'm') bounds->missed = true;
    return true;
}

static bool parse_one(int option, const char *value, struct options *options)
{
    uint64_t number = 0;
    switch (option) {
    case 'S':
        options->small = true;
        return true;
    case 'j':
        options->json = true;
        return true;
    case 'r':
        options->replay = value;
        return true;
    case 'n':
        if (!parse_number(value, 1, 1000000, &number)) return false;
        options->seconds = (double)number;
        return true;
    default:
        return parse_bound(option, value, options);
    }
}

/* What would have to be passed over, or NULL. */
static const char *contradiction(const struct options *options)
{
    const struct bounds *bounds = &options->bounds;
    bool bounded = options->one || options->one_liar || options->small || options->seconds > 0;
    if (options->replay && (bounded || options->json))
        return "--replay tells one schedule, which names its liar and its views: give nothing beside it";
    if (options->small && options->one) return "--small is a plan of searches: leave it out, or the bounds";
    if (!bounds->rounds && (bounds->uneven > 0 || bounds->missed))
        return "with --free everything comes in any order: leave out --uneven and --missed";
    return NULL;
}

/* 0 to run, else the exit code plus 1. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"liar", required_argument, NULL, 'l'},
        {"views", required_argument, NULL, 'v'}, {"uneven", required_argument, NULL, 'u'},
        {"free", no_argument, NULL, 'f'}, {"missed", no_argument, NULL, 'm'},
        {"crashes", required_argument, NULL, 'c'}, {"stalls", required_argument, NULL, 's'},
        {"heal-share", required_argument, NULL, 'h'}, {"seconds", required_argument, NULL, 'n'},
        {"small", no_argument, NULL, 'S'}, {"json", no_argument, NULL, 'j'},
        {"replay", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'H'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'H') {
            print_usage(stdout);
            return 1;
        }
        if (option == '?') return 3;
        if (parse_one(option, optarg, options)) continue;
        fprintf(stderr, "tally-scope: %s is not a value that this option takes; see --help\n", optarg);
        return 3;
    }
    if (optind < argc) {
        fprintf(stderr, "tally-scope: %s is not an option; see --help\n", argv[optind]);
        return 3;
    }
    const char *fault = contradiction(options);
    if (fault) fprintf(stderr, "tally-scope: %s\n", fault);
    return fault ? 3 : 0;
}

static void say_bounds(const struct bounds *bounds, FILE *to)
{
    fprintf(to, "%u views", (unsigned)bounds->views);
    if (bounds->rounds)
        fprintf(to, " one by one, %u uneven%s", (unsigned)bounds->uneven,
            bounds->missed ? " in certificates" : "");
    else
        fprintf(to, " in any order");
    fprintf(to, ", %u crashes, %u silent disks, liar %u", (unsigned)bounds->crashes, (unsigned)bounds->stalls,
        bounds->liar);
}

static void say_findings(const struct bounds *bounds, const struct findings *findings)
{
    say_bounds(bounds, stdout);
    printf(": %" PRIu64 " worlds%s, %" PRIu64 " ends, of %" PRIu64 " states by %" PRIu64
           " runs of the core; %" PRIu64 " healed, the slowest in %.1f s of its time; %.1f s\n",
        findings->worlds, findings->complete ? " (all)" : " (not all)", findings->leaves, findings->locals,
        findings->core_runs, findings->healed, (double)findings->heal_ms_max / 1000, findings->seconds);
    fflush(stdout);
}

static void add(struct totals *totals, const struct bounds *bounds, const struct findings *findings)
{
    totals->searches++;
    totals->complete += findings->complete;
    totals->worlds += findings->worlds;
    totals->healed += findings->healed;
    totals->core_runs += findings->core_runs;
    totals->locals += findings->locals;
    totals->audited += findings->audited;
    if (findings->heal_ms_max > totals->heal_ms_max) totals->heal_ms_max = findings->heal_ms_max;
    if (bounds->views > totals->views) totals->views = bounds->views;
}

static void say_totals(
    const struct options *options, const struct totals *totals, const struct findings *last, double seconds)
{
    if (options->json) {
        printf("{\"searches\":%" PRIu64 ",\"complete\":%" PRIu64 ",\"views\":%u,\"worlds\":%" PRIu64
               ",\"states\":%" PRIu64 ",\"core_runs\":%" PRIu64 ",\"healed\":%" PRIu64
               ",\"heal_ms_max\":%" PRIu64 ",\"audited\":%" PRIu64
               ",\"violation\":%s%s%s,\"seconds\":%.1f}\n",
            totals->searches, totals->complete, totals->views, totals->worlds, totals->locals,
            totals->core_runs, totals->healed, totals->heal_ms_max, totals->audited,
            last->trouble[0] ? "\"" : "", last->trouble[0] ? last->trouble : "null",
            last->trouble[0] ? "\"" : "", seconds);
        return;
    }
    printf("%" PRIu64 " searches, %" PRIu64 " to the end: %" PRIu64 " worlds of up to %u views, %" PRIu64
           " states of a replica (%" PRIu64 " made twice), %" PRIu64
           " worlds healed in at most %.1f s, %.1f s\n",
        totals->searches, totals->complete, totals->worlds, totals->views, totals->locals, totals->audited,
        totals->healed, (double)totals->heal_ms_max / 1000, seconds);
}

static void say_trouble(const struct options *options, const struct bounds *bounds, struct findings *findings)
{
    FILE *to = options->json ? stderr : stdout;
    fprintf(to, "VIOLATED, ");
    say_bounds(bounds, to);
    fprintf(to, ": %s\n", findings->trouble);
    schedule_shrink(&findings->schedule);
    char *text = schedule_text(&findings->schedule);
    (void)schedule_tell(&findings->schedule, to);
    fprintf(to, "again: --replay \"%s\"\n", text);
    free(text);
}

/* True when nothing was violated. */
static bool search_one(const struct options *options, struct bounds bounds, double until,
    struct totals *totals, struct findings *findings)
{
    for (uint32_t liar = 0; liar < SCOPE_NODES; liar++) {
        if (options->one_liar && liar != options->bounds.liar) continue;
        bounds.liar = liar;
        bounds.worlds_max = WORLDS_MAX;
        bounds.seconds = until > 0 ? until - seconds_now() : 0;
        if (until > 0 && bounds.seconds <= 0) return true;
        search(&bounds, findings);
        add(totals, &bounds, findings);
        if (!options->json) say_findings(&bounds, findings);
        if (!findings->trouble[0]) continue;
        say_trouble(options, &bounds, findings);
        return false;
    }
    return true;
}

static int search_all(const struct options *options)
{
    static struct findings findings;
    struct totals totals = {0};
    double start = seconds_now(), until = options->seconds > 0 ? start + options->seconds : 0;
    bool good = true;
    if (options->one) {
        good = search_one(options, options->bounds, until, &totals, &findings);
    } else {
        size_t count = options->small ? SMALL : PLAN_COUNT;
        for (size_t i = 0; i < count && good; i++)
            good = search_one(options, plan[i], until, &totals, &findings);
    }
    say_totals(options, &totals, &findings, seconds_now() - start);
    return good ? 0 : 1;
}

/* The schedule itself, or a file that holds it. */
static int replay(const char *text)
{
    static struct schedule schedule;
    char line[16384] = "";
    FILE *file = fopen(text, "r");
    if (file) {
        size_t size = fread(line, 1, sizeof line - 1, file);
        line[size] = 0;
        fclose(file);
    }
    if (!schedule_parse(file ? line : text, &schedule)) {
        fprintf(stderr, "tally-scope: neither a schedule nor a file of one\n");
        return 2;
    }
    return schedule_tell(&schedule, stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.bounds = {.rounds = true, .views = 4, .heal_share = 20}};
    int parsed = parse_options(argc, argv, &options);
    if (parsed != 0) return parsed - 1;
    arenas_init();
    return options.replay ? replay(options.replay) : search_all(&options);
}
