#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/import_map.h"
#include "tools/import_metro2.h"
#include "tools/import_report.h"
#include "tools/import_wire.h"
#include "tools/member_keys.h"
#include "tools/output.h"

static enum tool_exit import_command_run(struct context *context, int count, char **arguments);

const struct command command_import = {
    .name = "import",
    .summary = "sign and submit a file of events; the same file again changes nothing",
    .help =
        "usage: tally --home DIR import FILE [--map MAP.json | --metro2 [--months N] [--subject "
        "ssn|account]] [--print]\n"
        "\n"
        "Reads FILE (- is standard input), one JSON object a line, signs the events with the member's "
        "key, submits them\n"
        "through the home's node, and counts what became of them: accepted, there before (duplicate), or "
        "rejected. A bad line\n"
        "or a refused event is reported with its number and reason, and the rest goes on. An import that "
        "was cut off can be\n"
        "run again: what is on the ledger is recognised, also from an earlier run, and nothing is added "
        "twice.\n"
        "\n"
        "Events of one subject arrive in the file's order. A line that needs the event of an earlier one, as "
        "an opening needs its\n"
        "reservation, names it by its id, which tally history tells, or by its label.\n"
        "\n"
        "  --map MAP.json  FILE is CSV, and this says what its rows become: tally help import-csv\n"
        "  --metro2        FILE is a Metro 2 file: tally help import-metro2, with --months and --subject\n"
        "  --print         show the events that such a file makes, and submit none\n"
        "\n"
        "Exit status 1 where anything was rejected, or a Metro 2 file is not whole; 3 where the node cannot "
        "be reached.\n"
        "\n"
        "--json prints {\"read\", \"accepted\", \"duplicate\", \"rejected\", \"seconds\", "
        "\"events_per_second\", \"batches\",\n"
        "\"retries\", \"types\": {TYPE: {\"accepted\", \"duplicate\", \"rejected\"}}, \"results\": "
        "{RESULT: count}, \"rejections\":\n"
        "[{\"line\", \"type\", \"reason\", \"message\"}]}, with the first 1000 rejections. Lines whose "
        "type cannot be read are\n"
        "under no type.\n",
    .run = import_command_run,
    .help_more = import_line_help,
};

/* A file, open: what makes its lines where they are no events, and what that source is. */
struct input {
    int descriptor;
    const char *name;
    const struct import_source *source;
    const struct metro2_totals *metro2;
};

/* With everything at hand: runs the import and tells its result. */
static enum tool_exit file_import(
    struct context *context, struct remote *remote, const struct import_keys *keys, const struct input *input)
{
    struct import_report report;
    struct import_wire wire = import_wire_of(remote);
    struct import_result result;
    struct import_options options = {
        .keys = keys,
        .wire = &wire,
        .descriptor = input->descriptor,
        .source = input->source,
        .file_name = input->name,
        .context = &report,
        .on_rejection = import_report_rejection,
        .on_progress = import_report_progress,
    };
    enum tool_exit code = import_report_open(context, input->metro2, &report) == TALLY_OK
                              ? import_run(context, &options, &result)
                              : context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    progress_end();
    if (code == TOOL_DONE) code = import_report_print(&report, &result);
    import_report_close(&report);
    return code;
}

static enum tool_exit import_through_node(struct context *context, const struct input *input)
{
    struct home home;
    struct remote remote;
    struct import_keys keys = {.member_id = 0};
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = member_keys_load(context, &home, &keys);
    if (code == TOOL_DONE) code = remote_open(context, &home, &remote);
    if (code == TOOL_DONE) {
        code = file_import(context, &remote, &keys, input);
        remote_close(&remote);
    }
    secret_key_close(&keys.signing);
    explicit_bzero(keys.salt_key, sizeof keys.salt_key);
    return code;
}

static enum tool_exit import_by_map(
    struct context *context, const char *map_path, bool print, struct input *input)
{
    struct import_map map;
    enum tool_exit code = import_map_open(context, map_path, input->descriptor, input->name, &map);
    input->source = &map.source;
    if (code == TOOL_DONE)
        code = print ? import_source_print(context, input->name, &map.source)
                     : import_through_node(context, input);
    import_map_close(&map);
    return code;
}

static enum tool_exit metro2_print(struct context *context, const struct input *input)
{
    enum tool_exit code = import_source_print(context, input->name, input->source);
    /* Only what was read to its end says how much there is. */
    if (code != TOOL_DONE && strcmp(context->reason, "BAD_LINE") != 0) return code;
    metro2_differences_say(input->metro2);
    return code == TOOL_DONE && !metro2_totals_agree(input->metro2) ? TOOL_REFUSED : code;
}

static enum tool_exit import_by_metro2(
    struct context *context, const struct metro2_options *options, bool print, struct input *input)
{
    struct import_metro2 *metro2;
    struct source_keys keys;
    char why[IMPORT_WHY_SIZE];
    enum tool_exit code = source_keys_read(context, true, true, &keys);
    if (code != TOOL_DONE) return code;
    if (import_metro2_open(input->descriptor, options, &keys, &metro2, why) == TALLY_OK) {
        struct import_source source = import_metro2_source(metro2);
        input->source = &source;
        input->metro2 = import_metro2_totals(metro2);
        code = print ? metro2_print(context, input) : import_through_node(context, input);
        import_metro2_close(metro2);
    } else {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s: %s", input->name, why);
    }
    explicit_bzero(&keys, sizeof keys);
    return code;
}

/* ---- The command line ---- */

/* How the file is read. */
struct reading {
    const char *path, *map; /* map: NULL = none */
    bool metro2, print;
    struct metro2_options metro2_options;
};

static enum tool_exit usage(struct context *context, const char *why)
{
    return context_fail(context, TOOL_USAGE, "USAGE",
        "%s; wanted: tally --home DIR import FILE [--map MAP.json | --metro2 [--subject ssn|account]] "
        "[--print]",
        why);
}

static enum tool_exit metro2_options_parse(
    struct context *context, const struct args *args, bool is_metro2, struct metro2_options *options)
{
    const char *months = args_value(args, "months"), *subject = args_value(args, "subject");
    uint64_t number = METRO2_MONTHS;
    bool by_account = subject != NULL && strcmp(subject, "account") == 0;
    if (!is_metro2 && (months != NULL || subject != NULL))
        return usage(context, "--months and --subject are of a Metro 2 file");
    if (months != NULL && number_from_text(months, 0, METRO2_MONTHS, &number) != TALLY_OK)
        return usage(context, "--months is 0 to 24");
    if (subject != NULL && !by_account && strcmp(subject, "ssn") != 0)
        return usage(context, "--subject is ssn or account");
    options->months = (uint32_t)number;
    options->subject = by_account ? METRO2_SUBJECT_ACCOUNT : METRO2_SUBJECT_SSN;
    return TOOL_DONE;
}

static enum tool_exit reading_parse(
    struct context *context, int count, char **arguments, struct reading *reading)
{
    static const struct option_spec options[] = {{"map", true}, {"metro2", false}, {"months", true},
        {"subject", true}, {"print", false}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) return usage(context, why);
    if (args.positional_count != 1) return usage(context, "one file is read at a time");
    *reading = (struct reading){
        .path = args.positionals[0],
        .map = args_value(&args, "map"),
        .metro2 = args_value(&args, "metro2") != NULL,
        .print = args_value(&args, "print") != NULL,
    };
    if (reading->map != NULL && reading->metro2) return usage(context, "a Metro 2 file needs no mapping");
    if (reading->print && reading->map == NULL && !reading->metro2)
        return usage(context, "--print is for files that are no events yet");
    return metro2_options_parse(context, &args, reading->metro2, &reading->metro2_options);
}

static enum tool_exit import_command_run(struct context *context, int count, char **arguments)
{
    struct reading reading;
    enum tool_exit code = reading_parse(context, count, arguments, &reading);
    if (code != TOOL_DONE) return code;
    bool is_stdin = strcmp(reading.path, "-") == 0;
    struct input input = {
        .descriptor = is_stdin ? STDIN_FILENO : open(reading.path, O_RDONLY | O_CLOEXEC),
        .name = is_stdin ? "standard input" : reading.path,
    };
    if (input.descriptor < 0)
        return context_fail(
            context, TOOL_REFUSED, "FILE", "cannot open %s: %s", reading.path, strerror(errno));
    if (reading.map != NULL)
        code = import_by_map(context, reading.map, reading.print, &input);
    else if (reading.metro2)
        code = import_by_metro2(context, &reading.metro2_options, reading.print, &input);
    else
        code = import_through_node(context, &input);
    if (!is_stdin) close(input.descriptor);
    return code;
}
