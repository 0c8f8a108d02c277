#include "node/rpc/roles.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t role;
} roles[] = {
    {"submit", RPC_ROLE_SUBMIT},
    {"inquire", RPC_ROLE_INQUIRE},
    {"read", RPC_ROLE_READ},
    {"admin", RPC_ROLE_ADMIN},
};

#define ROLES (sizeof roles / sizeof roles[0])

int rpc_role_parse(const char *text, uint32_t *role)
{
    for (size_t i = 0; i < ROLES; i++)
        if (strcmp(text, roles[i].name) == 0) {
            *role = roles[i].role;
            return TALLY_OK;
        }
    return TALLY_EFORM;
}

const char *rpc_role_at(uint32_t index, uint32_t *role)
{
    if (index >= ROLES) return NULL;
    *role = roles[index].role;
    return roles[index].name;
}
