/* Command-line arguments: options by a table, and what is left over. Options may stand before, between and
 * after the other arguments, as `--name VALUE` or `--name=VALUE`; after `--` nothing is an option; `-` alone
 * is an ordinary argument. */
#ifndef TALLY_TOOLS_ARGS_H
#define TALLY_TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

#define ARGS_OPTIONS_MAX 24
#define ARGS_POSITIONALS_MAX 64

struct option_spec {
    const char *name; /* without the dashes; NULL ends the table */
    bool takes_value;
};

struct args {
    const struct option_spec *specs;
    const char
        *values[ARGS_OPTIONS_MAX]; /* by place in `specs`; "" for a flag that was given; NULL where absent */
    const char *positionals[ARGS_POSITIONALS_MAX];
    size_t positional_count;
};

/* Everything in `args` borrows from `arguments`. On failure `why` holds one sentence.
 * Errors: TALLY_EFORM (an unknown option, one given twice, a value missing or not wanted, or too many
 * arguments). */
int args_parse(const struct option_spec *specs, int count, char **arguments, struct args *args, char *why,
    size_t why_size) TALLY_MUST_CHECK;

/* The option's value, "" for a flag; NULL where it was not given. `name` is in the table (CHECKed). */
const char *args_value(const struct args *args, const char *name);

/* Reads a decimal number within a range, digits only. Errors: TALLY_EFORM (other text, or out of range). */
int number_from_text(const char *text, uint64_t least, uint64_t most, uint64_t *number) TALLY_MUST_CHECK;

#endif
