#include "tools/args.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"

static size_t spec_find(const struct option_spec *specs, const char *name, size_t size);
static int option_take(struct args *args, int count, char **arguments, int *at, char *why, size_t why_size);

int args_parse(const struct option_spec *specs, int count, char **arguments, struct args *args, char *why,
    size_t why_size)
{
    *args = (struct args){.specs = specs};
    bool options_end = false;
    for (int at = 0; at < count; at++) {
        const char *argument = arguments[at];
        if (!options_end && strcmp(argument, "--") == 0) {
            options_end = true;
        } else if (!options_end && argument[0] == '-' && argument[1] != '\0') {
            int error = option_take(args, count, arguments, &at, why, why_size);
            if (error != TALLY_OK) return error;
        } else if (args->positional_count < ARGS_POSITIONALS_MAX) {
            args->positionals[args->positional_count++] = argument;
        } else {
            snprintf(why, why_size, "too many arguments, from '%s' on", argument);
            return TALLY_EFORM;
        }
    }
    return TALLY_OK;
}

const char *args_value(const struct args *args, const char *name)
{
    size_t index = spec_find(args->specs, name, strlen(name));
    CHECK(index < ARGS_OPTIONS_MAX);
    return args->values[index];
}

int number_from_text(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    if (*text == '\0') return TALLY_EFORM;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') return TALLY_EFORM;
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) return TALLY_EFORM;
        value = value * 10 + digit;
    }
    if (value < least || value > most) return TALLY_EFORM;
    *number = value;
    return TALLY_OK;
}

/* ARGS_OPTIONS_MAX where there is none of that name. */
static size_t spec_find(const struct option_spec *specs, const char *name, size_t size)
{
    for (size_t i = 0; specs[i].name != NULL; i++) {
        CHECK(i < ARGS_OPTIONS_MAX);
        if (strlen(specs[i].name) == size && memcmp(specs[i].name, name, size) == 0) return i;
    }
    return ARGS_OPTIONS_MAX;
}

static int option_take(struct args *args, int count, char **arguments, int *at, char *why, size_t why_size)
{
    const char *argument = arguments[*at];
    const char *name = argument[1] == '-' ? argument + 2 : "";
    size_t name_size = strcspn(name, "=");
    size_t index = spec_find(args->specs, name, name_size);
    if (index == ARGS_OPTIONS_MAX) {
        snprintf(why, why_size, "unknown option '%s'", argument);
        return TALLY_EFORM;
    }
    if (args->values[index] != NULL) {
        snprintf(why, why_size, "option --%s is given twice", args->specs[index].name);
        return TALLY_EFORM;
    }
    bool inline_value = name[name_size] == '=';
    if (!args->specs[index].takes_value) {
        if (inline_value) {
            snprintf(why, why_size, "option --%s takes no value", args->specs[index].name);
            return TALLY_EFORM;
        }
        args->values[index] = "";
    } else if (inline_value) {
        args->values[index] = name + name_size + 1;
    } else if (*at + 1 < count) {
        *at += 1;
        args->values[index] = arguments[*at];
    } else {
        snprintf(why, why_size, "option --%s needs a value", args->specs[index].name);
        return TALLY_EFORM;
    }
    return TALLY_OK;
}
