/* node.yaml: its schema, as libcyaml holds a file against it, and what a schema cannot say. */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/config.h"
#include "node/config_complaint.h"
#include "node/config_line.h"
#include "proto/base/check.h"

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)
#define LOG_LEVEL_NAMES "debug, info, unusual"

_Static_assert(NAME_SIZE_MAX == CLIENT_NAME_SIZE_MAX, "what the file may say fits");

struct yaml_peer {
    char *name;
    char *address;
};

struct yaml_client {
    char *name;
    char *fingerprint;
    char **roles;
    unsigned roles_count;
    uint32_t *rate;
    uint32_t *concurrency;
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
    char *log_level;
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
    CYAML_FIELD_UINT_PTR("rate", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_client, rate),
    CYAML_FIELD_UINT_PTR(
        "concurrency", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_client, concurrency),
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
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_node, peers,
        &peer_schema, 0, PEERS_MAX),
    CYAML_FIELD_SEQUENCE("clients", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_node, clients,
        &client_schema, 0, CLIENTS_MAX),
    CYAML_FIELD_UINT("subject_cache_mib", CYAML_FLAG_OPTIONAL, struct yaml_node, subject_cache_mib),
    CYAML_FIELD_STRING_PTR(
        "log_level", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_node, log_level, 1, 16),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t node_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_node, node_fields),
};

/* ---- What is allowed where ---- */

static const struct {
    const char *key; /* "" is the file's own level; of a list, its entries' keys */
    const char *allowed;
} hints[] = {
    {"", "the keys are name, peer_address, rpc_address, peers, clients, subject_cache_mib, log_level"},
    {"name", "1 to " NUMBER(NAME_SIZE_MAX) " characters"},
    {"address", "HOST:PORT"},
    {"peer_address", "HOST:PORT"},
    {"rpc_address", "HOST:PORT"},
    {"peers", "a list of peers, each with name and address"},
    {"clients", "a list of clients, each with name, fingerprint and roles, and maybe rate and concurrency"},
    {"fingerprint", "64 hexadecimal digits"},
    {"roles", "a list of " RPC_ROLE_NAMES},
    {"rate", "1 to 1000000 calls a second"},
    {"concurrency", "1 to 10000 calls at once"},
    {"subject_cache_mib", "0 to 262144 MiB"},
    {"log_level", LOG_LEVEL_NAMES},
};

_Static_assert(
    CLIENT_RATE_MAX == 1000000 && CLIENT_CONCURRENCY_MAX == 10000 && SUBJECT_CACHE_MIB_MAX == 262144,
    "the hints tell the bounds");

static const char *allowed_for(const char *key)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(hints[i].key, key) == 0) return hints[i].allowed;
    return hints[0].allowed;
}

/* ---- One sentence on failure ---- */

/* One file on its way in. */
struct reading {
    const char *path;
    struct span text;
    char *why;
    size_t why_size;
};

/* "node.yaml: line 7: client "loans": no role "reed"; allowed: ...". `place` is where in the file. */
__attribute__((format(printf, 4, 5))) static int fail(
    const struct reading *reading, const struct config_place *place, const char *key, const char *format, ...)
{
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(reading->why, reading->why_size, "%s: line %zu: %s; allowed: %s", reading->path,
        config_line(reading->text, place), what, allowed_for(key));
    return TALLY_EFORM;
}

__attribute__((format(printf, 3, 0))) static void hear(
    cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    char line[COMPLAINT_TEXT_SIZE];
    if (level < CYAML_LOG_ERROR) return;
    vsnprintf(line, sizeof line, format, arguments);
    config_complaint_hear(context, line);
}

static int fail_as_heard(const struct reading *reading, const struct config_complaint *complaint)
{
    const struct config_place odd = {.list = complaint->entry > 0 ? complaint->list : NULL,
        .index = complaint->entry - 1,
        .key = complaint->odd_key};
    /* Of the file as a whole libcyaml says no line. */
    size_t line = complaint->odd_key[0] != '\0' ? config_line(reading->text, &odd) : 0;
    snprintf(reading->why, reading->why_size, "%s: line %zu: %s; allowed: %s", reading->path,
        line > 0              ? line
        : complaint->line > 0 ? complaint->line
                              : 1,
        complaint->what, allowed_for(complaint->key));
    return TALLY_EFORM;
}

/* ---- Values ---- */

int config_address_parse(const char *text, struct config_address *address)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL) return TALLY_EFORM;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        size -= 2;
    }
    if (size == 0 || size > HOST_SIZE_MAX) return TALLY_EFORM;
    char *end;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (errno != 0 || end == colon + 1 || *end != '\0' || port == 0 || port > UINT16_MAX) return TALLY_EFORM;
    memset(address, 0, sizeof *address);
    memcpy(address->host, text, size);
    address->port = (uint16_t)port;
    return TALLY_OK;
}

static int take_address(const struct reading *reading, const struct config_place *place, const char *key,
    const char *text, struct config_address *address)
{
    if (config_address_parse(text, address) == TALLY_OK) return TALLY_OK;
    return fail(reading, place, key, "%s is \"%s\"", key, text);
}

static void copy_name(char *to, const char *from)
{
    CHECK(strlen(from) <= NAME_SIZE_MAX);
    strcpy(to, from);
}

static int take_log_level(const struct reading *reading, const char *text, enum log_level *level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"debug", LOG_LEVEL_DEBUG}, {"info", LOG_LEVEL_INFO}, {"unusual", LOG_LEVEL_UNUSUAL}};
    *level = LOG_LEVEL_INFO;
    if (text == NULL) return TALLY_OK;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(text, levels[i].name) == 0) {
            *level = levels[i].level;
            return TALLY_OK;
        }
    return fail(
        reading, &(struct config_place){.key = "log_level"}, "log_level", "log_level is \"%s\"", text);
}

static int take_peers(const struct reading *reading, const struct yaml_node *yaml, struct config *config)
{
    for (unsigned i = 0; i < yaml->peers_count; i++) {
        const struct config_place place = {.list = "peers", .index = i, .key = "address"};
        copy_name(config->peers[i].name, yaml->peers[i].name);
        int error =
            take_address(reading, &place, "address", yaml->peers[i].address, &config->peers[i].address);
        if (error != TALLY_OK) return error;
    }
    config->peer_count = yaml->peers_count;
    return TALLY_OK;
}

/* ---- Clients ---- */

static int take_roles(const struct reading *reading, unsigned index, const struct yaml_client *from,
    struct client_entry *client)
{
    for (unsigned r = 0; r < from->roles_count; r++) {
        uint32_t role = 0;
        if (rpc_role_parse(from->roles[r], &role) != TALLY_OK)
            return fail(reading, &(struct config_place){"clients", index, "roles"}, "roles",
                "client \"%s\": no role \"%s\"", from->name, from->roles[r]);
        client->roles |= role;
    }
    return TALLY_OK;
}

static int take_limit(const struct reading *reading, unsigned index, const char *key, const char *name,
    const uint32_t *given, uint32_t most, uint32_t otherwise, uint32_t *limit)
{
    *limit = given == NULL ? otherwise : *given;
    if (*limit >= 1 && *limit <= most) return TALLY_OK;
    return fail(reading, &(struct config_place){"clients", index, key}, key, "client \"%s\": %s is %u", name,
        key, *limit);
}

/* A client is known by either: both name one alone. */
static int check_unique(const struct reading *reading, const struct config *config, unsigned index)
{
    const struct client_entry *client = &config->clients[index];
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(config->clients[i].name, client->name) == 0)
            return fail(reading, &(struct config_place){"clients", index, "name"}, "clients",
                "client \"%s\" is listed twice", client->name);
        if (digest_equal(&config->clients[i].fingerprint, &client->fingerprint))
            return fail(reading, &(struct config_place){"clients", index, "fingerprint"}, "clients",
                "client \"%s\" has the fingerprint of client \"%s\"", client->name, config->clients[i].name);
    }
    return TALLY_OK;
}

static int take_client(
    const struct reading *reading, const struct yaml_node *yaml, unsigned index, struct config *config)
{
    const struct yaml_client *from = &yaml->clients[index];
    struct client_entry *client = &config->clients[index];
    copy_name(client->name, from->name);
    if (hex_decode(from->fingerprint, client->fingerprint.bytes, DIGEST_SIZE) != TALLY_OK)
        return fail(reading, &(struct config_place){"clients", index, "fingerprint"}, "fingerprint",
            "client \"%s\": its fingerprint is \"%s\"", from->name, from->fingerprint);
    int error = take_roles(reading, index, from, client);
    if (error == TALLY_OK)
        error = take_limit(reading, index, "rate", from->name, from->rate, CLIENT_RATE_MAX,
            CLIENT_RATE_DEFAULT, &client->rate);
    if (error == TALLY_OK)
        error = take_limit(reading, index, "concurrency", from->name, from->concurrency,
            CLIENT_CONCURRENCY_MAX, CLIENT_CONCURRENCY_DEFAULT, &client->concurrency);
    return error == TALLY_OK ? check_unique(reading, config, index) : error;
}

/* ---- The file ---- */

static int take_yaml(const struct reading *reading, const struct yaml_node *yaml, struct config *config)
{
    static const struct config_place peer_place = {.key = "peer_address"}, rpc_place = {.key = "rpc_address"},
                                     cache_place = {.key = "subject_cache_mib"};
    copy_name(config->name, yaml->name);
    int error = take_address(reading, &peer_place, peer_place.key, yaml->peer_address, &config->peer_address);
    if (error == TALLY_OK)
        error = take_address(reading, &rpc_place, rpc_place.key, yaml->rpc_address, &config->rpc_address);
    if (error == TALLY_OK) error = take_peers(reading, yaml, config);
    if (error == TALLY_OK) error = take_log_level(reading, yaml->log_level, &config->log_level);
    for (unsigned i = 0; error == TALLY_OK && i < yaml->clients_count; i++)
        error = take_client(reading, yaml, i, config);
    if (error != TALLY_OK) return error;
    config->client_count = yaml->clients_count;
    config->subject_cache_mib = yaml->subject_cache_mib;
    if (yaml->subject_cache_mib > SUBJECT_CACHE_MIB_MAX)
        return fail(reading, &cache_place, cache_place.key, "subject_cache_mib is %u, and at most %u",
            yaml->subject_cache_mib, SUBJECT_CACHE_MIB_MAX);
    return TALLY_OK;
}

int config_parse(struct span text, const char *path, struct config *config, char *why, size_t why_size)
{
    struct config_complaint complaint = {.line = 0};
    const struct reading reading = {path, text, why, why_size};
    const cyaml_config_t reader = {
        .log_fn = hear,
        .log_ctx = &complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
    struct yaml_node *yaml = NULL;
    cyaml_err_t bad = CYAML_OK;
    /* Of no text at all, libyaml makes an end of the process; a file that is being written may be that. Of
     * nothing but comments, libcyaml makes no error. */
    if (text.size > 0)
        bad = cyaml_load_data(text.data, text.size, &reader, &node_schema, (cyaml_data_t **)&yaml, NULL);
    if (bad != CYAML_OK) return fail_as_heard(&reading, &complaint);
    int error = TALLY_EFORM;
    if (yaml == NULL)
        snprintf(why, why_size, "%s is empty; allowed: %s", path, allowed_for(""));
    else
        error = take_yaml(&reading, yaml, config);
    cyaml_free(&reader, &node_schema, yaml, 0);
    return error;
}
