#include <stdio.h>
#include <string.h>

#include "tools/command.h"
#include "tools/import_csv.h"
#include "tools/import_metro2.h"
#include "tools/output.h"

static enum tool_exit help_run(struct context *context, int count, char **arguments);
static enum tool_exit help_json(struct context *context);
static void help_all(void);

const struct command command_help = {
    .name = "help",
    .summary = "this text, or a command's own",
    .help = "usage: tally help [COMMAND]\n"
            "\n"
            "Lists the commands, or explains one.\n",
    .run = help_run,
};

/* What is a page of its own, and no command. */
static enum tool_exit topic_tell(struct context *context, const char *name, const char *text)
{
    if (context->json) return output_json_take(context, json_pack("{s:s, s:s}", "topic", name, "help", text));
    fputs(text, stdout);
    return TOOL_DONE;
}

static enum tool_exit help_run(struct context *context, int count, char **arguments)
{
    if (count > 1) return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally help [COMMAND]");
    if (count == 0) {
        if (context->json) return help_json(context);
        help_all();
        return TOOL_DONE;
    }
    if (strcmp(arguments[0], "import-csv") == 0) return topic_tell(context, "import-csv", import_csv_help);
    if (strcmp(arguments[0], "import-metro2") == 0)
        return topic_tell(context, "import-metro2", import_metro2_help);
    const struct command *command = command_by_name(arguments[0]);
    if (command == NULL) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "there is no command '%s'; tally help lists them", arguments[0]);
    }
    if (context->json) {
        return output_json_take(context, json_pack("{s:s, s:s, s:s}", "command", command->name, "summary",
                                             command->summary, "help", command->help));
    }
    fputs(command->help, stdout);
    if (command->help_more != NULL) command->help_more();
    return TOOL_DONE;
}

static enum tool_exit help_json(struct context *context)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < command_count(); i++) {
        const struct command *command = command_at(i);
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "command", command->name, "summary", command->summary));
    }
    return output_json_take(context, json_pack("{s:o}", "commands", list));
}

static void help_all(void)
{
    puts("tally: the command line of a Tallystick node\n"
         "\n"
         "usage: tally [--home DIR] [--json] COMMAND [ARGUMENTS]\n");
    for (size_t i = 0; i < command_count(); i++) {
        printf("  %-12s %s\n", command_at(i)->name, command_at(i)->summary);
    }
    puts("\n"
         "  --home DIR   the node's home: its address, its certificates and the member's keys (or "
         "TALLY_HOME)\n"
         "  --passphrase-file FILE  its first line opens sealed keys, and seals those that are made (or "
         "TALLY_PASSPHRASE_FILE);\n"
         "               sealed keys ask at the terminal where neither is given\n"
         "  --passphrase what is made is sealed with a passphrase that is asked for\n"
         "  --json       one JSON object on stdout; on failure {\"error\": {\"reason\", \"message\"}}\n"
         "  --help       a command's own text, as tally help COMMAND\n"
         "\n"
         "Exit status: 0 done, 1 refused or invalid, 2 usage, 3 unreachable.");
}
