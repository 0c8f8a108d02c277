#include "tools/home.h"

#include <cyaml/cyaml.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/disk.h"
#include "tools/args.h"

#define NODE_FILE_SIZE_MAX (256u * KIB)

/* The part of node.yaml that a client needs; the node itself reads and checks the rest. */
struct yaml_home {
    char *name;
    char *rpc_address;
};

static const cyaml_schema_field_t home_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_home, name, 1, NAME_SIZE_MAX),
    CYAML_FIELD_STRING_PTR(
        "rpc_address", CYAML_FLAG_POINTER, struct yaml_home, rpc_address, 1, HOME_HOST_MAX + 8),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t home_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_home, home_fields),
};

static enum tool_exit yaml_take(
    struct context *context, const char *path, struct span text, struct home *home);

enum tool_exit path_join(
    struct context *context, const char *directory, const char *file, char path[HOME_PATH_MAX])
{
    int size = snprintf(path, HOME_PATH_MAX, "%s/%s", directory, file);
    if (size < 0 || size >= HOME_PATH_MAX) {
        return context_fail(context, TOOL_REFUSED, "FILE", "the path of %s is too long", file);
    }
    return TOOL_DONE;
}

enum tool_exit home_open(struct context *context, const char *directory, struct home *home)
{
    char path[HOME_PATH_MAX], why[MESSAGE_SIZE_MAX];
    enum tool_exit code = path_join(context, directory, "node.yaml", path);
    if (code != TOOL_DONE) return code;
    struct buffer text;
    buffer_init(&text, NODE_FILE_SIZE_MAX);
    if (file_read(path, &text, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "HOME",
            "%s is no node's home: %.900s; name one by --home DIR", directory, why);
    } else {
        snprintf(home->path, sizeof home->path, "%s", directory);
        code = yaml_take(context, path, buffer_span(&text), home);
    }
    buffer_close(&text);
    return code;
}

enum tool_exit home_open_given(struct context *context, struct home *home)
{
    if (context->home == NULL || context->home[0] == '\0') {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "no home given; name the node's by --home DIR or TALLY_HOME");
    }
    return home_open(context, context->home, home);
}

enum tool_exit home_key(
    struct context *context, const struct home *home, const char *file, uint8_t key[KEY_TEXT_SECRET_SIZE])
{
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, home->path, file, path);
    if (code != TOOL_DONE) return code;
    return secret_file_open(context, path, key);
}

enum tool_exit genesis_open(struct context *context, const char *path, struct genesis **genesis)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer text;
    buffer_init(&text, GENESIS_FILE_SIZE_MAX);
    struct genesis *made = NULL;
    enum tool_exit code = TOOL_DONE;
    if (file_read(path, &text, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "GENESIS", "%s", why);
        goto done;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory for the genesis");
    } else if (genesis_parse(buffer_span(&text), made, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "GENESIS", "%s is no genesis: %s", path, why);
    } else {
        *genesis = made;
        made = NULL;
    }
done:
    free(made);
    buffer_close(&text);
    return code;
}

enum tool_exit home_genesis(struct context *context, const struct home *home, struct genesis **genesis)
{
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, home->path, "genesis.json", path);
    return code == TOOL_DONE ? genesis_open(context, path, genesis) : code;
}

enum tool_exit data_lock(struct context *context, const char *data, int *lock)
{
    int error = disk_lock(disk_system(), data, lock);
    switch (error) {
    case TALLY_OK:
        return TOOL_DONE;
    case TALLY_EBUSY:
        return context_fail(context, TOOL_REFUSED, "RUNNING",
            "a node runs on %s (pid %" PRIu64 "): stop it first", data,
            disk_lock_holder(disk_system(), data));
    case TALLY_ENOTFOUND:
        return context_fail(
            context, TOOL_REFUSED, "DATA", "%s does not exist: this node was never started", data);
    default:
        return context_fail(context, TOOL_REFUSED, "DATA", "%s: %s", data, tally_error_text(error));
    }
}

int address_parse(const char *text, char host[HOME_HOST_MAX + 1], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    uint64_t number = 0;
    if (colon == NULL || number_from_text(colon + 1, 1, UINT16_MAX, &number) != TALLY_OK) return TALLY_EFORM;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        size -= 2;
    }
    if (size == 0 || size > HOME_HOST_MAX) return TALLY_EFORM;
    memcpy(host, text, size);
    host[size] = '\0';
    *port = (uint16_t)number;
    return TALLY_OK;
}

static enum tool_exit yaml_take(
    struct context *context, const char *path, struct span text, struct home *home)
{
    cyaml_config_t config = {
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS,
    };
    struct yaml_home *yaml = NULL;
    if (text.size == 0) return context_fail(context, TOOL_REFUSED, "HOME", "%s is empty", path);
    cyaml_err_t error =
        cyaml_load_data(text.data, text.size, &config, &home_schema, (cyaml_data_t **)&yaml, NULL);
    if (error != CYAML_OK) {
        return context_fail(
            context, TOOL_REFUSED, "HOME", "%s is no node's configuration: %s", path, cyaml_strerror(error));
    }
    enum tool_exit code = TOOL_DONE;
    snprintf(home->name, sizeof home->name, "%s", yaml->name);
    if (address_parse(yaml->rpc_address, home->rpc_host, &home->rpc_port) != TALLY_OK) {
        code = context_fail(
            context, TOOL_REFUSED, "HOME", "%s: rpc_address is '%s', not HOST:PORT", path, yaml->rpc_address);
    }
    cyaml_free(&config, &home_schema, yaml, 0);
    return code;
}
