#include "node/reload.h"

#include <stdlib.h>

#include "node/net/log.h"

#define WHY_SIZE 2048

static bool address_equal(const struct config_address *a, const struct config_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool peers_equal(const struct config *a, const struct config *b)
{
    if (a->peer_count != b->peer_count) return false;
    for (uint32_t i = 0; i < a->peer_count; i++)
        if (strcmp(a->peers[i].name, b->peers[i].name) != 0 ||
            !address_equal(&a->peers[i].address, &b->peers[i].address))
            return false;
    return true;
}

/* What was told at the last reload is told again: it still waits for a restart. */
static void tell_what_waits(const struct config *now, const struct config *file)
{
    const struct {
        const char *key;
        bool same;
    } keys[] = {
        {"name", strcmp(now->name, file->name) == 0},
        {"peer_address", address_equal(&now->peer_address, &file->peer_address)},
        {"rpc_address", address_equal(&now->rpc_address, &file->rpc_address)},
        {"peers", peers_equal(now, file)},
        {"subject_cache_mib", now->subject_cache_mib == file->subject_cache_mib},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!keys[i].same) LOG_UNUSUAL("a change in node.yaml needs a restart", LOG_S("key", keys[i].key));
}

bool config_reload(struct config *config)
{
    char why[WHY_SIZE] = "memory ran out";
    struct config *file = calloc(1, sizeof *file);
    bool taken = file != NULL && config_read(config->home, file, why, sizeof why) == TALLY_OK;
    if (taken) {
        tell_what_waits(config, file);
        memcpy(config->clients, file->clients, sizeof config->clients);
        config->client_count = file->client_count;
        config->log_level = file->log_level;
        LOG_INFO("node.yaml was read again", LOG_U("clients", config->client_count));
    } else {
        LOG_UNUSUAL("node.yaml is refused, and what was read before stays", LOG_S("why", why));
    }
    free(file);
    return taken;
}
