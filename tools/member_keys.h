/* The member's keys, from its home: what events are made and signed with. */
#ifndef TALLY_TOOLS_MEMBER_KEYS_H
#define TALLY_TOOLS_MEMBER_KEYS_H

#include "tools/home.h"
#include "tools/import_batch.h"

/* Fills keys that are zeros: chain and member from the home's genesis, signing.key and salt.key. The caller
 * wipes them, on a failure too. */
enum tool_exit member_keys_load(
    struct context *context, const struct home *home, struct import_keys *keys) TALLY_MUST_CHECK;

#endif
