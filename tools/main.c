/* `tally`: finds the command, hands it its arguments, and tells how it failed. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"
#include "tools/output.h"
#include "tools/secret_file.h"

#define ARGUMENTS_MAX 64

/* The options every command has, wherever they stand before a lone `--`. */
struct common {
    struct context context;
    bool help;
    bool version;
    int count;
    char *arguments[ARGUMENTS_MAX];
};

static enum tool_exit common_parse(int argc, char **argv, struct common *common);
static enum tool_exit command_start(struct common *common, const char **name);
static void failure_print(struct context *context, const char *name, enum tool_exit code);

int main(int argc, char **argv)
{
    struct common common = {
        .context = {.home = getenv("TALLY_HOME"), .passphrase_file = getenv("TALLY_PASSPHRASE_FILE")}};
    const char *name = NULL;
    /* A node or a pager that goes away is an error to report, not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    enum tool_exit code = common_parse(argc, argv, &common);
    if (code == TOOL_DONE) code = command_start(&common, &name);
    passphrase_forget(&common.context);
    if (code != TOOL_DONE) failure_print(&common.context, name, code);
    if (fflush(stdout) != 0 && code == TOOL_DONE) return TOOL_REFUSED;
    return (int)code;
}

static enum tool_exit common_parse(int argc, char **argv, struct common *common)
{
    struct context *context = &common->context;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--json") == 0) {
            context->json = true;
        } else if (!options_end && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            common->help = true;
        } else if (!options_end && strcmp(argv[i], "--version") == 0) {
            common->version = true;
        } else if (!options_end && strcmp(argv[i], "--home") == 0 && i + 1 < argc) {
            context->home = argv[++i];
        } else if (!options_end && strncmp(argv[i], "--home=", 7) == 0) {
            context->home = argv[i] + 7;
        } else if (!options_end && strcmp(argv[i], "--home") == 0) {
            return context_fail(context, TOOL_USAGE, "USAGE", "option --home needs a directory");
        } else if (!options_end && strcmp(argv[i], "--passphrase-file") == 0 && i + 1 < argc) {
            context->passphrase_file = argv[++i];
        } else if (!options_end && strncmp(argv[i], "--passphrase-file=", 18) == 0) {
            context->passphrase_file = argv[i] + 18;
        } else if (!options_end && strcmp(argv[i], "--passphrase-file") == 0) {
            return context_fail(context, TOOL_USAGE, "USAGE", "option --passphrase-file needs a file");
        } else if (!options_end && strcmp(argv[i], "--passphrase") == 0) {
            context->asks_passphrase = true;
        } else if (common->count == ARGUMENTS_MAX) {
            return context_fail(context, TOOL_USAGE, "USAGE", "too many arguments");
        } else {
            if (strcmp(argv[i], "--") == 0) options_end = true;
            common->arguments[common->count++] = argv[i];
        }
    }
    return TOOL_DONE;
}

static enum tool_exit command_start(struct common *common, const char **name)
{
    struct context *context = &common->context;
    if (common->version) {
        if (context->json) return output_json_take(context, json_pack("{s:s}", "version", TALLY_VERSION));
        puts("tally " TALLY_VERSION);
        return TOOL_DONE;
    }
    if (common->count == 0) {
        if (common->help) return command_help.run(context, 0, NULL);
        return context_fail(context, TOOL_USAGE, "USAGE", "no command given; tally help lists them");
    }
    const struct command *command = command_by_name(common->arguments[0]);
    if (command == NULL) {
        return context_fail(context, TOOL_USAGE, "USAGE", "there is no command '%s'; tally help lists them",
            common->arguments[0]);
    }
    *name = command->name;
    if (common->help) return command_help.run(context, 1, common->arguments);
    return command->run(context, common->count - 1, common->arguments + 1);
}

static void failure_print(struct context *context, const char *name, enum tool_exit code)
{
    /* A command that has told what it found, such as an import with refused lines, leaves no message. */
    if (context->message[0] == '\0') return;
    fprintf(stderr, "tally%s%s: %s\n", name == NULL ? "" : " ", name == NULL ? "" : name, context->message);
    if (!context->json) return;
    json_t *error = json_pack("{s:{s:s, s:s, s:i}}", "error", "reason", context->reason, "message",
        context->message, "exit", (int)code);
    if (error == NULL) {
        /* The message was not UTF-8, which JSON cannot carry. */
        error =
            json_pack("{s:{s:s, s:s}}", "error", "reason", context->reason, "message", "see standard error");
    }
    if (error != NULL) {
        json_dumpf(error, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(error);
}
