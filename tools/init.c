/* tally init: a home for a node of a member that is to belong to a network, and its join file. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/codec/governance_json.h"
#include "proto/crypto/digest.h"
#include "tools/args.h"
#include "tools/buffer_text.h"
#include "tools/home_make.h"
#include "tools/join_file.h"
#include "tools/output.h"
#include "tools/salt.h"

#define NODE_YAML_SIZE_MAX (64u * KIB)
#define RPC_PORT_DEFAULT 7443u

static enum tool_exit init_run(struct context *context, int count, char **arguments);

const struct command command_init = {
    .name = "init",
    .summary = "make a node's home, and the join file to hand in",
    .help =
        "usage: tally --home DIR init --network NAME --name NAME --role ROLE --kind KIND --node NAME\n"
        "                             --address HOST:PORT [--licence TEXT] [--observer] [--listen "
        "HOST:PORT]\n"
        "                             [--rpc HOST:PORT] [--subject-key FILE] [--genesis FILE]\n"
        "\n"
        "Makes DIR: the member's keys (node.key, signing.key, ballot.key, salt.key), the certificates that "
        "carry TLS, a first\n"
        "client, node.yaml, and join.json: who the member is, with a proof of each key. That one file goes "
        "to the others. Who\n"
        "founds a network gives it to tally genesis; who joins one, to a member that proposes it by tally "
        "gov admit. A DIR\n"
        "that holds anything is not touched; what fails leaves nothing behind.\n"
        "\n"
        "  --network NAME     the network, a word; with --genesis it is told there\n"
        "  --name NAME        the member's, as people know it\n"
        "  --role ROLE        lender, bureau, regulator or operator\n"
        "  --kind KIND        what it is, in the network's own words: bank, ...\n"
        "  --licence TEXT     by which it is allowed to be that; none unless given\n"
        "  --node NAME        the node's, a word; no other node of the network may have it\n"
        "  --address HOST:PORT  where other nodes reach it\n"
        "  --observer         the node is not to vote; a validator unless given\n"
        "  --listen HOST:PORT   an address of this machine; 0.0.0.0 and the address's port unless given\n"
        "  --rpc HOST:PORT    where the member's own applications reach it; 127.0.0.1:7443 unless given\n"
        "  --subject-key FILE the key for subject ids that the members share, copied to subject.key\n"
        "  --passphrase-file FILE, --passphrase  seal the keys (tally help)\n"
        "  --genesis FILE     of the network to be joined: the proofs are for it alone, and DIR has a copy\n"
        "\n"
        "--json prints {\"home\", \"join\", \"node_key\", \"signing_key\", \"ballot_key\"}, the keys' public "
        "halves.\n",
    .run = init_run,
};

static const struct option_spec options[] = {{"network", true}, {"name", true}, {"role", true},
    {"kind", true}, {"licence", true}, {"node", true}, {"address", true}, {"observer", false},
    {"listen", true}, {"rpc", true}, {"subject-key", true}, {"genesis", true}, {NULL, false}};

/* All of it in memory, before the first file is written. Holds secrets: heap, wiped. */
struct founding {
    char home[HOME_PATH_MAX], made[HOME_PATH_MAX]; /* the home, and the directory that becomes it */
    struct governance_action action;
    char listen[HOME_HOST_MAX + 8], rpc[HOME_HOST_MAX + 8];
    struct genesis *genesis; /* NULL: the network is to be founded */
    struct secret_key node, signing, ballot;
    uint8_t salt_key[SALT_KEY_SIZE], subject_key[KEY_TEXT_SECRET_SIZE];
    bool has_subject_key;
    struct buffer genesis_text, join_text, yaml;
};

/* ---- What is asked for ---- */

static enum tool_exit text_take(struct context *context, const struct args *args, const char *option,
    bool wanted, char *to, size_t size_max)
{
    const char *text = args_value(args, option);
    if (text == NULL && !wanted) return TOOL_DONE;
    if (text == NULL)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "option --%s is missing; see: tally help init", option);
    if (strlen(text) > size_max)
        return context_fail(context, TOOL_USAGE, "USAGE", "--%s is longer than %zu bytes", option, size_max);
    memcpy(to, text, strlen(text) + 1);
    return TOOL_DONE;
}

static enum tool_exit address_take(
    struct context *context, const struct args *args, const char *option, char *to, size_t size_max)
{
    enum tool_exit code = text_take(context, args, option, false, to, size_max);
    if (code != TOOL_DONE || address_is_sound(to)) return code;
    return context_fail(context, TOOL_USAGE, "USAGE", "--%s is '%s', not HOST:PORT", option, to);
}

static enum tool_exit genesis_take(
    struct context *context, const struct args *args, struct founding *founding)
{
    const char *path = args_value(args, "genesis"), *network = args_value(args, "network");
    struct join *join = &founding->action.join;
    char why[MESSAGE_SIZE_MAX];
    if (path == NULL) return text_take(context, args, "network", true, join->network, NAME_SIZE_MAX);
    enum tool_exit code = genesis_open(context, path, &founding->genesis);
    if (code != TOOL_DONE) return code;
    if (network != NULL && strcmp(network, founding->genesis->network) != 0)
        return context_fail(context, TOOL_REFUSED, "NETWORK", "%s is of the network %s, not of %s", path,
            founding->genesis->network, network);
    memcpy(join->network, founding->genesis->network, sizeof join->network);
    if (file_read(path, &founding->genesis_text, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "GENESIS", "%s", why);
    return TOOL_DONE;
}

static enum tool_exit join_take(struct context *context, const struct args *args, struct founding *founding)
{
    struct join *join = &founding->action.join;
    struct new_node *node = &join->nodes[0];
    const char *role = args_value(args, "role");
    founding->action.kind = ACTION_ADMIT_MEMBER;
    enum tool_exit code = genesis_take(context, args, founding);
    if (code == TOOL_DONE) code = text_take(context, args, "name", true, join->name, NAME_SIZE_MAX);
    if (code == TOOL_DONE) code = text_take(context, args, "kind", true, join->kind, REGISTER_KIND_SIZE_MAX);
    if (code == TOOL_DONE) code = text_take(context, args, "licence", false, join->licence, NAME_SIZE_MAX);
    if (code == TOOL_DONE) code = text_take(context, args, "node", true, node->name, NAME_SIZE_MAX);
    if (code == TOOL_DONE)
        code = text_take(context, args, "address", true, node->address, REGISTER_ADDRESS_SIZE_MAX);
    if (code == TOOL_DONE)
        code = address_take(context, args, "address", node->address, REGISTER_ADDRESS_SIZE_MAX);
    if (code != TOOL_DONE) return code;
    join->role = role == NULL ? 0 : (enum member_role)member_role_by_name(role);
    if (join->role == 0)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--role is one of lender, bureau, regulator and operator");
    node->validator = args_value(args, "observer") == NULL;
    snprintf(founding->listen, sizeof founding->listen, "0.0.0.0%s", strrchr(node->address, ':'));
    snprintf(founding->rpc, sizeof founding->rpc, "127.0.0.1:%u", RPC_PORT_DEFAULT);
    code = address_take(context, args, "listen", founding->listen, HOME_HOST_MAX);
    return code == TOOL_DONE ? address_take(context, args, "rpc", founding->rpc, HOME_HOST_MAX) : code;
}

static enum tool_exit subject_key_take(
    struct context *context, const struct args *args, struct founding *founding)
{
    const char *path = args_value(args, "subject-key");
    if (path == NULL) return TOOL_DONE;
    founding->has_subject_key = true;
    return secret_file_open(context, path, founding->subject_key);
}

/* ---- Keys, and the join file ---- */

static void key_pair_make(struct secret_key *secret, struct public_key *key)
{
    secret_key_generate(secret);
    CHECK(secret_key_public(secret, key) == TALLY_OK);
}

static void keys_make(struct founding *founding)
{
    struct join *join = &founding->action.join;
    join->signing_key_count = join->ballot_key_count = join->node_count = 1;
    key_pair_make(&founding->signing, &join->signing_keys[0]);
    key_pair_make(&founding->ballot, &join->ballot_keys[0]);
    key_pair_make(&founding->node, &join->nodes[0].key);
    random_bytes(founding->salt_key, sizeof founding->salt_key);
}

/* Read back as whoever gets the file reads it, which is also what tells whether its texts are sound. */
static enum tool_exit join_check(
    struct context *context, const struct founding *founding, const struct digest *chain_id)
{
    struct governance_action read;
    struct buffer action, proofs;
    char why[MESSAGE_SIZE_MAX / 2];
    buffer_init(&action, ACTION_SIZE_MAX);
    buffer_init(&proofs, NEW_KEYS_MAX * SIGNATURE_SIZE);
    int error = join_file_parse(
        buffer_span(&founding->join_text), chain_id, &read, &action, &proofs, why, sizeof why);
    buffer_close(&action);
    buffer_close(&proofs);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_USAGE, "USAGE",
        "%s. Names of networks and nodes are letters, digits and then - _ .; a name and a kind are not "
        "empty, "
        "and no member and no node is named by digits alone",
        why);
}

static enum tool_exit join_make(struct context *context, struct founding *founding)
{
    const struct digest none = {{0}};
    const struct digest *chain_id = founding->genesis != NULL ? &founding->genesis->chain_id : &none;
    const struct secret_key *const secrets[] = {&founding->signing, &founding->ballot, &founding->node};
    uint8_t proofs[3 * SIGNATURE_SIZE];
    struct buffer action;
    buffer_init(&action, ACTION_SIZE_MAX);
    action_encode(&founding->action, &action);
    struct digest digest = action_proof_digest(chain_id, buffer_span(&action));
    for (size_t i = 0; i < 3; i++) {
        struct signature signature;
        signature_make(secrets[i], &digest, &signature);
        memcpy(proofs + i * SIGNATURE_SIZE, signature.bytes, SIGNATURE_SIZE);
    }
    join_file_print(&founding->action, span_of(proofs, sizeof proofs), &founding->join_text);
    bool failed = action.failed || founding->join_text.failed;
    buffer_close(&action);
    if (failed) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    return join_check(context, founding, chain_id);
}

/* ---- node.yaml ---- */

static void yaml_make(struct founding *founding, const struct digest *client)
{
    const struct new_node *node = &founding->action.join.nodes[0];
    struct buffer *out = &founding->yaml;
    char fingerprint[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(client->bytes, DIGEST_SIZE), fingerprint);
    buffer_text(out, "# The node, as genesis or the register calls it.\nname: %s\n\n", node->name);
    buffer_text(out,
        "# Where it listens for other nodes, an address of this machine; they reach it at %s.\n"
        "peer_address: \"%s\"\n\n",
        node->address, founding->listen);
    buffer_text(out, "# Where applications reach it, over TLS.\nrpc_address: \"%s\"\n\n", founding->rpc);
    buffer_text(out,
        "# Other nodes are dialled at the addresses that the network has for them. Here stand those that "
        "are\n"
        "# to be dialled elsewhere: a list of {name: .., address: \"HOST:PORT\"}.\npeers: []\n\n");
    buffer_text(out,
        "# Who may call, and what: tally client add, list and remove change this. \"local\" is client.crt.\n"
        "clients:\n  - {name: local, fingerprint: \"%s\", roles: [submit, inquire, read, admin]}\n\n",
        fingerprint);
    buffer_text(out, "# The least that is logged: debug, info or unusual.\nlog_level: info\n");
}

/* ---- Files ---- */

static enum tool_exit certificates_of(
    struct context *context, const struct founding *founding, struct digest *client)
{
    const char *names[4] = {"127.0.0.1", "localhost"};
    char rpc[HOME_HOST_MAX + 1], address[HOME_HOST_MAX + 1];
    const struct new_node *node = &founding->action.join.nodes[0];
    uint16_t port;
    size_t count = 2;
    CHECK(address_parse(founding->rpc, rpc, &port) == TALLY_OK);
    CHECK(address_parse(node->address, address, &port) == TALLY_OK);
    if (strcmp(rpc, names[0]) != 0 && strcmp(rpc, names[1]) != 0) names[count++] = rpc;
    if (strcmp(address, rpc) != 0 && strcmp(address, names[0]) != 0 && strcmp(address, names[1]) != 0)
        names[count++] = address;
    return certificates_make(context, founding->made, node->name, names, count, client);
}

static enum tool_exit secrets_make(struct context *context, const struct founding *founding)
{
    const struct join *join = &founding->action.join;
    const struct {
        const char *file;
        const uint8_t *secret; /* NULL: none */
        const struct public_key *key;
    } files[] = {
        {"node.key", founding->node.bytes, &join->nodes[0].key},
        {"signing.key", founding->signing.bytes, &join->signing_keys[0]},
        {"ballot.key", founding->ballot.bytes, &join->ballot_keys[0]},
        {"salt.key", founding->salt_key, NULL},
        {"subject.key", founding->has_subject_key ? founding->subject_key : NULL, NULL},
    };
    enum tool_exit code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < sizeof files / sizeof files[0]; i++)
        if (files[i].secret != NULL)
            code = secret_make(context, founding->made, files[i].file, files[i].secret, files[i].key);
    return code;
}

static enum tool_exit files_make(struct context *context, struct founding *founding)
{
    struct digest client;
    enum tool_exit code = secrets_make(context, founding);
    if (code == TOOL_DONE) code = certificates_of(context, founding, &client);
    if (code != TOOL_DONE) return code;
    yaml_make(founding, &client);
    if (founding->yaml.failed) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    code = text_make(context, founding->made, "node.yaml", 0644, buffer_span(&founding->yaml));
    if (code == TOOL_DONE)
        code = text_make(context, founding->made, "join.json", 0644, buffer_span(&founding->join_text));
    if (code == TOOL_DONE && founding->genesis != NULL)
        code = text_make(context, founding->made, "genesis.json", 0644, buffer_span(&founding->genesis_text));
    return code;
}

/* What was made of a home that failed. There are no folders in it. */
static void files_drop(const char *directory)
{
    DIR *listing = opendir(directory);
    if (listing == NULL) return;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        (void)unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
    (void)rmdir(directory);
}

/* The home is made beside its place, and takes it whole. rename() takes the place of an empty directory, and
 * of nothing else. */
static enum tool_exit home_place(struct context *context, struct founding *founding)
{
    int size = snprintf(founding->made, sizeof founding->made, "%s.%ld.new", founding->home, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof founding->made)
        return context_fail(context, TOOL_REFUSED, "FILE", "the path of the home is too long");
    if (mkdir(founding->made, 0700) != 0)
        return context_fail(context, TOOL_REFUSED, "FILE", "cannot make the directory %s: %s", founding->made,
            strerror(errno));
    enum tool_exit code = files_make(context, founding);
    if (code == TOOL_DONE && rename(founding->made, founding->home) != 0) {
        bool exists = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
        code = context_fail(context, TOOL_REFUSED, exists ? "EXISTS" : "FILE",
            exists ? "%s holds something already, and is not touched; name another directory"
                   : "cannot make the directory %s",
            founding->home);
    }
    if (code != TOOL_DONE) files_drop(founding->made);
    return code;
}

/* ---- The command ---- */

static enum tool_exit home_name(struct context *context, struct founding *founding)
{
    if (context->home == NULL || context->home[0] == '\0')
        return context_fail(
            context, TOOL_USAGE, "USAGE", "no home given; name the one to make by --home DIR or TALLY_HOME");
    size_t size = strlen(context->home);
    while (size > 1 && context->home[size - 1] == '/')
        size--;
    if (size >= sizeof founding->home)
        return context_fail(context, TOOL_REFUSED, "FILE", "the path of the home is too long");
    memcpy(founding->home, context->home, size);
    return TOOL_DONE;
}

static enum tool_exit tell(struct context *context, const struct founding *founding)
{
    const struct join *join = &founding->action.join;
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, founding->home, "join.json", path);
    if (code != TOOL_DONE) return code;
    if (context->json)
        return output_json_take(
            context, json_pack("{s:s, s:s, s:o, s:o, s:o}", "home", founding->home, "join", path, "node_key",
                         json_hex(span_of(join->nodes[0].key.bytes, PUBLIC_KEY_SIZE)), "signing_key",
                         json_hex(span_of(join->signing_keys[0].bytes, PUBLIC_KEY_SIZE)), "ballot_key",
                         json_hex(span_of(join->ballot_keys[0].bytes, PUBLIC_KEY_SIZE))));
    printf("made %s: %s, %s of %s\n", founding->home, join->nodes[0].name,
        join->nodes[0].validator ? "a validator" : "an observer", join->name);
    printf("hand in %s: %s\n", path,
        founding->genesis != NULL ? "a member proposes it by tally gov admit"
                                  : "who makes the genesis gives it to tally genesis");
    if (!founding->has_subject_key)
        printf("for subject ids, put the key that the members share at %s/subject.key\n", founding->home);
    return TOOL_DONE;
}

static enum tool_exit init_run(struct context *context, int count, char **arguments)
{
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help init", why);
    if (args.positional_count > 0)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR init --network NAME ...");
    struct founding *founding = calloc(1, sizeof *founding);
    if (founding == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    buffer_init(&founding->genesis_text, GENESIS_FILE_SIZE_MAX);
    buffer_init(&founding->join_text, JOIN_FILE_SIZE_MAX);
    buffer_init(&founding->yaml, NODE_YAML_SIZE_MAX);
    enum tool_exit code = home_name(context, founding);
    if (code == TOOL_DONE) code = join_take(context, &args, founding);
    if (code == TOOL_DONE) code = subject_key_take(context, &args, founding);
    if (code == TOOL_DONE) {
        keys_make(founding);
        code = join_make(context, founding);
    }
    if (code == TOOL_DONE) code = home_place(context, founding);
    if (code == TOOL_DONE) code = tell(context, founding);
    buffer_close(&founding->genesis_text);
    buffer_close(&founding->join_text);
    buffer_close(&founding->yaml);
    free(founding->genesis);
    explicit_bzero(founding, sizeof *founding);
    free(founding);
    return code;
}
