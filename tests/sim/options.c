#include "tests/sim/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/agreement.h"

/* What was given, where a value does not tell. */
struct given {
    bool seed, from, runs, faults;
};

static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number >= low && *number <= high;
}

static bool parse_small(const char *text, uint32_t low, uint32_t high, uint32_t *number)
{
    uint64_t wide = 0;
    bool good = parse_number(text, low, high, &wide);
    if (good) *number = (uint32_t)wide;
    return good;
}

static bool parse_one(int option, const char *value, struct options *options, struct given *given)
{
    struct plan_wish *wish = &options->wish;
    switch (option) {
    case 's':
        given->seed = true;
        return parse_number(value, 0, UINT64_MAX, &options->from);
    case 'f':
        given->from = true;
        return parse_number(value, 0, UINT64_MAX, &options->from);
    case 'r':
        given->runs = true;
        return parse_number(value, 1, 1u << 30, &options->runs);
    case 'n':
        return parse_small(value, VALIDATORS_MIN, VALIDATORS_MAX, &wish->validators);
    case 'o':
        return parse_small(value, 0, OBSERVERS_SIMULATED_MAX, &wish->observers);
    case 'b':
        return parse_small(value, 1, 500, &wish->blocks);
    case 'l':
        wish->liars = LIARS_FORKING;
        if (strcmp(value, "forking") == 0) return true;
        return parse_small(value, 0, VALIDATORS_MAX - 2, &wish->liars);
    case 'F':
        given->faults = true;
        return plan_faults_parse(value, &wish->faults);
    case 'T':
        wish->twins = true;
        return true;
    case 'u':
        wish->full = true;
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

/* ---- What contradicts each other ---- */

static const char *runs_fault(const struct options *options, const struct given *given)
{
    if (!given->seed && !given->runs) return "give --seed S for one run, or --runs K --from S for many";
    if (given->seed && (given->runs || given->from))
        return "--seed is one run: give --seed S alone, or --runs K --from S";
    if (options->json && options->traced)
        return "--trace tells prose and --json prints one object: give one of them";
    return NULL;
}

/* Named, that is: all of them, which is the default too, means those that there can be. */
static bool names_fault(const struct options *options, const struct given *given, uint32_t faults)
{
    return given->faults && options->wish.faults != FAULTS_ALL && (options->wish.faults & faults) != 0;
}

static const char *shape_fault(const struct options *options, const struct given *given)
{
    const struct plan_wish *wish = &options->wish;
    uint32_t least = wish->validators != 0 ? wish->validators : VALIDATORS_MIN;
    bool forking = wish->liars == LIARS_FORKING;
    bool counted = wish->liars != UINT32_MAX && !forking;
    if (wish->twins && wish->liars != UINT32_MAX)
        return "in --twins exactly one validator lies, by running twice: leave out --liars";
    if (wish->twins && names_fault(options, given, ~(uint32_t)FAULT_REORDER))
        return "--twins has no fault but reorder: leave out --faults, or name that or none";
    if (counted && wish->liars > least - 2)
        return "two validators must be honest: with --liars L give --nodes N, of at least L + 2";
    if ((forking || (counted && wish->liars > faults_of(least))) &&
        names_fault(options, given, FAULT_LOST_DISK | FAULT_EPOCHS))
        return "where the chain forks no disk is lost and no epoch ends: leave lost-disk and epochs out of "
               "--faults";
    if ((wish->full || least > PLAN_EPOCH_VALIDATORS_MAX) && names_fault(options, given, FAULT_EPOCHS))
        return "validator sets change only without --full and with 16 --nodes at most: leave epochs out of "
               "--faults";
    if (names_fault(options, given, FAULT_JOINS) && !names_fault(options, given, FAULT_EPOCHS))
        return "who joins does so in a later epoch: with joins name epochs too in --faults";
    if (least > PLAN_SLOW_VALIDATORS_MAX && names_fault(options, given, FAULT_SLOW))
        return "a slow network is only run with 7 --nodes at most: leave slow out of --faults";
    return NULL;
}

int options_parse(int argc, char **argv, struct options *options, char why[OPTIONS_WHY_SIZE])
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
        {"from", required_argument, NULL, 'f'}, {"runs", required_argument, NULL, 'r'},
        {"nodes", required_argument, NULL, 'n'}, {"observers", required_argument, NULL, 'o'},
        {"blocks", required_argument, NULL, 'b'}, {"liars", required_argument, NULL, 'l'},
        {"twins", no_argument, NULL, 'T'}, {"faults", required_argument, NULL, 'F'},
        {"json", no_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'}, {"full", no_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct given given = {0};
    int option, place;
    *options = (struct options){
        .runs = 1, .wish = {.observers = UINT32_MAX, .faults = FAULTS_ALL, .liars = UINT32_MAX}};
    optind = 0; /* begins anew */
    while ((option = getopt_long(argc, argv, "", known, &place)) != -1) {
        if (option == 'h') {
            options->help = true;
            return TALLY_OK;
        }
        if (option == '?') {
            snprintf(why, OPTIONS_WHY_SIZE, "see --help"); /* getopt has said which, and why */
            return TALLY_EINVALID;
        }
        if (parse_one(option, optarg, options, &given)) continue;
        snprintf(why, OPTIONS_WHY_SIZE, "--%s does not take %.60s", known[place].name, optarg);
        return TALLY_EINVALID;
    }
    const char *fault = runs_fault(options, &given);
    if (fault == NULL) fault = shape_fault(options, &given);
    if (optind < argc) fault = "there is nothing but options to give";
    if (fault == NULL) return TALLY_OK;
    snprintf(why, OPTIONS_WHY_SIZE, "%s", fault);
    return TALLY_EINVALID;
}
