/* tally genesis: a network from its founders' join files, and a founder's check of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/date.h"
#include "proto/crypto/signature.h"
#include "tools/args.h"
#include "tools/founding.h"
#include "tools/home_make.h"
#include "tools/output.h"
#include "tools/policy.h"

#define BASE_TIMEOUT_MS_DEFAULT 400u
#define HEARTBEAT_MS_DEFAULT 10000u

static enum tool_exit genesis_run(struct context *context, int count, char **arguments);

const struct command command_genesis = {
    .name = "genesis",
    .summary = "found a network from join files, or check its genesis",
    .help =
        "usage: tally genesis JOIN.. --out FILE [--created TIME] [--policy NAME|FILE]\n"
        "                            [--base-timeout-ms N] [--heartbeat-ms N] [--open-reads]\n"
        "       tally [--home DIR] genesis --check FILE\n"
        "\n"
        "Makes the genesis of a network of the members whose join files are given, in this order. Checks "
        "the proof of every\n"
        "key, that no key and no name stands twice, and that four validators are there. It goes to every "
        "founder; what it\n"
        "says cannot be changed later but by ballot. The same files, options and time make the same bytes, "
        "so that each\n"
        "founder can make it.\n"
        "\n"
        "--check tells the chain id and who is in. With --home it also holds the genesis against the home's "
        "join.json and\n"
        "node.key, and puts it into the home. Compare the chain id with the other founders by another way "
        "than the file came.\n"
        "\n"
        "  --out FILE             where the genesis goes; never written over\n"
        "  --created TIME         when: milliseconds since 1970, or a day, YYYY-MM-DD; now unless given\n"
        "  --policy NAME|FILE     as tally policy takes it; dev (no caps) unless given\n"
        "  --base-timeout-ms N    1 to 30000; 400 unless given: several times the way from one node to "
        "another\n"
        "  --heartbeat-ms N       0 to 86400000; 10000 unless given: a network at rest makes a block so "
        "often\n"
        "  --open-reads           histories are answered to every member, unrecorded: for development alone\n"
        "\n"
        "--json prints {\"chain_id\", \"network\", \"created_ms\", \"members\": [{\"id\", \"name\", "
        "\"role\", \"kind\", \"licence\"}],\n"
        "\"nodes\": [{\"name\", \"member\", \"address\", \"key\", \"validator\"}], \"file\"}.\n",
    .run = genesis_run,
};

static const struct option_spec options[] = {{"out", true}, {"created", true}, {"policy", true},
    {"base-timeout-ms", true}, {"heartbeat-ms", true}, {"open-reads", false}, {"check", true}, {NULL, false}};

/* ---- Telling ---- */

static json_t *members_json(const struct genesis *genesis)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        json_array_append_new(list,
            json_pack("{s:I, s:s, s:s, s:s, s:s}", "id", (json_int_t)member->id, "name", member->name, "role",
                member_role_name((uint32_t)member->role), "kind", member->kind, "licence", member->licence));
    }
    return list;
}

static void nodes_json(const struct genesis_node *nodes, uint32_t count, bool validators, json_t *list)
{
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list,
            json_pack("{s:s, s:I, s:s, s:o, s:b}", "name", nodes[i].name, "member",
                (json_int_t)nodes[i].member_id, "address", nodes[i].address, "key",
                json_hex(span_of(nodes[i].key.bytes, PUBLIC_KEY_SIZE)), "validator", validators ? 1 : 0));
}

static void nodes_print(
    const struct genesis_node *nodes, uint32_t count, uint32_t member_id, const char *what)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i].member_id == member_id)
            printf("      %-9s  %s at %s\n", what, nodes[i].name, nodes[i].address);
}

static enum tool_exit tell(struct context *context, const struct genesis *genesis, const char *file)
{
    char chain_id[2 * DIGEST_SIZE + 1], created[TIME_TEXT_SIZE];
    hex_encode(span_of(genesis->chain_id.bytes, DIGEST_SIZE), chain_id);
    if (context->json) {
        json_t *nodes = json_array();
        nodes_json(genesis->validators, genesis->validator_count, true, nodes);
        nodes_json(genesis->observers, genesis->observer_count, false, nodes);
        return output_json_take(
            context, json_pack("{s:s, s:s, s:I, s:o, s:o, s:s}", "chain_id", chain_id, "network",
                         genesis->network, "created_ms", (json_int_t)genesis->created_ms, "members",
                         members_json(genesis), "nodes", nodes, "file", file));
    }
    time_to_text(genesis->created_ms, created);
    printf("%s\n  chain id  %s\n  network   %s\n  created   %s (--created %" PRIu64
           ")\n  policy    %s, version %u\n  members\n",
        file, chain_id, genesis->network, created, genesis->created_ms, genesis->policy.name,
        genesis->policy.version);
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        printf("    %u %s: %s, %s%s%s\n", member->id, member->name, member_role_name((uint32_t)member->role),
            member->kind, member->licence[0] == '\0' ? "" : ", ", member->licence);
        nodes_print(genesis->validators, genesis->validator_count, member->id, "validator");
        nodes_print(genesis->observers, genesis->observer_count, member->id, "observer");
    }
    return TOOL_DONE;
}

/* ---- Making ---- */

static enum tool_exit number_take(struct context *context, const struct args *args, const char *option,
    uint32_t least, uint32_t most, uint32_t otherwise, uint32_t *to)
{
    const char *text = args_value(args, option);
    uint64_t number = otherwise;
    if (text != NULL && number_from_text(text, least, most, &number) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "--%s is '%s', not a number from %u to %u", option,
            text, least, most);
    *to = (uint32_t)number;
    return TOOL_DONE;
}

static enum tool_exit created_take(struct context *context, const struct args *args, uint64_t *created_ms)
{
    const char *text = args_value(args, "created");
    int32_t days;
    *created_ms = clock_wall_ms();
    if (text == NULL || number_from_text(text, 1, INT64_MAX, created_ms) == TALLY_OK) return TOOL_DONE;
    if (date_from_text(text, &days) == TALLY_OK && days > 0) {
        *created_ms = (uint64_t)days * MS_PER_DAY;
        return TOOL_DONE;
    }
    return context_fail(context, TOOL_USAGE, "USAGE",
        "--created is '%s', neither milliseconds since 1970 nor YYYY-MM-DD", text);
}

static enum tool_exit terms_take(struct context *context, const struct args *args, struct genesis *genesis)
{
    const char *policy = args_value(args, "policy");
    genesis->open_reads = args_value(args, "open-reads") != NULL;
    enum tool_exit code = created_take(context, args, &genesis->created_ms);
    if (code == TOOL_DONE)
        code = number_take(context, args, "base-timeout-ms", 1, REGISTER_BASE_TIMEOUT_MS_MAX,
            BASE_TIMEOUT_MS_DEFAULT, &genesis->base_timeout_ms);
    if (code == TOOL_DONE)
        code = number_take(context, args, "heartbeat-ms", 0, REGISTER_HEARTBEAT_MS_MAX, HEARTBEAT_MS_DEFAULT,
            &genesis->heartbeat_ms);
    return code == TOOL_DONE ? policy_open(context, policy == NULL ? "dev" : policy, &genesis->policy) : code;
}

static enum tool_exit found(struct context *context, const struct args *args, struct genesis *genesis)
{
    static struct governance_action action;
    const char *out = args_value(args, "out");
    char why[MESSAGE_SIZE_MAX];
    struct buffer text;
    if (out == NULL || args->positional_count == 0)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally genesis JOIN.. --out FILE; see: tally help genesis");
    enum tool_exit code = terms_take(context, args, genesis);
    for (size_t i = 0; code == TOOL_DONE && i < args->positional_count; i++) {
        code = founder_open(context, args->positionals[i], &action);
        if (code == TOOL_DONE) code = founder_add(context, args->positionals[i], &action.join, genesis);
    }
    buffer_init(&text, GENESIS_FILE_SIZE_MAX);
    if (code == TOOL_DONE) code = genesis_finish(context, genesis, &text);
    if (code == TOOL_DONE && file_create(out, 0644, buffer_span(&text), why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    buffer_close(&text);
    return code == TOOL_DONE ? tell(context, genesis, out) : code;
}

/* ---- Checking ---- */

/* The home is the one that the join file was made with. */
static enum tool_exit own_key_check(struct context *context, const struct home *home, const struct join *join)
{
    struct public_key key;
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, home->path, "node.key", path);
    if (code == TOOL_DONE) code = secret_file_public(context, path, &key);
    if (code == TOOL_DONE && !public_key_equal(&key, &join->nodes[0].key))
        code = context_fail(context, TOOL_REFUSED, "DIFFERS", "%s/node.key is not the key in %s/join.json",
            home->path, home->path);
    return code;
}

/* One that is there already must be the same network's. */
static enum tool_exit genesis_put(
    struct context *context, const struct home *home, const char *file, const struct digest *chain_id)
{
    struct genesis *held = NULL;
    struct buffer text;
    char path[HOME_PATH_MAX], why[MESSAGE_SIZE_MAX];
    enum tool_exit code = path_join(context, home->path, "genesis.json", path);
    buffer_init(&text, GENESIS_FILE_SIZE_MAX);
    if (code == TOOL_DONE && file_read(file, &text, why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    if (code == TOOL_DONE) {
        int error = file_create(path, 0644, buffer_span(&text), why, sizeof why);
        if (error == TALLY_EEXISTS) {
            code = genesis_open(context, path, &held);
            if (code == TOOL_DONE && !digest_equal(&held->chain_id, chain_id))
                code = context_fail(
                    context, TOOL_REFUSED, "EXISTS", "%s is there, and is of another network", path);
        } else if (error != TALLY_OK) {
            code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
        }
    }
    free(held);
    buffer_close(&text);
    return code;
}

static enum tool_exit check(struct context *context, const char *file)
{
    static struct governance_action action;
    struct genesis *genesis = NULL;
    struct home home;
    char path[HOME_PATH_MAX];
    enum tool_exit code = genesis_open(context, file, &genesis);
    if (code == TOOL_DONE && context->home != NULL && context->home[0] != '\0') {
        code = home_open_given(context, &home);
        if (code == TOOL_DONE) code = path_join(context, home.path, "join.json", path);
        if (code == TOOL_DONE) code = founder_open(context, path, &action);
        if (code == TOOL_DONE) code = own_key_check(context, &home, &action.join);
        if (code == TOOL_DONE) code = founder_check(context, &action.join, genesis);
        if (code == TOOL_DONE) code = genesis_put(context, &home, file, &genesis->chain_id);
    }
    if (code == TOOL_DONE) code = tell(context, genesis, file);
    free(genesis);
    return code;
}

/* ---- The command ---- */

static enum tool_exit genesis_run(struct context *context, int count, char **arguments)
{
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help genesis", why);
    const char *file = args_value(&args, "check");
    if (file != NULL) {
        bool alone = args.positional_count == 0;
        for (size_t i = 0; options[i].name != NULL; i++)
            alone = alone && (args.values[i] == NULL || args.values[i] == file);
        if (!alone)
            return context_fail(
                context, TOOL_USAGE, "USAGE", "wanted: tally [--home DIR] genesis --check FILE");
        return check(context, file);
    }
    struct genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = found(context, &args, genesis);
    free(genesis);
    return code;
}
