/* What the command line of tally-sim asks for. */
#ifndef TALLY_SIM_OPTIONS_H
#define TALLY_SIM_OPTIONS_H

#include "proto/base/error.h"
#include "tests/sim/plan.h"

struct options {
    uint64_t from, runs; /* seeds from .. from + runs - 1 */
    struct plan_wish wish;
    bool json, traced;
    bool help; /* and then nothing else counts */
};

#define OPTIONS_WHY_SIZE 160u
/* Reads the command line, argv[0] being the program; not from two threads at once. Errors: TALLY_EINVALID
 * (unknown, out of range, or contradicting each other, so that one would have to be passed over); `why` is
 * then a sentence about what to give instead. */
int options_parse(
    int argc, char **argv, struct options *options, char why[OPTIONS_WHY_SIZE]) TALLY_MUST_CHECK;

#endif
