#include <stdio.h>
#include <string.h>

#include "proto/codec/subject_scheme.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/output.h"
#include "tools/subject_id.h"

#define DOCUMENT_SIZE_MAX 255

static enum tool_exit subject_id_run(struct context *context, int count, char **arguments);
static enum tool_exit document_read(struct context *context, char document[DOCUMENT_SIZE_MAX + 2]);

const struct command command_subject_id = {
    .name = "subject-id",
    .summary = "a borrower's pseudonym, from an identity document",
    .help = "usage: tally --home DIR subject-id [--document TYPE:NUMBER]\n"
            "\n"
            "Prints the 64-digit subject id of the holder of an identity document: an HMAC under the "
            "network's key in\n"
            "DIR/subject.key, which members share out of band. The document never reaches a node. Without "
            "--document it is\n"
            "read from standard input, one line, so that it shows in no list of processes and in no shell's "
            "history.\n"
            "\n"
            "TYPE is letters, digits and underscores (CN_ID, PASSPORT_DE). In NUMBER, lower case counts as "
            "upper case, and\n"
            "spaces, hyphens, dots and slashes are left out.\n"
            "\n"
            "  --document TYPE:NUMBER   the document\n"
            "\n"
            "--json prints {\"subject\", \"scheme\"}.\n",
    .run = subject_id_run,
};

static enum tool_exit subject_id_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"document", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help subject-id", why);
    }
    if (args.positional_count > 0) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally subject-id [--document TYPE:NUMBER]");
    }
    struct home home;
    enum tool_exit code = home_open_given(context, &home);
    if (code != TOOL_DONE) return code;

    char line[DOCUMENT_SIZE_MAX + 2];
    uint8_t key[SUBJECT_KEY_SIZE];
    const char *document = args_value(&args, "document");
    if (document == NULL) {
        code = document_read(context, line);
        if (code != TOOL_DONE) return code;
        document = line;
    }
    struct digest id;
    code = home_key(context, &home, "subject.key", key);
    if (code == TOOL_DONE && subject_id_derive(key, document, &id) != TALLY_OK) {
        /* The document is personal data: the message does not repeat it. */
        code = context_fail(context, TOOL_REFUSED, "DOCUMENT",
            "that is no document of the form TYPE:NUMBER; see: tally help subject-id");
    }
    explicit_bzero(key, sizeof key);
    explicit_bzero(line, sizeof line);
    if (code != TOOL_DONE) return code;

    char text[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(id.bytes, DIGEST_SIZE), text);
    if (context->json) {
        return output_json_take(
            context, json_pack("{s:s, s:i}", "subject", text, "scheme", SUBJECT_SCHEME_HMAC));
    }
    printf("%s\n", text);
    return TOOL_DONE;
}

static enum tool_exit document_read(struct context *context, char document[DOCUMENT_SIZE_MAX + 2])
{
    if (fgets(document, DOCUMENT_SIZE_MAX + 2, stdin) == NULL) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "no document: give --document TYPE:NUMBER, or a line of input");
    }
    size_t size = strcspn(document, "\r\n");
    if (document[size] == '\0' && size > DOCUMENT_SIZE_MAX) {
        return context_fail(context, TOOL_REFUSED, "DOCUMENT", "the document's line is longer than %d bytes",
            DOCUMENT_SIZE_MAX);
    }
    document[size] = '\0';
    return TOOL_DONE;
}
