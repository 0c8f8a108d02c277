#include "node/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/credit/policy.h"
#include "proto/base/check.h"

#define FILE_SIZE_MAX (1u * MIB)

/* ---- node.yaml, as libcyaml reads it ---- */

struct yaml_peer {
    char *name;
    char *address;
};

struct yaml_client {
    char *name;
    char *fingerprint;
    char **roles;
    unsigned roles_count;
};

struct yaml_node {
    char *name;
    char *peer_address;
    char *rpc_address;
    struct yaml_peer *peers;
    unsigned peers_count;
    struct yaml_client *clients;
    unsigned clients_count;
    uint32_t subject_cache_mib;
};

static const cyaml_schema_field_t peer_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_peer, name, 1, NAME_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct yaml_peer, address, 1, HOST_SIZE_MAX + 8),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_peer, peer_fields),
};

static const cyaml_schema_value_t role_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 32),
};
static const cyaml_schema_field_t client_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_client, name, 1, NAME_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("fingerprint", CYAML_FLAG_POINTER, struct yaml_client, fingerprint, 64, 64),
    CYAML_FIELD_SEQUENCE("roles", CYAML_FLAG_POINTER, struct yaml_client, roles, &role_schema, 0, 8),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_client, client_fields),
};

static const cyaml_schema_field_t node_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_node, name, 1, NAME_SIZE_MAX),
    CYAML_FIELD_STRING_PTR(
        "peer_address", CYAML_FLAG_POINTER, struct yaml_node, peer_address, 1, HOST_SIZE_MAX + 8),
    CYAML_FIELD_STRING_PTR(
        "rpc_address", CYAML_FLAG_POINTER, struct yaml_node, rpc_address, 1, HOST_SIZE_MAX + 8),
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER, struct yaml_node, peers, &peer_schema, 0, PEERS_MAX),
    CYAML_FIELD_SEQUENCE("clients", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_node, clients,
        &client_schema, 0, CLIENTS_MAX),
    CYAML_FIELD_UINT("subject_cache_mib", CYAML_FLAG_OPTIONAL, struct yaml_node, subject_cache_mib),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t node_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_node, node_fields),
};

/* ---- One sentence on failure ---- */

struct why {
    char *text;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static int fail(struct why why, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, why.size, format, arguments);
    va_end(arguments);
    return error;
}

/* libcyaml reports problems line by line; the last error line is kept for the sentence. */
__attribute__((format(printf, 3, 0))) static void keep_yaml_error(
    cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    if (level < CYAML_LOG_ERROR) return;
    char *line = context;
    if (line[0] != '\0') return;
    vsnprintf(line, 200, format, arguments);
    line[strcspn(line, "\n")] = '\0';
}

/* ---- Files ---- */

static int read_file(const char *path, struct buffer *out, struct why why)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail(
            why, errno == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO, "cannot open %s: %s", path, strerror(errno));
    buffer_init(out, FILE_SIZE_MAX);
    char chunk[4096];
    size_t size;
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0)
        buffer_append(out, chunk, size);
    int error = TALLY_OK;
    if (ferror(file))
        error = fail(why, TALLY_EIO, "cannot read %s: %s", path, strerror(errno));
    else if (out->failed)
        error = fail(why, TALLY_EFORM, "%s is larger than a node file can be", path);
    fclose(file);
    if (error != TALLY_OK) buffer_close(out);
    return error;
}

static int read_secret(const char *path, struct secret_key *secret, struct why why)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & 077) != 0)
        return fail(why, TALLY_EDENIED, "%s can be read by others; run: chmod 600 %s", path, path);
    struct buffer text;
    int error = read_file(path, &text, why);
    if (error != TALLY_OK) return error;
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    buffer_u8(&text, 0);
    if (text.failed || hex_decode((const char *)text.data, secret->bytes, SECRET_KEY_SIZE) != TALLY_OK)
        error = fail(why, TALLY_EFORM, "%s is not a key: 64 hexadecimal digits were expected", path);
    if (text.data != NULL) explicit_bzero(text.data, text.capacity);
    buffer_close(&text);
    return error;
}

/* ---- Values ---- */

static int parse_address(const char *text, struct config_address *address)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || (size_t)(colon - text) > HOST_SIZE_MAX) return TALLY_EFORM;
    char *end;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (errno != 0 || end == colon + 1 || *end != '\0' || port == 0 || port > UINT16_MAX) return TALLY_EFORM;
    memset(address, 0, sizeof *address);
    memcpy(address->host, text, (size_t)(colon - text));
    address->port = (uint16_t)port;
    return TALLY_OK;
}

static int parse_role(const char *text, uint32_t *role)
{
    static const struct {
        const char *name;
        uint32_t role;
    } roles[] = {{"submit", CLIENT_SUBMIT}, {"inquire", CLIENT_INQUIRE}, {"read", CLIENT_READ},
        {"admin", CLIENT_ADMIN}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(text, roles[i].name) == 0) {
            *role = roles[i].role;
            return TALLY_OK;
        }
    return TALLY_EFORM;
}

static void copy_name(char *to, const char *from)
{
    CHECK(strlen(from) <= NAME_SIZE_MAX);
    strcpy(to, from);
}

static int take_clients(const struct yaml_node *yaml, struct config *config, const char *path, struct why why)
{
    for (unsigned i = 0; i < yaml->clients_count; i++) {
        const struct yaml_client *from = &yaml->clients[i];
        struct config_client *client = &config->clients[i];
        copy_name(client->name, from->name);
        if (hex_decode(from->fingerprint, client->fingerprint.bytes, DIGEST_SIZE) != TALLY_OK)
            return fail(why, TALLY_EFORM, "%s: client \"%s\": the fingerprint is not 64 hexadecimal digits",
                path, from->name);
        for (unsigned r = 0; r < from->roles_count; r++) {
            uint32_t role = 0;
            if (parse_role(from->roles[r], &role) != TALLY_OK)
                return fail(why, TALLY_EFORM,
                    "%s: client \"%s\": no role \"%s\"; there are submit, inquire, read, admin", path,
                    from->name, from->roles[r]);
            client->roles |= role;
        }
    }
    config->client_count = yaml->clients_count;
    return TALLY_OK;
}

static int take_yaml(const struct yaml_node *yaml, struct config *config, const char *path, struct why why)
{
    copy_name(config->name, yaml->name);
    if (parse_address(yaml->peer_address, &config->peer_address) != TALLY_OK)
        return fail(why, TALLY_EFORM, "%s: peer_address \"%s\" is not HOST:PORT", path, yaml->peer_address);
    if (parse_address(yaml->rpc_address, &config->rpc_address) != TALLY_OK)
        return fail(why, TALLY_EFORM, "%s: rpc_address \"%s\" is not HOST:PORT", path, yaml->rpc_address);
    for (unsigned i = 0; i < yaml->peers_count; i++) {
        copy_name(config->peers[i].name, yaml->peers[i].name);
        if (parse_address(yaml->peers[i].address, &config->peers[i].address) != TALLY_OK)
            return fail(why, TALLY_EFORM, "%s: the address \"%s\" of peer \"%s\" is not HOST:PORT", path,
                yaml->peers[i].address, yaml->peers[i].name);
    }
    config->peer_count = yaml->peers_count;
    config->subject_cache_mib = yaml->subject_cache_mib;
    if (yaml->subject_cache_mib > SUBJECT_CACHE_MIB_MAX)
        return fail(why, TALLY_EFORM, "%s: subject_cache_mib is %" PRIu32 ", and at most %u", path,
            yaml->subject_cache_mib, SUBJECT_CACHE_MIB_MAX);
    return take_clients(yaml, config, path, why);
}

static int load_yaml(const char *path, struct config *config, struct why why)
{
    char problem[200] = "";
    const cyaml_config_t reader = {
        .log_fn = keep_yaml_error,
        .log_ctx = problem,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
    struct buffer text;
    int error = read_file(path, &text, why);
    if (error != TALLY_OK) return error;
    struct yaml_node *yaml = NULL;
    cyaml_err_t bad =
        cyaml_load_data(text.data, text.size, &reader, &node_schema, (cyaml_data_t **)&yaml, NULL);
    if (bad != CYAML_OK) {
        error = fail(why, TALLY_EFORM, "%s: %s (%s)", path, problem[0] != '\0' ? problem : "not as expected",
            cyaml_strerror(bad));
    } else {
        error = take_yaml(yaml, config, path, why);
        cyaml_free(&reader, &node_schema, yaml, 0);
    }
    buffer_close(&text);
    return error;
}

static int load_genesis(const char *path, struct config *config, struct why why)
{
    struct buffer text;
    int error = read_file(path, &text, why);
    if (error != TALLY_OK) return error;
    char problem[256] = "";
    error = genesis_parse(buffer_span(&text), &config->genesis, problem, sizeof problem);
    if (error != TALLY_OK) error = fail(why, error, "%s: %s", path, problem);
    if (error == TALLY_OK && credit_policy_by_name(config->genesis.policy) == NULL)
        error = fail(why, TALLY_EVERSION, "%s: this release does not know the policy \"%s\"", path,
            config->genesis.policy);
    buffer_close(&text);
    return error;
}

static int find_self(struct config *config, struct why why)
{
    struct public_key key;
    if (secret_key_public(&config->node_key, &key) != TALLY_OK)
        return fail(why, TALLY_EFORM, "%s/node.key is not a valid key", config->home);
    config->self = genesis_node_by_key(&config->genesis, &key);
    if (config->self == NULL)
        return fail(why, TALLY_EDENIED, "%s/node.key is not the key of any node in %s/genesis.json",
            config->home, config->home);
    if (strcmp(config->self->name, config->name) != 0)
        return fail(why, TALLY_EFORM, "%s/node.yaml says \"%s\", but genesis gives this key to \"%s\"",
            config->home, config->name, config->self->name);
    const struct genesis_node *validators = config->genesis.validators;
    config->is_validator =
        config->self >= validators && config->self < validators + config->genesis.validator_count;
    return TALLY_OK;
}

int config_load(const char *home, struct config *config, char *text, size_t size)
{
    struct why why = {text, size};
    char path[PATH_SIZE_MAX + 16];
    memset(config, 0, sizeof *config);
    if (strlen(home) >= PATH_SIZE_MAX) return fail(why, TALLY_EFORM, "the home's path is too long");
    strcpy(config->home, home);
    snprintf(path, sizeof path, "%s/node.yaml", home);
    int error = load_yaml(path, config, why);
    if (error != TALLY_OK) return error;
    snprintf(path, sizeof path, "%s/genesis.json", home);
    error = load_genesis(path, config, why);
    if (error != TALLY_OK) return error;
    snprintf(path, sizeof path, "%s/node.key", home);
    error = read_secret(path, &config->node_key, why);
    if (error != TALLY_OK) return error;
    return find_self(config, why);
}

void config_close(struct config *config)
{
    if (config == NULL) return;
    secret_key_close(&config->node_key);
}
