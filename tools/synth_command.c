#include <stdio.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/output.h"
#include "tools/synth.h"

#define LINE_SIZE_MAX 4096
#define MONTHS_DEFAULT 24

static enum tool_exit synth_command_run(struct context *context, int count, char **arguments);

const struct command command_synth = {
    .name = "synth",
    .summary = "a synthetic portfolio, for tally import",
    .help = "usage: tally synth --seed S --subjects N [--months M] [--members K] [--member I]\n"
            "\n"
            "Writes the events of N invented borrowers to standard output, one JSON object a line, as tally "
            "import reads them:\n"
            "instalment loans and revolving lines, monthly reports, payments, charge-offs and closings, in "
            "minor units of CNY,\n"
            "over the M months up to December 2025. Delinquency moves from month to month at the rates of "
            "real portfolios. One\n"
            "borrower in five holds a second account, at another member where there are several. The same "
            "arguments give the\n"
            "same bytes, on every machine.\n"
            "\n"
            "  --seed S       a number; another seed, another portfolio\n"
            "  --subjects N   how many borrowers, from 1\n"
            "  --months M     1 to 240; 24 unless given\n"
            "  --members K    divide the accounts among K members, 1 to 256; 1 unless given\n"
            "  --member I     only what member I furnishes, 1 to K; every member's unless given\n"
            "\n"
            "The output is JSON with and without --json.\n",
    .run = synth_command_run,
};

static int line_print(void *context, const struct synth_event *event)
{
    struct buffer *line = context;
    buffer_clear(line);
    synth_event_write(event, line);
    if (line->failed) return TALLY_ENOMEM;
    return fwrite(line->data, 1, line->size, stdout) == line->size ? TALLY_OK : TALLY_EIO;
}

static enum tool_exit number_option(struct context *context, const struct args *args, const char *name,
    uint64_t least, uint64_t most, uint64_t *number)
{
    const char *text = args_value(args, name);
    if (text == NULL || number_from_text(text, least, most, number) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE", "--%s is a number from %llu to %llu, not '%s'", name,
        (unsigned long long)least, (unsigned long long)most, text);
}

static enum tool_exit synth_command_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"seed", true}, {"subjects", true}, {"months", true},
        {"members", true}, {"member", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help synth", why);
    }
    if (args.positional_count > 0 || args_value(&args, "seed") == NULL ||
        args_value(&args, "subjects") == NULL) {
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally synth --seed S --subjects N");
    }
    uint64_t seed = 0, subjects = 0, months = MONTHS_DEFAULT, members = 1, member = 0;
    enum tool_exit code = number_option(context, &args, "seed", 0, UINT64_MAX, &seed);
    if (code == TOOL_DONE) code = number_option(context, &args, "subjects", 1, SYNTH_SUBJECTS_MAX, &subjects);
    if (code == TOOL_DONE) code = number_option(context, &args, "months", 1, SYNTH_MONTHS_MAX, &months);
    if (code == TOOL_DONE) code = number_option(context, &args, "members", 1, SYNTH_MEMBERS_MAX, &members);
    if (code == TOOL_DONE) code = number_option(context, &args, "member", 1, members, &member);
    if (code != TOOL_DONE) return code;

    struct synth_plan plan = {
        seed, (uint32_t)subjects, (uint32_t)months, (uint32_t)members, (uint32_t)member};
    struct buffer line;
    buffer_init(&line, LINE_SIZE_MAX);
    int error = synth_run(&plan, line_print, &line);
    buffer_close(&line);
    if (error == TALLY_OK && fflush(stdout) == 0) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "OUTPUT", "cannot write to standard output");
}
