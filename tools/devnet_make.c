#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/signature.h"
#include "tools/buffer_text.h"
#include "tools/devnet.h"
#include "tools/home_make.h"
#include "tools/output.h"
#include "tools/salt.h"
#include "tools/subject_id.h"

#define BASE_TIMEOUT_MS 60
#define HEARTBEAT_MS 10000
#define PORTS_PER_NODE 2
#define NODE_YAML_SIZE_MAX (64u * KIB)

_Static_assert(PORTS_PER_NODE *DEVNET_NODES_MAX < (DEVNET_PORT_MAX - DEVNET_PORT_MIN) / 2, "ports suffice");

/* Everything that is made in memory before the first file is written. Large, and holds secrets: heap, wiped.
 */
struct making {
    const char *directory;
    uint32_t node_count;
    struct genesis genesis;
    struct buffer genesis_text;
    struct secret_key node_secrets[DEVNET_NODES_MAX];
    struct secret_key signing_secrets[DEVNET_NODES_MAX];
    struct secret_key ballot_secrets[DEVNET_NODES_MAX];
    uint8_t subject_key[SUBJECT_KEY_SIZE];
    uint16_t ports[PORTS_PER_NODE * DEVNET_NODES_MAX]; /* peers', then the RPC's */
};

static enum tool_exit genesis_plan(
    struct context *context, const struct devnet_plan *plan, struct making *making);
static enum tool_exit home_make(struct context *context, const struct making *making, uint32_t index);
static enum tool_exit home_keys_make(
    struct context *context, const struct making *making, uint32_t index, const char *home);
static enum tool_exit home_yaml_make(struct context *context, const struct making *making, uint32_t index,
    const char *home, const struct digest *client);
enum tool_exit devnet_make(struct context *context, const char *directory, const struct devnet_plan *plan)
{
    if (devnet_kind(directory) != 0) {
        return context_fail(context, TOOL_REFUSED, "NOT_EMPTY",
            "%s holds something that is no development network; name an empty or a new directory", directory);
    }
    struct making *making = calloc(1, sizeof *making);
    if (making == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    making->directory = directory;
    making->node_count = plan->validators + plan->observers;
    buffer_init(&making->genesis_text, GENESIS_FILE_SIZE_MAX);

    enum tool_exit code = directory_make(context, directory);
    if (code == TOOL_DONE) code = devnet_ports(context, PORTS_PER_NODE * making->node_count, making->ports);
    if (code == TOOL_DONE) code = genesis_plan(context, plan, making);
    for (uint32_t i = 0; code == TOOL_DONE && i < making->node_count; i++) {
        progress_show("making keys and homes: %u of %u", i + 1, making->node_count);
        code = home_make(context, making, i);
    }
    progress_end();
    if (code == TOOL_DONE) {
        code = text_make(context, directory, "genesis.json", 0644, buffer_span(&making->genesis_text));
    }
    buffer_close(&making->genesis_text);
    explicit_bzero(making, sizeof *making);
    free(making);
    return code;
}

int devnet_kind(const char *directory)
{
    char path[HOME_PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/genesis.json", directory);
    if (size < 0 || (size_t)size >= sizeof path) return -1;
    bool genesis = access(path, F_OK) == 0;
    size = snprintf(path, sizeof path, "%s/validator-1/node.yaml", directory);
    if (genesis && size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0) return 1;

    DIR *listing = opendir(directory);
    if (listing == NULL) return errno == ENOENT ? 0 : -1;
    int kind = 0;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) kind = -1;
    }
    closedir(listing);
    return kind;
}

/* Holds every port open until all are found, so that none is found twice. */
static bool port_hold(uint16_t port, int *held)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    *held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*held < 0) return false;
    setsockopt(*held, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(*held, (struct sockaddr *)&address, sizeof address) == 0 && listen(*held, 1) == 0) return true;
    close(*held);
    return false;
}

enum tool_exit devnet_ports(struct context *context, uint32_t count, uint16_t *ports)
{
    const uint32_t range = DEVNET_PORT_MAX - DEVNET_PORT_MIN;
    int held[PORTS_PER_NODE * DEVNET_NODES_MAX];
    uint32_t found = 0, start;
    CHECK(count <= PORTS_PER_NODE * DEVNET_NODES_MAX);
    /* A random start keeps networks that are made at the same moment out of each other's way. */
    random_bytes(&start, sizeof start);
    start %= range;
    for (uint32_t i = 0; i < range && found < count; i++) {
        uint16_t port = (uint16_t)(DEVNET_PORT_MIN + (start + i) % range);
        if (port_hold(port, &held[found])) ports[found++] = port;
    }
    for (uint32_t i = 0; i < found; i++)
        close(held[i]);
    if (found == count) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "PORTS",
        "%u free ports are needed between %d and %d, and there are %u", count, DEVNET_PORT_MIN,
        DEVNET_PORT_MAX, found);
}

static void key_pair_make(struct secret_key *secret, struct public_key *key)
{
    secret_key_generate(secret);
    CHECK(secret_key_public(secret, key) == TALLY_OK);
}

static enum tool_exit genesis_plan(
    struct context *context, const struct devnet_plan *plan, struct making *making)
{
    struct genesis *genesis = &making->genesis;
    snprintf(genesis->network, sizeof genesis->network, "devnet");
    genesis->policy = plan->policy;
    genesis->created_ms = clock_wall_ms();
    genesis->open_reads = plan->open_reads;
    genesis->base_timeout_ms = BASE_TIMEOUT_MS;
    genesis->heartbeat_ms = HEARTBEAT_MS;
    genesis->member_count = making->node_count;
    genesis->validator_count = plan->validators;
    genesis->observer_count = plan->observers;
    random_bytes(making->subject_key, sizeof making->subject_key);
    for (uint32_t i = 0; i < making->node_count; i++) {
        bool validates = i < plan->validators;
        uint32_t number = validates ? i + 1 : i + 1 - plan->validators;
        struct genesis_member *member = &genesis->members[i];
        member->id = i + 1;
        snprintf(member->kind, sizeof member->kind, "%s", validates ? "bank" : "regulator");
        member->role = validates ? ROLE_LENDER : ROLE_REGULATOR;
        snprintf(member->name, sizeof member->name, "%s %u", validates ? "Member" : "Regulator", number);
        member->key_count = 1;
        key_pair_make(&making->signing_secrets[i], &member->keys[0]);
        member->ballot_key_count = 1;
        key_pair_make(&making->ballot_secrets[i], &member->ballot_keys[0]);

        struct genesis_node *node = validates ? &genesis->validators[i] : &genesis->observers[number - 1];
        snprintf(node->name, sizeof node->name, "%s-%u", validates ? "validator" : "observer", number);
        node->member_id = member->id;
        snprintf(node->address, sizeof node->address, "127.0.0.1:%u", making->ports[i]);
        key_pair_make(&making->node_secrets[i], &node->key);
    }
    genesis_identify(genesis);
    genesis_print(genesis, &making->genesis_text);
    if (making->genesis_text.failed)
        return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    return TOOL_DONE;
}

static const struct genesis_node *node_at(const struct making *making, uint32_t index)
{
    uint32_t validators = making->genesis.validator_count;
    return index < validators ? &making->genesis.validators[index]
                              : &making->genesis.observers[index - validators];
}

static enum tool_exit home_make(struct context *context, const struct making *making, uint32_t index)
{
    static const char *const rpc_names[] = {"127.0.0.1", "localhost"};
    const char *name = node_at(making, index)->name;
    struct digest client;
    char home[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, making->directory, name, home);
    if (code == TOOL_DONE) code = directory_make(context, home);
    if (code == TOOL_DONE) code = home_keys_make(context, making, index, home);
    if (code == TOOL_DONE) code = certificates_make(context, home, name, rpc_names, 2, &client);
    if (code == TOOL_DONE) code = home_yaml_make(context, making, index, home, &client);
    if (code == TOOL_DONE) {
        code = text_make(context, home, "genesis.json", 0644, buffer_span(&making->genesis_text));
    }
    /* Its presence asks for the one start that makes the vote record; it goes away with that start. */
    static const char note[] = "this node has not been started yet\n";
    if (code == TOOL_DONE)
        code = text_make(context, home, "first-start", 0600, span_of(note, sizeof note - 1));
    return code;
}

static enum tool_exit home_keys_make(
    struct context *context, const struct making *making, uint32_t index, const char *home)
{
    const struct genesis_member *member = &making->genesis.members[index];
    uint8_t salt_key[SALT_KEY_SIZE];
    random_bytes(salt_key, sizeof salt_key);
    const struct {
        const char *file;
        const uint8_t *key;
        const struct public_key *public_key;
    } keys[] = {
        {"node.key", making->node_secrets[index].bytes, &node_at(making, index)->key},
        {"signing.key", making->signing_secrets[index].bytes, &member->keys[0]},
        {"ballot.key", making->ballot_secrets[index].bytes, &member->ballot_keys[0]},
        {"salt.key", salt_key, NULL},
        {"subject.key", making->subject_key, NULL},
    };
    enum tool_exit code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < sizeof keys / sizeof keys[0]; i++)
        code = secret_make(context, home, keys[i].file, keys[i].key, keys[i].public_key);
    explicit_bzero(salt_key, sizeof salt_key);
    return code;
}

static enum tool_exit home_yaml_make(struct context *context, const struct making *making, uint32_t index,
    const char *home, const struct digest *client)
{
    char fingerprint[2 * DIGEST_SIZE + 1];
    enum tool_exit code;
    hex_encode(span_of(client->bytes, DIGEST_SIZE), fingerprint);
    struct buffer text;
    buffer_init(&text, NODE_YAML_SIZE_MAX);
    buffer_text(&text, "name: %s\n", node_at(making, index)->name);
    buffer_text(&text, "peer_address: 127.0.0.1:%u\n", making->ports[index]);
    buffer_text(&text, "rpc_address: 127.0.0.1:%u\n", making->ports[making->node_count + index]);
    buffer_text(&text, "peers:\n");
    for (uint32_t i = 0; i < making->node_count; i++) {
        if (i == index) continue;
        buffer_text(
            &text, "  - {name: %s, address: \"127.0.0.1:%u\"}\n", node_at(making, i)->name, making->ports[i]);
    }
    buffer_text(&text,
        "clients:\n  - {name: local, fingerprint: \"%s\", roles: [submit, inquire, read, admin], rate: "
        "1000000, "
        "concurrency: 10000}\n",
        fingerprint);
    if (text.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else {
        code = text_make(context, home, "node.yaml", 0644, buffer_span(&text));
    }
    buffer_close(&text);
    return code;
}
