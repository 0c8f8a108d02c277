#include <stdio.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/output.h"
#include "tools/secret_file.h"

static enum tool_exit keygen_run(struct context *context, int count, char **arguments);

const struct command command_keygen = {
    .name = "keygen",
    .summary = "make a secp256k1 key",
    .help = "usage: tally keygen --out FILE [--passphrase-file FILE | --passphrase]\n"
            "\n"
            "Makes a new secp256k1 key, writes the secret to FILE (mode 0600: 64 hexadecimal digits, or "
            "sealed where a "
            "passphrase is\n"
            "given) and prints the public key (66 digits). A file that exists is never overwritten.\n"
            "\n"
            "  --out FILE   where the secret key goes\n"
            "\n"
            "--json prints {\"public_key\", \"file\"}.\n",
    .run = keygen_run,
};

static enum tool_exit keygen_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"out", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help keygen", why);
    }
    const char *path = args_value(&args, "out");
    if (path == NULL || args.positional_count > 0) {
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally keygen --out FILE");
    }
    struct public_key key;
    enum tool_exit code = key_file_make(context, path, &key);
    if (code != TOOL_DONE) return code;

    char text[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(span_of(key.bytes, PUBLIC_KEY_SIZE), text);
    if (context->json) {
        return output_json_take(context, json_pack("{s:s, s:s}", "public_key", text, "file", path));
    }
    printf("%s\n", text);
    return TOOL_DONE;
}
