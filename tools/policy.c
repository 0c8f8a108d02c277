/* tally policy: a policy as JSON, by its profile's name or from a file, checked. */
#include "tools/policy.h"

#include <stdio.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/file.h"
#include "tools/output.h"
#include "tools/policies/profile.h"

static enum tool_exit policy_run(struct context *context, int count, char **arguments);

const struct command command_policy = {
    .name = "policy",
    .summary = "print or check a policy: a shipped profile or a file",
    .help =
        "usage: tally policy NAME|FILE\n"
        "\n"
        "Checks a policy and prints it as the JSON that a genesis carries, and that tally devnet up "
        "--policy takes.\n"
        "NAME is a profile that ships: cn, us, or dev (no caps). Anything with a / or a . in it is a file: "
        "to found a\n"
        "network on rules of its own, print a profile, edit the copy, name it and give that.\n"
        "\n"
        "  tally policy cn > ours.json; edit ours.json; tally policy ./ours.json\n"
        "\n"
        "--json prints {\"digest\", \"policy\"}: the digest is what stands for it under every state root.\n",
    .run = policy_run,
};

/* Whoever reads "cn" in a report takes it for what ships as that. */
static bool is_false_profile(const struct credit_policy *policy)
{
    struct credit_policy shipped;
    if (policy_profile(policy->name, &shipped) != TALLY_OK) return false;
    struct digest digest = credit_policy_root(policy), of_shipped = credit_policy_root(&shipped);
    return !digest_equal(&digest, &of_shipped);
}

static enum tool_exit read_policy_file(
    struct context *context, const char *path, struct credit_policy *policy)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer text;
    enum tool_exit code = TOOL_DONE;
    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    if (file_read(path, &text, why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    else if (credit_policy_parse(buffer_span(&text), policy, why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "POLICY", "%s is no policy: %s", path, why);
    else if (is_false_profile(policy))
        code = context_fail(context, TOOL_REFUSED, "POLICY",
            "%s calls itself %s and is not what ships under that name: give it a name of its own", path,
            policy->name);
    buffer_close(&text);
    return code;
}

enum tool_exit policy_open(struct context *context, const char *name, struct credit_policy *policy)
{
    if (strpbrk(name, "/.") != NULL) return read_policy_file(context, name, policy);
    if (policy_profile(name, policy) == TALLY_OK) return TOOL_DONE;
    return context_fail(
        context, TOOL_USAGE, "USAGE", "there is no policy '%s': cn, us, dev, or a file as ./ours.json", name);
}

static enum tool_exit policy_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{NULL, false}};
    char why[MESSAGE_SIZE_MAX], hex[DIGEST_SIZE * 2 + 1];
    struct args args;
    struct credit_policy policy;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help policy", why);
    if (args.positional_count != 1)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally policy NAME|FILE");
    enum tool_exit code = policy_open(context, args.positionals[0], &policy);
    if (code != TOOL_DONE) return code;

    struct buffer text;
    struct digest digest = credit_policy_root(&policy);
    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    credit_policy_print(&policy, &text);
    if (text.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else if (context->json) {
        hex_encode(span_of(digest.bytes, DIGEST_SIZE), hex);
        code = output_json_take(context, json_pack("{s:s, s:o}", "digest", hex, "policy",
                                             json_loadb((const char *)text.data, text.size, 0, NULL)));
    } else {
        fwrite(text.data, 1, text.size, stdout);
    }
    buffer_close(&text);
    return code;
}
