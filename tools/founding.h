/* A network founded from its founders' join files. */
#ifndef TALLY_TOOLS_FOUNDING_H
#define TALLY_TOOLS_FOUNDING_H

#include "proto/codec/genesis.h"
#include "proto/codec/governance.h"
#include "tools/command.h"

/* Reads a founder's join file, and checks its proofs. */
enum tool_exit founder_open(
    struct context *context, const char *path, struct governance_action *action) TALLY_MUST_CHECK;

/* Adds a founder and its nodes, with the next number, to a genesis that began as zeros. Its network is the
 * first one's. `path` is what failures call the file. */
enum tool_exit founder_add(struct context *context, const char *path, const struct join *join,
    struct genesis *genesis) TALLY_MUST_CHECK;

/* The text of a genesis that is whole, read back: what a node would refuse is refused here. Fills its chain
 * id, and appends to `text`. */
enum tool_exit genesis_finish(
    struct context *context, struct genesis *genesis, struct buffer *text) TALLY_MUST_CHECK;

/* Whether the genesis has the member of this join file as the file says, and nothing else of it. Told where
 * not. */
enum tool_exit founder_check(
    struct context *context, const struct join *join, const struct genesis *genesis) TALLY_MUST_CHECK;

#endif
