/* What a member is among the members. */
#ifndef TALLY_CODEC_ROLE_H
#define TALLY_CODEC_ROLE_H

#include <stdint.h>

enum member_role {
    ROLE_LENDER = 1,
    ROLE_BUREAU = 2,
    ROLE_REGULATOR = 3,
    ROLE_OPERATOR = 4,
};

/* "lender" and so on, as in JSON; NULL for a number that is no role. */
const char *member_role_name(uint32_t role);
/* 0 for a name that is no role. */
uint32_t member_role_by_name(const char *name);

#endif
