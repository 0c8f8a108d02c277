/* tally key: what a key file is, and the passphrase that seals it. */
#include <stdio.h>
#include <string.h>

#include "tools/args.h"
#include "tools/output.h"
#include "tools/secret_file.h"

static enum tool_exit key_run(struct context *context, int count, char **arguments);

const struct command command_key = {
    .name = "key",
    .summary = "show a key's public half, or change its passphrase",
    .help =
        "usage: tally key show FILE\n"
        "       tally key passphrase FILE [--new-passphrase-file FILE | --remove]\n"
        "\n"
        "show prints the public key of a key file; of a sealed one, without its passphrase.\n"
        "passphrase seals a key file anew, or for the first time, or not any more. The old passphrase comes "
        "from\n"
        "--passphrase-file or TALLY_PASSPHRASE_FILE, else it is asked for; the new one is asked for twice, "
        "unless a file\n"
        "is named. The file is replaced whole; copies of the old one open by the old passphrase still.\n"
        "\n"
        "  --new-passphrase-file FILE   its first line is the new passphrase\n"
        "  --remove                     the key is to be plain\n"
        "\n"
        "--json prints {\"public_key\", \"file\"} of show, {\"file\", \"sealed\"} of passphrase.\n",
    .run = key_run,
};

static const struct option_spec options[] = {{"new-passphrase-file", true}, {"remove", false}, {NULL, false}};

static enum tool_exit show(struct context *context, const char *path)
{
    struct public_key key;
    char text[2 * PUBLIC_KEY_SIZE + 1];
    enum tool_exit code = secret_file_public(context, path, &key);
    if (code != TOOL_DONE) return code;
    hex_encode(span_of(key.bytes, PUBLIC_KEY_SIZE), text);
    if (context->json)
        return output_json_take(context, json_pack("{s:s, s:s}", "public_key", text, "file", path));
    printf("%s\n", text);
    return TOOL_DONE;
}

/* A key that has no public half, as a salt's, is sealed without a name. */
static enum tool_exit change(struct context *context, const struct args *args, const char *path)
{
    struct secret_key secret;
    struct public_key key;
    struct passphrase chosen = {.size = 0};
    const bool remove = args_value(args, "remove") != NULL;
    enum tool_exit code = secret_file_open(context, path, secret.bytes);
    if (code == TOOL_DONE && !remove)
        code = passphrase_choose(context, args_value(args, "new-passphrase-file"), &chosen);
    if (code == TOOL_DONE) {
        bool named = secret_key_public(&secret, &key) == TALLY_OK;
        code = secret_file_replace(context, path, secret.bytes, named ? &key : NULL, remove ? NULL : &chosen);
    }
    secret_key_close(&secret);
    passphrase_wipe(&chosen);
    if (code != TOOL_DONE) return code;
    if (context->json)
        return output_json_take(context, json_pack("{s:s, s:b}", "file", path, "sealed", remove ? 0 : 1));
    printf("%s is %s\n", path, remove ? "plain" : "sealed");
    return TOOL_DONE;
}

static enum tool_exit key_run(struct context *context, int count, char **arguments)
{
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help key", why);
    const bool removes = args_value(&args, "remove") != NULL;
    const bool replaces = args_value(&args, "new-passphrase-file") != NULL;
    if (args.positional_count == 2 && strcmp(args.positionals[0], "show") == 0 && !removes && !replaces)
        return show(context, args.positionals[1]);
    if (args.positional_count == 2 && strcmp(args.positionals[0], "passphrase") == 0 &&
        !(removes && replaces))
        return change(context, &args, args.positionals[1]);
    return context_fail(context, TOOL_USAGE, "USAGE",
        "wanted: tally key show FILE, or tally key passphrase FILE [--new-passphrase-file FILE | --remove]");
}
