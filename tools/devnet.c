#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/devnet.h"
#include "tools/devnet_watch.h"
#include "tools/output.h"
#include "tools/policy.h"

#define FOLLOW_POLL_MS 100
#define LOG_STEP_SIZE 65536

static enum tool_exit devnet_run(struct context *context, int count, char **arguments);
static enum tool_exit up_run(struct context *context, const struct args *args);
static enum tool_exit down_run(struct context *context, const struct args *args);
static enum tool_exit status_run(struct context *context, const struct args *args);
static enum tool_exit stop_run(struct context *context, const struct args *args);
static enum tool_exit start_run(struct context *context, const struct args *args);
static enum tool_exit logs_run(struct context *context, const struct args *args);
static enum tool_exit node_named(
    struct context *context, const struct args *args, struct devnet *devnet, const struct devnet_node **node);
static enum tool_exit log_copy(struct context *context, const char *path, bool follow);

const struct command command_devnet = {
    .name = "devnet",
    .summary = "a network on this machine: up, down, status, stop, start, logs",
    .help =
        "usage: tally devnet up --dir DIR [--validators N] [--observers M] [--policy NAME] [--open-reads]\n"
        "                       [--no-start]\n"
        "       tally devnet down --dir DIR\n"
        "       tally devnet status --dir DIR\n"
        "       tally devnet stop NAME --dir DIR\n"
        "       tally devnet start NAME --dir DIR\n"
        "       tally devnet logs NAME --dir DIR [--follow]\n"
        "\n"
        "A whole network on this machine, without containers. `up` makes keys, certificates, a genesis "
        "and a home for\n"
        "each node (DIR/validator-1 and so on, DIR/observer-1 and so on, beside DIR/genesis.json), "
        "starts the nodes, and\n"
        "waits until they agree. On a DIR that holds a network already it starts what is not running. "
        "Validator k is the\n"
        "node of member k, a lender; observers are regulators'. Every node listens on 127.0.0.1, on "
        "ports that were free\n"
        "when the network was made; they stand in each node.yaml.\n"
        "\n"
        "  --dir DIR         where the network lives\n"
        "  --validators N    4 to 64; 4 unless given\n"
        "  --observers M     0 to 64; 1 unless given\n"
        "  --policy NAME     the policy in genesis: cn, us, dev (no caps), or a file (tally help policy); "
        "dev "
        "unless given\n"
        "  --open-reads      a genesis by which every member reads every file without an inquiry: for "
        "tests alone\n"
        "  --no-start        make the network, start nothing\n"
        "  --follow          go on printing what is added to the log, until interrupted\n"
        "\n"
        "--json: up, status, stop, start and down print {\"dir\", \"chain_id\", \"nodes\": [{\"name\", "
        "\"role\", \"pid\", \"running\",\n"
        "\"rpc\", \"finalized_height\", \"applied_height\", \"state_root\", \"checkpoint\"}]}, with null "
        "for what a node that does\n"
        "not answer cannot tell; state_root is that of the applied height. logs prints {\"node\", "
        "\"line\"}, one a line.\n",
    .run = devnet_run,
};

static const struct option_spec options[] = {{"dir", true}, {"validators", true}, {"observers", true},
    {"policy", true}, {"open-reads", false}, {"no-start", false}, {"follow", false}, {NULL, false}};

static const struct {
    const char *name;
    size_t arguments; /* beside the name itself */
    enum tool_exit (*run)(struct context *context, const struct args *args);
    const char *allowed[7]; /* options, NULL after the last */
} verbs[] = {
    {"up", 0, up_run, {"dir", "validators", "observers", "policy", "open-reads", "no-start"}},
    {"down", 0, down_run, {"dir"}},
    {"status", 0, status_run, {"dir"}},
    {"stop", 1, stop_run, {"dir"}},
    {"start", 1, start_run, {"dir"}},
    {"logs", 1, logs_run, {"dir", "follow"}},
};

static enum tool_exit devnet_run(struct context *context, int count, char **arguments)
{
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help devnet", why);
    }
    if (args_value(&args, "dir") == NULL) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "option --dir DIR is missing; see: tally help devnet");
    }
    for (size_t i = 0; args.positional_count > 0 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, args.positionals[0]) != 0) continue;
        if (args.positional_count != verbs[i].arguments + 1) {
            return context_fail(context, TOOL_USAGE, "USAGE", "devnet %s takes %s; see: tally help devnet",
                verbs[i].name, verbs[i].arguments == 0 ? "no name" : "one node's name");
        }
        for (size_t o = 0; options[o].name != NULL; o++) {
            bool allowed = args.values[o] == NULL;
            for (size_t a = 0; !allowed && verbs[i].allowed[a] != NULL; a++) {
                allowed = strcmp(verbs[i].allowed[a], options[o].name) == 0;
            }
            if (!allowed) {
                return context_fail(context, TOOL_USAGE, "USAGE", "devnet %s takes no option --%s",
                    verbs[i].name, options[o].name);
            }
        }
        return verbs[i].run(context, &args);
    }
    return context_fail(
        context, TOOL_USAGE, "USAGE", "wanted: tally devnet up|down|status|stop|start|logs --dir DIR");
}

static enum tool_exit number_option(struct context *context, const struct args *args, const char *name,
    uint32_t least, uint32_t most, uint32_t *number)
{
    const char *text = args_value(args, name);
    uint64_t value = *number;
    if (text != NULL && number_from_text(text, least, most, &value) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--%s is a number from %u to %u, not '%s'", name,
            least, most, text);
    }
    *number = (uint32_t)value;
    return TOOL_DONE;
}

static enum tool_exit up_run(struct context *context, const struct args *args)
{
    const char *directory = args_value(args, "dir"), *policy = args_value(args, "policy");
    struct devnet_plan plan = {
        .validators = 4, .observers = 1, .open_reads = args_value(args, "open-reads") != NULL};
    enum tool_exit code =
        number_option(context, args, "validators", VALIDATORS_MIN, VALIDATORS_MAX, &plan.validators);
    if (code == TOOL_DONE)
        code = number_option(context, args, "observers", 0, OBSERVERS_MAX, &plan.observers);
    if (code != TOOL_DONE) return code;
    code = policy_open(context, policy == NULL ? "dev" : policy, &plan.policy);
    if (code != TOOL_DONE) return code;
    struct devnet devnet = {.node_count = 0};
    uint64_t start_ms = clock_steady_ms();
    if (devnet_kind(directory) != 1) {
        code = devnet_make(context, directory, &plan);
    } else if (args_value(args, "validators") != NULL || args_value(args, "observers") != NULL ||
               policy != NULL || plan.open_reads) {
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "%s holds a network already; start it without --validators, --observers, --policy and "
            "--open-reads",
            directory);
    }
    if (code == TOOL_DONE) code = devnet_open(context, directory, &devnet);
    if (code == TOOL_DONE && args_value(args, "no-start") == NULL) code = devnet_start_all(context, &devnet);
    if (code == TOOL_DONE && !context->json && args_value(args, "no-start") == NULL) {
        printf("%u nodes up and in agreement after %.1f s\n", devnet.node_count,
            (double)(clock_steady_ms() - start_ms) / 1000);
    }
    if (code == TOOL_DONE) code = devnet_print(context, &devnet);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit down_run(struct context *context, const struct args *args)
{
    struct devnet devnet;
    enum tool_exit code = devnet_open(context, args_value(args, "dir"), &devnet);
    if (code == TOOL_DONE) code = devnet_nodes_stop(context, devnet.nodes, devnet.node_count);
    if (code == TOOL_DONE) code = devnet_print(context, &devnet);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit status_run(struct context *context, const struct args *args)
{
    struct devnet devnet;
    enum tool_exit code = devnet_open(context, args_value(args, "dir"), &devnet);
    if (code == TOOL_DONE) code = devnet_print(context, &devnet);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit stop_run(struct context *context, const struct args *args)
{
    struct devnet devnet;
    const struct devnet_node *node = NULL;
    enum tool_exit code = node_named(context, args, &devnet, &node);
    if (code == TOOL_DONE) code = devnet_nodes_stop(context, node, 1);
    if (code == TOOL_DONE) code = devnet_print(context, &devnet);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit start_run(struct context *context, const struct args *args)
{
    struct devnet devnet;
    const struct devnet_node *node = NULL;
    enum tool_exit code = node_named(context, args, &devnet, &node);
    if (code == TOOL_DONE) code = devnet_start_one(context, &devnet, node);
    if (code == TOOL_DONE) code = devnet_print(context, &devnet);
    devnet_close(&devnet);
    return code;
}

static enum tool_exit logs_run(struct context *context, const struct args *args)
{
    struct devnet devnet;
    const struct devnet_node *node = NULL;
    char path[HOME_PATH_MAX];
    enum tool_exit code = node_named(context, args, &devnet, &node);
    if (code == TOOL_DONE) code = path_join(context, node->home, "node.log", path);
    if (code == TOOL_DONE) code = log_copy(context, path, args_value(args, "follow") != NULL);
    devnet_close(&devnet);
    return code;
}

/* Opens the network and finds the node that the second argument names. *devnet is to be closed either way. */
static enum tool_exit node_named(
    struct context *context, const struct args *args, struct devnet *devnet, const struct devnet_node **node)
{
    enum tool_exit code = devnet_open(context, args_value(args, "dir"), devnet);
    if (code != TOOL_DONE) return code;
    *node = devnet_node_by_name(devnet, args->positionals[1]);
    if (*node != NULL) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE",
        "%s has no node '%s'; its nodes are validator-1 to validator-%u%s", devnet->path,
        args->positionals[1], devnet->genesis->validator_count,
        devnet->genesis->observer_count > 0 ? " and observer-1 and so on" : "");
}

/* One line of the log; `line` ends in a newline where the log's does. */
static bool line_print(struct context *context, const char *line)
{
    if (!context->json) return fputs(line, stdout) != EOF;
    json_t *object = json_pack("{s:s%}", "line", line, strcspn(line, "\n"));
    if (object == NULL) object = json_pack("{s:s}", "line", "(a line that is not UTF-8)");
    return output_json_take(context, object) == TOOL_DONE;
}

static enum tool_exit log_copy(struct context *context, const char *path, bool follow)
{
    static char line[LOG_STEP_SIZE];
    FILE *log = fopen(path, "re");
    if (log == NULL) {
        return context_fail(
            context, TOOL_REFUSED, "NO_LOG", "there is no log at %s; has the node ever run?", path);
    }
    bool good = true;
    while (good) {
        if (fgets(line, sizeof line, log) != NULL) {
            good = line_print(context, line);
        } else if (follow && !ferror(log)) {
            struct timespec pause = {.tv_nsec = FOLLOW_POLL_MS * 1000000L};
            fflush(stdout);
            nanosleep(&pause, NULL);
            clearerr(log);
        } else {
            break;
        }
    }
    bool failed = ferror(log) != 0;
    fclose(log);
    if (failed || !good) return context_fail(context, TOOL_REFUSED, "OUTPUT", "cannot copy %s", path);
    return TOOL_DONE;
}
