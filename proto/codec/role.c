#include "proto/codec/role.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [ROLE_LENDER] = "lender",
    [ROLE_BUREAU] = "bureau",
    [ROLE_REGULATOR] = "regulator",
    [ROLE_OPERATOR] = "operator",
};

const char *member_role_name(uint32_t role)
{
    return role >= ROLE_LENDER && role <= ROLE_OPERATOR ? names[role] : NULL;
}

uint32_t member_role_by_name(const char *name)
{
    for (uint32_t role = ROLE_LENDER; role <= ROLE_OPERATOR; role++)
        if (strcmp(names[role], name) == 0) return role;
    return 0;
}
