#include "node/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/trust.h"
#include "proto/base/check.h"
#include "proto/codec/epoch_seal.h"

/* A proof of two checkpoints, and all seals that there may be. */
#define CHECKPOINT_FILE_SIZE_MAX (16u * KIB + EPOCH_SEALS_SIZE_MAX)

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

/* ---- Files ---- */

static int read_file(const char *path, size_t size_max, struct buffer *out, struct why why)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail(
            why, errno == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO, "cannot open %s: %s", path, strerror(errno));
    buffer_init(out, size_max);
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

struct config_address config_peer_address(
    const struct config *config, const char *name, const char *registered)
{
    struct config_address address = {.port = 0};
    for (uint32_t i = 0; i < config->peer_count; i++)
        if (strcmp(config->peers[i].name, name) == 0) return config->peers[i].address;
    CHECK(config_address_parse(registered, &address) == TALLY_OK); /* so it stands in a register */
    return address;
}

/* ---- The home ---- */

static int load_genesis(const char *path, struct config *config, struct why why)
{
    struct buffer text;
    int error = read_file(path, CONFIG_FILE_SIZE_MAX, &text, why);
    if (error != TALLY_OK) return error;
    char problem[256] = "";
    error = genesis_parse(buffer_span(&text), &config->genesis, problem, sizeof problem);
    if (error != TALLY_OK) error = fail(why, error, "%s: %s", path, problem);
    buffer_close(&text);
    return error;
}

/* Who a node is, the register says by its key: genesis has those alone with whom the network began. */
static int find_self(struct config *config, struct why why)
{
    const struct genesis_node *self =
        genesis_node_by_key(&config->genesis, &node_keys_now(config->keys)->key);
    if (self == NULL) return TALLY_OK;
    if (strcmp(self->name, config->name) != 0)
        return fail(why, TALLY_EFORM, "%s/node.yaml says \"%s\", but genesis gives this key to \"%s\"",
            config->home, config->name, self->name);
    const struct genesis_node *validators = config->genesis.validators;
    config->founds = self >= validators && self < validators + config->genesis.validator_count;
    return TALLY_OK;
}

int config_read(const char *home, struct config *config, char *text, size_t size)
{
    struct why why = {text, size};
    char path[PATH_SIZE_MAX + 16];
    struct buffer yaml;
    memset(config, 0, sizeof *config);
    if (strlen(home) >= PATH_SIZE_MAX) return fail(why, TALLY_EFORM, "the home's path is too long");
    snprintf(path, sizeof path, "%s/node.yaml", home);
    int error = read_file(path, CONFIG_FILE_SIZE_MAX, &yaml, why);
    if (error != TALLY_OK) return error;
    error = config_parse(buffer_span(&yaml), path, config, text, size);
    buffer_close(&yaml);
    strcpy(config->home, home);
    return error;
}

int config_load(
    const char *home, const struct passphrase *passphrase, struct config *config, char *text, size_t size)
{
    struct why why = {text, size};
    char path[PATH_SIZE_MAX + 16];
    int error = config_read(home, config, text, size);
    if (error != TALLY_OK) return error;
    snprintf(path, sizeof path, "%s/genesis.json", home);
    error = load_genesis(path, config, why);
    if (error != TALLY_OK) return error;
    error = node_keys_open(disk_system(), home, passphrase, &config->keys, text, size);
    if (error != TALLY_OK) return error;
    return find_self(config, why);
}

int config_trust(const char *path, struct config *config, char *text, size_t size)
{
    struct why why = {text, size};
    struct buffer bytes;
    const char *problem;
    int error = read_file(path, CHECKPOINT_FILE_SIZE_MAX, &bytes, why);
    if (error != TALLY_OK) return error;
    config->trusted = calloc(1, sizeof *config->trusted);
    CHECK(config->trusted != NULL);
    error = trust_take(&config->genesis, buffer_span(&bytes), config->trusted, &problem);
    buffer_close(&bytes);
    if (error == TALLY_OK) return TALLY_OK;
    return fail(why, error, "%s is no checkpoint of the network of %s/genesis.json that could be trusted: %s",
        path, config->home, problem);
}

void config_close(struct config *config)
{
    if (config == NULL) return;
    node_keys_close(config->keys);
    config->keys = NULL;
    free(config->trusted);
    config->trusted = NULL;
}
