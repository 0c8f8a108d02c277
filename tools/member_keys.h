/* The member's keys, from its home: what events are made and signed with. */
#ifndef TALLY_TOOLS_MEMBER_KEYS_H
#define TALLY_TOOLS_MEMBER_KEYS_H

#include "tools/home.h"
#include "tools/import_batch.h"

/* Fills keys that are zeros: the chain from the home's genesis, salt.key, and the signing key that is in
 * force with its member: as genesis has it, or where it was rotated, is about to be, or is of a member that
 * came later, as the node says. The caller wipes them, on a failure too. */
enum tool_exit member_keys_load(
    struct context *context, const struct home *home, struct import_keys *keys) TALLY_MUST_CHECK;

#endif
