/* What a caller of the RPC may do. */
#ifndef TALLY_RPC_ROLES_H
#define TALLY_RPC_ROLES_H

#include <stdint.h>

#include "proto/base/error.h"

/* A set of them is a bit mask. Who supervises is said on the ledger, by its member's role. */
enum rpc_role {
    RPC_ROLE_SUBMIT = 1 << 0,
    RPC_ROLE_INQUIRE = 1 << 1,
    RPC_ROLE_READ = 1 << 2,
    RPC_ROLE_ADMIN = 1 << 3,
};

/* Those that node.yaml gives, for people. */
#define RPC_ROLE_NAMES "submit, inquire, read, admin"

/* Reads one of RPC_ROLE_NAMES. Errors: TALLY_EFORM. */
int rpc_role_parse(const char *text, uint32_t *role) TALLY_MUST_CHECK;
/* The name of the `index`-th that node.yaml gives, and in *role its bit; NULL past the last. */
const char *rpc_role_at(uint32_t index, uint32_t *role);

#endif
